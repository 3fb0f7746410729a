//! Polls: questions with answers to choose from. Whoever comes later is told all of them.
//!
//! There are two generations of clients. The later ones write to the service, which tells everybody. The earlier ones
//! (2022) tell everybody themselves in the room; we only listen, for those who come later. Neither sees the other's polls.

use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Component;
use super::meeting::{Service, only_moderators};
use super::outbox::Outbox;
use super::room::{Occupant, Room};

/// Polls of one room.
const MAX_POLLS: usize = 128;
/// Answers of one poll.
const MAX_ANSWERS: usize = 32;
/// Bytes of an id.
const MAX_ID: usize = 128;
/// Bytes of a message to this service.
const MAX_MESSAGE: usize = 4096;
/// Bytes of all polls of a room as JSON: everybody who joins gets them in one message.
const MAX_BYTES: usize = 128 * 1024;

/// The polls of one room.
#[derive(Debug, Default)]
pub(super) struct Polls {
    asked: Book,
    /// Those which clients of 2022 told each other.
    overheard: Book,
    /// Only moderators make polls.
    pub(super) restricted: bool,
}

/// Polls, oldest first.
#[derive(Debug, Default)]
struct Book {
    polls: Vec<Poll>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Poll {
    poll_id: String,
    sender_id: Box<str>,
    sender_name: Option<Box<str>>,
    question: String,
    answers: Vec<Answer>,
}

#[derive(Debug, Serialize)]
struct Answer {
    name: String,
    voters: Vec<Voter>,
}

#[derive(Debug, Clone, Serialize)]
struct Voter {
    id: Box<str>,
    name: Option<Box<str>>,
    /// Real address. A nick may be somebody else's later.
    #[serde(skip)]
    bare: Box<str>,
}

#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
enum Command {
    #[serde(rename_all = "camelCase")]
    NewPoll { poll_id: String, question: String, answers: Vec<Name> },
    #[serde(rename_all = "camelCase")]
    AnswerPoll { poll_id: String, answers: Vec<bool> },
}

/// COMPAT(jitsi-meet 2022): how its clients spoke of polls.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Overheard {
    #[serde(rename_all = "camelCase")]
    NewPoll { poll_id: String, question: String, answers: Vec<String> },
    #[serde(rename_all = "camelCase")]
    AnswerPoll { poll_id: String, answers: Vec<bool> },
}

#[derive(Serialize, Deserialize)]
struct Name {
    name: String,
}

impl Service for Polls {
    fn on_message(
        &mut self,
        room: &Room,
        from: &Occupant,
        message: &Element,
        outbox: &mut Outbox<'_>,
    ) -> Result<(), StanzaError> {
        let bad = || StanzaError::new(Condition::BadRequest);
        let text = message.child_in("json-message", ns::JITMEET).ok_or_else(bad)?.text();
        if text.len() > MAX_MESSAGE {
            return Err(StanzaError::new(Condition::PolicyViolation).with_text("This poll is too large"));
        }
        match serde_json::from_str(&text).map_err(|_| bad())? {
            Command::NewPoll { poll_id, question, answers } => {
                if self.restricted {
                    only_moderators(from)?;
                }
                let told = json!({
                    "type": "polls",
                    "command": "new-poll",
                    "pollId": &poll_id,
                    "senderId": &*from.nick,
                    "senderName": from.name.as_deref(),
                    "question": &question,
                    "answers": &answers,
                });
                let answers = answers.into_iter().map(|answer| answer.name);
                self.asked.open(from, poll_id, question, answers.collect())?;
                outbox.tell(Component::Polls, &room.occupants, &told);
            }
            Command::AnswerPoll { poll_id, answers } => {
                self.asked.answer(from, &poll_id, &answers)?;
                let told = json!({
                    "type": "polls",
                    "command": "answer-poll",
                    "pollId": poll_id,
                    "senderId": &*from.nick,
                    "senderName": from.name.as_deref(),
                    "answers": answers,
                });
                outbox.tell(Component::Polls, &room.occupants, &told);
            }
        }
        Ok(())
    }

    fn on_json(&mut self, _room: &Room, from: &Occupant, text: &str, _outbox: &mut Outbox<'_>) {
        if text.len() > MAX_MESSAGE {
            return;
        }
        // What makes no sense here was told to everybody all the same.
        let _ = match serde_json::from_str(text) {
            Ok(Overheard::NewPoll { poll_id, question, answers }) => {
                self.overheard.open(from, poll_id, question, answers)
            }
            Ok(Overheard::AnswerPoll { poll_id, answers }) => self.overheard.answer(from, &poll_id, &answers),
            Err(_) => Ok(()),
        };
    }

    fn on_joined(&mut self, room: &Room, new: &Occupant, outbox: &mut Outbox<'_>) {
        if !self.asked.polls.is_empty() {
            let told = json!({ "type": "polls", "command": "old-polls", "polls": &self.asked.polls });
            outbox.tell(Component::Polls, [new], &told);
        }
        if !self.overheard.polls.is_empty() {
            let polls: Vec<Value> = self.overheard.polls.iter().map(Poll::as_overheard).collect();
            outbox.tell_from_room(room, new, &json!({ "type": "old-polls", "polls": polls }));
        }
    }
}

impl Book {
    fn open(
        &mut self,
        from: &Occupant,
        poll_id: String,
        question: String,
        answers: Vec<String>,
    ) -> Result<(), StanzaError> {
        if poll_id.is_empty() || poll_id.len() > MAX_ID || answers.is_empty() || answers.len() > MAX_ANSWERS {
            return Err(StanzaError::new(Condition::BadRequest));
        }
        if self.polls.iter().any(|poll| poll.poll_id == poll_id) {
            return Err(StanzaError::new(Condition::Conflict).with_text("This poll exists"));
        }
        let answers = answers.into_iter().map(|name| Answer { name, voters: Vec::new() }).collect();
        let (sender_id, sender_name) = (from.nick.clone(), from.name.clone());
        let poll = Poll { poll_id, sender_id, sender_name, question, answers };
        if self.polls.len() >= MAX_POLLS || self.bytes() + poll.bytes() > MAX_BYTES {
            return Err(full());
        }
        self.polls.push(poll);
        Ok(())
    }

    /// Whoever answers again has changed its mind. Nobody answers for another who had the same nick.
    fn answer(&mut self, from: &Occupant, poll_id: &str, answers: &[bool]) -> Result<(), StanzaError> {
        let voter = Voter { id: from.nick.clone(), name: from.name.clone(), bare: from.bare().into() };
        let votes = answers.iter().filter(|vote| **vote).count();
        let is_full = self.bytes() + votes * (voter.bytes() + 1) > MAX_BYTES;
        let poll = self.polls.iter_mut().find(|poll| poll.poll_id == poll_id);
        let poll = poll.ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
        if answers.len() != poll.answers.len() {
            return Err(StanzaError::new(Condition::BadRequest));
        }
        let mut voters = poll.answers.iter().flat_map(|answer| &answer.voters);
        if voters.any(|other| other.id == voter.id && other.bare != voter.bare) {
            return Err(StanzaError::new(Condition::Conflict).with_text("Somebody else of this name has answered"));
        }
        if is_full {
            return Err(full());
        }
        for (answer, vote) in poll.answers.iter_mut().zip(answers) {
            answer.voters.retain(|other| other.bare != voter.bare);
            if *vote {
                answer.voters.push(voter.clone());
            }
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.polls.iter().map(Poll::bytes).sum()
    }
}

impl Poll {
    fn as_overheard(&self) -> Value {
        let answers = self.answers.iter().map(|answer| {
            let name = |voter: &Voter| (voter.id.to_string(), voter.name.as_deref().unwrap_or_default().into());
            let voters: Map<String, Value> = answer.voters.iter().map(name).collect();
            json!({ "name": answer.name, "voters": voters })
        });
        json!({
            "id": self.poll_id,
            "senderId": self.sender_id,
            "senderName": self.sender_name,
            "question": self.question,
            "answers": answers.collect::<Vec<_>>(),
        })
    }

    fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(0, |json| json.len() + 1)
    }
}

impl Voter {
    fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(0, |json| json.len())
    }
}

fn full() -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint).with_text("This room has no place for more")
}
