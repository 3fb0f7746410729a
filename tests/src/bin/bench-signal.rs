//! What signaling costs: rooms in which nothing happens, a large room, and many who come at once.
//!
//! `bench-signal SERVER-BINARY rooms COUNT`, `listeners COUNT` or `storm COUNT` starts the server on loopback and prints what it
//! took. Run it in a network namespace (`tests/netns`).
#![allow(clippy::indexing_slicing, reason = "a crash is a failed measurement")]
#![expect(clippy::print_stdout, reason = "what this program is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use anyhow::{Context, Result, bail, ensure};
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use std::{env, fs};
use tests::bot::sender::Load;
use tests::measure::{Memory, Server, processor};
use tests::participant::Participant;
use tests::stream::Stream;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Everything as large as it may be set.
const CONFIG: &str = "[signal]\nmax_rooms = 10000\nmax_sessions = 10000\nmax_occupants = 1000\n\
                      [bridge]\nmax_participants = 1000\n";
/// Rooms that one stream may be in.
const ROOMS_EACH: usize = 4;
/// Streams from one of the addresses on loopback; the server takes some hundreds.
const STREAMS_EACH: usize = 250;
/// What a first moment leads to is over by then, and as long is what comes after it looked at.
const SETTLED: Duration = Duration::from_secs(10);
/// Nobody sends: listeners.
const LISTENER: Load = Load { audio: false, encodings: 0, frames_per_second: 1, packets_per_frame: 0, payload: 0 };

/// Who came, and why somebody left.
type News = mpsc::UnboundedSender<Result<()>>;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().collect();
    ensure!(args.len() == 4, "usage: bench-signal SERVER-BINARY rooms|listeners|storm COUNT");
    let count: usize = args[3].parse()?;
    let state = env::temp_dir().join(format!("bench-signal-{}", std::process::id()));
    let config = state.with_extension("toml");
    fs::write(&config, CONFIG)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = Server::start(&args[1], &state, &config)?;
    let result = runtime.block_on(LocalSet::new().run_until(async {
        let addr = "127.0.0.1:8443".parse()?;
        server.settled(addr).await?;
        match args[2].as_str() {
            "rooms" => rooms(&server, addr, count).await,
            "listeners" => gather(&server, addr, count, Duration::ZERO).await,
            "storm" => gather(&server, addr, count, Duration::from_secs(10)).await,
            other => bail!("there is no {other}"),
        }
    }));
    drop(server);
    fs::remove_dir_all(&state)?;
    fs::remove_file(&config)?;
    result
}

/// Rooms with one person each, who waits.
async fn rooms(server: &Server, addr: SocketAddr, count: usize) -> Result<()> {
    let idle = server.memory()?;
    let begun = Instant::now();
    let mut people = Vec::new();
    for first in (0..count).step_by(ROOMS_EACH) {
        let mut stream = Stream::login(addr, from(first / ROOMS_EACH)).await?;
        for number in first..count.min(first + ROOMS_EACH) {
            stream.enter(&format!("idle{number}"), "waiting").await?;
        }
        stream.expect(|e| e.child("subject").is_some()).await?;
        // From now on it answers pings.
        people.push(tokio::task::spawn_local(async move { while stream.next().await.is_ok() {} }));
    }
    println!("{count} rooms with one person in each, made in {:.0} s", begun.elapsed().as_secs_f64());
    // What a first moment leads to is over.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let before = processor(server.id())?;
    let measured = Duration::from_secs(20);
    tokio::time::sleep(measured).await;
    let used = processor(server.id())? - before;
    let busy = server.memory()?;
    ensure!(people.iter().all(|person| !person.is_finished()), "a stream ended");
    tell(&idle, &busy, count, "room");
    println!(
        "  processor                {:.2} % of one, with nothing going on",
        used / measured.as_secs_f64() / 10_000.0
    );
    Ok(())
}

/// Listeners in one room, who come evenly within a time, or one after the other when there is none.
async fn gather(server: &Server, addr: SocketAddr, count: usize, within: Duration) -> Result<()> {
    let idle = server.memory()?;
    let before = processor(server.id())?;
    let begun = Instant::now();
    let (news, mut told) = mpsc::unbounded_channel();
    let mut received = Vec::new();
    for number in 0..count {
        tokio::time::sleep_until((begun + within.mul_f64(number as f64 / count as f64)).into()).await;
        let bytes = Rc::new(Cell::new(0));
        received.push(Rc::clone(&bytes));
        let news = news.clone();
        tokio::task::spawn_local(async move {
            let ended = listen(addr, number, &news, &bytes).await;
            let _ = news.send(ended);
        });
        if within.is_zero() {
            told.recv().await.context("nobody")??;
        }
    }
    if !within.is_zero() {
        for _ in 0..count {
            told.recv().await.context("nobody")??;
        }
    }
    let joined = begun.elapsed();
    tokio::time::sleep(SETTLED).await;
    let used = processor(server.id())? - before;
    let busy = server.memory()?;
    if let Ok(ended) = told.try_recv() {
        return ended.context("somebody was sent away");
    }
    let bytes: u64 = received.iter().map(|bytes| bytes.get()).sum();
    println!("{count} listeners in one room, all in it after {:.1} s", joined.as_secs_f64());
    tell(&idle, &busy, count, "listener");
    println!("  processor                {:.1} s in all, {:.1} ms for each", used / 1e6, used / 1e3 / count as f64);
    println!(
        "  sent by XMPP             {:.1} MB in all, {:.0} kB to each",
        bytes as f64 / 1e6,
        bytes as f64 / 1e3 / count as f64
    );
    let before = processor(server.id())?;
    tokio::time::sleep(SETTLED).await;
    let used = processor(server.id())? - before;
    println!("  processor afterwards     {:.1} % of one", used / SETTLED.as_secs_f64() / 10_000.0);
    Ok(())
}

/// One listener, who tells of being in the room, and stays.
async fn listen(addr: SocketAddr, number: usize, news: &News, received: &Cell<u64>) -> Result<()> {
    let mut person = Participant::join(addr, "large", u32::try_from(number)? + 1, LISTENER).await?;
    news.send(Ok(()))?;
    loop {
        person.run(Instant::now() + Duration::from_millis(500)).await?;
        received.set(person.xmpp.received);
    }
}

fn tell(idle: &Memory, busy: &Memory, count: usize, what: &str) {
    let each = |busy: u64, idle: u64| busy.saturating_sub(idle) as f64 / count as f64;
    println!("  resident before          {idle}");
    println!("  resident                 {busy}");
    println!(
        "  for each {what:<15} {:.1} KiB, of it {:.1} KiB data",
        each(busy.resident, idle.resident),
        each(busy.anonymous, idle.anonymous)
    );
}

/// An address on loopback that has not yet too many streams.
fn from(stream: usize) -> IpAddr {
    let host = u8::try_from(stream / STREAMS_EACH).unwrap_or(u8::MAX).saturating_add(1);
    IpAddr::from([127, 0, 0, host])
}
