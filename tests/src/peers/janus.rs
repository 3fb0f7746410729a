//! People in a room of Janus' VideoRoom plug-in: Debian's package with what it comes with, but for plug-ins and transports that
//! nobody uses here. Who sends has one connection for that, and one more for all that it receives.

use super::client::{Client, Numbers};
use super::scene::{NOTHING, People};
use super::sdp::{self, Remote};
use super::session::{Opened, Start, idle};
use crate::bot::Bot;
use crate::bot::keys::Offer;
use crate::bot::sender::Load;
use crate::measure::Server;
use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::{JoinHandle, spawn_local};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const API: &str = "127.0.0.1:8188";
/// Janus has no candidates on loopback. This is the made-up host of `tests/netns`.
const HOST: &str = "192.0.2.2";
const ROOM: u32 = 1;
const WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn open(start: Start<'_>, people: People) -> Result<Opened> {
    let mut command = configured(start.folder, &start.programs.janus)?;
    let server = start.places.start(|| Server::spawn(&mut command))??;
    server.listening(API.parse()?).await?;
    let idle = idle(&server).await?;
    let mut room = Room::new(people).await?;
    let mut feeds = Vec::new();
    for number in 1..=people.senders() {
        feeds.push(room.publish(number).await?);
    }
    // Nobody can subscribe to who is not there yet.
    room.api.up(people.senders()).await?;
    for number in 1..=people.count() {
        let others: Vec<u64> = (1..).zip(&feeds).filter(|(feed, _)| *feed != number).map(|(_, feed)| *feed).collect();
        if !others.is_empty() {
            room.subscribe(number, &others).await?;
        }
    }
    let (clients, api) = room.everybody().await?;
    Ok((server, idle, clients, Box::new(api)))
}

/// Janus with a configuration in a folder.
fn configured(folder: &Path, janus: &Path) -> Result<Command> {
    let libraries = fs::read_dir(janus.join("usr/lib"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.join("janus/plugins").is_dir())
        .context("Janus' plug-ins")?;
    let alone = |kind: &str, name: &str| -> Result<PathBuf> {
        let into = folder.join(kind);
        fs::create_dir_all(&into)?;
        let library = fs::canonicalize(libraries.join("janus").join(kind).join(name))?;
        symlink(library, into.join(name)).map(|()| into).context("a link")
    };
    let plugins = alone("plugins", "libjanus_videoroom.so")?;
    let transports = alone("transports", "libjanus_websockets.so")?;
    fs::write(
        folder.join("janus.jcfg"),
        format!(
            "general: {{\n configs_folder = {folder:?}\n plugins_folder = {plugins:?}\n transports_folder = {transports:?}\n}}\n\
             nat: {{\n ice_enforce_list = \"{HOST}\"\n}}\n"
        ),
    )?;
    let (ip, port) = API.split_once(':').context("address and port")?;
    fs::write(
        folder.join("janus.transport.websockets.jcfg"),
        format!("general: {{\n json = \"compact\"\n ws = true\n ws_ip = \"{ip}\"\n ws_port = {port}\n}}\n"),
    )?;
    let mut command = Command::new(janus.join("usr/bin/janus"));
    command.arg("--configs-folder").arg(folder).env("LD_LIBRARY_PATH", fs::canonicalize(&libraries)?);
    Ok(command)
}

/// A connection of somebody, which runs until all are connected.
type Connecting = JoinHandle<Result<(Bot, UdpSocket)>>;

struct Room {
    api: Api,
    people: People,
    connections: Vec<(Connecting, Numbers)>,
    complete: Rc<Cell<bool>>,
}

impl Room {
    async fn new(people: People) -> Result<Self> {
        let mut api = Api::connect().await?;
        let handle = api.attach().await?;
        api.ask(handle, json!({"request": "create", "room": ROOM, "publishers": people.count()}), None).await?;
        Ok(Self { api, people, connections: Vec::new(), complete: Rc::default() })
    }

    /// Somebody sends; under which number others find that.
    async fn publish(&mut self, number: u32) -> Result<u64> {
        let handle = self.api.attach().await?;
        let (mut bot, udp) = bot(number, self.people.sources(number)).await?;
        bot.ice.controlling = true;
        let body = json!({"request": "joinandconfigure", "ptype": "publisher", "room": ROOM});
        let event = self.api.ask(handle, body, Some(("offer", sdp::offer(&bot)))).await?;
        let remote = Remote::read(event["jsep"]["sdp"].as_str().context("an answer")?)?;
        self.connect(bot, udp, remote);
        event["plugindata"]["data"]["id"].as_u64().with_context(|| format!("an id in {event}"))
    }

    /// Somebody receives the lowest encoding of all of these.
    async fn subscribe(&mut self, number: u32, feeds: &[u64]) -> Result<()> {
        let handle = self.api.attach().await?;
        let (bot, udp) = bot(self.people.count() + number, NOTHING).await?;
        let streams: Vec<Value> = feeds.iter().map(|feed| json!({"feed": feed})).collect();
        let body = json!({"request": "join", "ptype": "subscriber", "room": ROOM, "streams": streams});
        let event = self.api.ask(handle, body, None).await?;
        let offer = event["jsep"]["sdp"].as_str().with_context(|| format!("an offer in {event}"))?;
        let remote = Remote::read(offer)?;
        self.api.ask(handle, json!({"request": "start"}), Some(("answer", sdp::answer(offer, &bot)))).await?;
        let streams: Vec<Value> = remote.video.iter().map(|mid| json!({"mid": mid, "substream": 0})).collect();
        self.api.ask(handle, json!({"request": "configure", "streams": streams}), None).await?;
        self.connect(bot, udp, remote);
        Ok(())
    }

    fn connect(&mut self, mut bot: Bot, udp: UdpSocket, remote: Remote) {
        bot.ice.set_remote(Instant::now(), remote.ufrag, remote.pwd, remote.addr);
        let connecting = spawn_local(run(bot, udp, Rc::clone(&self.complete)));
        self.connections.push((connecting, Numbers { transport_cc: remote.transport_cc, rtx: None }));
    }

    /// When all are connected: they, and what keeps them signed in.
    async fn everybody(mut self) -> Result<(Vec<Client>, Api)> {
        self.api.up(u32::try_from(self.connections.len())?).await?;
        self.complete.set(true);
        let mut clients = Vec::new();
        for (connection, numbers) in self.connections {
            let (bot, udp) = connection.await??;
            clients.push(Client::new(bot, udp.into_std()?, numbers)?);
        }
        Ok((clients, self.api))
    }
}

async fn bot(number: u32, load: Load) -> Result<(Bot, UdpSocket)> {
    let udp = UdpSocket::bind((HOST, 0)).await.context("there is no such address but in tests/netns")?;
    let mut bot = Bot::new(number, udp.local_addr()?, load, Offer::Gcm);
    bot.sender.audio_muted = true;
    bot.sender.video_muted = true;
    Ok((bot, udp))
}

/// Connects, and keeps the connection until all are there.
async fn run(mut bot: Bot, udp: UdpSocket, complete: Rc<Cell<bool>>) -> Result<(Bot, UdpSocket)> {
    let mut datagram = [0; 2048];
    while !(complete.get() && bot.connected()) {
        let now = Instant::now();
        let at_most = now + Duration::from_millis(20);
        let wake = bot.next_wakeup(now).unwrap_or(at_most).clamp(now + Duration::from_millis(1), at_most);
        tokio::select! {
            received = udp.recv_from(&mut datagram) => {
                let (len, from) = received?;
                bot.handle(Instant::now(), from, &datagram[..len]);
            }
            () = tokio::time::sleep_until(wake.into()) => bot.on_wakeup(Instant::now()),
        }
        while let Some((to, datagram)) = bot.poll() {
            udp.send_to(&datagram, to).await?;
        }
    }
    Ok((bot, udp))
}

/// The JSON API over a WebSocket: one session, a handle for each connection.
struct Api {
    socket: WebSocketStream<TcpStream>,
    session: u64,
    transactions: u32,
    /// Connections that Janus said are there.
    up: u32,
}

impl Api {
    async fn connect() -> Result<Self> {
        let addr: SocketAddr = API.parse()?;
        let mut request = format!("ws://{addr}/").into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", "janus-protocol".parse()?);
        let (socket, _) = tokio_tungstenite::client_async(request, TcpStream::connect(addr).await?).await?;
        let mut api = Self { socket, session: 0, transactions: 0, up: 0 };
        let created = api.request(json!({"janus": "create"})).await?;
        api.session = created["data"]["id"].as_u64().context("a session")?;
        Ok(api)
    }

    async fn attach(&mut self) -> Result<u64> {
        let request = json!({"janus": "attach", "session_id": self.session, "plugin": "janus.plugin.videoroom"});
        self.request(request).await?["data"]["id"].as_u64().context("a handle")
    }

    /// Asks the plug-in.
    async fn ask(&mut self, handle: u64, body: Value, description: Option<(&str, String)>) -> Result<Value> {
        let mut request = json!({"janus": "message", "session_id": self.session, "handle_id": handle, "body": body});
        if let Some((kind, sdp)) = description {
            request["jsep"] = json!({"type": kind, "sdp": sdp});
        }
        let answer = self.request(request).await?;
        let refused = &answer["plugindata"]["data"]["error"];
        ensure!(refused.is_null(), "Janus says {refused} to {body}");
        Ok(answer)
    }

    /// The answer itself: that it will come, and what else Janus has to say, is passed over.
    async fn request(&mut self, mut request: Value) -> Result<Value> {
        self.transactions += 1;
        let transaction = self.transactions.to_string();
        request["transaction"] = transaction.as_str().into();
        self.socket.send(Message::text(request.to_string())).await?;
        loop {
            let answer = self.next().await?;
            if answer["transaction"] == *transaction && answer["janus"] != "ack" {
                ensure!(answer["janus"] != "error", "Janus says {answer} to {request}");
                return Ok(answer);
            }
        }
    }

    /// Waits until so many connections are there.
    async fn up(&mut self, count: u32) -> Result<()> {
        while self.up < count {
            let up = self.up;
            self.next().await.with_context(|| format!("{up} of {count} connections are there"))?;
        }
        Ok(())
    }

    /// What Janus says next.
    async fn next(&mut self) -> Result<Value> {
        loop {
            let message = tokio::time::timeout(WITHIN, self.socket.next()).await.context("Janus is silent")?;
            let Message::Text(text) = message.context("Janus hung up")?? else { continue };
            let message: Value = serde_json::from_str(&text)?;
            self.up += u32::from(message["janus"] == "webrtcup");
            return Ok(message);
        }
    }
}
