//! `/http-bind`: XMPP streams of clients whose way lets no WebSocket through.
//!
//! Each session is a task that owns the stream; the connections come and go.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, StatusCode};
use jitsi_wire::bosh::{self, Condition};
use jitsi_wire::xmpp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tracing::debug;

use super::authority::{Arrival, Origin};
use super::http::{self, Answer};
use super::hub::Session;
use super::listener::{Guest, Shared, neighbourhood};
use super::outbox::{Outgoing, Outlet};
use super::post;
use super::route::room;
use crate::c2s::{Bosh, BoshOutput, Ticket};
use crate::router::Connection;

/// What `<body/>` adds to a stanza.
const ENVELOPE: usize = 4 * 1024;
/// Requests of one session that wait to be taken up: as many as may be under way, sent twice.
const QUEUE: usize = 4;
/// The longest that a request may be under way.
const LAST_REQUEST: Duration = Duration::from_secs(70);
/// Digits of a session's id.
const SID: usize = 32;

/// Sessions by their ids.
#[derive(Default)]
pub(super) struct Sessions(RefCell<HashMap<String, mpsc::Sender<Posted>>>);

impl Sessions {
    /// The beginning of a body, which need not be well-formed, names a session that is there.
    fn is_named(&self, beginning: &[u8]) -> bool {
        let tag = beginning.split(|byte| *byte == b'>').next().unwrap_or_default();
        let Some((_, behind)) = std::str::from_utf8(tag).ok().and_then(|tag| tag.split_once(" sid=")) else {
            return false;
        };
        behind.get(1..1 + SID).is_some_and(|sid| self.0.borrow().contains_key(sid))
    }
}

/// A request, and where its answer goes.
struct Posted {
    request: bosh::Request,
    answer: oneshot::Sender<String>,
}

/// Answers a request, perhaps after a while.
pub(super) async fn serve(
    shared: &Rc<Shared>,
    request: Request<Incoming>,
    origin: &Origin,
    arrival: &Arrival,
) -> Answer {
    let way = Connection {
        room: room(request.uri().query()),
        authority: origin.for_client(&request, arrival, &shared.proxies).to_string(),
        secure: origin.secure,
        address: origin.client.map(neighbourhood),
        websocket: false,
    };
    let request = match read(shared, request).await {
        Ok(request) => request,
        Err(refusal) => return *refusal,
    };
    let to = match &request.sid {
        Some(sid) => shared.bosh.0.borrow().get(sid).cloned(),
        None => match begin(shared, &request, origin, way) {
            Ok(session) => Some(session),
            Err(refusal) => return *refusal,
        },
    };
    let Some(to) = to else { return end(Condition::ItemNotFound) };
    let (answer, body) = oneshot::channel();
    if to.try_send(Posted { request, answer }).is_err() {
        return end(Condition::PolicyViolation);
    }
    let mut answer = match body.await {
        Ok(body) => xml(body),
        Err(_) => end(Condition::ItemNotFound),
    };
    if arrival.at.elapsed() + LAST_REQUEST > shared.limits.http_connection {
        // The next one would be cut off while it waits.
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

async fn read(shared: &Rc<Shared>, request: Request<Incoming>) -> Result<bosh::Request, Box<Answer>> {
    let longest = shared.limits.xmpp_frame + ENVELOPE;
    let is_named = |beginning: &[u8]| shared.bosh.is_named(beginning);
    let body = post::text(&shared.limits, &shared.unread, request, longest, is_named).await?;
    let limits = xmpp::Limits { bytes: longest, ..xmpp::Limits::default() };
    bosh::Request::parse(&body.text, &limits).map_err(|error| {
        debug!(%error, "no BOSH");
        Box::new(end(Condition::BadRequest))
    })
}

fn begin(
    shared: &Rc<Shared>,
    first: &bosh::Request,
    origin: &Origin,
    way: Connection,
) -> Result<mpsc::Sender<Posted>, Box<Answer>> {
    let Ok(guest) = Guest::admit(shared, origin, true) else {
        return Err(Box::new(http::plain(StatusCode::TOO_MANY_REQUESTS, "too many connections from your address\n")));
    };
    let Some(sid) = sid() else {
        return Err(Box::new(http::plain(StatusCode::SERVICE_UNAVAILABLE, "no randomness\n")));
    };
    let (sender, posted) = mpsc::channel(QUEUE);
    shared.bosh.0.borrow_mut().insert(sid.clone(), sender.clone());
    let bosh = Bosh::new(Instant::now(), &sid, first, &shared.site.client.domain);
    let carrier = Carrier { bosh, session: shared.hub.open(way), answers: HashMap::new(), tickets: 0 };
    let shared = Rc::clone(shared);
    spawn_local(async move {
        let _open = shared.socket_opened();
        carrier.run(posted).await;
        shared.bosh.0.borrow_mut().remove(&sid);
        drop(guest);
    });
    Ok(sender)
}

/// 128 random bits: whoever knows them has the session.
fn sid() -> Option<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// A stream, carried by requests.
struct Carrier {
    bosh: Bosh,
    session: Session,
    answers: HashMap<Ticket, oneshot::Sender<String>>,
    tickets: u64,
}

impl Carrier {
    async fn run(mut self, mut posted: mpsc::Receiver<Posted>) {
        while !self.bosh.is_over() {
            let due = self.bosh.next_wakeup();
            let timer = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(Posted { request, answer }) = posted.recv() => {
                    self.tickets += 1;
                    let ticket = Ticket(self.tickets);
                    self.answers.insert(ticket, answer);
                    self.bosh.on_request(Instant::now(), ticket, request);
                }
                outgoing = next(&self.session), if self.bosh.is_listening() => self.take(outgoing),
                () = timer => self.bosh.on_wakeup(Instant::now()),
            }
            self.carry_out();
        }
    }

    /// Everything that is there now goes into one answer.
    fn carry_out(&mut self) {
        self.poll();
        while self.bosh.is_listening()
            && let Poll::Ready(outgoing) = ready(&self.session)
        {
            self.take(outgoing);
        }
        self.bosh.flush(Instant::now());
        self.poll();
    }

    fn poll(&mut self) {
        while let Some(output) = self.bosh.poll() {
            match output {
                BoshOutput::Frame(frame) => self.session.frame(&frame),
                BoshOutput::Answer { ticket, body } => {
                    if let Some(answer) = self.answers.remove(&ticket) {
                        // Whoever has gone asks again.
                        let _ = answer.send(body);
                    }
                }
            }
        }
    }

    fn take(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Text(text) => self.bosh.on_frame(text.as_str().to_owned()),
            Outgoing::Close { .. } => self.bosh.on_closed(Condition::None),
            Outgoing::Overflow => self.bosh.on_closed(Condition::PolicyViolation),
        }
    }
}

async fn next(session: &Session) -> Outgoing {
    poll_fn(|cx| (&*session.outbox).poll_outgoing(cx)).await
}

fn ready(session: &Session) -> Poll<Outgoing> {
    (&*session.outbox).poll_outgoing(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

fn xml(body: String) -> Answer {
    http::answer(StatusCode::OK, "text/xml; charset=utf-8", body)
}

/// The client must not come back with this session.
fn end(condition: Condition) -> Answer {
    xml(bosh::answer(None, &[], Some(condition)))
}
