//! The administrator's password, as it is kept: what it is made into cannot be made back.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use aws_lc_rs::pbkdf2;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::provision::folder;

/// Characters.
pub(crate) const SHORTEST: usize = 12;
/// Bytes: nobody hashes a book for a stranger.
const LONGEST: usize = 1024;
/// More than half a second on a board of 2019 (Cortex-A72 at 1.5 GHz, without instructions for SHA-256).
const ROUNDS: u32 = 500_000;
const MAX_ROUNDS: u32 = 5_000_000;
const ALGORITHM: pbkdf2::Algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
const MAX_FILE: usize = 4096;

/// What is kept of a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// `pbkdf2-hmac-sha256`.
    algorithm: String,
    rounds: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Kept {
    /// Takes half a second and more.
    pub(crate) fn of(password: &str, salt: &[u8; 16]) -> Self {
        let mut hash = vec![0; 32];
        let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
        pbkdf2::derive(ALGORITHM, rounds, salt, password.as_bytes(), &mut hash);
        Self { algorithm: "pbkdf2-hmac-sha256".to_owned(), rounds: ROUNDS, salt: salt.to_vec(), hash }
    }

    /// Takes as long.
    pub(crate) fn is(&self, password: &str) -> bool {
        let Some(rounds) = NonZeroU32::new(self.rounds) else { return false };
        password.len() <= LONGEST
            && pbkdf2::verify(ALGORITHM, rounds, &self.salt, password.as_bytes(), &self.hash).is_ok()
    }

    /// `None` if there is none yet.
    ///
    /// The folder belongs to the host, which is not to be trusted with this: what it put there itself does not count.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, String> {
        let bytes = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
            Ok(data) if data.uid() != nix::unistd::geteuid().as_raw() || data.nlink() != 1 => {
                return Err("is not ours".to_owned());
            }
            Ok(_) => folder::read(path, MAX_FILE)?,
        };
        let kept: Self = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let good = kept.algorithm == "pbkdf2-hmac-sha256"
            && (1..=MAX_ROUNDS).contains(&kept.rounds)
            && !kept.salt.is_empty()
            && kept.hash.len() == 32;
        if good { Ok(Some(kept)) } else { Err("cannot be read by this version".to_owned()) }
    }

    /// For us alone, although the folder is another's.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        durable::replace_as_own(path, text.as_bytes(), 0o600)
    }
}

/// May it be one?
pub(crate) fn is_good(password: &str) -> bool {
    password.len() <= LONGEST && password.chars().count() >= SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_password_is_known_again_and_not_kept() {
        let dir = crate::host::test_dir("password");
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("administrator.json");
        assert_eq!(Kept::read(&path).unwrap(), None);
        let kept = Kept::of("correct horse battery", &[9; 16]);
        kept.write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!fs::read_to_string(&path).unwrap().contains("horse"));
        let again = Kept::read(&path).unwrap().unwrap();
        assert_eq!(again, kept);
        assert!(again.is("correct horse battery") && !again.is("correct horse batterz") && !again.is(""));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_another_put_there_does_not_count() {
        let dir = crate::host::test_dir("password-foreign");
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("administrator.json");
        fs::write(&path, "{}").unwrap();
        assert!(Kept::read(&path).unwrap_err().starts_with("missing field"));
        let made_up = Kept { rounds: 0, ..Kept::of("correct horse battery", &[9; 16]) };
        fs::write(&path, serde_json::to_string(&made_up).unwrap()).unwrap();
        assert_eq!(Kept::read(&path).unwrap_err(), "cannot be read by this version");
        fs::hard_link(&path, dir.join("other")).unwrap();
        assert_eq!(Kept::read(&path).unwrap_err(), "is not ours");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(dir.join("other"), &path).unwrap();
        assert!(Kept::read(&path).unwrap_err().starts_with("is a link"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn twelve_characters_of_any_language_are_enough() {
        assert!(is_good("correct horse") && is_good("äöüäöüäöüäöü"));
        assert!(!is_good("elevenchars") && !is_good("") && !is_good(&"x".repeat(2000)));
    }
}
