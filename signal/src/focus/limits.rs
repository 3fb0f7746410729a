//! Bounds in time: how often a client may ask for something.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jitsi_wire::xmpp::Jid;

/// Restarts of one participant's session come at least this far apart (Jicofo: `restart-request-rate-limits`).
pub(super) const RESTART_GAP: Duration = Duration::from_secs(5);
/// So many restarts in [`RESTART_WINDOW`].
pub(super) const RESTARTS: usize = 5;
pub(super) const RESTART_WINDOW: Duration = Duration::from_secs(60);

/// IQs that an occupant may send the focus at once.
const IQ_BURST: u32 = 60;
/// And then one each.
const IQ_EVERY: Duration = Duration::from_millis(100);
/// Changes of its sources that an occupant may make at once: with each of them everybody renegotiates.
const SOURCES_BURST: u32 = 20;
/// And then one each.
const SOURCES_EVERY: Duration = Duration::from_secs(1);

/// Allowances of those who left that are kept.
const MAX_PARTED: usize = 2048;
/// So long after somebody left, all of its allowance would have come back.
const FORGOTTEN: Duration = RESTART_WINDOW;

/// What one client may still ask for in one room.
#[derive(Debug)]
pub(super) struct Allowance {
    pub(super) iqs: Bucket,
    /// Changes of sources.
    pub(super) sources: Bucket,
    pub(super) restarts: RestartLimit,
    /// Restarts of ICE within a session are counted apart: the client falls back to a new session soon after.
    pub(super) ice_restarts: RestartLimit,
}

impl Allowance {
    fn full(now: Instant) -> Self {
        Allowance {
            iqs: Bucket::new(now, IQ_BURST, IQ_EVERY),
            sources: Bucket::new(now, SOURCES_BURST, SOURCES_EVERY),
            restarts: RestartLimit::default(),
            ice_restarts: RestartLimit::default(),
        }
    }
}

/// Allowances of those who have just left a room: who comes back goes on with what it had. In order of leaving.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    kept: VecDeque<Left>,
}

#[derive(Debug)]
struct Left {
    at: Instant,
    room: String,
    jid: Jid,
    allowance: Allowance,
}

impl Allowances {
    /// Somebody left.
    pub(super) fn keep(&mut self, now: Instant, room: &str, jid: Jid, allowance: Allowance) {
        while self.kept.len() >= MAX_PARTED || self.kept.front().is_some_and(|left| left.at + FORGOTTEN <= now) {
            self.kept.pop_front();
        }
        self.kept.push_back(Left { at: now, room: room.to_owned(), jid, allowance });
    }

    /// Somebody comes, perhaps again.
    pub(super) fn take(&mut self, now: Instant, room: &str, jid: &Jid) -> Allowance {
        let at = self.kept.iter().position(|left| left.jid == *jid && left.room == room);
        let left = at.and_then(|at| self.kept.remove(at)).filter(|left| now < left.at + FORGOTTEN);
        left.map_or_else(|| Allowance::full(now), |left| left.allowance)
    }
}

/// When a session may be started anew.
#[derive(Debug, Default)]
pub(super) struct RestartLimit {
    past: VecDeque<Instant>,
}

impl RestartLimit {
    /// The first moment, not before `now`, at which a restart is allowed.
    pub(super) fn earliest(&self, now: Instant) -> Instant {
        let gap = self.past.back().map(|last| *last + RESTART_GAP);
        let window =
            (self.past.len() >= RESTARTS).then(|| self.past.front().map(|first| *first + RESTART_WINDOW)).flatten();
        now.max(gap.unwrap_or(now)).max(window.unwrap_or(now))
    }

    /// A restart happens at `at`.
    pub(super) fn record(&mut self, at: Instant) {
        if self.past.len() >= RESTARTS {
            self.past.pop_front();
        }
        self.past.push_back(at);
    }
}

/// A bucket of tokens: bursts up to `burst`, one token back every `every`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    burst: u32,
    every: Duration,
    tokens: u32,
    since: Instant,
}

impl Bucket {
    pub(super) fn new(now: Instant, burst: u32, every: Duration) -> Self {
        Bucket { burst, every, tokens: burst, since: now }
    }

    /// Takes a token; false when there is none.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }

    /// Nobody would notice if this bucket were made anew.
    pub(super) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens == self.burst
    }

    fn refill(&mut self, now: Instant) {
        let past = now.saturating_duration_since(self.since).as_nanos();
        let back = past / self.every.as_nanos().max(1);
        let missing = self.burst - self.tokens;
        match u32::try_from(back) {
            Ok(back) if back < missing => {
                self.tokens += back;
                self.since += self.every * back;
            }
            _ => {
                self.tokens = self.burst;
                self.since = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_are_five_seconds_apart_and_five_a_minute() {
        let start = Instant::now();
        let mut limit = RestartLimit::default();
        let mut at = start;
        for _ in 0..RESTARTS {
            at = limit.earliest(at);
            limit.record(at);
        }
        assert_eq!(at, start + 4 * RESTART_GAP);
        assert_eq!(limit.earliest(at), start + RESTART_WINDOW);
    }

    #[test]
    fn whoever_comes_back_goes_on_with_what_it_had_for_a_while() {
        let start = Instant::now();
        let mut parted = Allowances::default();
        let jid: Jid = "u@d/r".parse().unwrap();
        let mut allowance = parted.take(start, "room", &jid);
        while allowance.iqs.take(start) {}
        parted.keep(start, "room", jid.clone(), allowance);
        assert!(parted.take(start, "other", &jid).iqs.take(start));
        let mut again = parted.take(start, "room", &jid);
        assert!(!again.iqs.take(start));
        for n in 0..3000 {
            parted.keep(start, "room", format!("u{n}@d/r").parse().unwrap(), Allowance::full(start));
        }
        assert_eq!(parted.kept.len(), MAX_PARTED);
        parted.keep(start + FORGOTTEN, "room", jid, again);
        assert_eq!(parted.kept.len(), 1);
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, 3, Duration::from_secs(1));
        assert_eq!((0..9).filter(|_| bucket.take(start)).count(), 3);
        let later = start + Duration::from_millis(2500);
        assert_eq!((0..9).filter(|_| bucket.take(later)).count(), 2);
        assert!(bucket.take(start + Duration::from_secs(3)));
        assert!(!bucket.is_full(start + Duration::from_secs(3)));
        assert!(bucket.is_full(start + Duration::from_secs(10)));
    }
}
