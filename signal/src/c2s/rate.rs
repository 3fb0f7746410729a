//! How much a client may send.

use std::time::{Duration, Instant};

/// Rates that a stream may keep up, and what it may send at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    pub stanzas_per_second: u32,
    pub stanza_burst: u32,
    pub bytes_per_second: u32,
    pub byte_burst: u32,
}

impl Default for RateLimits {
    /// A join is some twenty stanzas at once; the largest frame must always fit into a full bucket.
    fn default() -> Self {
        Self { stanzas_per_second: 40, stanza_burst: 200, bytes_per_second: 64 * 1024, byte_burst: 1024 * 1024 }
    }
}

/// A token bucket that starts full.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    tokens: u32,
    refilled: Instant,
}

impl Bucket {
    pub fn full(now: Instant, burst: u32) -> Self {
        Self { tokens: burst, refilled: now }
    }

    /// Takes `cost` tokens; false when there are not enough.
    pub fn take(&mut self, now: Instant, cost: u32, per_second: u32, burst: u32) -> bool {
        let elapsed = now.saturating_duration_since(self.refilled);
        let earned = elapsed.as_nanos().saturating_mul(u128::from(per_second)) / 1_000_000_000;
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.tokens = self.tokens.saturating_add(earned).min(burst);
            // Parts of a token stay in the clock.
            self.refilled = if self.tokens == burst {
                now
            } else {
                self.refilled + Duration::from_secs(1) * earned / per_second.max(1)
            };
        }
        match self.tokens.checked_sub(cost) {
            Some(rest) => {
                self.tokens = rest;
                true
            }
            None => false,
        }
    }

    /// Nobody would notice if this bucket were made anew.
    pub fn is_full(&mut self, now: Instant, per_second: u32, burst: u32) -> bool {
        self.take(now, 0, per_second, burst) && self.tokens == burst
    }

    /// Puts back what was taken for nothing.
    pub fn give_back(&mut self, cost: u32, burst: u32) {
        self.tokens = self.tokens.saturating_add(cost).min(burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start, 10);
        assert!((0..10).all(|_| bucket.take(start, 1, 4, 10)));
        assert!(!bucket.take(start, 1, 4, 10));
        let mut taken = 0;
        for ms in (0..10_000).step_by(10) {
            taken += u32::from(bucket.take(start + Duration::from_millis(ms), 1, 4, 10));
        }
        assert_eq!(taken, 39);
        let later = start + Duration::from_secs(100);
        assert!((0..10).all(|_| bucket.take(later, 1, 4, 10)));
        assert!(!bucket.take(later, 1, 4, 10));
    }
}
