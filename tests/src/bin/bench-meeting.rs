//! Memory and processor time of a server: idle, and with meetings in which everybody sends audio and video.
//!
//! `bench-meeting SERVER-BINARY PARTICIPANTS SECONDS` starts the server on loopback, once for each kind of meeting, and prints what
//! it cost. Run it in a network namespace (`tests/netns`).
#![allow(clippy::indexing_slicing, reason = "a crash is a failed measurement")]
#![expect(clippy::print_stdout, reason = "what this program is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use tests::bot::sender::Load;
use tests::participant::Participant;
use tokio::task::LocalSet;

/// Three encodings that a camera sends if somebody wants them: 40, 80 and 160 packets a second, with 50 of audio.
const LOAD: Load = Load { audio: true, encodings: 3, frames_per_second: 20, packets_per_frame: 2, payload: 1000 };
/// Nobody's wishes are cut down.
const CONFIG: &str = "[bridge]\nreceiver_kbps = 100000\n";
/// Clock ticks of `/proc`, in microseconds; 100 a second on every Linux.
const TICK: f64 = 10_000.0;

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

/// Killed when the measurement ends, however it ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Memory in KiB.
struct Memory {
    resident: u64,
    /// Pages shared with other processes count in part.
    proportional: u64,
    /// Without program text, which is paged in as it is first used and can be dropped again.
    anonymous: u64,
}

impl Server {
    fn start(binary: &str, state: &Path, config: &Path) -> Result<Self> {
        let child = Command::new(binary)
            .args(["host", "--state-dir"])
            .arg(state)
            .arg("--config")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {binary}"))?;
        Ok(Self(child))
    }

    fn memory(&self) -> Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.0.id()))?;
        let field = |name: &str| -> Result<u64> {
            let line = text.lines().find(|line| line.starts_with(name)).context("field")?;
            Ok(line.split_whitespace().nth(1).context("value")?.parse()?)
        };
        Ok(Memory { resident: field("Rss:")?, proportional: field("Pss:")?, anonymous: field("Anonymous:")? })
    }
}

/// Processor time of a process in microseconds.
fn processor(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after = text.rsplit(')').next().context("stat")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: u64 =
        fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    Ok(ticks as f64 * TICK)
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().collect();
    ensure!(args.len() == 4, "usage: bench-meeting SERVER-BINARY PARTICIPANTS SECONDS");
    let (count, seconds): (u32, u64) = (args[2].parse()?, args[3].parse()?);
    ensure!(count >= 2 && seconds >= 3, "a meeting needs two people and some seconds");
    let state = env::temp_dir().join(format!("bench-meeting-{}", std::process::id()));
    let config = state.with_extension("toml");
    fs::write(&config, CONFIG)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for view in [View::Gallery, View::Stage, View::Large] {
        let server = Server::start(&args[1], &state, &config)?;
        let result = runtime.block_on(LocalSet::new().run_until(measure(&server, view, count, seconds)));
        drop(server);
        fs::remove_dir_all(&state)?;
        result?;
    }
    fs::remove_file(&config)?;
    Ok(())
}

async fn measure(server: &Server, view: View, count: u32, seconds: u64) -> Result<()> {
    let addr = "127.0.0.1:8443".parse()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(addr).await.is_err() {
        ensure!(Instant::now() < deadline, "the server does not listen");
        thread::yield_now();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
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
    let before = (processor(server.0.id())?, processor(std::process::id())?);
    tokio::time::sleep_until(end.into()).await;
    let used = (processor(server.0.id())? - before.0, processor(std::process::id())? - before.1);
    let busy = server.memory()?;
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
    println!("{count} people, {}", view.name());
    println!("  resident idle            {}", shown(&idle));
    println!("  resident in the meeting  {}", shown(&busy));
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
    let verdict = if generator > 85.0 || delivered < 98.0 { ": it, or the machine, was too slow" } else { "" };
    println!("  load generator           {generator:.0} % of one processor{verdict}");
    ensure!(tracks == wanted && faults == 0, "streams received: {tracks} of {wanted}; faults in them: {faults}");
    Ok(())
}

fn shown(memory: &Memory) -> String {
    let mib = |kib: u64| kib as f64 / 1024.0;
    format!(
        "{:.1} MiB, of it {:.1} MiB data (PSS {:.1} MiB)",
        mib(memory.resident),
        mib(memory.anonymous),
        mib(memory.proportional)
    )
}

fn received(participant: &Participant) -> u64 {
    participant.bot.receiver.tracks.values().map(|track| track.packets).sum()
}
