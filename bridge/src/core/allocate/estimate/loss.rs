//! The rate that loss allows.
//!
//! Radio loses packets at any rate, a full line loses what does not fit. Only a trial tells which: when more is lost than is usual
//! for the path, less is sent for a moment. If less is lost then, the line was full and the bound stays, to be raised slowly. If
//! not, so much loss is usual there, and the bound is lifted.

use heapless::HistoryBuf;

use super::Micros;

/// Fewer packets, or packets of less time, are no measure.
const MIN_PACKETS: u32 = 40;
const MIN_WINDOW: Micros = 500_000;
/// Of a thin stream this much is measure enough.
const MAX_WINDOW: Micros = 2_000_000;
/// Windows that are judged together: of few packets a few more or less are lost by chance.
const WINDOWS: usize = 4;
/// Loss that is nothing to look into; what comes all at once must be more.
const TOLERATED: f64 = 0.03;
const SUDDEN: f64 = 0.1;
/// Losses that all left within this time say nothing of what the line carries: somebody walked past an access point.
const BRIEF: Micros = 200_000;
/// Less loss than this is mended by sending again: no picture is taken away to find out where it comes from.
const MENDED: f64 = 0.1;
/// More loss than this is never usual.
const MAX_USUAL: f64 = 0.4;
/// From a change to its effect: layers switch at key frames only.
const SETTLE: Micros = 600_000;
/// A trial is concluded by so many windows, and if the sender could not send less by more.
const TRIAL_WINDOWS: u32 = 2;
const MAX_WINDOWS: u32 = 4;
/// Growth of the bound for each second.
const GROWTH: f64 = 0.12;
/// A trial sends less by more than what seems to be too much, so that its effect is clear, and by so much at least.
const CLEAR: f64 = 1.25;
const LEAST_CUT: f64 = 0.1;
/// The bound is of no more use when it is this far above what is sent.
const LIFTED: f64 = 2.0;

#[derive(Debug, Clone, Copy)]
struct Trial {
    loss: f64,
    excess: f64,
    /// What was sent before, in bits per second.
    sent: f64,
    windows: u32,
    /// The bound from before.
    bound: Option<f64>,
    /// No picture is to go away for it.
    spares: bool,
}

/// What became of the packets of some time.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    received: u32,
    lost: u32,
    bytes: u64,
    span: Micros,
    /// When the first and the last of the lost left.
    holes: Option<(Micros, Micros)>,
}

impl Tally {
    fn count(&self) -> f64 {
        f64::from((self.received + self.lost).max(1))
    }

    fn loss(&self) -> f64 {
        f64::from(self.lost) / self.count()
    }

    /// How far chance may move the loss.
    fn noise(&self) -> f64 {
        3.0 * (self.loss() * (1.0 - self.loss()) / self.count()).sqrt()
    }

    fn is_brief(&self) -> bool {
        self.holes.is_some_and(|(first, last)| last - first < BRIEF)
    }

    /// Bits per second that arrived.
    fn arriving(&self) -> f64 {
        self.bytes as f64 * 8e6 / self.span.max(1) as f64
    }

    /// Bits per second that were sent, if packets of all sizes are lost alike.
    fn sent(&self) -> f64 {
        self.arriving() / (1.0 - self.loss()).max(0.05)
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            received: self.received + other.received,
            lost: self.lost + other.lost,
            bytes: self.bytes + other.bytes,
            span: self.span + other.span,
            holes: match (self.holes, other.holes) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (one, another) => one.or(another),
            },
        }
    }
}

/// Losses towards one receiver.
#[derive(Debug, Default)]
pub struct Loss {
    since: Option<Micros>,
    window: Tally,
    /// The windows since anything changed.
    recent: HistoryBuf<Tally, WINDOWS>,
    /// Share that is lost whatever is sent.
    usual: f64,
    bound: Option<f64>,
    trial: Option<Trial>,
    /// The window before had such losses.
    brief: bool,
    /// A queue has stood on the way in this window, and in the one before.
    queued: bool,
    was_queued: bool,
    /// The bound was wrong, or is of no more use.
    lifted: bool,
    /// Bits per second of all pictures at their smallest, and of speech.
    least: f64,
}

impl Loss {
    /// A packet that left at `sent` arrived or is lost.
    pub fn on_packet(&mut self, sent: Micros, size: u16, received: bool) {
        if self.since.is_some_and(|since| sent < since) {
            return;
        }
        self.since.get_or_insert(sent);
        if received {
            self.window.received += 1;
            self.window.bytes += u64::from(size);
        } else {
            self.window.lost += 1;
            let first = self.window.holes.map_or(sent, |(first, _)| first);
            self.window.holes = Some((first, sent));
        }
    }

    /// Nothing was heard for a while, and what left before `from` is gone whatever the line carries: that is no measure.
    pub fn restart(&mut self, from: Micros) {
        self.measure_from(from);
        if let Some(trial) = self.trial.take() {
            self.bound = trial.bound;
        }
    }

    /// Less is sent from now on since a queue grows: what is lost until that shows is lost from its end.
    pub fn excuse(&mut self, now: Micros) {
        if self.trial.is_none() {
            self.measure_from(now + SETTLE);
        }
    }

    fn measure_from(&mut self, from: Micros) {
        (self.since, self.window) = (Some(from), Tally::default());
        self.recent.clear();
    }

    /// Share of packets that is lost lately.
    pub fn ratio(&self) -> f64 {
        self.recent.iter().fold(Tally::default(), Tally::plus).loss()
    }

    /// So many bits per second show every picture that is shown now.
    pub fn set_least(&mut self, bps: f64) {
        self.least = bps;
    }

    /// Bits per second that loss allows.
    pub fn bound(&self) -> Option<f64> {
        let spares = self.trial.is_some_and(|trial| trial.spares);
        self.bound.map(|bound| if spares { bound.max(self.least) } else { bound })
    }

    /// So many bits per second have arrived: a bound below was wrong, or is not true any more.
    pub fn raise(&mut self, bps: f64) {
        self.bound = self.bound.map(|bound| bound.max(bps));
    }

    /// Less was sent for nothing: so much is lost whatever is sent, or no more is lost now. Says so once.
    pub fn take_lifted(&mut self) -> bool {
        std::mem::take(&mut self.lifted)
    }

    /// It is being found out what the loss comes from.
    pub fn is_trying(&self) -> bool {
        self.trial.is_some()
    }

    /// The fate of all packets that left by `newest` is known; `estimate` is the rate that was allowed. `queued`: packets stand in a
    /// queue on the way, which may be full.
    pub fn update(&mut self, newest: Micros, estimate: f64, elapsed: f64, queued: bool) {
        if let Some(bound) = self.bound.filter(|_| self.trial.is_none()) {
            self.bound = Some(bound * (1.0 + GROWTH * elapsed));
        }
        self.queued |= queued;
        let Some(since) = self.since else {
            return;
        };
        let (count, span) = (self.window.received + self.window.lost, newest - since);
        if span < MIN_WINDOW || (count < MIN_PACKETS && span < MAX_WINDOW) {
            return;
        }
        let window = Tally { span, ..self.window };
        (self.since, self.window) = (None, Tally::default());
        let queued = self.queued || self.was_queued;
        (self.queued, self.was_queued) = (false, self.queued);
        let sudden = window.loss() > self.usual + SUDDEN + window.noise();
        self.brief = sudden && !queued && window.is_brief() && !self.brief && self.trial.is_none();
        if self.brief {
            return;
        }
        self.recent.write(window);
        let together = self.recent.iter().fold(Tally::default(), Tally::plus);
        if let Some(trial) = self.trial.take() {
            self.conclude(newest, trial, &together);
        } else if sudden {
            self.begin(newest, &window, estimate, queued);
        } else if together.loss() > self.usual + TOLERATED + together.noise() {
            self.begin(newest, &together, estimate, queued);
        } else {
            self.relax(&together);
        }
    }

    fn begin(&mut self, now: Micros, before: &Tally, estimate: f64, queued: bool) {
        let (loss, sent) = (before.loss(), before.sent());
        let excess = (loss - self.usual).max(TOLERATED);
        let used = sent.min(estimate);
        let cut = used * (1.0 - (excess * CLEAR).max(LEAST_CUT)).max(0.1);
        // Bursts are soon taken for a line that is full; if it is, more than that is lost, and the next trial takes the pictures away.
        let spares = !queued && (loss < MENDED || self.bound.is_none() || before.is_brief());
        let cut = if spares { cut.max(self.least) } else { cut };
        if cut >= used {
            return;
        }
        self.trial = Some(Trial { loss, excess, sent, windows: 0, bound: self.bound, spares });
        self.bound = Some(cut);
        self.measure_from(now + SETTLE);
    }

    fn conclude(&mut self, now: Micros, trial: Trial, since: &Tally) {
        let windows = trial.windows + 1;
        let is_less = since.sent() < trial.sent * (1.0 - trial.excess / 3.0);
        if windows < TRIAL_WINDOWS || (!is_less && windows < MAX_WINDOWS) {
            self.trial = Some(Trial { windows, ..trial });
            return;
        }
        let loss = since.loss();
        if is_less && loss < trial.loss - trial.excess / 2.0 {
            if trial.spares {
                self.bound = self.bound.map(|bound| bound.max(self.least));
            }
            return;
        }
        if loss <= MAX_USUAL {
            self.usual = loss.max(trial.loss.min(MAX_USUAL));
            self.bound = trial.bound;
            self.lifted = true;
        }
        self.measure_from(now + SETTLE);
    }

    /// As much is lost as always, or less.
    fn relax(&mut self, together: &Tally) {
        if together.loss() + together.noise() < self.usual {
            self.usual = (self.usual + together.loss()) / 2.0;
        }
        let arriving = together.arriving();
        self.lifted |= self.bound.take_if(|bound| *bound >= arriving * LIFTED).is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends what is allowed, in packets of 1250 bytes, over a path that drops `random` and what exceeds `capacity`.
    fn run(loss: &mut Loss, seconds: i64, from: i64, wanted: f64, random: f64, capacity: f64) -> f64 {
        let (mut dropped, mut due) = (0.5, 0.0);
        for tick in from * 100..(from + seconds) * 100 {
            let rate = loss.bound().unwrap_or(wanted).min(wanted);
            let share = 1.0 - (1.0 - random) * (capacity / rate).min(1.0);
            due += rate / 100.0 / 10_000.0;
            while due >= 1.0 {
                due -= 1.0;
                dropped += share;
                let is_lost = dropped >= 1.0;
                dropped -= f64::from(u8::from(is_lost));
                loss.on_packet(tick * 10_000, 1250, !is_lost);
            }
            loss.update(tick * 10_000, wanted, 0.01, false);
        }
        loss.bound().unwrap_or(wanted).min(wanted)
    }

    #[test]
    fn what_was_lost_in_the_dark_does_not_count() {
        let mut loss = Loss::default();
        run(&mut loss, 10, 0, 2e6, 0.0, 1e9);
        run(&mut loss, 1, 10, 2e6, 1.0, 1e9);
        loss.restart(11_000_000);
        assert_eq!(run(&mut loss, 10, 11, 2e6, 0.0, 1e9), 2e6);
    }

    #[test]
    fn losses_that_come_at_once_and_not_again_bound_nothing() {
        let mut loss = Loss::default();
        run(&mut loss, 10, 0, 2e6, 0.0, 1e9);
        for packet in 0..60 {
            loss.on_packet(10_000_000 + packet * 2_000, 1250, packet % 5 == 0);
        }
        assert_eq!(run(&mut loss, 10, 11, 2e6, 0.0, 1e9), 2e6);
        assert!(loss.bound().is_none() && !loss.is_trying());
    }

    #[test]
    fn no_picture_goes_away_for_losses_that_are_mended() {
        let mut loss = Loss::default();
        loss.set_least(1.95e6);
        for second in 0..20 {
            run(&mut loss, 1, second, 2e6, 0.05, 1e9);
            assert!(loss.bound().is_none_or(|bound| bound >= 1.95e6), "second {second}");
        }
        let rate = run(&mut loss, 5, 20, 2e6, 0.0, 1e6);
        assert!(rate < 1.3e6, "half is lost: {rate}");
    }

    #[test]
    fn no_picture_goes_away_for_bursts() {
        let mut loss = Loss::default();
        loss.set_least(1.5e6);
        for packet in 0..60 * 200 {
            // Three in ten seconds, of 150 ms.
            let is_lost = packet % 700 < 30 && packet % 5 != 0;
            loss.on_packet(packet * 5_000, 1250, !is_lost);
            loss.update(packet * 5_000, 2e6, 0.005, false);
            assert!(loss.bound().is_none_or(|bound| bound >= 1.5e6), "after {packet} packets");
        }
    }

    #[test]
    fn a_bound_that_goes_away_says_so_once() {
        let mut loss = Loss::default();
        run(&mut loss, 20, 0, 2e6, 0.0, 1e6);
        assert!(!loss.take_lifted());
        run(&mut loss, 20, 20, 2e6, 0.0, 1e9);
        assert!(loss.take_lifted() && !loss.take_lifted());
    }

    #[test]
    fn loss_by_chance_is_found_to_be_usual_and_stays_so() {
        for seed in 1..20_u64 {
            let (mut loss, mut random, mut low) = (Loss::default(), seed * 0x9E37_79B9, 0);
            for packet in 0..60 * 100_i64 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                loss.on_packet(packet * 10_000, 1000, (random >> 33) % 10 != 0);
                loss.update(packet * 10_000, 1e6, 0.01, false);
                low += i64::from(packet > 1000 && loss.bound().is_some_and(|bound| bound < 700_000.0));
            }
            assert!(low < 500, "seed {seed}: bounded for {low} of 5000 packets");
        }
    }

    #[test]
    fn loss_at_any_rate_does_not_bound() {
        for random in [0.02, 0.1, 0.2] {
            let mut loss = Loss::default();
            assert_eq!(run(&mut loss, 20, 0, 2e6, random, 1e9), 2e6, "{random}");
        }
    }

    #[test]
    fn a_line_that_drops_what_does_not_fit_bounds() {
        let mut loss = Loss::default();
        let mut sum = 0.0;
        for second in 0..60 {
            let rate = run(&mut loss, 1, second, 2e6, 0.0, 1e6);
            sum += if second >= 10 { rate } else { 0.0 };
        }
        let mean = sum / 50.0;
        assert!((850_000.0..1_200_000.0).contains(&mean), "{mean}");
    }

    #[test]
    fn a_path_that_got_better_is_not_bounded_any_more() {
        let mut loss = Loss::default();
        run(&mut loss, 20, 0, 2e6, 0.0, 1e6);
        assert_eq!(run(&mut loss, 20, 20, 2e6, 0.0, 1e9), 2e6);
    }

    #[test]
    fn loss_beyond_measure_is_never_usual() {
        let mut loss = Loss::default();
        let rate = run(&mut loss, 20, 0, 2e6, 0.6, 1e9);
        assert!(rate < 1e6, "{rate}");
    }
}
