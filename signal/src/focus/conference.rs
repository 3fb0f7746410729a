//! One running conference: who is in it, who has a session, who owns the room, when it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use jitsi_wire::colibri2::ConferenceModify;
use jitsi_wire::jingle::{Action, OwnerSources, StartMuted};
use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns, stanza};

use super::codecs::CodecPolicy;
use super::desk::Desk;
use super::features::Features;
use super::mute::{Moderation, find_mute};
use super::offer;
use super::participant::{Arrival, Knowledge, Participant, Stage};
use super::recording::Recording;
use super::sources::{SourceBook, difference};
use super::transcription::Transcription;
use super::{FocusOutput, Wake};
use crate::muc::{Affiliation, room_address};

#[derive(Debug)]
pub(super) struct Conference {
    /// Room node.
    pub(super) room: String,
    /// UUID, the key at the bridge.
    pub(super) meeting_id: String,
    pub(super) participants: BTreeMap<String, Participant>,
    pub(super) book: SourceBook,
    /// Sources of the bridge itself, since the last allocation.
    pub(super) bridge_sources: OwnerSources,
    /// The bridge has, or is being asked for, this conference.
    pub(super) at_bridge: bool,
    /// Counts the lives of the conference at the bridge.
    pub(super) epoch: u64,
    /// The bridge did not answer, or is shutting down.
    pub(super) bridge_down: bool,
    /// From this participant on everybody starts muted; from the first requester.
    pub(super) start_muted_after: StartMutedAfter,
    /// Policy of the moderators.
    pub(super) start_muted: StartMuted,
    pub(super) moderation: Moderation,
    pub(super) codecs: CodecPolicy,
    pub(super) recording: Option<Recording>,
    pub(super) transcription: Transcription,
    /// Somebody is in a breakout room of this room.
    occupied_elsewhere: bool,
    /// And a moderator is among them.
    pub(super) moderated_elsewhere: bool,
    next_ordinal: u64,
    /// When the sessions of those left alone end.
    idle_at: Option<Instant>,
    /// When the empty room goes.
    pub(super) empty_at: Option<Instant>,
    /// Clients that asked for the room, as long as nobody has entered it.
    pub(super) askers: BTreeSet<Jid>,
    /// Where the client was that had the room made.
    pub(super) network: Option<IpAddr>,
}

/// `startAudioMuted` and `startVideoMuted` of a conference request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct StartMutedAfter {
    pub(super) audio: Option<usize>,
    pub(super) video: Option<usize>,
}

impl Conference {
    /// Makes the room and publishes the focus' presence in it.
    pub(super) fn open(now: Instant, desk: &mut Desk, room: &str, after: StartMutedAfter) -> Self {
        let meeting_id = desk.uuid();
        desk.emit(FocusOutput::CreateRoom { room: room.to_owned(), meeting_id: meeting_id.clone() });
        let conference = Conference {
            room: room.to_owned(),
            meeting_id,
            participants: BTreeMap::new(),
            book: SourceBook::default(),
            bridge_sources: OwnerSources::default(),
            at_bridge: false,
            epoch: 0,
            bridge_down: false,
            start_muted_after: after,
            start_muted: StartMuted::default(),
            moderation: Moderation::default(),
            codecs: CodecPolicy::default(),
            recording: None,
            transcription: Transcription::default(),
            occupied_elsewhere: false,
            moderated_elsewhere: false,
            next_ordinal: 0,
            idle_at: None,
            empty_at: Some(now + desk.config.unentered_room),
            askers: BTreeSet::new(),
            network: None,
        };
        conference.publish(desk);
        conference
    }

    /// An owner may have destroyed the room of a conference that still lingers. Making a room that exists changes nothing.
    pub(super) fn reopen(&self, desk: &mut Desk) {
        if self.participants.is_empty() {
            desk.emit(FocusOutput::CreateRoom { room: self.room.clone(), meeting_id: self.meeting_id.clone() });
            self.publish(desk);
        }
    }

    /// Bare JID of the room.
    pub(super) fn jid(&self, desk: &Desk) -> String {
        room_address(&self.room, &desk.config.domain)
    }

    /// Occupant JID of the focus, the `initiator` of every session.
    pub(super) fn focus_jid(&self, desk: &Desk) -> String {
        format!("{}/focus", self.jid(desk))
    }

    pub(super) fn on_joined(&mut self, now: Instant, desk: &mut Desk, nick: &str, arrival: &Arrival<'_>) {
        if self.participants.contains_key(nick) {
            self.on_left(now, desk, nick);
        }
        if self.participants.len() >= desk.config.max_participants {
            desk.emit(FocusOutput::Kick {
                room: self.room.clone(),
                nick: nick.to_owned(),
                reason: "The meeting is full".to_owned(),
            });
            return;
        }
        let knowledge = self.discover(now, desk, nick, arrival.presence);
        let allowance = desk.parted.take(now, &self.room, arrival.jid);
        let participant = Participant::new(self.next_ordinal, arrival, knowledge, allowance);
        self.next_ordinal += 1;
        self.askers.clear();
        self.participants.insert(nick.to_owned(), participant);
        self.read_encryption(nick, arrival.presence);
        self.read_recorded(desk, nick, arrival.presence);
        self.review_codecs(now, desk);
        self.review_recording(desk);
        self.review_export(now, desk);
        self.review(now, desk);
    }

    pub(super) fn on_presence(&mut self, now: Instant, desk: &mut Desk, nick: &str, presence: &Element) {
        self.read_codecs(now, desk, nick, presence);
        self.read_mutes(desk, nick, presence);
        self.read_encryption(nick, presence);
        self.read_recorded(desk, nick, presence);
        self.review_recording(desk);
        self.review_export(now, desk);
    }

    pub(super) fn on_left(&mut self, now: Instant, desk: &mut Desk, nick: &str) {
        if !self.participants.contains_key(nick) {
            return;
        }
        self.release(now, desk, nick);
        self.book.forget(nick);
        self.tell_left(desk, nick);
        if let Some(gone) = self.participants.remove(nick) {
            desk.parted.keep(now, &self.room, gone.jid, gone.allowance);
        }
        self.review_codecs(now, desk);
        self.sync(desk);
        self.review_export(now, desk);
        self.review(now, desk);
    }

    pub(super) fn on_affiliation(&mut self, now: Instant, desk: &mut Desk, nick: &str, affiliation: Affiliation) {
        if let Some(participant) = self.participants.get_mut(nick) {
            participant.affiliation = affiliation;
            self.enforce_mutes(desk);
            self.review(now, desk);
        }
    }

    pub(super) fn on_breakouts(&mut self, now: Instant, desk: &mut Desk, occupied: bool, moderated: bool) {
        self.occupied_elsewhere = occupied;
        self.moderated_elsewhere = moderated;
        self.review(now, desk);
    }

    /// Any IQ of an occupant to `ROOM/focus`. Answered at once, whatever it is.
    pub(super) fn on_iq(&mut self, now: Instant, desk: &mut Desk, nick: &str, iq: &Element) {
        if !matches!(iq.attr("type"), Some("get" | "set")) {
            return;
        }
        let Some(participant) = self.participants.get_mut(nick) else {
            let error = StanzaError::new(Condition::NotAcceptable);
            return desk.send(&self.room, nick, stanza::iq_error(iq, &error));
        };
        if !participant.allowance.iqs.take(now) {
            let error = StanzaError::new(Condition::ResourceConstraint);
            return desk.send(&self.room, nick, stanza::iq_error(iq, &error));
        }
        if let Some(payload) = iq.child_in("jingle", ns::JINGLE) {
            return self.on_jingle(now, desk, nick, iq, payload);
        }
        if let Some((media, mute)) = find_mute(iq) {
            return self.on_mute(desk, nick, iq, media, mute);
        }
        if let Some(jibri) = iq.child_in("jibri", ns::JIBRI) {
            return self.on_jibri(desk, nick, iq, jibri);
        }
        if let Some(recordings) = iq.child_in("recordings", ns::RECORDINGS) {
            return self.on_recordings(desk, nick, iq, recordings);
        }
        let answer = if iq.child_in("ping", ns::PING).is_some() {
            stanza::iq_result(iq)
        } else if let Some(query) = iq.child_in("query", ns::DISCO_INFO) {
            stanza::iq_result(iq).with_child(about_the_focus(query.attr("node")))
        } else {
            // Dialling comes with the part that does it.
            stanza::iq_error(iq, &StanzaError::new(Condition::ServiceUnavailable))
        };
        desk.send(&self.room, nick, answer);
    }

    /// Everything ends at the bridge; the room is going.
    pub(super) fn close(&mut self, desk: &mut Desk) {
        if std::mem::take(&mut self.at_bridge) {
            let request =
                ConferenceModify { meeting_id: self.meeting_id.clone(), expire: true, ..ConferenceModify::default() };
            desk.send_order(false, request);
        }
    }

    /// Brings everything in line with who is here: owner, invitations, the timers of the lonely and the empty room.
    pub(super) fn review(&mut self, now: Instant, desk: &mut Desk) {
        self.elect_owner(desk);
        let members = self.participants.values().filter(|p| p.is_member()).count();
        let enough = if self.transcription.runs() { 1 } else { desk.config.invite_from };
        if members >= enough {
            self.idle_at = None;
            self.invite_waiting(now, desk);
        } else if self.has_endable_session() {
            self.idle_at.get_or_insert(now + desk.config.idle_session);
        } else {
            self.idle_at = None;
        }
        if self.participants.is_empty() && !self.occupied_elsewhere {
            self.empty_at.get_or_insert(now + desk.config.empty_room);
        } else {
            self.empty_at = None;
        }
    }

    /// A client that cannot be invited again keeps its session while it waits.
    fn has_endable_session(&self) -> bool {
        let endable = |p: &Participant| p.session.is_some() && p.is_movable();
        self.participants.values().any(endable)
    }

    /// Somebody asked for the room and nobody has ever been in it.
    pub(super) fn is_unentered(&self) -> bool {
        self.next_ordinal == 0
    }

    /// Nothing is left to wait for: the room may go.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.participants.is_empty() && self.empty_at.is_some_and(|at| at <= now)
    }

    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        let participants = self.participants.values().flat_map(|p| {
            let discovery = match &p.knowledge {
                Knowledge::Asked { until, .. } => Some((*until, Wake::Discovery)),
                Knowledge::Known(_) => None,
            };
            let retry = p.retry_at.map(|at| (at, Wake::Reinvite));
            discovery.into_iter().chain(retry)
        });
        let idle = self.idle_at.map(|at| (at, Wake::Idle));
        let empty = self.empty_at.map(|at| (at, Wake::EmptyRoom));
        let codecs = self.codecs.next_wakeup().map(|at| (at, Wake::Codecs));
        participants.chain(idle).chain(empty).chain(codecs).min()
    }

    pub(super) fn on_wakeup(&mut self, now: Instant, desk: &mut Desk) {
        for participant in self.participants.values_mut() {
            if let Knowledge::Asked { until, .. } = &participant.knowledge
                && *until <= now
            {
                participant.knowledge = Knowledge::Known(Features::ASSUMED);
            }
            if participant.retry_at.is_some_and(|at| at <= now) {
                participant.retry_at = None;
            }
        }
        if self.idle_at.is_some_and(|at| at <= now) {
            self.idle_at = None;
            self.end_idle(now, desk);
        }
        self.review_codecs(now, desk);
        self.review(now, desk);
    }

    /// The presence of the focus.
    pub(super) fn publish(&self, desk: &mut Desk) {
        let bridges = if self.bridge_down { "0" } else { "1" };
        let property =
            |key: &str, value: &str| Element::new("property").with_attr("key", key).with_attr("value", value);
        let versions = Element::in_ns("versions", ns::JITMEET)
            .with_child(Element::new("component").with_attr("name", "focus").with_text(env!("CARGO_PKG_VERSION")));
        let properties = Element::in_ns("conference-properties", ns::FOCUS)
            .with_child(property("support-terminate-restart", "true"))
            .with_child(property("bridge-count", bridges))
            .with_children(self.codecs.properties(&desk.config).map(|(key, value)| property(key, &value)))
            .with_children(self.transcription.property().map(|value| property("audio-recording-enabled", value)));
        let down = self.bridge_down.then(|| Element::in_ns("bridgeNotAvailable", ns::FOCUS));
        desk.emit(FocusOutput::SetPresence {
            room: self.room.clone(),
            extensions: [versions, properties].into_iter().chain(down).chain(self.recording_status()).collect(),
        });
    }

    pub(super) fn set_bridge_down(&mut self, desk: &mut Desk, down: bool) {
        if self.bridge_down != down {
            self.bridge_down = down;
            self.publish(desk);
        }
    }

    /// What `nick` should know of everybody else's sources; nothing if the bridge tells it.
    pub(super) fn visible_to(&self, nick: &str, features: &Features) -> BTreeMap<String, Arc<OwnerSources>> {
        self.book
            .owners()
            .filter(|owner| *owner != nick && !features.ssrc_rewriting)
            .filter_map(|owner| {
                let sources = self.book.visible(owner, features.multi_video)?;
                Some((owner.to_owned(), sources))
            })
            .collect()
    }

    /// Tells every client with an accepted session what came and went since it was last told.
    pub(super) fn sync(&mut self, desk: &mut Desk) {
        let focus = self.focus_jid(desk);
        let book = &self.book;
        for (nick, participant) in &mut self.participants {
            let Some(features) = participant.features() else {
                continue;
            };
            let Some(session) = &mut participant.session else {
                continue;
            };
            if session.stage != Stage::Accepted {
                continue;
            }
            let (removed, added) = news(book, nick, &features, &mut session.announced);
            for (action, list) in [(Action::SourceRemove, removed), (Action::SourceAdd, added)] {
                if !list.is_empty() {
                    let notice = offer::source_notice(action, &focus, &session.sid, &list, &features);
                    desk.ask(&self.room, nick, "set", notice.to_element());
                }
            }
        }
    }
}

fn about_the_focus(node: Option<&str>) -> Element {
    let identity = Element::new("identity")
        .with_attr("category", "component")
        .with_attr("type", "generic")
        .with_attr("name", "focus");
    let features = [ns::DISCO_INFO, ns::PING, ns::JINGLE];
    Element::in_ns("query", ns::DISCO_INFO)
        .with_attr_opt("node", node)
        .with_child(identity)
        .with_children(features.map(|f| Element::new("feature").with_attr("var", f)))
}

/// Compares the book with what one client was told, and notes that it is being told the rest.
fn news(
    book: &SourceBook,
    nick: &str,
    features: &Features,
    announced: &mut BTreeMap<String, Arc<OwnerSources>>,
) -> (Vec<OwnerSources>, Vec<OwnerSources>) {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    announced.retain(|owner, old| {
        let stays = book.visible(owner, features.multi_video).is_some();
        if !stays {
            removed.push(difference(owner, Some(old), None).0);
        }
        stays
    });
    for owner in book.owners().filter(|owner| *owner != nick && !features.ssrc_rewriting) {
        let Some(new) = book.visible(owner, features.multi_video) else {
            continue;
        };
        let old = announced.get(owner);
        if old.is_some_and(|old| Arc::ptr_eq(old, &new)) {
            continue;
        }
        let (gone, come) = difference(owner, old.map(|o| &**o), Some(&*new));
        let is_empty = |s: &OwnerSources| s.audio.is_empty() && s.video.is_empty();
        removed.extend((!is_empty(&gone)).then_some(gone));
        added.extend((!is_empty(&come)).then_some(come));
        announced.insert(owner.to_owned(), new);
    }
    (removed, added)
}
