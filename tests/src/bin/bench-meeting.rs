//! Memory and processor time of a server: idle, and with a meeting in which everybody sends video and audio.
//!
//! `bench-meeting SERVER-BINARY PARTICIPANTS SECONDS` starts the server on loopback and prints what it cost. Run it in a network
//! namespace (`tests/netns`).
#![expect(clippy::print_stdout, reason = "what this program is for")]
#![allow(clippy::cast_possible_truncation, reason = "figures for people")]
#![allow(clippy::indexing_slicing, reason = "a crash is a failed measurement")]

use anyhow::{Context, Result, ensure};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use tests::bot::sender::Load;
use tests::participant::Participant;
use tokio::task::LocalSet;

/// Kills the server when the measurement ends, however it ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn status(&self, field: &str) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = text.lines().find(|l| l.starts_with(field)).context("field")?;
        Ok(line.split_whitespace().nth(1).context("value")?.parse()?)
    }

    /// Processor time in microseconds.
    fn processor(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let after = text.rsplit(')').next().context("stat")?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let ticks: u64 =
            fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
        Ok(ticks as f64 * 10_000.0)
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = env::args().collect();
    ensure!(args.len() == 4, "usage: bench-meeting SERVER-BINARY PARTICIPANTS SECONDS");
    let (count, seconds): (u32, u64) = (args[2].parse()?, args[3].parse()?);
    let state = env::temp_dir().join(format!("bench-meeting-{}", std::process::id()));
    let child = Command::new(&args[1])
        .args(["host", "--state-dir"])
        .arg(&state)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let server = Server(child);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(LocalSet::new().run_until(measure(&server, count, seconds)));
    fs::remove_dir_all(&state)?;
    result
}

async fn measure(server: &Server, count: u32, seconds: u64) -> Result<()> {
    let addr = "127.0.0.1:8443".parse()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(addr).await.is_err() {
        ensure!(Instant::now() < deadline, "the server does not listen");
        thread::yield_now();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = server.status("VmRSS:")?;
    let load = Load { encodings: 3, frames_per_second: 20, packets_per_frame: 2, payload: 1000, ..Load::default() };
    let end = Instant::now() + Duration::from_secs(seconds);
    let warm = Instant::now() + Duration::from_secs(seconds / 3);
    let mut tasks = Vec::new();
    for number in 1..=count {
        let mut participant = Participant::join(addr, "bench", number, load).await?;
        tasks.push(tokio::task::spawn_local(async move {
            participant.run(warm).await?;
            let before = received(&participant);
            participant.run(end).await?;
            let broken: u64 = participant.bot.receiver.tracks.values().map(|t| t.faults.len() as u64).sum();
            anyhow::Ok((received(&participant) - before, participant.bot.receiver.tracks.len(), broken, participant))
        }));
    }
    tokio::time::sleep_until(warm.into()).await;
    let before = server.processor()?;
    tokio::time::sleep_until((end - Duration::from_millis(100)).into()).await;
    let used = server.processor()? - before;
    let busy = server.status("VmRSS:")?;
    let (mut packets, mut tracks, mut faults) = (0, 0, 0);
    for task in tasks {
        let (got, seen, broken, _participant) = task.await??;
        packets += got;
        tracks += seen;
        faults += broken;
    }
    let wanted = (count * (count - 1) * 2) as usize;
    println!("participants                 {count}, streams received {tracks} of {wanted}, faults {faults}");
    println!("resident idle                {:.1} MiB", idle as f64 / 1024.0);
    println!("resident in the meeting      {:.1} MiB", busy as f64 / 1024.0);
    println!("resident per participant     {:.0} KiB", (busy.saturating_sub(idle)) as f64 / f64::from(count));
    println!("packets delivered            {packets}");
    println!("processor per packet         {:.1} us", used / packets as f64);
    ensure!(tracks == wanted && faults == 0, "not everybody saw everybody");
    Ok(())
}

fn received(participant: &Participant) -> u64 {
    participant.bot.receiver.tracks.values().map(|t| t.packets).sum()
}
