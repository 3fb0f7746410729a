//! People in a room of ours: signed in over XMPP, connected by the bridge.

use super::client::{Client, Numbers};
use super::scene::People;
use super::session::{Opened, Start, idle};
use crate::bot::sender::{RTX, TRANSPORT_CC};
use crate::measure::Server;
use crate::participant::Participant;
use anyhow::{Result, ensure};
use std::any::Any;
use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, spawn_local};

/// Nobody's wishes are cut down; trains have nine megabits a second.
const CONFIG: &str = "[bridge]\nreceiver_kbps = 100000\n";
const CONNECTED_WITHIN: Duration = Duration::from_secs(30);
/// Everybody sees the lowest encoding, also where there is but one.
const WISHES: &str = r#"{"colibriClass":"ReceiverVideoConstraints","lastN":-1,"defaultConstraints":{"maxHeight":180}}"#;

/// As the offer has them.
const NUMBERS: Numbers = Numbers { transport_cc: Some(TRANSPORT_CC), rtx: Some(RTX) };

pub(super) async fn open(start: Start<'_>, people: People) -> Result<Opened> {
    let config = start.folder.join("site.toml");
    fs::write(&config, CONFIG)?;
    let state = start.folder.join("state");
    let server = start.places.start(|| Server::start(&start.programs.moothall, &state, &config))??;
    let addr = "127.0.0.1:8443".parse()?;
    server.listening(addr).await?;
    let idle = idle(&server).await?;
    let connected = Rc::new(Cell::new(0));
    let mut joined: Vec<JoinHandle<Result<Participant>>> = Vec::new();
    for number in 1..=people.count() {
        let participant = join(addr, people, number).await?;
        joined.push(spawn_local(run(participant, people.count(), Rc::clone(&connected))));
    }
    let (mut clients, mut open) = (Vec::new(), Vec::new());
    for participant in joined {
        let (bot, udp, signaling) = participant.await??.split();
        clients.push(Client::new(bot, udp.into_std()?, NUMBERS)?);
        open.push(signaling);
    }
    Ok((server, idle, clients, Box::new(open) as Box<dyn Any>))
}

async fn join(addr: SocketAddr, people: People, number: u32) -> Result<Participant> {
    let mut participant = Participant::join(addr, "bench", number, people.sources(number)).await?;
    participant.constraints = WISHES.into();
    participant.bot.sender.audio_muted = true;
    participant.bot.sender.video_muted = true;
    Ok(participant)
}

/// Takes part until all are connected.
async fn run(mut participant: Participant, all: u32, connected: Rc<Cell<u32>>) -> Result<Participant> {
    let end = Instant::now() + CONNECTED_WITHIN;
    let mut counted = false;
    while connected.get() < all {
        ensure!(Instant::now() < end, "{} of {all} people connected", connected.get());
        participant.run(Instant::now() + Duration::from_millis(20)).await?;
        if participant.bot.connected() && !std::mem::replace(&mut counted, true) {
            connected.set(connected.get() + 1);
        }
    }
    Ok(participant)
}
