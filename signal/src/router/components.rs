//! What the services that ride on rooms hear and want.

use std::time::Instant;

use jitsi_wire::xmpp::stanza::error_reply;
use jitsi_wire::xmpp::{Element, Jid, ns};

use super::{SessionId, Signal};
use crate::components::{self, Component, Output};
use crate::focus::FocusInput;
use crate::muc::room_key;

impl Signal {
    /// A stanza to a service.
    pub(super) fn on_component(&mut self, now: Instant, session: SessionId, component: Component, stanza: &Element) {
        match (stanza.name.as_str(), stanza.attr("type")) {
            ("message", _) => {
                let stream = self.sessions.get(session);
                let room = stream.and_then(|stream| stream.connection().room.as_deref());
                let request = components::Request { session, room, to: component, message: stanza };
                self.components.on_message(now, request);
            }
            ("iq", Some("get" | "set")) => {
                let answer = components::answer(component, stanza);
                self.send(session, answer.to_string());
            }
            // Nobody is told of a presence, and nobody waits for an answer.
            _ => {}
        }
    }

    /// A stanza may go on to a room: what the meeting says of its breakout rooms, and of those who come back from there.
    pub(super) fn may_come(&mut self, session: SessionId, from: &Jid, to: &Jid, room: &str, stanza: &Element) -> bool {
        let joins = stanza.name == "presence" && stanza.attr("type").is_none();
        let (Some(nick), true) = (&to.resource, joins && stanza.child_in("x", ns::MUC).is_some()) else {
            return true;
        };
        let bare = from.to_bare().to_string();
        match self.components.judge(room, nick, &bare) {
            Ok(affiliation) => {
                self.muc.admit(room, &bare, affiliation);
                true
            }
            Err(error) => {
                self.send(session, error_reply(stanza, &error).to_string());
                false
            }
        }
    }

    /// A request to the focus may go on: only members of a meeting have its breakout rooms made.
    pub(super) fn may_ask(&self, from: &Jid, request: &Element) -> bool {
        let room = request.child("conference").and_then(|conference| conference.attr("room"));
        let room = room.and_then(|room| room_key(&room.parse::<Jid>().ok()?, &self.config.domain));
        room.is_none_or(|room| self.components.may_open(&room, &from.to_bare().to_string()))
    }

    /// Carries out what services want.
    pub(super) fn settle_components(&mut self, now: Instant) {
        while let Some(output) = self.components.poll() {
            self.on_component_output(now, output);
        }
    }

    pub(super) fn on_component_output(&mut self, now: Instant, output: Output) {
        match output {
            Output::Send { session, frame } => self.send(session, frame),
            Output::Moderate { room, media, enabled, allowed } => {
                self.focus.handle(now, FocusInput::AvModeration { room: &room, media, enabled, allowed: &allowed });
            }
            Output::StartMuted { room, policy } => {
                self.focus.handle(now, FocusInput::StartMuted { room: &room, policy });
            }
            Output::Transcribe { room, wanted } => {
                self.focus.handle(now, FocusInput::Transcribing { room: &room, wanted });
            }
            Output::RestrictChat { room, restrictions } => self.muc.restrict_chat(&room, restrictions),
            Output::Preface { room, from, message } => self.muc.set_preface(&room, &from, &message),
            Output::End { room, reason } => self.muc.end(&room, &reason),
            Output::Close { room, reason, next } => {
                self.muc.close(&room, &reason, next.as_deref());
                self.focus.close_room(&room);
            }
            Output::Name { room, name } => self.muc.set_subject(&room, &name),
            Output::Affiliate { room, bare, affiliation } => self.muc.affiliate(&room, &bare, affiliation),
            Output::Disown { room, bare } => self.muc.disown(&room, &bare),
            Output::Keep { room, kept } => {
                self.muc.keep(&room, kept.open);
                self.focus
                    .handle(now, FocusInput::Breakouts { room: &room, occupied: kept.open, moderated: kept.moderated });
            }
        }
    }
}
