//! One room and its services.

use jitsi_wire::xmpp::{Condition, Element, StanzaError};

use super::av_moderation::AvModeration;
use super::conference::{ConferenceDuration, EndConference};
use super::metadata::{POLL_CREATION, RoomMetadata};
use super::outbox::Outbox;
use super::polls::Polls;
use super::room::{Arrival, Occupant, Room};
use super::speaker_stats::SpeakerStats;
use super::{Component, Request};
use crate::c2s::SessionId;
use crate::muc::Affiliation;

/// What a service of a room does about what happens. Whoever is named is in the room, or has just left it.
pub(super) trait Service {
    /// An occupant asks for something.
    fn on_message(
        &mut self,
        room: &Room,
        from: &Occupant,
        message: &Element,
        outbox: &mut Outbox<'_>,
    ) -> Result<(), StanzaError>;

    fn on_joined(&mut self, _room: &Room, _new: &Occupant, _outbox: &mut Outbox<'_>) {}

    fn on_presence(&mut self, _room: &Room, _of: &Occupant, _presence: &Element, _outbox: &mut Outbox<'_>) {}

    /// An occupant told everybody in the room something in JSON.
    fn on_json(&mut self, _room: &Room, _from: &Occupant, _text: &str, _outbox: &mut Outbox<'_>) {}

    /// Somebody became a moderator, or is none any more.
    fn on_role(&mut self, _room: &Room, _of: &Occupant, _outbox: &mut Outbox<'_>) {}

    fn on_left(&mut self, _room: &Room, _gone: &Occupant, _outbox: &mut Outbox<'_>) {}
}

/// A room with its services.
#[derive(Debug)]
pub(super) struct Meeting {
    pub(super) room: Room,
    av_moderation: AvModeration,
    duration: ConferenceDuration,
    end: EndConference,
    metadata: RoomMetadata,
    polls: Polls,
    speaker_stats: SpeakerStats,
}

impl Meeting {
    pub(super) fn new(name: &str, domain: &str, transcribes: bool) -> Self {
        Self {
            room: Room::new(name, domain),
            av_moderation: AvModeration::default(),
            duration: ConferenceDuration::default(),
            end: EndConference,
            metadata: RoomMetadata::new(transcribes),
            polls: Polls::default(),
            speaker_stats: SpeakerStats::default(),
        }
    }

    fn parts(&mut self) -> (&mut Room, [(Component, &mut dyn Service); 6]) {
        let services: [(Component, &mut dyn Service); 6] = [
            (Component::AvModeration, &mut self.av_moderation),
            (Component::ConferenceDuration, &mut self.duration),
            (Component::EndConference, &mut self.end),
            (Component::Polls, &mut self.polls),
            (Component::RoomMetadata, &mut self.metadata),
            (Component::SpeakerStats, &mut self.speaker_stats),
        ];
        (&mut self.room, services)
    }

    pub(super) fn on_message(&mut self, request: Request<'_>, outbox: &mut Outbox<'_>) -> Result<(), StanzaError> {
        self.polls.restricted = self.metadata.restricts(POLL_CREATION);
        let (room, services) = self.parts();
        let from = room.by_session(request.session).ok_or_else(|| StanzaError::new(Condition::NotAcceptable))?;
        let service = services.into_iter().find(|(component, _)| *component == request.to);
        let (_, service) = service.ok_or_else(|| StanzaError::new(Condition::ServiceUnavailable))?;
        service.on_message(room, from, request.message, outbox)
    }

    pub(super) fn on_joined(&mut self, arrival: &Arrival<'_>, outbox: &mut Outbox<'_>) {
        let (room, services) = self.parts();
        room.enter(arrival);
        if let Some(new) = room.by_nick(arrival.nick) {
            for (_, service) in services {
                service.on_joined(room, new, outbox);
            }
        }
    }

    /// The session of `nick`, when everybody is told of what its presence says.
    pub(super) fn announcer(&self, nick: &str, presence: &Element) -> Option<SessionId> {
        let from = self.room.by_nick(nick)?;
        self.metadata.new_policy(from, presence).map(|_| from.session)
    }

    pub(super) fn on_presence(&mut self, nick: &str, presence: &Element, outbox: &mut Outbox<'_>) {
        let (room, services) = self.parts();
        if let Some(occupant) = room.by_nick(nick) {
            for (_, service) in services {
                service.on_presence(room, occupant, presence, outbox);
            }
        }
    }

    pub(super) fn on_json(&mut self, nick: &str, text: &str, outbox: &mut Outbox<'_>) {
        let (room, services) = self.parts();
        if let Some(from) = room.by_nick(nick) {
            for (_, service) in services {
                service.on_json(room, from, text, outbox);
            }
        }
    }

    pub(super) fn on_affiliation(&mut self, nick: &str, affiliation: Affiliation, outbox: &mut Outbox<'_>) {
        let (room, services) = self.parts();
        let before = room.by_nick(nick).map(Occupant::is_moderator);
        room.set_affiliation(nick, affiliation);
        if room.by_nick(nick).map(Occupant::is_moderator) == before {
            return;
        }
        if let Some(occupant) = room.by_nick(nick) {
            for (_, service) in services {
                service.on_role(room, occupant, outbox);
            }
        }
    }

    pub(super) fn on_left(&mut self, nick: &str, outbox: &mut Outbox<'_>) -> Option<Occupant> {
        let (room, services) = self.parts();
        let gone = room.leave(nick)?;
        for (_, service) in services {
            service.on_left(room, &gone, outbox);
        }
        Some(gone)
    }

    /// Who asks.
    pub(super) fn sender(&self, request: Request<'_>) -> Result<&Occupant, StanzaError> {
        self.room.by_session(request.session).ok_or_else(|| StanzaError::new(Condition::NotAcceptable))
    }
}

/// What a message counts at least, because others are told about it.
pub(super) fn cost(component: Component) -> usize {
    match component {
        Component::AvModeration | Component::Polls => 256,
        Component::RoomMetadata => 4096,
        Component::BreakoutRooms
        | Component::ConferenceDuration
        | Component::EndConference
        | Component::SpeakerStats => 64,
    }
}

/// Refuses what only moderators may ask for.
pub(super) fn only_moderators(from: &Occupant) -> Result<(), StanzaError> {
    match from.is_moderator() {
        true => Ok(()),
        false => Err(StanzaError::new(Condition::Forbidden).with_text("Only a moderator may do this")),
    }
}
