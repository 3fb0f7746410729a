//! When more of one source is believed in: layers must not flap with the estimate.
//!
//! Less is sent at once. More that the budget allows is sent when it has allowed it for a while, and after it had to be taken away
//! not before some time has passed, longer if giving it back was a mistake. What a receiver asks for it gets at once.

use std::time::{Duration, Instant};

use super::{Grant, Layer};

/// For so long more must have been allowed: of the most important source, and of the others.
const STANDS: Duration = Duration::from_millis(1500);
const STANDS_FOR_OTHERS: Duration = Duration::from_secs(3);
/// Of a source that never had to be sent worse: meetings begin with small pictures. And of one of which nothing is seen.
const STANDS_AT_FIRST: Duration = Duration::from_millis(300);
/// Nothing is given back this soon after something was taken away.
const HOLD: Duration = Duration::from_secs(8);
const MAX_HOLD: Duration = Duration::from_secs(48);
/// One part of that wait is asked of a receiver that sees nothing, once giving something back was a mistake.
const IN_THE_DARK: u32 = 4;
/// Where the budget has been enough for everything for so long, or for most of the wait, nothing waits any more: the line is another
/// one. A picture that is not there at all waits less.
const AMPLE: Duration = Duration::from_secs(10);
const AMPLE_IN_THE_DARK: Duration = Duration::from_secs(4);
/// What is taken away this soon after it was given was a mistake.
const MISTAKE: Duration = Duration::from_secs(10);

/// The memory of one source towards one receiver.
#[derive(Debug, Default)]
pub struct Patience {
    /// The budget kept it below its ideal.
    limited: bool,
    /// More has been allowed since.
    allowed: Option<Instant>,
    raised: Option<Instant>,
    /// Nothing is given back before, and how long that was from when it was taken.
    hold: Option<(Instant, Duration)>,
}

impl Patience {
    /// The budget allows `grant` for a source of which `current` is sent; `first` is the most important one, and since `ample` there
    /// has been enough for all of them. If more than now has to wait: until when.
    pub fn judge(
        &mut self,
        now: Instant,
        current: Option<Layer>,
        grant: &Grant,
        first: bool,
        ample: Option<Instant>,
    ) -> Option<Instant> {
        if grant.target <= current || !self.limited {
            self.allowed = None;
            return None;
        }
        let since = *self.allowed.get_or_insert(now);
        // A black picture is worse than one that comes and goes, if that is not all it does.
        if first && current.is_none() {
            let flaps = self.hold.filter(|(_, span)| *span > HOLD);
            let stands = flaps.map_or(STANDS_AT_FIRST, |(_, span)| span / IN_THE_DARK);
            return Some(since + stands).filter(|due| *due > now);
        }
        let stands = match (self.hold, first) {
            (None, _) => STANDS_AT_FIRST,
            (Some(_), true) => STANDS,
            (Some(_), false) => STANDS_FOR_OTHERS,
        };
        let held = self.hold.map_or(since + stands, |(until, _)| (since + stands).max(until));
        let span = self.hold.map_or(Duration::ZERO, |(_, span)| span);
        let enough =
            if current.is_none() { AMPLE_IN_THE_DARK.max(span / IN_THE_DARK) } else { AMPLE.max(span * 3 / 4) };
        let due = ample.map_or(held, |ample| held.min(ample + enough));
        Some(due).filter(|due| *due > now)
    }

    /// This is what is sent instead of `before` from now on.
    pub fn settle(&mut self, now: Instant, before: Option<Layer>, grant: &Grant) {
        self.limited = grant.target < grant.ideal;
        if grant.ideal.is_none() {
            // When it is asked for again, that is another time.
            self.forgive();
        } else if grant.target > before {
            self.allowed = None;
            self.raised = Some(now);
        } else if grant.target < before && self.limited {
            self.on_taken_away(now);
        }
    }

    /// What was taken away was not the fault of this line: nothing had come through for another reason.
    pub fn forgive(&mut self) {
        (self.hold, self.allowed, self.raised) = (None, None, None);
    }

    fn on_taken_away(&mut self, now: Instant) {
        let mistake = self.raised.is_some_and(|raised| now.saturating_duration_since(raised) < MISTAKE);
        let span = match self.hold {
            // One fall in several steps is one fall.
            Some((until, span)) if self.raised.is_none() && now < until => span,
            Some((_, span)) if mistake => (span * 2).min(MAX_HOLD),
            // What went well once may have been luck.
            Some((_, span)) => (span / 2).max(HOLD),
            None => HOLD,
        };
        self.raised = None;
        self.hold = Some((now + span, span));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const LOW: Option<Layer> = Some(Layer { encoding: 0, spatial: 0, temporal: 0 });
    const HIGH: Option<Layer> = Some(Layer { encoding: 2, spatial: 0, temporal: 2 });

    fn grant(target: Option<Layer>) -> Grant {
        Grant { target, ideal: HIGH, ..Grant::default() }
    }

    /// When more is given that is allowed from `now` on.
    fn given(patience: &mut Patience, mut now: Instant, current: Option<Layer>, first: bool) -> Instant {
        while let Some(due) = patience.judge(now, current, &grant(HIGH), first, None) {
            now = due;
        }
        patience.settle(now, current, &grant(HIGH));
        now
    }

    #[test]
    fn what_was_not_kept_back_is_given_at_once() {
        let start = Instant::now();
        let mut patience = Patience::default();
        assert_eq!(patience.judge(start, LOW, &grant(HIGH), true, None), None);
        patience.settle(start, LOW, &grant(HIGH));
        assert_eq!(patience.judge(start, HIGH, &grant(LOW), true, None), None, "less is, too");
    }

    #[test]
    fn mistakes_make_patient() {
        let start = Instant::now();
        let (mut patience, mut now, mut spans) = (Patience::default(), start, Vec::new());
        for _ in 0..5 {
            patience.settle(now, HIGH, &grant(LOW));
            let back = given(&mut patience, now, LOW, true);
            spans.push((back - now).as_secs());
            now = back + MS * 1000;
        }
        assert_eq!(spans, [8, 16, 32, 48, 48]);
    }

    #[test]
    fn more_must_have_been_allowed_for_a_while_without_a_break() {
        let start = Instant::now();
        let mut patience = Patience::default();
        patience.settle(start, HIGH, &grant(LOW));
        let later = start + HOLD * 2;
        let due = patience.judge(later, LOW, &grant(HIGH), true, None);
        assert_eq!(due, Some(later + STANDS));
        assert_eq!(patience.judge(later + MS * 1000, LOW, &grant(LOW), true, None), None);
        let due = patience.judge(later + MS * 1100, LOW, &grant(HIGH), false, None);
        assert_eq!(due, Some(later + MS * 1100 + STANDS_FOR_OTHERS));
    }

    #[test]
    fn who_sees_nothing_does_not_wait() {
        let start = Instant::now();
        let mut patience = Patience::default();
        patience.settle(start, HIGH, &grant(None));
        assert_eq!(given(&mut patience, start, None, true), start + STANDS_AT_FIRST);
        let mut patience = Patience::default();
        patience.settle(start, HIGH, &grant(None));
        assert_eq!(given(&mut patience, start, None, false), start + HOLD);
    }

    #[test]
    fn where_there_is_enough_for_all_nothing_waits_for_long() {
        let start = Instant::now();
        let mut patience = Patience::default();
        for _ in 0..5 {
            patience.settle(start, HIGH, &grant(LOW));
            patience.settle(start, LOW, &grant(HIGH));
        }
        patience.settle(start, HIGH, &grant(None));
        let later = start + MS * 500;
        assert_eq!(patience.judge(later, None, &grant(HIGH), false, Some(later)), Some(later + MAX_HOLD / IN_THE_DARK));
        assert_eq!(patience.judge(later + MAX_HOLD / IN_THE_DARK, None, &grant(HIGH), false, Some(later)), None);
    }

    #[test]
    fn what_was_taken_for_want_of_a_path_comes_back_soon() {
        let start = Instant::now();
        let mut patience = Patience::default();
        patience.settle(start, HIGH, &grant(None));
        patience.forgive();
        assert_eq!(given(&mut patience, start, None, false), start + STANDS_AT_FIRST);
    }

    #[test]
    fn what_was_not_asked_for_meanwhile_is_given_as_at_first() {
        let start = Instant::now();
        let mut patience = Patience::default();
        patience.settle(start, HIGH, &grant(None));
        patience.settle(start, None, &Grant { ideal: None, ..grant(None) });
        patience.settle(start, None, &grant(None));
        assert_eq!(given(&mut patience, start, None, false), start + STANDS_AT_FIRST);
    }
}
