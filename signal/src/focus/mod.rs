//! The conference focus: what Jicofo does. Pure; the router calls it with what happened and carries out what it says.
//!
//! [`Focus`] makes rooms on request, discovers what each client can do, gives it an endpoint at the bridge, offers a
//! Jingle session, keeps the book of everybody's sources and tells each client about the others in its own dialect.
//!
//! Call order: one [`Focus::handle`] or [`Focus::on_wakeup`], then [`Focus::poll`] until `None`.

pub mod bridge_port;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jitsi_wire::xmpp::jid::Jid;
use jitsi_wire::xmpp::xml::Element;
use rand_chacha::ChaCha8Rng;

use crate::muc::Affiliation;
use bridge_port::{Order, Reply};

/// What an occupant is to the focus. The router decides it from the stream's domain and the presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OccupantKind {
    /// A person's client, counted as a member of the meeting.
    Regular,
    /// The hidden browser or process of a recorder (Jibri).
    Recorder,
    /// A telephone gateway (Jigasi).
    Gateway,
    /// A transcriber.
    Transcriber,
}

/// Which bridge channel is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChannelKind {
    /// `web-socket` in the transport: `/colibri-ws/...` at the authority that the client used.
    #[default]
    WebSocket,
    /// A `data` content with `sctpmap` for clients that know DTLS-SCTP; the others get the WebSocket.
    DataChannel,
}

/// A video codec that may be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    Av1,
    Vp8,
    H264,
    Vp9,
}

/// Plain data that shapes a [`Focus`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FocusConfig {
    /// The one XMPP domain of the box, for instance `moothall.internal`. The focus uses `focus.D`, `conference.D` and
    /// `focus@auth.D` of it.
    pub domain: String,
    /// Codecs offered, in the order of the offer.
    pub codecs: Vec<VideoCodec>,
    pub channel: ChannelKind,
    /// Regular members that a room must have before anybody gets a session.
    pub invite_from: usize,
    /// The first regular occupant becomes owner.
    pub auto_owner: bool,
    /// Rooms that may exist at once.
    pub max_rooms: usize,
    /// Occupants of one room that may have a session at once.
    pub max_participants: usize,
    /// Alone for this long: the session ends until a second one joins.
    pub idle_session: Duration,
    /// How long a client may take to say its features before defaults are assumed.
    pub discovery: Duration,
    /// How long a bridge may take to answer an order.
    pub order: Duration,
}

impl FocusConfig {
    /// Defaults (Jicofo's where it has them) for the domain.
    pub fn new(domain: &str) -> Self {
        FocusConfig {
            domain: domain.to_owned(),
            codecs: vec![VideoCodec::Av1, VideoCodec::Vp8, VideoCodec::H264, VideoCodec::Vp9],
            channel: ChannelKind::WebSocket,
            invite_from: 2,
            auto_owner: true,
            max_rooms: 64,
            max_participants: 100,
            idle_session: Duration::from_secs(20),
            discovery: Duration::from_secs(3),
            order: Duration::from_secs(15),
        }
    }
}

/// Something that happened.
#[derive(Debug)]
pub enum FocusInput<'a> {
    /// An IQ to `focus.D` or `focus@auth.D/focus` (conference request, login-url, logout). `to` is what the client wrote;
    /// the reply's `from` equals it.
    ConferenceRequest { from: &'a Jid, to: &'a str, iq: &'a Element },
    /// An occupant is in the room and its presence has been relayed.
    Joined {
        /// Room node.
        room: &'a str,
        nick: &'a str,
        /// Real full JID.
        jid: &'a Jid,
        presence: &'a Element,
        /// `host[:port]` that this client used in its URL.
        authority: &'a str,
        /// The client came by https/wss.
        secure: bool,
        affiliation: Affiliation,
        kind: OccupantKind,
    },
    /// A later presence of an occupant.
    Presence { room: &'a str, nick: &'a str, presence: &'a Element },
    /// The occupant is gone, for whatever reason.
    Left { room: &'a str, nick: &'a str },
    /// A get or set that an occupant sent to `ROOM/focus`.
    Iq { room: &'a str, nick: &'a str, iq: &'a Element },
    /// The result or error of an IQ that the focus sent.
    IqReply { room: &'a str, nick: &'a str, iq: &'a Element },
    /// Somebody other than the focus changed an affiliation, or a change that the focus asked for took effect.
    AffiliationChanged { room: &'a str, nick: &'a str, affiliation: Affiliation },
    Bridge(Reply),
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum FocusOutput {
    /// Answer to a [`FocusInput::ConferenceRequest`]; the router sends it to that session.
    Reply { to: Jid, stanza: Element },
    /// IQ or message from `ROOM/focus`; the router fills `to` (real JID) and `from` (`ROOM/focus`).
    ToOccupant { room: String, nick: String, stanza: Element },
    /// Make the MUC room with the focus occupant in it. Always before the reply to the request that wants it.
    CreateRoom { room: String, meeting_id: String },
    /// The focus' own presence children, all of them; the router broadcasts.
    SetPresence { room: String, extensions: Vec<Element> },
    SetAffiliation { room: String, nick: String, affiliation: Affiliation },
    /// Remove an occupant and close its stream's place in the room.
    Kick { room: String, nick: String, reason: String },
    DestroyRoom { room: String, reason: String },
    Bridge(Order),
}

/// Why the focus wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wake {
    /// A client has not told its features.
    Discovery,
    /// The bridge has not answered an order.
    Order,
    /// Somebody has been alone in a session.
    Idle,
    /// A room that nobody entered, or that everybody left.
    EmptyRoom,
    /// A participant whose session broke may be invited again.
    Reinvite,
}

/// Every conference of the box.
#[derive(Debug)]
pub struct Focus {
    config: FocusConfig,
    rng: ChaCha8Rng,
    outputs: VecDeque<FocusOutput>,
}

impl Focus {
    pub fn new(config: FocusConfig, rng: ChaCha8Rng) -> Self {
        Focus { config, rng, outputs: VecDeque::new() }
    }

    /// One change. Drain [`Focus::poll`] afterwards.
    pub fn handle(&mut self, now: Instant, input: FocusInput<'_>) {
        let _ = (now, input, &self.config, &self.rng);
    }

    /// Next thing to do.
    pub fn poll(&mut self) -> Option<FocusOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`Focus::on_wakeup`], and why.
    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        None
    }

    /// Time has come.
    pub fn on_wakeup(&mut self, now: Instant) {
        let _ = now;
    }
}
