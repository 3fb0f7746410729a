//! How often something may happen.

use std::time::Instant;

/// A bucket of tokens that refills steadily.
#[derive(Debug, Clone)]
pub struct Bucket {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    filled: Option<Instant>,
}

impl Bucket {
    /// Full at first.
    pub fn new(capacity: f64, per_second: f64) -> Self {
        Self { capacity, per_second, tokens: capacity, filled: None }
    }

    /// Another capacity and rate from now on.
    pub fn resize(&mut self, capacity: f64, per_second: f64) {
        self.capacity = capacity;
        self.per_second = per_second;
        self.tokens = self.tokens.min(capacity);
    }

    /// Takes `tokens` if they are there.
    pub fn take(&mut self, now: Instant, tokens: f64) -> bool {
        self.refill(now);
        let enough = self.tokens >= tokens;
        if enough {
            self.tokens -= tokens;
        }
        enough
    }

    fn refill(&mut self, now: Instant) {
        if let Some(filled) = self.filled {
            let elapsed = now.saturating_duration_since(filled).as_secs_f64();
            self.tokens = (self.tokens + elapsed * self.per_second).min(self.capacity);
        }
        self.filled = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3.0, 2.0);
        let taken = (0..10).filter(|_| bucket.take(start, 1.0)).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(start + Duration::from_millis(499), 1.0));
        assert!(bucket.take(start + Duration::from_millis(500), 1.0));
    }
}
