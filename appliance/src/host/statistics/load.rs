//! How hard the host works: rates over some seconds, and what share of its strength that is.

use std::time::{Duration, Instant};

use bridge::core::Stats;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Rates are over at least this time; asked sooner, those of before are given (jitsi-videobridge recalculates as often).
const SPAN: Duration = Duration::from_secs(5);
/// Beyond this share of one processor a thread is late now and then.
const FULL: f64 = 0.85;

/// Rates by the second, and the share of what the host can bear.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Load {
    pub(crate) packets_in: f64,
    pub(crate) packets_out: f64,
    pub(crate) bits_in: f64,
    pub(crate) bits_out: f64,
    /// Of one processor; media and signaling have a thread each, so it can be more than one.
    pub(crate) processor: f64,
    /// One is all that the host bears; it can be more.
    pub(crate) stress: f64,
}

/// Remembers where the last span began.
#[derive(Debug)]
pub(crate) struct Loads {
    since: Instant,
    before: Stats,
    processor: Duration,
    last: Option<Load>,
}

impl Loads {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, before: Stats::default(), processor: Duration::ZERO, last: None }
    }

    pub(crate) fn update(&mut self, now: Instant, stats: &Stats, max_participants: usize) -> Load {
        let elapsed = now.saturating_duration_since(self.since);
        if let Some(last) = self.last.filter(|_| elapsed < SPAN) {
            return last;
        }
        let used = processor_time();
        let seconds = elapsed.as_secs_f64().max(0.001);
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let processor = used.saturating_sub(self.processor).as_secs_f64() / seconds;
        let crowd = stats.endpoints as f64 / max_participants.max(1) as f64;
        let load = Load {
            packets_in: rate(stats.datagrams_in, self.before.datagrams_in),
            packets_out: rate(stats.datagrams_out, self.before.datagrams_out),
            bits_in: rate(stats.bytes_in, self.before.bytes_in) * 8.0,
            bits_out: rate(stats.bytes_out, self.before.bytes_out) * 8.0,
            processor,
            stress: crowd.max(processor / FULL),
        };
        *self = Self { since: now, before: *stats, processor: used, last: Some(load) };
        load
    }
}

/// Of this process, so far.
fn processor_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_span() {
        let start = Instant::now();
        let mut loads = Loads::new(start);
        let mut stats = Stats { datagrams_in: 100, bytes_in: 1000, endpoints: 5, ..Stats::default() };
        let first = loads.update(start + Duration::from_secs(10), &stats, 10);
        assert_eq!((first.packets_in, first.bits_in), (10.0, 800.0));
        assert!(first.stress >= 0.5, "half of the participants are there");
        stats.datagrams_in = 1100;
        let soon = loads.update(start + Duration::from_secs(11), &stats, 10);
        assert_eq!(soon, first, "asked again at once");
        let later = loads.update(start + Duration::from_secs(20), &stats, 10);
        assert_eq!(later.packets_in, 100.0);
    }
}
