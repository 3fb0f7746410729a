//! One room and who is in it.

use std::collections::{BTreeMap, VecDeque};

use jitsi_wire::xmpp::ns;
use jitsi_wire::xmpp::xml::escape_text;

use super::frames::{self, Departure, Farewell, send};
use super::history::{History, Wanted};
use super::lobby::Lobby;
use super::occupant::Occupant;
use super::services::{Breakout, Preface};
use super::{Affiliation, ChatRestrictions, Effect};
use crate::c2s::SessionId;

/// Affiliations of addresses that are not in the room.
const MAX_AFFILIATIONS: usize = 1000;

/// What an XMPP room is to its occupants.
#[derive(Debug)]
pub(super) struct Room {
    /// Node of the room's address.
    pub(super) name: Box<str>,
    pub(super) meeting_id: Box<str>,
    /// Unix milliseconds at which the second client joined.
    pub(super) started: Option<u64>,
    /// In order of joining; the focus is the first.
    pub(super) occupants: Vec<Occupant>,
    /// By bare address. Nobody is here with `none`. An address keeps its standing while its stream lives, in the room or
    /// not (a breakout room is not the room), unless it was kicked. A ban lasts as long as the room: it is a matter of the
    /// address, which an anonymous client has for the life of its stream. A new stream is a new person: whatever else a
    /// client tells of itself it can change, and its network address is that of its neighbours too. Who must not come
    /// back at all is kept out by the lobby.
    pub(super) affiliations: BTreeMap<Box<str>, Affiliation>,
    pub(super) subject: Option<Box<Subject>>,
    pub(super) password: Option<Box<str>>,
    /// The room is members-only when there is one: who is not a member waits there.
    pub(super) lobby: Option<Box<Lobby>>,
    pub(super) history: History,
    pub(super) chat_restrictions: ChatRestrictions,
    pub(super) preface: Option<Box<Preface>>,
    /// What it has to do with breakout rooms.
    pub(super) breakout: Option<Box<Breakout>>,
    /// Messages that came without an id and got one.
    ids_given: u64,
}

/// What the meeting is about, and who said so.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) nick: Box<str>,
    pub(super) text: Box<str>,
}

impl Room {
    pub(super) fn new(name: &str, meeting_id: &str, focus: Occupant) -> Self {
        Self {
            name: name.into(),
            meeting_id: meeting_id.into(),
            started: None,
            occupants: vec![focus],
            affiliations: BTreeMap::new(),
            subject: None,
            password: None,
            lobby: None,
            history: History::default(),
            chat_restrictions: ChatRestrictions::default(),
            preface: None,
            breakout: None,
            ids_given: 0,
        }
    }

    pub(super) fn by_nick(&self, nick: &str) -> Option<&Occupant> {
        self.occupants.iter().find(|o| &*o.nick == nick)
    }

    pub(super) fn by_session(&self, session: SessionId) -> Option<&Occupant> {
        self.occupants.iter().find(|o| o.session == Some(session))
    }

    pub(super) fn by_session_mut(&mut self, session: SessionId) -> Option<&mut Occupant> {
        self.occupants.iter_mut().find(|o| o.session == Some(session))
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = &Occupant> {
        self.occupants.iter().filter(|o| !o.is_focus())
    }

    /// Bytes of all clients' presences, shared out among them: to tell one of them all is like telling all of them this.
    pub(super) fn presence_bytes_each(&self) -> usize {
        let all: usize = self.clients().map(|o| o.presence.bytes()).sum();
        all / self.clients().count().max(1)
    }

    pub(super) fn affiliation_of(&self, bare: &str) -> Affiliation {
        self.affiliations.get(bare).copied().unwrap_or_default()
    }

    /// The session is in the room or in its lobby.
    pub(super) fn hosts(&self, session: SessionId) -> bool {
        self.by_session(session).is_some() || self.lobby.as_ref().is_some_and(|l| l.by_session(session).is_some())
    }

    /// An id for a message that has none, so that everybody means the same message by it.
    pub(super) fn next_id(&mut self) -> String {
        self.ids_given += 1;
        format!("{}-{}", self.meeting_id, self.ids_given)
    }
}

/// Who comes, goes and rises.
impl Room {
    /// Adds an occupant and tells everybody, in the order in which clients need it: the others to the new one, the new one to
    /// itself, what was said, the subject, the new one to the others.
    pub(super) fn enter(&mut self, occupant: Occupant, wanted: Wanted, effects: &mut VecDeque<Effect>) {
        let nick = occupant.nick.clone();
        self.occupants.push(occupant);
        let Some(new) = self.by_nick(&nick) else {
            return;
        };
        self.present(new, effects);
        for frame in self.history.replay(wanted, new) {
            send(effects, new, frame);
        }
        send(effects, new, self.subject_frame(new));
        self.announce_to_others(new, effects);
    }

    /// Tells somebody who has lost track everything again; what was said it has heard.
    pub(super) fn reenter(&self, occupant: &Occupant, effects: &mut VecDeque<Effect>) {
        self.present(occupant, effects);
        send(effects, occupant, self.subject_frame(occupant));
        self.announce_to_others(occupant, effects);
    }

    /// Tells an occupant who is here, itself last.
    fn present(&self, to: &Occupant, effects: &mut VecDeque<Effect>) {
        for of in self.occupants.iter().filter(|o| o.nick != to.nick) {
            send(effects, to, frames::presence(of, to));
        }
        if let Some(preface) = &self.preface {
            send(effects, to, preface.frame(to));
        }
        send(effects, to, frames::presence(to, to));
    }

    fn announce_to_others(&self, of: &Occupant, effects: &mut VecDeque<Effect>) {
        for other in self.clients().filter(|o| o.nick != of.nick) {
            send(effects, other, frames::presence(of, other));
        }
    }

    /// Tells everybody the presence of `nick`, itself with 110.
    pub(super) fn announce(&self, nick: &str, effects: &mut VecDeque<Effect>) {
        let Some(of) = self.by_nick(nick) else {
            return;
        };
        for to in self.clients() {
            send(effects, to, frames::presence(of, to));
        }
    }

    /// Removes an occupant and tells everybody, itself included when it can still hear.
    pub(super) fn depart(&mut self, nick: &str, why: Departure<'_>, effects: &mut VecDeque<Effect>) {
        let Some(at) = self.occupants.iter().position(|o| &*o.nick == nick && !o.is_focus()) else {
            return;
        };
        let gone = self.occupants.remove(at);
        let farewell = Farewell::of(&gone, why);
        if !matches!(why, Departure::Lost) {
            send(effects, &gone, farewell.to(&gone));
        }
        if !matches!(why, Departure::Destroyed { .. }) {
            for other in self.clients() {
                send(effects, other, farewell.to(other));
            }
        }
        if let Some(session) = gone.session {
            let returns = matches!(why, Departure::Left(_) | Departure::Destroyed { .. });
            let (room, nick) = (self.name.clone(), gone.nick.clone());
            effects.push_back(Effect::Left { room, nick, session, returns });
        }
        if matches!(why, Departure::Kicked { .. } | Departure::Lost) {
            self.disown(&gone.bare(), effects);
        }
    }

    /// Forgets a session that is gone, wherever it was.
    pub(super) fn forget(&mut self, session: SessionId, bare: &str, effects: &mut VecDeque<Effect>) {
        if let Some(lobby) = &mut self.lobby {
            lobby.depart(session, Departure::Lost, effects);
        }
        match self.by_session(session).map(|o| o.nick.clone()) {
            Some(nick) => self.depart(&nick, Departure::Lost, effects),
            None => self.disown(bare, effects),
        }
    }

    /// Takes the standing of an address that will not come back, or was sent away. Bans stay.
    pub(super) fn disown(&mut self, bare: &str, effects: &mut VecDeque<Effect>) {
        let stays = self.occupants.iter().any(|o| o.bare() == bare);
        if !stays && self.affiliation_of(bare) != Affiliation::Outcast {
            self.affiliations.remove(bare);
            self.dismiss(bare, effects);
            self.open_when_deserted(effects);
        }
    }

    /// Changes what an address may do here, and tells everybody about each occupant whose role changes by it. A mere
    /// member is shown like anybody else, so nobody is told of that: a client that turns the lobby on makes members of all
    /// who are here, and what then goes out would grow with the square of the room.
    pub(super) fn affiliate(
        &mut self,
        bare: &str,
        affiliation: Affiliation,
        actor: &str,
        reason: &str,
        effects: &mut VecDeque<Effect>,
    ) {
        if affiliation == Affiliation::None {
            self.affiliations.remove(bare);
        } else if self.affiliations.len() < MAX_AFFILIATIONS || self.affiliations.contains_key(bare) {
            self.affiliations.insert(bare.into(), affiliation);
        }
        if affiliation != Affiliation::Owner {
            self.dismiss(bare, effects);
        }
        if affiliation == Affiliation::Outcast
            && let Some(lobby) = &mut self.lobby
        {
            lobby.depart_address(bare, Departure::Banned { actor, reason }, effects);
        }
        let concerned: Vec<Box<str>> = self
            .clients()
            .filter(|o| o.affiliation() != affiliation && o.bare() == bare)
            .map(|o| o.nick.clone())
            .collect();
        for nick in concerned {
            if affiliation == Affiliation::Outcast {
                self.depart(&nick, Departure::Banned { actor, reason }, effects);
            } else {
                self.raise(&nick, affiliation, effects);
            }
        }
        self.open_when_deserted(effects);
    }

    fn raise(&mut self, nick: &str, affiliation: Affiliation, effects: &mut VecDeque<Effect>) {
        let Some(occupant) = self.occupants.iter_mut().find(|o| &*o.nick == nick) else {
            return;
        };
        let role = occupant.role();
        occupant.set_affiliation(affiliation);
        if occupant.role() != role {
            self.announce(nick, effects);
            effects.push_back(Effect::AffiliationChanged { room: self.name.clone(), nick: nick.into(), affiliation });
        }
    }

    /// Sends everybody away, to go on at `next` if there is such a room. The focus hears of each and then ends the room
    /// itself; who comes before that finds another.
    pub(super) fn end(&mut self, reason: &str, next: Option<&str>, effects: &mut VecDeque<Effect>) {
        let nicks: Vec<Box<str>> = self.clients().map(|o| o.nick.clone()).collect();
        for nick in nicks {
            self.depart(&nick, Departure::Destroyed { reason, next }, effects);
        }
        self.close_lobby(reason, None, effects);
        effects.push_back(Effect::Ended { room: self.name.clone(), reason: reason.into() });
        let focus = std::mem::take(&mut self.occupants).into_iter().find(Occupant::is_focus);
        if let Some(focus) = focus {
            let (name, breakout) = (std::mem::take(&mut self.name), self.breakout.take());
            *self = Self::new(&name, &std::mem::take(&mut self.meeting_id), focus);
            self.breakout = breakout;
        }
    }
}

/// The lobby of the room.
impl Room {
    /// Makes the room members-only. Everybody who is here is a member.
    pub(super) fn open_lobby(&mut self) {
        self.lobby.get_or_insert_default();
        for occupant in self.occupants.iter_mut().filter(|o| o.affiliation() == Affiliation::None) {
            occupant.set_affiliation(Affiliation::Member);
            if self.affiliations.len() < MAX_AFFILIATIONS {
                self.affiliations.insert(occupant.bare().into(), Affiliation::Member);
            }
        }
    }

    /// Ends the lobby. Who waits is told where to go: into the room at `domain`, or nowhere.
    pub(super) fn close_lobby(&mut self, reason: &str, domain: Option<&str>, effects: &mut VecDeque<Effect>) {
        if let Some(mut lobby) = self.lobby.take() {
            lobby.close(reason, domain, effects);
        }
    }

    /// Somebody moderates the lobby no more.
    fn dismiss(&mut self, bare: &str, effects: &mut VecDeque<Effect>) {
        if let Some(lobby) = &mut self.lobby {
            lobby.dismiss(bare, effects);
        }
    }

    /// Without anybody in the room and without an owner who might come back nobody could let anybody in: what was the
    /// meeting's is gone, and the next one who comes finds an open room.
    fn open_when_deserted(&mut self, effects: &mut VecDeque<Effect>) {
        let owned = || self.affiliations.values().any(|a| *a == Affiliation::Owner);
        if self.lobby.is_some() && self.clients().next().is_none() && !owned() && !self.is_kept() {
            self.close_lobby("The meeting is over", None, effects);
            self.history = History::default();
            self.subject = None;
        }
    }
}

/// What the room itself says.
impl Room {
    /// Tells every client that the room's configuration is another now (status 104).
    pub(super) fn announce_configuration(&self, except: Option<SessionId>, effects: &mut VecDeque<Effect>) {
        let children = ["<x xmlns='", ns::MUC_USER, "'><status code='104'/></x>"].concat();
        for to in self.clients().filter(|o| o.session != except) {
            send(effects, to, frames::groupchat(None, to, &children));
        }
    }

    /// Tells everybody an event of the application, in the name of an occupant.
    pub(super) fn announce_json(&self, from: &str, json: &serde_json::Value, effects: &mut VecDeque<Effect>) {
        let mut children = ["<json-message xmlns='", ns::JITMEET, "'>"].concat();
        escape_text(&json.to_string(), &mut children);
        children.push_str("</json-message>");
        for to in self.clients() {
            send(effects, to, frames::groupchat(Some(from), to, &children));
        }
    }

    pub(super) fn subject_frame(&self, to: &Occupant) -> String {
        let Some(subject) = &self.subject else {
            return frames::groupchat(None, to, "<subject/>");
        };
        let mut children = String::from("<subject>");
        escape_text(&subject.text, &mut children);
        children.push_str("</subject>");
        frames::groupchat(Some(&subject.nick), to, &children)
    }
}
