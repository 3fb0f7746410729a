//! People who fill a room: `crowd SERVER ROOM COUNT SECONDS` has them join it one after the other over real sockets, with camera and
//! microphone, and leave when the time is over. They speak in turn.
//!
//! Says in lines of JSON who they are, as soon as all are there, and what each got, at the end. See `tests/browser/long`.
#![expect(clippy::print_stdout, reason = "what this program is for")]

use anyhow::{Context, Result, bail};
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tests::bot::sender::Load;
use tests::participant::Participant;
use tokio::task::{LocalSet, spawn_local};

/// Small and slow pictures: many of them fit a machine that has browsers to run as well.
const LOAD: Load = Load { audio: true, encodings: 3, frames_per_second: 6, packets_per_frame: 1, payload: 900 };
/// They look at one other, for the same reason.
const WISHES: &str =
    r#"{"colibriClass":"ReceiverVideoConstraints","lastN":1,"defaultConstraints":{"maxHeight":180},"constraints":{}}"#;
/// How long each of them speaks.
const TURN: Duration = Duration::from_secs(4);
/// Streams of bots have lower numbers than this.
const FOREIGN: u32 = 1_000_000;
/// Levels, in decibels below the loudest. Speech is what stands out from the quietest that was ever heard of somebody.
const SPEECH: u8 = 10;
const ROOM: u8 = 90;
const SILENCE: u8 = 127;

fn main() -> Result<()> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [server, room, count, seconds] = arguments.as_slice() else {
        bail!("usage: crowd SERVER ROOM COUNT SECONDS");
    };
    let server = server.parse().context("SERVER")?;
    let (count, seconds): (u32, u64) = (count.parse().context("COUNT")?, seconds.parse().context("SECONDS")?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(fill(server, room, count, Duration::from_secs(seconds))))
}

async fn fill(server: SocketAddr, room: &str, count: u32, time: Duration) -> Result<()> {
    let start = Instant::now();
    let (mut people, mut ids) = (Vec::new(), Vec::new());
    for number in 0..count {
        let mut participant = Participant::join(server, room, number + 1, LOAD).await?;
        participant.constraints = WISHES.into();
        ids.push(participant.bot.id.clone());
        people.push(spawn_local(take_part(participant, start, start + time, number, count)));
    }
    println!("{}", json!({ "ids": ids }));
    let mut got = Vec::new();
    for person in people {
        got.push(person.await??);
    }
    println!("{}", json!({ "got": got }));
    Ok(())
}

/// Sends and receives until the end, and speaks when it is this one's turn. Answers what came.
async fn take_part(
    mut participant: Participant,
    start: Instant,
    end: Instant,
    number: u32,
    count: u32,
) -> Result<serde_json::Value> {
    let mut turn = 0;
    while Instant::now() < end {
        participant.bot.sender.level = match turn {
            0 => ROOM,
            _ if turn % count == number => SPEECH,
            _ => SILENCE,
        };
        turn += 1;
        participant.run((start + TURN * turn).min(end)).await?;
    }
    let bot = &participant.bot;
    let tracks = &bot.receiver.tracks;
    // What browsers send is more than the bot's decoder knows.
    let from_bots = tracks.iter().filter(|(ssrc, _)| **ssrc < FOREIGN);
    Ok(json!({
        "id": bot.id,
        "connected": bot.connected(),
        "packets": tracks.values().map(|track| track.packets).sum::<u64>(),
        "faults": from_bots.flat_map(|(_, track)| &track.faults).collect::<Vec<_>>(),
        "undecryptable": bot.undecryptable,
    }))
}
