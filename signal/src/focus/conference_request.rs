//! IQs to the focus itself: is the room ready, who are you, may I? (Jicofo: `ConferenceIqHandler`.)

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jitsi_wire::focus::{ConferenceAnswer, ConferenceRequest, FocusRequest};
use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns, stanza};

use super::Focus;
use super::FocusOutput;
use super::conference::{Conference, StartMutedAfter};
use super::limits::Bucket;

/// Requests that one client may make at once; a client that waits for the host repeats its request every few seconds.
const REQUEST_BURST: u32 = 20;
const REQUEST_EVERY: Duration = Duration::from_secs(1);
/// Rooms that may be made at once by everybody together.
const ROOM_BURST: u32 = 50;
const ROOM_EVERY: Duration = Duration::from_millis(200);
/// Clients whose rate is remembered; beyond, those who have been quiet are forgotten.
const MAX_CLIENTS: usize = 1024;

/// How often clients ask.
#[derive(Debug)]
pub(super) struct RequestLimits {
    clients: BTreeMap<Jid, Bucket>,
    rooms: Option<Bucket>,
}

impl RequestLimits {
    pub(super) fn new() -> Self {
        RequestLimits { clients: BTreeMap::new(), rooms: None }
    }

    fn may_ask(&mut self, now: Instant, from: &Jid) -> bool {
        if self.clients.len() >= MAX_CLIENTS && !self.clients.contains_key(from) {
            self.clients.retain(|_, bucket| !bucket.is_full(now));
            if self.clients.len() >= MAX_CLIENTS {
                return false;
            }
        }
        let fresh = || Bucket::new(now, REQUEST_BURST, REQUEST_EVERY);
        let bucket = self.clients.entry(from.clone()).or_insert_with(fresh);
        bucket.take(now)
    }

    fn may_open(&mut self, now: Instant) -> bool {
        let fresh = || Bucket::new(now, ROOM_BURST, ROOM_EVERY);
        self.rooms.get_or_insert_with(fresh).take(now)
    }
}

impl Focus {
    pub(super) fn on_request(&mut self, now: Instant, from: &Jid, to: &str, iq: &Element) {
        if !matches!(iq.attr("type"), Some("get" | "set")) {
            return;
        }
        let mut reply = match self.answer(now, from, iq) {
            Ok(payload) => stanza::iq_result(iq).with_children(payload),
            Err(error) => stanza::iq_error(iq, &error),
        };
        reply.set_attr("from", to);
        reply.set_attr("to", from.to_string());
        self.desk.emit(FocusOutput::Reply { to: from.clone(), stanza: reply });
    }

    fn answer(&mut self, now: Instant, from: &Jid, iq: &Element) -> Result<Option<Element>, StanzaError> {
        if !self.requests.may_ask(now, from) {
            return Err(StanzaError::new(Condition::ResourceConstraint));
        }
        if iq.child_in("ping", ns::PING).is_some() {
            return Ok(None);
        }
        match FocusRequest::find(iq) {
            Some(FocusRequest::Conference(request)) => self.on_conference_request(now, &request).map(Some),
            // Nobody logs in here, so nobody has anything to leave.
            Some(FocusRequest::Logout { .. }) => Ok(Some(Element::in_ns("logout", ns::FOCUS))),
            Some(FocusRequest::LoginUrl { .. }) => {
                let error = StanzaError::new(Condition::ServiceUnavailable);
                Err(error.with_text("This server has no log-in"))
            }
            None => Err(StanzaError::new(Condition::ServiceUnavailable)),
        }
    }

    /// The room is there, with the focus in it, before the answer.
    fn on_conference_request(&mut self, now: Instant, request: &ConferenceRequest) -> Result<Element, StanzaError> {
        let domain = format!("conference.{}", self.desk.config.domain);
        let text = request.room.as_deref().unwrap_or_default();
        let room: Jid = text.parse().map_err(|_| StanzaError::new(Condition::JidMalformed))?;
        let Some(node) = room.node.as_deref().filter(|_| room.domain == domain) else {
            let error = StanzaError::new(Condition::BadRequest);
            return Err(error.with_text("No room of this server"));
        };
        self.ensure(now, node, start_muted_after(request))?;
        let answer = ConferenceAnswer {
            room: room.to_bare().to_string(),
            ready: true,
            focus_jid: format!("focus@auth.{}", self.desk.config.domain),
            properties: vec![("authentication".to_owned(), "false".to_owned())],
            ..ConferenceAnswer::default()
        };
        Ok(answer.to_element())
    }

    /// Makes the conference when it does not exist.
    fn ensure(&mut self, now: Instant, node: &str, after: StartMutedAfter) -> Result<(), StanzaError> {
        if let Some(conference) = self.conferences.get(node) {
            conference.reopen(&mut self.desk);
            return Ok(());
        }
        let room_left = self.conferences.len() < self.desk.config.max_rooms;
        if !room_left || !self.requests.may_open(now) {
            let error = StanzaError::new(Condition::ResourceConstraint);
            return Err(error.with_text("Too many meetings at once"));
        }
        let conference = Conference::open(now, &mut self.desk, node, after);
        self.conferences.insert(node.to_owned(), conference);
        Ok(())
    }
}

fn start_muted_after(request: &ConferenceRequest) -> StartMutedAfter {
    let count = |name| request.property(name).and_then(|text| text.parse().ok());
    StartMutedAfter { audio: count("startAudioMuted"), video: count("startVideoMuted") }
}
