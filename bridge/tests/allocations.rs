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
