//! The only part of this crate that touches the world: sockets, TLS, HTTP, WebSockets, the page and the clock.
//!
//! [`serve`] runs on a tokio current-thread runtime (enable time and IO; two blocking threads are plenty). Every
//! connection is one task: first byte, TLS, HTTP, and then perhaps a WebSocket that carries XMPP frames to
//! [`Signal`] or bridge messages to a [`ChannelGate`].

mod authority;
mod bosh;
mod branding;
mod channel;
mod client_config;
mod conference_request;
mod connection;
mod directory;
mod feedback;
mod files;
mod headers;
mod http;
mod hub;
mod life;
mod limits;
mod listener;
mod outbox;
mod page;
mod post;
pub mod recordings;
mod route;
mod setup;
mod socket;
mod tls;
mod trust;
mod unread;
mod upgrade;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{oneshot, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;

pub use self::authority::Authority;
pub use self::branding::{BadColour, Branding, Colour, Logo, LogoError, MAX_LOGO};
pub use self::channel::{ChannelGate, ChannelId, ChannelRefusal, ChannelRequest, ToClient};
pub use self::client_config::ClientConfig;
pub use self::files::{Web, WebFile};
pub use self::limits::Limits;
pub use self::page::PAGE;
pub use self::setup::{Setup, SetupRequest};
pub use self::tls::{Certificates, TlsError, certified_key};
pub use self::trust::Trust;

use crate::focus::bridge_port::{BridgePort, Reply};
use crate::focus::recorder_port::{RecorderPort, RecorderReport};
use crate::router::{Signal, Stats};
use listener::Purpose;

/// What the shell is told once, at start.
#[derive(Debug)]
pub struct ShellConfig {
    /// Bound and listening. All of them speak TLS, or none.
    pub listen: Vec<std::net::TcpListener>,
    /// Bound and listening: plain HTTP that is answered with the way to the first of `listen`.
    pub redirect: Vec<std::net::TcpListener>,
    /// `None`: plain HTTP, for use behind one of `proxies`. Keep a clone to exchange the certificate later.
    pub tls: Option<Certificates>,
    /// Addresses whose `X-Forwarded-Host`, `X-Forwarded-Proto` and `X-Forwarded-For` are believed.
    pub proxies: Vec<IpAddr>,
    pub client: ClientConfig,
    pub branding: Branding,
    pub web: Web,
    /// The authority that `tls` comes from, if it is the box's own: `/trust` then tells devices how to trust it.
    pub trust: Option<Trust>,
    /// Who answers the page `/setup`, if anybody does.
    pub setup: Option<Setup>,
    /// For `/about/version`.
    pub version: String,
    pub limits: Limits,
    /// Who records meetings, if anybody does; the focus must know as well.
    pub recorder: Option<Recorder>,
    /// What was recorded, if it may be had.
    pub recordings: Option<recordings::Recordings>,
    /// Whoever wants to know how many are here; each is answered once.
    pub questions: Option<UnboundedReceiver<oneshot::Sender<Stats>>>,
}

/// The two ways between the focus and whoever records.
pub struct Recorder {
    pub port: Box<dyn RecorderPort>,
    pub reports: UnboundedReceiver<RecorderReport>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

/// Why the shell could not start.
#[derive(Debug, Error)]
pub enum ShellError {
    #[error("a listening socket cannot be used: {0}")]
    Listener(#[source] io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// From the order to stop to the end; whoever has not read its farewell by then is cut off.
const FAREWELL: Duration = Duration::from_millis(1500);

/// Serves until `shutdown` resolves; then tells every client, closes every socket and returns within two seconds.
/// `replies` are the answers to what `bridge` was ordered.
pub async fn serve(
    config: ShellConfig,
    signal: Signal,
    bridge: Box<dyn BridgePort>,
    replies: UnboundedReceiver<Reply>,
    channels: Box<dyn ChannelGate>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ShellError> {
    let tls = match &config.tls {
        Some(certificates) => Some(TlsAcceptor::from(Arc::new(certificates.server_config()?))),
        None => None,
    };
    let listeners = config.listen.into_iter().map(listener).collect::<Result<Vec<_>, _>>()?;
    let redirects = config.redirect.into_iter().map(listener).collect::<Result<Vec<_>, _>>()?;
    let https = match listeners.first() {
        Some(listener) => listener.local_addr().map_err(ShellError::Listener)?.port(),
        None => 443,
    };
    let doors = listeners.into_iter().map(|listener| (listener, Purpose::Site));
    let doors = doors.chain(redirects.into_iter().map(|listener| (listener, Purpose::ToHttps(https)))).collect();
    let (recorder, reports) = config.recorder.map(|recorder| (recorder.port, recorder.reports)).unzip();
    let hub = Rc::new(hub::Hub::new(signal, bridge, recorder, &config.limits));
    let shared = Rc::new(listener::Shared {
        hub: Rc::clone(&hub),
        site: http::Site {
            client: ClientConfig { trust: config.trust.is_some(), ..config.client },
            branding: config.branding,
            web: config.web,
            version: config.version,
            trust: config.trust,
            setup: config.setup,
        },
        api: config.recordings.map(recordings::Api::new),
        gate: Rc::from(channels),
        tls,
        proxies: config.proxies.iter().map(IpAddr::to_canonical).collect(),
        unread: unread::Pool::new(config.limits.unread_total),
        limits: config.limits,
        door: listener::Door::default(),
        streams: listener::Door::default(),
        sockets: Rc::default(),
        bosh: bosh::Sessions::default(),
        feedback: feedback::Feedback::default(),
        stopping: watch::Sender::new(false),
    });
    // Its own set: whatever still runs at the end is dropped with it.
    let tasks = LocalSet::new();
    if let Some(questions) = config.questions {
        tasks.spawn_local(answer(Rc::clone(&shared.hub), questions));
    }
    tasks.run_until(run(shared, doors, (replies, reports), shutdown)).await;
    Ok(())
}

async fn run(
    shared: Rc<listener::Shared>,
    doors: Vec<(TcpListener, Purpose)>,
    (replies, reports): (UnboundedReceiver<Reply>, Option<UnboundedReceiver<RecorderReport>>),
    shutdown: impl Future<Output = ()>,
) {
    let hub = Rc::clone(&shared.hub);
    let driver = spawn_local(async move { hub.drive(replies, reports).await });
    let accept = |(listener, purpose)| spawn_local(listener::accept(Rc::clone(&shared), listener, purpose));
    let accepting: Vec<_> = doors.into_iter().map(accept).collect();
    shutdown.await;
    for task in accepting {
        task.abort();
    }
    shared.hub.shut_down();
    shared.stopping.send_replace(true);
    // Those who do not listen are cut off with the tasks.
    let _ = tokio::time::timeout(FAREWELL, shared.sockets.all_closed()).await;
    driver.abort();
}

async fn answer(hub: Rc<hub::Hub>, mut questions: UnboundedReceiver<oneshot::Sender<Stats>>) {
    while let Some(question) = questions.recv().await {
        // Whoever asked may have gone.
        let _ = question.send(hub.stats());
    }
}

fn listener(listener: std::net::TcpListener) -> Result<TcpListener, ShellError> {
    listener.set_nonblocking(true).map_err(ShellError::Listener)?;
    TcpListener::from_std(listener).map_err(ShellError::Listener)
}
