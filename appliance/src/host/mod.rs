//! `moothall host`: signal, focus and bridge in one process.

mod authority;
pub(crate) mod banner;
pub(crate) mod certificate;
pub(crate) mod compose;
mod desk;
mod exports;
mod files;
mod housekeeping;
mod listen;
mod local_bridge;
mod mdns;
pub(crate) mod names;
mod recordings;
mod setup;
pub(crate) mod state_dir;
mod statistics;
mod text;

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use board_config::{Config, Origin, Port};
use bridge::core::endpoint::identity::Identity;
use bridge::shell::candidates::{self, LocalAddress, Rules};
use bridge::shell::mailbox::Letter;
use bridge::shell::udp::{BindError, Sockets};
use bridge::shell::worker::{self, Workers};
use signal::router::Signal;
use signal::shell::recordings::Token;
use signal::shell::{Certificates, ClientConfig, ShellConfig, Trust, serve};
use tokio::signal::unix::{SignalKind, signal as unix_signal};
use tokio::sync::{mpsc, watch};

use crate::cli::HostOptions;
use crate::config;
use crate::exit::{Failure, Reason};
use crate::local_socket::{self, Opened};
use crate::logs;
use crate::machine;
use crate::notify::ServiceManager;
use crate::say::say;
use authority::Authority;
use certificate::CertificateError;
use desk::{Desk, Whereabouts};
use exports::Exports;
use housekeeping::{Housekeeping, Source};
use listen::Use;
use local_bridge::{LocalBridge, LocalGate, Outlets};
use mdns::Mdns;
use state_dir::StateDir;
use statistics::Statistics;

/// Threads for reading files and resolving names; most of the time there is none.
const BLOCKING_THREADS: usize = 2;
const BLOCKING_STACK: usize = 256 * 1024;
/// After clients were told goodbye: what the bridge may take for its own.
const BRIDGE_FAREWELL: Duration = Duration::from_millis(300);

/// Hosts meetings until a signal says stop.
pub(crate) fn run(options: &HostOptions) -> Result<(), Failure> {
    let config = config::load(&options.files, &options.flags())?;
    logs::start(&config.log);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(BLOCKING_STACK)
        .build()
        .map_err(|error| Failure::new(Reason::Unexpected, format!("cannot start: {error}")))?;
    // Whoever reads where the box is may stop it at once.
    let stop = {
        let _inside = runtime.enter();
        stop_signal()?
    };
    let house = House::open(config, options)?;
    runtime.block_on(house.host(stop))
}

/// Everything that can fail has been done: ports are open, the certificate is there, the bridge's thread runs.
struct House {
    config: Config,
    site: compose::Site,
    listeners: Vec<TcpListener>,
    redirects: Vec<TcpListener>,
    statistics: Vec<TcpListener>,
    certificates: Option<Certificates>,
    trust: Option<Trust>,
    server_id: String,
    workers: Workers,
    outlets: Outlets,
    housekeeping: HousekeepingParts,
    local_socket: Option<Opened>,
    supervisor: PathBuf,
    token: Option<Token>,
}

/// What [`Housekeeping`] gets besides what [`House`] keeps.
struct HousekeepingParts {
    rules: Rules,
    addresses: Vec<LocalAddress>,
    source: Option<Source>,
    mdns: Option<Mdns>,
}

impl House {
    fn open(config: Config, options: &HostOptions) -> Result<Self, Failure> {
        let mut site = compose::site(&config)?;
        let token = recordings::token(&config)?;
        site.limits.connections = files::connections(site.limits.connections);
        let network = &config.network;
        let listen = |port: Port, purpose| {
            listen::listen(&network.addresses, port.0, purpose).map_err(|e| Failure::new(Reason::Port, e))
        };
        let (listeners, port) = listen(network.port, Use::Site)?;
        let redirects = network.http_redirect.map(|port| listen(port, Use::Redirect)).transpose()?;
        let redirects = redirects.map(|(listeners, _)| listeners).unwrap_or_default();
        let sockets = Sockets::bind(&network.media_addresses, network.media_port.0).map_err(|e| media_failure(&e))?;
        let media_port = sockets.port();
        let rules = compose::candidate_rules(&config, sockets.bound().collect(), media_port);
        let addresses = candidates::local_addresses().map_err(|error| {
            Failure::new(Reason::Unexpected, format!("cannot list the addresses of this machine: {error}"))
        })?;
        let (certificates, source) = certificates(&config, options, &addresses, &rules)?.unzip();
        let (listener, outlets) = local_bridge::outlets();
        let server_id = hexadecimal(&random::<8>()?);
        let workers = start_bridge(&config, sockets, &rules, &addresses, server_id.clone(), &listener)?;
        let trust = source.as_ref().and_then(|source| source.trust(&config.branding.name));
        let statistics = statistics_ports(&config)?;
        // Whoever reads where the box is may ask at once.
        let local_socket = local_socket(options);
        announce(&config, &listeners, [port, media_port], &rules, &addresses, trust.as_ref());
        let mdns = if network.mdns {
            let bound = listeners.iter().filter_map(|listener| Some(listener.local_addr().ok()?.ip())).collect();
            Mdns::start(names::box_name(), &config.branding.name, bound, port)
        } else {
            None
        };
        let housekeeping = HousekeepingParts { rules, addresses, source, mdns };
        Ok(Self {
            config,
            site,
            listeners,
            redirects,
            statistics,
            certificates,
            trust,
            server_id,
            workers,
            outlets,
            housekeeping,
            local_socket,
            supervisor: options.supervisor.clone(),
            token,
        })
    }

    async fn host(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let mailbox = self.workers.mailbox().clone();
        let Outlets { replies, exports: orders, mappings, mut ended, clients } = self.outlets;
        tokio::task::spawn_blocking(text::read_ahead);
        let state_dir = self.housekeeping.source.as_ref().and_then(Source::dir).map(Path::to_owned);
        let directory = recordings::directory(self.config.recorder.directory.as_deref(), state_dir.as_deref());
        let key = random()?;
        let kept = directory.map(|directory| recordings::Kept::new(directory, self.config.recorder.moderators, &key));
        let recorder = recordings::find().zip(kept.clone());
        let site = mdns_name(&self.config).map(|name| format!("https://{name}"));
        let config = &self.config.recorder;
        let place = recordings::Place { config, state_dir: state_dir.as_deref(), site: site.as_deref() };
        let recorder = recorder.map(|(way, kept)| recordings::recorder(way, kept, place, mailbox.clone()));
        let mut composed = compose::signal(&self.config);
        composed.focus.recording = recorder.is_some();
        let signal = Signal::new(composed, random()?);
        let gate = LocalGate::new(mailbox.clone(), &clients, self.server_id);
        let (questions, asked) = mpsc::unbounded_channel();
        let candidates = candidates::gather(&self.housekeeping.rules, &self.housekeeping.addresses, &[]);
        let whereabouts =
            watch::Sender::new(Whereabouts { addresses: self.housekeeping.addresses.clone(), candidates });
        let own = state_dir.is_some();
        let started = Instant::now();
        let statistics =
            Statistics::new(started, self.config.bridge.max_participants.get(), questions.clone(), mailbox.clone());
        let desk = Desk {
            started,
            tcp: self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect(),
            rules: self.housekeeping.rules.clone(),
            certificates: self.certificates.clone().map(|certificates| (certificates, own)),
            mdns: mdns_name(&self.config),
            domain: self.config.xmpp.domain.as_str().to_owned(),
            limits: desk::limits(&self.config),
            state_dir,
            whereabouts: whereabouts.subscribe(),
            questions,
            mailbox: mailbox.clone(),
        };
        let (setup, way) = setup::way(&self.supervisor);
        let manager = ServiceManager::from_environment();
        manager.ready("Hosting meetings");
        tracing::info!(version = compose::version(), "hosting");
        let shell = ShellConfig {
            listen: self.listeners,
            redirect: self.redirects,
            tls: self.certificates.clone(),
            proxies: self.config.tls.behind_proxy.clone(),
            client: ClientConfig { recording: recorder.is_some(), ..self.site.client },
            branding: self.site.branding,
            web: self.site.web,
            trust: self.trust,
            setup: Some(setup),
            version: compose::version(),
            limits: self.site.limits,
            recorder,
            recordings: kept.map(|kept| kept.served(self.token)),
            questions: Some(asked),
        };
        let stopping = async {
            stop.await;
            tracing::info!("ending all meetings");
            ServiceManager::from_environment().stopping();
        };
        let serving = serve(shell, signal, Box::new(LocalBridge(mailbox.clone())), replies, Box::new(gate), stopping);
        let housekeeping = Housekeeping {
            rules: self.housekeeping.rules,
            addresses: self.housekeeping.addresses,
            whereabouts,
            certificates: self.certificates.zip(self.housekeeping.source),
            stun_servers: self.config.bridge.stun_servers.clone(),
            mailbox: mailbox.clone(),
            manager,
            mdns: self.housekeeping.mdns,
        };
        let mut exports = Exports::new(mailbox.clone());
        let outcome = tokio::select! {
            served = serving => served.map_err(|error| Failure::new(Reason::Unexpected, error)),
            () = housekeeping.run(mappings) => Ok(()),
            () = desk.serve(self.local_socket) => Ok(()),
            () = way.serve() => Ok(()),
            () = statistics.serve(self.statistics) => Ok(()),
            () = exports.serve(orders) => Ok(()),
            () = bridge_ended(&mut ended) => {
                return Err(Failure::new(Reason::Unexpected, "the bridge has crashed; what it said is in the log"));
            }
        };
        mailbox.post(Letter::ShutDown);
        exports.end().await;
        if tokio::time::timeout(BRIDGE_FAREWELL, bridge_ended(&mut ended)).await.is_ok() {
            self.workers.join();
        }
        tracing::info!("ended");
        outcome
    }
}

/// The ports for numbers. That another program has the usual one is no reason not to host.
fn statistics_ports(config: &Config) -> Result<Vec<TcpListener>, Failure> {
    let one = |address: &SocketAddr| {
        listen::listen(&[address.ip()], address.port(), Use::Statistics).map(|(listeners, _)| listeners)
    };
    let opened: Result<Vec<_>, _> = config.network.statistics.iter().map(one).collect();
    match opened {
        Ok(listeners) => Ok(listeners.into_iter().flatten().collect()),
        Err(error) if matches!(config.origins.of("network.statistics"), Origin::Default) => {
            tracing::warn!("no statistics are served: {error}");
            Ok(Vec::new())
        }
        Err(error) => Err(Failure::new(Reason::Port, error)),
    }
}

/// A host that cannot be asked how it is hosts all the same.
fn local_socket(options: &HostOptions) -> Option<Opened> {
    let folder = local_socket::own_folder(options.state_dir.as_deref())?;
    match Opened::at(&folder, local_socket::HOST) {
        Ok(opened) => Some(opened),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "`moothall status` cannot ask this host how it is");
            None
        }
    }
}

/// Resolves when the bridge's thread has ended.
async fn bridge_ended(ended: &mut watch::Receiver<Option<bool>>) {
    // An error means that the sender is gone, and the thread with it.
    let _ = ended.wait_for(Option::is_some).await;
}

/// SIGTERM (systemd) or SIGINT (Ctrl-C); registered at once, so that none is missed.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| {
        unix_signal(kind).map_err(|e| Failure::new(Reason::Unexpected, format!("cannot listen for signals: {e}")))
    };
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// `None` behind a proxy.
fn certificates(
    config: &Config,
    options: &HostOptions,
    addresses: &[LocalAddress],
    rules: &Rules,
) -> Result<Option<(Certificates, Source)>, Failure> {
    let tls = &config.tls;
    if !tls.behind_proxy.is_empty() {
        return Ok(None);
    }
    if let (Some(cert), Some(key)) = (&tls.cert, &tls.key) {
        let written = certificate::written(cert, key);
        let certificate = certificate::configured(config, cert, key)?;
        let source = Source::Files { cert: cert.clone(), key: key.clone(), written };
        return Ok(Some((Certificates::new(certificate), source)));
    }
    let dir = StateDir::open(options.state_dir.as_deref()).map_err(|error| certificate_failure(error.into()))?;
    let host = names::host_name();
    let (names, now) = (names::certificate_names(&host, addresses, rules), SystemTime::now());
    let authority = Authority::keep(&dir, &names, now).map_err(certificate_failure)?;
    let own = certificate::own(&dir, &authority, names, now).map_err(certificate_failure)?;
    if own.renewed {
        tracing::info!("a new certificate was made");
    }
    Ok(Some((Certificates::new(own.certificate), Source::Own { dir, authority, label: own.label })))
}

fn certificate_failure(error: CertificateError) -> Failure {
    let reason = match error {
        CertificateError::StateDir(_) => Reason::StateDir,
        _ => Reason::Certificate,
    };
    Failure::new(reason, error)
}

fn media_failure(error: &BindError) -> Failure {
    let remedy = match error {
        BindError::Occupied(_) => "; stop it, or choose another port with --media-port PORT or network.media_port",
        BindError::Forbidden(_) => "; choose one above 1023 with --media-port PORT or network.media_port",
        BindError::ForeignAddress(_) => "; write one that is in network.media_addresses",
        BindError::TooMany(_) => {
            "; leave some out of network.media_addresses, or all of them to listen on every address"
        }
        BindError::Other { .. } => "",
    };
    Failure::new(Reason::Port, format!("{error}{remedy}"))
}

fn start_bridge(
    config: &Config,
    sockets: Sockets,
    rules: &Rules,
    addresses: &[LocalAddress],
    server_id: String,
    listener: &worker::Listener,
) -> Result<Workers, Failure> {
    let identity = Identity::generate().map_err(|error| Failure::new(Reason::Unexpected, error))?;
    let mut bridge = compose::bridge(config, server_id, &machine::found());
    bridge.candidates = candidates::gather(rules, addresses, &[]);
    if bridge.candidates.is_empty() {
        tracing::warn!("no address of this machine may be offered for audio and video; see bridge.interfaces");
    }
    worker::start(compose::workers(config), sockets, &bridge, &Arc::new(identity), random()?, listener)
        .map_err(|error| Failure::new(Reason::Unexpected, format!("cannot start the bridge: {error}")))
}

/// What the box is called in its network.
fn mdns_name(config: &Config) -> Option<String> {
    config.network.mdns.then(|| names::local(&names::box_name()))
}

/// Tells the person at the terminal where the box is.
fn announce(
    config: &Config,
    listeners: &[TcpListener],
    [port, media_port]: [u16; 2],
    rules: &Rules,
    addresses: &[LocalAddress],
    trust: Option<&Trust>,
) {
    let bound: Vec<SocketAddr> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let name = &config.branding.name;
    if !config.tls.behind_proxy.is_empty() {
        return say(format_args!("{}", banner::proxy_text(name, &bound, media_port)));
    }
    let ips: Vec<IpAddr> = bound.iter().map(SocketAddr::ip).collect();
    let mdns = mdns_name(config);
    let reach = banner::Reach { bound: &ips, port, local: addresses, rules, mdns: mdns.as_deref() };
    say(format_args!("{}", banner::text(name, &reach.urls(), media_port, trust.map(Trust::fingerprint))));
}

/// From the system.
fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::new(Reason::Unexpected, "the system gives no random numbers"))?;
    Ok(bytes)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A directory for one test, empty.
#[cfg(test)]
pub(crate) fn test_dir(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("moothall-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}
