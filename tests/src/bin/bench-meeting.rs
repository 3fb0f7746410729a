//! Memory and processor time of a server: idle, and with meetings in which everybody sends audio and video.
//!
//! `bench-meeting SERVER-BINARY PARTICIPANTS SECONDS` starts the server on loopback, once for each kind of meeting, and prints what
//! it cost; where a recorder lies beside it, once more while the meeting is recorded. Run it in a network namespace (`tests/netns`).
#![allow(clippy::indexing_slicing, reason = "a crash is a failed measurement")]
#![expect(clippy::print_stdout, reason = "what this program is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use anyhow::{Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};
use tests::bot::sender::Load;
use tests::measure::{Server, memory, processor};
use tests::participant::Participant;
use tokio::task::LocalSet;

/// Three encodings that a camera sends if somebody wants them: 40, 80 and 160 packets a second, with 50 of audio.
const LOAD: Load = Load { audio: true, encodings: 3, frames_per_second: 20, packets_per_frame: 2, payload: 1000 };
/// Nobody's wishes are cut down.
const CONFIG: &str = "[bridge]\nreceiver_kbps = 100000\n";
/// Who looks at what.
#[derive(Clone, Copy)]
enum View {
    /// Everybody small (180p).
    Gallery,
    /// The first one large (720p), the others small.
    Stage,
    /// Everybody large: the most that can be asked for.
    Large,
}

impl View {
    fn name(self) -> &'static str {
        match self {
            Self::Gallery => "gallery: everybody sees everybody in 180p",
            Self::Stage => "stage: one in 720p, the others in 180p",
            Self::Large => "large: everybody sees everybody in 720p",
        }
    }

    fn constraints(self, first: &str) -> String {
        let (default, special) = match self {
            Self::Gallery => (180, String::new()),
            Self::Stage => (180, format!(r#""{first}-v0":{{"maxHeight":720}}"#)),
            Self::Large => (720, String::new()),
        };
        format!(
            r#"{{"colibriClass":"ReceiverVideoConstraints","lastN":-1,"defaultConstraints":{{"maxHeight":{default}}},"constraints":{{{special}}}}}"#
        )
    }

    /// Video packets a second that one participant receives of all others, on average.
    fn video_packets(self, count: u32) -> f64 {
        let others = f64::from(count - 1);
        match self {
            Self::Gallery => 40.0 * others,
            Self::Stage => 40.0 * others + 120.0 * others / f64::from(count),
            Self::Large => 160.0 * others,
        }
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().collect();
    ensure!(args.len() == 4, "usage: bench-meeting SERVER-BINARY PARTICIPANTS SECONDS");
    let (count, seconds): (u32, u64) = (args[2].parse()?, args[3].parse()?);
    ensure!(count >= 2 && seconds >= 3, "a meeting needs two people and some seconds");
    let state = env::temp_dir().join(format!("bench-meeting-{}", std::process::id()));
    let config = state.with_extension("toml");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut runs = vec![(View::Gallery, false), (View::Stage, false), (View::Large, false)];
    if Path::new(&args[1]).with_file_name("moothall-recorder").is_file() {
        runs.push((View::Gallery, true));
    }
    for (view, recorded) in runs {
        let record = if recorded { "[recorder]\nrooms = [\"*\"]\nmin_free = 0\n" } else { "[recorder]\nrooms = []\n" };
        fs::write(&config, format!("{CONFIG}{record}"))?;
        let server = Server::start(&args[1], &state, &config)?;
        let result = runtime.block_on(LocalSet::new().run_until(measure(&server, view, count, seconds, recorded)));
        drop(server);
        fs::remove_dir_all(&state)?;
        result?;
    }
    fs::remove_file(&config)?;
    Ok(())
}

async fn measure(server: &Server, view: View, count: u32, seconds: u64, recorded: bool) -> Result<()> {
    let addr = "127.0.0.1:8443".parse()?;
    server.settled(addr).await?;
    let idle = server.memory()?;
    let mut participants = Vec::new();
    for number in 1..=count {
        let mut participant = Participant::join(addr, "bench", number, LOAD).await?;
        let first = participants.first().unwrap_or(&participant).bot.id.clone();
        participant.constraints = view.constraints(&first);
        participants.push(participant);
    }
    let (warm, end) = (Duration::from_secs(seconds / 3), Duration::from_secs(seconds));
    let (warm, end) = (Instant::now() + warm, Instant::now() + end);
    let tasks: Vec<_> = participants
        .into_iter()
        .map(|mut participant| {
            tokio::task::spawn_local(async move {
                participant.run(warm).await?;
                let before = received(&participant);
                participant.run(end).await?;
                anyhow::Ok((received(&participant) - before, participant))
            })
        })
        .collect();
    tokio::time::sleep_until(warm.into()).await;
    let recorder = recorder(server, recorded)?;
    let before = (processor(server.id())?, processor(std::process::id())?);
    let recorder_before = recorder.map(processor).transpose()?;
    tokio::time::sleep_until(end.into()).await;
    let used = (processor(server.id())? - before.0, processor(std::process::id())? - before.1);
    let busy = server.memory()?;
    let recorder = recorder.zip(recorder_before).map(|(id, before)| anyhow::Ok((processor(id)? - before, memory(id)?)));
    let recorder = recorder.transpose()?;
    let (mut packets, mut tracks, mut faults) = (0, 0, 0);
    for task in tasks {
        let (got, participant) = task.await??;
        packets += got;
        tracks += participant.bot.receiver.tracks.len();
        faults += participant.bot.receiver.tracks.values().map(|track| track.faults.len()).sum::<usize>();
    }
    let wanted = (count * (count - 1) * 2) as usize;
    let measured = (end - warm).as_secs_f64();
    let expected = (50.0 * f64::from(count - 1) + view.video_packets(count)) * f64::from(count) * measured;
    let delivered = 100.0 * packets as f64 / expected;
    let generator = used.1 / measured / 10_000.0;
    println!("{count} people, {}{}", view.name(), if recorded { ", recorded" } else { "" });
    println!("  resident idle            {}", idle);
    println!("  resident in the meeting  {}", busy);
    let each = |busy: u64, idle: u64| busy.saturating_sub(idle) / u64::from(count);
    println!(
        "  per participant          {} KiB, of it {} KiB data",
        each(busy.resident, idle.resident),
        each(busy.anonymous, idle.anonymous)
    );
    println!(
        "  packets delivered        {:.0} a second, {delivered:.1} % of what was wanted",
        packets as f64 / measured
    );
    println!(
        "  processor                {:.1} us a packet, {:.1} % of one",
        used.0 / packets as f64,
        used.0 / measured / 10_000.0
    );
    if let Some((time, memory)) = recorder {
        let share = |time: f64| time / measured / 10_000.0;
        println!(
            "  recorder                 {:.2} % of one processor, {:.3} % for each who is recorded, {:.2} of what forwarding costs",
            share(time),
            share(time) / f64::from(count),
            time / used.0
        );
        println!("  recorder, resident       {memory}");
    }
    let verdict = if generator > 85.0 || delivered < 98.0 { ": it, or the machine, was too slow" } else { "" };
    println!("  load generator           {generator:.0} % of one processor{verdict}");
    ensure!(tracks == wanted && faults == 0, "streams received: {tracks} of {wanted}; faults in them: {faults}");
    Ok(())
}

/// The process that records.
fn recorder(server: &Server, recorded: bool) -> Result<Option<u32>> {
    if !recorded {
        return Ok(None);
    }
    let children = server.children()?;
    ensure!(children.len() == 1, "one recorder is wanted, not {}", children.len());
    Ok(children.first().copied())
}

fn received(participant: &Participant) -> u64 {
    participant.bot.receiver.tracks.values().map(|track| track.packets).sum()
}
