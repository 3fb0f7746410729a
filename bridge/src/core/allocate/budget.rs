//! What one receiver may be sent, damped: layers must not flap with the estimate.
//!
//! A lower estimate counts at once. A higher one counts when it has stood for a while, and after a picture had to be taken away
//! not before some time has passed, more if giving it back was a mistake.

use std::time::{Duration, Instant};

/// An estimate lower by this share changes what is sent.
const LOWER: f64 = 0.95;
/// And one higher by this share.
const HIGHER: f64 = 1.10;
/// For so long a higher estimate must have stood, on a line that has failed before.
const STANDS: Duration = Duration::from_millis(1500);
/// On one that has not: a meeting begins with small pictures.
const STANDS_AT_FIRST: Duration = Duration::from_millis(300);
/// Nothing is given back this soon after something was taken away.
const HOLD: Duration = Duration::from_secs(6);
const MAX_HOLD: Duration = Duration::from_secs(24);
/// What fails this soon after it was given was a mistake.
const MISTAKE: Duration = Duration::from_secs(10);

/// The budget of one receiver.
#[derive(Debug, Default)]
pub struct Budget {
    bps: Option<u64>,
    /// A higher estimate stands since then; its least value.
    higher: Option<(Instant, u64)>,
    raised: Option<Instant>,
    /// What the receiver looks at is not sent at all.
    dark: bool,
    hold: Option<(Instant, Duration)>,
}

impl Budget {
    /// Bits per second; `None` before anything was estimated.
    pub fn bps(&self) -> Option<u64> {
        self.bps
    }

    /// There is a new estimate. True if that changes the budget.
    pub fn update(&mut self, now: Instant, estimate: u64) -> bool {
        let Some(bps) = self.bps else {
            self.bps = Some(estimate);
            return true;
        };
        let ratio = estimate as f64 / bps.max(1) as f64;
        if ratio < LOWER {
            self.bps = Some(estimate);
            self.higher = None;
            return true;
        }
        if ratio < HIGHER {
            self.higher = None;
            return false;
        }
        let (since, least) = self.higher.map_or((now, estimate), |(since, least)| (since, least.min(estimate)));
        self.higher = Some((since, least));
        // A black picture is worse than one that comes and goes.
        let stands = if self.hold.is_some() && !self.dark { STANDS } else { STANDS_AT_FIRST };
        let is_held = !self.dark && self.hold.is_some_and(|(until, _)| now < until);
        if is_held || now.saturating_duration_since(since) < stands {
            return false;
        }
        self.bps = Some(least);
        self.higher = None;
        self.raised = Some(now);
        true
    }

    /// For lack of budget nothing is sent of what the receiver looks at.
    pub fn set_dark(&mut self, dark: bool) {
        self.dark = dark;
    }

    /// For lack of budget a source is sent worse than before, or no more.
    pub fn on_taken_away(&mut self, now: Instant) {
        let mistake = self.raised.is_some_and(|raised| now.saturating_duration_since(raised) < MISTAKE);
        let span = match self.hold {
            Some((_, span)) if mistake => (span * 2).min(MAX_HOLD),
            _ => HOLD,
        };
        self.hold = Some((now + span, span));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn less_counts_at_once_and_more_when_it_has_stood() {
        let start = Instant::now();
        let mut budget = Budget::default();
        assert!(budget.update(start, 1_000_000));
        assert!(!budget.update(start, 960_000), "a little less is nothing");
        assert!(budget.update(start, 900_000));
        budget.on_taken_away(start);
        let hold = start + HOLD;
        assert!(!budget.update(hold - MS, 2_000_000));
        assert!(!budget.update(hold, 1_500_000));
        assert!(budget.update(hold - MS + STANDS, 2_000_000));
        assert_eq!(budget.bps(), Some(1_500_000), "the least of what stood");
    }

    #[test]
    fn a_mistake_makes_patient() {
        let start = Instant::now();
        let mut budget = Budget::default();
        budget.update(start, 1_000_000);
        let mut now = start;
        let mut spans = Vec::new();
        for _ in 0..4 {
            budget.update(now, 300_000);
            budget.on_taken_away(now);
            let fell = now;
            while !budget.update(now, 1_000_000) {
                now += MS * 10;
            }
            spans.push((now - fell).as_secs());
            now += Duration::from_secs(1);
        }
        assert_eq!(spans, [6, 12, 24, 24]);
    }

    #[test]
    fn who_sees_nothing_does_not_wait() {
        let start = Instant::now();
        let mut budget = Budget::default();
        budget.update(start, 1_000_000);
        budget.update(start, 100_000);
        budget.on_taken_away(start);
        budget.set_dark(true);
        assert!(!budget.update(start, 200_000));
        assert!(budget.update(start + STANDS_AT_FIRST, 200_000));
    }

    #[test]
    fn the_first_rise_is_quick() {
        let start = Instant::now();
        let mut budget = Budget::default();
        budget.update(start, 1_500_000);
        assert!(!budget.update(start, 3_000_000));
        assert!(budget.update(start + STANDS_AT_FIRST, 3_000_000));
    }
}
