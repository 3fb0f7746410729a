//! How much one stream costs.

use std::time::{Duration, Instant};

const BUCKETS: usize = 10;
const BUCKET: Duration = Duration::from_millis(100);

/// Bytes of the last second.
#[derive(Debug, Default)]
pub struct Rate {
    /// Made with the first packet: most streams never have one.
    kept: Option<Box<Kept>>,
}

impl Rate {
    pub fn add(&mut self, now: Instant, bytes: usize) {
        self.kept.get_or_insert_with(|| Box::new(Kept::new(now))).add(now, bytes);
    }

    /// Bits per second over the last second.
    pub fn bps(&self, now: Instant) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.bps(now))
    }
}

/// Bytes in buckets of 100 ms.
#[derive(Debug, Clone)]
struct Kept {
    start: Instant,
    buckets: [u32; BUCKETS],
    /// Number of the bucket that is being filled, counted from `start`.
    current: u64,
}

impl Kept {
    fn new(start: Instant) -> Self {
        Self { start, buckets: [0; BUCKETS], current: 0 }
    }

    fn add(&mut self, now: Instant, bytes: usize) {
        self.advance(now);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Some(bucket) = self.bucket(self.current) {
            *bucket = bucket.saturating_add(bytes);
        }
    }

    fn bps(&self, now: Instant) -> u64 {
        let mut here = self.clone();
        here.advance(now);
        here.buckets.iter().map(|bytes| u64::from(*bytes) * 8).sum()
    }

    fn advance(&mut self, now: Instant) {
        let number = now.saturating_duration_since(self.start).as_millis() / BUCKET.as_millis();
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let stale = number.saturating_sub(self.current).min(BUCKETS as u64);
        for step in 0..stale {
            if let Some(bucket) = self.bucket(number - step) {
                *bucket = 0;
            }
        }
        self.current = self.current.max(number);
    }

    fn bucket(&mut self, number: u64) -> Option<&mut u32> {
        let index = usize::try_from(number % BUCKETS as u64).ok()?;
        self.buckets.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_is_measured_and_forgotten_after_a_second() {
        let start = Instant::now();
        let mut rate = Rate::default();
        for packet in 0..200 {
            rate.add(start + Duration::from_millis(packet * 10), 1000);
        }
        let end = start + Duration::from_millis(1999);
        assert_eq!(rate.bps(end), 800_000);
        assert_eq!(rate.bps(end + Duration::from_millis(500)), 400_000);
        assert_eq!(rate.bps(end + Duration::from_secs(60)), 0);
    }
}
