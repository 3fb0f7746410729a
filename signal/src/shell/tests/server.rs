//! A whole shell for one test.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use super::client::{self, Io, within};
use crate::focus::bridge_port::{BridgePort, Order};
use crate::router::{Signal, SignalConfig};
use crate::shell::{
    Branding, Certificates, ChannelGate, ChannelId, ChannelRefusal, ChannelRequest, ClientConfig, Limits, ShellConfig,
    ToClient, Trust, Web, WebFile, serve,
};

pub(super) const PAGE: &[WebFile] = &[
    WebFile {
        path: "index.html",
        content_type: "text/html; charset=utf-8",
        bytes: b"<!doctype html><title>page</title>",
        gzip: Some(b"index, compressed"),
        brotli: None,
        etag: "e1",
    },
    WebFile {
        path: "app.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: b"start()",
        gzip: None,
        brotli: None,
        etag: "e2",
    },
];

/// What a test wants to be otherwise.
pub(super) struct Setup {
    pub(super) plain: bool,
    pub(super) proxies: Vec<IpAddr>,
    pub(super) limits: Limits,
    pub(super) web: Web,
    pub(super) branding: Branding,
    pub(super) trust: Option<Trust>,
    pub(super) setup: Option<crate::shell::Setup>,
    pub(super) recordings: Option<crate::shell::recordings::Recordings>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            plain: false,
            proxies: Vec::new(),
            limits: Limits::default(),
            web: Web::Embedded(PAGE),
            branding: Branding::default(),
            trust: None,
            setup: None,
            recordings: None,
        }
    }
}

impl Setup {
    pub(super) fn plain() -> Self {
        Self { plain: true, ..Self::default() }
    }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// Plain HTTP that knows nothing but the way to `address`.
    pub(super) redirect: SocketAddr,
    pub(super) certificates: Certificates,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) gate: Gate,
    stop: RefCell<Option<oneshot::Sender<()>>>,
    plain: bool,
}

/// Runs a test against a shell, then stops the shell and sees that it ends in time.
pub(super) fn with_server(setup: Setup, test: impl AsyncFnOnce(&Server)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(LocalSet::new().run_until(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let redirect = plain.local_addr().unwrap();
        let (certificates, certificate) = certificates();
        let gate = Gate::default();
        let (stop, stopped) = oneshot::channel();
        let config = ShellConfig {
            listen: vec![listener],
            redirect: vec![plain],
            tls: (!setup.plain).then(|| certificates.clone()),
            proxies: setup.proxies,
            client: ClientConfig::new("box.internal"),
            branding: setup.branding,
            web: setup.web,
            trust: setup.trust,
            setup: setup.setup,
            version: "1.2.3".to_owned(),
            limits: setup.limits,
            recordings: setup.recordings,
            recorder: None,
            questions: None,
        };
        let (_replies, answers) = mpsc::unbounded_channel();
        let channels = Box::new(gate.clone());
        let shell = tokio::task::spawn_local(async move {
            let stop = async {
                let _ = stopped.await;
            };
            serve(config, signal(), Box::new(NoBridge), answers, channels, stop).await
        });
        let stop = RefCell::new(Some(stop));
        let server = Server { address, redirect, certificates, certificate, gate, stop, plain: setup.plain };
        test(&server).await;
        server.stop();
        tokio::time::timeout(Duration::from_secs(2), shell).await.expect("it ends within 2 s").unwrap().unwrap();
    }));
}

impl Server {
    pub(super) async fn connect(&self) -> Io {
        match self.plain {
            true => Box::new(client::tcp(self.address).await),
            false => client::tls(self.address, &self.certificate).await.unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str, lines: &[&str]) -> client::Reply {
        client::exchange(&mut *self.connect().await, &client::get(path, lines)).await
    }

    pub(super) fn stop(&self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

fn signal() -> Signal {
    Signal::new(SignalConfig::new("box.internal"), [7; 32])
}

/// A certificate for `localhost`, and what a client must trust.
pub(super) fn certificates() -> (Certificates, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificates =
        Certificates::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    (certificates, made.cert.der().clone())
}

struct NoBridge;

impl BridgePort for NoBridge {
    fn order(&mut self, order: Order) {
        panic!("nobody joins in these tests, yet the bridge got {order:?}");
    }
}

/// A gate with one endpoint, `/colibri-ws/box/conf/alice?pwd=secret`, which keeps the rules of the bridge: one socket
/// at a time, the newer one wins.
#[derive(Clone, Default)]
pub(super) struct Gate(Rc<RefCell<GateState>>);

#[derive(Default)]
pub(super) struct GateState {
    last: u64,
    pub(super) current: Option<(ChannelId, mpsc::Sender<ToClient>)>,
    pub(super) heard: Vec<(ChannelId, String)>,
    pub(super) closed: Vec<ChannelId>,
    changed: Arc<tokio::sync::Notify>,
}

impl Gate {
    pub(super) fn send(&self, message: ToClient) {
        self.0.borrow().current.as_ref().unwrap().1.try_send(message).unwrap();
    }

    /// Waits until `ready` finds what it looks for.
    pub(super) async fn until<T>(&self, what: &str, ready: impl Fn(&GateState) -> Option<T>) -> T {
        within(what, async {
            loop {
                let changed = Arc::clone(&self.0.borrow().changed);
                if let Some(found) = ready(&self.0.borrow()) {
                    return found;
                }
                changed.notified().await;
            }
        })
        .await
    }
}

impl ChannelGate for Gate {
    fn open(&self, request: ChannelRequest) -> oneshot::Receiver<Result<ChannelId, ChannelRefusal>> {
        let mut state = self.0.borrow_mut();
        let (answer, verdict) = oneshot::channel();
        let known = request.conference == "conf" && request.endpoint == "alice" && request.pwd == "secret";
        let result = match request.server == "box" {
            false => Err(ChannelRefusal::NotFound),
            true if !known => Err(ChannelRefusal::Forbidden),
            true => {
                state.last += 1;
                let id = ChannelId(state.last);
                if let Some((_, old)) = state.current.replace((id, request.to_client)) {
                    let _ = old.try_send(ToClient::Close { code: 1000, reason: "replaced" });
                }
                Ok(id)
            }
        };
        answer.send(result).unwrap();
        verdict
    }

    fn text(&self, id: ChannelId, text: String) {
        let mut state = self.0.borrow_mut();
        state.heard.push((id, text));
        state.changed.notify_one();
    }

    fn closed(&self, id: ChannelId) {
        let mut state = self.0.borrow_mut();
        state.closed.push(id);
        state.changed.notify_one();
    }
}
