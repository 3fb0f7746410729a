//! A client's stream in HTTP requests (XEP-0124, XEP-0206): which request is read when, and which one is answered with what.
//!
//! The client posts its stanzas, and leaves a request or two open for ours. Call order: one of [`Bosh::on_request`],
//! [`Bosh::on_frame`], [`Bosh::on_wakeup`]; then [`Bosh::poll`] until `None`, which may lead to further frames; then
//! [`Bosh::flush`] and [`Bosh::poll`] again.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use jitsi_wire::bosh::{self, Condition, Request, Terms};
use jitsi_wire::xmpp::xml::escape_attr;

/// The longest that a request is left open.
const MAX_WAIT: u32 = 60;
/// A client that has no request open for this long is gone.
const INACTIVITY: u32 = 30;
/// Bytes in one answer, beyond its last frame.
const ANSWER: usize = 32 * 1024;
/// A longer answer is not kept.
const KEPT: usize = 2 * ANSWER;
/// Bytes of a request that overtook others: it has to wait.
const EARLY: usize = 32 * 1024;

/// Names a request for whoever carries the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoshOutput {
    /// The client said this, as it would on a WebSocket.
    Frame(String),
    Answer {
        ticket: Ticket,
        body: String,
    },
}

/// What a request says on the stream.
#[derive(Debug)]
struct Said {
    frames: Vec<String>,
    terminate: bool,
}

impl Said {
    /// Bytes of memory, about.
    fn size(&self) -> usize {
        self.frames.iter().map(|frame| frame.len() + 2 * size_of::<String>()).sum()
    }
}

/// One session.
#[derive(Debug)]
pub struct Bosh {
    terms: Terms,
    greeted: bool,
    /// The request that is read next.
    next: u64,
    /// Requests that overtook it, as text: trees take a multiple of that.
    early: BTreeMap<u64, Said>,
    /// Requests without an answer.
    open: BTreeMap<u64, (Ticket, Instant)>,
    /// The last answers, if not too long: one that was lost on its way is asked for again.
    answered: VecDeque<(u64, String)>,
    /// For the client.
    frames: VecDeque<String>,
    bytes: usize,
    end: Option<Condition>,
    /// Since when no request has been open.
    idle: Option<Instant>,
    over: bool,
    outputs: VecDeque<BoshOutput>,
}

impl Bosh {
    /// For the session that `first` asks for. Hand it over by [`Bosh::on_request`] next.
    pub fn new(now: Instant, sid: &str, first: &Request, domain: &str) -> Self {
        let hold = first.hold.unwrap_or(1).min(1);
        Self {
            terms: Terms {
                sid: sid.to_owned(),
                from: first.to.clone().unwrap_or_else(|| domain.to_owned()),
                wait: first.wait.unwrap_or(MAX_WAIT).clamp(1, MAX_WAIT),
                hold,
                requests: hold + 1,
                inactivity: INACTIVITY,
            },
            greeted: false,
            next: first.rid,
            early: BTreeMap::new(),
            open: BTreeMap::new(),
            answered: VecDeque::new(),
            frames: VecDeque::new(),
            bytes: 0,
            end: None,
            idle: Some(now),
            over: false,
            outputs: VecDeque::new(),
        }
    }

    /// Next thing to do.
    pub fn poll(&mut self) -> Option<BoshOutput> {
        self.outputs.pop_front()
    }

    /// Frames for the client are of use: there is a request to answer, and room in the answer.
    pub fn is_listening(&self) -> bool {
        self.end.is_none() && self.answerable().is_some() && self.bytes < ANSWER
    }

    /// The session has ended and the client knows, or cannot be told.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// When to call [`Bosh::on_wakeup`].
    pub fn next_wakeup(&self) -> Option<Instant> {
        let answer = self.open.values().map(|(_, until)| *until).min();
        answer.or_else(|| Some(self.idle? + Duration::from_secs(INACTIVITY.into())))
    }

    pub fn on_request(&mut self, now: Instant, ticket: Ticket, request: Request) {
        let rid = request.rid;
        let until = now + Duration::from_secs(self.terms.wait.into());
        if let Some((_, body)) = self.answered.iter().find(|(answered, _)| *answered == rid) {
            let body = body.clone();
            return self.outputs.push_back(BoshOutput::Answer { ticket, body });
        }
        if let Some((before, _)) = self.open.insert(rid, (ticket, until)) {
            // Sent again, because its connection broke.
            let body = bosh::answer(None, &[], None);
            self.outputs.push_back(BoshOutput::Answer { ticket: before, body });
        } else if rid < self.next || rid >= self.next + u64::from(self.terms.requests) {
            self.end.get_or_insert(Condition::ItemNotFound);
        } else {
            let said = self.said(&request);
            if rid > self.next && said.size() > EARLY {
                self.end.get_or_insert(Condition::PolicyViolation);
            }
            self.early.insert(rid, said);
        }
        self.idle = None;
        while self.end.is_none()
            && let Some(Said { frames, terminate }) = self.early.remove(&self.next)
        {
            self.next += 1;
            self.outputs.extend(frames.into_iter().map(BoshOutput::Frame));
            if terminate {
                self.end.get_or_insert(Condition::None);
            }
        }
        if self.end.is_some() {
            self.early.clear();
        }
    }

    fn said(&self, request: &Request) -> Said {
        let mut frames = Vec::with_capacity(request.payload.len());
        if request.sid.is_none() || request.restart {
            let to = request.to.as_deref().unwrap_or(&self.terms.from);
            let mut open = String::from("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0' to='");
            escape_attr(to, &mut open);
            open.push_str("'/>");
            frames.push(open);
        }
        frames.extend(request.payload.iter().map(ToString::to_string));
        if request.terminate {
            frames.push("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>".to_owned());
        }
        Said { frames, terminate: request.terminate }
    }

    /// A frame for the client, as it would be on a WebSocket.
    pub fn on_frame(&mut self, frame: String) {
        if frame.starts_with("<open ") {
            // The first answer says the same.
            return;
        }
        if frame.starts_with("<close ") {
            self.end.get_or_insert(Condition::None);
            return;
        }
        if frame.starts_with("<stream:error ") {
            self.end.get_or_insert(Condition::RemoteStreamError);
        }
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// The stream has ended.
    pub fn on_closed(&mut self, condition: Condition) {
        self.end.get_or_insert(condition);
    }

    /// Time has come.
    pub fn on_wakeup(&mut self, now: Instant) {
        while let Some(rid) = self.answerable()
            && self.open.get(&rid).is_some_and(|(_, until)| *until <= now)
        {
            self.answer(now, rid);
        }
        // Whoever waits for a request that never came has waited long enough.
        self.over |= self.open.values().any(|(_, until)| *until <= now);
        self.over |= self.idle.is_some_and(|idle| idle + Duration::from_secs(INACTIVITY.into()) <= now);
    }

    /// Answers what has waited for something to say, or waits for nothing any more.
    pub fn flush(&mut self, now: Instant) {
        if self.end.is_some() {
            // What came too early will not be read; it is answered all the same.
            while let Some(rid) = self.open.keys().next().copied() {
                self.answer(now, rid);
                self.over = true;
            }
            return;
        }
        let hold = usize::try_from(self.terms.hold).unwrap_or(1);
        while let Some(rid) = self.answerable()
            && (!self.frames.is_empty() || self.open.len() > hold)
        {
            self.answer(now, rid);
        }
    }

    /// The first request without an answer that has been read.
    fn answerable(&self) -> Option<u64> {
        self.open.keys().next().copied().filter(|rid| *rid < self.next)
    }

    fn answer(&mut self, now: Instant, rid: u64) {
        let Some((ticket, _)) = self.open.remove(&rid) else {
            return;
        };
        let terms = (!std::mem::replace(&mut self.greeted, true)).then_some(&self.terms);
        let frames: Vec<String> = self.frames.drain(..).collect();
        self.bytes = 0;
        let body = bosh::answer(terms, &frames, self.end);
        if body.len() <= KEPT {
            self.answered.push_back((rid, body.clone()));
        }
        while self.answered.len() > usize::try_from(self.terms.requests).unwrap_or(2) {
            self.answered.pop_front();
        }
        if self.open.is_empty() {
            self.idle = Some(now);
        }
        self.outputs.push_back(BoshOutput::Answer { ticket, body });
    }
}

#[cfg(test)]
mod tests {
    use jitsi_wire::xmpp::{Element, Limits};

    use super::*;

    struct Client {
        bosh: Bosh,
        now: Instant,
        tickets: u64,
    }

    fn request(rid: u64, attributes: &str, payload: &str) -> Request {
        let text = format!(
            "<body xmlns='{}' rid='{rid}' xmlns:xmpp='urn:xmpp:xbosh' {attributes}>{payload}</body>",
            bosh::HTTPBIND
        );
        Request::parse(&text, &Limits::default()).unwrap()
    }

    impl Client {
        /// A session whose first request has been answered with its features.
        fn new() -> Self {
            let now = Instant::now();
            let first = request(10, "to='d' wait='60' hold='1'", "");
            let mut client = Self { bosh: Bosh::new(now, "s", &first, "d"), now, tickets: 0 };
            let (frames, answers) = client.post(first, &["<open />", "<features/>"]);
            assert_eq!(frames, ["<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0' to='d'/>"]);
            let [(0, body)] = &answers[..] else { panic!("{answers:?}") };
            let body = Element::parse(body, &Limits::default()).unwrap();
            assert_eq!((body.attr("sid"), body.attr("requests")), (Some("s"), Some("2")));
            assert!(body.child("features").is_some());
            client
        }

        /// Frames that were read and answers that went out, when the stream says `said` to it.
        fn post(&mut self, request: Request, said: &[&str]) -> (Vec<String>, Vec<(u64, String)>) {
            let ticket = Ticket(self.tickets);
            self.tickets += 1;
            self.bosh.on_request(self.now, ticket, request);
            self.drain(said)
        }

        fn drain(&mut self, said: &[&str]) -> (Vec<String>, Vec<(u64, String)>) {
            let (mut frames, mut answers) = (Vec::new(), Vec::new());
            said.iter().for_each(|frame| self.bosh.on_frame((*frame).to_owned()));
            self.bosh.flush(self.now);
            while let Some(output) = self.bosh.poll() {
                match output {
                    BoshOutput::Frame(frame) => frames.push(frame),
                    BoshOutput::Answer { ticket, body } => answers.push((ticket.0, body)),
                }
            }
            (frames, answers)
        }
    }

    fn empty() -> String {
        bosh::answer(None, &[], None)
    }

    #[test]
    fn a_request_is_held_until_there_is_something_to_say() {
        let mut client = Client::new();
        assert_eq!(client.post(request(11, "sid='s'", ""), &[]), (vec![], vec![]));
        let (frames, answers) = client.post(request(12, "sid='s'", "<iq xmlns='jabber:client'/>"), &[]);
        assert_eq!(frames, ["<iq xmlns='jabber:client'/>"]);
        assert_eq!(answers, [(1, empty())], "one is held, not two");
        let (_, answers) = client.drain(&["<iq id='1'/>", "<iq id='2'/>"]);
        assert_eq!(answers[0].0, 2);
        assert!(answers[0].1.contains("<iq id='1'/><iq id='2'/>"));
        assert!(!client.bosh.is_listening());
    }

    #[test]
    fn requests_are_read_in_order_and_answered_in_order() {
        let mut client = Client::new();
        assert_eq!(client.post(request(12, "sid='s'", "<b/>"), &[]), (vec![], vec![]));
        assert!(!client.bosh.is_listening(), "the one that is missing is answered first");
        let (frames, answers) = client.post(request(11, "sid='s'", "<a/>"), &[]);
        assert_eq!(frames, ["<a/>", "<b/>"]);
        assert_eq!(answers, [(2, empty())]);
    }

    #[test]
    fn what_was_lost_on_its_way_is_said_again() {
        let mut client = Client::new();
        client.post(request(11, "sid='s'", "<a/>"), &[]);
        // Before the answer: nothing is read twice.
        let (frames, answers) = client.post(request(11, "sid='s'", "<a/>"), &[]);
        assert_eq!((frames, answers), (vec![], vec![(1, empty())]));
        let (_, answers) = client.drain(&["<x/>"]);
        assert_eq!(answers[0].0, 2);
        // After it.
        let (frames, again) = client.post(request(11, "sid='s'", "<a/>"), &[]);
        assert_eq!((frames, again), (vec![], vec![(3, answers[0].1.clone())]));
    }

    #[test]
    fn a_long_answer_waits_for_the_next_request() {
        let mut client = Client::new();
        client.post(request(11, "sid='s'", ""), &[]);
        let long = format!("<x a='{}'/>", "x".repeat(ANSWER));
        client.bosh.on_frame(long);
        assert!(!client.bosh.is_listening(), "what comes now stays where it is counted");
        assert_eq!(client.drain(&[]).1.len(), 1);
        let (_, again) = client.post(request(11, "sid='s'", ""), &[]);
        assert!(again[0].1.len() > ANSWER);
        client.post(request(12, "sid='s'", ""), &[]);
        assert!(client.bosh.is_listening());
        client.drain(&[&format!("<x a='{}'/>", "x".repeat(KEPT))]);
        // Too long to be kept: the client has to begin anew.
        let (_, again) = client.post(request(12, "sid='s'", ""), &[]);
        assert!(again[0].1.contains("condition='item-not-found'"));
    }

    #[test]
    fn a_long_request_must_not_overtake_another() {
        let long = format!("<a b='{}'/>", "x".repeat(EARLY));
        let mut client = Client::new();
        let (frames, _) = client.post(request(11, "sid='s'", &long), &[]);
        assert_eq!(frames[0].len(), long.len(), "in order it may be long");
        let (frames, answers) = client.post(request(13, "sid='s'", &long), &[]);
        assert!(frames.is_empty());
        assert!(answers[0].1.contains("condition='policy-violation'"), "{answers:?}");
        assert!(client.bosh.is_over() && client.bosh.early.is_empty());
        // A frame takes more than its bytes.
        let mut client = Client::new();
        let (_, answers) = client.post(request(12, "sid='s'", &"<a/>".repeat(EARLY / 8)), &[]);
        assert!(answers[0].1.contains("condition='policy-violation'"), "{answers:?}");
    }

    #[test]
    fn strangers_and_those_out_of_step_end_the_session() {
        for rid in [3, 13, 9999] {
            let mut client = Client::new();
            let (_, answers) = client.post(request(rid, "sid='s'", "<a/>"), &[]);
            assert!(answers[0].1.contains("condition='item-not-found'"), "{rid}: {answers:?}");
            assert!(client.bosh.is_over());
        }
    }

    #[test]
    fn the_client_restarts_its_stream_and_ends_it() {
        let mut client = Client::new();
        let (frames, _) = client.post(request(11, "sid='s' to='d' xmpp:restart='true'", ""), &[]);
        assert!(frames[0].starts_with("<open "));
        let (frames, answers) = client.post(request(12, "sid='s' type='terminate'", "<presence/>"), &["<close />"]);
        assert_eq!(frames[0], "<presence/>");
        assert!(frames[1].starts_with("<close "));
        assert_eq!(answers.len(), 2);
        assert!(answers[0].1.contains("type='terminate'"));
        assert!(client.bosh.is_over());
    }

    #[test]
    fn time_answers_what_is_held_and_ends_what_is_left() {
        let mut client = Client::new();
        client.post(request(11, "sid='s'", ""), &[]);
        client.now += Duration::from_secs(59);
        client.bosh.on_wakeup(client.now);
        assert_eq!(client.drain(&[]), (vec![], vec![]));
        client.now += Duration::from_secs(1);
        assert_eq!(client.bosh.next_wakeup(), Some(client.now));
        client.bosh.on_wakeup(client.now);
        assert_eq!(client.drain(&[]), (vec![], vec![(1, empty())]));
        client.now += Duration::from_secs(30);
        assert_eq!(client.bosh.next_wakeup(), Some(client.now));
        client.bosh.on_wakeup(client.now);
        assert!(client.bosh.is_over());
    }

    #[test]
    fn a_stream_error_is_told_and_ends_the_session() {
        let mut client = Client::new();
        client.post(request(11, "sid='s'", ""), &[]);
        let (_, answers) =
            client.drain(&["<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>", "<close />"]);
        assert!(answers[0].1.contains("condition='remote-stream-error'") && answers[0].1.contains("<stream:error"));
        assert!(client.bosh.is_over());
    }
}
