//! What parts of the bridge hold on the heap, on virtual time and with real handshakes: what [`Counting`] counts, while it is the
//! allocator of the program.

use crate::bot::Bot;
use crate::bot::keys::Offer;
use crate::bot::sender::Load;
use crate::meeting::{ask, good, world};
use crate::world::World;
use bridge::core::BridgeConfig;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

/// The system's allocator, which counts what each thread holds.
pub struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn hold(bytes: isize) {
    // The allocator also runs while a thread ends, when there is nothing to count in.
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

#[expect(unsafe_code, reason = "an allocator that counts is an allocator")]
// SAFETY: everything is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
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
        hold(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Together two megabits a second, if somebody looks at the highest encoding.
const TWO_MEGABITS: Load =
    Load { audio: true, encodings: 3, frames_per_second: 20, packets_per_frame: 2, payload: 880 };
/// Until histories are full and nothing changes any more.
const STEADY: Duration = Duration::from_secs(12);

/// Bytes of a bridge that nobody uses.
pub fn empty() -> isize {
    held(world(1, good()))
}

/// Bytes for each person who is connected in a room of five, with everything muted.
pub fn waiting(rooms: u32) -> isize {
    let mut world = world(2, good());
    for number in 0..rooms * 5 {
        let index = join(&mut world, number, &format!("room {}", number / 5), number % 5 == 0);
        mute(&mut world, index);
    }
    world.run(STEADY);
    assert!(world.bots.iter().all(Bot::connected), "everybody connects");
    (held(world) - empty()) / (rooms * 5).cast_signed() as isize
}

/// Bytes more when the first of two sends than when both have muted everything.
pub fn sender() -> isize {
    let both = |sends: bool| {
        let mut world = world(3, good());
        for number in 0..2 {
            let index = join(&mut world, number, "two", number == 0);
            if number > 0 || !sends {
                mute(&mut world, index);
            }
        }
        world.run(STEADY);
        assert_eq!(
            world.bots[1].receiver.tracks.values().any(|track| track.packets > 1000),
            sends,
            "what is sent arrives"
        );
        held(world)
    };
    both(true) - both(false)
}

/// Bytes for each of so many who all send and see each other as large as can be.
pub fn meeting(people: u32) -> isize {
    let mut world = world(4, good());
    for number in 0..people {
        join(&mut world, number, "all", number == 0);
    }
    world.run(STEADY);
    (held(world) - empty()) / people.cast_signed() as isize
}

/// Somebody with a camera, who wants to see others in 720p.
fn join(world: &mut World, number: u32, room: &str, first: bool) -> usize {
    let [_, _, high, low] = number.to_be_bytes();
    let addr = SocketAddr::from(([203, 0, high, low], 40_000));
    let index = world.join_conference(Bot::new(number, addr, TWO_MEGABITS, Offer::Gcm), room, first);
    let channel = world.open_channel(index);
    world.say(channel, &ask(720));
    index
}

fn mute(world: &mut World, index: usize) {
    let sender = &mut world.bots[index].sender;
    (sender.audio_muted, sender.video_muted) = (true, true);
}

/// What goes with the bridge of a world is what it held.
fn held(mut world: World) -> isize {
    let fresh = bridge::core::Bridge::new(BridgeConfig::default(), world.identity.clone(), [9; 32], world.now);
    let bridge = std::mem::replace(&mut world.bridge, fresh);
    let before = HELD.get();
    drop(bridge);
    before - HELD.get()
}
