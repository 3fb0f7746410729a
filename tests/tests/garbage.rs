//! Garbage for ten minutes. In a process of its own: what else is tested would be in its memory.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may"
)]

use std::net::SocketAddr;
use std::time::Duration;
use tests::bot::sender::Load;
use tests::meeting::{good, join, world};
use tests::world::World;

/// Datagrams that look like nothing, or like something.
struct Noise(u64);

impl Noise {
    fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| self.word().to_be_bytes()).collect();
        bytes.truncate(len);
        bytes
    }

    /// STUN, DTLS, RTP, RTCP or none of these, with random contents.
    fn datagram(&mut self) -> Vec<u8> {
        let len = 20 + self.word() as usize % 200;
        let mut datagram = self.bytes(len);
        datagram[0] = [0, 22, 128, 144, 200, 64, 255][self.word() as usize % 7];
        if datagram[0] == 0 {
            let length = (len - 20) as u16 & 0xfffc;
            datagram[1] = 1;
            datagram[2..4].copy_from_slice(&length.to_be_bytes());
            datagram[4..8].copy_from_slice(&0x2112_A442_u32.to_be_bytes());
        }
        datagram
    }
}

/// How long this thread has been on a processor: what else the machine does is not the bridge's.
fn worked() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat");
    Duration::from_nanos(times.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds"))
}

fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("statm");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages") * 4096
}

#[test]
fn checklist_115_chapter_9_27_ten_minutes_of_garbage_neither_grow_the_bridge_nor_delay_anybody() {
    // Ten thousand a second.
    let seconds = 600;
    let mut world = world(46, good());
    join(&mut world, 2, Load { audio: true, encodings: 0, ..Load::default() });
    world.run(Duration::from_secs(2));
    let mut noise = Noise(115);
    let participants: Vec<SocketAddr> = world.bots.iter().map(|bot| bot.addr).collect();
    let mut throw = |world: &mut World| {
        let datagram = noise.datagram();
        let word = noise.word();
        // From anywhere, and as if from a participant.
        let from = match word % 4 {
            0 => participants[word as usize / 4 % 2],
            _ => SocketAddr::from(([198, 51, (word >> 8) as u8, (word >> 16) as u8], (word >> 24) as u16 | 1)),
        };
        world.inject(from, &datagram);
    };
    for _ in 0..50_000 {
        throw(&mut world);
    }
    // Written to, so that its pages are there before memory is measured.
    let mut delays = vec![Duration::MAX; seconds * 50];
    let (residue, memory) = (world.bridge.residue(), resident());
    for delay in &mut delays {
        for _ in 0..200 {
            throw(&mut world);
        }
        let began = worked();
        world.run(Duration::from_millis(20));
        *delay = worked() - began;
    }
    let growth = resident().saturating_sub(memory);
    assert!(growth < 1 << 20, "{growth} bytes more");
    assert_eq!(world.bridge.residue(), residue);
    delays.sort();
    let p99 = delays[delays.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(5), "valid traffic of 20 ms is dealt with in {p99:?}");
    assert_eq!(world.astray, 0, "nobody gets an answer");
    for (viewer, of) in [(0, 1), (1, 0)] {
        let audio = &world.bots[viewer].receiver.tracks[&world.bots[of].sender.audio_ssrc];
        assert_eq!((audio.broken, world.bots[viewer].undecryptable), (0, 0));
        assert!(audio.frames_decoded as usize >= seconds * 49, "{}", audio.frames_decoded);
    }
}
