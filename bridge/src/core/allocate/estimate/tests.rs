//! The estimator against a model of a line: a queue of bounded length in front of it, loss, jitter, and a receiver that says what
//! arrived.
#![expect(clippy::cast_possible_truncation, reason = "the numbers of tests are small")]

use std::collections::BTreeMap;

use super::*;
use crate::core::ingress::twcc::ArrivalLog;
use crate::core::packet::Ssrc;
use crate::core::rtcp::{Block, Compound, Writer};

const MS: Duration = Duration::from_millis(1);
const MTU: usize = 1200;

/// What the line does.
#[derive(Debug, Clone, Copy)]
struct Line {
    bps: f64,
    /// Longest stay in the queue.
    queue: Duration,
    delay: Duration,
    jitter: Duration,
    /// Nothing overtakes: jitter is then a queue elsewhere that fills and empties.
    in_order: bool,
    /// Of a thousand packets, either way.
    loss: u32,
}

fn line(bps: f64) -> Line {
    Line { bps, queue: MS * 300, delay: MS * 20, jitter: Duration::ZERO, in_order: false, loss: 0 }
}

/// What is sent: frames of one size 30 times a second that take what the estimate allows, at most `most`, and speech.
struct Model {
    now: Instant,
    start: Instant,
    line: Line,
    most: f64,
    bandwidth: Bandwidth,
    log: ArrivalLog,
    sequence: Seq,
    free: Instant,
    /// The last arrival there, and here.
    last: [Instant; 2],
    flying: BTreeMap<(Instant, u64), (Seq, usize)>,
    returning: BTreeMap<(Instant, u64), Vec<u8>>,
    count: u64,
    random: u64,
    feedback: bool,
    /// There is neither picture nor speech to send.
    silent: bool,
    padding: u64,
    /// Longest stay in the queue since it was set to zero.
    stay: Duration,
    stays: Vec<Duration>,
    estimates: Vec<f64>,
}

impl Model {
    fn new(line: Line, seed: u64) -> Self {
        let now = Instant::now();
        let mut bandwidth = Bandwidth::new(now, 20_000_000);
        bandwidth.set_counted(true);
        bandwidth.set_wanted(20_000_000);
        Self {
            now,
            start: now,
            line,
            most: f64::MAX,
            bandwidth,
            log: ArrivalLog::new(now),
            sequence: Seq(65_000),
            free: now,
            last: [now; 2],
            flying: BTreeMap::new(),
            returning: BTreeMap::new(),
            count: 0,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            feedback: true,
            silent: false,
            padding: 0,
            stay: Duration::ZERO,
            stays: Vec::new(),
            estimates: Vec::new(),
        }
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }

    fn is_lost(&mut self) -> bool {
        self.random() % 1000 < u64::from(self.line.loss)
    }

    /// When arrives what leaves the queue at `from`, that way?
    fn arrival(&mut self, from: Instant, way: usize) -> Instant {
        let jitter = self.line.jitter.as_micros() as u64;
        let shaken = Duration::from_micros(if jitter == 0 { 0 } else { self.random() % jitter });
        let arrival = from + self.line.delay + shaken;
        self.last[way] = self.last[way].max(arrival);
        if self.line.in_order { self.last[way] } else { arrival }
    }

    fn send(&mut self, size: usize) {
        let sequence = self.sequence;
        self.sequence = sequence.next();
        self.bandwidth.on_sent(self.now, sequence, size);
        self.count += 1;
        let stay = self.free.saturating_duration_since(self.now);
        if stay > self.line.queue || self.is_lost() {
            return;
        }
        self.stay = self.stay.max(stay);
        self.stays.push(stay);
        self.free = self.now.max(self.free) + Duration::from_secs_f64(size as f64 * 8.0 / self.line.bps);
        let arrival = self.arrival(self.free, 0);
        self.flying.insert((arrival, self.count), (sequence, size));
    }

    fn step(&mut self) {
        self.now += MS;
        let (now, at) = (self.now, (self.now - self.start).as_millis());
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((arrival, _), (sequence, size)) = entry.remove_entry();
            if self.log.on_packet(arrival, sequence, Ssrc(7), size < MTU && size != 100, size) && self.feedback {
                self.report(arrival);
            }
        }
        if self.feedback && self.log.next_wakeup().is_some_and(|(at, _)| at <= now) {
            self.report(now);
        }
        while let Some(entry) = self.returning.first_entry().filter(|entry| entry.key().0 <= now) {
            let (_, bytes) = entry.remove_entry();
            for block in Compound::iter(&bytes) {
                if let Block::TransportFeedback(feedback) = block {
                    self.bandwidth.on_feedback(now, Some(self.line.delay * 2), &feedback);
                }
            }
        }
        if self.bandwidth.next_wakeup().is_some_and(|at| at <= now) {
            self.bandwidth.on_wakeup(now);
            let mut due = self.bandwidth.padding(now);
            while due > 0 {
                self.padding += 290;
                self.send(290);
                due = due.saturating_sub(290);
            }
        }
        self.estimates.push(self.bandwidth.estimate());
        if self.silent {
            return;
        }
        if at.is_multiple_of(20) {
            self.send(100);
        }
        if at.is_multiple_of(33) {
            let video = (self.bandwidth.estimate() - 40_000.0).clamp(0.0, self.most);
            let mut frame = whole(video * 0.033 / 8.0) as usize;
            while frame > 0 {
                self.send(frame.min(MTU));
                frame = frame.saturating_sub(MTU);
            }
        }
    }

    fn report(&mut self, at: Instant) {
        let mut more = true;
        while more {
            let mut buffer = [0; 1200];
            let mut writer = Writer::new(&mut buffer);
            more = self.log.write_feedback(at, Ssrc(1), &mut writer).unwrap_or(false);
            let len = writer.len();
            self.count += 1;
            if len > 0 && !self.is_lost() {
                let arrival = self.arrival(at, 1);
                self.returning.insert((arrival, self.count), buffer[..len].to_vec());
            }
        }
    }

    /// Answers the mean estimate, and forgets what was before.
    fn run(&mut self, seconds: u64) -> f64 {
        self.estimates.clear();
        self.stay = Duration::ZERO;
        self.stays.clear();
        (0..seconds * 1000).for_each(|_| self.step());
        self.estimates.iter().sum::<f64>() / self.estimates.len() as f64
    }

    fn mean_stay(&self) -> Duration {
        self.stays.iter().sum::<Duration>() / self.stays.len() as u32
    }

    fn least(&self) -> f64 {
        self.estimates.iter().copied().fold(f64::MAX, f64::min)
    }

    fn most(&self) -> f64 {
        self.estimates.iter().copied().fold(0.0, f64::max)
    }
}

#[test]
fn the_estimate_is_near_the_truth_at_any_rate_loss_and_jitter() {
    for bps in [150_000.0, 300_000.0, 1e6, 2e6, 5e6] {
        for loss in [0, 20, 100] {
            for jitter in [0, 10, 30] {
                let mut model =
                    Model::new(Line { loss, jitter: MS * jitter, ..line(bps) }, 1 + u64::from(loss + jitter));
                model.run(15);
                let mean = model.run(30) / bps;
                let (least, most) = (model.least() / bps, model.most() / bps);
                println!(
                    "{bps:>9} loss {loss:>3} jitter {jitter:>2}: {mean:.2} ({least:.2} to {most:.2}), {:?} in the queue, padding {}",
                    model.mean_stay(),
                    model.padding
                );
                assert!((0.7..1.05).contains(&mean), "{bps} with {loss}/1000 lost and {jitter} ms jitter: {mean}");
            }
        }
    }
}

/// A hundred milliseconds come and go by themselves.
fn shaken(bps: f64, in_order: bool) -> Line {
    Line { jitter: MS * 100, in_order, ..line(bps) }
}

#[test]
fn delays_that_change_by_themselves_are_no_queue() {
    let ways = [true, false].into_iter();
    for (in_order, most) in ways.flat_map(|way| [150_000.0, 600_000.0, 1.5e6].map(|most| (way, most))) {
        for seed in 1..=20 {
            let mut model = Model::new(shaken(50e6, in_order), seed);
            model.most = most;
            model.bandwidth.set_wanted(whole(most * 1.1) + 50_000);
            model.run(5);
            model.run(60);
            let enough = most + 40_000.0;
            let least = model.least() / enough;
            let short = model.estimates.iter().filter(|bps| **bps < 0.8 * enough).count() as f64 / 60_000.0;
            assert!(
                least > 0.55 && short < 0.1,
                "in order: {in_order}, {most}, seed {seed}: {least:.2}, {short:.2} of the time"
            );
        }
    }
}

#[test]
fn where_delays_change_by_themselves_a_narrow_line_is_still_found() {
    for seed in 1..=10 {
        let mut model = Model::new(shaken(2e6, true), seed);
        assert!(model.run(20) > 1.0e6, "seed {seed}");
        model.line.bps = 300_000.0;
        model.run(3);
        let after = model.bandwidth.estimate();
        assert!(after < 350_000.0, "seed {seed}: {after} three seconds after the step");
        model.run(10);
        assert!(model.mean_stay() < MS * 180, "seed {seed}: {:?} in the queue", model.mean_stay());
        model.line.bps = 2e6;
        model.run(12);
        let after = model.bandwidth.estimate();
        assert!(after > 1.1e6, "seed {seed}: {after} twelve seconds after the line is wide again");
    }
}

#[test]
fn a_line_that_becomes_narrow_is_followed_at_once_and_one_that_becomes_wide_soon() {
    for seed in 1..=10 {
        let mut model = Model::new(Line { jitter: MS * 5, ..line(2e6) }, seed);
        assert!(model.run(20) > 1.0e6);
        model.line.bps = 300_000.0;
        model.run(2);
        let after = model.bandwidth.estimate();
        assert!(after < 350_000.0, "seed {seed}: {after} two seconds after the step");
        model.run(10);
        assert!(model.mean_stay() < MS * 100, "seed {seed}: {:?} in the queue", model.mean_stay());
        model.line.bps = 2e6;
        model.run(10);
        let after = model.bandwidth.estimate();
        assert!(after > 1.3e6, "seed {seed}: {after} ten seconds after the line is wide again");
    }
}

#[test]
fn checklist_92_a_bottleneck_with_a_long_queue_is_filled_without_filling_the_queue() {
    let mut model = Model::new(line(1e6), 3);
    model.run(15);
    let mean = model.run(20);
    assert!((0.7e6..1.0e6).contains(&mean), "{mean}");
    assert!(model.mean_stay() < MS * 50 && model.stay < MS * 200, "{:?} of {:?}", model.mean_stay(), model.stay);
    model.line.bps = 2e6;
    model.run(10);
    assert!(model.bandwidth.estimate() > 1.4e6, "{}", model.bandwidth.estimate());
}

#[test]
fn checklist_93_without_feedback_less_and_less_is_sent() {
    let mut model = Model::new(line(2e6), 4);
    model.run(15);
    let before = model.bandwidth.estimate();
    model.feedback = false;
    model.run(5);
    let starved = model.bandwidth.estimate();
    assert!(starved < before / 2.0, "{starved} after {before}");
    model.feedback = true;
    model.run(8);
    assert!(model.bandwidth.estimate() > before * 0.7, "{}", model.bandwidth.estimate());
}

#[test]
fn silence_of_a_receiver_that_is_sent_nothing_means_nothing() {
    let mut model = Model::new(line(2e6), 5);
    model.run(10);
    let before = model.bandwidth.bps(model.now);
    for _ in 0..60 {
        model.now += Duration::from_secs(1);
        model.bandwidth.on_wakeup(model.now);
    }
    // What had left before the silence was still to be heard of, once.
    assert!(model.bandwidth.bps(model.now) >= before.map(|bps| bps / 4 * 3));
}

#[test]
fn a_receiver_that_was_away_and_is_sent_nothing_is_found_again() {
    let mut model = Model::new(line(2e6), 5);
    model.most = 500_000.0;
    model.run(10);
    model.feedback = false;
    model.run(20);
    assert!(model.bandwidth.estimate() <= FLOOR * 2.0, "{}", model.bandwidth.estimate());
    model.feedback = true;
    model.silent = true;
    model.run(25);
    assert!(model.bandwidth.estimate() > 1e6, "{}", model.bandwidth.estimate());
}

#[test]
fn what_is_not_used_is_not_believed_to_be_there() {
    let mut model = Model::new(line(50e6), 6);
    model.bandwidth.set_wanted(0);
    model.most = 200_000.0;
    model.run(60);
    let most = model.most();
    assert!(most <= START, "{most} when 240 kbit/s were sent");
    assert_eq!(model.padding, 0, "and nothing more was wanted");
}

#[test]
fn padding_finds_what_little_media_does_not_show() {
    let mut model = Model::new(line(3e6), 7);
    model.bandwidth.set_wanted(2_500_000);
    model.most = 150_000.0;
    model.run(10);
    assert!(model.bandwidth.estimate() > 2.3e6, "{}", model.bandwidth.estimate());
    let padding = model.padding;
    model.run(60);
    assert!(model.padding - padding < 2_000_000, "and then leaves the line alone: {}", model.padding - padding);
}

#[test]
fn a_short_queue_that_only_drops_is_found_by_loss() {
    let mut model = Model::new(Line { queue: MS * 15, ..line(1e6) }, 8);
    model.run(20);
    let mean = model.run(40);
    assert!((0.5e6..1.25e6).contains(&mean), "{mean}");
}

#[test]
fn checklist_81_remb_counts_only_without_transport_wide_numbers() {
    let now = Instant::now();
    let mut bandwidth = Bandwidth::new(now, 4_000_000);
    assert_eq!(bandwidth.bps(now), None);
    bandwidth.on_remb(now, 700_000);
    assert_eq!(bandwidth.bps(now), Some(700_000));
    bandwidth.on_remb(now, 70_000_000);
    assert_eq!(bandwidth.bps(now), Some(4_000_000));
    assert_eq!(bandwidth.bps(now + REMB_LIFE), None);
    bandwidth.set_counted(true);
    assert_eq!(bandwidth.bps(now), Some(1_500_000));
}
