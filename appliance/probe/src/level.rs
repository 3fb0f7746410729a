//! H.264 levels: what a decoder must be able to do (ITU-T H.264, table A-1).
//!
//! The encoder of a Raspberry Pi 4 does not start without a level, and stops after one picture if the level is too low for
//! what it is given; so every encoder is told the lowest level that suffices.

use std::fmt;

/// Size, speed and bit rate of what is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Format {
    /// Pixels; even.
    pub width: u32,
    /// Pixels; even.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// Bits a second.
    pub bitrate: u32,
}

impl Format {
    /// How fast macroblocks of 16 by 16 pixels come, and how many there are in a picture.
    fn macroblocks(self) -> (u64, u64, u64) {
        (u64::from(self.width.div_ceil(16)), u64::from(self.height.div_ceil(16)), u64::from(self.fps))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{} at {} frames/s and {} kbit/s", self.width, self.height, self.fps, self.bitrate / 1000)
    }
}

/// A level of H.264, as ten times its number: level 3.1 is 31, as `level_idc` in a sequence parameter set. Level 1b is left out:
/// nothing here is as small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Level(pub u8);

/// The highest there is.
pub(crate) const HIGHEST: Level = Level(62);

/// Level, macroblocks a second, macroblocks a picture, kbit/s in the baseline and main profiles: table A-1.
const TABLE: [(u8, u64, u64, u64); 19] = [
    (10, 1_485, 99, 64),
    (11, 3_000, 396, 192),
    (12, 6_000, 396, 384),
    (13, 11_880, 396, 768),
    (20, 11_880, 396, 2_000),
    (21, 19_800, 792, 4_000),
    (22, 20_250, 1_620, 4_000),
    (30, 40_500, 1_620, 10_000),
    (31, 108_000, 3_600, 14_000),
    (32, 216_000, 5_120, 20_000),
    (40, 245_760, 8_192, 20_000),
    (41, 245_760, 8_192, 50_000),
    (42, 522_240, 8_704, 50_000),
    (50, 589_824, 22_080, 135_000),
    (51, 983_040, 36_864, 240_000),
    (52, 2_073_600, 36_864, 240_000),
    (60, 4_177_920, 139_264, 240_000),
    (61, 8_355_840, 139_264, 480_000),
    (62, 16_711_680, 139_264, 800_000),
];

impl Level {
    /// The lowest level that suffices for this, in every profile. `None`: there is none.
    pub fn of(format: Format) -> Option<Self> {
        let (across, down, fps) = format.macroblocks();
        let suffices = |&&(_, speed, size, kbits): &&(u8, u64, u64, u64)| {
            // No side longer than the square root of eight times the size (A.3.1).
            let longest = across.max(down);
            across * down <= size
                && across * down * fps <= speed
                && longest * longest <= 8 * size
                && u64::from(format.bitrate) <= kbits * 1000
        };
        TABLE.iter().find(suffices).map(|row| Self(row.0))
    }
}

/// As caps have it: `3.1`, but `4`.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, tenth) => write!(f, "{whole}.{tenth}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(width: u32, height: u32, fps: u32, bitrate: u32) -> String {
        Level::of(Format { width, height, fps, bitrate }).map(|level| level.to_string()).unwrap_or_default()
    }

    /// The first three are what the maintainers of the Raspberry Pi's driver say of its encoder.
    #[test]
    fn the_level_follows_from_size_speed_and_bit_rate() {
        assert_eq!(level(640, 480, 30, 1_000_000), "3");
        assert_eq!(level(640, 480, 60, 1_000_000), "3.1");
        assert_eq!(level(1920, 1080, 30, 4_000_000), "4");
        assert_eq!(level(1920, 1080, 60, 4_000_000), "4.2");
        assert_eq!(level(1280, 720, 30, 2_000_000), "3.1");
        assert_eq!(level(1280, 720, 30, 18_000_000), "3.2", "the bit rate counts, too");
        assert_eq!(level(640, 360, 30, 1_000_000), "3");
        assert_eq!(level(426, 240, 30, 300_000), "2.1");
        assert_eq!(level(176, 144, 15, 64_000), "1");
        assert_eq!(level(3840, 2160, 30, 20_000_000), "5.1");
    }

    #[test]
    fn a_strip_that_is_too_long_needs_a_level_for_larger_pictures() {
        assert_eq!(level(1264, 16, 1, 10_000), "2.1", "79 macroblocks in a row");
        assert_eq!(level(1280, 16, 1, 10_000), "2.2", "80 macroblocks in a row");
    }

    #[test]
    fn what_no_level_holds_has_none() {
        assert_eq!(level(40_000, 16, 1, 1), "");
        assert_eq!(level(640, 360, 30, u32::MAX), "");
    }
}
