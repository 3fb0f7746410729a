//! What moderators ask about the recordings of their room, and what they have done with them (`ns::RECORDINGS`, our own):
//!
//! A get with `<recordings/>` is answered with `<recordings>JSON</recordings>`, the list with a ticket for each recording; a set with
//! `<recordings><delete name='NAME'/></recordings>` deletes one. Whoever records carries it out, and the answer comes when it is done.

use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns, stanza};

use super::FocusOutput;
use super::conference::Conference;
use super::desk::Desk;
use super::recorder_port::{Inquiry, NotDone, RecorderOrder};

impl Conference {
    pub(super) fn on_recordings(&self, desk: &mut Desk, nick: &str, iq: &Element, recordings: &Element) {
        let id = iq.attr("id").unwrap_or_default().to_owned();
        let inquiry =
            Inquiry { room: self.room.clone(), meeting_id: self.meeting_id.clone(), nick: nick.to_owned(), id };
        let name = recordings.child("delete").map(|delete| delete.attr("name"));
        let order = match (iq.attr("type"), name) {
            (Some("get"), _) => Ok(RecorderOrder::List { inquiry }),
            (_, Some(Some(name))) => Ok(RecorderOrder::Delete { inquiry, name: name.to_owned() }),
            _ => Err(StanzaError::new(Condition::BadRequest)),
        };
        match self.may_record(desk, nick).and(order) {
            Ok(order) => desk.emit(FocusOutput::Record(order)),
            Err(error) => desk.send(&self.room, nick, stanza::iq_error(iq, &error)),
        }
    }

    /// It is done, or cannot be. Who is no moderator any more learns nothing.
    pub(super) fn on_inquired(&self, desk: &mut Desk, inquiry: &Inquiry, outcome: &Result<String, NotDone>) {
        let iq = stanza::iq("set", &inquiry.id);
        let outcome = self.may_record(desk, &inquiry.nick).and(outcome.as_ref().map_err(error));
        let answer = match outcome {
            Ok(json) => {
                stanza::iq_result(&iq).with_child(Element::in_ns("recordings", ns::RECORDINGS).with_text(json.clone()))
            }
            Err(error) => stanza::iq_error(&iq, &error),
        };
        desk.send(&self.room, &inquiry.nick, answer);
    }
}

fn error(not_done: &NotDone) -> StanzaError {
    StanzaError::new(match not_done {
        NotDone::Unknown => Condition::ItemNotFound,
        NotDone::Running => Condition::UnexpectedRequest,
        NotDone::Disk => Condition::InternalServerError,
    })
}
