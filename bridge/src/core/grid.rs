//! Times at which is done what can wait a little: the clocks of hundreds of people, who only wait, then wake the thread ten times a
//! second, not hundreds of times.

use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(100);

/// The same for everybody at a bridge.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    origin: Instant,
}

impl Grid {
    pub fn new(origin: Instant) -> Self {
        Self { origin }
    }

    /// The first time of the grid that is not before `at`.
    pub fn at(self, at: Instant) -> Instant {
        let since = at.saturating_duration_since(self.origin);
        let over = since.as_nanos() % STEP.as_nanos();
        let over = Duration::from_nanos(u64::try_from(over).unwrap_or_default());
        if over.is_zero() { at } else { at + (STEP - over) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test may begin now")]
    fn times_are_put_off_to_the_grid() {
        let origin = Instant::now();
        let grid = Grid::new(origin);
        let at = |ms| origin + Duration::from_millis(ms);
        assert_eq!([0, 1, 99, 100, 101].map(|ms| grid.at(at(ms))), [0, 100, 100, 100, 200].map(at));
    }
}
