//! How fast packets arrive at the receiver, by its own clock.

use super::Micros;

const BUCKET: Micros = 25_000;
/// A second.
const BUCKETS: usize = 40;
/// In buckets: nothing is that late.
const ANOTHER_CLOCK: i64 = 400;
/// Long enough for three frames, short enough to see a line that became slow.
const RECENT: usize = 8;
const STEADY: usize = 32;
const CHANCE: f64 = 1.25;

/// Bytes received in buckets of 25 ms.
#[derive(Debug, Clone)]
pub struct Throughput {
    buckets: [u32; BUCKETS],
    oldest: i64,
    /// The bucket that is being filled.
    newest: Option<i64>,
}

impl Default for Throughput {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], oldest: 0, newest: None }
    }
}

impl Throughput {
    pub fn add(&mut self, arrived: Micros, bytes: u64) {
        let number = arrived.div_euclid(BUCKET);
        if self.newest.is_some_and(|newest| newest - number > ANOTHER_CLOCK) {
            *self = Self::default();
        }
        let newest = *self.newest.get_or_insert_with(|| {
            self.oldest = number;
            number
        });
        if number > newest {
            let steps = (number - newest).min(BUCKETS as i64);
            (0..steps).for_each(|step| {
                if let Some(bucket) = self.bucket(number - step) {
                    *bucket = 0;
                }
            });
            self.newest = Some(number);
        } else if newest - number >= BUCKETS as i64 {
            return;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Some(bucket) = self.bucket(number) {
            *bucket = bucket.saturating_add(bytes);
        }
    }

    /// Bits per second lately; `None` before there is enough to tell.
    pub fn recent(&self) -> Option<f64> {
        let recent = self.over(RECENT)?;
        // Of a few large frames one more or less is within so short a time by chance.
        let longer = self.over(2 * RECENT).unwrap_or(recent);
        Some(recent.max(longer.min(recent * CHANCE)))
    }

    /// Bits per second over most of a second.
    pub fn steady(&self) -> Option<f64> {
        self.over(STEADY)
    }

    /// Over the last full buckets.
    fn over(&self, buckets: usize) -> Option<f64> {
        let newest = self.newest?;
        let span = i64::try_from(buckets).ok()?;
        if newest - self.oldest <= span {
            return None;
        }
        let index = |number: i64| usize::try_from(number.rem_euclid(BUCKETS as i64)).ok();
        let full = (1..=span).filter_map(|back| self.buckets.get(index(newest - back)?));
        let bytes: u64 = full.map(|bytes| u64::from(*bytes)).sum();
        Some(bytes as f64 * 8e6 / (span * BUCKET) as f64)
    }

    fn bucket(&mut self, number: i64) -> Option<&mut u32> {
        self.buckets.get_mut(usize::try_from(number.rem_euclid(BUCKETS as i64)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_becomes_slow_is_seen_within_a_quarter_of_a_second() {
        let mut throughput = Throughput::default();
        assert_eq!(throughput.recent(), None);
        for packet in 0..2000 {
            throughput.add(packet * 1000, 125);
        }
        assert_eq!((throughput.recent(), throughput.steady()), (Some(1e6), Some(1e6)));
        for packet in 0..25 {
            throughput.add(2_000_000 + packet * 10_000, 125);
        }
        assert!(throughput.recent().is_some_and(|bps| bps < 150_000.0));
        assert!(throughput.steady().is_some_and(|bps| bps > 500_000.0));
    }

    #[test]
    fn a_clock_that_goes_back_begins_anew() {
        let mut throughput = Throughput::default();
        (0..1000).for_each(|packet| throughput.add(60_000_000 + packet * 1000, 125));
        (0..1000).for_each(|packet| throughput.add(packet * 1000, 250));
        assert_eq!(throughput.recent(), Some(2e6));
    }

    #[test]
    fn silence_counts_as_nothing() {
        let mut throughput = Throughput::default();
        (0..1000).for_each(|packet| throughput.add(packet * 1000, 125));
        throughput.add(60_000_000, 125);
        assert_eq!(throughput.recent(), Some(0.0));
    }
}
