//! The bridge and its bots on one virtual network and one virtual clock.
//!
//! Nothing here waits: time jumps to the next arrival or timer. A run is fixed by its seed, but for the signatures of DTLS.

use crate::bot::Bot;
use crate::netem::{Arrival, Link, Network};
use bridge::control::{Command, Reply};
use bridge::core::endpoint::identity::Identity;
use bridge::core::{Bridge, BridgeConfig, ChannelId, Event, Path, Sink};
use jitsi_wire::colibri2::{
    Capabilities, ConferenceModified, ConferenceModify, EndpointModify, MediaDescription, MediaSource, Refusal,
    TransportModify,
};
use jitsi_wire::jingle::{IceUdpTransport, MediaKind, PayloadType, RtcpFeedback, RtpHeaderExtension};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const MEETING: &str = "0a5c8f4e-6d3b-4c58-9d53-0f6a1f0d7c11";

/// Collects what the bridge sends.
struct Collector {
    slot: Box<[u8; 2048]>,
    sent: VecDeque<(Path, Vec<u8>)>,
}

impl Sink for Collector {
    fn slot(&mut self) -> &mut [u8] {
        &mut self.slot[..]
    }

    fn commit(&mut self, path: Path, len: usize) {
        self.sent.push_back((path, self.slot[..len].to_vec()));
    }
}

/// A running simulation.
pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub bridge: Bridge,
    pub identity: Arc<Identity>,
    pub bridge_addr: SocketAddr,
    pub bots: Vec<Bot>,
    pub link: Link,
    /// Links of bots, by id, that differ from everybody's.
    pub links: HashMap<String, Link>,
    /// How often the bridge wanted to be woken and was.
    pub wakes: u64,
    pub network: Network,
    sink: Collector,
    next_id: u64,
    replies: HashMap<u64, Result<ConferenceModified, Refusal>>,
    /// Bridge-channel messages that each bot has received, by index of the bot.
    pub messages: HashMap<usize, Vec<Value>>,
    channels: HashMap<ChannelId, usize>,
    web_sockets: HashMap<String, String>,
    pub gone: Vec<String>,
    pub closed: Vec<(usize, u16)>,
    /// Datagrams from the bridge to somebody who is no bot.
    pub astray: u64,
    /// Those of them that are media.
    pub astray_media: u64,
    /// Whose datagrams to the bridge are overheard, and what was.
    pub tap: Option<SocketAddr>,
    pub tapped: Vec<Vec<u8>>,
}

impl World {
    pub fn new(seed: u64, bridge_addr: SocketAddr, config: BridgeConfig, link: Link) -> Self {
        let now = Instant::now();
        let identity = Arc::new(Identity::generate().expect("identity"));
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            now,
            start: now,
            bridge: Bridge::new(config, Arc::clone(&identity), bytes, now),
            identity,
            bridge_addr,
            bots: Vec::new(),
            link,
            links: HashMap::new(),
            wakes: 0,
            network: Network::new(seed),
            sink: Collector { slot: Box::new([0; 2048]), sent: VecDeque::new() },
            next_id: 0,
            replies: HashMap::new(),
            messages: HashMap::new(),
            channels: HashMap::new(),
            web_sockets: HashMap::new(),
            gone: Vec::new(),
            closed: Vec::new(),
            astray: 0,
            astray_media: 0,
            tap: None,
            tapped: Vec::new(),
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Gives the bridge an order and returns its answer.
    pub fn order(&mut self, request: ConferenceModify) -> Result<ConferenceModified, Refusal> {
        self.next_id += 1;
        let id = self.next_id;
        let command = Command { id, request, client_is_local: false };
        self.bridge.apply(self.now, command, &mut self.sink);
        self.drain();
        self.replies.remove(&id).expect("an order is answered at once")
    }

    /// What focus does when somebody joins: allocate, offer, accept, announce. Returns the bot's index.
    pub fn join(&mut self, bot: Bot) -> usize {
        let create = self.bots.is_empty();
        self.join_conference(bot, MEETING, create)
    }

    pub fn join_conference(&mut self, bot: Bot, meeting: &str, create: bool) -> usize {
        let endpoint = create_endpoint(&bot.id);
        self.join_as(bot, endpoint, meeting, create)
    }

    /// A bot whose client can more or less than others.
    pub fn join_as(&mut self, bot: Bot, endpoint: EndpointModify, meeting: &str, create: bool) -> usize {
        let answer = self
            .order(ConferenceModify {
                meeting_id: meeting.into(),
                create,
                endpoints: vec![endpoint],
                ..ConferenceModify::default()
            })
            .expect("endpoint is created");
        let transport = answer.endpoints[0].transport.clone().expect("transport");
        let index = self.bots.len();
        self.bots.push(bot);
        self.accept(index, meeting, &transport);
        index
    }

    /// The session-accept of a bot, and the announcement of its sources.
    pub fn accept(&mut self, index: usize, meeting: &str, offer: &IceUdpTransport) {
        if let Some(url) = &offer.web_socket {
            self.web_sockets.insert(self.bots[index].id.clone(), url.clone());
        }
        let (now, addr) = (self.now, self.bridge_addr);
        let (ufrag, pwd) = (offer.ufrag.clone(), offer.pwd.clone());
        self.bots[index].ice.set_remote(now, ufrag.expect("ufrag"), pwd.expect("pwd"), addr);
        let (id, transport, sources) = {
            let bot = &self.bots[index];
            (bot.id.clone(), bot.answer(), bot.sources())
        };
        self.update(meeting, &id, Some(transport), Some(sources)).expect("endpoint is updated");
        for other in 0..self.bots.len() {
            if other != index {
                let (a, b) = (other.min(index), other.max(index));
                let (left, right) = self.bots.split_at_mut(b);
                left[a].learn(&right[0]);
                right[0].learn(&left[a]);
            }
        }
    }

    pub fn update(
        &mut self,
        meeting: &str,
        id: &str,
        transport: Option<IceUdpTransport>,
        sources: Option<Vec<MediaSource>>,
    ) -> Result<ConferenceModified, Refusal> {
        self.order(ConferenceModify {
            meeting_id: meeting.into(),
            endpoints: vec![EndpointModify {
                id: id.into(),
                transport: transport.map(|ice| TransportModify { ice: Some(ice), ..TransportModify::default() }),
                sources,
                ..EndpointModify::default()
            }],
            ..ConferenceModify::default()
        })
    }

    /// ICE restart in place, as focus and client do it: new credentials of the bridge, then the bot's own under the same number.
    pub fn restart_ice(&mut self, index: usize) {
        let id = self.bots[index].id.clone();
        let transport = TransportModify { ice_restart: true, ..TransportModify::default() };
        let endpoint = EndpointModify { id: id.clone(), transport: Some(transport), ..EndpointModify::default() };
        let request =
            ConferenceModify { meeting_id: MEETING.into(), endpoints: vec![endpoint], ..ConferenceModify::default() };
        let answer = self.order(request).expect("ICE restarts");
        let offer = answer.endpoints[0].transport.clone().expect("transport");
        let (now, addr) = (self.now, self.bridge_addr);
        let ice = &mut self.bots[index].ice;
        ice.ufrag.push('r');
        ice.pwd.push('r');
        (ice.writable, ice.nominated) = (false, false);
        ice.set_remote(now, offer.ufrag.expect("ufrag"), offer.pwd.expect("pwd"), addr);
        let own = self.bots[index].answer();
        let own = IceUdpTransport { ice_generation: offer.ice_generation, fingerprints: Vec::new(), ..own };
        self.update(MEETING, &id, Some(own), None).expect("endpoint is updated");
    }

    /// The endpoint is expired, as on a leave; its bot falls silent.
    pub fn leave(&mut self, index: usize) {
        let id = self.bots[index].id.clone();
        self.order(ConferenceModify {
            meeting_id: MEETING.into(),
            endpoints: vec![EndpointModify { id, expire: true, ..EndpointModify::default() }],
            ..ConferenceModify::default()
        })
        .expect("endpoint expires");
    }

    /// Opens the bridge channel of a bot with the URL of its offer.
    pub fn open_channel(&mut self, index: usize) -> ChannelId {
        let url = self.web_sockets[&self.bots[index].id].clone();
        let (path, query) = url.split_once("?pwd=").expect("password in the URL");
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        let (conference, endpoint) = (parts[parts.len() - 2], parts[parts.len() - 1]);
        let id = ChannelId(self.channels.len() as u64 + 1);
        self.channels.insert(id, index);
        self.bridge.open_channel(self.now, conference, endpoint, query, id, &mut self.sink).expect("channel opens");
        self.drain();
        id
    }

    pub fn say(&mut self, channel: ChannelId, message: &Value) {
        let text = message.to_string();
        self.bridge.on_channel_text(self.now, channel, &text, &mut self.sink);
        self.drain();
    }

    /// The same of what may not even be JSON.
    pub fn say_text(&mut self, channel: ChannelId, text: &str) {
        self.bridge.on_channel_text(self.now, channel, text, &mut self.sink);
        self.drain();
    }

    /// A datagram from anywhere straight into the bridge.
    pub fn inject(&mut self, from: SocketAddr, datagram: &[u8]) {
        let mut datagram = datagram.to_vec();
        let path = Path { local: self.bridge_addr.ip(), remote: from };
        self.bridge.on_datagram(self.now, path, &mut datagram, &mut self.sink);
        self.drain();
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.run_until(end, |_| false);
    }

    /// Runs until `done` or the deadline; whether it was done.
    pub fn run_until(&mut self, end: Instant, mut done: impl FnMut(&Self) -> bool) -> bool {
        self.send_all();
        while !done(self) {
            let Some(next) = self.next().filter(|at| *at <= end) else {
                self.now = end;
                return done(self);
            };
            self.now = self.now.max(next);
            self.step();
        }
        true
    }

    fn next(&self) -> Option<Instant> {
        let bots = self.bots.iter().filter_map(|b| b.next_wakeup(self.now));
        let bridge = self.bridge.next_wakeup().map(|(at, _)| at);
        bots.chain(bridge).chain(self.network.next_arrival()).min()
    }

    fn step(&mut self) {
        while let Some(arrival) = self.network.arrived(self.now) {
            self.deliver(arrival);
        }
        for bot in &mut self.bots {
            if bot.next_wakeup(self.now).is_some_and(|at| at <= self.now + Duration::from_millis(10)) {
                bot.on_wakeup(self.now);
            }
        }
        if self.bridge.next_wakeup().is_some_and(|(at, _)| at <= self.now) {
            self.wakes += 1;
            self.bridge.on_wakeup(self.now, &mut self.sink);
            self.drain();
        }
        self.send_all();
    }

    fn deliver(&mut self, mut arrival: Arrival) {
        if arrival.to == self.bridge_addr {
            if self.tap == Some(arrival.from) {
                self.tapped.push(arrival.datagram.clone());
            }
            let path = Path { local: self.bridge_addr.ip(), remote: arrival.from };
            self.bridge.on_datagram(self.now, path, &mut arrival.datagram, &mut self.sink);
            self.drain();
            return;
        }
        match self.bots.iter_mut().find(|b| b.addr == arrival.to) {
            Some(bot) => bot.handle(self.now, arrival.from, &arrival.datagram),
            None => {
                self.astray += 1;
                self.astray_media += u64::from(arrival.datagram.first().is_some_and(|first| *first >= 128));
            }
        }
    }

    fn send_all(&mut self) {
        for bot in &mut self.bots {
            while let Some((to, datagram)) = bot.poll() {
                let arrival = Arrival { from: bot.addr, to, datagram };
                let link = self.links.get(&bot.id).unwrap_or(&self.link);
                self.network.send(self.now, link, arrival);
            }
        }
        while let Some((path, datagram)) = self.sink.sent.pop_front() {
            let arrival = Arrival { from: self.bridge_addr, to: path.remote, datagram };
            let to = self.bots.iter().find(|bot| bot.addr == path.remote);
            let link = to.and_then(|bot| self.links.get(&bot.id)).unwrap_or(&self.link);
            self.network.send_down(self.now, link, arrival);
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.bridge.poll_event() {
            match event {
                Event::Reply(Reply::Done { id, answer }) => {
                    self.replies.insert(id, Ok(answer));
                }
                Event::Reply(Reply::Refused { id, refusal }) => {
                    self.replies.insert(id, Err(refusal));
                }
                Event::ChannelText { id, text, .. } => self.on_message(id, &text),
                Event::ChannelClose { id, code, .. } => {
                    if let Some(index) = self.channels.get(&id) {
                        self.closed.push((*index, code));
                    }
                }
                Event::EndpointGone { endpoint, .. } => self.gone.push(endpoint),
                Event::ConferenceOver { .. } | Event::Connect { .. } => {}
            }
        }
    }

    fn on_message(&mut self, id: ChannelId, text: &str) {
        let index = self.channels[&id];
        let message: Value = serde_json::from_str(text).expect("the bridge writes JSON");
        if message["colibriClass"] == "SenderSourceConstraints" {
            let height = message["maxHeight"].as_i64().expect("maxHeight") as i32;
            self.bots[index].sender.limit_height(height);
        }
        self.messages.entry(index).or_default().push(message);
    }
}

/// A conference with one endpoint, for whoever needs no more.
pub fn first_endpoint() -> Command {
    Command {
        id: 1,
        request: ConferenceModify {
            meeting_id: MEETING.into(),
            create: true,
            endpoints: vec![create_endpoint("00000001")],
            ..ConferenceModify::default()
        },
        client_is_local: false,
    }
}

/// An endpoint as the focus creates it for a browser.
pub fn create_endpoint(id: &str) -> EndpointModify {
    EndpointModify {
        id: id.into(),
        create: true,
        capabilities: Capabilities { source_names: true, ..Capabilities::default() },
        media: media(),
        transport: Some(TransportModify { ice_controlling: true, ..TransportModify::default() }),
        ..EndpointModify::default()
    }
}

/// The numbers that Jicofo offers.
pub fn media() -> Vec<MediaDescription> {
    let payload =
        |id, name: &str, clockrate, parameters: &[(&str, &str)], feedback: &[(&str, Option<&str>)]| PayloadType {
            id,
            name: name.into(),
            clockrate,
            channels: (clockrate == 48_000).then_some(2),
            parameters: parameters.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            feedback: feedback
                .iter()
                .map(|(kind, subtype)| RtcpFeedback { kind: (*kind).into(), subtype: subtype.map(Into::into) })
                .collect(),
        };
    let extension = |id, uri: &str| RtpHeaderExtension { id, uri: uri.into() };
    let video = [("ccm", Some("fir")), ("nack", None), ("nack", Some("pli")), ("transport-cc", None)];
    let cc = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    vec![
        MediaDescription {
            kind: MediaKind::Audio,
            payload_types: vec![payload(111, "opus", 48_000, &[], &[("transport-cc", None)])],
            header_extensions: vec![extension(1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"), extension(5, cc)],
            extmap_allow_mixed: true,
        },
        MediaDescription {
            kind: MediaKind::Video,
            payload_types: vec![
                payload(100, "VP8", 90_000, &[], &video),
                payload(96, "rtx", 90_000, &[("apt", "100")], &[]),
            ],
            header_extensions: vec![
                extension(3, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
                extension(5, cc),
            ],
            extmap_allow_mixed: true,
        },
    ]
}
