//! What a recording costs: ten people with camera and microphone, at the speed of life.
//!
//!     cargo run --release -p recorder --example crowd -- [SECONDS] [PEOPLE]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench may"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::media::{Packet, Source, follow};
use common::recorder::Recorder;
use common::{folder, ms};
use media_tap::Codec;

/// Media are made once and sent again and again.
const PIECE: Duration = Duration::from_secs(4);

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().unwrap());
    let (seconds, people) = (arguments.next().unwrap_or(30), arguments.next().unwrap_or(10));
    let names: Vec<[&'static str; 3]> = (0..people)
        .map(|n| ["", "-v0", "-a0"].map(|it| &*Box::leak(format!("{n:08x}{it}").into_boxed_str())))
        .collect();
    let mut streams = Vec::new();
    for (ssrc, [endpoint, video, audio]) in (1..).zip(names) {
        streams.push(Source::new(2 * ssrc, endpoint, video, Codec::Vp8, 100));
        streams.push(Source::new(2 * ssrc + 1, endpoint, audio, Codec::Opus, 111));
    }
    let pieces = [
        streams[0].make(
            "videotestsrc pattern=smpte is-live=false num-buffers=120 ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 \
             ! identity ! vp8enc deadline=1 cpu-used=16 target-bitrate=2000000 min-quantizer=4 keyframe-max-dist=120 \
             ! rtpvp8pay pt=100 mtu=1200 picture-id-mode=15-bit",
        ),
        streams[1].tone(440, 199),
    ];
    let mut recorder = Recorder::begun(&folder("crowd"));
    for source in &streams {
        recorder.stream(ms(0), source);
    }
    let pid = recorder.child.id();
    let (began, start) = (Instant::now(), cpu(pid));
    let mut last = pieces.clone();
    let mut bytes = 0;
    for turn in 0..seconds / PIECE.as_secs() {
        let mut all: Vec<Packet> = Vec::new();
        for (piece, last) in pieces.iter().zip(&mut last) {
            let mut next = piece.clone();
            if turn > 0 {
                follow(last, &mut next, PIECE);
                let since = next[0].at;
                next.iter_mut().for_each(|packet| packet.at = packet.at - since + PIECE * u32::try_from(turn).unwrap());
            }
            last.clone_from(&next);
            all.extend(next);
        }
        all.sort_by_key(|packet| packet.at);
        for packet in all {
            std::thread::sleep(packet.at.saturating_sub(began.elapsed()));
            for source in &streams {
                if source.payload_type == packet.rtp[1] & 0x7f {
                    let mut packet = packet.clone();
                    packet.rtp[8..12].copy_from_slice(&source.ssrc.to_be_bytes());
                    bytes += packet.rtp.len();
                    recorder.packet(&packet);
                }
            }
            recorder.flush();
        }
    }
    let spent = cpu(pid) - start;
    let elapsed = began.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    println!("{people} people, {:.1} Mbit/s", bytes as f64 * 8.0 / elapsed.as_secs_f64() / 1e6);
    println!("{:.2} % of a core", spent.as_secs_f64() / elapsed.as_secs_f64() * 100.0);
    println!("{}; {}; {}", line("VmHWM"), line("RssAnon"), line("Threads"));
    let end = Instant::now();
    assert_eq!(recorder.end(PIECE * u32::try_from(seconds / PIECE.as_secs()).unwrap()), None);
    println!("ended in {:?}", end.elapsed());
    let lost: u64 = recorder.manifest().files.iter().map(|file| file.lost + file.dropped).sum();
    println!("lost or dropped: {lost}");
}

/// Time that a process has used.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
