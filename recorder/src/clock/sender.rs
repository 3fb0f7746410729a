//! A participant's wall clock.

use std::time::Duration;

use super::window::Window;
use super::{Micros, micros, ntp_micros};

/// A report that is off by more tells of a clock that was set anew.
const STEP: Micros = 2_000_000;

/// What to add to a participant's wall clock to get the tap's.
#[derive(Debug, Clone, Default)]
pub struct SenderClock {
    delays: Window,
    generation: u32,
}

impl SenderClock {
    /// A report of any stream of the participant has come.
    pub fn report(&mut self, at: Duration, ntp: u64) {
        let delay = micros(at).saturating_sub(ntp_micros(ntp));
        if self.delays.smallest().is_some_and(|known| known.abs_diff(delay) > STEP.unsigned_abs()) {
            self.delays.clear();
            self.generation = self.generation.wrapping_add(1);
        }
        self.delays.add(delay);
    }

    /// None before the first report.
    pub fn offset(&self) -> Option<Micros> {
        self.delays.smallest()
    }

    /// Changes when the clock was set anew: reports from before are of no use then.
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1 << 32;

    #[test]
    fn the_fastest_report_counts() {
        let mut clock = SenderClock::default();
        assert_eq!(clock.offset(), None);
        clock.report(Duration::from_millis(1080), 1000 * SECOND);
        clock.report(Duration::from_millis(2030), 1001 * SECOND);
        clock.report(Duration::from_millis(3200), 1002 * SECOND);
        assert_eq!(clock.offset(), Some(1_030_000 - 1_000_000_000));
        assert_eq!(clock.generation(), 0);
    }

    #[test]
    fn a_clock_that_is_set_begins_anew() {
        let mut clock = SenderClock::default();
        clock.report(Duration::from_millis(1000), 1000 * SECOND);
        clock.report(Duration::from_millis(2000), 900 * SECOND);
        assert_eq!(clock.offset(), Some(2_000_000 - 900_000_000));
        assert_eq!(clock.generation(), 1);
    }
}
