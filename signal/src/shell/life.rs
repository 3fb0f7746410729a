//! How long a connection that speaks HTTP only may live.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The life of one connection. It is longer while a file goes out, so that somebody on a slow line gets a large one whole.
pub(super) struct Life {
    until: Cell<Instant>,
    piece: Duration,
}

impl Life {
    /// At least `life`; and after each piece of a file, as long as the next `piece` may take.
    pub(super) fn new(life: Duration, piece: Duration) -> Self {
        Self { until: Cell::new(Instant::now() + life), piece }
    }

    /// A piece went out.
    pub(super) fn goes_on(&self) {
        self.goes_on_at(Instant::now());
    }

    fn goes_on_at(&self, now: Instant) {
        self.until.set(self.until.get().max(now + self.piece));
    }

    /// Resolves when it has been long enough.
    pub(super) async fn over(&self) {
        loop {
            let until = self.until.get();
            sleep_until(until).await;
            if self.until.get() == until {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_goes_on_is_not_cut_and_one_that_stands_still_is() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let life = Life { until: Cell::new(now + 300 * second), piece: 60 * second };
        life.goes_on_at(now);
        assert_eq!(life.until.get(), now + 300 * second, "no file makes it shorter");
        life.goes_on_at(now + 290 * second);
        assert_eq!(life.until.get(), now + 350 * second);
        life.goes_on_at(now + 349 * second);
        assert_eq!(life.until.get(), now + 409 * second);
        Life::new(Duration::ZERO, Duration::ZERO).over().await;
    }
}
