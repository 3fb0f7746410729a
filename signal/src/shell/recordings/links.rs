//! Links that open one recording for a while: `TIME.SIGNATURE`, and nobody has to remember them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;

/// Added to the length of the recording, so that it can be played to its end.
const VALID: Duration = Duration::from_secs(3600);
/// Bytes of a signature.
const SIGNATURE: usize = 32;

/// Signs links, and knows its own again.
#[derive(Debug, Clone)]
pub struct Links {
    key: hmac::Key,
}

impl Links {
    /// `key` is random; links of another one are worth nothing.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// A ticket to the recording of this name, for an hour and the `length` of the recording.
    pub fn ticket(&self, name: &str, length: Duration, now: SystemTime) -> String {
        let until = seconds(now).saturating_add(VALID.as_secs()).saturating_add(length.as_secs());
        let signature = hmac::sign(&self.key, text(name, until).as_bytes());
        let hex: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{until:x}.{hex}")
    }

    /// Whether a ticket opens the recording of this name.
    pub(super) fn opens(&self, ticket: &str, name: &str, now: SystemTime) -> bool {
        let Some((until, signature)) = ticket.split_once('.') else { return false };
        let (Ok(until), Some(signature)) = (u64::from_str_radix(until, 16), bytes(signature)) else { return false };
        until > seconds(now) && hmac::verify(&self.key, text(name, until).as_bytes(), &signature).is_ok()
    }
}

fn text(name: &str, until: u64) -> String {
    format!("recording {until} {name}")
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let right = hex.len() == 2 * SIGNATURE && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok();
    if right { (0..SIGNATURE).map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_opens_its_recording_until_it_has_been_played() {
        let (links, now) = (Links::new(&[1; 32]), UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let length = Duration::from_secs(600);
        let ticket = links.ticket("hall-1", length, now);
        assert!(links.opens(&ticket, "hall-1", now));
        assert!(links.opens(&ticket, "hall-1", now + VALID + length - Duration::from_secs(1)));
        assert!(!links.opens(&ticket, "hall-1", now + VALID + length), "expired");
        assert!(!links.opens(&ticket, "hall-2", now), "another recording");
        assert!(!Links::new(&[2; 32]).opens(&ticket, "hall-1", now), "of another start");
    }

    #[test]
    fn a_forged_ticket_opens_nothing() {
        let (links, now) = (Links::new(&[1; 32]), UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let ticket = links.ticket("hall-1", Duration::ZERO, now);
        let (until, signature) = ticket.split_once('.').unwrap();
        let later = u64::from_str_radix(until, 16).unwrap() + 1;
        let other = if signature.starts_with('0') { "1" } else { "0" };
        for forged in [
            format!("{later:x}.{signature}"),
            format!("{until}.{other}{}", &signature[1..]),
            format!("{until}.{}", &signature[..62]),
            format!("{until}.+{}", &signature[1..]),
            format!("{until}."),
            until.to_owned(),
            String::new(),
            ".".to_owned(),
            format!("{}.{signature}", "f".repeat(40)),
        ] {
            assert!(!links.opens(&forged, "hall-1", now), "{forged}");
        }
    }
}
