//! Which stream, component, room or occupant gets a stanza: [`Signal`] joins streams, rooms, the domain's services and
//! the focus into one pure state machine.
//!
//! Call order: one of [`Signal::handle`], [`Signal::on_wakeup`], [`Signal::shut_down`], then [`Signal::poll`] until
//! `None`.

mod components;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use jitsi_wire::focus::{ConferenceRequest, FocusRequest};
use jitsi_wire::xmpp::stanza::{error_reply, iq};
use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::c2s::{SessionOutput, SessionWake, Sessions, SessionsConfig, StreamError, StreamLimits, network};
use crate::components::{Arrival, Component, Components};
use crate::focus::bridge_port::{Order, Reply};
use crate::focus::recorder_port::{RecordRefusal, RecorderOrder, RecorderReport};
use crate::focus::{self, Focus, FocusConfig, FocusInput, FocusOutput, OccupantKind};
use crate::muc::{Effect, Muc, MucLimits, Sender, room_key};
use crate::services::{self, ExternalService};

pub use crate::c2s::{Connection, SessionId};

/// What people are told when the process ends.
const FAREWELL: &str = "The server is shutting down";

/// Plain data that shapes a [`Signal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalConfig {
    /// The one XMPP domain of the box. Rooms are at `conference.D`, the focus at `focus.D` and `focus@auth.D/focus`.
    pub domain: String,
    pub focus: FocusConfig,
    pub stream: StreamLimits,
    pub muc: MucLimits,
    /// Streams at once.
    pub max_sessions: usize,
    /// How long a stream may take until it is bound.
    pub login: Duration,
    /// STUN and TURN servers that clients are told of (XEP-0215).
    pub services: Vec<ExternalService>,
}

impl SignalConfig {
    /// Defaults for the domain.
    pub fn new(domain: &str) -> Self {
        let domain = domain.to_lowercase();
        Self {
            focus: FocusConfig::new(&domain),
            stream: StreamLimits::default(),
            muc: MucLimits::default(),
            max_sessions: 2000,
            login: Duration::from_secs(30),
            services: Vec::new(),
            domain,
        }
    }
}

/// Something that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A client connected.
    Opened { session: SessionId, connection: Connection },
    /// A client sent a frame.
    Frame { session: SessionId, text: &'a str },
    /// A client's connection is gone. If `for_good`, so is the client: its page was left. Others may come back.
    Closed { session: SessionId, for_good: bool },
    /// Somebody who has no stream yet asks the focus for a room; [`Output::Answer`] follows at once.
    Request { address: Option<IpAddr>, request: &'a ConferenceRequest },
    /// The bridge answered an order, or lost an endpoint.
    Bridge(Reply),
    /// What becomes of a recording.
    Recorder(RecorderReport),
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a frame.
    Frame { session: SessionId, text: String },
    /// Close the connection after what was sent. Nothing more is said to this session or heard from it.
    Close { session: SessionId },
    /// What the focus says to an [`Input::Request`]: the result or error of an IQ.
    Answer(Element),
    /// Give the bridge an order.
    Bridge(Order),
    /// Give the recorder an order.
    Record(RecorderOrder),
}

/// Why [`Signal`] wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    Session(SessionWake),
    Focus(focus::Wake),
    /// Breakout rooms changed, or somebody is on the way between them.
    Components,
}

/// How much is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Also those that everybody has left a moment ago.
    pub rooms: usize,
    /// Rooms with clients.
    pub meetings: usize,
    /// Clients in rooms.
    pub occupants: usize,
    /// Streams.
    pub sessions: usize,
}

/// Streams, rooms, services and focus.
#[derive(Debug)]
pub struct Signal {
    config: SignalConfig,
    names: Names,
    sessions: Sessions,
    muc: Muc,
    focus: Focus,
    components: Components,
    outputs: VecDeque<Output>,
}

/// The domains that stanzas are addressed to.
#[derive(Debug)]
struct Names {
    focus: String,
    auth: String,
    /// Of those who ask over HTTP; nobody else is there.
    http: String,
}

impl Signal {
    pub fn new(config: SignalConfig, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed);
        let mut focus_seed = [0; 32];
        rng.fill_bytes(&mut focus_seed);
        let mut component_seed = [0; 32];
        rng.fill_bytes(&mut component_seed);
        let names = Names {
            focus: format!("focus.{}", config.domain),
            auth: format!("auth.{}", config.domain),
            http: format!("http.{}", config.domain),
        };
        let focus_jid = Jid::full_of("focus", names.auth.as_str(), "focus");
        let focus = FocusConfig { max_clients: config.max_sessions, ..config.focus.clone() };
        let sessions = SessionsConfig {
            domain: config.domain.clone(),
            stream: config.stream,
            max: config.max_sessions,
            login: config.login,
        };
        Self {
            muc: Muc::new(&config.domain, focus_jid, config.muc),
            focus: Focus::new(focus, ChaCha8Rng::from_seed(focus_seed)),
            components: Components::new(
                &config.domain,
                config.focus.transcriber.is_some(),
                ChaCha8Rng::from_seed(component_seed),
            ),
            sessions: Sessions::new(sessions, rng),
            config,
            names,
            outputs: VecDeque::new(),
        }
    }

    /// One change. Drain [`Signal::poll`] afterwards.
    pub fn handle(&mut self, now: Instant, wall: SystemTime, input: Input<'_>) {
        match input {
            Input::Opened { session, connection } => self.sessions.on_opened(now, session, connection),
            Input::Frame { session, text } => self.sessions.on_frame(now, session, text),
            Input::Closed { session, for_good } => self.sessions.on_closed(now, session, for_good),
            Input::Request { address, request } => self.on_http_request(now, address, request),
            Input::Bridge(reply) => self.focus.handle(now, FocusInput::Bridge(reply)),
            Input::Recorder(report) => self.focus.handle(now, FocusInput::Recorder(report)),
        }
        self.settle(now, wall);
    }

    /// See [`Focus::start_recording`]. Drain [`Signal::poll`] afterwards.
    pub fn start_recording(
        &mut self,
        now: Instant,
        wall: SystemTime,
        room: &str,
        initiator: &str,
    ) -> Result<String, RecordRefusal> {
        let started = self.focus.start_recording(room, initiator);
        self.settle(now, wall);
        started
    }

    /// See [`Focus::stop_recording`]. Drain [`Signal::poll`] afterwards.
    pub fn stop_recording(&mut self, now: Instant, wall: SystemTime, session: &str) {
        self.focus.stop_recording(session);
        self.settle(now, wall);
    }

    /// Next thing to do.
    pub fn poll(&mut self, _now: Instant) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Signal::on_wakeup`], and why.
    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        let session = self.sessions.next_wakeup().map(|(at, why)| (at, Wake::Session(why)));
        let focus = self.focus.next_wakeup().map(|(at, why)| (at, Wake::Focus(why)));
        let components = self.components.next_wakeup().map(|at| (at, Wake::Components));
        session.into_iter().chain(focus).chain(components).min_by_key(|(at, _)| *at)
    }

    /// Time has come.
    pub fn on_wakeup(&mut self, now: Instant, wall: SystemTime) {
        self.sessions.on_wakeup(now);
        self.focus.on_wakeup(now);
        self.components.on_wakeup(now);
        self.settle(now, wall);
    }

    /// Ends every room and stream. The bridge is not asked for anything any more.
    pub fn shut_down(&mut self, now: Instant, wall: SystemTime) {
        self.muc.destroy_all(FAREWELL);
        self.settle(now, wall);
        self.sessions.end_all(StreamError::SystemShutdown);
        self.settle(now, wall);
    }

    pub fn stats(&self) -> Stats {
        Stats {
            rooms: self.muc.room_count(),
            meetings: self.muc.meeting_count(),
            occupants: self.muc.occupant_count(),
            sessions: self.sessions.len(),
        }
    }
}

/// Streams.
impl Signal {
    fn on_session(&mut self, now: Instant, wall: SystemTime, output: SessionOutput) {
        match output {
            SessionOutput::Frame { connection, text } => {
                self.outputs.push_back(Output::Frame { session: connection, text });
            }
            SessionOutput::Close { connection } => self.outputs.push_back(Output::Close { session: connection }),
            SessionOutput::Stanza { session, stanza } => self.route(now, wall, session, stanza),
            SessionOutput::Over { session, jid } => {
                if let Some(jid) = &jid {
                    self.focus.forget_client(jid);
                    self.components.forget(now, session, &jid.to_bare().to_string());
                }
                self.muc.on_closed(session);
            }
        }
    }

    /// Sends a stanza that is written in terms of our own domain.
    fn send(&mut self, session: SessionId, stanza: String) {
        self.sessions.send(session, stanza);
    }
}

/// Stanzas.
impl Signal {
    fn route(&mut self, now: Instant, wall: SystemTime, session: SessionId, stanza: Element) {
        let Some(stream) = self.sessions.get(session) else {
            return;
        };
        let Some(from) = stream.jid().cloned() else {
            return;
        };
        let address = stream.connection().network();
        if stanza.name == "iq" && !is_sound_iq(&stanza) {
            return self.refuse(session, &stanza, Condition::BadRequest);
        }
        let to = match stanza.attr("to").map(str::parse::<Jid>) {
            None => return self.on_own(session, &stanza),
            Some(Ok(to)) => to,
            Some(Err(_)) => return self.refuse(session, &stanza, Condition::JidMalformed),
        };
        if let Some(room) = room_key(&to, &self.config.domain) {
            if self.may_come(session, &from, &to, &room, &stanza) {
                let to = Jid { node: Some(room), ..to };
                let sender = Sender { session, jid: &from, address, now, wall };
                self.muc.on_stanza(sender, &to, stanza);
            }
        } else if self.muc.serves(&to.domain) {
            self.muc.on_stanza(Sender { session, jid: &from, address, now, wall }, &to, stanza);
        } else if to.domain == self.names.focus || to.domain == self.names.auth {
            self.on_focus(now, session, &from, &to, &stanza);
        } else if let Some(component) = Component::at(&to.domain, &self.config.domain).filter(|_| to.node.is_none()) {
            self.on_component(now, session, component, &stanza);
        } else if to.domain == self.config.domain && (to.node.is_none() || to.same_bare(&from)) {
            self.on_own(session, &stanza);
        } else {
            self.refuse(session, &stanza, Condition::ServiceUnavailable);
        }
    }

    /// To the domain, to the sender's own account, or to nobody.
    fn on_own(&mut self, session: SessionId, stanza: &Element) {
        match (stanza.name.as_str(), stanza.attr("type")) {
            ("iq", Some("get" | "set")) => {
                let answer = services::answer(stanza, &self.config.domain, &self.config.services);
                self.send(session, answer.to_string());
            }
            // There is no roster: nobody is told of a presence, and nobody keeps a message.
            ("iq" | "presence", _) => {}
            _ => self.refuse(session, stanza, Condition::ServiceUnavailable),
        }
    }

    fn on_focus(&mut self, now: Instant, session: SessionId, from: &Jid, to: &Jid, stanza: &Element) {
        // COMPAT(gst-meet): it asks `focus@auth.D/focus` where the others ask `focus.D`.
        let is_focus = to.domain == self.names.focus || to.node.as_deref() == Some("focus");
        match (stanza.name.as_str(), stanza.attr("type")) {
            ("iq", Some("get" | "set")) if is_focus && !self.may_ask(from, stanza) => {
                self.refuse(session, stanza, Condition::NotAllowed);
            }
            ("iq", Some("get" | "set")) if is_focus => {
                if let Some(FocusRequest::Conference(ConferenceRequest {
                    room: Some(room),
                    machine_uid: Some(machine),
                    ..
                })) = FocusRequest::find(stanza)
                {
                    self.sessions.on_asked(session, &room, &machine);
                }
                let network = self.sessions.get(session).and_then(|stream| stream.connection().network());
                let to = stanza.attr("to").unwrap_or_default();
                self.focus.handle(now, FocusInput::ConferenceRequest { from, to, iq: stanza, network });
            }
            _ => self.refuse(session, stanza, Condition::ServiceUnavailable),
        }
    }

    /// The same for somebody without a stream, who is known by the address alone.
    fn on_http_request(&mut self, now: Instant, address: Option<IpAddr>, request: &ConferenceRequest) {
        let network = address.map(network);
        let node = network.map_or_else(|| "unknown".to_owned(), |network| network.to_string());
        let from = Jid::full_of(node, self.names.http.as_str(), "http");
        let iq = iq("set", "http").with_child(request.to_element());
        if !self.may_ask(&from, &iq) {
            let error = error_reply(&iq, &StanzaError::new(Condition::NotAllowed));
            return self.outputs.push_back(Output::Answer(error));
        }
        let to = self.names.focus.clone();
        self.focus.handle(now, FocusInput::ConferenceRequest { from: &from, to: &to, iq: &iq, network });
    }

    /// Answers with an error what can be answered: requests and messages, but no answers and no errors.
    fn refuse(&mut self, session: SessionId, stanza: &Element, condition: Condition) {
        if !matches!(stanza.attr("type"), Some("error" | "result")) {
            let error = error_reply(stanza, &StanzaError::new(condition));
            self.send(session, error.to_string());
        }
    }
}

fn is_sound_iq(iq: &Element) -> bool {
    iq.attr("id").is_some()
        && match iq.attr("type") {
            Some("get" | "set") => iq.elements().count() == 1,
            Some("result" | "error") => true,
            _ => false,
        }
}

/// What one change leads to.
impl Signal {
    /// Carries out what streams, rooms, focus and services want, until none wants anything more. What a room says goes before
    /// what the others make of it.
    fn settle(&mut self, now: Instant, wall: SystemTime) {
        loop {
            if let Some(output) = self.sessions.poll() {
                self.on_session(now, wall, output);
            } else if let Some(effect) = self.muc.poll() {
                self.on_effect(now, effect);
            } else if let Some(output) = self.focus.poll() {
                self.on_focus_output(output);
            } else if let Some(output) = self.components.poll() {
                self.on_component_output(now, output);
            } else {
                return;
            }
        }
    }

    fn on_effect(&mut self, now: Instant, effect: Effect) {
        match effect {
            Effect::Send { session, frame } => self.send(session, frame),
            Effect::Joined { room, nick, session, presence, affiliation } => {
                // A client that has gone in between is told of by the `Left` that follows.
                let Some(stream) = self.sessions.get(session) else {
                    return;
                };
                let Some(jid) = stream.jid() else {
                    return;
                };
                let connection = stream.connection();
                tracing::info!(%room, endpoint = %nick, "joined");
                let started = self.muc.started(&room);
                let arrival = Arrival { nick: &nick, session, jid, presence: &presence, affiliation, started };
                self.components.on_joined(now, &room, &arrival);
                self.focus.handle(
                    now,
                    FocusInput::Joined {
                        room: &room,
                        nick: &nick,
                        jid,
                        presence: &presence,
                        authority: &connection.authority,
                        secure: connection.secure,
                        network: connection.network(),
                        affiliation,
                        // Every stream is an anonymous guest's; what it says of itself gives it no other rights.
                        kind: OccupantKind::Regular,
                    },
                );
            }
            Effect::Presence { room, nick, presence } => {
                self.components.on_presence(now, &room, &nick, &presence);
                self.focus.handle(now, FocusInput::Presence { room: &room, nick: &nick, presence: &presence })
            }
            Effect::Left { room, nick, session, returns } => {
                tracing::info!(%room, endpoint = %nick, "left");
                self.components.on_left(now, &room, &nick, session, returns);
                // Whether the focus makes somebody else a moderator, or ends the room, depends on the breakout rooms.
                self.settle_components(now);
                self.focus.handle(now, FocusInput::Left { room: &room, nick: &nick });
            }
            Effect::Json { room, nick, text } => self.components.on_json(now, &room, &nick, &text),
            Effect::Said { room, nick, text } => {
                self.focus.handle(now, FocusInput::Said { room: &room, nick: &nick, text: &text });
            }
            Effect::Ended { room, reason } => {
                tracing::info!(%room, ?reason, "meeting ended");
                self.components.on_over(&room, &reason);
            }
            Effect::FocusIq { room, nick, iq } => {
                self.focus.handle(now, FocusInput::Iq { room: &room, nick: &nick, iq: &iq })
            }
            Effect::FocusReply { room, nick, iq } => {
                self.focus.handle(now, FocusInput::IqReply { room: &room, nick: &nick, iq: &iq })
            }
            Effect::AffiliationChanged { room, nick, affiliation } => {
                self.components.on_affiliation(now, &room, &nick, affiliation);
                self.focus.handle(now, FocusInput::AffiliationChanged { room: &room, nick: &nick, affiliation })
            }
            Effect::Affiliated { room, bare, affiliation } => {
                self.components.on_affiliated(now, &room, &bare, affiliation);
            }
        }
    }

    fn on_focus_output(&mut self, output: FocusOutput) {
        match output {
            FocusOutput::Reply { to, stanza } if to.domain == self.names.http => {
                self.outputs.push_back(Output::Answer(stanza));
            }
            FocusOutput::Reply { to, mut stanza } => {
                let node = to.node.as_deref().unwrap_or_default();
                if let Some(session) = self.sessions.by_node(node) {
                    stanza.set_attr("to", to.to_string());
                    self.send(session, stanza.to_string());
                }
            }
            FocusOutput::ToOccupant { room, nick, stanza } => {
                self.muc.send_from_focus(&room, &nick, &stanza);
            }
            FocusOutput::CreateRoom { room, meeting_id } => {
                tracing::info!(%room, meeting = meeting_id, "meeting opened");
                self.muc.create(&room, &meeting_id);
                if let Some((main, name)) = self.components.breakout(&room) {
                    self.muc.set_main(&room, &main);
                    self.muc.set_subject(&room, name);
                }
            }
            FocusOutput::SetPresence { room, extensions } => {
                self.muc.set_focus_presence(&room, extensions);
            }
            FocusOutput::SetAffiliation { room, nick, affiliation } => {
                self.muc.set_affiliation(&room, &nick, affiliation)
            }
            FocusOutput::Kick { room, nick, reason } => self.muc.kick(&room, &nick, &reason),
            FocusOutput::DestroyRoom { room, reason } => {
                tracing::info!(%room, reason, "meeting closed");
                self.muc.destroy(&room, &reason);
            }
            FocusOutput::Bridge(order) => self.outputs.push_back(Output::Bridge(order)),
            FocusOutput::Record(order) => self.outputs.push_back(Output::Record(order)),
        }
    }
}
