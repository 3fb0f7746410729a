//! Just enough of H.264 to see whether an encoder does what it was told: pieces of a byte stream, and the first bytes of a
//! sequence parameter set (ITU-T H.264, annex B and 7.3).

use serde::{Deserialize, Serialize};

use crate::level::Level;

/// What is looked for in a buffer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct AccessUnit {
    /// There is a picture in it, not only parameter sets.
    pub(crate) picture: bool,
    /// The picture is an IDR picture: decoding can start here.
    pub(crate) idr: bool,
    pub(crate) sps: Option<Sps>,
}

/// What a stream says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sps {
    /// 66 baseline, 77 main, 100 high.
    pub profile: u8,
    /// `constraint_set0_flag` is the highest bit.
    pub constraints: u8,
    pub level: Level,
}

impl Sps {
    fn parse(nal: &[u8]) -> Option<Self> {
        let &[_, profile, constraints, level, _, ..] = nal else { return None };
        Some(Self { profile, constraints, level: Level(level) })
    }

    /// The profile's name as caps have it.
    pub fn profile_name(&self) -> &'static str {
        match self.profile {
            66 if self.constraints & 0x40 != 0 => "constrained-baseline",
            66 => "baseline",
            77 => "main",
            100 => "high",
            _ => "unknown",
        }
    }
}

impl AccessUnit {
    pub(crate) fn parse(buffer: &[u8]) -> Self {
        let mut unit = Self::default();
        for nal in nals(buffer) {
            match nal.first().map(|header| header & 0x1f) {
                Some(5) => (unit.picture, unit.idr) = (true, true),
                Some(1..=4) => unit.picture = true,
                Some(7) => unit.sps = unit.sps.or_else(|| Sps::parse(nal)),
                _ => {}
            }
        }
        unit
    }
}

/// What lies between start codes. A piece may end with zero bytes that do not belong to it; nothing here looks there.
fn nals(buffer: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(buffer);
    std::iter::from_fn(move || {
        let here = rest?;
        rest = after_start_code(here);
        let length = rest.map_or(here.len(), |next| here.len() - next.len() - 3);
        here.get(..length)
    })
}

fn after_start_code(buffer: &[u8]) -> Option<&[u8]> {
    let at = buffer.windows(3).position(|window| window == [0, 0, 1])?;
    buffer.get(at + 3..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delimiter, parameter sets, enhancement information and the begin of a key picture, as x264 writes them.
    const KEY: &[u8] = &[
        0, 0, 0, 1, 0x09, 0x10, 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0, 0, 0, 1, 0x68, 0xce,
        0x0f, 0xc8, 0, 0, 1, 0x06, 0x05, 0xff, 0, 0, 1, 0x65, 0x88, 0x84, 0x3a,
    ];

    #[test]
    fn a_key_picture_says_what_the_stream_is() {
        let unit = AccessUnit::parse(KEY);
        assert!(unit.picture && unit.idr);
        let sps = unit.sps.unwrap();
        assert_eq!((sps.profile_name(), sps.level.to_string().as_str()), ("constrained-baseline", "3"));
    }

    #[test]
    fn another_picture_is_none_to_start_from() {
        let unit = AccessUnit::parse(&[0, 0, 1, 0x41, 0x9a, 0x02]);
        assert_eq!(unit, AccessUnit { picture: true, idr: false, sps: None });
    }

    #[test]
    fn parameter_sets_alone_are_no_picture() {
        let unit = AccessUnit::parse(&KEY[6..26]);
        assert!(!unit.picture && unit.sps.is_some());
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        for length in 0..KEY.len() {
            let unit = AccessUnit::parse(&KEY[..length]);
            assert_eq!(unit.sps.is_some(), length >= 15, "{length}");
        }
        assert_eq!(AccessUnit::parse(&[0; 64]), AccessUnit::default());
    }
}
