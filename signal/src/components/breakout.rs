//! Breakout rooms: moderators make them, people move between them and the main room, and all of them are one meeting. Whoever
//! was let into one of its rooms may enter the others and come back; nobody else enters a breakout room.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError};
use serde_json::{Map, Value, json};

use super::meeting::Meeting;
use super::outbox::Outbox;
use super::room::Occupant;
use super::{Component, Output};
use crate::muc::{Affiliation, Role, room_address, room_key};

/// Breakout rooms of one meeting.
const MAX_ROOMS: usize = 50;
/// Bytes of a room's name.
const MAX_NAME: usize = 128;
/// People who may move between the rooms of a meeting.
const MAX_MEMBERS: usize = 1000;
/// Somebody who left one room is in another after this, or has gone.
const SWITCHING: Duration = Duration::from_secs(15);
/// A room that is removed waits so long for its occupants to go back.
const CLOSING: Duration = Duration::from_secs(10);
/// Changes are told together: after this,
const UPDATE: Duration = Duration::from_millis(300);
/// and so much later for each who is told, because each is told of everybody.
const UPDATE_EACH: Duration = Duration::from_millis(10);

const REMOVED: &str = "Breakout room removed.";

/// Rooms with those in them.
pub(super) type Meetings = BTreeMap<Box<str>, Meeting>;

/// The breakout rooms of one main room.
#[derive(Debug)]
pub(super) struct Breakouts {
    main: Box<str>,
    rooms: Vec<Breakout>,
    /// Rooms made so far.
    counter: u32,
    /// Who was let into the meeting, by real bare address.
    members: BTreeMap<Box<str>, Member>,
    update_at: Option<Instant>,
    /// What the focus was told last.
    told: Kept,
}

#[derive(Debug)]
struct Breakout {
    /// As [`crate::muc::room_key`] names it.
    room: Box<str>,
    name: Box<str>,
    /// It is being removed, and ends then at the latest.
    closes_at: Option<Instant>,
}

#[derive(Debug)]
struct Member {
    nick: Box<str>,
    affiliation: Affiliation,
    /// Has left a room and may be on the way to another one.
    switching: Option<Instant>,
}

/// What the breakout rooms mean for the main room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Somebody may come back: the room stays.
    pub open: bool,
    /// One of them is a moderator: no other one is made.
    pub moderated: bool,
}

/// What a room of the meeting says to somebody who wants to join.
pub(super) type Verdict = Result<Option<Affiliation>, StanzaError>;

/// What a moderator asks for.
pub(super) enum Command {
    Add { name: String },
    Rename { room: String, name: String },
    Remove { room: String },
    Move { who: String, room: String },
}

impl Command {
    pub(super) fn parse(message: &Element) -> Option<Self> {
        let command = message.child("breakout_rooms")?;
        let attr = |name| command.attr(name).map(str::to_owned);
        Some(match command.attr("type")?.strip_prefix("features/breakout-rooms/")? {
            "add" => Command::Add { name: attr("subject").unwrap_or_default() },
            "rename" => Command::Rename { room: attr("breakoutRoomJid")?, name: attr("subject")? },
            "remove" => Command::Remove { room: attr("breakoutRoomJid")? },
            "move-to-room" => Command::Move { who: attr("participantJid")?, room: attr("roomJid")? },
            _ => return None,
        })
    }
}

/// What happens.
impl Breakouts {
    /// No room yet; whoever is in the main room is a member.
    pub(super) fn new(main: &str, meetings: &Meetings) -> Self {
        let mut breakouts = Self {
            main: main.into(),
            rooms: Vec::new(),
            counter: 0,
            members: BTreeMap::new(),
            update_at: None,
            told: Kept::default(),
        };
        let occupants = meetings.get(main).into_iter().flat_map(|meeting| &meeting.room.occupants);
        for occupant in occupants {
            breakouts.admit(occupant);
        }
        breakouts
    }

    /// Somebody is in the main room or in one of the others.
    pub(super) fn on_joined(&mut self, meetings: &Meetings, new: &Occupant, outbox: &mut Outbox<'_>) {
        self.admit(new);
        self.review(meetings, outbox);
    }

    /// A name or a role is another.
    pub(super) fn on_changed(&mut self, meetings: &Meetings, occupant: &Occupant, outbox: &mut Outbox<'_>) {
        if let Some(member) = self.members.get_mut(&*occupant.bare()) {
            member.affiliation = occupant.affiliation;
        }
        self.review(meetings, outbox);
    }

    /// Somebody in `room` gave an address this standing. Whoever is banned is no member any more.
    pub(super) fn on_affiliated(
        &mut self,
        meetings: &Meetings,
        room: &str,
        bare: &str,
        affiliation: Affiliation,
        outbox: &mut Outbox<'_>,
    ) {
        if affiliation == Affiliation::Outcast {
            self.members.remove(bare);
        } else if let Some(member) = self.members.get_mut(bare) {
            member.affiliation = affiliation;
        }
        for room in self.others(meetings, room) {
            outbox.push(Output::Affiliate { room: room.into(), bare: bare.into(), affiliation });
        }
        self.review(meetings, outbox);
    }

    /// Somebody is no more in `room`. `may_return`: nobody sent it away, and its stream is there.
    pub(super) fn on_left(
        &mut self,
        meetings: &Meetings,
        room: &str,
        gone: &Occupant,
        may_return: bool,
        outbox: &mut Outbox<'_>,
    ) {
        let bare = gone.bare();
        if !may_return {
            self.members.remove(&*bare);
            for room in self.others(meetings, room) {
                outbox.push(Output::Disown { room: room.into(), bare: bare.as_str().into() });
            }
        } else if let Some(member) = self.members.get_mut(&*bare) {
            member.switching = Some(outbox.now + SWITCHING);
        }
        self.review(meetings, outbox);
    }

    /// The rooms of the meeting that somebody is or was in, but for this one.
    fn others<'a>(&'a self, meetings: &Meetings, room: &str) -> impl Iterator<Item = &'a str> {
        let rooms = std::iter::once(&*self.main).chain(self.rooms());
        rooms.filter(move |other| *other != room && meetings.contains_key(*other))
    }

    /// A member will not come back.
    pub(super) fn forget(&mut self, meetings: &Meetings, bare: &str, outbox: &mut Outbox<'_>) {
        self.members.remove(bare);
        self.review(meetings, outbox);
    }

    fn admit(&mut self, occupant: &Occupant) {
        let bare = occupant.bare();
        if self.members.len() < MAX_MEMBERS || self.members.contains_key(&*bare) {
            let (nick, affiliation) = (occupant.nick.clone(), occupant.affiliation);
            self.members.insert(bare.into(), Member { nick, affiliation, switching: None });
        }
    }

    /// May `bare` come in as `nick`? None when that is for the room alone to say.
    pub(super) fn judge(&self, room: &str, nick: &str, bare: &str) -> Verdict {
        let is_main = *room == *self.main;
        let taken = self.members.iter().any(|(other, member)| {
            *member.nick == *nick && **other != *bare && (member.switching.is_some() || !is_main)
        });
        if taken {
            return Err(StanzaError::new(Condition::Conflict));
        }
        match self.members.get(bare) {
            Some(member) if is_main || self.is_open(room) => Ok(Some(member.affiliation)),
            _ if is_main => Ok(None),
            _ => Err(StanzaError::new(Condition::NotAllowed).with_text("This room is for members of the meeting")),
        }
    }

    /// There is such a breakout room, and it is not being removed.
    pub(super) fn is_open(&self, room: &str) -> bool {
        self.rooms.iter().any(|breakout| *breakout.room == *room && breakout.closes_at.is_none())
    }

    /// May enter the rooms of the meeting.
    pub(super) fn is_member(&self, bare: &str) -> bool {
        self.members.contains_key(bare)
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = &str> {
        self.rooms.iter().map(|breakout| &*breakout.room)
    }

    pub(super) fn name(&self, room: &str) -> Option<&str> {
        self.rooms.iter().find(|breakout| *breakout.room == *room).map(|breakout| &*breakout.name)
    }

    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        let closing = self.rooms.iter().filter_map(|room| room.closes_at);
        let switching = self.members.values().filter_map(|member| member.switching);
        closing.chain(switching).chain(self.update_at).min()
    }

    /// Time has come.
    pub(super) fn on_wakeup(&mut self, meetings: &Meetings, outbox: &mut Outbox<'_>) {
        let now = outbox.now;
        for member in self.members.values_mut() {
            member.switching = member.switching.filter(|at| *at > now);
        }
        if self.update_at.is_some_and(|at| at <= now) {
            self.update_at = None;
            self.tell_all(meetings, outbox);
        }
        self.close_what_is_empty(meetings, outbox);
        self.tell_focus(meetings, outbox);
    }
}

/// What moderators ask for.
impl Breakouts {
    /// `id` is for the room that is added, if one is.
    pub(super) fn on_command(
        &mut self,
        meetings: &Meetings,
        command: Command,
        id: &str,
        outbox: &mut Outbox<'_>,
    ) -> Result<(), StanzaError> {
        match command {
            Command::Add { name } => self.add(&name, id)?,
            Command::Rename { room, name } => {
                let name = sound(&name)?;
                let breakout = self.find(&room, outbox.domain)?;
                breakout.name = name.clone();
                outbox.push(Output::Name { room: breakout.room.clone(), name });
            }
            Command::Remove { room } => {
                let breakout = self.find(&room, outbox.domain)?;
                breakout.closes_at = Some(outbox.now + CLOSING);
                let room = breakout.room.clone();
                if let Some(meeting) = meetings.get(&room) {
                    self.send(&self.main, &meeting.room.occupants, outbox);
                }
            }
            Command::Move { who, room } => {
                let target = match key(&room, outbox.domain).as_deref() == Some(&*self.main) {
                    true => self.main.clone(),
                    false => self.find(&room, outbox.domain)?.room.clone(),
                };
                let who = self.occupant(meetings, &who).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
                self.send(&target, [who], outbox);
                return Ok(());
            }
        }
        self.review(meetings, outbox);
        Ok(())
    }

    fn add(&mut self, name: &str, id: &str) -> Result<(), StanzaError> {
        if self.rooms.len() >= MAX_ROOMS {
            return Err(StanzaError::new(Condition::ResourceConstraint).with_text("Too many breakout rooms"));
        }
        let name = sound(name)?;
        self.counter = self.counter.saturating_add(1);
        self.rooms.push(Breakout { room: format!("{id}@breakout").into(), name, closes_at: None });
        Ok(())
    }

    fn find(&mut self, address: &str, domain: &str) -> Result<&mut Breakout, StanzaError> {
        let room = key(address, domain).unwrap_or_default();
        let mut open = self.rooms.iter_mut().filter(|breakout| breakout.closes_at.is_none());
        open.find(|breakout| *breakout.room == *room).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))
    }

    /// Somebody in the meeting, by real address or by the one in its room.
    fn occupant<'a>(&self, meetings: &'a Meetings, address: &str) -> Option<&'a Occupant> {
        self.all(meetings).find_map(|meeting| {
            let mut occupants = meeting.room.occupants.iter();
            occupants.find(|o| o.jid.to_string() == address).or_else(|| meeting.room.by_address(address))
        })
    }

    /// Asks people to go to a room.
    fn send<'o>(&self, target: &str, who: impl IntoIterator<Item = &'o Occupant>, outbox: &mut Outbox<'_>) {
        let order = json!({
            "type": "breakout_rooms",
            "event": "features/breakout-rooms/move-to-room",
            "roomJid": room_address(target, outbox.domain),
        });
        outbox.tell(Component::BreakoutRooms, who, &order);
    }
}

/// What everybody sees.
impl Breakouts {
    /// The main room and the others, those which somebody is or was in.
    fn all<'a>(&self, meetings: &'a Meetings) -> impl Iterator<Item = &'a Meeting> {
        std::iter::once(&self.main)
            .chain(self.rooms.iter().map(|breakout| &breakout.room))
            .filter_map(|room| meetings.get(room))
    }

    /// After any change.
    fn review(&mut self, meetings: &Meetings, outbox: &mut Outbox<'_>) {
        self.close_what_is_empty(meetings, outbox);
        if self.update_at.is_none() {
            let listeners: usize = self.all(meetings).map(|meeting| meeting.room.occupants.len()).sum();
            let listeners = u32::try_from(listeners).unwrap_or(u32::MAX);
            self.update_at = Some(outbox.now + UPDATE + UPDATE_EACH.saturating_mul(listeners));
        }
        self.tell_focus(meetings, outbox);
    }

    /// Ends what is removed once nobody is in it, or nobody should be.
    fn close_what_is_empty(&mut self, meetings: &Meetings, outbox: &mut Outbox<'_>) {
        let main = room_address(&self.main, outbox.domain);
        self.rooms.retain(|breakout| {
            let is_empty = meetings.get(&breakout.room).is_none_or(|meeting| meeting.room.occupants.is_empty());
            let ends = breakout.closes_at.is_some_and(|at| is_empty || at <= outbox.now);
            if ends {
                outbox.push(Output::Close {
                    room: breakout.room.clone(),
                    reason: REMOVED.to_owned(),
                    next: Some(main.clone()),
                });
            }
            !ends
        });
    }

    fn tell_focus(&mut self, meetings: &Meetings, outbox: &mut Outbox<'_>) {
        let rooms = self.rooms.iter().filter_map(|breakout| meetings.get(&breakout.room));
        let occupants: Vec<&Occupant> = rooms.flat_map(|meeting| &meeting.room.occupants).collect();
        let mut switching = self.members.values().filter(|member| member.switching.is_some());
        let kept = Kept {
            open: !occupants.is_empty() || switching.clone().next().is_some(),
            moderated: occupants.iter().any(|o| o.is_moderator())
                || switching.any(|member| member.affiliation.role() == Role::Moderator),
        };
        if std::mem::replace(&mut self.told, kept) != kept {
            outbox.push(Output::Keep { room: self.main.clone(), kept });
        }
    }

    fn tell_all(&self, meetings: &Meetings, outbox: &mut Outbox<'_>) {
        let open = self.rooms.iter().filter(|breakout| breakout.closes_at.is_none());
        let rooms =
            std::iter::once((&self.main, None)).chain(open.map(|breakout| (&breakout.room, Some(&breakout.name))));
        let rooms = rooms.map(|(room, name)| {
            let address = room_address(room, outbox.domain);
            let id = address.split('@').next().unwrap_or_default().to_owned();
            let participants = meetings.get(room).map(participants).unwrap_or_default();
            let entry = json!({
                "id": &id,
                "jid": address,
                "name": name.map_or(&*id, |name| name),
                "isMainRoom": name.is_none(),
                "participants": participants,
            });
            (id, entry)
        });
        let rooms: Map<String, Value> = rooms.collect();
        let update = json!({
            "type": "breakout_rooms",
            "event": "features/breakout-rooms/update",
            "roomCounter": self.counter,
            "rooms": rooms,
        });
        let everybody = self.all(meetings).flat_map(|meeting| &meeting.room.occupants);
        outbox.tell(Component::BreakoutRooms, everybody, &update);
    }
}

/// Name of the room at an address.
fn key(address: &str, domain: &str) -> Option<String> {
    room_key(&address.parse::<Jid>().ok()?, domain)
}

/// Who is in a room, by address in the room.
fn participants(meeting: &Meeting) -> Map<String, Value> {
    let room = &meeting.room;
    let entry = |occupant: &Occupant| {
        let mut entry = json!({ "jid": occupant.jid.to_string(), "role": occupant.affiliation.role().as_str() });
        if let (Some(name), Some(fields)) = (&occupant.name, entry.as_object_mut()) {
            fields.insert("displayName".to_owned(), (**name).into());
        }
        (room.address_of(&occupant.nick), entry)
    };
    room.occupants.iter().map(entry).collect()
}

/// A name that a room can have.
fn sound(name: &str) -> Result<Box<str>, StanzaError> {
    match name.trim() {
        name if name.len() > MAX_NAME => {
            Err(StanzaError::new(Condition::NotAcceptable).with_text("This name is too long"))
        }
        name => Ok(name.into()),
    }
}
