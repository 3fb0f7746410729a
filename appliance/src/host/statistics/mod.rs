//! Numbers for whoever watches the box, over plain HTTP to those who reach `network.statistics`: usually this machine alone.
//!
//! `/metrics` is for Prometheus, `/colibri/stats` has the names of Jitsi Videobridge, `/about/health` says with its status whether
//! all is well, `/debug` tells of everybody in all conferences. `/colibri/drain/enable` and `/disable` are orders.

mod colibri;
mod debug;
mod load;
mod prometheus;

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::{IpAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bridge::core::stats::ConferenceReport;
use bridge::shell::mailbox::{Letter, Mailbox, Report};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use signal::router::Stats;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use load::{Load, Loads};

/// A part that has not answered by then is not well.
const PATIENCE: Duration = Duration::from_secs(2);
/// A request that has not come by then does not come any more.
const REQUEST: Duration = Duration::from_secs(10);
/// Connections at once; whoever comes later waits.
const CONNECTIONS: usize = 16;
/// After a connection could not be taken.
const PAUSE: Duration = Duration::from_secs(1);

/// All numbers of one moment.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) bridge: Report,
    pub(crate) signal: Stats,
    pub(crate) load: Load,
    pub(crate) uptime: Duration,
    pub(crate) memory_bytes: u64,
    pub(crate) version: String,
}

/// Answers requests for numbers.
#[derive(Debug)]
pub(crate) struct Statistics {
    pub(crate) started: Instant,
    pub(crate) max_participants: usize,
    pub(crate) questions: mpsc::UnboundedSender<oneshot::Sender<Stats>>,
    pub(crate) mailbox: Mailbox,
    loads: RefCell<Loads>,
}

impl Statistics {
    pub(crate) fn new(
        started: Instant,
        max_participants: usize,
        questions: mpsc::UnboundedSender<oneshot::Sender<Stats>>,
        mailbox: Mailbox,
    ) -> Self {
        Self { started, max_participants, questions, mailbox, loads: RefCell::new(Loads::new(started)) }
    }

    /// Never ends.
    pub(crate) async fn serve(self, listeners: Vec<StdListener>) {
        let (this, open) = (Rc::new(self), Rc::new(Semaphore::new(CONNECTIONS)));
        let connections = LocalSet::new();
        for listener in listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    connections.spawn_local(accept(Rc::clone(&this), Rc::clone(&open), listener));
                }
                Err(error) => tracing::warn!(%error, "no statistics are served"),
            }
        }
        connections.run_until(std::future::pending()).await
    }

    async fn answer(&self, request: &Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
        match (request.method(), drain(request.uri().path())) {
            (&Method::POST, Some(on)) => return self.drain(request.headers(), peer, on),
            (_, Some(_)) => return text(StatusCode::METHOD_NOT_ALLOWED, "POST\n"),
            (&Method::GET, None) => {}
            _ => return text(StatusCode::METHOD_NOT_ALLOWED, "GET\n"),
        }
        match request.uri().path() {
            "/metrics" => match self.figures().await {
                Some(figures) => answer(StatusCode::OK, prometheus::TYPE, prometheus::text(&figures)),
                None => unwell(),
            },
            "/colibri/stats" => match self.figures().await {
                Some(figures) => json(&colibri::stats(&figures)),
                None => unwell(),
            },
            "/about/health" => match self.figures().await {
                Some(_) => text(StatusCode::OK, ""),
                None => unwell(),
            },
            "/about/version" => json(&serde_json::json!({
                "name": "Moothall", "version": super::compose::version(), "os": std::env::consts::OS
            })),
            "/debug" => match self.conferences().await {
                Some(conferences) => json(&debug::conferences(&conferences)),
                None => unwell(),
            },
            _ => text(StatusCode::NOT_FOUND, "/metrics, /colibri/stats, /about/health, /about/version, /debug\n"),
        }
    }

    /// Numbers may be for others; orders come from this machine, and from no page in its browser.
    fn drain(&self, headers: &HeaderMap, peer: IpAddr, on: bool) -> Response<Full<Bytes>> {
        if !peer.to_canonical().is_loopback() || headers.contains_key(ORIGIN) {
            return text(StatusCode::FORBIDDEN, "orders are taken from programs of this machine alone\n");
        }
        tracing::info!(on, "the bridge drains");
        self.mailbox.post(Letter::Drain(on));
        text(StatusCode::OK, "")
    }

    /// `None` if a part of the host does not answer.
    async fn figures(&self) -> Option<Figures> {
        let (question, signal) = oneshot::channel();
        self.questions.send(question).ok()?;
        let (said, bridge) = oneshot::channel();
        self.mailbox.post(Letter::Report(Box::new(move |report| {
            // We may have given up.
            let _ = said.send(report);
        })));
        let (bridge, signal) = tokio::join!(timeout(PATIENCE, bridge), timeout(PATIENCE, signal));
        let (bridge, signal) = (bridge.ok()?.ok()?, signal.ok()?.ok()?);
        let load = self.loads.borrow_mut().update(Instant::now(), &bridge.bridge, self.max_participants);
        Some(Figures {
            bridge,
            signal,
            load,
            uptime: self.started.elapsed(),
            memory_bytes: super::desk::resident_memory(),
            version: super::compose::version(),
        })
    }

    async fn conferences(&self) -> Option<Vec<ConferenceReport>> {
        let (said, told) = oneshot::channel();
        self.mailbox.post(Letter::Describe(Box::new(move |all| {
            // As above.
            let _ = said.send(all);
        })));
        timeout(PATIENCE, told).await.ok()?.ok()
    }
}

async fn accept(this: Rc<Statistics>, open: Rc<Semaphore>, listener: TcpListener) {
    loop {
        let open = Rc::clone(&open);
        let Ok((tcp, peer)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let this = Rc::clone(&this);
        spawn_local(async move {
            // It is never closed.
            let Ok(_place) = open.acquire().await else { return };
            let service = service_fn(async |request| Ok::<_, Infallible>(this.answer(&request, peer.ip()).await));
            // Whoever asked may have gone.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST)
                .serve_connection(TokioIo::new(tcp), service)
                .await;
        });
    }
}

/// The orders of Jitsi Videobridge: whether new conferences are refused.
fn drain(path: &str) -> Option<bool> {
    match path {
        "/colibri/drain/enable" => Some(true),
        "/colibri/drain/disable" => Some(false),
        _ => None,
    }
}

fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    answer(status, "text/plain; charset=utf-8", body)
}

fn json(value: &serde_json::Value) -> Response<Full<Bytes>> {
    answer(StatusCode::OK, "application/json", value.to_string())
}

fn unwell() -> Response<Full<Bytes>> {
    text(StatusCode::INTERNAL_SERVER_ERROR, "a part of the host does not answer; what it said is in the log\n")
}
