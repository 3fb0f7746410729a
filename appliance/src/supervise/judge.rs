//! Whether the system in this slot is good. Pure: it is told what became of each call that the box made to itself.

use std::time::Duration;

/// A board that has just started may be slow, and its network later than its host.
const ATTEMPTS: u8 = 5;
const PAUSE: Duration = Duration::from_secs(10);
/// Between attempts when there is nothing to go back to.
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// People can meet: tell the boot loader.
    Keep,
    Again(Duration),
    /// Leave for the slot before.
    Back,
    /// Stay, because going back would not help; the next attempt comes after a pause.
    Stay(Stay, Duration),
}

/// Why a system on which nobody can meet is not left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stay {
    /// What is wrong now came from elsewhere.
    WasGood,
    NothingElse,
}

/// Judges one start.
#[derive(Debug)]
pub(super) struct Judge {
    /// This very system was good in an earlier start.
    was_good: bool,
    /// The other slot has a system that is.
    other_good: bool,
    failures: u8,
}

impl Judge {
    pub(super) fn new(was_good: bool, other_good: bool) -> Self {
        Self { was_good, other_good, failures: 0 }
    }

    pub(super) fn heard(&mut self, call: bool) -> Decision {
        if call {
            return Decision::Keep;
        }
        self.failures = self.failures.saturating_add(1);
        match self {
            _ if self.failures < ATTEMPTS => Decision::Again(PAUSE),
            Self { was_good: true, .. } => Decision::Stay(Stay::WasGood, LONG_PAUSE),
            Self { other_good: false, .. } => Decision::Stay(Stay::NothingElse, LONG_PAUSE),
            _ => Decision::Back,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_failures(judge: &mut Judge, count: u8) -> Decision {
        (1..count).for_each(|_| assert_eq!(judge.heard(false), Decision::Again(PAUSE)));
        judge.heard(false)
    }

    #[test]
    fn one_call_that_comes_about_is_enough() {
        let mut judge = Judge::new(false, true);
        assert_eq!(after_failures(&mut judge, ATTEMPTS - 1), Decision::Again(PAUSE));
        assert_eq!(judge.heard(true), Decision::Keep);
    }

    #[test]
    fn an_update_on_which_nobody_can_meet_is_left() {
        assert_eq!(after_failures(&mut Judge::new(false, true), ATTEMPTS), Decision::Back);
    }

    #[test]
    fn a_system_that_was_good_and_one_without_another_are_kept_and_tried_for_ever() {
        for (mut judge, why) in [
            (Judge::new(true, true), Stay::WasGood),
            (Judge::new(true, false), Stay::WasGood),
            (Judge::new(false, false), Stay::NothingElse),
        ] {
            assert_eq!(after_failures(&mut judge, ATTEMPTS), Decision::Stay(why, LONG_PAUSE));
            (0..1000).for_each(|_| assert_eq!(judge.heard(false), Decision::Stay(why, LONG_PAUSE)));
            assert_eq!(judge.heard(true), Decision::Keep);
        }
    }
}
