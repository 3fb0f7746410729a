//! Short clusters of packets, faster than the estimate: what arrives says what the line can do.
//!
//! Encodings come in steps. Between two of them less is sent than the line may carry, and nothing that is sent could show it. So
//! when more is wanted than the estimate allows, padding fills the line for a tenth of a second, up to twice the estimate, and
//! again as long as that succeeds. At the worst that is some hundredths of the estimate in the mean.

use super::Micros;
use crate::core::packet::ExtSeq;

/// Nothing is known about a line at first: it is asked for more at once.
const FIRST: f64 = 3.0;
const FACTOR: f64 = 2.0;
/// A slower cluster is too few packets to tell anything.
const SLOWEST: f64 = 150_000.0;
/// Beyond what is wanted, which varies.
const MARGIN: f64 = 1.15;
const DURATION: Micros = 100_000;
/// Where delays change by themselves a cluster lasts so many times as long as they reach, so that it stands out.
const STANDS_OUT: Micros = 4;
const MAX_DURATION: Micros = 500_000;
/// Between packets of a cluster.
const TICK: Micros = 5_000;
/// From the end of what a cluster adds to a queue until delays are what they were, besides the time that it takes to drain.
const CLEAR: Micros = 100_000;
const MAX_DRAIN: f64 = 500_000.0;
/// Bytes of one cluster.
const MAX_CLUSTER: f64 = 128_000.0;
/// What must arrive of a cluster for it to count.
const MIN_SHARE: f64 = 0.6;
const MIN_PACKETS: u32 = 5;
/// Feedback on a cluster does not come any more after this time.
const PATIENCE: Micros = 1_500_000;
/// A line that carries less than it was sent was full: a little less than it carried is true.
const SATURATED: f64 = 0.9;
const SATURATED_SHARE: f64 = 0.95;
/// From a cluster that succeeded to the next.
const AGAIN: Micros = 250_000;
/// From a cluster that did not.
const PAUSE: Micros = 4_000_000;
const MAX_PAUSE: Micros = 6_000_000;
/// A result that adds less is none.
const GAIN: f64 = 1.05;

#[derive(Debug, Clone, Copy)]
struct Cluster {
    rate: f64,
    started: Micros,
    duration: Micros,
    bytes: u64,
    /// Number of its first packet and of its last, once they are known.
    first: Option<ExtSeq>,
    last: Option<ExtSeq>,
    ended: Option<Micros>,
    got: Got,
}

/// What arrived of a cluster.
#[derive(Debug, Clone, Copy, Default)]
struct Got {
    packets: u32,
    bytes: u64,
    first_size: u16,
    last_size: u16,
    sent: Option<(Micros, Micros)>,
    arrived: Option<(Micros, Micros)>,
    newest: Option<ExtSeq>,
}

/// What a cluster found out, in bits per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The line carries so much more than the estimate.
    More(f64),
    /// It carries no more than this, which is less.
    Full(f64),
}

/// Probes towards one receiver.
#[derive(Debug, Default)]
pub struct Prober {
    wanted: f64,
    next: Option<Micros>,
    tried: bool,
    failures: u32,
    cluster: Option<Cluster>,
    /// How much delays change by themselves.
    reach: Micros,
    /// From when to when the newest cluster fills the line, at the worst.
    fills: Option<(Micros, Micros)>,
    polled: Option<Micros>,
}

impl Prober {
    /// Bits per second that would be sent if the line allowed it.
    pub fn set_wanted(&mut self, bps: f64) {
        self.wanted = bps;
    }

    pub fn wanted(&self) -> f64 {
        self.wanted
    }

    /// More is wanted than the estimate allows, however little: a layer that lacks one hundredth is not sent.
    pub fn wants_more(&self, estimate: f64) -> bool {
        self.wanted > estimate
    }

    /// How much delays change by themselves, whatever is sent.
    pub fn set_reach(&mut self, reach: Micros) {
        self.reach = reach;
    }

    /// No cluster before this time: the line has just been over-used, or not been heard of yet.
    pub fn wait_until(&mut self, at: Micros) {
        self.next = self.next.max(Some(at));
    }

    /// The line is another one, or was found again: what probes found out is of no more use.
    pub fn begin_anew(&mut self, at: Micros) {
        (self.next, self.failures) = (Some(at), 0);
    }

    /// Did this packet leave while a cluster, or what was left of it, was in its way? Its delay says nothing about the rate.
    pub fn delays(&self, sent: Micros) -> bool {
        self.fills.is_some_and(|(from, until)| (from..until).contains(&sent))
    }

    /// Bytes of padding to send now.
    pub fn poll(&mut self, now: Micros, estimate: f64, cap: f64) -> usize {
        if self.cluster.is_none() && self.wants_more(estimate) && self.next.is_some_and(|at| at <= now) {
            self.start(now, estimate, cap);
        }
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.ended.is_none()) else {
            return 0;
        };
        self.polled = Some(now);
        let elapsed = (now - cluster.started).min(cluster.duration);
        let due = (cluster.rate * (elapsed + TICK) as f64 / 8e6).min(MAX_CLUSTER) - cluster.bytes as f64;
        if now - cluster.started >= cluster.duration || cluster.bytes as f64 >= MAX_CLUSTER {
            cluster.ended = Some(now);
            return 0;
        }
        whole(due)
    }

    fn start(&mut self, now: Micros, estimate: f64, cap: f64) {
        let factor = if self.tried { FACTOR } else { FIRST };
        self.tried = true;
        let rate = (estimate * factor).max(SLOWEST).min(self.wanted * MARGIN).min(cap);
        if rate <= estimate * GAIN {
            self.next = Some(now + PAUSE);
            return;
        }
        let duration = (DURATION + STANDS_OUT * self.reach).min(MAX_DURATION);
        let drains = duration as f64 * (rate / estimate.max(1.0) - 1.0);
        self.fills = Some((now, now + duration + drained(drains) + CLEAR));
        let got = Got::default();
        self.cluster =
            Some(Cluster { rate, started: now, duration, bytes: 0, first: None, last: None, ended: None, got });
    }

    /// Any packet leaves.
    pub fn on_sent(&mut self, number: ExtSeq, size: usize) {
        if let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.ended.is_none()) {
            cluster.first.get_or_insert(number);
            cluster.last = Some(number);
            cluster.bytes += size as u64;
        }
    }

    /// Any packet arrived.
    pub fn on_arrived(&mut self, number: ExtSeq, sent: Micros, arrived: Micros, size: u16) {
        let Some(cluster) = &mut self.cluster else {
            return;
        };
        let (Some(first), Some(last)) = (cluster.first, cluster.last) else {
            return;
        };
        cluster.got.newest = cluster.got.newest.max(Some(number));
        if number >= first && number <= last {
            cluster.got.take(sent, arrived, size);
        }
    }

    /// What the cluster said, once all of it is reported.
    pub fn result(&mut self, now: Micros, estimate: f64) -> Option<Outcome> {
        let cluster = self.cluster?;
        let ended = cluster.ended?;
        let is_reported = cluster.last.is_none() || cluster.got.newest >= cluster.last;
        if !is_reported && now - ended < PATIENCE {
            return None;
        }
        self.cluster = None;
        let rate = |late| cluster.got.rate(cluster.bytes, late);
        let more = rate(self.reach).filter(|(bps, _)| *bps > estimate * GAIN).map(|(bps, _)| Outcome::More(bps));
        let full = || {
            let (bps, is_saturated) = rate(2 * self.reach)?;
            (bps < estimate && is_saturated).then_some(Outcome::Full(bps))
        };
        let outcome = more.or_else(full);
        let pause = if matches!(outcome, Some(Outcome::More(_))) {
            self.failures = 0;
            AGAIN
        } else {
            self.failures = self.failures.saturating_add(1);
            (PAUSE * Micros::from(self.failures)).min(MAX_PAUSE)
        };
        self.next = Some(now + pause);
        outcome
    }

    /// When [`Self::poll`] has something to do.
    pub fn next_wakeup(&self, estimate: f64) -> Option<Micros> {
        match &self.cluster {
            Some(cluster) if cluster.ended.is_none() => Some(self.polled.unwrap_or(cluster.started) + TICK),
            Some(cluster) => cluster.ended.map(|ended| ended + PATIENCE),
            None => self.next.filter(|_| self.wants_more(estimate)),
        }
    }
}

impl Got {
    fn take(&mut self, sent: Micros, arrived: Micros, size: u16) {
        if self.packets == 0 {
            self.first_size = size;
        }
        self.packets += 1;
        self.bytes += u64::from(size);
        let wider = |span: Option<(Micros, Micros)>, at: Micros| match span {
            Some((from, to)) => Some((from.min(at), to.max(at))),
            None => Some((at, at)),
        };
        if self.sent.is_none_or(|(_, to)| sent >= to) {
            self.last_size = size;
        }
        self.sent = wider(self.sent, sent);
        self.arrived = wider(self.arrived, arrived);
    }

    /// Bits per second at which it arrived, and whether that was all that the line carries, of the `bytes` that were sent. Its end
    /// may have come so much later than its beginning by chance.
    fn rate(&self, bytes: u64, late: Micros) -> Option<(f64, bool)> {
        if self.packets < MIN_PACKETS || (self.bytes as f64) < bytes as f64 * MIN_SHARE {
            return None;
        }
        let ((from, to), (first, last)) = (self.sent?, self.arrived?);
        let (took, spread) = ((to - from) as f64, (last - first - late).max((to - from).min(last - first)) as f64);
        if took < TICK as f64 || spread <= 0.0 {
            return None;
        }
        // The last packet leaves after what is measured on one side, the first one arrives before it on the other.
        let sent = self.bytes.saturating_sub(u64::from(self.last_size)) as f64 * 8e6 / took;
        let arrived = self.bytes.saturating_sub(u64::from(self.first_size)) as f64 * 8e6 / spread;
        let is_saturated = arrived < SATURATED * sent;
        Some((if is_saturated { SATURATED_SHARE * arrived } else { arrived.min(sent) }, is_saturated))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is bounded")]
fn drained(micros: f64) -> Micros {
    micros.clamp(0.0, MAX_DRAIN) as Micros
}

#[expect(clippy::cast_possible_truncation, reason = "a cluster is bounded, and less than nothing is nothing")]
fn whole(bytes: f64) -> usize {
    bytes.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs one cluster over a line of `capacity`, with packets of 250 bytes. Answers its result and the bytes it took.
    fn probe(prober: &mut Prober, now: &mut Micros, estimate: f64, capacity: f64) -> (Option<Outcome>, u64) {
        let (mut number, mut free, mut flown) = (ExtSeq(1000), 0, Vec::new());
        *now = prober.next_wakeup(estimate).unwrap();
        for _ in 0..100 {
            let mut due = prober.poll(*now, estimate, 20e6);
            while due > 0 {
                prober.on_sent(number, 250);
                free = free.max(*now) + whole(250.0 * 8e6 / capacity) as i64;
                flown.push((number, *now, free + 20_000));
                number = number.next();
                due = due.saturating_sub(250);
            }
            *now += TICK;
        }
        for (number, sent, arrived) in &flown {
            prober.on_arrived(*number, *sent, *arrived, 250);
        }
        (prober.result(*now, estimate), flown.len() as u64 * 250)
    }

    fn wanting(bps: f64) -> Prober {
        let mut prober = Prober::default();
        prober.set_wanted(bps);
        prober.wait_until(0);
        prober
    }

    #[test]
    fn a_free_line_is_found_free_step_by_step() {
        let (mut prober, mut now, mut estimate) = (wanting(5e6), 0, 300_000.0);
        for _ in 0..3 {
            let (result, _) = probe(&mut prober, &mut now, estimate, 100e6);
            let Some(Outcome::More(result)) = result else { panic!("{result:?}") };
            assert!(result > estimate * 1.7, "{result} after {estimate}");
            estimate = result;
        }
    }

    #[test]
    fn a_full_line_is_found_full_and_left_alone_for_a_while() {
        let (mut prober, mut now) = (wanting(5e6), 0);
        assert_eq!(prober.poll(-1, 285_000.0, 20e6), 0);
        let (result, bytes) = probe(&mut prober, &mut now, 285_000.0, 300_000.0);
        assert_eq!(result, None);
        assert!(bytes < 3 * 285_000 / 80 + 1500, "a tenth of a second at three times the estimate: {bytes}");
        assert_eq!(prober.poll(now + PAUSE - 500_000, 285_000.0, 20e6), 0);
        let (result, _) = probe(&mut prober, &mut now, 200_000.0, 300_000.0);
        assert!(matches!(result, Some(Outcome::More(bps)) if (270_000.0..300_000.0).contains(&bps)), "{result:?}");
        let mut prober = wanting(5e6);
        let (result, _) = probe(&mut prober, &mut now, 400_000.0, 300_000.0);
        assert!(matches!(result, Some(Outcome::Full(bps)) if (270_000.0..300_000.0).contains(&bps)), "{result:?}");
    }

    #[test]
    fn nobody_probes_who_wants_no_more() {
        let mut prober = wanting(300_000.0);
        assert_eq!(prober.poll(10, 300_000.0, 20e6), 0);
        assert!(prober.next_wakeup(300_000.0).is_none());
    }

    #[test]
    fn what_little_lacks_is_probed_for() {
        let (mut prober, mut now) = (wanting(300_000.0), 0);
        let (result, _) = probe(&mut prober, &mut now, 295_000.0, 100e6);
        assert!(matches!(result, Some(Outcome::More(bps)) if bps > 310_000.0), "{result:?}");
    }

    #[test]
    fn a_cluster_never_exceeds_what_is_wanted_or_allowed() {
        let mut prober = wanting(50e6);
        let (_, bytes) = probe(&mut prober, &mut 0, 10e6, 100e6);
        assert!(bytes as f64 <= MAX_CLUSTER + 250.0, "{bytes}");
        let mut prober = wanting(350_000.0);
        let (_, bytes) = probe(&mut prober, &mut 0, 300_000.0, 100e6);
        assert!(bytes as f64 <= 350_000.0 * MARGIN * 0.105 / 8.0 + 250.0, "{bytes}");
    }
}
