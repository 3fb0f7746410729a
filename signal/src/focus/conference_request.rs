//! IQs to the focus itself: is the room ready, who are you, may I? (Jicofo: `ConferenceIqHandler`.)

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use jitsi_wire::focus::{ConferenceAnswer, ConferenceRequest, FocusRequest};
use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns, stanza};

use super::Focus;
use super::FocusOutput;
use super::conference::{Conference, StartMutedAfter};
use super::limits::Bucket;
use crate::muc::{is_breakout, room_key};

/// Requests that one client may make at once; a client that waits for the host repeats its request every few seconds.
const REQUEST_BURST: u32 = 20;
const REQUEST_EVERY: Duration = Duration::from_secs(1);
/// Rooms that may be made at once by all those together who wait for others already.
const ROOM_BURST: u32 = 100;
const ROOM_EVERY: Duration = Duration::from_millis(50);
/// Rooms that one client may ask for without entering any of them.
const MAX_UNENTERED: usize = 5;
/// Clients that are remembered as having asked for one room; with more of them it stays for its full time.
const MAX_ASKERS: usize = 16;
/// A room that nobody entered for this long makes place for another when there are too many.
const GRACE: Duration = Duration::from_secs(5);
/// People who may ask over HTTP from one network at once. They have no address of their own until they have a stream.
const PEOPLE: u32 = 8;

/// Who asks for a room.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    pub(super) jid: &'a Jid,
    /// Where it is, when that is known.
    pub(super) network: Option<IpAddr>,
}

impl Asker<'_> {
    fn people(&self, domain: &str) -> u32 {
        if self.jid.domain.strip_prefix("http.") == Some(domain) { PEOPLE } else { 1 }
    }
}

/// How often clients ask.
#[derive(Debug, Default)]
pub(super) struct RequestLimits {
    clients: BTreeMap<Jid, Bucket>,
    rooms: Option<Bucket>,
}

impl RequestLimits {
    /// The rate of `max` clients is remembered; beyond, those who have been quiet are forgotten.
    fn may_ask(&mut self, now: Instant, from: &Jid, people: u32, max: usize) -> bool {
        if self.clients.len() >= max && !self.clients.contains_key(from) {
            self.clients.retain(|_, bucket| !bucket.is_full(now));
            if self.clients.len() >= max {
                return false;
            }
        }
        let fresh = || Bucket::new(now, REQUEST_BURST * people, REQUEST_EVERY / people);
        let bucket = self.clients.entry(from.clone()).or_insert_with(fresh);
        bucket.take(now)
    }

    fn may_open(&mut self, now: Instant) -> bool {
        let fresh = || Bucket::new(now, ROOM_BURST, ROOM_EVERY);
        self.rooms.get_or_insert_with(fresh).take(now)
    }
}

impl Focus {
    pub(super) fn on_request(&mut self, now: Instant, from: &Asker<'_>, to: &str, iq: &Element) {
        if !matches!(iq.attr("type"), Some("get" | "set")) {
            return;
        }
        let mut reply = match self.answer(now, from, iq) {
            Ok(payload) => stanza::iq_result(iq).with_children(payload),
            Err(error) => stanza::iq_error(iq, &error),
        };
        reply.set_attr("from", to);
        reply.set_attr("to", from.jid.to_string());
        self.desk.emit(FocusOutput::Reply { to: from.jid.clone(), stanza: reply });
    }

    fn answer(&mut self, now: Instant, from: &Asker<'_>, iq: &Element) -> Result<Option<Element>, StanzaError> {
        if !self.requests.may_ask(now, from.jid, from.people(&self.desk.config.domain), self.desk.config.max_clients) {
            return Err(StanzaError::new(Condition::ResourceConstraint));
        }
        if iq.child_in("ping", ns::PING).is_some() {
            return Ok(None);
        }
        match FocusRequest::find(iq) {
            Some(FocusRequest::Conference(request)) => self.on_conference_request(now, from, &request).map(Some),
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
    fn on_conference_request(
        &mut self,
        now: Instant,
        from: &Asker<'_>,
        request: &ConferenceRequest,
    ) -> Result<Element, StanzaError> {
        let text = request.room.as_deref().unwrap_or_default();
        let room: Jid = text.parse().map_err(|_| StanzaError::new(Condition::JidMalformed))?;
        let Some(name) = room_key(&room, &self.desk.config.domain) else {
            let error = StanzaError::new(Condition::BadRequest);
            return Err(error.with_text("No room of this server"));
        };
        self.ensure(now, from, &name, start_muted_after(request))?;
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
    fn ensure(
        &mut self,
        now: Instant,
        from: &Asker<'_>,
        node: &str,
        after: StartMutedAfter,
    ) -> Result<(), StanzaError> {
        if let Some(conference) = self.conferences.get_mut(node) {
            if conference.is_unentered() && conference.askers.len() <= MAX_ASKERS {
                conference.askers.insert(from.jid.clone());
            }
            conference.reopen(&mut self.desk);
            return Ok(());
        }
        let refusal = |text| Err(StanzaError::new(Condition::ResourceConstraint).with_text(text));
        let waiting = self.waiting_for(from.jid);
        if waiting >= MAX_UNENTERED * usize::try_from(from.people(&self.desk.config.domain)).unwrap_or(1) {
            return refusal("Enter one of the meetings that you asked for first");
        }
        if self.has_enough(node, from.network) {
            return refusal("Too many meetings of your network at once");
        }
        let room_left = !self.is_full(node) || self.make_place(now, node, waiting);
        // Whoever wants a single room does not have to wait for those who want many.
        if !room_left || waiting > 0 && !self.requests.may_open(now) {
            return refusal("Too many meetings at once");
        }
        let mut conference = Conference::open(now, &mut self.desk, node, after);
        conference.askers.insert(from.jid.clone());
        conference.network = from.network;
        self.conferences.insert(node.to_owned(), conference);
        Ok(())
    }

    /// Rooms that this client asked for and that nobody has entered.
    fn waiting_for(&self, client: &Jid) -> usize {
        self.conferences.values().filter(|c| c.askers.contains(client)).count()
    }

    /// Gives up a room like `node` that nobody has entered: one of somebody who waits for more rooms than the asker with its `waiting`
    /// ones, or else the one that has waited longest.
    fn make_place(&mut self, now: Instant, node: &str, waiting: usize) -> bool {
        let is_like = |room: &str| is_breakout(room) == is_breakout(node);
        let unentered = || self.conferences.iter().filter(|(room, c)| is_like(room) && c.is_unentered());
        let is_hoarded = |c: &Conference| {
            let only = c.askers.first().filter(|_| c.askers.len() == 1);
            only.is_some_and(|asker| self.waiting_for(asker) > waiting + 1)
        };
        let until = now + self.desk.config.unentered_room.saturating_sub(GRACE);
        let room = unentered().find(|(_, c)| is_hoarded(c)).or_else(|| {
            unentered().min_by_key(|(_, c)| c.empty_at).filter(|(_, c)| c.empty_at.is_some_and(|at| at <= until))
        });
        let Some(room) = room.map(|(room, _)| room.clone()) else {
            return false;
        };
        self.drop_unentered(room);
        true
    }

    /// A client is gone: what only it asked for and nobody entered goes with it.
    pub fn forget_client(&mut self, client: &Jid) {
        self.requests.clients.remove(client);
        let mut unwanted = Vec::new();
        for (room, conference) in &mut self.conferences {
            let many = conference.askers.len() > MAX_ASKERS;
            if !many && conference.askers.remove(client) && conference.askers.is_empty() {
                unwanted.push(room.clone());
            }
        }
        for room in unwanted {
            self.drop_unentered(room);
        }
    }

    fn drop_unentered(&mut self, room: String) {
        self.conferences.remove(&room);
        self.desk.emit(FocusOutput::DestroyRoom { room, reason: "Nobody came".to_owned() });
    }
}

fn start_muted_after(request: &ConferenceRequest) -> StartMutedAfter {
    let count = |name| request.property(name).and_then(|text| text.parse().ok());
    StartMutedAfter { audio: count("startAudioMuted"), video: count("startVideoMuted") }
}
