//! Answers to HTTP requests.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, LOCATION,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, VARY,
};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::authority::{Arrival, Authority, Origin};
use super::branding::Branding;
use super::client_config::ClientConfig;
use super::directory::{self, Found, Pieces};
use super::files::{self, Web, WebFile};
use super::headers::{Policy, protect};
use super::life::Life;
use super::page;
use super::route::{Route, route};
use super::setup::Setup;
use super::trust::{Item, Trust};
use crate::router::Stats;

/// Everything that is answered without a session.
pub(super) struct Site {
    pub(super) client: ClientConfig,
    pub(super) branding: Branding,
    pub(super) web: Web,
    pub(super) version: String,
    /// The box's own authority, if its certificate comes from there.
    pub(super) trust: Option<Trust>,
    /// Who answers what the page of the setup asks, if anybody does.
    pub(super) setup: Option<Setup>,
}

/// A body that is ready, or comes from a file.
pub(super) enum Content {
    Ready(Option<Bytes>),
    /// Its length, and the life that it prolongs.
    File(Pieces, u64, Option<Rc<Life>>),
}

impl Content {
    pub(super) fn file(pieces: Pieces, len: u64) -> Self {
        Self::File(pieces, len, None)
    }

    /// The connection lives on while it goes out.
    pub(super) fn prolonging(self, life: &Rc<Life>) -> Self {
        match self {
            Self::File(pieces, len, _) => Self::File(pieces, len, Some(Rc::clone(life))),
            ready @ Self::Ready(_) => ready,
        }
    }
}

pub(super) type Answer = Response<Content>;

/// An answer, and the name of the page policy it falls under.
pub(super) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let body = body.into();
    let mut answer = Response::new(Content::Ready(None));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, body.len().into());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *answer.body_mut() = Content::Ready(Some(body).filter(|body| !body.is_empty()));
    answer
}

/// A status with a word of explanation.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Answer {
    answer(status, "text/plain; charset=utf-8", text)
}

/// The request tried to upgrade to something that does not exist here.
pub(super) fn upgrade_required() -> Answer {
    let mut answer = plain(StatusCode::UPGRADE_REQUIRED, "a WebSocket of version 13 is expected here\n");
    answer.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    answer
}

/// Refuses what no route takes: other methods, and bodies (which are left unread).
pub(super) fn objection<B>(request: &Request<B>) -> Option<Answer> {
    let headers = request.headers();
    let empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0");
    if !empty || headers.contains_key(TRANSFER_ENCODING) {
        let mut answer = plain(StatusCode::PAYLOAD_TOO_LARGE, "no request here has a body\n");
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return Some(answer);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(answer);
    }
    None
}

/// What goes out last: protection, and no body for HEAD.
pub(super) fn finish(mut answer: Answer, method: &Method, origin: &Origin, site: &Site) -> Answer {
    let policy = match answer.extensions().get::<Policy>() {
        Some(policy) => *policy,
        None if matches!(site.web, Web::Directory(_)) => Policy::Stock,
        None => Policy::Strict,
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        protect(answer.headers_mut(), policy, &origin.authority, &site.client.embedders);
    }
    if method == Method::HEAD {
        *answer.body_mut() = Content::Ready(None);
    }
    answer
}

impl Site {
    /// Answers a GET or HEAD of anything that is no WebSocket.
    pub(super) async fn get(
        &self,
        request: &Request<Incoming>,
        route: Route,
        origin: &Origin,
        stats: impl FnOnce() -> Stats,
    ) -> Answer {
        match route {
            Route::Config => script(self.config(origin)),
            Route::InterfaceConfig => self.interface_config(request).await,
            Route::Branding => answer(StatusCode::OK, "application/json", self.branding.json()),
            Route::Logo => self.logo(),
            Route::Health => health(&stats()),
            Route::Version => answer(
                StatusCode::OK,
                "application/json",
                json!({ "name": "Moothall", "version": self.version, "os": std::env::consts::OS }).to_string(),
            ),
            // A client's keep-alive; its answer is ignored.
            Route::Xmpp => plain(StatusCode::OK, "XMPP over WebSocket (RFC 7395)\n"),
            Route::Channel { .. } => upgrade_required(),
            Route::Trust(item) => match self.trust(item, request, origin, &origin.authority) {
                Some(answer) => answer,
                None => self.file(request, item.path(), true, origin).await,
            },
            Route::Setup(path) => self.own_file(request, &path, origin, Policy::Setup).await,
            Route::Recordings(path) => self.own_file(request, &path, origin, Policy::Recordings).await,
            Route::File { path, page } => self.file(request, &path, page, origin).await,
            // Only by POST.
            Route::Bosh | Route::ConferenceRequest | Route::Feedback | Route::SetupApi => not_found(),
            // Answered elsewhere.
            Route::Api(_) | Route::Nothing => not_found(),
        }
    }

    /// `None` if the box has no authority of its own. `secure` is where HTTPS is.
    fn trust<B>(&self, item: Item, request: &Request<B>, origin: &Origin, secure: &Authority) -> Option<Answer> {
        self.trust.as_ref().map(|trust| trust.answer(item, request, origin, secure, &self.branding.name))
    }

    async fn file(&self, request: &Request<Incoming>, path: &str, page: bool, origin: &Origin) -> Answer {
        match &self.web {
            Web::Embedded(table) => embedded(request, table, path, page),
            Web::Directory(root) => self.directory_file(request, root, path, page, origin).await,
        }
    }

    /// The pages of the setup and of recordings are ours, whosever the page of the meetings is.
    async fn own_file(&self, request: &Request<Incoming>, path: &str, origin: &Origin, policy: Policy) -> Answer {
        let mut answer = match &self.web {
            Web::Directory(root) if root.join(path).is_file() => {
                self.directory_file(request, root, path, false, origin).await
            }
            _ => embedded(request, page::PAGE, path, false),
        };
        answer.extensions_mut().insert(policy);
        answer
    }

    fn config(&self, origin: &Origin) -> String {
        let wanted = self.setup.as_ref().is_some_and(|setup| *setup.wanted.borrow());
        self.client.script(origin, wanted)
    }

    fn logo(&self) -> Answer {
        let Some(logo) = &self.branding.logo else { return not_found() };
        let mut answer = answer(StatusCode::OK, logo.content_type(), logo.bytes.clone());
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer.extensions_mut().insert(Policy::Picture);
        answer
    }

    async fn interface_config(&self, request: &Request<Incoming>) -> Answer {
        if let Web::Directory(root) = &self.web
            && let Some(found) = directory::open(root, "interface_config.js").await
        {
            return from_file(request, found, "text/javascript; charset=utf-8");
        }
        script(self.branding.interface_config())
    }

    async fn directory_file(
        &self,
        request: &Request<Incoming>,
        root: &Path,
        path: &str,
        page: bool,
        origin: &Origin,
    ) -> Answer {
        let path = match path {
            // The name under which pages that embed a meeting look for it; a stock Jitsi Meet has it elsewhere.
            "external_api.js" if !root.join(path).is_file() => "libs/external_api.min.js",
            "" => "index.html",
            path => path,
        };
        let is_document = path.ends_with(".html") || path.ends_with(".htm");
        if !is_document && let Some(found) = directory::open(root, path).await {
            return from_file(request, found, files::content_type(path));
        }
        let own = |name: &str| match name {
            "config.js" => Some(self.config(origin)),
            "interface_config.js" if !root.join(name).is_file() => Some(self.branding.interface_config()),
            _ => None,
        };
        let mut document = if is_document { directory::document(root, path, own).await } else { None };
        if document.is_none() && page {
            document = directory::document(root, "index.html", own).await;
        }
        match document {
            Some(document) => {
                let mut answer = answer(StatusCode::OK, "text/html; charset=utf-8", document.text);
                let policy = if document.inline { Policy::Stock } else { Policy::Strict };
                answer.extensions_mut().insert(policy);
                answer
            }
            None => not_found(),
        }
    }
}

fn script(text: String) -> Answer {
    answer(StatusCode::OK, "text/javascript; charset=utf-8", text)
}

pub(super) fn not_found() -> Answer {
    plain(StatusCode::NOT_FOUND, "not found\n")
}

fn health(stats: &Stats) -> Answer {
    answer(
        StatusCode::OK,
        "application/json",
        json!({ "rooms": stats.rooms, "occupants": stats.occupants, "sessions": stats.sessions }).to_string(),
    )
}

fn embedded(request: &Request<Incoming>, table: &'static [WebFile], path: &str, page: bool) -> Answer {
    let file = files::find(table, path).or_else(|| page.then(|| files::find(table, "index.html")).flatten());
    let Some(file) = file else {
        return match page && table.is_empty() {
            true => answer(StatusCode::SERVICE_UNAVAILABLE, "text/html; charset=utf-8", page::MISSING),
            false => not_found(),
        };
    };
    let variant = file.variant(request.headers());
    let etag = match variant.encoding {
        Some(encoding) => format!("\"{}-{encoding}\"", file.etag),
        None => format!("\"{}\"", file.etag),
    };
    let mut answer = match files::is_known(request.headers(), &etag) {
        true => not_modified(),
        false => answer(StatusCode::OK, file.content_type, Bytes::from_static(variant.bytes)),
    };
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    if let Some(encoding) = variant.encoding.filter(|_| headers.contains_key(CONTENT_TYPE)) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static(match file.is_immutable() {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        }),
    );
    answer
}

fn from_file(request: &Request<Incoming>, found: Found, content_type: &'static str) -> Answer {
    let etag = HeaderValue::from_str(&found.etag).ok();
    let mut answer = match files::is_known(request.headers(), &found.etag) {
        true => not_modified(),
        false => {
            let mut answer = answer(StatusCode::OK, content_type, Bytes::new());
            answer.headers_mut().insert(CONTENT_LENGTH, found.len.into());
            *answer.body_mut() = Content::file(Pieces::of(found.file, found.len), found.len);
            answer
        }
    };
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(etag) = etag {
        headers.insert(ETAG, etag);
    }
    answer
}

fn not_modified() -> Answer {
    let mut answer = Response::new(Content::Ready(None));
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    answer
}

/// To a plain request: the same place over HTTPS, on this port or another. 308, so that nothing is turned into another method.
/// Only the certificate that makes HTTPS trusted is to be had without it; people compare its fingerprint.
pub(super) fn to_https(
    site: &Site,
    request: &Request<Incoming>,
    arrival: &Arrival,
    port: Option<u16>,
) -> Result<Answer, Infallible> {
    let came = Origin::of(request, &Arrival { tls: false, ..*arrival }, &[]);
    let mut origin = came.clone();
    if let Some(port) = port {
        origin.authority = origin.authority.with_https_port(port);
    }
    if let Some(mut answer) = objection(request) {
        protect(answer.headers_mut(), Policy::Strict, &origin.authority, &[]);
        return Ok(answer);
    }
    if let Route::Trust(item) = route_of(request)
        && let Some(mut answer) = site.trust(item, request, &came, &origin.authority)
    {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return Ok(finish(answer, request.method(), &came, site));
    }
    let place = request.uri().path_and_query().map_or("/", |place| place.as_str());
    let place = if place.starts_with('/') { place } else { "/" };
    let mut answer = plain(StatusCode::PERMANENT_REDIRECT, "go on with HTTPS\n");
    if let Ok(location) = HeaderValue::from_str(&format!("https://{}{place}", origin.authority)) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    if request.method() == Method::HEAD {
        *answer.body_mut() = Content::Ready(None);
    }
    protect(answer.headers_mut(), Policy::Strict, &origin.authority, &[]);
    Ok(answer)
}

/// See [`route()`].
pub(super) fn route_of<B>(request: &Request<B>) -> Route {
    route(request.uri().path())
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Ready(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::File(pieces, _, life) => {
                let piece = pieces.poll(cx);
                if let (Poll::Ready(Some(Ok(_))), Some(life)) = (&piece, life) {
                    life.goes_on();
                }
                piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Ready(None) | Self::File(_, 0, _))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ready(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(0)))
            }
            Self::File(_, len, _) => SizeHint::with_exact(*len),
        }
    }
}
