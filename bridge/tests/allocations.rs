//! A forwarded packet costs no allocation.
#![allow(
    unreachable_pub,
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may"
)]

#[path = "conference/world.rs"]
mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use bridge::core::{Path, Sink};
use world::World;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that this thread holds.
fn hold(bytes: isize) {
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
}

fn count() {
    // The allocator also runs while a thread ends, when there is nothing to count in.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

#[expect(unsafe_code, reason = "an allocator that counts is an allocator")]
// SAFETY: everything is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        hold(layout.size().cast_signed());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(-layout.size().cast_signed());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        hold(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts datagrams and forgets them.
struct Drain {
    slot: [u8; 1500],
    datagrams: u64,
}

impl Sink for Drain {
    fn slot(&mut self) -> &mut [u8] {
        &mut self.slot
    }

    fn commit(&mut self, _: Path, _: usize) {
        self.datagrams += 1;
    }
}

#[test]
fn no_allocation_for_a_forwarded_packet_in_steady_state() {
    let mut world = World::meeting(10);
    for number in 1..=10 {
        world.film(number, 1, 2, true, &[0, 1, 2]);
    }
    let mut steps = Vec::new();
    for step in 0..200_u16 {
        let mut datagrams = Vec::new();
        for encoding in 0..3 {
            let frame = world.video(1, encoding, 3 + step, false);
            datagrams.push(world.seal(1, &frame));
        }
        let speech = world.audio(1, step, 30);
        datagrams.push(world.seal(1, &speech));
        steps.push(datagrams);
    }
    let path = world::path(1);
    let mut drain = Drain { slot: [0; 1500], datagrams: 0 };
    let (mut allocations, mut forwarded) = (0, 0);
    for (step, mut datagrams) in steps.into_iter().enumerate() {
        world.now += Duration::from_millis(20);
        if world.bridge.next_wakeup().is_some_and(|(at, _)| at <= world.now) {
            world.bridge.on_wakeup(world.now, &mut drain);
        }
        let before = (ALLOCATIONS.get(), world.bridge.stats().forwarded);
        for datagram in &mut datagrams {
            world.bridge.on_datagram(world.now, path, datagram, &mut drain);
        }
        // The history of the last second fills up first.
        if step >= 100 {
            allocations += ALLOCATIONS.get() - before.0;
            forwarded += world.bridge.stats().forwarded - before.1;
        }
    }
    assert_eq!(forwarded, 100 * 2 * 9, "one video encoding and speech to nine others");
    assert_eq!(allocations, 0);
}

#[test]
fn who_sends_nothing_costs_little() {
    let alone = LIVE.get();
    let mut world = World::meeting(20);
    world.run_ms(3000);
    let each = (LIVE.get() - alone) / 20;
    // Mostly the outgoing streams, two for each other participant; the handshake's state comes on top.
    assert!((4096..84 * 1024).contains(&each), "{each} bytes for each of twenty silent participants");
    for number in 1..=20 {
        world.film(number, 1, 30, true, &[0, 1, 2]);
        world.forget();
    }
    world.run_ms(3000);
    world.forget();
    let after = (LIVE.get() - alone) / 20;
    assert!(after < each + 16 * 1024, "{after} bytes three seconds after everybody stopped, {each} before");
}

/// Of virtual time.
const MINUTES: usize = 60;

/// Six people, of whom somebody leaves and comes back, or looks at something else, all the time.
struct Restless {
    world: World,
    /// Somebody's newest frames.
    frames: [u16; 6],
    chance: u64,
}

impl Restless {
    fn begin() -> Self {
        Self { world: World::meeting(6), frames: [1; 6], chance: 1 }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % end
    }

    fn comes_again(&mut self, number: u32) {
        self.world.leave(number);
        self.world.join(number, 3);
        self.world.open_channel(number);
        self.frames[number as usize - 1] = 1;
    }

    fn wants(&mut self, number: u32) {
        let height = [0, 180, 360, 720][self.below(4) as usize];
        let last_n = [-1, 0, 1, 3][self.below(4) as usize];
        self.world.say(
            number,
            &format!(
                r#"{{"colibriClass":"ReceiverVideoConstraints","lastN":{last_n},"defaultConstraints":{{"maxHeight":{height}}}}}"#
            ),
        );
    }

    fn second(&mut self) {
        let number = 1 + self.below(6) as u32;
        match self.below(3) {
            0 => self.comes_again(number),
            _ => self.wants(number),
        }
        for step in 0..5 {
            for number in 1..=6 {
                let frame = self.frames[number as usize - 1];
                self.frames[number as usize - 1] = frame.wrapping_add(1);
                for encoding in 0..3 {
                    let packet = self.world.video(number, encoding, frame, step == 0);
                    self.world.send(number, &packet);
                }
                let speech = self.world.audio(number, frame, 30);
                self.world.send(number, &speech);
            }
            self.world.show_life();
            self.world.run_ms(200);
        }
        self.world.forget();
        self.world.replies.clear();
        self.world.gone.clear();
        self.world.closed.clear();
    }
}

#[test]
fn an_hour_of_joins_leaves_and_switches_leaves_nothing_behind() {
    let begun = LIVE.get();
    let mut restless = Restless::begin();
    let mut most = Vec::new();
    for _ in 0..MINUTES {
        let seconds = (0..60).map(|_| {
            restless.second();
            LIVE.get() - begun
        });
        most.push(seconds.max().unwrap());
    }
    let mean = |minutes: &[isize]| minutes.iter().sum::<isize>() / minutes.len().cast_signed();
    let (early, late) = (mean(&most[..MINUTES / 4]), mean(&most[MINUTES * 3 / 4..]));
    assert!(late < early + early / 50, "bytes at the most in each minute: {most:?}");
    (1..=6).for_each(|number| restless.world.leave(number));
    restless.world.run_ms(60_000);
    assert_eq!(restless.world.bridge.stats().conferences, 0);
    assert_eq!(restless.world.bridge.stats().kept_bytes, 0);
}
