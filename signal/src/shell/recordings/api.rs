//! `/api/v1`: who asks, and for what.

use std::cell::RefCell;
use std::io::{self, Seek, SeekFrom};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderValue, LOCATION,
};
use hyper::{Method, Request, StatusCode};
use jitsi_wire::xmpp::jid::room_node;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::archive::{Opened, Recording, Undeleted};
use super::attempts::{Attempts, Budget};
use super::range::{self, Wanted};
use super::{Archive, Recordings, fault, view};
use crate::focus::ENCRYPTED;
use crate::focus::recorder_port::RecordRefusal;
use crate::shell::authority::Origin;
use crate::shell::directory::Pieces;
use crate::shell::files;
use crate::shell::http::{Answer, Content, answer};
use crate::shell::listener::{Shared, neighbourhood};
use crate::shell::post;
use crate::shell::route::query_value;

const DESCRIPTION: &str = include_str!("openapi.json");
/// Recordings in one answer, unless fewer are asked for.
const MOST: usize = 100;
/// What stands in the place of who asked for a recording.
const INITIATOR: &str = "administrator";

/// The interface, and what it remembers of those who use it.
pub(in crate::shell) struct Api {
    recordings: Recordings,
    attempts: RefCell<Attempts>,
    budget: RefCell<Budget>,
}

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    Description,
    All,
    One(&'a str),
    Stop(&'a str),
    File(&'a str, &'a str),
}

impl<'a> Place<'a> {
    fn of(path: &'a [String]) -> Option<Self> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match *path.as_slice() {
            ["openapi.json"] => Some(Self::Description),
            ["recordings"] => Some(Self::All),
            ["recordings", name] => Some(Self::One(name)),
            ["recordings", name, "stop"] => Some(Self::Stop(name)),
            ["recordings", name, file] => Some(Self::File(name, file)),
            _ => None,
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Description | Self::File(..) => "GET, HEAD",
            Self::All => "GET, HEAD, POST",
            Self::One(_) => "GET, HEAD, DELETE",
            Self::Stop(_) => "POST",
        }
    }

    /// The recording that a link may be for.
    fn linked(self) -> Option<&'a str> {
        match self {
            Self::One(name) | Self::File(name, _) => Some(name),
            Self::Description | Self::All | Self::Stop(_) => None,
        }
    }
}

impl Api {
    pub(in crate::shell) fn new(recordings: Recordings) -> Self {
        Self { recordings, attempts: RefCell::default(), budget: RefCell::new(Budget::new(Instant::now())) }
    }

    /// Answers whoever may not ask.
    fn objection(&self, request: &Request<Incoming>, place: Place<'_>, origin: &Origin) -> Option<Answer> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let ticket = request.uri().query().and_then(|query| query_value(query, "ticket"));
        if let (Some(ticket), Some(name), true) = (ticket, place.linked(), reads) {
            let opens = self.recordings.links.opens(&ticket, name, SystemTime::now());
            return (!opens).then(fault::expired);
        }
        let Some(token) = &self.recordings.token else { return Some(fault::nothing()) };
        if place == Place::Description {
            return None;
        }
        let Some(said) = bearer(request.headers()) else { return Some(fault::unauthorized()) };
        let (now, network) = (Instant::now(), origin.client.map(neighbourhood));
        let wait = self.attempts.borrow().wait(now, network);
        if !wait.is_zero() {
            return Some(fault::too_often(wait.as_secs() + 1, "Too many wrong tokens came from your address."));
        }
        if !token.is(said) {
            self.attempts.borrow_mut().count(now, network);
            tracing::warn!(address = network.map(tracing::field::display), "somebody tried a wrong token");
            return Some(fault::unauthorized());
        }
        let fits = self.budget.borrow_mut().take(now);
        (!fits).then(|| fault::too_often(1, "There are too many requests at once."))
    }

    /// Asks the archive beside the control thread.
    async fn ask<T: Send + 'static>(&self, job: impl FnOnce(&dyn Archive) -> T + Send + 'static) -> Result<T, Answer> {
        let archive = Arc::clone(&self.recordings.archive);
        spawn_blocking(move || job(&*archive)).await.map_err(|_| fault::disk())
    }

    async fn find(&self, name: &str) -> Result<Recording, Answer> {
        let name = name.to_owned();
        self.ask(move |archive| archive.find(&name)).await?.ok_or_else(fault::no_recording)
    }

    fn view(&self, recording: &Recording) -> Value {
        view::recording(recording, &self.recordings.links, SystemTime::now())
    }
}

/// Answers whatever is asked below `/api/v1`.
pub(in crate::shell) async fn serve(
    shared: &Rc<Shared>,
    request: Request<Incoming>,
    origin: &Origin,
    path: &[String],
) -> Answer {
    match act(shared, request, origin, path).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn act(
    shared: &Rc<Shared>,
    request: Request<Incoming>,
    origin: &Origin,
    path: &[String],
) -> Result<Answer, Answer> {
    let (Some(api), Some(place)) = (&shared.api, Place::of(path)) else { return Err(fault::nothing()) };
    if !origin.secure {
        return Err(fault::insecure());
    }
    if let Some(objection) = api.objection(&request, place, origin) {
        return Err(objection);
    }
    let method = request.method().clone();
    let reads = matches!(method, Method::GET | Method::HEAD);
    if (place, &method) == (Place::All, &Method::POST) {
        return start(shared, api, request).await;
    }
    if !request.body().is_end_stream() {
        return Err(fault::unwanted_body());
    }
    match place {
        Place::Description if reads => Ok(answer(StatusCode::OK, "application/json", DESCRIPTION)),
        Place::All if reads => list(api, request.uri().query().unwrap_or_default()).await,
        Place::One(name) if reads => Ok(json_answer(StatusCode::OK, &api.view(&api.find(name).await?))),
        Place::One(name) if method == Method::DELETE => delete(api, name).await,
        Place::Stop(name) if method == Method::POST => stop(shared, api, name).await,
        Place::File(name, file) if reads => send(api, name, file, &request).await,
        place => Err(fault::wrong_method(place.methods())),
    }
}

async fn list(api: &Api, query: &str) -> Result<Answer, Answer> {
    let room = query_value(query, "room").map(|room| room_node(&room));
    let before = query_value(query, "before");
    let most = query_value(query, "limit").map_or(Ok(MOST), |limit| limit.parse());
    let (Ok(room), Ok(most @ 1..=MOST)) = (room.transpose(), most) else {
        return Err(fault::fault(
            StatusCode::BAD_REQUEST,
            "The list that is asked for cannot be made.",
            "`limit` is a number from 1 to 100, `room` is the name of a room.",
        ));
    };
    let listed = api.ask(move |archive| archive.list(room.as_deref(), before.as_deref(), most)).await?;
    let excerpt = listed.map_err(|error| on_disk(&error))?;
    Ok(json_answer(StatusCode::OK, &view::whole(&excerpt, &api.recordings.links, SystemTime::now())))
}

async fn start(shared: &Rc<Shared>, api: &Api, request: Request<Incoming>) -> Result<Answer, Answer> {
    if request.headers().get(CONTENT_TYPE).is_none_or(|kind| !kind.as_bytes().starts_with(b"application/json")) {
        return Err(fault::fault(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "What the request brings is not said to be JSON.",
            "Send it with `Content-Type: application/json`.",
        ));
    }
    let body = post::text(&shared.limits, &shared.unread, request, shared.limits.short_body, |_| false).await?;
    let said: Option<Value> = serde_json::from_str(&body.text).ok();
    let room = said.as_ref().and_then(|said| said.get("room")?.as_str()).and_then(|room| room_node(room).ok());
    let Some(room) = room else {
        return Err(fault::fault(
            StatusCode::BAD_REQUEST,
            "It is not said which meeting is to be recorded.",
            "Send {\"room\": \"NAME\"} with the last part of the address of the meeting.",
        ));
    };
    let session = shared.hub.start_recording(&room, INITIATOR).map_err(|refusal| refused(&refusal))?;
    let Some(name) = api.recordings.archive.begun(&session) else { return Err(fault::disk()) };
    let place = format!("/api/v1/recordings/{name}");
    let mut answer = json_answer(StatusCode::CREATED, &json!({ "name": name, "room": room, "state": "recording" }));
    if let Ok(place) = HeaderValue::from_str(&place) {
        answer.headers_mut().insert(LOCATION, place);
    }
    Ok(answer)
}

/// It ends soon after the answer.
async fn stop(shared: &Rc<Shared>, api: &Api, name: &str) -> Result<Answer, Answer> {
    let recording = api.find(name).await?;
    let Some(session) = api.recordings.archive.session(&recording) else {
        return Err(fault::fault(
            StatusCode::CONFLICT,
            "This recording has ended already.",
            "Nothing has to be done: it can be played, downloaded and deleted.",
        ));
    };
    shared.hub.stop_recording(&session);
    Ok(json_answer(StatusCode::ACCEPTED, &api.view(&recording)))
}

async fn delete(api: &Api, name: &str) -> Result<Answer, Answer> {
    let called = name.to_owned();
    match api.ask(move |archive| archive.delete(&called)).await? {
        Ok(()) => {
            tracing::info!(recording = name, "deleted by the administrator");
            let mut answer = answer(StatusCode::NO_CONTENT, "application/json", "");
            // It has none (RFC 9110, 8.6).
            answer.headers_mut().remove(CONTENT_LENGTH);
            answer.headers_mut().remove(CONTENT_TYPE);
            Ok(answer)
        }
        Err(Undeleted::Unknown) => Err(fault::no_recording()),
        Err(Undeleted::Running) => Err(fault::fault(
            StatusCode::CONFLICT,
            "This meeting is still being recorded.",
            "End the recording first: POST to its address with `/stop` at the end.",
        )),
        Err(Undeleted::Disk(error)) => Err(on_disk(&error)),
    }
}

fn refused(refusal: &RecordRefusal) -> Answer {
    match refusal {
        RecordRefusal::NoRecorder => fault::fault(
            StatusCode::SERVICE_UNAVAILABLE,
            "This box cannot record.",
            "Install `moothall-recorder` beside `moothall`, and restart the host.",
        ),
        RecordRefusal::NoMeeting => fault::fault(
            StatusCode::NOT_FOUND,
            "There is no meeting in this room now.",
            "Compare the name with the last part of the meeting's address, and wait until somebody is there.",
        ),
        RecordRefusal::Runs => fault::fault(
            StatusCode::CONFLICT,
            "This meeting is being recorded already.",
            "Nothing has to be done. GET /api/v1/recordings says what the recording is called.",
        ),
        RecordRefusal::Encrypted => fault::fault(
            StatusCode::CONFLICT,
            ENCRYPTED,
            "Ask the participants to switch end-to-end encryption off, if it is to be recorded.",
        ),
    }
}

/// Sends a file, or the part of it that is asked for.
async fn send(api: &Api, name: &str, file: &str, request: &Request<Incoming>) -> Result<Answer, Answer> {
    let (called, wanted) = (name.to_owned(), file.to_owned());
    let opened = api.ask(move |archive| archive.open(&called, &wanted)).await?.ok_or_else(fault::no_recording)?;
    let (len, etag) = identity(&opened).map_err(|error| on_disk(&error))?;
    if files::is_known(request.headers(), &etag) {
        let mut answer = answer(StatusCode::NOT_MODIFIED, "application/json", "");
        answer.headers_mut().remove(CONTENT_LENGTH);
        answer.headers_mut().remove(CONTENT_TYPE);
        tag(answer.headers_mut(), &etag);
        return Ok(answer);
    }
    // Ranges are for GET only (RFC 9110, 14.2).
    let wanted = match *request.method() {
        Method::GET => range::wanted(request.headers(), len, &etag),
        _ => Wanted::Whole,
    };
    let (first, part) = match wanted {
        Wanted::Whole => (0, len),
        Wanted::Part { first, last } => (first, last - first + 1),
        Wanted::Nothing => return Err(beyond(len)),
    };
    let mut source = opened.file;
    source.seek(SeekFrom::Start(first)).map_err(|error| on_disk(&error))?;
    let mut answer = answer(StatusCode::OK, opened.content_type, Bytes::new());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_LENGTH, part.into());
    tag(headers, &etag);
    let download = request.uri().query().is_some_and(|query| query_value(query, "download").is_some());
    if let Ok(disposition) = HeaderValue::from_str(&disposition(download, name, file)) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    if let Wanted::Part { first, last } = wanted {
        insert_range(headers, &format!("bytes {first}-{last}/{len}"));
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    *answer.body_mut() = Content::file(Pieces::of(source, part), part);
    Ok(answer)
}

/// Its length, and what changes with it.
fn identity(opened: &Opened) -> io::Result<(u64, String)> {
    let metadata = opened.file.metadata()?;
    let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Ok((metadata.len(), format!("\"{:x}-{changed:x}\"", metadata.len())))
}

fn tag(headers: &mut HeaderMap, etag: &str) {
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(ETAG, etag);
    }
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Nobody keeps it but who asked, and not without asking again: it may have been deleted.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

fn beyond(len: u64) -> Answer {
    let mut answer = fault::fault(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "The file does not have the part that is asked for.",
        "`Content-Range` in the answer says how long it is.",
    );
    insert_range(answer.headers_mut(), &format!("bytes */{len}"));
    answer
}

fn insert_range(headers: &mut HeaderMap, range: &str) {
    if let Ok(range) = HeaderValue::from_str(range) {
        headers.insert(CONTENT_RANGE, range);
    }
}

/// Names need no escaping: the archive gives out nothing else. Downloads say which recording they belong to.
fn disposition(download: bool, name: &str, file: &str) -> String {
    let kind = if download { "attachment" } else { "inline" };
    format!("{kind}; filename=\"{name}-{file}\"")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn json_answer(status: StatusCode, value: &Value) -> Answer {
    answer(status, "application/json", value.to_string())
}

fn on_disk(error: &io::Error) -> Answer {
    tracing::warn!(%error, "recordings cannot be read or changed");
    fault::disk()
}
