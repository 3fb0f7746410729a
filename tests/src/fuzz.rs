//! One function for each parser that faces the network. `make fuzz` grows their corpora; `make test` replays them.
//!
//! A target takes any bytes and must return. Where a value can be written again, it must read back as the same.

mod meeting;
mod sctp;

use bridge::core::codec::dependency::{self, Frames};
use bridge::core::codec::{Codec, h264, keyframe_start, resolution, vp8, vp9};
use bridge::core::endpoint::identity::Identity;
use bridge::core::endpoint::transport::{LocalParams, Options, Transport};
use bridge::core::grid::Grid;
use bridge::core::ingress::rtx;
use bridge::core::packet::{RtpHeader, Ssrc};
use bridge::core::rtcp::{Block, Compound};
use bridge::core::{Bridge, BridgeConfig, Path, Sink, srtp};
use jitsi_wire::bosh;
use jitsi_wire::bridge_channel::ClientMessage;
use jitsi_wire::focus::ConferenceRequest;
use jitsi_wire::jingle::{Fingerprint, IceUdpTransport, Jingle, Setup};
use jitsi_wire::xmpp::{Element, Jid, Limits};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use signal::c2s::{Bosh, BoshOutput, Ticket};
use signal::components::{Arrival, Component, Components, Request};
use signal::muc::Affiliation;
use signal::router::{Connection, Input, SessionId, Signal, SignalConfig};
use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime};

/// A target's name and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, by the name of its corpus folder.
pub const TARGETS: &[Target] = &[
    ("xml", xml),
    ("jid", jid),
    ("bosh", bosh),
    ("conference-request", conference_request),
    ("jingle", jingle),
    ("bridge-channel", bridge_channel),
    ("rtp", rtp),
    ("srtp", srtp),
    ("rtcp", rtcp),
    ("codecs", codecs),
    ("dtls", dtls),
    ("sctp", sctp::sctp),
    ("bridge", bridge),
    ("meeting", meeting::meeting),
    ("signal", signal),
    ("components", components),
];

/// Runs the target `name`; panics when there is none.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a known target");
    target(data);
}

fn text(data: &[u8], target: impl FnOnce(&str)) {
    if let Ok(text) = std::str::from_utf8(data) {
        target(text);
    }
}

fn xml(data: &[u8]) {
    text(data, |text| {
        if let Ok(element) = Element::parse(text, &Limits::STANZA) {
            let again = Element::parse(&element.to_string(), &Limits::STANZA);
            assert_eq!(again.as_ref(), Ok(&element), "what we write we read");
        }
        let written = Element::new("a").with_attr("b", text).with_text(text).to_string();
        let limits = Limits { bytes: written.len(), ..Limits::STANZA };
        assert!(Element::parse(&written, &limits).is_ok(), "whatever is said, we write XML");
    });
}

fn jid(data: &[u8]) {
    text(data, |text| {
        if let Ok(jid) = text.parse::<Jid>() {
            assert_eq!(jid.to_string().parse::<Jid>().as_ref(), Ok(&jid));
        }
    });
}

/// The body's parser, and the state machine behind it: whatever is posted, every request gets at most one answer.
fn bosh(data: &[u8]) {
    text(data, |text| {
        let now = Instant::now();
        let mut session = None;
        for (number, text) in text.split('\n').enumerate() {
            let Ok(request) = bosh::Request::parse(text, &Limits::STANZA) else { continue };
            let session = session.get_or_insert_with(|| Bosh::new(now, "s", &request, "d"));
            let ticket = Ticket(u64::try_from(number).unwrap_or(u64::MAX));
            session.on_request(now, ticket, request);
            session.on_frame(text.to_owned());
            session.flush(now);
            let mut answered = std::collections::BTreeSet::new();
            while let Some(output) = session.poll() {
                if let BoshOutput::Answer { ticket, .. } = output {
                    assert!(answered.insert(ticket), "answered twice");
                }
            }
        }
    });
}

fn conference_request(data: &[u8]) {
    text(data, |text| {
        if let Some(request) = ConferenceRequest::from_json(text) {
            assert_eq!(ConferenceRequest::parse(&request.to_element()), request, "both forms say the same");
        }
    });
}

fn jingle(data: &[u8]) {
    text(data, |text| {
        let Ok(element) = Element::parse(text, &Limits::STANZA) else {
            return;
        };
        if let Ok(jingle) = Jingle::parse(&element) {
            let _ = Jingle::parse(&jingle.to_element());
        }
    });
}

fn bridge_channel(data: &[u8]) {
    text(data, |text| {
        let _ = ClientMessage::parse(text);
    });
}

fn rtp(data: &[u8]) {
    if let Ok(header) = RtpHeader::parse(data) {
        let payload = header.payload(data).len();
        assert_eq!(payload, header.payload_len());
        assert!(header.elements(data).count() <= data.len());
    }
}

fn srtp(data: &[u8]) {
    for profile in [srtp::Profile::AeadAes128Gcm, srtp::Profile::Aes128CmHmacSha1_80] {
        let salt = [7; 14];
        let keys = srtp::KeyMaterial::new([3; 16], salt.get(..profile.salt_len()).unwrap_or(&salt));
        let Some(keys) = keys else { continue };
        let mut packet = data.to_vec();
        assert!(srtp::Inbound::new(profile, &keys).unprotect_rtp(&mut packet).is_err(), "nobody guesses a tag");
        let mut packet = data.to_vec();
        assert!(srtp::Inbound::new(profile, &keys).unprotect_rtcp(&mut packet).is_err());
    }
}

fn rtcp(data: &[u8]) {
    for block in Compound::iter(data) {
        match block {
            Block::SenderReport { reports, .. } | Block::ReceiverReport { reports, .. } => {
                assert!(reports.count() <= 31);
            }
            Block::Nack { lost, .. } => assert!(lost.count() <= 17 * data.len()),
            Block::Fir { entries, .. } => assert!(entries.count() <= data.len()),
            Block::Remb(remb) => assert!(remb.ssrcs().count() <= 255),
            Block::TransportFeedback(feedback) => assert!(feedback.statuses().count() <= 0xffff),
            _ => {}
        }
    }
}

/// The first byte chooses the codec, the rest is a payload.
fn codecs(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else {
        return;
    };
    let codec = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1, Codec::Opus][usize::from(*choice) % 5];
    keyframe_start(codec, payload, None);
    keyframe_start(codec, payload, Some(payload));
    resolution(codec, payload);
    h264::resolution(payload);
    let mut copy = payload.to_vec();
    if let Some(descriptor) = vp8::Descriptor::parse(payload) {
        let _ = descriptor.rewrite(&mut copy, 0x7fff, 255);
    }
    if let Some(descriptor) = vp9::Descriptor::parse(payload) {
        let _ = descriptor.rewrite(&mut copy, 0x7fff, 255);
    }
    if let Ok(header) = RtpHeader::parse(payload) {
        let _ = rtx::restore(&mut copy, &header, Ssrc(1), 100);
    }
    descriptors(payload);
}

/// A descriptor that brings a structure, if it does, and one that follows it.
fn descriptors(bytes: &[u8]) {
    let mut frames = dependency::structure(bytes).map(Frames::new);
    for element in [bytes, bytes.get(1..).unwrap_or_default()] {
        if let Some(frames) = &mut frames {
            let _ = frames.on_packet(element, 0);
        }
        let change =
            dependency::Rewrite { frame_number: 7, template_shift: 60, spatial: 1, temporal: 1, retargets: true };
        let _ = change.apply(element, frames.as_ref());
    }
}

struct Nowhere([u8; 2048]);

impl Sink for Nowhere {
    fn slot(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn commit(&mut self, _: Path, _: usize) {}
}

thread_local! {
    static BRIDGE: RefCell<Option<Bridge>> = const { RefCell::new(None) };
}

static IDENTITY: LazyLock<Arc<Identity>> = LazyLock::new(|| Arc::new(Identity::generate().expect("identity")));

/// Datagrams are behind two bytes of length each, and none is longer than a packet.
fn datagrams(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<2>()?;
        let (datagram, next) = tail.split_at(usize::from(u16::from_be_bytes(*head)).min(tail.len()).min(1500));
        rest = next;
        Some(datagram)
    })
}

/// The first byte says who is client, then come handshake datagrams of a participant whose path is known.
fn dtls(data: &[u8]) {
    let Some((role, data)) = data.split_first() else {
        return;
    };
    let now = Instant::now();
    let ours = LocalParams { ufrag: "ours".into(), pwd: "passwordpasswordpassword".into() };
    let options = Options {
        profiles: vec![srtp::Profile::AeadAes128Gcm, srtp::Profile::Aes128CmHmacSha1_80],
        sctp: true,
        grid: Grid::new(now),
    };
    let mut transport = Transport::new(now, &IDENTITY, ours, ChaCha8Rng::from_seed([1; 32]), options);
    let setup = if role % 2 == 0 { Setup::Active } else { Setup::Passive };
    let fingerprint = Fingerprint { hash: "sha-256".into(), setup: Some(setup), value: ["00"; 32].join(":") };
    transport.set_remote(now, &IceUdpTransport { fingerprints: vec![fingerprint], ..IceUdpTransport::default() });
    let path = Path { local: [192, 0, 2, 1].into(), remote: ([203, 0, 113, 7], 4000).into() };
    for datagram in datagrams(data) {
        transport.handle_dtls(now, path, datagram);
        while transport.poll(now).is_some() {}
    }
    if let Some((at, _)) = transport.next_wakeup() {
        transport.on_wakeup(at);
    }
    while transport.poll(now).is_some() {}
    assert!(transport.selected().is_none(), "nobody was checked");
}

/// Datagrams from strangers to a bridge with a conference.
fn bridge(data: &[u8]) {
    BRIDGE.with_borrow_mut(|slot| {
        let now = Instant::now();
        let bridge = slot.get_or_insert_with(|| {
            let mut bridge = Bridge::new(BridgeConfig::default(), IDENTITY.clone(), [1; 32], now);
            bridge.apply(now, crate::world::first_endpoint(), &mut Nowhere([0; 2048]));
            bridge
        });
        let path = Path { local: [192, 0, 2, 1].into(), remote: ([203, 0, 113, 7], 4000).into() };
        for datagram in datagrams(data) {
            bridge.on_datagram(now, path, &mut datagram.to_vec(), &mut Nowhere([0; 2048]));
        }
        while bridge.poll_event().is_some() {}
        assert_eq!(bridge.stats().endpoints, 1);
    });
}

/// Lines are frames of one stream.
fn signal(data: &[u8]) {
    text(data, |text| {
        let now = Instant::now();
        let wall = SystemTime::UNIX_EPOCH;
        let mut signal = Signal::new(SignalConfig::new("moothall.internal"), [1; 32]);
        let session = SessionId(1);
        let connection = Connection {
            room: Some("fuzz".into()),
            authority: "localhost:8443".into(),
            secure: true,
            address: None,
            websocket: true,
        };
        signal.handle(now, wall, Input::Opened { session, connection });
        for line in text.lines() {
            signal.handle(now, wall, Input::Frame { session, text: line });
            while signal.poll(now).is_some() {}
        }
        signal.handle(now, wall, Input::Closed { session, for_good: true });
        while signal.poll(now).is_some() {}
        assert_eq!(signal.stats().sessions, 0);
    });
}

/// Lines are what a moderator sends: the first character says to which service, or to everybody.
fn components(data: &[u8]) {
    text(data, |text| {
        let now = Instant::now();
        let mut components = Components::new("d", true, ChaCha8Rng::from_seed([1; 32]));
        let presence = Element::new("presence");
        for (n, nick) in [(1, "a"), (2, "b")] {
            let jid = Jid::full_of(format!("u{n}"), "d", "x");
            let session = SessionId(n);
            let affiliation = Affiliation::Owner;
            let arrival = Arrival { nick, session, jid: &jid, presence: &presence, affiliation, started: Some(1) };
            components.on_joined(now, "r", &arrival);
        }
        for line in text.lines() {
            let Some((choice, body)) = line.split_at_checked(1) else { continue };
            let choice: Option<usize> = choice.parse().ok();
            match choice.and_then(|choice| Component::ALL.get(choice).copied()) {
                Some(to) => {
                    let body = format!("<message>{body}</message>");
                    if let Ok(message) = Element::parse(&body, &Limits::STANZA) {
                        components
                            .on_message(now, Request { session: SessionId(1), room: Some("r"), to, message: &message });
                    }
                }
                None => components.on_json(now, "r", "a", body),
            }
            while components.poll().is_some() {}
        }
        while let Some(at) = components.next_wakeup() {
            components.on_wakeup(at);
            while components.poll().is_some() {}
        }
    });
}
