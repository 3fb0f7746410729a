//! People in rooms of ours: signed in over XMPP, connected by the bridge.

use super::client::{Client, Numbers};
use super::scene::{HEARD, People};
use super::session::{Opened, Start, idle};
use crate::bot::sender::{RTX, TRANSPORT_CC};
use crate::measure::{Memory, Server};
use crate::participant::Participant;
use anyhow::{Context, Result, ensure};
use std::any::Any;
use std::cell::Cell;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, spawn_local};

/// Nobody's wishes are cut down, as trains have nine megabits a second, and nobody is turned away.
pub const CONFIG: &str = "[signal]\nmax_occupants = 1000\nmax_sessions = 1000\n\
                      [bridge]\nmax_participants = 1000\nreceiver_kbps = 100000\n";
/// Where the server listens.
pub const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);
/// People from one of the addresses on loopback: the server takes some hundreds of connections from each.
const FROM_ONE: u32 = 200;
const CONNECTED_WITHIN: Duration = Duration::from_secs(30);
/// Each more may take this long.
const EACH_WITHIN: Duration = Duration::from_millis(300);

/// As the offer has them.
const NUMBERS: Numbers = Numbers { transport_cc: Some(TRANSPORT_CC), rtx: Some(RTX) };

pub(super) async fn open(start: Start<'_>, people: People) -> Result<Opened> {
    let (server, idle, gathered) = gather(start, people).await?;
    let (mut clients, mut open) = (Vec::new(), Vec::new());
    for participant in gathered {
        let (bot, udp, signaling) = participant.split();
        clients.push(Client::new(bot, udp.into_std()?, NUMBERS)?);
        open.push(signaling);
    }
    Ok((server, idle, clients, Box::new(open) as Box<dyn Any>))
}

/// A server, its memory before anybody came, and people who are connected.
pub(crate) async fn gather(start: Start<'_>, people: People) -> Result<(Server, Memory, Vec<Participant>)> {
    let config = start.folder.join("site.toml");
    fs::write(&config, CONFIG)?;
    let state = start.folder.join("state");
    let mut server = start.places.start(|| Server::start(&start.programs.moothall, &state, &config))??;
    server.listening(ADDRESS).await?;
    let idle = idle(&server).await?;
    let gathered = connect(people).await.with_context(|| server.fate())?;
    Ok((server, idle, gathered))
}

async fn connect(people: People) -> Result<Vec<Participant>> {
    let connected = Rc::new(Cell::new(0));
    let mut joined: Vec<JoinHandle<Result<Participant>>> = Vec::new();
    for number in 1..=people.count() {
        let participant = join(people, number).await?;
        joined.push(spawn_local(run(participant, people.count(), Rc::clone(&connected))));
    }
    let mut all = Vec::new();
    for participant in joined {
        all.push(participant.await??);
    }
    Ok(all)
}

async fn join(people: People, number: u32) -> Result<Participant> {
    let room = format!("bench{}", people.room(number));
    let from = IpAddr::from([127, 0, 0, u8::try_from(1 + number / FROM_ONE)?]);
    let mut participant = Participant::join_from(ADDRESS, from, &room, number, people.sources(number)).await?;
    participant.constraints = wishes(people);
    participant.bot.sender.audio_muted = true;
    participant.bot.sender.video_muted = true;
    Ok(participant)
}

/// The lowest encoding, also where there is but one: of everybody, or of those who are heard.
fn wishes(people: People) -> String {
    let last_n = match people {
        People::OneTo(_) | People::Meeting(_) => -1,
        People::Rooms { .. } => i64::from(HEARD),
    };
    format!(
        r#"{{"colibriClass":"ReceiverVideoConstraints","lastN":{last_n},"defaultConstraints":{{"maxHeight":180}}}}"#
    )
}

/// Takes part until all are connected.
async fn run(mut participant: Participant, all: u32, connected: Rc<Cell<u32>>) -> Result<Participant> {
    let end = Instant::now() + CONNECTED_WITHIN + EACH_WITHIN * all;
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
