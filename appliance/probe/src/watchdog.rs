//! An encoder that takes pictures and gives none.

use std::time::{Duration, Instant};

/// Notices that an encoder has stopped. The encoder of a Raspberry Pi 4 does so without an error: it "sends the first frame,
/// then stops" (raspberrypi/linux#4906).
///
/// It keeps no time: who feeds the encoder says what time it is.
///
/// ```
/// use encoder_probe::Watchdog;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let mut watchdog = Watchdog::default();
/// for frame in 0..30 {
///     watchdog.on_input(start + Duration::from_millis(33 * frame)); // and nothing comes
/// }
/// assert!(watchdog.stalled(start + Duration::from_secs(1)));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Watchdog {
    patience: Duration,
    inputs: u32,
    /// Inputs since the last output.
    waiting: u32,
    /// When there were first as many as [`inputs`](Self::inputs).
    due: Option<Instant>,
}

/// 500 ms: long against the 33 ms of a picture, short against what somebody misses who watches the recording.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// More pictures than a hardware encoder keeps in its queues while it works.
pub const INPUTS: u32 = 5;

impl Default for Watchdog {
    fn default() -> Self {
        Self::new(PATIENCE, INPUTS)
    }
}

impl Watchdog {
    /// An encoder has stopped that has given nothing for `patience` after it has got `inputs` pictures. An encoder that keeps
    /// pictures back (look-ahead, B-frames) must get more than it keeps.
    pub fn new(patience: Duration, inputs: u32) -> Self {
        Self { patience, inputs: inputs.max(1), waiting: 0, due: None }
    }

    /// The encoder got a picture.
    pub fn on_input(&mut self, now: Instant) {
        self.waiting = self.waiting.saturating_add(1);
        if self.waiting >= self.inputs && self.due.is_none() {
            self.due = Some(now);
        }
    }

    /// The encoder gave a picture.
    pub fn on_output(&mut self) {
        self.waiting = 0;
        self.due = None;
    }

    /// Whether it has stopped.
    pub fn stalled(&self, now: Instant) -> bool {
        self.next_wakeup().is_some_and(|at| now >= at)
    }

    /// When it will have stopped unless something comes before. `None`: it has nothing to do.
    pub fn next_wakeup(&self) -> Option<Instant> {
        self.due.and_then(|due| due.checked_add(self.patience))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs each 33 ms, an output after those that the pattern marks. When it stalls, in milliseconds.
    fn stalls(pattern: &str) -> Option<u64> {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut watchdog = Watchdog::default();
        for (frame, comes) in (0..).zip(pattern.bytes()) {
            if watchdog.stalled(at(33 * frame)) {
                return Some(33 * frame);
            }
            watchdog.on_input(at(33 * frame));
            if comes == b'#' {
                watchdog.on_output();
            }
        }
        None
    }

    #[test]
    fn an_encoder_that_works_is_left_alone() {
        assert_eq!(stalls(&"#".repeat(100)), None);
        assert_eq!(stalls(&"...#".repeat(50)), None, "even one that gives every fourth picture");
    }

    #[test]
    fn an_encoder_that_stops_after_its_first_picture_is_found_out() {
        let silent = format!("#{}", ".".repeat(60));
        assert_eq!(stalls(&silent), Some(693), "the fifth that was not answered came at 165 ms");
    }

    #[test]
    fn an_encoder_without_work_does_not_stall() {
        let start = Instant::now();
        let mut watchdog = Watchdog::default();
        assert!(!watchdog.stalled(start + Duration::from_secs(3600)));
        watchdog.on_input(start);
        assert_eq!(watchdog.next_wakeup(), None, "one picture may lie in its queue until there are more");
        assert!(!watchdog.stalled(start + Duration::from_secs(3600)));
    }

    #[test]
    fn the_moment_is_told_beforehand() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(Duration::from_millis(100), 1);
        watchdog.on_input(start);
        let at = watchdog.next_wakeup().unwrap();
        assert_eq!(at, start + Duration::from_millis(100));
        assert!(watchdog.stalled(at) && !watchdog.stalled(at - Duration::from_millis(1)));
        watchdog.on_output();
        assert!(!watchdog.stalled(at));
    }
}
