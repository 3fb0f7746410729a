//! How long each was the dominant speaker. Clients say so of themselves; whoever comes later is told what was before.

use std::time::{Duration, Instant};

use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns};
use serde_json::{Map, Value, json};

use super::Component;
use super::meeting::Service;
use super::outbox::Outbox;
use super::room::{Occupant, Room};

/// People that one meeting remembers.
const MAX_SPEAKERS: usize = 500;

/// Who spoke in a room for how long.
#[derive(Debug, Default)]
pub(super) struct SpeakerStats {
    speakers: Vec<Speaker>,
    dominant: Option<Dominant>,
}

#[derive(Debug)]
struct Speaker {
    nick: Box<str>,
    name: Option<Box<str>>,
    total: Duration,
    left: bool,
}

/// Who speaks, since when.
#[derive(Debug)]
struct Dominant {
    nick: Box<str>,
    /// None while nothing is heard.
    since: Option<Instant>,
}

impl Service for SpeakerStats {
    fn on_message(
        &mut self,
        _room: &Room,
        from: &Occupant,
        message: &Element,
        outbox: &mut Outbox<'_>,
    ) -> Result<(), StanzaError> {
        let Some(stats) = message.child_in("speakerstats", ns::JITMEET) else {
            return match message.elements().any(is_face) {
                true => Ok(()),
                false => Err(StanzaError::new(Condition::BadRequest)),
            };
        };
        let silent = stats.attr("silence") == Some("true");
        // Another has taken over meanwhile: that one is not silenced by it.
        if silent && self.dominant.as_ref().is_some_and(|dominant| dominant.nick != from.nick) {
            return Ok(());
        }
        self.settle(outbox.now);
        self.dominant = Some(Dominant { nick: from.nick.clone(), since: (!silent).then_some(outbox.now) });
        Ok(())
    }

    fn on_joined(&mut self, _room: &Room, new: &Occupant, outbox: &mut Outbox<'_>) {
        self.settle(outbox.now);
        let users: Map<String, Value> =
            self.speakers.iter().filter(|s| s.left || !s.total.is_zero()).map(Speaker::to_json).collect();
        if !users.is_empty() {
            let message = json!({ "type": "speakerstats", "users": users });
            outbox.tell(Component::SpeakerStats, [new], &message);
        }
        match self.speakers.iter_mut().find(|s| s.nick == new.nick) {
            Some(known) => known.left = false,
            None => self.add(new),
        }
    }

    fn on_left(&mut self, _room: &Room, gone: &Occupant, outbox: &mut Outbox<'_>) {
        self.settle(outbox.now);
        if self.dominant.as_ref().is_some_and(|dominant| dominant.nick == gone.nick) {
            self.dominant = None;
        }
        if let Some(speaker) = self.speakers.iter_mut().find(|s| s.nick == gone.nick) {
            speaker.left = true;
            speaker.name.clone_from(&gone.name);
        }
    }
}

impl SpeakerStats {
    /// Counts what the dominant speaker has spoken so far.
    fn settle(&mut self, now: Instant) {
        let Some(Dominant { nick, since: Some(since) }) = &mut self.dominant else {
            return;
        };
        if let Some(speaker) = self.speakers.iter_mut().find(|s| s.nick == *nick) {
            speaker.total += now.saturating_duration_since(*since);
        }
        *since = now;
    }

    /// Forgets, when there are too many, who has left and spoke least.
    fn add(&mut self, new: &Occupant) {
        if self.speakers.len() >= MAX_SPEAKERS {
            let gone = self.speakers.iter().enumerate().filter(|(_, s)| s.left).min_by_key(|(_, s)| s.total);
            match gone.map(|(at, _)| at) {
                Some(at) => drop(self.speakers.remove(at)),
                None => return,
            }
        }
        let speaker = Speaker { nick: new.nick.clone(), name: None, total: Duration::ZERO, left: false };
        self.speakers.push(speaker);
    }
}

impl Speaker {
    fn to_json(&self) -> (String, Value) {
        let milliseconds = u64::try_from(self.total.as_millis()).unwrap_or(u64::MAX);
        // COMPAT(lib-jitsi-meet 2022): it reads the sums of expressions without looking whether they are there.
        let expressions = ["happy", "neutral", "surprised", "angry", "fearful", "disgusted", "sad"];
        let expressions: Map<String, Value> = expressions.map(|name| (name.to_owned(), 0.into())).into_iter().collect();
        let user = json!({
            "displayName": self.name.as_deref(),
            "totalDominantSpeakerTime": milliseconds,
            "facialExpressions": expressions,
            "faceLandmarks": [],
        });
        (self.nick.to_string(), user)
    }
}

/// What somebody's face looked like. It is nobody's business: taken and not kept.
fn is_face(element: &Element) -> bool {
    matches!(element.name.as_str(), "faceLandmarks" | "facialExpression")
}
