//! Every room, and the way from a stanza to the room that it is for.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use jitsi_wire::xmpp::stanza::{error_reply, iq_error};
use jitsi_wire::xmpp::{Condition, Element, ErrorType, Jid, Node, StanzaError, ns};

use super::presence::{Presence, strip_presence, written};
use super::room::{Departure, Occupant, Room, focus_occupant, relay_frame, send};
use super::{Affiliation, Effect, FOCUS_NICK, Role, admin, config_form, disco, messages};
use crate::c2s::{Bucket, SessionId};

/// What rooms may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MucLimits {
    /// Clients in one room.
    pub occupants: usize,
    /// Rooms that one session may be in: a meeting, its lobby, a breakout room, and one spare.
    pub rooms_per_session: usize,
    /// Bytes of one presence, which is kept and sent to everybody who joins.
    pub presence_bytes: usize,
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Bytes of a nick.
    pub nick_bytes: usize,
    /// Bytes that one occupant may say to everybody in a second, in presences and messages: each goes out as often as
    /// there are occupants.
    pub voice_per_second: u32,
    /// And at once.
    pub voice_burst: u32,
}

impl Default for MucLimits {
    fn default() -> Self {
        Self {
            occupants: 200,
            rooms_per_session: 4,
            presence_bytes: 16 * 1024,
            message_bytes: 64 * 1024,
            nick_bytes: 128,
            voice_per_second: 16 * 1024,
            voice_burst: 256 * 1024,
        }
    }
}

/// Every room of the box.
#[derive(Debug)]
pub struct Muc {
    /// `conference.D`.
    domain: String,
    /// Real full address of the focus.
    focus: Jid,
    limits: MucLimits,
    rooms: BTreeMap<Box<str>, Room>,
    /// Rooms that a session is in.
    joined: BTreeMap<SessionId, Vec<Box<str>>>,
    effects: VecDeque<Effect>,
}

/// Who sent a stanza.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) session: SessionId,
    pub(super) jid: &'a Jid,
    pub(super) now: Instant,
}

impl Muc {
    pub fn new(domain: impl Into<String>, focus: Jid, limits: MucLimits) -> Self {
        Self {
            domain: domain.into(),
            focus,
            limits,
            rooms: BTreeMap::new(),
            joined: BTreeMap::new(),
            effects: VecDeque::new(),
        }
    }

    /// Next thing to do or to know.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Clients in all rooms; the focus does not count.
    pub fn occupant_count(&self) -> usize {
        self.joined.values().map(Vec::len).sum()
    }

    /// The session is in some room: stanzas that it did not ask for may reach it.
    pub fn is_joined(&self, session: SessionId) -> bool {
        self.joined.contains_key(&session)
    }
}

/// Orders of the focus.
impl Muc {
    /// Makes a room with the focus in it. A room that exists stays as it is.
    pub fn create(&mut self, now: Instant, room: &str, meeting_id: &str) {
        if self.rooms.contains_key(room) {
            return;
        }
        let address = Jid::bare_of(room, self.domain.as_str()).to_string();
        let focus = focus_occupant(now, &self.focus, address);
        self.rooms.insert(room.into(), Room::new(room, meeting_id, focus));
    }

    /// Replaces the children of the focus' presence and tells everybody.
    pub fn set_focus_presence(&mut self, room: &str, extensions: Vec<Element>) {
        let Some(room) = self.rooms.get_mut(room) else {
            return;
        };
        let presence = written(&Element::new("presence").with_children(extensions));
        if let Some(focus) = room.occupants.iter_mut().find(|o| o.is_focus()) {
            focus.presence = presence;
        }
        room.announce(FOCUS_NICK, &mut self.effects);
    }

    pub fn set_affiliation(&mut self, room: &str, nick: &str, affiliation: Affiliation) {
        let Some(room) = self.rooms.get_mut(room) else {
            return;
        };
        if let Some(bare) = room.by_nick(nick).filter(|o| !o.is_focus()).map(Occupant::bare) {
            room.affiliate(&bare, affiliation, FOCUS_NICK, "", &mut self.effects);
        }
    }

    pub fn kick(&mut self, room: &str, nick: &str, reason: &str) {
        if let Some(room) = self.rooms.get_mut(room) {
            let why = Departure::Kicked { actor: FOCUS_NICK, reason };
            room.depart(nick, why, &mut self.effects);
        }
        self.forget_departed();
    }

    /// Ends a room. Everybody in it is told why.
    pub fn destroy(&mut self, room: &str, reason: &str) {
        let Some(mut room) = self.rooms.remove(room) else {
            return;
        };
        let nicks: Vec<Box<str>> = room.clients().map(|o| o.nick.clone()).collect();
        for nick in nicks {
            room.depart(&nick, Departure::Destroyed { reason }, &mut self.effects);
        }
        self.forget_departed();
    }

    /// Ends all rooms.
    pub fn destroy_all(&mut self, reason: &str) {
        let rooms: Vec<Box<str>> = self.rooms.keys().cloned().collect();
        for room in rooms {
            self.destroy(&room, reason);
        }
    }

    /// An IQ or message from the focus to an occupant.
    pub fn send_from_focus(&mut self, room: &str, nick: &str, stanza: &Element) {
        let Some(room) = self.rooms.get(room) else {
            return;
        };
        if let (Some(focus), Some(to)) = (room.by_nick(FOCUS_NICK), room.by_nick(nick)) {
            send(&mut self.effects, to, relay_frame(stanza, focus, to));
        }
    }
}

/// What sessions do.
impl Muc {
    /// The session is gone; so are its occupants.
    pub fn on_closed(&mut self, session: SessionId) {
        for name in self.joined.remove(&session).unwrap_or_default() {
            if let Some(room) = self.rooms.get_mut(&name)
                && let Some(nick) = room.by_session(session).map(|o| o.nick.clone())
            {
                room.depart(&nick, Departure::Lost, &mut self.effects);
            }
        }
    }

    /// A stanza to the component, to a room or to an occupant. `from` is the sender's full address and stands in the stanza.
    pub fn on_stanza(
        &mut self,
        now: Instant,
        wall: SystemTime,
        session: SessionId,
        from: &Jid,
        to: &Jid,
        stanza: Element,
    ) {
        let sender = Sender { session, jid: from, now };
        match stanza.name.as_str() {
            "presence" => self.on_presence(sender, to, stanza, wall),
            "message" => self.on_message(sender, to, stanza),
            _ => self.on_iq(sender, to, stanza),
        }
        self.forget_departed();
    }

    fn on_presence(&mut self, sender: Sender<'_>, to: &Jid, stanza: Element, wall: SystemTime) {
        let result = match stanza.attr("type") {
            None => self.on_available(sender, to, &stanza, wall),
            Some("unavailable") => {
                self.on_unavailable(sender, to, stanza);
                return;
            }
            // Subscriptions and errors mean nothing here.
            Some(_) => return,
        };
        if let Err(error) = result {
            // Clients look at the error only; the `x` says which kind of stanza was refused.
            let mut reply = error_reply(&stanza, &error);
            reply.children.insert(0, Node::Element(Element::in_ns("x", ns::MUC)));
            self.reply(sender, &reply);
        }
    }

    fn on_available(
        &mut self,
        sender: Sender<'_>,
        to: &Jid,
        stanza: &Element,
        wall: SystemTime,
    ) -> Result<(), StanzaError> {
        let (Some(name), Some(nick)) = (&to.node, &to.resource) else {
            return Err(StanzaError::new(Condition::JidMalformed));
        };
        let join = stanza.child_in("x", ns::MUC);
        let room = self.rooms.get_mut(name.as_str()).ok_or_else(room_does_not_exist)?;
        let mut relayed = stanza.clone();
        strip_presence(&mut relayed);
        let presence = written(&relayed);
        if presence.children.len() > self.limits.presence_bytes || presence.attrs.len() > 1024 {
            return Err(StanzaError::new(Condition::PolicyViolation).with_text("This presence is too large"));
        }
        match room.by_session(sender.session).map(|o| o.nick.clone()) {
            Some(own) if *own == **nick => {
                self.speak(sender, name, presence.children.len())?;
                self.update(name, &own, join.is_some(), presence, relayed);
                Ok(())
            }
            Some(_) => Err(StanzaError::new(Condition::NotAllowed).with_text("A nick cannot be changed")),
            None => {
                let Some(join) = join else {
                    return Err(StanzaError::new(Condition::ItemNotFound).with_text("You are not in this room"));
                };
                let joined = self.joined.get(&sender.session).map_or(0, Vec::len);
                if joined >= self.limits.rooms_per_session {
                    return Err(StanzaError::new(Condition::ResourceConstraint));
                }
                let affiliation = self.may_join(sender, name, nick, join)?;
                let address = spelled_address(stanza).into();
                let occupant = Occupant {
                    nick: nick.as_str().into(),
                    jid: sender.jid.clone(),
                    session: Some(sender.session),
                    address,
                    affiliation,
                    presence,
                    voice: Bucket::full(sender.now, self.limits.voice_burst),
                };
                self.join(sender, name, occupant, relayed, wall);
                Ok(())
            }
        }
    }

    /// Counts what an occupant is about to say to everybody.
    fn speak(&mut self, sender: Sender<'_>, name: &str, bytes: usize) -> Result<(), StanzaError> {
        let limits = &self.limits;
        let cost = u32::try_from(bytes).unwrap_or(u32::MAX);
        let occupants = self.rooms.get_mut(name).into_iter().flat_map(|room| &mut room.occupants);
        let silenced = occupants
            .filter(|o| o.session == Some(sender.session))
            .any(|o| !o.voice.take(sender.now, cost, limits.voice_per_second, limits.voice_burst));
        match silenced {
            true => Err(StanzaError::new(Condition::ResourceConstraint).with_text("Too much at once")),
            false => Ok(()),
        }
    }

    fn may_join(&self, sender: Sender<'_>, name: &str, nick: &str, join: &Element) -> Result<Affiliation, StanzaError> {
        let room = self.rooms.get(name).ok_or_else(room_does_not_exist)?;
        if !is_nick(nick) || nick.len() > self.limits.nick_bytes {
            return Err(StanzaError::new(Condition::NotAllowed).with_text("A nick has letters, digits and underscores"));
        }
        if room.by_nick(nick).is_some() {
            return Err(StanzaError::new(Condition::Conflict));
        }
        let affiliation = room.affiliation_of(&sender.jid.to_bare().to_string());
        match affiliation {
            Affiliation::Outcast => return Err(StanzaError::new(Condition::Forbidden)),
            Affiliation::Owner => {}
            _ => {
                let given = join.child_text("password");
                if room.password.as_deref().is_some_and(|p| given.as_deref() != Some(p)) {
                    return Err(StanzaError::new(Condition::NotAuthorized));
                }
            }
        }
        if room.clients().count() >= self.limits.occupants {
            return Err(StanzaError::of(ErrorType::Wait, Condition::ServiceUnavailable));
        }
        Ok(affiliation)
    }

    fn join(&mut self, sender: Sender<'_>, name: &str, occupant: Occupant, presence: Element, wall: SystemTime) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        let joined = Effect::Joined {
            room: name.into(),
            nick: occupant.nick.clone(),
            session: sender.session,
            presence,
            affiliation: occupant.affiliation,
        };
        let starts = room.started.is_none() && room.clients().next().is_some();
        if starts {
            room.started = Some(unix_ms(wall));
        }
        room.enter(occupant, &mut self.effects);
        if starts {
            // Those who were here read the room's start time again; the new one is about to read it anyway.
            room.announce_configuration(Some(sender.session), &mut self.effects);
        }
        self.joined.entry(sender.session).or_default().push(name.into());
        self.effects.push_back(joined);
    }

    fn update(&mut self, name: &str, nick: &str, again: bool, presence: Presence, element: Element) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        if let Some(occupant) = room.occupants.iter_mut().find(|o| &*o.nick == nick) {
            occupant.presence = presence;
        }
        if again && let Some(occupant) = room.by_nick(nick) {
            // It lost track and joins once more.
            room.welcome(occupant, &mut self.effects);
            room.announce_to_others(occupant, &mut self.effects);
        } else {
            room.announce(nick, &mut self.effects);
        }
        self.effects.push_back(Effect::Presence { room: name.into(), nick: nick.into(), presence: element });
    }

    fn on_unavailable(&mut self, sender: Sender<'_>, to: &Jid, mut stanza: Element) {
        let Some(room) = to.node.as_deref().and_then(|name| self.rooms.get_mut(name)) else {
            return;
        };
        let Some(nick) = room.by_session(sender.session).map(|o| o.nick.clone()) else {
            return;
        };
        strip_presence(&mut stanza);
        let children = written(&stanza).children;
        let short = children.len() <= self.limits.presence_bytes;
        let why = Departure::Left(if short { &children } else { "" });
        room.depart(&nick, why, &mut self.effects);
    }

    fn on_message(&mut self, sender: Sender<'_>, to: &Jid, stanza: Element) {
        if stanza.attr("type") == Some("error") && to.resource.is_none() {
            return;
        }
        let name = to.node.as_deref().unwrap_or_default();
        let heard = match stanza.attr("type") {
            Some("groupchat") => self.speak(sender, name, stanza.to_string().len()),
            _ => Ok(()),
        };
        let result = heard.and_then(|()| match self.rooms.get_mut(name) {
            Some(room) => messages::relay(room, sender, to, &stanza, &self.limits, &mut self.effects),
            None => Err(StanzaError::new(Condition::ItemNotFound)),
        });
        if let Err(error) = result
            && stanza.attr("type") != Some("error")
        {
            self.reply(sender, &error_reply(&stanza, &error));
        }
    }

    fn on_iq(&mut self, sender: Sender<'_>, to: &Jid, iq: Element) {
        let is_request = matches!(iq.attr("type"), Some("get" | "set"));
        let result = match (&to.node, &to.resource) {
            (Some(room), Some(nick)) => self.relay_iq(sender, room, nick, &iq),
            (Some(room), None) if is_request => self.on_room_iq(sender, room, &iq),
            (None, _) if is_request => disco::component(&iq).map(|answer| {
                self.reply(sender, &answer);
            }),
            _ => Ok(()),
        };
        if let Err(error) = result
            && is_request
        {
            self.reply(sender, &iq_error(&iq, &error));
        }
    }

    /// An IQ from one occupant to another, or the answer to one.
    fn relay_iq(&mut self, sender: Sender<'_>, name: &str, nick: &str, iq: &Element) -> Result<(), StanzaError> {
        let not_inside = || StanzaError::of(ErrorType::Cancel, Condition::NotAcceptable);
        let room = self.rooms.get(name).ok_or_else(not_inside)?;
        let from = room.by_session(sender.session).ok_or_else(not_inside)?;
        let to = room.by_nick(nick).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
        if !to.is_focus() {
            send(&mut self.effects, to, relay_frame(iq, from, to));
            return Ok(());
        }
        let (room, nick, iq) = (name.into(), from.nick.clone(), iq.clone());
        self.effects.push_back(match iq.attr("type") {
            Some("get" | "set") => Effect::FocusIq { room, nick, iq },
            _ => Effect::FocusReply { room, nick, iq },
        });
        Ok(())
    }

    fn on_room_iq(&mut self, sender: Sender<'_>, name: &str, iq: &Element) -> Result<(), StanzaError> {
        // What is not theirs does not exist for strangers.
        let forbidden = || StanzaError::new(Condition::Forbidden);
        let room = self.rooms.get_mut(name).ok_or_else(forbidden)?;
        let role = room.by_session(sender.session).map(Occupant::role).ok_or_else(forbidden)?;
        let payload = iq.elements().next().ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
        let set = iq.attr("type") == Some("set");
        match (payload.name.as_str(), payload.xmlns(), set) {
            ("query", Some(ns::DISCO_INFO), false) => {
                let answer = disco::room(room, iq);
                self.reply(sender, &answer);
                Ok(())
            }
            ("query", Some(ns::DISCO_ITEMS), false) => {
                let answer = disco::occupants(room, iq, payload);
                self.reply(sender, &answer);
                Ok(())
            }
            ("query", Some(ns::MUC_ADMIN), _) if role == Role::Moderator => {
                admin::handle(room, sender, iq, payload, &mut self.effects)
            }
            ("query", Some(ns::MUC_OWNER), _) if role == Role::Moderator => {
                config_form::handle(room, sender, iq, payload, &mut self.effects)
            }
            ("query", Some(ns::MUC_ADMIN | ns::MUC_OWNER), _) => Err(forbidden()),
            _ => Err(StanzaError::new(Condition::ServiceUnavailable)),
        }
    }

    fn reply(&mut self, sender: Sender<'_>, stanza: &Element) {
        self.effects.push_back(Effect::Send { session: sender.session, frame: stanza.to_string() });
    }

    /// Brings the index of sessions up to date with those who have just left.
    fn forget_departed(&mut self) {
        for effect in &self.effects {
            let Effect::Left { room, session, .. } = effect else {
                continue;
            };
            let still = self.rooms.get(room).is_some_and(|room| room.by_session(*session).is_some());
            if !still && let Some(rooms) = self.joined.get_mut(session) {
                rooms.retain(|name| name != room);
                if rooms.is_empty() {
                    self.joined.remove(session);
                }
            }
        }
    }
}

fn room_does_not_exist() -> StanzaError {
    StanzaError::new(Condition::NotAllowed).with_extra(Element::in_ns("room-does-not-exist", ns::JITMEET))
}

/// `^[a-zA-Z0-9][a-zA-Z0-9_]*$`, as Jitsi's deployments check it (`mod_muc_resource_validate`).
fn is_nick(nick: &str) -> bool {
    nick.starts_with(|c: char| c.is_ascii_alphanumeric()) && nick.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The room's address as the client wrote it.
fn spelled_address(stanza: &Element) -> &str {
    let to = stanza.attr("to").unwrap_or_default();
    to.split_once('/').map_or(to, |(bare, _)| bare)
}

fn unix_ms(wall: SystemTime) -> u64 {
    wall.duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
