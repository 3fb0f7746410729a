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
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
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
