//! Services that ride on rooms, each at an address of its own below the domain: AV moderation, speaker statistics, polls and
//! the like (Prosody's components in a Jitsi deployment). Pure.
//!
//! [`Components`] hears from the rooms who is in them and from occupants what they ask a service for, and says what to do:
//! [`Output`]s in order. Call order: one of the `on_` functions, then [`Components::poll`] until `None`.

mod av_moderation;
mod breakout;
mod component;
mod conference;
mod guest;
mod meeting;
mod metadata;
mod outbox;
mod polls;
mod room;
mod speaker_stats;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use jitsi_wire::jingle::StartMuted;
use jitsi_wire::xmpp::stanza::{error_reply, iq_error};
use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns};
use rand_chacha::ChaCha8Rng;

use crate::c2s::{SessionId, uuid};
use crate::focus::MediaType;
use crate::muc::{Affiliation, ChatRestrictions, is_breakout, room_address, room_key};

pub use breakout::Kept;
use breakout::{Breakouts, Command, Meetings};
pub use component::Component;
use conference::TERMINATED;
use guest::Guest;
use meeting::{Meeting, cost, only_moderators};
use outbox::Outbox;
pub use room::Arrival;

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this frame to the session.
    Send { session: SessionId, frame: String },
    /// Only these occupants, and moderators, may send this kind of media while it is `enabled`.
    Moderate { room: Box<str>, media: MediaType, enabled: bool, allowed: Vec<String> },
    /// Whoever comes from now on starts so.
    StartMuted { room: Box<str>, policy: StartMuted },
    /// The audio of the meeting is to go to the transcriber, or no longer.
    Transcribe { room: Box<str>, wanted: bool },
    /// What only moderators write from now on.
    RestrictChat { room: Box<str>, restrictions: ChatRestrictions },
    /// Whoever joins gets this message, which is written already, from this address before its own presence.
    Preface { room: Box<str>, from: String, message: String },
    /// The meeting ends for everybody.
    End { room: Box<str>, reason: String },
    /// A breakout room is no more; whoever is in it may go on in another room.
    Close { room: Box<str>, reason: String, next: Option<String> },
    /// A breakout room has this name from now on.
    Name { room: Box<str>, name: Box<str> },
    /// An address was given this standing in another room of the meeting.
    Affiliate { room: Box<str>, bare: Box<str>, affiliation: Affiliation },
    /// An address was sent away from another room of the meeting.
    Disown { room: Box<str>, bare: Box<str> },
    /// What the breakout rooms of a main room mean for it.
    Keep { room: Box<str>, kept: Kept },
}

/// Every service of every room with somebody in it.
#[derive(Debug)]
pub struct Components {
    domain: Box<str>,
    /// There is somebody who writes meetings down.
    transcribes: bool,
    rng: ChaCha8Rng,
    meetings: Meetings,
    /// By main room.
    breakouts: BTreeMap<Box<str>, Breakouts>,
    /// The main room of each breakout room.
    mains: BTreeMap<Box<str>, Box<str>>,
    guests: BTreeMap<SessionId, Guest>,
    outputs: VecDeque<Output>,
}

/// A message to a service.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub session: SessionId,
    /// The room in the URL of the client's stream: most messages name none.
    pub room: Option<&'a str>,
    pub to: Component,
    pub message: &'a Element,
}

impl Components {
    pub fn new(domain: &str, transcribes: bool, rng: ChaCha8Rng) -> Self {
        Self {
            domain: domain.into(),
            transcribes,
            rng,
            meetings: Meetings::new(),
            breakouts: BTreeMap::new(),
            mains: BTreeMap::new(),
            guests: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Components::on_wakeup`].
    pub fn next_wakeup(&self) -> Option<Instant> {
        self.breakouts.values().filter_map(Breakouts::next_wakeup).min()
    }

    /// Time has come.
    pub fn on_wakeup(&mut self, now: Instant) {
        let due = |breakouts: &Breakouts| breakouts.next_wakeup().is_some_and(|at| at <= now);
        let due: Vec<Box<str>> =
            self.breakouts.iter().filter(|(_, breakouts)| due(breakouts)).map(|(main, _)| main.clone()).collect();
        for main in due {
            self.with_breakouts(now, &main, Breakouts::on_wakeup);
        }
    }
}

/// What rooms tell.
impl Components {
    /// Somebody is in a room and everybody was told.
    pub fn on_joined(&mut self, now: Instant, room: &str, arrival: &Arrival<'_>) {
        let mut outbox = Outbox { domain: &self.domain, now, outputs: &mut self.outputs };
        let meeting =
            self.meetings.entry(room.into()).or_insert_with(|| Meeting::new(room, outbox.domain, self.transcribes));
        self.guests.entry(arrival.session).or_insert_with(|| Guest::new(now)).enter(room);
        meeting.on_joined(arrival, &mut outbox);
        self.announce(now, room, arrival.nick, arrival.presence);
        self.with_breakouts(now, room, |breakouts, meetings, outbox| {
            if let Some(new) = meetings.get(room).and_then(|meeting| meeting.room.by_nick(arrival.nick)) {
                breakouts.on_joined(meetings, new, outbox);
            }
        });
    }

    /// An occupant's presence was replaced.
    pub fn on_presence(&mut self, now: Instant, room: &str, nick: &str, presence: &Element) {
        let name = self.name_of(room, nick);
        self.within(now, room, |meeting, _| meeting.room.rename(nick, presence));
        self.announce(now, room, nick, presence);
        if self.name_of(room, nick) != name {
            self.on_changed(now, room, nick);
        }
    }

    /// What a presence says to the services, unless its sender makes them say too much.
    fn announce(&mut self, now: Instant, room: &str, nick: &str, presence: &Element) {
        let announcer = self.meetings.get(room).and_then(|meeting| meeting.announcer(nick, presence));
        if announcer.is_none_or(|session| self.charge(now, session, cost(Component::RoomMetadata))) {
            self.within(now, room, |meeting, outbox| meeting.on_presence(nick, presence, outbox));
        }
    }

    /// Counts what a session asks for; false when it is too much.
    fn charge(&mut self, now: Instant, session: SessionId, cost: usize) -> bool {
        self.guests.get_mut(&session).is_some_and(|guest| guest.charge(now, cost))
    }

    /// An occupant told everybody something in JSON.
    pub fn on_json(&mut self, now: Instant, room: &str, nick: &str, text: &str) {
        self.within(now, room, |meeting, outbox| meeting.on_json(nick, text, outbox));
    }

    /// An occupant's affiliation changed.
    pub fn on_affiliation(&mut self, now: Instant, room: &str, nick: &str, affiliation: Affiliation) {
        self.within(now, room, |meeting, outbox| meeting.on_affiliation(nick, affiliation, outbox));
        self.on_changed(now, room, nick);
    }

    /// Somebody gave an address this standing, which it has in all rooms of the meeting then.
    pub fn on_affiliated(&mut self, now: Instant, room: &str, bare: &str, affiliation: Affiliation) {
        self.with_breakouts(now, room, |breakouts, meetings, outbox| {
            breakouts.on_affiliated(meetings, room, bare, affiliation, outbox);
        });
    }

    fn on_changed(&mut self, now: Instant, room: &str, nick: &str) {
        self.with_breakouts(now, room, |breakouts, meetings, outbox| {
            if let Some(occupant) = meetings.get(room).and_then(|meeting| meeting.room.by_nick(nick)) {
                breakouts.on_changed(meetings, occupant, outbox);
            }
        });
    }

    fn name_of(&self, room: &str, nick: &str) -> Option<Box<str>> {
        self.meetings.get(room)?.room.by_nick(nick)?.name.clone()
    }

    /// An occupant is gone. `returns`: it may come back, because nobody sent it away and its stream is there.
    pub fn on_left(&mut self, now: Instant, room: &str, nick: &str, session: SessionId, returns: bool) {
        let gone = self.within(now, room, |meeting, outbox| meeting.on_left(nick, outbox)).flatten();
        if let Some(guest) = self.guests.get_mut(&session) {
            guest.leave(room);
        }
        if let Some(gone) = gone {
            self.with_breakouts(now, room, |breakouts, meetings, outbox| {
                breakouts.on_left(meetings, room, &gone, returns, outbox);
            });
        }
    }

    /// A client is gone for good: wherever it was let in, it comes no more.
    pub fn forget(&mut self, now: Instant, session: SessionId, bare: &str) {
        self.guests.remove(&session);
        let its = self.breakouts.iter().filter(|(_, breakouts)| breakouts.is_member(bare));
        for main in its.map(|(main, _)| main.clone()).collect::<Vec<_>>() {
            self.with_breakouts(now, &main, |breakouts, meetings, outbox| breakouts.forget(meetings, bare, outbox));
        }
    }

    /// The meeting in a room is over, and nobody is in it. With a main room go its breakout rooms.
    pub fn on_over(&mut self, room: &str, reason: &str) {
        self.meetings.remove(room);
        if let Some(breakouts) = self.breakouts.remove(room) {
            self.mains.retain(|_, main| **main != *room);
            self.outputs.push_back(Output::Keep { room: room.into(), kept: Kept::default() });
            for room in breakouts.rooms() {
                let (room, reason) = (room.into(), reason.to_owned());
                self.outputs.push_back(Output::Close { room, reason, next: None });
            }
        }
    }

    fn within<T>(
        &mut self,
        now: Instant,
        room: &str,
        act: impl FnOnce(&mut Meeting, &mut Outbox<'_>) -> T,
    ) -> Option<T> {
        let meeting = self.meetings.get_mut(room)?;
        Some(act(meeting, &mut Outbox { domain: &self.domain, now, outputs: &mut self.outputs }))
    }

    /// The breakout rooms that a room has, or is one of.
    fn with_breakouts<T>(
        &mut self,
        now: Instant,
        room: &str,
        act: impl FnOnce(&mut Breakouts, &Meetings, &mut Outbox<'_>) -> T,
    ) -> Option<T> {
        let main = self.mains.get(room).map_or(room, |main| &**main).to_owned();
        let breakouts = self.breakouts.get_mut(&*main)?;
        let mut outbox = Outbox { domain: &self.domain, now, outputs: &mut self.outputs };
        let result = act(breakouts, &self.meetings, &mut outbox);
        self.mains.retain(|room, its| **its != *main || breakouts.rooms().any(|other| *other == **room));
        for room in breakouts.rooms().filter(|room| !self.mains.contains_key(*room)).collect::<Vec<_>>() {
            self.mains.insert(room.into(), main.as_str().into());
        }
        Some(result)
    }
}

/// What clients send.
impl Components {
    /// A message from a client to a service.
    pub fn on_message(&mut self, now: Instant, request: Request<'_>) {
        if request.message.attr("type") == Some("error") {
            return;
        }
        if let Err(error) = self.carry_out(now, request) {
            let frame = error_reply(request.message, &error).to_string();
            self.outputs.push_back(Output::Send { session: request.session, frame });
        }
    }

    fn carry_out(&mut self, now: Instant, request: Request<'_>) -> Result<(), StanzaError> {
        let outside = || StanzaError::new(Condition::NotAcceptable).with_text("You are in no room");
        let room = self.room_of(request).ok_or_else(outside)?;
        if !self.charge(now, request.session, cost(request.to).max(request.message.to_string().len())) {
            return Err(StanzaError::new(Condition::ResourceConstraint).with_text("Too much at once"));
        }
        let meeting = self.meetings.get_mut(&room).ok_or_else(outside)?;
        match request.to {
            Component::BreakoutRooms => {
                only_moderators(meeting.sender(request)?)?;
                self.on_breakout_command(now, &room, request.message)
            }
            // Whoever ends a breakout room's meeting means all of it.
            Component::EndConference if self.mains.contains_key(&room) => {
                only_moderators(meeting.sender(request)?)?;
                let room = self.mains.get(&room).cloned().unwrap_or(room);
                self.outputs.push_back(Output::End { room, reason: TERMINATED.to_owned() });
                Ok(())
            }
            _ => {
                let mut outbox = Outbox { domain: &self.domain, now, outputs: &mut self.outputs };
                meeting.on_message(request, &mut outbox)
            }
        }
    }

    fn on_breakout_command(&mut self, now: Instant, room: &str, message: &Element) -> Result<(), StanzaError> {
        let command = Command::parse(message).ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
        let id = uuid(&mut self.rng);
        if !is_breakout(room) && !self.breakouts.contains_key(room) {
            self.breakouts.insert(room.into(), Breakouts::new(room, &self.meetings));
        }
        let act = |breakouts: &mut Breakouts, meetings: &Meetings, outbox: &mut Outbox<'_>| {
            breakouts.on_command(meetings, command, &id, outbox)
        };
        self.with_breakouts(now, room, act).unwrap_or_else(|| Err(StanzaError::new(Condition::ItemNotFound)))
    }

    /// The room that a message is about: the one that it names, the one of the stream, or else the one that its sender is in.
    fn room_of(&self, request: Request<'_>) -> Option<Box<str>> {
        let joined = &self.guests.get(&request.session)?.rooms;
        let named = request.message.elements().find_map(|child| child.attr("room"));
        if let Some(named) = named {
            let named = room_key(&named.parse().ok()?, &self.domain)?;
            return joined.iter().find(|name| ***name == *named).cloned();
        }
        joined.iter().find(|name| Some(&***name) == request.room).or_else(|| joined.first()).cloned()
    }
}

/// Who may come in.
impl Components {
    /// May somebody join a room, and with which affiliation? None: that is for the room alone to say.
    pub fn judge(&self, room: &str, nick: &str, bare: &str) -> Result<Option<Affiliation>, StanzaError> {
        match self.breakouts_of(room) {
            Some(breakouts) => breakouts.judge(room, nick, bare),
            None if is_breakout(room) => Err(StanzaError::new(Condition::ItemNotFound)),
            None => Ok(None),
        }
    }

    /// May somebody have this room made?
    pub fn may_open(&self, room: &str, bare: &str) -> bool {
        let breakouts = self.breakouts_of(room);
        !is_breakout(room) || breakouts.is_some_and(|b| b.is_open(room) && b.is_member(bare))
    }

    /// Address of the main room, and name, of a breakout room.
    pub fn breakout(&self, room: &str) -> Option<(String, &str)> {
        let main = self.mains.get(room)?;
        Some((room_address(main, &self.domain), self.breakouts.get(main)?.name(room)?))
    }

    fn breakouts_of(&self, room: &str) -> Option<&Breakouts> {
        self.breakouts.get(self.mains.get(room).map_or(room, |main| &**main))
    }
}

/// The answer to a get or set that was sent to a service itself.
pub fn answer(component: Component, iq: &Element) -> Element {
    match iq.child_in("query", ns::DISCO_INFO).filter(|_| iq.attr("type") == Some("get")) {
        Some(query) => component.info(iq, query),
        None => iq_error(iq, &StanzaError::new(Condition::ServiceUnavailable)),
    }
}
