//! When to ask a sender for a key frame. Detection of key frames never depends on it.

use std::time::{Duration, Instant};

use super::Wake;

/// Between two requests for one encoding, whoever wants them; at low round trips even less.
const MIN_SPACING: Duration = Duration::from_millis(200);
const MAX_SPACING: Duration = Duration::from_secs(1);
/// Requests beyond the sustained rate, for a wave of joins.
const BURST: u32 = 3;
/// The first repetition; each further one takes twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(4);

/// How often one source may be made to send key frames in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// One a second.
    Camera,
    /// One in two seconds: the key frames of a screen are large.
    Desktop,
}

impl Pace {
    fn refill(self) -> Duration {
        match self {
            Self::Camera => Duration::from_secs(1),
            Self::Desktop => Duration::from_secs(2),
        }
    }
}

/// Merges the wishes of all receivers of one encoding into few requests.
#[derive(Debug, Clone)]
pub struct Requester {
    pace: Pace,
    /// Somebody waits for a key frame.
    pending: bool,
    last_request: Option<Instant>,
    /// Until the next repetition of an unanswered request.
    retry: Duration,
    /// Requests that may be sent at once, and since when the next one grows.
    tokens: u32,
    refilled: Option<Instant>,
    /// The wish has been answered by a request that is under way.
    asked: bool,
}

impl Requester {
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            pending: false,
            last_request: None,
            retry: FIRST_RETRY,
            tokens: BURST,
            refilled: None,
            asked: false,
        }
    }

    /// The source may change from camera to desktop.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// A receiver wants a key frame. `true`: send a request now, it counts as sent. Otherwise one is under way or will be due,
    /// see [`Self::next_wakeup`].
    ///
    /// `rtt` is the round trip to the sender.
    pub fn want(&mut self, now: Instant, rtt: Option<Duration>) -> bool {
        if self.pending
            && self.asked
            && self.last_request.is_some_and(|last| now.saturating_duration_since(last) < spacing(rtt))
        {
            return false;
        }
        self.pending = true;
        self.try_request(now)
    }

    /// A key frame starts: all wishes are fulfilled.
    pub fn on_keyframe(&mut self) {
        self.pending = false;
        self.asked = false;
        self.retry = FIRST_RETRY;
    }

    /// Nobody waits any more: the last receiver left.
    pub fn cancel(&mut self) {
        self.on_keyframe();
    }

    /// `true`: send a request now, it counts as sent.
    pub fn on_wakeup(&mut self, now: Instant) -> bool {
        let due = self.next_wakeup().is_some_and(|(at, _)| at <= now);
        if due && self.asked {
            self.retry = (self.retry * 2).min(MAX_RETRY);
        }
        due && self.try_request(now)
    }

    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        if !self.pending {
            return None;
        }
        let last = self.last_request?;
        let spaced = last + if self.asked { self.retry } else { MIN_SPACING };
        let allowed = if self.tokens > 0 { spaced } else { self.refilled? + self.pace.refill() };
        Some((spaced.max(allowed), Wake::Keyframe))
    }

    fn try_request(&mut self, now: Instant) -> bool {
        self.refill(now);
        let spaced = self.last_request.is_none_or(|last| now.saturating_duration_since(last) >= MIN_SPACING);
        if !spaced || self.tokens == 0 {
            return false;
        }
        self.tokens -= 1;
        self.last_request = Some(now);
        self.asked = true;
        true
    }

    fn refill(&mut self, now: Instant) {
        let refill = self.pace.refill();
        let mut since = *self.refilled.get_or_insert(now);
        while self.tokens < BURST && now.saturating_duration_since(since) >= refill {
            self.tokens += 1;
            since += refill;
        }
        if self.tokens >= BURST {
            since = now;
        }
        self.refilled = Some(since);
    }
}

fn spacing(rtt: Option<Duration>) -> Duration {
    rtt.map_or(MIN_SPACING, |rtt| (rtt * 3 / 2).clamp(MIN_SPACING, MAX_SPACING))
}

/// Requests that one receiver may make for one source within [`RECEIVER_WINDOW`].
const RECEIVER_REQUESTS: usize = 3;
const RECEIVER_WINDOW: Duration = Duration::from_secs(10);

/// Limits the requests of one receiver for one source, as upstream does: 200 ms apart (or the round trip and 10 ms, if that is
/// less), three in ten seconds.
#[derive(Debug, Clone, Default)]
pub struct ReceiverLimit {
    accepted: heapless::Deque<Instant, RECEIVER_REQUESTS>,
}

impl ReceiverLimit {
    /// May a request pass? `rtt` is the round trip to the receiver.
    ///
    /// Only what made the sender be asked counts, see [`Self::count`]: a wish that could not be passed on, or that joined one
    /// under way, must not silence the receiver for ten seconds.
    pub fn allows(&mut self, now: Instant, rtt: Option<Duration>) -> bool {
        let wait = rtt.map_or(MIN_SPACING, |rtt| MIN_SPACING.min(rtt + Duration::from_millis(10)));
        if self.accepted.back().is_some_and(|last| now.saturating_duration_since(*last) < wait) {
            return false;
        }
        while self.accepted.front().is_some_and(|first| now.saturating_duration_since(*first) > RECEIVER_WINDOW) {
            self.accepted.pop_front();
        }
        !self.accepted.is_full()
    }

    /// The request passed and the sender was asked.
    pub fn count(&mut self, now: Instant) {
        // There is room: `allows` made sure of it.
        let _ = self.accepted.push_back(now);
    }
}

#[cfg(test)]
mod tests;
