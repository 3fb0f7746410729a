//! Does a host keep what it should forget? People join, leave and look at something else for as long as is asked, over real sockets.
//!
//! `soak SERVER-BINARY MINUTES` starts the server on loopback and prints every minute what it takes; it fails if that grows. Run it in
//! a network namespace (`tests/netns`).
#![allow(clippy::indexing_slicing, reason = "a crash is a failed measurement")]
#![expect(clippy::print_stdout, reason = "what this program is for")]

use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{env, fs};
use tests::bot::sender::Load;
use tests::measure::Server;
use tests::meeting::Whims;
use tests::participant::Participant;
use tokio::task::{LocalSet, spawn_local};

/// Small and slow pictures: it is coming and going that counts.
const LOAD: Load = Load { audio: true, encodings: 3, frames_per_second: 8, packets_per_frame: 1, payload: 700 };
const ROOMS: u32 = 3;
const SEATS_OF_EACH: u32 = 4;
/// Somebody stays for up to so many seconds more than two, and wants to see something else that often.
const STAY: u64 = 3;
const WISH: Duration = Duration::from_secs(1);
/// Then all leave and the next meeting begins: of one that goes on the host remembers up to 500 people, for how long they spoke.
const MEETING: Duration = Duration::from_secs(18);
const BREAK: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_secs(60);
/// Minutes that are compared with the last ones, after these: tables fill, and the allocator finds out how much comes at once.
const FIRST: usize = 6;
const COMPARED: usize = 2;
/// Growth that is chance, in KiB and as a share.
const SLACK: u64 = 256;
const SHARE: u64 = 20;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().collect();
    ensure!(args.len() == 3, "usage: soak SERVER-BINARY MINUTES");
    let minutes: usize = args[2].parse()?;
    ensure!(minutes >= FIRST + 2 * COMPARED, "what is not {} minutes long shows nothing", FIRST + 2 * COMPARED);
    let state = env::temp_dir().join(format!("soak-{}", std::process::id()));
    let config = state.with_extension("toml");
    fs::write(&config, "")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = Server::start(&args[1], &state, &config)?;
    let result = runtime.block_on(LocalSet::new().run_until(soak(&server, minutes)));
    drop(server);
    fs::remove_dir_all(&state)?;
    fs::remove_file(&config)?;
    result
}

async fn soak(server: &Server, minutes: usize) -> Result<()> {
    let addr = "127.0.0.1:8443".parse()?;
    server.settled(addr).await?;
    println!("minute  KiB of data  (idle: {})", server.memory()?.anonymous);
    let end = Instant::now() + MINUTE * u32::try_from(minutes)?;
    let seats: Vec<_> = (0..ROOMS * SEATS_OF_EACH).map(|seat| spawn_local(meet(addr, seat, end))).collect();
    let mut most = Vec::new();
    for minute in 1..=minutes {
        let mut here = 0;
        for _ in 0..20 {
            tokio::time::sleep(MINUTE / 20).await;
            here = here.max(server.memory()?.anonymous);
        }
        println!("{minute:6}  {here:11}");
        most.push(here);
    }
    let mut visits = 0;
    for seat in seats {
        visits += seat.await??;
    }
    let mean = |minutes: &[u64]| minutes.iter().sum::<u64>() / minutes.len().max(1) as u64;
    let (early, late) = (mean(&most[FIRST..FIRST + COMPARED]), mean(&most[minutes - COMPARED..]));
    println!("{visits} visits; {early} KiB at first, {late} KiB in the end");
    ensure!(late <= early + SLACK.max(early / SHARE), "what the server takes grows");
    Ok(())
}

/// One meeting after the other. Answers how many people took the seat.
async fn meet(addr: SocketAddr, seat: u32, end: Instant) -> Result<u32> {
    let (mut whims, mut visits) = (Whims(u64::from(seat) + 1), 0);
    let mut begins = Instant::now();
    while begins < end {
        tokio::time::sleep_until(begins.into()).await;
        sit(addr, seat, (begins + MEETING).min(end), &mut whims, &mut visits).await?;
        begins += MEETING + BREAK;
    }
    Ok(visits)
}

/// Somebody comes, stays for a while, and leaves; then the next one takes the seat.
async fn sit(addr: SocketAddr, seat: u32, end: Instant, whims: &mut Whims, visits: &mut u32) -> Result<()> {
    while Instant::now() < end {
        let room = format!("soak{}", seat / SEATS_OF_EACH);
        let number = seat * 1000 + *visits % 1000 + 1;
        let mut participant =
            Participant::join(addr, &room, number, LOAD).await.with_context(|| format!("visit {visits}"))?;
        let leaves = (Instant::now() + Duration::from_secs(2 + whims.below(STAY))).min(end);
        while Instant::now() < leaves {
            participant.run((Instant::now() + WISH).min(leaves)).await?;
            let (height, last_n) = (whims.one_of(&[0, 180, 360, 720]), whims.one_of(&[-1, -1, 1, 0]));
            let wish = format!(
                r#"{{"colibriClass":"ReceiverVideoConstraints","lastN":{last_n},"defaultConstraints":{{"maxHeight":{height}}}}}"#
            );
            participant.want(&wish).await?;
        }
        participant.leave().await?;
        *visits += 1;
    }
    Ok(())
}
