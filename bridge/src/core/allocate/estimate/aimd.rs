//! The rate that delay allows: slowly up, quickly down (additive increase, multiplicative decrease).

use super::Micros;
use super::delay::{STANDING, Usage};

/// Of what arrives, when the line is over-used.
const DECREASE: f64 = 0.85;
/// The higher a queue stands the less is sent until it has drained; so much less for each millisecond beyond [`STANDING`].
const DRAIN: f64 = 0.001;
const MAX_DRAIN: f64 = 0.25;
/// A queue this low has drained.
const DRAINED: f64 = 10.0;
/// Growth for each second, far from the line's known capacity.
const GROWTH: f64 = 0.08;
/// Growth near it: a packet for each response time, in bits.
const STEP: f64 = 9600.0;
/// Until the effect of a change is seen, besides the round trip.
const RESPONSE: f64 = 0.1;
const MIN_GROWTH: f64 = 4000.0;
/// What was not sent proves nothing: the estimate never exceeds what arrives by more than this.
const HEADROOM: f64 = 1.5;
const HEADROOM_BPS: f64 = 10_000.0;
/// Between two decreases.
const DECREASE_INTERVAL: (Micros, Micros) = (150_000, 300_000);
/// New samples of the capacity weigh this much.
const WEIGHT: f64 = 0.05;
/// Deviations of the capacity that still count as near.
const NEAR: f64 = 3.0;

/// What an update goes by.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    pub usage: Usage,
    /// Milliseconds of queue.
    pub queue: f64,
    /// So many may come and go by themselves.
    pub reach: f64,
    /// Bits per second that arrive: lately, and over most of a second.
    pub recent: Option<f64>,
    pub steady: Option<f64>,
    pub round_trip: Micros,
    /// Far less is sent than could be.
    pub limited: bool,
    /// So many bits per second show every picture that is shown now.
    pub least: f64,
}

/// The rate, and what is known of the line.
#[derive(Debug)]
pub struct Aimd {
    pub bps: f64,
    capacity: Option<Capacity>,
    /// What may be sent when the queue has drained.
    drained: Option<f64>,
    updated: Option<Micros>,
    decreased: Option<Micros>,
}

impl Aimd {
    pub fn new(start: f64) -> Self {
        Self { bps: start, capacity: None, drained: None, updated: None, decreased: None }
    }

    /// When over-use last made it smaller.
    pub fn decreased(&self) -> Option<Micros> {
        self.decreased
    }

    pub fn update(&mut self, now: Micros, input: &Input) {
        let elapsed = self.updated.map_or(0.0, |at| (now - at) as f64 / 1e6).clamp(0.0, 1.0);
        self.updated = Some(now);
        match input.usage {
            Usage::Over => self.decrease(now, input),
            Usage::Under => {}
            Usage::Normal => self.increase(elapsed, input),
        }
    }

    /// A probe arrived at this rate.
    pub fn raise(&mut self, bps: f64) {
        if bps > self.bps {
            self.bps = bps;
            self.capacity = self.capacity.filter(|capacity| capacity.is_near(bps));
        }
    }

    /// A probe filled the line, which carries no more than this.
    pub fn lower(&mut self, bps: f64) {
        self.bps = self.bps.min(bps);
        self.capacity.get_or_insert(Capacity { mean: bps, variance: 0.4 });
    }

    /// Nothing is heard of what is sent.
    pub fn starve(&mut self, factor: f64) {
        self.bps *= factor;
    }

    fn decrease(&mut self, now: Micros, input: &Input) {
        let (least, most) = DECREASE_INTERVAL;
        let interval = input.round_trip.clamp(least, most);
        let Some(recent) = input.recent.filter(|_| self.decreased.is_none_or(|at| now - at >= interval)) else {
            return;
        };
        // Somebody else's burst: what we send is little, and the queue hardly there.
        if input.limited && input.queue < STANDING / 2.0 + input.reach {
            return;
        }
        // What comes late comes all at once: within a short time that is anything.
        let recent = input.steady.filter(|_| input.reach > DRAINED).map_or(recent, |steady| steady.max(recent));
        if self.capacity.is_some_and(|capacity| recent < capacity.mean && !capacity.is_near(recent)) {
            self.capacity = None;
        }
        let drain = ((input.queue - STANDING - input.reach) * DRAIN).clamp(0.0, MAX_DRAIN);
        // No picture goes away before it is certain that the line cannot carry it: paths begin to shake, and what shakes is no queue.
        let least = if input.queue > STANDING + input.reach { 0.0 } else { input.least.min(self.bps) };
        let allowed = ((DECREASE - drain) * recent).max(least);
        if allowed < self.bps {
            self.bps = allowed;
            self.decreased = Some(now);
            self.drained = Some(DECREASE * recent);
        }
        let known = self.capacity.get_or_insert(Capacity { mean: recent, variance: 0.4 });
        known.take(recent);
    }

    fn increase(&mut self, elapsed: f64, input: &Input) {
        if let Some(drained) = self.drained.take_if(|_| input.queue < DRAINED) {
            self.bps = self.bps.max(drained);
        }
        let Some(steady) = input.steady else {
            return;
        };
        if self.capacity.is_some_and(|capacity| steady > capacity.mean && !capacity.is_near(steady)) {
            self.capacity = None;
        }
        let ceiling = HEADROOM * steady + HEADROOM_BPS;
        if self.bps >= ceiling {
            return;
        }
        let near = self.capacity.is_some_and(|capacity| capacity.is_near(self.bps));
        let response = input.round_trip as f64 / 1e6 + RESPONSE;
        let speed = if near { (STEP / response).max(MIN_GROWTH) } else { (self.bps * GROWTH).max(MIN_GROWTH) };
        self.bps = (self.bps + speed * elapsed).min(ceiling);
    }
}

/// What the line carried when it was over-used.
#[derive(Debug, Clone, Copy)]
struct Capacity {
    mean: f64,
    /// Of the deviation, relative to the mean, in kbit/s.
    variance: f64,
}

impl Capacity {
    fn take(&mut self, sample: f64) {
        let error = sample - self.mean;
        self.mean += WEIGHT * error;
        let relative = error * error / (self.mean.max(1.0) * 1000.0);
        self.variance = ((1.0 - WEIGHT) * self.variance + WEIGHT * relative).clamp(0.4, 2.5);
    }

    fn is_near(&self, bps: f64) -> bool {
        (bps - self.mean).abs() <= NEAR * (self.variance * self.mean * 1000.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(usage: Usage, arriving: f64) -> Input {
        Input {
            usage,
            queue: 50.0,
            reach: 0.0,
            recent: Some(arriving),
            steady: Some(arriving),
            round_trip: 100_000,
            limited: false,
            least: 0.0,
        }
    }

    #[test]
    fn over_use_cuts_to_what_arrives_and_growth_near_it_is_slow() {
        let mut aimd = Aimd::new(2e6);
        aimd.update(0, &input(Usage::Over, 1e6));
        assert_eq!(aimd.bps, 850_000.0);
        aimd.update(100_000, &input(Usage::Over, 1e6));
        assert_eq!(aimd.bps, 850_000.0, "the effect of a cut is waited for");
        for step in 1..=10 {
            aimd.update(100_000 + step * 100_000, &input(Usage::Normal, 900_000.0));
        }
        let grown = aimd.bps - 850_000.0;
        assert!((40_000.0..80_000.0).contains(&grown), "{grown}");
    }

    #[test]
    fn a_queue_that_stands_high_is_drained_faster() {
        let mut aimd = Aimd::new(2e6);
        aimd.update(0, &Input { queue: 600.0, ..input(Usage::Over, 1e6) });
        assert!((aimd.bps - 600_000.0).abs() < 1.0, "{}", aimd.bps);
        aimd.update(100_000, &Input { queue: 300.0, ..input(Usage::Under, 600_000.0) });
        aimd.update(200_000, &Input { queue: 5.0, ..input(Usage::Normal, 600_000.0) });
        assert!(aimd.bps >= 850_000.0, "until it has drained: {}", aimd.bps);
    }

    #[test]
    fn no_picture_goes_away_for_a_queue_that_may_be_none() {
        let mut aimd = Aimd::new(2e6);
        let input = Input { least: 300_000.0, ..input(Usage::Over, 200_000.0) };
        aimd.update(0, &input);
        assert_eq!(aimd.bps, 300_000.0);
        aimd.update(1_000_000, &Input { queue: 101.0, ..input });
        assert!(aimd.bps < 170_000.0, "the line is full: {}", aimd.bps);
    }

    #[test]
    fn what_is_not_sent_is_not_believed() {
        let mut aimd = Aimd::new(300_000.0);
        for step in 0..1000 {
            aimd.update(step * 100_000, &input(Usage::Normal, 400_000.0));
        }
        assert_eq!(aimd.bps, 610_000.0);
        let limited = Input { limited: true, queue: 20.0, ..input(Usage::Over, 100_000.0) };
        aimd.update(200_000_000, &limited);
        assert_eq!(aimd.bps, 610_000.0, "a little queue while little is sent is not ours");
    }

    #[test]
    fn growth_far_from_any_known_limit_is_by_the_hundred() {
        let mut aimd = Aimd::new(1e6);
        for step in 0..=10 {
            aimd.update(step * 100_000, &input(Usage::Normal, 1e6));
        }
        assert!((1_075_000.0..1_090_000.0).contains(&aimd.bps), "{}", aimd.bps);
    }
}
