//! AV moderation: while it is on, only moderators and those whom they allow send audio, video or a screen. The focus
//! enforces it; the occupants are told here.

use jitsi_wire::xmpp::{Condition, Element, StanzaError};
use serde_json::{Map, Value, json};

use super::meeting::{Service, only_moderators};
use super::outbox::Outbox;
use super::room::{Occupant, Room};
use super::{Component, Output};
use crate::focus::MediaType;

/// Occupants that are allowed to send one kind of media, those among them who are away for a while included.
const MAX_ALLOWED: usize = 500;

/// What a moderator asks for.
enum Command {
    Enable(bool),
    Allow(String),
    Forbid(String),
}

/// What is moderated in a room.
#[derive(Debug, Default)]
pub(super) struct AvModeration {
    lists: Vec<List>,
}

/// One kind of media that is moderated.
#[derive(Debug)]
struct List {
    media: MediaType,
    /// Nick of the moderator who switched it on.
    actor: Box<str>,
    allowed: Vec<Allowed>,
}

/// Somebody who was allowed, by nick and real bare address: another one with the same nick is not.
#[derive(Debug, PartialEq, Eq)]
struct Allowed {
    nick: Box<str>,
    bare: Box<str>,
}

impl Allowed {
    fn of(occupant: &Occupant) -> Self {
        Self { nick: occupant.nick.clone(), bare: occupant.bare().into() }
    }
}

impl Service for AvModeration {
    fn on_message(
        &mut self,
        room: &Room,
        from: &Occupant,
        message: &Element,
        outbox: &mut Outbox<'_>,
    ) -> Result<(), StanzaError> {
        only_moderators(from)?;
        let (media, command) = parse(message).ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
        match command {
            Command::Enable(true) => self.enable(room, from, media, outbox),
            Command::Enable(false) => self.disable(room, from, media, outbox),
            Command::Allow(address) => self.allow(room, from, media, occupant(room, &address)?, outbox),
            Command::Forbid(address) => self.forbid(room, media, occupant(room, &address)?, outbox),
        }
        Ok(())
    }

    fn on_joined(&mut self, room: &Room, new: &Occupant, outbox: &mut Outbox<'_>) {
        for list in &mut self.lists {
            let before = list.allowed.len();
            let bare = new.bare();
            list.allowed.retain(|a| a.nick != new.nick || *a.bare == *bare);
            if list.allowed.len() != before {
                list.order(room, outbox);
            }
        }
        for list in &self.lists {
            outbox.tell(Component::AvModeration, [new], &switched(room, list.media, true, &list.actor));
        }
        for list in &self.lists {
            self.tell_state(room, list, new, outbox);
        }
    }

    fn on_role(&mut self, room: &Room, of: &Occupant, outbox: &mut Outbox<'_>) {
        if of.is_moderator() {
            for list in &self.lists {
                self.tell_state(room, list, of, outbox);
            }
        }
    }
}

impl AvModeration {
    fn list(&mut self, media: MediaType) -> Option<&mut List> {
        self.lists.iter_mut().find(|list| list.media == media)
    }

    fn enable(&mut self, room: &Room, from: &Occupant, media: MediaType, outbox: &mut Outbox<'_>) {
        // Two moderators may switch it on at once.
        if self.list(media).is_some() {
            return;
        }
        let list = List { media, actor: from.nick.clone(), allowed: Vec::new() };
        list.order(room, outbox);
        self.lists.push(list);
        outbox.tell(Component::AvModeration, &room.occupants, &switched(room, media, true, &from.nick));
    }

    fn disable(&mut self, room: &Room, from: &Occupant, media: MediaType, outbox: &mut Outbox<'_>) {
        if self.list(media).is_none() {
            return;
        }
        self.lists.retain(|list| list.media != media);
        outbox.push(Output::Moderate { room: room.name.clone(), media, enabled: false, allowed: Vec::new() });
        outbox.tell(Component::AvModeration, &room.occupants, &switched(room, media, false, &from.nick));
    }

    fn allow(&mut self, room: &Room, from: &Occupant, media: MediaType, who: &Occupant, outbox: &mut Outbox<'_>) {
        let Some(list) = self.list(media) else {
            // Nothing is moderated: somebody is asked to unmute, and told by whom.
            let mut approval = approval(room, media, false);
            approval.insert("from".to_owned(), room.address_of(&from.nick).into());
            return outbox.tell(Component::AvModeration, [who], &approval.into());
        };
        let allowed = Allowed::of(who);
        if !list.allowed.contains(&allowed) {
            list.make_place(room);
            list.allowed.push(allowed);
            list.order(room, outbox);
        }
        self.tell_change(room, media, who, false, outbox);
    }

    fn forbid(&mut self, room: &Room, media: MediaType, who: &Occupant, outbox: &mut Outbox<'_>) {
        let Some(list) = self.list(media) else {
            return;
        };
        let before = list.allowed.len();
        list.allowed.retain(|allowed| allowed.nick != who.nick);
        if list.allowed.len() != before {
            list.order(room, outbox);
            self.tell_change(room, media, who, true, outbox);
        }
    }

    /// Moderators see the lists, whom it concerns hears of it.
    fn tell_change(&self, room: &Room, media: MediaType, who: &Occupant, removed: bool, outbox: &mut Outbox<'_>) {
        outbox.tell(Component::AvModeration, room.moderators(), &self.lists_json(room, media, removed));
        if !who.is_moderator() {
            outbox.tell(Component::AvModeration, [who], &approval(room, media, removed).into());
        }
    }

    /// What somebody who has just come, or has just become a moderator, must know beside what is moderated.
    fn tell_state(&self, room: &Room, list: &List, to: &Occupant, outbox: &mut Outbox<'_>) {
        if to.is_moderator() {
            outbox.tell(Component::AvModeration, [to], &self.lists_json(room, list.media, false));
        } else if list.allowed.contains(&Allowed::of(to)) {
            outbox.tell(Component::AvModeration, [to], &approval(room, list.media, false).into());
        }
    }

    /// All lists; `media` says which of them is new.
    fn lists_json(&self, room: &Room, media: MediaType, removed: bool) -> Value {
        let lists = self.lists.iter().map(|list| {
            let addresses = list.present(room).map(|nick| room.address_of(nick).into()).collect();
            (list.media.as_str().to_owned(), Value::Array(addresses))
        });
        let lists: Map<String, Value> = lists.collect();
        let mut message = json!({
            "type": "av_moderation",
            "room": &*room.address,
            "mediaType": media.as_str(),
            "whitelists": lists,
        });
        if removed && let Some(fields) = message.as_object_mut() {
            fields.insert("removed".to_owned(), true.into());
        }
        message
    }
}

impl List {
    fn present<'a>(&'a self, room: &'a Room) -> impl Iterator<Item = &'a str> {
        self.allowed.iter().map(|allowed| &*allowed.nick).filter(|nick| room.by_nick(nick).is_some())
    }

    fn make_place(&mut self, room: &Room) {
        if self.allowed.len() >= MAX_ALLOWED {
            self.allowed.retain(|allowed| room.by_nick(&allowed.nick).is_some());
        }
    }

    /// Tells the focus.
    fn order(&self, room: &Room, outbox: &mut Outbox<'_>) {
        outbox.push(Output::Moderate {
            room: room.name.clone(),
            media: self.media,
            enabled: true,
            allowed: self.allowed.iter().map(|allowed| allowed.nick.to_string()).collect(),
        });
    }
}

fn parse(message: &Element) -> Option<(MediaType, Command)> {
    let command = message.child("av_moderation")?;
    let media = MediaType::parse(command.attr("mediaType")?)?;
    let command = match (command.attr("enable"), command.attr("jidToWhitelist"), command.attr("jidToBlacklist")) {
        (Some("true"), ..) => Command::Enable(true),
        (Some("false"), ..) => Command::Enable(false),
        (None, Some(address), _) => Command::Allow(address.to_owned()),
        (None, None, Some(address)) => Command::Forbid(address.to_owned()),
        _ => return None,
    };
    Some((media, command))
}

fn occupant<'a>(room: &'a Room, address: &str) -> Result<&'a Occupant, StanzaError> {
    room.by_address(address).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))
}

fn switched(room: &Room, media: MediaType, enabled: bool, actor: &str) -> Value {
    json!({
        "type": "av_moderation",
        "enabled": enabled,
        "mediaType": media.as_str(),
        "room": &*room.address,
        "actor": room.address_of(actor),
    })
}

/// What somebody who was allowed, or is no more, is told.
fn approval(room: &Room, media: MediaType, removed: bool) -> Map<String, Value> {
    let verdict = if removed { "removed" } else { "approved" };
    let fields: [(&str, Value); 4] = [
        ("type", "av_moderation".into()),
        ("mediaType", media.as_str().into()),
        ("room", (*room.address).into()),
        (verdict, true.into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
