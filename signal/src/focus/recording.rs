//! Recording a meeting, as clients ask for it and are told of it (`http://jitsi.org/protocol/jibri`). Jicofo hands it on to a Jibri; here
//! it becomes an order to the recorder.

use std::collections::BTreeMap;

use jitsi_wire::xmpp::{Condition, Element, StanzaError, ns, stanza};
use serde_json::Value;

use super::FocusOutput;
use super::conference::Conference;
use super::desk::Desk;
use super::encryption::ENCRYPTED;
use super::participant::Participant;
use super::recorder_port::{Happening, RecordRefusal, RecorderOrder, RecorderReport};

/// Entries of a `SourceInfo` that are looked at.
const MAX_SOURCES: usize = 64;
const MAX_NAME: usize = 128;

/// The newest recording of a meeting; what became of it is said as long as the meeting lasts.
#[derive(Debug)]
pub(super) struct Recording {
    session: String,
    status: Status,
    /// Occupant JID of who asked for it; nobody, if the room is always recorded.
    initiator: Option<String>,
    /// It ended, or is told to, though nobody wanted that.
    failed: bool,
    pinned: Option<String>,
    /// What was last told of each who is there.
    told: BTreeMap<String, Told>,
}

/// As `status` spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Pending,
    On,
    Off,
}

/// What a recording knows of one participant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Told {
    name: Option<String>,
    raised: bool,
    /// Endpoint that it shows to everybody, if it is a moderator who does so.
    pinned: Option<String>,
    /// By source.
    muted: BTreeMap<String, bool>,
}

impl Told {
    /// What a presence says.
    fn read(presence: &Element) -> Self {
        let info: Option<Value> = presence.child_text("SourceInfo").and_then(|text| serde_json::from_str(&text).ok());
        let sources = info.as_ref().and_then(Value::as_object).into_iter().flatten().take(MAX_SOURCES);
        let muted = sources.map(|(name, source)| (name.clone(), source.get("muted") == Some(&Value::Bool(true))));
        Self {
            name: display_name(presence),
            raised: presence.child_text("jitsi_participant_raisedHand").is_some_and(|since| !since.is_empty()),
            pinned: pinned(presence),
            muted: muted.collect(),
        }
    }
}

pub(super) fn display_name(presence: &Element) -> Option<String> {
    let name = presence.child_in("nick", ns::NICK)?.text();
    Some(name.chars().take(MAX_NAME).collect()).filter(|name: &String| !name.is_empty())
}

/// Clients whose moderator lets others follow say what they show.
fn pinned(presence: &Element) -> Option<String> {
    let shown = presence.child("follow-me")?.attr("nextOnStage")?;
    Some(shown.to_owned()).filter(|shown| !shown.is_empty() && shown.len() <= MAX_NAME)
}

impl Recording {
    fn runs(&self) -> bool {
        self.status != Status::Off
    }

    fn element(&self) -> Element {
        let status = match self.status {
            Status::Pending => "pending",
            Status::On => "on",
            Status::Off => "off",
        };
        Element::in_ns("jibri-recording-status", ns::JIBRI)
            .with_attr("status", status)
            .with_attr("session_id", self.session.clone())
            .with_attr("recording_mode", "file")
            .with_attr_opt("initiator", self.initiator.clone())
            .with_attr_opt("failure_reason", (self.failed && !self.runs()).then_some("error"))
    }
}

impl Conference {
    /// What the focus' presence says of the recording.
    pub(super) fn recording_status(&self) -> Option<Element> {
        self.recording.as_ref().map(Recording::element)
    }

    /// Start or stop. The answer comes before what it leads to.
    pub(super) fn on_jibri(&mut self, desk: &mut Desk, nick: &str, iq: &Element, jibri: &Element) {
        let starts = jibri.attr("action") == Some("start");
        let outcome = match (jibri.attr("action"), jibri.attr("recording_mode")) {
            (Some("start"), Some("file")) => self.new_recording(desk, nick),
            // Streaming and calls out of the room are for nobody here to carry out.
            (Some("start"), _) if desk.config.recording => Err(StanzaError::new(Condition::FeatureNotImplemented)),
            (Some("start"), _) => Err(StanzaError::new(Condition::ServiceUnavailable)),
            (Some("stop"), _) => self.running_recording(desk, nick),
            _ => Err(StanzaError::new(Condition::BadRequest)),
        };
        let answer = match &outcome {
            Ok(session) => stanza::iq_result(iq)
                .with_child(Element::in_ns("jibri", ns::JIBRI).with_attr("session_id", session.clone())),
            Err(error) => stanza::iq_error(iq, error),
        };
        desk.send(&self.room, nick, answer);
        match outcome {
            Ok(session) if starts => {
                let name = self.participants.get(nick).and_then(|participant| participant.seen.name.clone());
                self.begin_recording(desk, Some(nick), name, session);
            }
            Ok(session) => desk.emit(FocusOutput::Record(RecorderOrder::Stop { session })),
            Err(_) => {}
        }
    }

    pub(super) fn may_record(&self, desk: &Desk, nick: &str) -> Result<(), StanzaError> {
        if !desk.config.recording {
            return Err(StanzaError::new(Condition::ServiceUnavailable));
        }
        let is_owner = self.participants.get(nick).is_some_and(Participant::is_owner);
        if is_owner { Ok(()) } else { Err(StanzaError::new(Condition::NotAllowed)) }
    }

    /// The same for an occupant.
    fn new_recording(&self, desk: &mut Desk, nick: &str) -> Result<String, StanzaError> {
        self.may_record(desk, nick)?;
        self.recordable(desk).map_err(|refusal| match refusal {
            RecordRefusal::NoRecorder | RecordRefusal::NoMeeting => StanzaError::new(Condition::ServiceUnavailable),
            RecordRefusal::Runs => StanzaError::new(Condition::UnexpectedRequest),
            RecordRefusal::Encrypted => StanzaError::new(Condition::PolicyViolation).with_text(ENCRYPTED),
        })
    }

    /// Somebody who is not in the room wants it to be recorded, and is called so.
    pub(super) fn record_for(&mut self, desk: &mut Desk, initiator: &str) -> Result<String, RecordRefusal> {
        let session = self.recordable(desk)?;
        self.begin_recording(desk, None, Some(initiator.to_owned()), session.clone());
        Ok(session)
    }

    /// True if the session is that of the recording that runs.
    pub(super) fn is_recorded_by(&self, session: &str) -> bool {
        self.recording.as_ref().is_some_and(|recording| recording.runs() && recording.session == session)
    }

    /// The room is one that is always recorded, and two are there. What was stopped stays so.
    pub(super) fn record_automatically(&mut self, desk: &mut Desk) {
        let is_wanted = desk.config.recorded_rooms.iter().any(|room| room == "*" || *room == self.room);
        if !is_wanted || !desk.config.recording || self.recording.is_some() {
            return;
        }
        match self.recordable(desk) {
            Ok(session) => self.begin_recording(desk, None, None, session),
            Err(refusal) => tracing::warn!(room = %self.room, ?refusal, "this room is always recorded, but cannot be"),
        }
    }

    /// The session of a recording that may begin.
    fn recordable(&self, desk: &mut Desk) -> Result<String, RecordRefusal> {
        if !desk.config.recording {
            return Err(RecordRefusal::NoRecorder);
        }
        if self.participants.is_empty() {
            return Err(RecordRefusal::NoMeeting);
        }
        if self.recording.as_ref().is_some_and(Recording::runs) {
            return Err(RecordRefusal::Runs);
        }
        if self.is_encrypted() {
            return Err(RecordRefusal::Encrypted);
        }
        Ok(desk.sid())
    }

    /// For an occupant, or for somebody of this name who is none.
    fn begin_recording(&mut self, desk: &mut Desk, nick: Option<&str>, name: Option<String>, session: String) {
        self.recording = Some(Recording {
            session: session.clone(),
            status: Status::Pending,
            initiator: nick.map(|nick| format!("{}/{nick}", self.jid(desk))),
            failed: false,
            pinned: None,
            told: BTreeMap::new(),
        });
        desk.emit(FocusOutput::Record(RecorderOrder::Start {
            session,
            room: self.room.clone(),
            meeting_id: self.meeting_id.clone(),
            initiator: name,
        }));
        for nick in self.participants.keys().cloned().collect::<Vec<_>>() {
            self.tell_recording(desk, &nick);
        }
        self.publish(desk);
    }

    /// The session of the recording that runs.
    fn running_recording(&self, desk: &Desk, nick: &str) -> Result<String, StanzaError> {
        self.may_record(desk, nick)?;
        let running = self.recording.as_ref().filter(|recording| recording.runs());
        running.map(|recording| recording.session.clone()).ok_or(StanzaError::new(Condition::ItemNotFound))
    }

    /// The meeting is over: the recording is as well.
    pub(super) fn end_recording(&mut self, desk: &mut Desk) {
        if let Some(recording) = self.recording.take().filter(Recording::runs) {
            desk.emit(FocusOutput::Record(RecorderOrder::Stop { session: recording.session }));
        }
    }

    /// Somebody may have switched encryption on: what comes from then on is noise.
    pub(super) fn review_recording(&mut self, desk: &mut Desk) {
        let encrypted = self.is_encrypted();
        let recording = self.recording.as_mut().filter(|recording| recording.runs() && !recording.failed);
        if let Some(recording) = recording.filter(|_| encrypted) {
            tracing::warn!(room = %self.room, reason = ENCRYPTED, "the recording ends");
            recording.failed = true;
            desk.emit(FocusOutput::Record(RecorderOrder::Stop { session: recording.session.clone() }));
        }
    }

    /// The recorder says what became of it. True if it was about this meeting.
    pub(super) fn on_recorder(&mut self, desk: &mut Desk, report: &RecorderReport) -> bool {
        let (RecorderReport::On { session } | RecorderReport::Off { session, .. }) = report else { return false };
        let Some(recording) = self.recording.as_mut().filter(|recording| recording.session == *session) else {
            return false;
        };
        match report {
            RecorderReport::Inquired { .. } => {}
            RecorderReport::On { .. } => recording.status = Status::On,
            RecorderReport::Off { error, .. } => {
                recording.status = Status::Off;
                recording.failed |= error.is_some();
                recording.told.clear();
            }
        }
        self.publish(desk);
        true
    }

    /// A presence, the first or a later one.
    pub(super) fn read_recorded(&mut self, desk: &mut Desk, nick: &str, presence: &Element) {
        if let Some(participant) = self.participants.get_mut(nick) {
            participant.seen = Told::read(presence);
        }
        self.tell_recording(desk, nick);
    }

    /// Tells a running recording what is new of a participant.
    fn tell_recording(&mut self, desk: &mut Desk, nick: &str) {
        let Some(recording) = self.recording.as_mut().filter(|recording| recording.runs()) else {
            return;
        };
        let Some(seen) = self.participants.get(nick).map(|participant| &participant.seen) else {
            return;
        };
        let endpoint = || nick.to_owned();
        let mut news = Vec::new();
        let before = recording.told.insert(nick.to_owned(), seen.clone());
        match &before {
            None => news.push(Happening::Joined { endpoint: endpoint(), name: seen.name.clone() }),
            Some(before) if before.name != seen.name => {
                news.push(Happening::Renamed { endpoint: endpoint(), name: seen.name.clone() });
            }
            Some(_) => {}
        }
        let before = before.unwrap_or_default();
        if before.raised != seen.raised {
            news.push(Happening::Hand { endpoint: endpoint(), raised: seen.raised });
        }
        let changed = seen.muted.iter().filter(|(source, muted)| before.muted.get(*source) != Some(muted));
        news.extend(changed.map(|(source, muted)| Happening::Muted { source: source.clone(), muted: *muted }));
        let pinned = self.participants.values().filter(|participant| participant.is_owner());
        let pinned = pinned.filter_map(|participant| participant.seen.pinned.as_ref()).min().cloned();
        if recording.pinned != pinned {
            recording.pinned.clone_from(&pinned);
            news.push(Happening::Pinned { endpoint: pinned });
        }
        let session = &recording.session;
        for what in news {
            desk.emit(FocusOutput::Record(RecorderOrder::Happened { session: session.clone(), what }));
        }
    }

    /// Somebody wrote to everybody.
    pub(super) fn tell_said(&mut self, desk: &mut Desk, nick: &str, text: &str) {
        let recording = self.recording.as_ref().filter(|recording| recording.runs() && desk.config.recorded_chat);
        if let Some(recording) = recording.filter(|recording| recording.told.contains_key(nick)) {
            let what = Happening::Chat { endpoint: nick.to_owned(), text: text.to_owned() };
            desk.emit(FocusOutput::Record(RecorderOrder::Happened { session: recording.session.clone(), what }));
        }
    }

    /// Somebody left.
    pub(super) fn tell_left(&mut self, desk: &mut Desk, nick: &str) {
        let recording = self.recording.as_mut().filter(|recording| recording.runs());
        if let Some(recording) = recording.filter(|recording| recording.told.contains_key(nick)) {
            recording.told.remove(nick);
            let what = Happening::Left { endpoint: nick.to_owned() };
            desk.emit(FocusOutput::Record(RecorderOrder::Happened { session: recording.session.clone(), what }));
        }
    }
}
