//! Takes packets through one hop of the packet path and does nothing else that counts, so that its instructions can be counted from
//! outside: `hops HOP PACKETS`. What counts is what [`counted`] calls. Without a hop, it lists them.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a crash is a failed measurement"
)]

#[path = "../tests/conference/world.rs"]
mod world;

use std::time::Duration;

use bridge::core::packet::{RtpHeader, Seq, Ssrc};
use bridge::core::{Path, Sink};
use world::World;

/// What a full video packet carries beyond the little that the world puts into one.
const MORE: usize = 900;
/// Until histories and windows are full.
const WARM: u16 = 120;
/// From one packet to the next.
const PACE: Duration = Duration::from_millis(10);
/// Packets that one feedback reports.
const REPORTED: u16 = 10;
/// Ticks of 250 µs between their arrivals (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1).
const TICKS: i64 = 40;

/// Takes so many packets through a hop.
type Hops = fn(u16);

/// What may become of a packet.
const HOPS: &[(&str, Hops)] = &[
    ("received, wanted by nobody", |packets| video(2, 0, packets)),
    ("video to one", |packets| video(2, 2, packets)),
    ("video to nine", |packets| video(10, 2, packets)),
    ("speech to nine", speech),
    ("sent again", sent_again),
    ("feedback on ten", feedback),
];

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(name), Some(packets)) = (args.next(), args.next()) else {
        HOPS.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let (_, hop) = HOPS.iter().find(|(hop, _)| *hop == name).expect("one of the hops");
    hop(packets.parse().expect("how many packets"));
}

/// Forgets what the bridge sends, but for the newest media.
struct Drain {
    slot: [u8; 1500],
    newest: Vec<u8>,
    media: u64,
}

impl Sink for Drain {
    fn slot(&mut self) -> &mut [u8] {
        &mut self.slot
    }

    fn commit(&mut self, _: Path, len: usize) {
        if !(192..=223).contains(&self.slot[1]) {
            self.newest.clear();
            self.newest.extend(&self.slot[..len]);
            self.media += 1;
        }
    }
}

struct Hop {
    world: World,
    drain: Drain,
}

impl Hop {
    /// A meeting in which everybody gets the largest of three encodings of everybody else.
    fn of(size: u32) -> Self {
        let mut world = World::meeting(size);
        for number in 1..=size {
            world.film(number, 1, 3, true, &[0, 1, 2]);
        }
        Self { world, drain: Drain { slot: [0; 1500], newest: Vec::with_capacity(1500), media: 0 } }
    }

    /// A full packet of the first one's camera.
    fn frame(&mut self, encoding: u32, step: u16) -> Vec<u8> {
        let mut frame = self.world.video(1, encoding, 4 + step, false);
        frame.extend([0; MORE]);
        self.world.seal(1, &frame)
    }

    /// Time passes until the next packet.
    fn wait(&mut self) {
        self.world.now += PACE;
        while self.world.bridge.next_wakeup().is_some_and(|(at, _)| at <= self.world.now) {
            self.world.bridge.on_wakeup(self.world.now, &mut self.drain);
        }
    }

    /// Takes what came this way through the bridge.
    fn take(&mut self, path: Path, datagram: &mut [u8]) {
        self.world.bridge.on_datagram(self.world.now, path, datagram, &mut self.drain);
    }

    /// Takes what the first one sends in each step through the bridge. The last datagram of each of the last `packets` steps counts;
    /// makes sure that it goes to so many others.
    fn forward(&mut self, steps: Vec<Vec<Vec<u8>>>, packets: u16, receivers: u64) {
        let uncounted = steps.len() - usize::from(packets);
        let (mut sent, path) = (0, world::path(1));
        for (step, mut datagrams) in steps.into_iter().enumerate() {
            self.wait();
            let mut last = datagrams.pop().unwrap();
            datagrams.iter_mut().for_each(|datagram| self.take(path, datagram));
            let before = self.drain.media;
            if step < uncounted {
                self.take(path, &mut last);
            } else {
                counted(self, path, &mut last);
                sent += self.drain.media - before;
            }
        }
        assert_eq!(sent, receivers * u64::from(packets), "what is counted is what is said");
    }
}

/// What the instructions of are counted, with all that it calls.
#[inline(never)]
fn counted(hop: &mut Hop, path: Path, datagram: &mut [u8]) {
    hop.take(path, datagram);
}

/// The largest encoding is what the others get.
fn video(size: u32, encoding: u32, packets: u16) {
    let mut hop = Hop::of(size);
    let order = [(encoding + 1) % 3, (encoding + 2) % 3, encoding];
    let steps = (0..WARM + packets).map(|step| order.iter().map(|encoding| hop.frame(*encoding, step)).collect());
    let steps = steps.collect();
    hop.forward(steps, packets, if encoding == 2 { u64::from(size) - 1 } else { 0 });
}

fn speech(packets: u16) {
    let mut hop = Hop::of(10);
    let steps = (0..WARM + packets).map(|step| {
        let speech = hop.world.audio(1, step, 30);
        vec![hop.world.seal(1, &speech)]
    });
    let steps = steps.collect();
    hop.forward(steps, packets, 9);
}

/// Every packet is asked for again by the one who gets it.
fn sent_again(packets: u16) {
    let mut hop = Hop::of(2);
    for step in 0..packets {
        let mut frame = hop.frame(2, step);
        hop.take(world::path(1), &mut frame);
        let sent = RtpHeader::parse(&hop.drain.newest).unwrap();
        // As slowly as a receiver may have it.
        (0..4).for_each(|_| hop.wait());
        let mut nack = hop.world.seal_rtcp(2, |writer| writer.nack(Ssrc(1), sent.ssrc, &[sent.sequence]).map(|_| ()));
        let before = hop.drain.media;
        counted(&mut hop, world::path(2), &mut nack);
        assert_eq!(hop.drain.media, before + 1, "it is sent again");
    }
}

/// The one who gets the packets reports that ten of them came as they were sent.
fn feedback(packets: u16) {
    let mut hop = Hop::of(2);
    let mut first = None;
    for count in 0..packets {
        let mut numbers = Vec::new();
        for step in 0..REPORTED {
            let mut frame = hop.frame(2, count * REPORTED + step);
            hop.wait();
            hop.take(world::path(1), &mut frame);
            let sent = RtpHeader::parse(&hop.drain.newest).unwrap();
            let number = sent.element(&hop.drain.newest, world::TRANSPORT_CC).unwrap();
            numbers.push(Seq(u16::from_be_bytes([number[0], number[1]])));
        }
        let first = *first.get_or_insert(numbers[0]);
        let arrivals = (0..i64::from(REPORTED)).map(|step| Some((i64::from(count * REPORTED) + step) * TICKS));
        let base = numbers[0];
        assert_eq!(base, first.plus(count * REPORTED), "nothing else is sent");
        let mut feedback = hop.world.seal_rtcp(2, |writer| {
            writer.transport_feedback(Ssrc(1), Ssrc(2), count as u8, base, arrivals, 0).map(|_| ())
        });
        counted(&mut hop, world::path(2), &mut feedback);
    }
}
