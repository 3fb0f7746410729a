//! Does a queue grow on the way? Told by how the delay of packets changes.
//!
//! Packets are taken in groups of 5 ms. There is no pacer between this bridge and its receivers: a frame leaves in one burst, which
//! makes a queue of its own and drains again. So the delay of a group is that of its least delayed packet, and what is looked at is
//! the least delay of the last 100 ms: what a burst adds is gone from it, what stays is the queue that does not drain. A line is
//! laid through it, and how steep it may rise adapts to how much it shakes.
//!
//! On some paths delays come and go by themselves, whatever is sent. How much is measured, and a queue must stand higher than that.

use heapless::{Deque, HistoryBuf};

use super::Micros;

/// Packets that leave within this time are one group.
const GROUP: Micros = 5_000;
/// Longer than frames are apart at 15 per second.
const LEAST_OF: Micros = 100_000;
/// Groups of [`LEAST_OF`].
const MAX_RECENT: usize = 24;
/// Points of the line.
const WINDOW: usize = 20;
/// Fewer do not make a line.
const MIN_WINDOW: usize = 10;
/// Older points say nothing about now.
const WINDOW_SPAN: f64 = 2000.0;
const GAIN: f64 = 4.0;
/// A line through more points is trusted more, up to this many.
const MAX_COUNT: u32 = 60;
const THRESHOLD: f64 = 12.5;
const THRESHOLD_BOUNDS: (f64, f64) = (6.0, 600.0);
/// A trend further off than this is an event, not noise to get used to.
const MAX_ADAPTED: f64 = 15.0;
const ADAPT_UP: f64 = 0.0087;
const ADAPT_DOWN: f64 = 0.039;
/// Over the threshold for this long, in milliseconds, is over-use.
const SUSTAINED: f64 = 10.0;
/// A lower queue is noise however it grows.
const LOWEST: f64 = 20.0;
/// A queue that stands this high is over-use, growing or not.
pub const STANDING: f64 = 100.0;
/// Times of [`LEAST_OF`] over which it is told how much the delay shakes: three seconds.
const SHAKES: usize = 30;
/// To the millisecond; what shakes more than all of a byte shakes enough.
const STEPS: f64 = 4.0;
/// Fewer tell nothing.
const MIN_SHAKES: usize = 3;
/// What shakes reaches this many times as far as it mostly does.
const REACH: f64 = 6.0;
/// What frames and speech do to each other.
const STILL: f64 = 2.5;
/// The least delay seen in this time is that of an empty line.
const BASE_SPAN: Micros = 5_000_000;
/// A change of delay beyond this is another clock.
const MAX_CHANGE: f64 = 10_000.0;

/// What the delay says about the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Usage {
    #[default]
    Normal,
    /// More is sent than the line carries.
    Over,
    /// A queue drains.
    Under,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    sent: Micros,
    arrived: Micros,
    /// In milliseconds, from an unknown origin.
    delay: f64,
}

/// The delay of one way, watched.
#[derive(Debug, Default)]
pub struct Detector {
    origin: Option<Micros>,
    group: Option<Group>,
    /// Delays of [`LEAST_OF`], each less than all that came after it: the first one is the least.
    recent: Deque<(Micros, f64), MAX_RECENT>,
    points: Deque<(f64, f64), WINDOW>,
    count: u32,
    last_arrival: Option<Micros>,
    last_slope: f64,
    threshold: Option<f64>,
    over_for: f64,
    over_count: u32,
    base: Base,
    shake: Shake,
    least: f64,
    usage: Usage,
}

impl Detector {
    /// A packet that arrived. Packets come in the order in which they were sent.
    pub fn on_packet(&mut self, sent: Micros, arrived: Micros) {
        let origin = *self.origin.get_or_insert(arrived - sent);
        let delay = (arrived - sent - origin) as f64 / 1000.0;
        let fresh = Group { sent, arrived, delay };
        match &mut self.group {
            Some(group) if (delay - group.delay).abs() > MAX_CHANGE => *self = Self::default(),
            Some(group) if sent < group.sent => {}
            Some(group) if sent - group.sent <= GROUP => {
                group.delay = group.delay.min(delay);
                group.arrived = group.arrived.max(arrived);
            }
            _ => {
                if let Some(group) = self.group.replace(fresh) {
                    self.on_group(group);
                }
            }
        }
    }

    /// What follows does not go on from what was: nothing of the time between was looked at.
    pub fn interrupt(&mut self) {
        self.group = None;
        self.recent.clear();
        self.points.clear();
        (self.over_for, self.over_count) = (0.0, 0);
    }

    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// What is on the way beyond an empty line, in milliseconds.
    pub fn queue(&self) -> f64 {
        (self.least - self.base.get()).max(0.0)
    }

    /// How much of what is on the way may come and go by itself, in milliseconds.
    pub fn reach(&self) -> f64 {
        (REACH * (self.shake.mostly - STILL)).max(0.0)
    }

    fn on_group(&mut self, group: Group) {
        self.shake.take(group.sent, group.delay);
        while self.recent.back().is_some_and(|(_, delay)| *delay >= group.delay) {
            self.recent.pop_back();
        }
        while self.recent.is_full() || self.recent.front().is_some_and(|(sent, _)| group.sent - sent > LEAST_OF) {
            self.recent.pop_front();
        }
        let _ = self.recent.push_back((group.sent, group.delay));
        self.least = self.recent.front().map_or(group.delay, |(_, delay)| *delay);
        self.base.take(group.sent, self.least);
        let arrived = group.arrived as f64 / 1000.0;
        while self.points.is_full() || self.points.front().is_some_and(|(at, _)| arrived - at > WINDOW_SPAN) {
            self.points.pop_front();
        }
        let _ = self.points.push_back((arrived, self.least));
        self.count = (self.count + 1).min(MAX_COUNT);
        let elapsed = self.last_arrival.map_or(0.0, |last| (group.arrived - last) as f64 / 1000.0).max(0.0);
        self.last_arrival = Some(group.arrived);
        if self.points.len() >= MIN_WINDOW {
            self.judge(slope(&self.points), elapsed);
        }
    }

    fn judge(&mut self, slope: f64, elapsed: f64) {
        let trend = slope * f64::from(self.count) * GAIN;
        let threshold = self.threshold.unwrap_or(THRESHOLD);
        if trend > threshold {
            self.over_for += if self.over_count == 0 { elapsed / 2.0 } else { elapsed };
            self.over_count += 1;
            let is_sustained = self.over_for > SUSTAINED && self.over_count > 1;
            if self.queue() <= LOWEST + self.reach() {
                self.usage = Usage::Normal;
            } else if is_sustained && slope >= self.last_slope {
                (self.over_for, self.over_count) = (0.0, 0);
                self.usage = Usage::Over;
            }
        } else {
            (self.over_for, self.over_count) = (0.0, 0);
            self.usage = match trend {
                trend if trend < -threshold => Usage::Under,
                _ if self.queue() > STANDING + self.reach() => Usage::Over,
                _ => Usage::Normal,
            };
        }
        self.last_slope = slope;
        self.adapt(trend.abs(), threshold, elapsed);
    }

    fn adapt(&mut self, trend: f64, threshold: f64, elapsed: f64) {
        if trend > threshold + MAX_ADAPTED {
            return;
        }
        let speed = if trend < threshold { ADAPT_DOWN } else { ADAPT_UP };
        let (least, most) = THRESHOLD_BOUNDS;
        let adapted = threshold + speed * (trend - threshold) * elapsed.min(100.0);
        self.threshold = Some(adapted.clamp(least, most));
    }
}

/// Least-squares slope. Sums are taken from the first point on, so that they stay small however long it has gone on.
fn slope(points: &Deque<(f64, f64), WINDOW>) -> f64 {
    let Some((first_x, first_y)) = points.front().copied() else { return 0.0 };
    let count = points.len() as f64;
    let (older, newer) = points.as_slices();
    let (mut sum_x, mut sum_y, mut sum_xx, mut sum_xy) = (0.0, 0.0, 0.0, 0.0);
    for half in [older, newer] {
        for (x, y) in half {
            let (x, y) = (x - first_x, y - first_y);
            (sum_x, sum_y) = (sum_x + x, sum_y + y);
            (sum_xx, sum_xy) = (sum_xx + x * x, sum_xy + x * y);
        }
    }
    let across = sum_xx - sum_x * sum_x / count;
    if across > 0.0 { (sum_xy - sum_x * sum_y / count) / across } else { 0.0 }
}

/// How much the least delay differs from one tenth of a second to the next. A queue of ours grows and drains: that is a line, and
/// what differs is how far each point is off the line between its neighbours. Other people's queues and radio come and go.
#[derive(Debug, Default)]
struct Shake {
    /// From when on, and the least delay since.
    block: Option<(Micros, f64)>,
    last: Option<(f64, f64)>,
    /// A byte for each, since there are hundreds of receivers.
    shakes: HistoryBuf<u8, SHAKES>,
    /// Half of the time more, half of the time less.
    mostly: f64,
}

impl Shake {
    fn take(&mut self, at: Micros, delay: f64) {
        match &mut self.block {
            Some((since, least)) if at - *since <= LEAST_OF => *least = least.min(delay),
            _ => {
                if let Some((_, least)) = self.block.replace((at, delay)) {
                    self.on_block(least);
                }
            }
        }
    }

    fn on_block(&mut self, least: f64) {
        if let Some((before, middle)) = self.last {
            self.shakes.write(steps((middle - (before + least) / 2.0).abs()));
        }
        self.last = Some((self.last.map_or(least, |(_, middle)| middle), least));
        let mut sorted: heapless::Vec<u8, SHAKES> = self.shakes.iter().copied().collect();
        sorted.sort_unstable();
        let middle = sorted.get(sorted.len() / 2).filter(|_| sorted.len() >= MIN_SHAKES);
        self.mostly = middle.map_or(0.0, |steps| f64::from(*steps) / STEPS);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
fn steps(milliseconds: f64) -> u8 {
    (milliseconds * STEPS).round().clamp(0.0, f64::from(u8::MAX)) as u8
}

/// The least delay of the last five to ten seconds: clocks drift, and paths change.
#[derive(Debug, Default)]
struct Base {
    since: Option<Micros>,
    current: f64,
    previous: Option<f64>,
}

impl Base {
    fn take(&mut self, at: Micros, delay: f64) {
        match self.since {
            Some(since) if at - since < BASE_SPAN => self.current = self.current.min(delay),
            Some(_) => {
                self.previous = Some(self.current);
                (self.since, self.current) = (Some(at), delay);
            }
            None => (self.since, self.current) = (Some(at), delay),
        }
    }

    fn get(&self) -> f64 {
        self.previous.map_or(self.current, |previous| previous.min(self.current))
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the numbers of tests are small")]
mod tests {
    use super::*;

    /// Packets every 10 ms that meet the delay `at` says; what was seen on the way.
    fn run(detector: &mut Detector, from: i64, count: i64, at: impl Fn(i64) -> f64) -> Vec<Usage> {
        let one = |packet: i64| {
            let sent = (from + packet) * 10_000;
            detector.on_packet(sent, sent + 20_000 + (at(packet) * 1000.0) as i64);
            detector.usage()
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn a_growing_queue_is_over_use_and_a_draining_one_under_use() {
        let mut detector = Detector::default();
        assert!(run(&mut detector, 0, 200, |_| 0.0).iter().all(|usage| *usage == Usage::Normal));
        let grows = run(&mut detector, 200, 50, |packet| packet as f64 * 2.0);
        let first = grows.iter().position(|usage| *usage == Usage::Over);
        assert!(first.is_some_and(|packet| packet < 30), "{first:?}");
        let drains = run(&mut detector, 250, 60, |packet| (100.0 - packet as f64 * 4.0).max(0.0));
        assert!(drains.contains(&Usage::Under));
        let ends = run(&mut detector, 310, 100, |_| 0.0);
        assert_eq!(ends.last(), Some(&Usage::Normal));
    }

    #[test]
    fn bursts_and_jitter_are_no_over_use() {
        let mut detector = Detector::default();
        let noise = |packet: i64| f64::from(u32::try_from(packet * 7919 % 31).unwrap());
        assert!(!run(&mut detector, 0, 1000, noise).contains(&Usage::Over), "jitter of 30 ms");
        let burst = |packet: i64| 60.0 - 10.0 * (packet % 7) as f64;
        assert!(!run(&mut detector, 1000, 1000, burst).contains(&Usage::Over), "a frame takes 60 ms of the line");
    }

    #[test]
    fn a_queue_that_stands_is_over_use() {
        let mut detector = Detector::default();
        run(&mut detector, 0, 200, |_| 0.0);
        let stands = run(&mut detector, 200, 200, |packet| (packet as f64).min(150.0));
        assert_eq!(stands.last(), Some(&Usage::Over));
        assert!((detector.queue() - 149.0).abs() < 2.0, "{}", detector.queue());
    }

    #[test]
    fn a_clock_that_jumps_begins_anew() {
        let mut detector = Detector::default();
        run(&mut detector, 0, 100, |_| 0.0);
        assert!(run(&mut detector, 100, 100, |_| 60_000.0).iter().all(|usage| *usage == Usage::Normal));
        assert!(detector.queue() < 1.0);
    }
}
