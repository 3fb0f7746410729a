//! What the path to one receiver carries, told by the feedback on what it was sent.
//!
//! [`book`] knows what is under way, [`delay`] whether a queue grows, [`aimd`] makes a rate of it, [`loss`] bounds that, [`probe`]
//! finds out whether there is more. A receiver without transport-wide numbers may tell by REMB what it thinks itself.
//!
//! **Call order.** [`Bandwidth::on_sent`] for each packet that leaves, [`Bandwidth::on_feedback`] for each feedback,
//! [`Bandwidth::on_wakeup`] when [`Bandwidth::next_wakeup`] says so; then [`Bandwidth::bps`] is true.

pub mod aimd;
pub mod book;
pub mod delay;
pub mod loss;
pub mod probe;
pub mod throughput;

use std::time::{Duration, Instant};

use self::aimd::{Aimd, Input};
use self::book::{Book, News};
use self::delay::{Detector, STANDING, Usage};
use self::loss::Loss;
use self::probe::{Outcome, Prober};
use self::throughput::Throughput;
use crate::core::packet::Seq;
use crate::core::rtcp::{Arrival, TICK, TransportFeedback};

/// Microseconds since the estimator was made, or of the receiver's clock.
pub type Micros = i64;

/// What a line at home is taken to carry before anything is known.
const START: f64 = 1_500_000.0;
/// Speech and a little.
const FLOOR: f64 = 30_000.0;
/// Silence of a receiver that is being sent to: something is wrong with the path, it is sent less.
const STARVED: Micros = 1_000_000;
const STARVED_AGAIN: Micros = 500_000;
const STARVED_FACTOR: f64 = 0.8;
/// Packets overtake each other by less than this: what is reported lost may come within this time.
const OVERTAKEN: Micros = 120_000;
/// Milliseconds in a queue on the way: one that may fill up.
const STANDS: f64 = 30.0;
/// A receiver says again what it can take at least this often; what it said long ago it may not mean any more.
const REMB_LIFE: Duration = Duration::from_secs(10);
/// Until there is an estimate of the round trip.
const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(200);
/// Probes wait this long after over-use, and after the first feedback.
const CALM: Micros = 800_000;
const FIRST_PROBE: Micros = 400_000;
/// Less of the estimate than this is sent: the sender is what limits, not the line.
const LIMITED: f64 = 0.65;
/// The clock of a feedback has 24 bits of 64 ms.
const CLOCK: i64 = 1 << 32;

/// A path as statistics show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathEstimate {
    /// Bits per second that may be sent.
    pub bps: u64,
    /// Bits per second that would be sent if the path carried everything.
    pub wanted_bps: u64,
    /// Share of packets that is lost.
    pub loss: f64,
    /// What stands in queues on the way.
    pub queue: Duration,
}

/// The estimate for one receiver.
#[derive(Debug)]
pub struct Bandwidth {
    epoch: Instant,
    cap: f64,
    book: Book,
    /// Made with the first feedback: who is sent nothing gives none.
    detector: Option<Box<Detector>>,
    throughput: Throughput,
    rate: Aimd,
    loss: Loss,
    prober: Prober,
    /// Bits per second that show every picture that is shown now.
    least: f64,
    /// Transport-wide numbers are negotiated.
    counted: bool,
    first_feedback: Option<Micros>,
    last_feedback: Option<Micros>,
    /// The first packet after the last feedback left then.
    unheard: Option<Micros>,
    starved: Option<Micros>,
    /// The rate from before it starved.
    well_fed: Option<f64>,
    clock: Option<i64>,
    /// The last thing that was reported left then.
    reported: Micros,
    remb: Option<(f64, Instant)>,
}

impl Bandwidth {
    /// `cap`: never more than so many bits per second.
    pub fn new(now: Instant, cap: u64) -> Self {
        let cap = cap as f64;
        Self {
            epoch: now,
            cap,
            book: Book::default(),
            detector: None,
            throughput: Throughput::default(),
            rate: Aimd::new(START.min(cap)),
            loss: Loss::default(),
            prober: Prober::default(),
            least: 0.0,
            counted: false,
            first_feedback: None,
            last_feedback: None,
            unheard: None,
            starved: None,
            well_fed: None,
            clock: None,
            reported: 0,
            remb: None,
        }
    }

    /// Never more than so many bits per second from now on.
    pub fn set_cap(&mut self, cap: u64) {
        self.cap = cap as f64;
    }

    /// Whether this receiver is sent transport-wide numbers, and so is expected to answer them.
    pub fn set_counted(&mut self, counted: bool) {
        self.counted = counted;
    }

    /// Bits per second that may be sent; `None` if nothing tells.
    pub fn bps(&self, now: Instant) -> Option<u64> {
        if !self.counted {
            let (bps, at) = self.remb?;
            return (now.saturating_duration_since(at) < REMB_LIFE).then(|| whole(bps.clamp(FLOOR, self.cap)));
        }
        Some(whole(self.estimate()))
    }

    /// Share of packets that is lost on the way.
    pub fn loss(&self) -> f64 {
        self.loss.ratio()
    }

    /// What a packet waits on the way, as far as is known.
    pub fn queue(&self) -> Duration {
        Duration::from_secs_f64(self.queued() / 1000.0)
    }

    /// For statistics; `None` if nothing is estimated.
    pub fn describe(&self) -> Option<PathEstimate> {
        let told = self.remb.map(|(bps, _)| bps);
        Some(PathEstimate {
            bps: whole(if self.counted { self.estimate() } else { told? }),
            wanted_bps: whole(self.prober.wanted()),
            loss: self.loss(),
            queue: self.queue(),
        })
    }

    fn estimate(&self) -> f64 {
        let bound = self.loss.bound().unwrap_or(f64::MAX);
        self.rate.bps.min(bound).clamp(FLOOR.min(self.cap), self.cap)
    }

    /// A packet with this transport-wide number leaves.
    pub fn on_sent(&mut self, now: Instant, sequence: Seq, size: usize) {
        let at = self.micros(now);
        let number = self.book.on_sent(at, sequence, size);
        self.unheard.get_or_insert(at);
        self.prober.on_sent(number, size);
    }

    /// The receiver says what it can take. Clients that are sent numbers say so all the same: they mean nothing by it.
    pub fn on_remb(&mut self, now: Instant, bps: u64) {
        self.remb = Some((bps as f64, now));
    }

    /// The receiver says what arrived.
    pub fn on_feedback(&mut self, now: Instant, round_trip: Option<Duration>, feedback: &TransportFeedback<'_>) {
        let at = self.micros(now);
        let mut unreported = self.book.skip_to(feedback.base);
        let mut found = self.starved.is_some();
        let mut any = false;
        for (sequence, arrival) in feedback.statuses() {
            let Some(reported) = self.book.report(at, sequence, arrival != Arrival::Lost) else {
                continue;
            };
            any = true;
            self.reported = self.reported.max(reported.sent);
            let Arrival::At(tick) = arrival else {
                continue;
            };
            let arrived = self.unwrap(tick);
            if std::mem::take(&mut found) {
                self.on_found(at, reported.sent);
            }
            let bytes = std::mem::take(&mut unreported) + if reported.counted { 0 } else { u64::from(reported.size) };
            self.throughput.add(arrived, bytes);
            self.prober.on_arrived(reported.number, reported.sent, arrived, reported.size);
            if reported.news == News::Received {
                self.watch_delay(reported.sent, arrived);
            }
        }
        let settled = self.reported - OVERTAKEN;
        while let Some(packet) = self.book.settle(at, settled) {
            self.loss.on_packet(packet.sent, packet.size, packet.received);
        }
        if any {
            self.on_heard(at, round_trip.unwrap_or(DEFAULT_ROUND_TRIP));
        }
    }

    fn watch_delay(&mut self, sent: Micros, arrived: Micros) {
        if self.prober.delays(sent) {
            self.detector.as_mut().into_iter().for_each(|detector| detector.interrupt());
        } else {
            self.detector.get_or_insert_default().on_packet(sent, arrived);
        }
    }

    /// The first packet that arrived after nothing was heard for long left at `sent`: what was lost before, and how late it is,
    /// says nothing about what the line carries.
    fn on_found(&mut self, now: Micros, sent: Micros) {
        self.loss.restart(sent);
        self.detector = None;
        self.throughput = Throughput::default();
        self.prober.begin_anew(now + FIRST_PROBE);
    }

    /// What is sent goes another way from now on. More often than not that leads over the same line, by another port of a router.
    pub fn on_path_changed(&mut self, now: Instant) {
        let at = self.micros(now);
        self.on_found(at, at);
        self.loss = Loss::default();
        self.loss.restart(at);
        let bps = self.well_fed.take().unwrap_or(self.rate.bps);
        self.rate = Aimd::new(bps.max(self.rate.bps));
        (self.starved, self.unheard) = (None, None);
    }

    fn on_heard(&mut self, now: Micros, round_trip: Duration) {
        let elapsed = self.last_feedback.map_or(0.0, |last| (now - last) as f64 / 1e6).clamp(0.0, 1.0);
        if self.first_feedback.is_none() {
            self.first_feedback = Some(now);
            self.prober.wait_until(now + FIRST_PROBE);
        }
        self.last_feedback = Some(now);
        (self.starved, self.unheard, self.well_fed) = (None, None, None);
        let estimate = self.estimate();
        let (recent, steady) = (self.throughput.recent(), self.throughput.steady());
        let known = steady.or(recent);
        let reach = self.detector.as_ref().map_or(0.0, |detector| detector.reach());
        self.prober.set_reach(micros(reach));
        let input = Input {
            usage: self.usage(),
            queue: self.queued(),
            reach,
            recent,
            steady,
            round_trip: Micros::try_from(round_trip.as_micros()).unwrap_or(Micros::MAX),
            limited: known.is_some_and(|bps| bps < LIMITED * estimate),
            least: self.least,
        };
        self.rate.update(now, &input);
        self.rate.bps = self.rate.bps.clamp(FLOOR.min(self.cap), self.cap);
        if self.rate.decreased() == Some(now) {
            self.loss.excuse(now);
        }
        let queued = self.queued() > STANDS;
        self.loss.update(self.reported - OVERTAKEN, estimate, elapsed, queued);
        // What a probe finds out of a line whose queue stands is that it is full, and the queue grows by it.
        let stands = input.queue > STANDING;
        if self.rate.decreased() == Some(now) || self.loss.is_trying() || stands {
            self.prober.wait_until(now + CALM);
        }
        self.take_result(now);
    }

    fn take_result(&mut self, now: Micros) {
        match self.prober.result(now, self.estimate()) {
            Some(Outcome::More(bps)) => {
                self.rate.raise(bps.min(self.cap));
                self.loss.raise(bps);
            }
            Some(Outcome::Full(bps)) => self.rate.lower(bps.max(self.throughput.steady().unwrap_or(bps))),
            None => {}
        }
    }

    /// A probe is over-use by itself, which says nothing.
    fn usage(&self) -> Usage {
        if self.prober.delays(self.reported) {
            Usage::Under
        } else {
            self.detector.as_ref().map_or(Usage::Normal, |detector| detector.usage())
        }
    }

    /// What is on the way beyond an empty line, in milliseconds.
    fn queued(&self) -> f64 {
        self.detector.as_ref().map_or(0.0, |detector| detector.queue())
    }

    /// Bits per second that would be sent if there were no limit: probes aim at that.
    pub fn set_wanted(&mut self, bps: u64) {
        self.prober.set_wanted(bps as f64);
    }

    /// Bits per second that show every picture that is shown now: no trial sends less.
    pub fn set_least(&mut self, bps: u64) {
        self.least = bps as f64;
        self.loss.set_least(self.least);
    }

    /// Less was sent for a while to find out what losses come from, and that is over. Says so once.
    pub fn take_lifted(&mut self) -> bool {
        self.loss.take_lifted()
    }

    /// See [`Self::set_wanted`].
    pub fn wanted(&self) -> u64 {
        whole(self.prober.wanted())
    }

    /// Bytes of padding that a probe needs now.
    pub fn padding(&mut self, now: Instant) -> usize {
        let at = self.micros(now);
        if !self.counted {
            return 0;
        }
        self.prober.poll(at, self.estimate(), self.cap)
    }

    /// Does what is due when nothing is heard.
    pub fn on_wakeup(&mut self, now: Instant) {
        let at = self.micros(now);
        self.take_result(at);
        if self.starves_at().is_some_and(|due| due <= at) {
            self.starved = Some(at);
            let estimate = self.estimate();
            self.well_fed.get_or_insert(estimate);
            self.rate.bps = self.rate.bps.min(estimate);
            self.rate.starve(STARVED_FACTOR);
            self.rate.bps = self.rate.bps.max(FLOOR);
        }
    }

    /// Something was sent since the receiver was last heard of, and nothing came back.
    fn starves_at(&self) -> Option<Micros> {
        let (unheard, newest) = (self.unheard.filter(|_| self.first_feedback.is_some())?, self.book.newest()?);
        let due = self.starved.map_or(unheard + STARVED, |starved| starved + STARVED_AGAIN);
        (newest >= self.starved.unwrap_or(unheard) && self.rate.bps > FLOOR).then_some(due)
    }

    /// When [`Self::on_wakeup`] and [`Self::padding`] have something to do.
    pub fn next_wakeup(&self) -> Option<Instant> {
        let probe = self.prober.next_wakeup(self.estimate()).filter(|_| self.counted);
        let next = [self.starves_at(), probe].into_iter().flatten().min()?;
        Some(self.epoch + Duration::from_micros(u64::try_from(next).unwrap_or(0)))
    }

    fn micros(&self, now: Instant) -> Micros {
        Micros::try_from(now.saturating_duration_since(self.epoch).as_micros()).unwrap_or(Micros::MAX)
    }

    /// The receiver's clock without its wrap, in microseconds.
    fn unwrap(&mut self, tick: i64) -> Micros {
        let tick = match self.clock {
            Some(clock) => clock + (tick - clock + CLOCK / 2).rem_euclid(CLOCK) - CLOCK / 2,
            None => tick,
        };
        self.clock = Some(tick);
        tick * Micros::try_from(TICK.as_micros()).unwrap_or(1)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rates are positive and far below the bounds of the type")]
fn whole(bps: f64) -> u64 {
    bps as u64
}

#[expect(clippy::cast_possible_truncation, reason = "delays are far below the bounds of the type")]
fn micros(milliseconds: f64) -> Micros {
    (milliseconds * 1000.0) as Micros
}

#[cfg(test)]
mod tests;
