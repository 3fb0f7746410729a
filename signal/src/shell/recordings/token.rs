//! The administrator's token, of which only a digest is kept.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use thiserror::Error;

/// Characters.
const SHORTEST: usize = 32;
/// Bytes.
const LONGEST: usize = 1024;

/// Whoever knows it may have everything that is kept of meetings.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Why a file holds no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadToken {
    #[error("it has not exactly one line")]
    Lines,
    #[error("its line has less than 32 characters")]
    Short,
    #[error("its line has more than 1024 bytes")]
    Long,
    #[error("its line has characters that no token may have: letters, digits and signs without spaces are allowed")]
    Characters,
}

impl Token {
    /// Reads the text of a file with one line.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains('\n') {
            return Err(BadToken::Lines);
        }
        if !line.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadToken::Characters);
        }
        match line.len() {
            0..SHORTEST => Err(BadToken::Short),
            SHORTEST..=LONGEST => Ok(Self(hash(line))),
            _ => Err(BadToken::Long),
        }
    }

    /// Takes the same time, however much of it is right.
    pub(super) fn is(&self, said: &str) -> bool {
        verify_slices_are_equal(&self.0, &hash(said)).is_ok()
    }
}

fn hash(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_of_32_characters_or_more() {
        let line = "0123456789abcdef0123456789ABCDE_";
        for text in [line.to_owned(), format!("{line}\n"), format!("{line}\r\n")] {
            assert!(Token::parse(&text).unwrap().is(line));
        }
        let token = Token::parse(line).unwrap();
        for wrong in ["", "0123", &line[1..], &format!("{line}\n"), &line.to_lowercase()] {
            assert!(!token.is(wrong), "{wrong:?}");
        }
        let bad = |text: &str| Token::parse(text).unwrap_err();
        assert_eq!(bad(""), BadToken::Short);
        assert_eq!(bad(&line[1..]), BadToken::Short);
        assert_eq!(bad(&format!("{line}\n{line}\n")), BadToken::Lines);
        assert_eq!(bad(&format!("{line}\n\n")), BadToken::Lines);
        assert_eq!(bad(&format!("{line} x")), BadToken::Characters);
        assert_eq!(bad(&"x".repeat(1025)), BadToken::Long);
        assert_eq!(format!("{token:?}"), "Token");
    }
}
