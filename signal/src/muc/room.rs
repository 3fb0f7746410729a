//! One room and who is in it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use jitsi_wire::xmpp::xml::{escape_attr, escape_text};
use jitsi_wire::xmpp::{Element, Jid, ns};

use super::presence::Presence;
use super::{Affiliation, Effect, FOCUS_NICK, Role};
use crate::c2s::{Bucket, SessionId};

/// Messages whose authors are remembered, so that they can retract them.
const MAX_AUTHORS: usize = 200;
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
    /// By bare address. Nobody is here with `none`.
    pub(super) affiliations: BTreeMap<Box<str>, Affiliation>,
    pub(super) subject: Option<Box<Subject>>,
    pub(super) password: Option<Box<str>>,
    /// Message id and bare address of its author, oldest first.
    pub(super) authors: VecDeque<(Box<str>, Box<str>)>,
}

/// What the meeting is about, and who said so.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) nick: Box<str>,
    pub(super) text: Box<str>,
}

/// One occupant: a client, or the focus.
#[derive(Debug)]
pub(super) struct Occupant {
    pub(super) nick: Box<str>,
    /// Real full address.
    pub(super) jid: Jid,
    /// None for the focus.
    pub(super) session: Option<SessionId>,
    /// The room's bare address as this occupant spelled it; everything it gets from the room comes from there.
    pub(super) address: Box<str>,
    pub(super) affiliation: Affiliation,
    pub(super) presence: Presence,
    /// Bytes that it may send to everybody.
    pub(super) voice: Bucket,
}

impl Occupant {
    pub(super) fn role(&self) -> Role {
        self.affiliation.role()
    }

    pub(super) fn is_moderator(&self) -> bool {
        self.role() == Role::Moderator
    }

    pub(super) fn is_focus(&self) -> bool {
        self.session.is_none()
    }

    pub(super) fn bare(&self) -> String {
        self.jid.to_bare().to_string()
    }
}

/// Why an occupant leaves, as the others are told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Departure<'a> {
    /// By itself; what its last presence contained.
    Left(&'a str),
    /// The connection is gone: there is nobody to echo to.
    Lost,
    Kicked {
        actor: &'a str,
        reason: &'a str,
    },
    Banned {
        actor: &'a str,
        reason: &'a str,
    },
    Destroyed {
        reason: &'a str,
    },
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
            authors: VecDeque::new(),
        }
    }

    pub(super) fn by_nick(&self, nick: &str) -> Option<&Occupant> {
        self.occupants.iter().find(|o| &*o.nick == nick)
    }

    pub(super) fn by_session(&self, session: SessionId) -> Option<&Occupant> {
        self.occupants.iter().find(|o| o.session == Some(session))
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = &Occupant> {
        self.occupants.iter().filter(|o| !o.is_focus())
    }

    pub(super) fn affiliation_of(&self, bare: &str) -> Affiliation {
        self.affiliations.get(bare).copied().unwrap_or_default()
    }

    /// Adds an occupant and tells everybody, in the order in which clients need it: the others to the new one, the new one to
    /// itself, the subject, the new one to the others.
    pub(super) fn enter(&mut self, occupant: Occupant, effects: &mut VecDeque<Effect>) {
        let nick = occupant.nick.clone();
        self.occupants.push(occupant);
        let Some(new) = self.by_nick(&nick) else {
            return;
        };
        self.welcome(new, effects);
        self.announce_to_others(new, effects);
    }

    /// Tells all others the presence of an occupant.
    pub(super) fn announce_to_others(&self, of: &Occupant, effects: &mut VecDeque<Effect>) {
        for other in self.clients().filter(|o| o.nick != of.nick) {
            send(effects, other, presence_frame(of, other, false));
        }
    }

    /// Everything that somebody who has just joined is told.
    pub(super) fn welcome(&self, new: &Occupant, effects: &mut VecDeque<Effect>) {
        for other in self.occupants.iter().filter(|o| o.nick != new.nick) {
            send(effects, new, presence_frame(other, new, false));
        }
        send(effects, new, presence_frame(new, new, true));
        send(effects, new, self.subject_frame(new));
    }

    /// Tells everybody the presence of `nick`, itself with 110.
    pub(super) fn announce(&self, nick: &str, effects: &mut VecDeque<Effect>) {
        let Some(of) = self.by_nick(nick) else {
            return;
        };
        for to in self.clients() {
            send(effects, to, presence_frame(of, to, of.nick == to.nick));
        }
    }

    /// Removes an occupant and tells everybody, itself included when it can still hear.
    pub(super) fn depart(&mut self, nick: &str, why: Departure<'_>, effects: &mut VecDeque<Effect>) {
        let Some(at) = self.occupants.iter().position(|o| &*o.nick == nick && !o.is_focus()) else {
            return;
        };
        let gone = self.occupants.remove(at);
        let bare = gone.bare();
        if !self.occupants.iter().any(|o| o.bare() == bare) && self.affiliation_of(&bare) != Affiliation::Outcast {
            // An anonymous address never comes back.
            self.affiliations.remove(bare.as_str());
        }
        if !matches!(why, Departure::Lost) {
            send(effects, &gone, departure_frame(&gone, &gone, why));
        }
        if !matches!(why, Departure::Destroyed { .. }) {
            for other in self.clients() {
                send(effects, other, departure_frame(&gone, other, why));
            }
        }
        if let Some(session) = gone.session {
            effects.push_back(Effect::Left { room: self.name.clone(), nick: gone.nick, session });
        }
    }

    /// Changes what an address may do here, and tells everybody about each occupant that it concerns.
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
        let concerned: Vec<Box<str>> = self
            .clients()
            .filter(|o| o.affiliation != affiliation && o.bare() == bare)
            .map(|o| o.nick.clone())
            .collect();
        for nick in concerned {
            if affiliation == Affiliation::Outcast {
                self.depart(&nick, Departure::Banned { actor, reason }, effects);
                continue;
            }
            if let Some(occupant) = self.occupants.iter_mut().find(|o| o.nick == nick) {
                occupant.affiliation = affiliation;
            }
            self.announce(&nick, effects);
            effects.push_back(Effect::AffiliationChanged { room: self.name.clone(), nick, affiliation });
        }
    }

    /// Tells every client that the room's configuration is another now (status 104).
    pub(super) fn announce_configuration(&self, except: Option<SessionId>, effects: &mut VecDeque<Effect>) {
        for to in self.clients().filter(|o| o.session != except) {
            let mut frame = open_tag("message", Some("groupchat"), "", &to.address, None, &to.jid);
            frame.push_str("><x xmlns='");
            frame.push_str(ns::MUC_USER);
            frame.push_str("'><status code='104'/></x></message>");
            send(effects, to, frame);
        }
    }

    fn subject_frame(&self, to: &Occupant) -> String {
        let nick = self.subject.as_ref().map(|s| &*s.nick);
        let mut frame = open_tag("message", Some("groupchat"), "", &to.address, nick, &to.jid);
        match &self.subject {
            Some(subject) => {
                frame.push_str("><subject>");
                escape_text(&subject.text, &mut frame);
                frame.push_str("</subject></message>");
            }
            None => frame.push_str("><subject/></message>"),
        }
        frame
    }

    /// Remembers who wrote a message.
    pub(super) fn remember_author(&mut self, id: &str, bare: &str) {
        if id.is_empty() || id.len() > 128 {
            return;
        }
        if self.authors.len() >= MAX_AUTHORS {
            self.authors.pop_front();
        }
        self.authors.push_back((id.into(), bare.into()));
    }
}

pub(super) fn send(effects: &mut VecDeque<Effect>, to: &Occupant, frame: String) {
    if let Some(session) = to.session {
        effects.push_back(Effect::Send { session, frame });
    }
}

/// A stanza from one occupant to another, in the spelling of the one that gets it.
pub(super) fn relay_frame(stanza: &Element, from: &Occupant, to: &Occupant) -> String {
    let written = super::presence::written(stanza);
    let mut attrs = String::from(&*written.attrs);
    if let Some(id) = stanza.attr("id") {
        attrs.push_str(" id='");
        escape_attr(id, &mut attrs);
        attrs.push('\'');
    }
    let mut frame = open_tag(&stanza.name, stanza.attr("type"), &attrs, &to.address, Some(&from.nick), &to.jid);
    close_tag(&mut frame, &stanza.name, &written.children);
    frame
}

fn close_tag(frame: &mut String, name: &str, children: &str) {
    if children.is_empty() {
        frame.push_str("/>");
        return;
    }
    frame.push('>');
    frame.push_str(children);
    frame.push_str("</");
    frame.push_str(name);
    frame.push('>');
}

fn presence_frame(of: &Occupant, to: &Occupant, own: bool) -> String {
    let mut frame = open_tag("presence", None, &of.presence.attrs, &to.address, Some(&of.nick), &to.jid);
    frame.push('>');
    frame.push_str(&of.presence.children);
    open_item(&mut frame, of.affiliation.as_str(), of.role().as_str(), &of.jid);
    frame.push_str("/>");
    if own {
        frame.push_str("<status code='110'/>");
    }
    frame.push_str("</x></presence>");
    frame
}

fn departure_frame(of: &Occupant, to: &Occupant, why: Departure<'_>) -> String {
    let mut frame = open_tag("presence", Some("unavailable"), "", &to.address, Some(&of.nick), &to.jid);
    frame.push('>');
    if let Departure::Left(children) = why {
        frame.push_str(children);
    }
    let affiliation = match why {
        Departure::Banned { .. } => Affiliation::Outcast,
        _ => Affiliation::None,
    };
    open_item(&mut frame, affiliation.as_str(), Role::None.as_str(), &of.jid);
    let code = match why {
        Departure::Kicked { actor, reason } => {
            removed_by(&mut frame, actor, reason);
            Some("307")
        }
        Departure::Banned { actor, reason } => {
            removed_by(&mut frame, actor, reason);
            Some("301")
        }
        Departure::Destroyed { reason } => {
            frame.push_str("/><destroy><reason>");
            escape_text(reason, &mut frame);
            frame.push_str("</reason></destroy>");
            None
        }
        Departure::Left(_) | Departure::Lost => {
            frame.push_str("/>");
            None
        }
    };
    for code in code.into_iter().chain((of.nick == to.nick).then_some("110")) {
        frame.push_str("<status code='");
        frame.push_str(code);
        frame.push_str("'/>");
    }
    frame.push_str("</x></presence>");
    frame
}

fn open_item(frame: &mut String, affiliation: &str, role: &str, jid: &Jid) {
    frame.push_str("<x xmlns='");
    frame.push_str(ns::MUC_USER);
    frame.push_str("'><item affiliation='");
    frame.push_str(affiliation);
    frame.push_str("' role='");
    frame.push_str(role);
    frame.push_str("' jid='");
    escape_attr(&jid.to_string(), frame);
    frame.push('\'');
}

fn removed_by(frame: &mut String, actor: &str, reason: &str) {
    frame.push_str("><actor nick='");
    escape_attr(actor, frame);
    frame.push_str("'/><reason>");
    escape_text(reason, frame);
    frame.push_str("</reason></item>");
}

/// The beginning of a stanza from the room or one of its occupants, up to but without the end of its start tag.
fn open_tag(name: &str, kind: Option<&str>, attrs: &str, address: &str, nick: Option<&str>, to: &Jid) -> String {
    let mut frame = String::with_capacity(256);
    frame.push('<');
    frame.push_str(name);
    frame.push_str(" xmlns='jabber:client'");
    if let Some(kind) = kind {
        frame.push_str(" type='");
        escape_attr(kind, &mut frame);
        frame.push('\'');
    }
    frame.push_str(" from='");
    escape_attr(address, &mut frame);
    if let Some(nick) = nick {
        frame.push('/');
        escape_attr(nick, &mut frame);
    }
    frame.push_str("' to='");
    escape_attr(&to.to_string(), &mut frame);
    frame.push('\'');
    frame.push_str(attrs);
    frame
}

/// The focus, first occupant of every room.
pub(super) fn focus_occupant(now: Instant, jid: &Jid, address: String) -> Occupant {
    Occupant {
        nick: FOCUS_NICK.into(),
        jid: jid.clone(),
        session: None,
        address: address.into(),
        affiliation: Affiliation::Owner,
        presence: Presence::default(),
        voice: Bucket::full(now, 0),
    }
}
