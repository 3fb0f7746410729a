//! Which encoder is used, and why: a decision over what was measured, without a look at the machine.

use serde::{Deserialize, Serialize};

use crate::benchmark::{LADDER, Rung, sustains};
use crate::dry_run::Measured;
use crate::encoder::{Encoder, Settings};
use crate::failure::Failure;
use crate::level::Format;

/// Frames a second for a processor that keeps up with nothing more.
const SLOW_FPS: u32 = 15;
/// Hardware that does not reach this is no better than software that does.
const WORTH_IT: u32 = 720;

/// What was found out about one encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    pub encoder: Encoder,
    pub verdict: Verdict,
    /// How fast it is, from the largest size to the first it keeps up with. Empty for one that failed.
    pub rungs: Vec<Rung>,
}

/// Whether an encoder is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Good(Measured),
    Failed(Failure),
    /// It has hung before, on this system as it is now; it was not tried again.
    Skipped(Failure),
}

impl Trial {
    /// The largest that it keeps up with.
    fn best(&self) -> Option<Format> {
        let Verdict::Good(_) = self.verdict else { return None };
        let sustained = |rung: &&Rung| sustains(&self.encoder, rung, rung.format.fps);
        if let Some(rung) = self.rungs.iter().find(sustained) {
            return Some(rung.format);
        }
        let smallest = self.rungs.iter().rev().find(|rung| sustains(&self.encoder, rung, SLOW_FPS))?;
        Some(Format { fps: SLOW_FPS, ..smallest.format })
    }
}

/// An encoder that is good, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub encoder: Encoder,
    /// The most that it keeps up with.
    pub at_most: Format,
}

impl Choice {
    /// How it is set for the most that it keeps up with.
    pub fn settings(&self) -> Settings {
        Settings::new(self.at_most)
    }
}

/// What is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Encoders that are good, the best first. When one stops in mid-work, the next takes over. Empty: nothing can be encoded
    /// here, and a recording keeps the pictures as they come.
    pub encoders: Vec<Choice>,
    /// Why it is the first of them, for people.
    pub reason: String,
}

impl Selection {
    /// The one to use.
    pub fn first(&self) -> Option<&Choice> {
        self.encoders.first()
    }

    /// The one that takes over when this one has stopped.
    pub fn after(&self, element: &str) -> Option<&Choice> {
        let at = self.encoders.iter().position(|choice| choice.encoder.element == element)?;
        self.encoders.get(at + 1)
    }
}

/// Decides. Of encoders that are equal, the earlier one is better.
pub fn choose(trials: &[Trial]) -> Selection {
    let choice = |trial: &Trial| Some(Choice { encoder: trial.encoder.clone(), at_most: trial.best()? });
    let mut encoders: Vec<Choice> = trials.iter().filter_map(choice).collect();
    encoders.sort_by_key(|choice| std::cmp::Reverse(rank(choice)));
    let reason = reason(trials, &encoders);
    Selection { encoders, reason }
}

/// Hardware that is worth it; then what makes the largest picture; then any hardware, which leaves the processor to others.
fn rank(choice: &Choice) -> (bool, u32, u32, bool) {
    let Choice { encoder, at_most } = choice;
    let hardware = encoder.family.is_hardware();
    (hardware && at_most.height >= WORTH_IT, at_most.fps, at_most.height, hardware)
}

fn reason(trials: &[Trial], encoders: &[Choice]) -> String {
    let Some(first) = encoders.first() else { return without(trials) };
    let Choice { encoder, at_most } = first;
    let size = format!("{}x{} at {} pictures a second", at_most.width, at_most.height, at_most.fps);
    if encoder.family.is_hardware() {
        return format!(
            "The chip's own encoder ({encoder}) does the work: it passed its trial, keeps up with {size}, and leaves the processor free for everything else."
        );
    }
    let limit = if LADDER.first().is_some_and(|largest| largest.height == at_most.height) {
        format!("It keeps up with {size}, and half of the processor is left for everything else.")
    } else {
        format!("More than {size} would leave too little of the processor for everything else.")
    };
    format!("The processor encodes ({encoder}), because {}. {limit}", why_software(trials, first))
}

fn why_software(trials: &[Trial], first: &Choice) -> String {
    let hardware: Vec<&Trial> = trials.iter().filter(|trial| trial.encoder.family.is_hardware()).collect();
    let mut reasons = Vec::new();
    for trial in hardware {
        let name = &trial.encoder;
        match &trial.verdict {
            Verdict::Failed(failure) => reasons.push(format!("the chip's own encoder ({name}) {failure}")),
            Verdict::Skipped(failure) => reasons.push(format!(
                "the chip's own encoder ({name}) {failure} when it was used before, and nothing has changed since"
            )),
            Verdict::Good(_) => reasons
                .push(format!("the chip's own encoder ({name}) does not reach {} lines in time", first.at_most.height)),
        }
    }
    if reasons.is_empty() {
        return "this machine has no encoder of its own that GStreamer knows".to_owned();
    }
    reasons.join(", and ")
}

fn without(trials: &[Trial]) -> String {
    let mut reasons = Vec::new();
    for trial in trials {
        let name = &trial.encoder;
        match &trial.verdict {
            Verdict::Failed(failure) | Verdict::Skipped(failure) => reasons.push(format!("{name} {failure}")),
            Verdict::Good(_) => reasons.push(format!("{name} is too slow on this processor")),
        }
    }
    let why = if reasons.is_empty() { "there is no encoder".to_owned() } else { reasons.join("; ") };
    format!("Nothing can be encoded here ({why}): a recording keeps the pictures as they come.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h264::Sps;
    use crate::level::Level;

    fn good() -> Verdict {
        Verdict::Good(Measured {
            pictures: 90,
            sps: Sps { profile: 66, constraints: 0xc0, level: Level(30) },
            key_frame_after: 1,
            bitrate: 1_000_000,
            bitrate_asked: 1_000_000,
            milliseconds: 400,
        })
    }

    /// Pictures a second at each size from the largest.
    fn trial(element: &str, verdict: Verdict, speeds: &[u32]) -> Trial {
        let rungs = LADDER.iter().zip(speeds).map(|(format, fps)| Rung { format: *format, fps: *fps }).collect();
        Trial { encoder: Encoder::named(element).unwrap(), verdict, rungs }
    }

    fn order(selection: &Selection) -> Vec<String> {
        let shown = |choice: &Choice| format!("{} {}@{}", choice.encoder, choice.at_most.height, choice.at_most.fps);
        selection.encoders.iter().map(shown).collect()
    }

    #[test]
    fn hardware_that_works_comes_first_and_software_takes_over() {
        let selection = choose(&[
            trial("v4l2h264enc", good(), &[45]),
            trial("x264enc", good(), &[9, 22, 41, 95]),
            trial("openh264enc", good(), &[9, 22, 41, 95]),
        ]);
        assert_eq!(order(&selection), ["v4l2h264enc 1080@30", "x264enc 360@30", "openh264enc 360@30"]);
        assert!(selection.reason.contains("passed its trial"), "{}", selection.reason);
        assert_eq!(selection.after("v4l2h264enc").unwrap().encoder.element, "x264enc");
        assert_eq!(selection.after("openh264enc"), None);
        assert_eq!(selection.after("no-such"), None);
    }

    #[test]
    fn hardware_that_fails_is_named_with_what_was_wrong() {
        let selection = choose(&[
            trial("v4l2h264enc", Verdict::Failed(Failure::Stalled { after: 1 }), &[]),
            trial("x264enc", good(), &[30, 70]),
        ]);
        assert_eq!(order(&selection), ["x264enc 720@30"]);
        assert_eq!(
            selection.reason,
            "The processor encodes (x264enc), because the chip's own encoder (v4l2h264enc) stopped after 1 picture without an error. More than 1280x720 at 30 pictures a second would leave too little of the processor for everything else."
        );
    }

    #[test]
    fn hardware_that_hung_before_is_said_to_have() {
        let selection = choose(&[
            trial("v4l2h264enc", Verdict::Skipped(Failure::StalledInWork), &[]),
            trial("x264enc", good(), &[70]),
        ]);
        assert!(selection.reason.contains("stopped in the middle of a recording when it was used before"));
        assert!(selection.reason.ends_with("half of the processor is left for everything else."), "{selection:?}");
    }

    #[test]
    fn software_that_makes_a_larger_picture_is_better_than_slow_hardware() {
        let selection = choose(&[trial("v4l2h264enc", good(), &[8, 15, 26, 60]), trial("x264enc", good(), &[30, 70])]);
        assert_eq!(order(&selection), ["x264enc 720@30", "v4l2h264enc 360@30"]);
        assert!(selection.reason.contains("does not reach 720 lines"), "{}", selection.reason);
        let selection = choose(&[trial("v4l2h264enc", good(), &[8, 60]), trial("x264enc", good(), &[70])]);
        assert_eq!(order(&selection), ["v4l2h264enc 720@30", "x264enc 1080@30"]);
    }

    #[test]
    fn a_slow_processor_makes_fewer_pictures_and_a_slower_one_none() {
        let slow = choose(&[trial("x264enc", good(), &[2, 5, 9, 18, 36])]);
        assert_eq!(order(&slow), ["x264enc 240@15"]);
        assert!(slow.reason.contains("no encoder of its own"), "{}", slow.reason);
        let slower = choose(&[trial("x264enc", good(), &[1, 2, 4, 8, 16])]);
        assert!(slower.encoders.is_empty() && slower.reason.contains("x264enc is too slow"), "{}", slower.reason);
        assert!(choose(&[]).reason.contains("there is no encoder"));
    }
}
