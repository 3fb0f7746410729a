//! How fast a film of four people is made on one core: 720p, 25 pictures a second, as many times as life, in five runs.
//!
//!     cargo run --release -p recorder --example compose_speed -- [SECONDS] [LAYOUT]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench may"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::media::{Packet, Source, follow};
use common::recorder::{Recorder, program};
use common::{film, folder, ms};
use media_tap::{Codec, Happening};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Media are made once and sent again and again.
const PIECE: Duration = Duration::from_secs(4);
const RUNS: usize = 5;
const PEOPLE: [[&str; 4]; 4] = [
    ["aaaaaaaa", "aaaaaaaa-v0", "aaaaaaaa-a0", "Alice"],
    ["bbbbbbbb", "bbbbbbbb-v0", "bbbbbbbb-a0", "Bob"],
    ["cccccccc", "cccccccc-v0", "cccccccc-a0", "Čeněk"],
    ["dddddddd", "dddddddd-v0", "dddddddd-a0", "Dora"],
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(60, |argument| argument.parse().unwrap());
    let layout = arguments.next().unwrap_or_else(|| "speaker".to_owned());
    let recording = meeting(seconds);
    run(&recording, &layout, false);
    let ratios: Vec<f64> = (0..RUNS).map(|_| run(&recording, &layout, true)).collect();
    let fast = ratios.iter().filter(|ratio| **ratio >= 1.0).count();
    println!("{fast} of {RUNS} runs are as fast as life or faster");
    let resident = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    println!("resident at most: {} MB", resident / 1024);
}

/// Makes the film; the first time, the encoders are tried.
fn run(recording: &Path, layout: &str, told: bool) -> f64 {
    let (began, spent) = (Instant::now(), spent());
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program()).arg("compose").arg(recording).args(["--layout", layout, "--json"]);
    let output = command.arg("--cache").arg(film::cache()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let took = began.elapsed().as_secs_f64();
    let manifest = common::recorder::manifest(recording);
    let seconds = manifest.duration_ms as f64 / 1000.0;
    let (ratio, alone) = (seconds / took, seconds / (self::spent() - spent));
    if told {
        println!(
            "{seconds:.1} s in {took:.1} s: {ratio:.2} times as fast as life; {alone:.2} if nobody else used the core"
        );
    }
    ratio
}

/// Seconds of the processor that all films took.
fn spent() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Somebody else speaks every four seconds.
fn meeting(seconds: u64) -> std::path::PathBuf {
    let mut streams = Vec::new();
    for (ssrc, [endpoint, video, audio, _]) in (1..).zip(PEOPLE) {
        let camera = Source::new(2 * ssrc, endpoint, video, Codec::Vp8, 100);
        let microphone = Source::new(2 * ssrc + 1, endpoint, audio, Codec::Opus, 111);
        for source in [camera, microphone] {
            let piece = piece(&source);
            streams.push((source, piece.clone(), piece));
        }
    }
    let mut recorder = Recorder::begun(&folder("compose-speed"));
    for [endpoint, _, _, name] in PEOPLE {
        let joined = Happening::Joined { endpoint: endpoint.to_owned(), name: Some(name.to_owned()) };
        recorder.happened(ms(0), joined);
    }
    streams.iter().for_each(|(source, ..)| recorder.stream(ms(0), source));
    let mut speakers = PEOPLE.iter().cycle();
    for turn in 0..u32::try_from(seconds / PIECE.as_secs()).unwrap() {
        let [endpoint, ..] = speakers.next().unwrap();
        recorder.happened(PIECE * turn, Happening::Speaker { endpoint: (*endpoint).to_owned() });
        let mut all = Vec::new();
        for (_, piece, last) in &mut streams {
            let mut next = piece.clone();
            if turn > 0 {
                follow(last, &mut next, PIECE);
                let since = next[0].at;
                next.iter_mut().for_each(|packet| packet.at = packet.at - since + PIECE * turn);
            }
            last.clone_from(&next);
            all.extend(next);
        }
        all.sort_by_key(|packet| packet.at);
        all.iter().for_each(|packet| recorder.packet(packet));
    }
    assert_eq!(recorder.end(Duration::from_secs(seconds)), None);
    let bytes: u64 = recorder.manifest().files.iter().map(|file| file.bytes).sum();
    println!("four people, {:.1} Mbit/s", bytes as f64 * 8.0 / seconds as f64 / 1e6);
    recorder.folder()
}

/// All of the picture moves, as in a hand-held phone's.
fn piece(source: &Source) -> Vec<Packet> {
    if source.codec == Codec::Opus {
        return source.tone(220 * source.ssrc, 199);
    }
    let (ssrc, speed) = (source.ssrc, source.ssrc * 2);
    source.make(&format!(
        "videotestsrc pattern=zone-plate kx2=4 ky2={ssrc} kt={speed} num-buffers=120 \
         ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 \
         ! vp8enc deadline=1 cpu-used=16 target-bitrate=2000000 end-usage=cbr keyframe-max-dist=120 \
         ! rtpvp8pay pt=100 ssrc={ssrc} mtu=1200 picture-id-mode=15-bit"
    ))
}
