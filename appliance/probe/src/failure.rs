//! Why an encoder is not used, in words that follow its name: "v4l2h264enc stopped after 1 picture".

use serde::{Deserialize, Serialize};

use crate::level::Level;

/// What was wrong with an encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Failure {
    #[error("cannot be set up: {why}")]
    NotBuilt { why: String },
    #[error("refused to work: {why}")]
    Refused { why: String },
    #[error("gave no answer when it was started")]
    NoAnswer,
    #[error("stopped after {} without an error", pictures(*.after))]
    Stalled { after: u32 },
    #[error("is too slow: {} of {of} in {seconds} s", pictures(*.came))]
    TooSlow { came: u32, of: u32, seconds: u64 },
    #[error("lost pictures: {came} of {of} came")]
    Lost { came: u32, of: u32 },
    #[error("does not begin with a picture that decoding can start from")]
    NoKeyFrameFirst,
    #[error("does not say which profile and level its pictures are of")]
    NoParameters,
    #[error("says level {says}, but its pictures need level {needs}: players may refuse them")]
    LevelTooLow { says: Level, needs: Level },
    #[error("did not make a key frame when it was asked for one")]
    NoForcedKeyFrame,
    #[error("does not keep its bit rate: {got} instead of {asked} kbit/s", got = got / 1000, asked = asked / 1000)]
    BitrateOff { asked: u32, got: u32 },
    #[error("did not come to an end after the last picture")]
    NoEnd,
    #[error("did not let go of its device")]
    NotReleased,
    #[error("took the program with it when it was tried")]
    Fatal,
    #[error("stopped in the middle of a recording")]
    StalledInWork,
}

impl Failure {
    /// The encoder may hang again, and next time perhaps the machine with it: it is not tried anew at each start.
    pub fn is_hang(&self) -> bool {
        matches!(
            self,
            Self::NoAnswer | Self::Stalled { .. } | Self::NoEnd | Self::NotReleased | Self::Fatal | Self::StalledInWork
        )
    }
}

fn pictures(number: u32) -> String {
    if number == 1 { "1 picture".to_owned() } else { format!("{number} pictures") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_follow_the_name_of_the_encoder() {
        assert_eq!(Failure::Stalled { after: 1 }.to_string(), "stopped after 1 picture without an error");
        let off = Failure::BitrateOff { asked: 1_000_000, got: 3_210_000 };
        assert_eq!(off.to_string(), "does not keep its bit rate: 3210 instead of 1000 kbit/s");
    }

    #[test]
    fn what_hangs_is_told_from_what_is_wrong() {
        assert!(Failure::Stalled { after: 1 }.is_hang() && Failure::Fatal.is_hang());
        assert!(!Failure::NoForcedKeyFrame.is_hang() && !Failure::Refused { why: String::new() }.is_hang());
    }
}
