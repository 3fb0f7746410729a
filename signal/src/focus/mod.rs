//! The conference focus: what Jicofo does. Pure; the router calls it with what happened and carries out what it says.
//!
//! [`Focus`] makes rooms on request, discovers what each client can do, gives it an endpoint at the bridge, offers a
//! Jingle session, keeps the book of everybody's sources and tells each client about the others in its own dialect.
//!
//! Call order: one [`Focus::handle`] or [`Focus::on_wakeup`], then [`Focus::poll`] until `None`.

mod archive;
pub mod bridge_port;
mod codecs;
mod conference;
mod conference_request;
mod desk;
mod encryption;
mod features;
mod ice_restart;
mod invite;
mod limits;
mod moderation;
mod mute;
mod negotiation;
mod offer;
mod parted;
mod participant;
mod place;
pub mod recorder_port;
mod recording;
mod sources;
mod transcription;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use jitsi_wire::colibri2::Refusal;
use jitsi_wire::jingle::StartMuted;
use jitsi_wire::xmpp::{Element, Jid};
use rand_chacha::ChaCha8Rng;

use crate::muc::Affiliation;
use bridge_port::{Order, OrderId, Reply};
use conference::{Conference, StartMutedAfter};
use conference_request::{Asker, RequestLimits};
use desk::Desk;
use participant::Arrival;
use recorder_port::{RecordRefusal, RecorderOrder, RecorderReport};

pub use encryption::ENCRYPTED;
pub use mute::MediaType;
pub use transcription::Transcriber;

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
    /// Everybody shall use the first codec (H.264) unless somebody is there who cannot decode it; then everybody uses the next
    /// one, and the room says why.
    pub hardware_friendly: bool,
    pub channel: ChannelKind,
    /// There is somebody who can record.
    pub recording: bool,
    /// Rooms that are recorded without being asked, once two are there; `*` is all.
    pub recorded_rooms: Vec<String>,
    /// What is written to everybody belongs to a recording.
    pub recorded_chat: bool,
    /// Whoever may get the audio of meetings.
    pub transcriber: Option<Transcriber>,
    /// Regular members that a room must have before anybody gets a session.
    pub invite_from: usize,
    /// The first regular occupant becomes owner.
    pub auto_owner: bool,
    /// Meetings that may exist at once.
    pub max_rooms: usize,
    /// Clients that there may be at once.
    pub max_clients: usize,
    /// Occupants of one room that may have a session at once.
    pub max_participants: usize,
    /// Alone for this long: the session ends until a second one joins.
    pub idle_session: Duration,
    /// How long a client may take to say its features before defaults are assumed.
    pub discovery: Duration,
    /// How long a bridge may take to answer an order.
    pub order: Duration,
    /// A room that was asked for and that nobody entered goes after this.
    pub unentered_room: Duration,
    /// A room that everybody left goes after this; whoever comes back before is in the same meeting.
    pub empty_room: Duration,
}

impl FocusConfig {
    /// Defaults (Jicofo's where it has them) for the domain.
    pub fn new(domain: &str) -> Self {
        FocusConfig {
            domain: domain.to_owned(),
            codecs: vec![VideoCodec::Av1, VideoCodec::Vp8, VideoCodec::H264, VideoCodec::Vp9],
            hardware_friendly: false,
            channel: ChannelKind::WebSocket,
            recording: false,
            recorded_rooms: Vec::new(),
            recorded_chat: false,
            transcriber: None,
            invite_from: 2,
            auto_owner: true,
            max_rooms: 64,
            max_clients: 2000,
            max_participants: 100,
            idle_session: Duration::from_secs(20),
            discovery: Duration::from_secs(3),
            order: Duration::from_secs(15),
            unentered_room: Duration::from_secs(60),
            empty_room: Duration::from_secs(5),
        }
    }
}

/// Something that happened.
#[derive(Debug)]
pub enum FocusInput<'a> {
    /// An IQ to `focus.D` or `focus@auth.D/focus` (conference request, login-url, logout). `to` is what the client wrote;
    /// the reply's `from` equals it.
    ConferenceRequest {
        from: &'a Jid,
        to: &'a str,
        iq: &'a Element,
        /// Where the client is, when that is known.
        network: Option<IpAddr>,
    },
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
        /// Where it is, when that is known.
        network: Option<IpAddr>,
        affiliation: Affiliation,
        kind: OccupantKind,
    },
    /// A later presence of an occupant.
    Presence {
        room: &'a str,
        nick: &'a str,
        presence: &'a Element,
    },
    /// A client wrote to everybody.
    Said {
        room: &'a str,
        nick: &'a str,
        text: &'a str,
    },
    /// The occupant is gone, for whatever reason.
    Left {
        room: &'a str,
        nick: &'a str,
    },
    /// A get or set that an occupant sent to `ROOM/focus`.
    Iq {
        room: &'a str,
        nick: &'a str,
        iq: &'a Element,
    },
    /// The result or error of an IQ that the focus sent.
    IqReply {
        room: &'a str,
        nick: &'a str,
        iq: &'a Element,
    },
    /// Somebody other than the focus changed an affiliation, or a change that the focus asked for took effect.
    AffiliationChanged {
        room: &'a str,
        nick: &'a str,
        affiliation: Affiliation,
    },
    /// AV moderation of a room changed: who may send this kind of media without being a moderator. To be said once for every
    /// change (`enable`, and each change of the list of the allowed), always with the whole list; nothing has to be said again
    /// when somebody joins, leaves or becomes a moderator, and it ends with the room.
    ///
    /// The focus has the bridge drop the media of everybody who is neither allowed nor owner, from now on and for those who
    /// join later; it sends `mute` to those whom that silences, and refuses their wish to unmute. The component has nothing
    /// to do but to check that who asks is a moderator and to tell the occupants in JSON.
    AvModeration {
        /// Room node.
        room: &'a str,
        media: MediaType,
        enabled: bool,
        /// Nicks of the occupants that are allowed; of no meaning unless `enabled`.
        allowed: &'a [String],
    },
    /// What the breakout rooms of a room mean for it.
    Breakouts {
        room: &'a str,
        /// Somebody is there and may come back: the room stays, even when it is empty.
        occupied: bool,
        /// A moderator is among them: nobody else is made one.
        moderated: bool,
    },
    /// Whoever gets a session in this room from now on starts so, unless its client reads that from the room's metadata.
    StartMuted {
        room: &'a str,
        policy: StartMuted,
    },
    /// The moderators want the audio of a room's meeting to go to the transcriber, or no longer.
    Transcribing {
        room: &'a str,
        wanted: bool,
    },
    Bridge(Reply),
    Recorder(RecorderReport),
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum FocusOutput {
    /// Answer to a [`FocusInput::ConferenceRequest`]; the router sends it to that session.
    Reply {
        to: Jid,
        stanza: Element,
    },
    /// IQ or message from `ROOM/focus`; the router fills `to` (real JID) and `from` (`ROOM/focus`).
    ToOccupant {
        room: String,
        nick: String,
        stanza: Element,
    },
    /// Make the MUC room with the focus occupant in it, unless it exists. Always before the reply to the request that wants
    /// it.
    CreateRoom {
        room: String,
        meeting_id: String,
    },
    /// The focus' own presence children, all of them; the router broadcasts.
    SetPresence {
        room: String,
        extensions: Vec<Element>,
    },
    SetAffiliation {
        room: String,
        nick: String,
        affiliation: Affiliation,
    },
    /// Remove an occupant and close its stream's place in the room.
    Kick {
        room: String,
        nick: String,
        reason: String,
    },
    DestroyRoom {
        room: String,
        reason: String,
    },
    Bridge(Order),
    Record(RecorderOrder),
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
    /// The last one who could not decode H.264 has been gone for a while.
    Codecs,
}

/// Every conference of the box.
#[derive(Debug)]
pub struct Focus {
    desk: Desk,
    conferences: BTreeMap<String, Conference>,
    requests: RequestLimits,
}

impl Focus {
    pub fn new(config: FocusConfig, rng: ChaCha8Rng) -> Self {
        Focus { desk: Desk::new(config, rng), conferences: BTreeMap::new(), requests: RequestLimits::default() }
    }

    /// One change. Drain [`Focus::poll`] afterwards.
    pub fn handle(&mut self, now: Instant, input: FocusInput<'_>) {
        match input {
            FocusInput::ConferenceRequest { from, to, iq, network } => {
                self.on_request(now, &Asker { jid: from, network }, to, iq);
            }
            FocusInput::Joined { room, nick, jid, presence, authority, secure, network, affiliation, kind } => {
                let arrival = Arrival { jid, presence, authority, secure, network, affiliation, kind };
                self.on_joined(now, room, nick, &arrival);
            }
            FocusInput::Presence { room, nick, presence } => {
                self.within(room, |c, desk| c.on_presence(now, desk, nick, presence));
            }
            FocusInput::Said { room, nick, text } => {
                self.within(room, |c, desk| c.tell_said(desk, nick, text));
            }
            FocusInput::Left { room, nick } => {
                self.within(room, |c, desk| c.on_left(now, desk, nick));
            }
            FocusInput::Iq { room, nick, iq } => {
                self.within(room, |c, desk| c.on_iq(now, desk, nick, iq));
            }
            FocusInput::IqReply { room, nick, iq } => {
                self.within(room, |c, desk| c.on_iq_reply(now, desk, nick, iq));
            }
            FocusInput::AffiliationChanged { room, nick, affiliation } => {
                self.within(room, |c, desk| {
                    c.on_affiliation(now, desk, nick, affiliation);
                });
            }
            FocusInput::AvModeration { room, media, enabled, allowed } => {
                self.within(room, |c, desk| c.on_av_moderation(desk, media, enabled, allowed));
            }
            FocusInput::Breakouts { room, occupied, moderated } => {
                self.within(room, |c, desk| c.on_breakouts(now, desk, occupied, moderated));
            }
            FocusInput::StartMuted { room, policy } => self.within(room, |c, _| c.start_muted = policy),
            FocusInput::Transcribing { room, wanted } => {
                self.within(room, |c, desk| c.on_transcribing(now, desk, wanted));
            }
            FocusInput::Bridge(reply) => self.on_bridge(now, reply),
            FocusInput::Recorder(RecorderReport::Inquired { inquiry, outcome }) => {
                self.within(&inquiry.room, |c, desk| c.on_inquired(desk, &inquiry, &outcome));
            }
            FocusInput::Recorder(report) => {
                // A meeting that is over has forgotten its recording.
                let _ = self.conferences.values_mut().any(|c| c.on_recorder(&mut self.desk, &report));
            }
        }
    }

    /// Next thing to do.
    pub fn poll(&mut self) -> Option<FocusOutput> {
        self.desk.outputs.pop_front()
    }

    /// When to call [`Focus::on_wakeup`], and why.
    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        let orders = self.desk.orders.values().map(|o| (o.until, Wake::Order));
        let conferences = self.conferences.values();
        conferences.filter_map(Conference::next_wakeup).chain(orders).min()
    }

    /// Time has come.
    pub fn on_wakeup(&mut self, now: Instant) {
        let late = self.desk.orders.iter().filter(|(_, o)| o.until <= now);
        let late: Vec<OrderId> = late.map(|(id, _)| *id).collect();
        for id in late {
            let refusal = Refusal::Timeout;
            self.on_bridge(now, Reply::Refused { id, refusal });
        }
        for conference in self.conferences.values_mut() {
            conference.on_wakeup(now, &mut self.desk);
        }
        let over = self.conferences.iter().filter(|(_, c)| c.is_over(now));
        let over: Vec<String> = over.map(|(room, _)| room.clone()).collect();
        for room in over {
            if let Some(mut conference) = self.conferences.remove(&room) {
                conference.end_recording(&mut self.desk);
            }
            self.desk.emit(FocusOutput::DestroyRoom { room, reason: "Everybody left".to_owned() });
        }
    }

    /// Ends a conference that the router ended for another reason (a moderator closed it, the server stops). The bridge is
    /// told; the room itself is the router's.
    pub fn close_room(&mut self, room: &str) {
        if let Some(mut conference) = self.conferences.remove(room) {
            conference.end_recording(&mut self.desk);
            conference.close(&mut self.desk);
            self.desk.orders.retain(|_, order| order.room != room);
        }
    }

    /// Records the meeting of a room for somebody who is not in it, and names the session.
    pub fn start_recording(&mut self, room: &str, initiator: &str) -> Result<String, RecordRefusal> {
        let conference = self.conferences.get_mut(room).ok_or(RecordRefusal::NoMeeting)?;
        conference.record_for(&mut self.desk, initiator)
    }

    /// Ends the recording of this session, if it runs.
    pub fn stop_recording(&mut self, session: &str) {
        if self.conferences.values().any(|conference| conference.is_recorded_by(session)) {
            self.desk.emit(FocusOutput::Record(RecorderOrder::Stop { session: session.to_owned() }));
        }
    }

    /// UUID of the running meeting in a room.
    pub fn meeting_id(&self, room: &str) -> Option<&str> {
        Some(self.conferences.get(room)?.meeting_id.as_str())
    }

    fn within(&mut self, room: &str, act: impl FnOnce(&mut Conference, &mut Desk)) {
        if let Some(conference) = self.conferences.get_mut(room) {
            act(conference, &mut self.desk);
        }
    }

    /// Somebody came into a room for which nobody asked first: the conference is made now.
    fn on_joined(&mut self, now: Instant, room: &str, nick: &str, arrival: &Arrival<'_>) {
        if !self.conferences.contains_key(room) {
            if self.is_full(room) || self.has_enough(room, arrival.network) {
                return self.desk.emit(FocusOutput::Kick {
                    room: room.to_owned(),
                    nick: nick.to_owned(),
                    reason: "Too many meetings at once".to_owned(),
                });
            }
            let mut conference = Conference::open(now, &mut self.desk, room, StartMutedAfter::default());
            conference.network = arrival.network;
            self.conferences.insert(room.to_owned(), conference);
        }
        self.within(room, |c, desk| c.on_joined(now, desk, nick, arrival));
    }

    fn on_bridge(&mut self, now: Instant, reply: Reply) {
        match reply {
            Reply::Done { id, answer } => {
                if let Some(open) = self.desk.orders.remove(&id) {
                    self.within(&open.room.clone(), |c, desk| {
                        c.on_done(now, desk, id, &open, answer);
                    });
                }
            }
            Reply::Refused { id, refusal } => {
                if let Some(open) = self.desk.orders.remove(&id) {
                    self.within(&open.room.clone(), |c, desk| {
                        c.on_refused(now, desk, id, &open, &refusal);
                    });
                }
            }
            Reply::EndpointGone { meeting_id, endpoint } => {
                let mut all = self.conferences.values_mut();
                if let Some(conference) = all.find(|c| c.meeting_id == meeting_id) {
                    conference.on_endpoint_gone(now, &mut self.desk, &endpoint);
                }
            }
        }
    }
}
