//! A bridge with participants whose keys are installed, on virtual time.

use std::time::{Duration, Instant};

use bridge::control::{Command, Reply};
use bridge::core::connects::ConnectChange;
use bridge::core::endpoint::identity::Identity;
use bridge::core::packet::RtpHeader;
use bridge::core::rtcp::Writer;
use bridge::core::srtp::{Inbound, Keys, Outbound, Profile};
use bridge::core::{Bridge, BridgeConfig, ChannelId, Discard, Event, Path, Sink};
use jitsi_wire::colibri2::*;
use jitsi_wire::jingle::*;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

pub const MEETING: &str = "meeting";
pub const VP8: u8 = 100;
pub const VP8_RTX: u8 = 96;
pub const OPUS: u8 = 111;
pub const AUDIO_LEVEL: u8 = 1;
pub const TRANSPORT_CC: u8 = 5;
const TRANSPORT_CC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Collects what the bridge sends.
#[derive(Default)]
pub struct Outbox {
    slot: Vec<u8>,
    pub sent: Vec<(Path, Vec<u8>)>,
}

impl Sink for Outbox {
    fn slot(&mut self) -> &mut [u8] {
        self.slot.resize(1500, 0);
        &mut self.slot
    }

    fn commit(&mut self, path: Path, len: usize) {
        self.sent.push((path, self.slot[..len].to_vec()));
    }
}

/// What a participant got.
#[derive(Debug, Clone)]
pub struct Rtp {
    pub header: RtpHeader,
    pub bytes: Vec<u8>,
}

impl Rtp {
    pub fn payload(&self) -> &[u8] {
        self.header.payload(&self.bytes)
    }
}

/// One participant's side of the keys.
pub struct Client {
    pub number: u32,
    pub path: Path,
    outbound: Outbound,
    inbound: Inbound,
    /// Number of the next transport-wide sequence.
    transport: u16,
    pub rtp: Vec<Rtp>,
    pub rtcp: Vec<Vec<u8>>,
    pub channel: Option<ChannelId>,
    pub texts: Vec<Value>,
    pub url: String,
}

impl Client {
    pub fn audio_ssrc(&self) -> u32 {
        self.number * 1000 + 1
    }

    pub fn video_ssrc(&self, encoding: u32) -> u32 {
        self.number * 1000 + 100 + encoding
    }

    pub fn rtx_ssrc(&self, encoding: u32) -> u32 {
        self.number * 1000 + 200 + encoding
    }

    pub fn of_class(&self, class: &str) -> Vec<&Value> {
        self.texts.iter().filter(|text| text["colibriClass"] == class).collect()
    }

    /// RTP of one stream, in order of arrival.
    pub fn stream(&self, ssrc: u32) -> Vec<&Rtp> {
        self.rtp.iter().filter(|rtp| rtp.header.ssrc.0 == ssrc).collect()
    }
}

pub struct World {
    pub bridge: Bridge,
    pub now: Instant,
    pub clients: Vec<Client>,
    pub outbox: Outbox,
    pub replies: Vec<Reply>,
    pub gone: Vec<String>,
    pub closed: Vec<(ChannelId, u16, &'static str)>,
    pub connects: Vec<ConnectChange>,
    /// `jvb-v0`
    pub bridge_ssrc: u32,
    /// The channel URL that was given out last.
    newest_url: String,
    next_command: u64,
    next_channel: u64,
}

pub fn identity() -> Arc<Identity> {
    static IDENTITY: OnceLock<Arc<Identity>> = OnceLock::new();
    IDENTITY.get_or_init(|| Arc::new(Identity::generate().unwrap())).clone()
}

pub fn payload_type(id: u8, name: &str, clockrate: u32, parameters: &[(&str, &str)]) -> PayloadType {
    let feedback =
        |kind: &str, subtype: Option<&str>| RtcpFeedback { kind: kind.into(), subtype: subtype.map(Into::into) };
    PayloadType {
        id,
        name: name.into(),
        clockrate,
        channels: (name == "opus").then_some(2),
        parameters: parameters.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect(),
        feedback: vec![
            feedback("nack", None),
            feedback("nack", Some("pli")),
            feedback("ccm", Some("fir")),
            feedback("transport-cc", None),
        ],
    }
}

pub fn media() -> Vec<MediaDescription> {
    let extension = |id, uri: &str| RtpHeaderExtension { id, uri: uri.into() };
    vec![
        MediaDescription {
            kind: MediaKind::Audio,
            payload_types: vec![
                payload_type(OPUS, "opus", 48_000, &[]),
                payload_type(126, "telephone-event", 8000, &[]),
            ],
            header_extensions: vec![
                extension(AUDIO_LEVEL, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
                extension(TRANSPORT_CC, TRANSPORT_CC_URI),
            ],
            extmap_allow_mixed: true,
        },
        MediaDescription {
            kind: MediaKind::Video,
            payload_types: vec![
                payload_type(VP8, "VP8", 90_000, &[]),
                payload_type(VP8_RTX, "rtx", 90_000, &[("apt", "100")]),
                payload_type(107, "H264", 90_000, &[("profile-level-id", "42e01f"), ("packetization-mode", "1")]),
            ],
            header_extensions: vec![extension(TRANSPORT_CC, TRANSPORT_CC_URI)],
            extmap_allow_mixed: true,
        },
    ]
}

pub fn creating(id: &str) -> EndpointModify {
    EndpointModify {
        id: id.into(),
        create: true,
        capabilities: Capabilities { source_names: true, ..Default::default() },
        transport: Some(TransportModify { ice_controlling: true, ..Default::default() }),
        media: media(),
        ..Default::default()
    }
}

/// Audio and a camera of `encodings` encodings.
pub fn sources(id: &str, number: u32, encodings: u32) -> Vec<MediaSource> {
    let (media, rtx) = (|e: u32| number * 1000 + 100 + e, |e: u32| number * 1000 + 200 + e);
    let mut groups: Vec<SsrcGroup> =
        (0..encodings).map(|e| SsrcGroup { semantics: Semantics::Fid, ssrcs: vec![media(e), rtx(e)] }).collect();
    if encodings > 1 {
        groups.insert(0, SsrcGroup { semantics: Semantics::Sim, ssrcs: (0..encodings).map(media).collect() });
    }
    vec![
        MediaSource {
            id: format!("{id}-a0"),
            kind: MediaKind::Audio,
            ssrcs: vec![number * 1000 + 1],
            groups: vec![],
            desktop: false,
            synthetic: false,
        },
        MediaSource {
            id: format!("{id}-v0"),
            kind: MediaKind::Video,
            ssrcs: (0..encodings).map(media).chain((0..encodings).map(rtx)).collect(),
            groups,
            desktop: false,
            synthetic: false,
        },
    ]
}

fn keys(number: u32, we_are_client: bool) -> Keys {
    let profile = Profile::AeadAes128Gcm;
    let block: Vec<u8> = (0..profile.exporter_len()).map(|i| (i as u32 * 7 + number * 13) as u8).collect();
    Keys::from_exporter(profile, &block, we_are_client).unwrap()
}

pub fn path(number: u32) -> Path {
    Path { local: "10.0.0.1".parse().unwrap(), remote: format!("10.0.1.{number}:5000").parse().unwrap() }
}

impl World {
    pub fn new() -> Self {
        Self::with_config(BridgeConfig::default())
    }

    pub fn with_config(config: BridgeConfig) -> Self {
        let start = Instant::now();
        Self {
            bridge: Bridge::new(config, identity(), [42; 32], start),
            now: start,
            clients: Vec::new(),
            outbox: Outbox::default(),
            replies: Vec::new(),
            gone: Vec::new(),
            closed: Vec::new(),
            connects: Vec::new(),
            bridge_ssrc: 0,
            newest_url: String::new(),
            next_command: 0,
            next_channel: 0,
        }
    }

    /// A meeting of participants `a`, `b`, ... with simulcast cameras, all connected, all with a channel that asks for 720p.
    pub fn meeting(size: u32) -> Self {
        Self::meeting_with(BridgeConfig::default(), size)
    }

    pub fn meeting_with(config: BridgeConfig, size: u32) -> Self {
        let mut world = Self::with_config(config);
        for number in 1..=size {
            world.join(number, 3);
        }
        for number in 1..=size {
            world.open_channel(number);
            world.say(number, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
        }
        world
    }

    pub fn id(number: u32) -> String {
        char::from_u32('a' as u32 + number - 1).unwrap().to_string()
    }

    pub fn order(&mut self, request: ConferenceModify) -> Reply {
        self.next_command += 1;
        let command = Command { id: self.next_command, request, client_is_local: false };
        self.bridge.apply(self.now, command, &mut self.outbox);
        self.deliver();
        self.replies.last().unwrap().clone()
    }

    pub fn done(&mut self, request: ConferenceModify) -> ConferenceModified {
        match self.order(request) {
            Reply::Done { answer, .. } => {
                let transports = answer.endpoints.iter().filter_map(|endpoint| endpoint.transport.as_ref());
                if let Some(url) = transports.filter_map(|transport| transport.web_socket.clone()).next_back() {
                    self.newest_url = url;
                }
                answer
            }
            Reply::Refused { refusal, .. } => panic!("{refusal}"),
        }
    }

    pub fn modify(&mut self, endpoint: EndpointModify) -> ConferenceModified {
        self.done(ConferenceModify { meeting_id: MEETING.into(), endpoints: vec![endpoint], ..Default::default() })
    }

    /// Creates an endpoint, signals its sources and installs its keys.
    pub fn join(&mut self, number: u32, encodings: u32) {
        self.join_as(number, encodings, creating(&Self::id(number)));
    }

    /// The same for a client that is described otherwise.
    pub fn join_as(&mut self, number: u32, encodings: u32, endpoint: EndpointModify) {
        let url = self.invite(number, encodings, endpoint);
        self.answer(number, url);
    }

    /// The same for a client that has none.
    pub fn join_visitor(&mut self, number: u32, endpoint: EndpointModify) {
        let endpoints = vec![endpoint];
        let answer = self.done(ConferenceModify { meeting_id: MEETING.into(), endpoints, ..Default::default() });
        let url = answer.endpoints[0].transport.as_ref().unwrap().web_socket.clone().unwrap();
        self.answer(number, url);
    }

    /// Creates an endpoint and signals its sources. Answers where its channel is.
    pub fn invite(&mut self, number: u32, encodings: u32, endpoint: EndpointModify) -> String {
        let id = Self::id(number);
        let create = self.bridge.stats().conferences == 0;
        let answer = self.done(ConferenceModify {
            meeting_id: MEETING.into(),
            create,
            endpoints: vec![endpoint],
            ..Default::default()
        });
        self.bridge_ssrc = answer.sources[1].ssrcs[0];
        let url = answer.endpoints[0].transport.as_ref().unwrap().web_socket.clone().unwrap();
        let sources = Some(sources(&id, number, encodings));
        self.modify(EndpointModify { id, sources, ..Default::default() });
        url
    }

    /// Installs the keys of an endpoint that was invited.
    pub fn answer(&mut self, number: u32, url: String) {
        let id = Self::id(number);
        let bridge_keys = keys(number, false);
        assert!(self.bridge.install_keys(self.now, MEETING, &id, &bridge_keys, path(number), &mut self.outbox));
        let own = keys(number, true);
        self.clients.retain(|client| client.number != number);
        self.clients.push(Client {
            number,
            path: path(number),
            outbound: Outbound::new(own.profile, &own.local),
            inbound: Inbound::new(own.profile, &own.remote),
            transport: 0,
            rtp: Vec::new(),
            rtcp: Vec::new(),
            channel: None,
            texts: Vec::new(),
            url,
        });
        self.deliver();
    }

    /// Installs the keys of an endpoint that was created anew by hand.
    pub fn reconnect(&mut self, number: u32) {
        let id = Self::id(number);
        assert!(self.bridge.install_keys(self.now, MEETING, &id, &keys(number, false), path(number), &mut self.outbox));
        let own = keys(number, true);
        let url = self.newest_url.clone();
        let client = self.client(number);
        client.outbound = Outbound::new(own.profile, &own.local);
        client.inbound = Inbound::new(own.profile, &own.remote);
        client.url = url;
    }

    pub fn leave(&mut self, number: u32) {
        self.modify(EndpointModify { id: Self::id(number), expire: true, ..Default::default() });
        self.clients.retain(|client| client.number != number);
    }

    pub fn client(&mut self, number: u32) -> &mut Client {
        self.clients.iter_mut().find(|client| client.number == number).unwrap()
    }

    pub fn open_channel(&mut self, number: u32) {
        self.next_channel += 1;
        let id = ChannelId(self.next_channel);
        let url = self.client(number).url.clone();
        let (path, pwd) = url.split_once("?pwd=").unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        let ["", "colibri-ws", "default-id", conference, endpoint] = parts[..] else { panic!("{url}") };
        self.client(number).channel = Some(id);
        self.bridge.open_channel(self.now, conference, endpoint, pwd, id, &mut self.outbox).unwrap();
        self.deliver();
    }

    pub fn say(&mut self, number: u32, text: &str) {
        let id = self.client(number).channel.unwrap();
        self.bridge.on_channel_text(self.now, id, text, &mut self.outbox);
        self.deliver();
    }

    /// Everybody is there, as their checks would say.
    pub fn show_life(&mut self) {
        for client in &self.clients {
            self.bridge.show_life(self.now, MEETING, &Self::id(client.number));
        }
    }

    /// Moves the clock, waking the bridge whenever it asks for it.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((at, _)) = self.bridge.next_wakeup().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.bridge.on_wakeup(self.now, &mut self.outbox);
            self.deliver();
        }
        self.now = end;
    }

    pub fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }

    /// Sends a plain RTP packet of this participant.
    pub fn send(&mut self, number: u32, packet: &[u8]) {
        let mut datagram = self.seal(number, packet);
        self.bridge.on_datagram(self.now, path(number), &mut datagram, &mut self.outbox);
        self.deliver();
    }

    /// Encrypts an RTP packet of this participant.
    pub fn seal(&mut self, number: u32, packet: &[u8]) -> Vec<u8> {
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + 64, 0);
        let len = self.client(number).outbound.protect_rtp(&mut buffer, packet.len()).unwrap();
        buffer.truncate(len);
        buffer
    }

    pub fn send_rtcp(&mut self, number: u32, write: impl FnOnce(&mut Writer<'_>) -> Result<(), Discard>) {
        let mut datagram = self.seal_rtcp(number, write);
        self.bridge.on_datagram(self.now, path(number), &mut datagram, &mut self.outbox);
        self.deliver();
    }

    /// Encrypts a compound of this participant.
    pub fn seal_rtcp(&mut self, number: u32, write: impl FnOnce(&mut Writer<'_>) -> Result<(), Discard>) -> Vec<u8> {
        let mut buffer = vec![0; 1400];
        let mut writer = Writer::new(&mut buffer[..1200]);
        write(&mut writer).unwrap();
        let len = writer.len();
        let len = self.client(number).outbound.protect_rtcp(&mut buffer, len).unwrap();
        buffer.truncate(len);
        buffer
    }

    /// A compound as it stands.
    pub fn send_plain_rtcp(&mut self, number: u32, plain: &[u8]) {
        let now = self.now;
        let client = self.client(number);
        let path = client.path;
        let mut buffer = plain.to_vec();
        buffer.resize(plain.len() + 64, 0);
        let len = client.outbound.protect_rtcp(&mut buffer, plain.len()).unwrap();
        self.bridge.on_datagram(now, path, &mut buffer[..len], &mut self.outbox);
        self.deliver();
    }

    /// An Opus packet of 20 ms.
    pub fn audio(&mut self, number: u32, sequence: u16, level: u8) -> Vec<u8> {
        let ssrc = self.client(number).audio_ssrc();
        let extension = [(AUDIO_LEVEL, vec![level])];
        packet(OPUS, false, sequence, u32::from(sequence) * 960, ssrc, &extension, &[0xfc, 1, 2, 3])
    }

    /// A VP8 frame of one packet in one encoding.
    pub fn video(&mut self, number: u32, encoding: u32, sequence: u16, key: bool) -> Vec<u8> {
        let client = self.client(number);
        let ssrc = client.video_ssrc(encoding);
        client.transport = client.transport.wrapping_add(1);
        let extension = [(TRANSPORT_CC, client.transport.to_be_bytes().to_vec()), (10, b"mid".to_vec())];
        packet(VP8, true, sequence, u32::from(sequence) * 3000, ssrc, &extension, &vp8(encoding, sequence, key))
    }

    /// Sends `count` frames in all encodings, 33 ms apart, the first one being a key frame if `key`.
    pub fn film(&mut self, number: u32, from: u16, count: u16, key: bool, encodings: &[u32]) {
        for step in 0..count {
            for encoding in encodings {
                let frame = self.video(number, *encoding, from.wrapping_add(step), key && step == 0);
                self.send(number, &frame);
            }
            self.run_ms(33);
        }
    }

    pub fn deliver(&mut self) {
        for (path, mut datagram) in std::mem::take(&mut self.outbox.sent) {
            let Some(client) = self.clients.iter_mut().find(|client| client.path == path) else {
                continue;
            };
            if (192..=223).contains(&datagram[1]) {
                let len = client.inbound.unprotect_rtcp(&mut datagram).unwrap();
                datagram.truncate(len);
                client.rtcp.push(datagram);
            } else {
                let len = client.inbound.unprotect_rtp(&mut datagram).unwrap();
                datagram.truncate(len);
                let header = RtpHeader::parse(&datagram).unwrap();
                client.rtp.push(Rtp { header, bytes: datagram });
            }
        }
        while let Some(event) = self.bridge.poll_event() {
            match event {
                Event::Reply(reply) => self.replies.push(reply),
                Event::ChannelText { id, text, .. } => {
                    if let Some(client) = self.clients.iter_mut().find(|client| client.channel == Some(id)) {
                        client.texts.push(serde_json::from_str(&text).unwrap());
                    }
                }
                Event::ChannelClose { id, code, reason } => self.closed.push((id, code, reason)),
                Event::EndpointGone { endpoint, .. } => self.gone.push(endpoint),
                Event::Connect { change, .. } => self.connects.push(change),
                Event::ConferenceOver { .. } => {}
            }
        }
    }

    /// Forgets everything that arrived.
    pub fn forget(&mut self) {
        for client in &mut self.clients {
            client.rtp.clear();
            client.rtcp.clear();
            client.texts.clear();
        }
    }

    /// Kinds of RTCP packets that a participant got about one SSRC: (packet type, format).
    pub fn rtcp_of(&mut self, number: u32) -> HashMap<(u8, u8), usize> {
        let mut counts = HashMap::new();
        for datagram in &self.client(number).rtcp {
            let mut rest = datagram.as_slice();
            while rest.len() >= 4 {
                *counts.entry((rest[1], rest[0] & 31)).or_default() += 1;
                let len = (usize::from(u16::from_be_bytes([rest[2], rest[3]])) + 1) * 4;
                rest = &rest[len..];
            }
        }
        counts
    }
}

/// VP8 payload with 15-bit picture id and TL0PICIDX; key frames tell their size.
pub fn vp8(encoding: u32, sequence: u16, key: bool) -> Vec<u8> {
    let [high, low] = (sequence & 0x7fff).to_be_bytes();
    let mut payload = vec![0x90, 0xe0, 0x80 | high, low, sequence as u8, 0];
    let (width, height) = (320_u16 << encoding, 180_u16 << encoding);
    if key {
        payload.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a]);
        payload.extend(width.to_le_bytes());
        payload.extend(height.to_le_bytes());
    } else {
        payload.extend([0x11, 0, 0]);
    }
    payload.extend([encoding as u8; 100]);
    payload
}

pub fn packet(
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    extensions: &[(u8, Vec<u8>)],
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = vec![0x90, (u8::from(marker) << 7) | payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    let mut block = Vec::new();
    for (id, value) in extensions {
        block.push((id << 4) | (value.len() as u8 - 1));
        block.extend(value);
    }
    block.resize(block.len().next_multiple_of(4), 0);
    packet.extend([0xbe, 0xde]);
    packet.extend(((block.len() / 4) as u16).to_be_bytes());
    packet.extend(block);
    packet.extend(payload);
    packet
}
