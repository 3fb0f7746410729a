//! What a packet's payload ends with: who sent it and when. No server looks there, so it comes out as it went in.

use std::time::{SystemTime, UNIX_EPOCH};

const MAGIC: [u8; 4] = *b"moot";
pub const LEN: usize = 13;

/// Nanoseconds since 1970. The kernel tells arrivals by the same clock.
pub type Nanos = u64;

/// The end of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Every receiver should get it; else it is of an encoding that nobody looks at.
    pub wanted: bool,
    pub sent: Nanos,
}

impl Stamp {
    pub fn write(self) -> [u8; LEN] {
        let mut out = [0; LEN];
        out[..4].copy_from_slice(&MAGIC);
        out[4] = u8::from(self.wanted);
        out[5..].copy_from_slice(&self.sent.to_be_bytes());
        out
    }

    /// Padding and probes have none.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let stamp: &[u8; LEN] = payload.last_chunk()?;
        let sent = stamp.last_chunk::<8>()?;
        stamp.starts_with(&MAGIC).then(|| Self { wanted: stamp[4] == 1, sent: Nanos::from_be_bytes(*sent) })
    }
}

pub fn now() -> Nanos {
    Nanos::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()).expect("before 2554")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_from_the_end_of_a_payload() {
        let stamp = Stamp { wanted: true, sent: 1_800_000_000_123_456_789 };
        let payload = [&[0; 100][..], &stamp.write()].concat();
        assert_eq!(Stamp::read(&payload), Some(stamp));
    }

    #[test]
    fn padding_has_no_stamp() {
        assert_eq!(Stamp::read(&[0; 200]), None);
        assert_eq!(Stamp::read(&[]), None);
    }
}
