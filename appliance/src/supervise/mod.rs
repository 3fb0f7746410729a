//! `moothall supervise`: looks after what runs on the box, and decides what nobody else can: how much memory each service may take, how
//! long the hardware waits for a sign of life, and whether an update is good.
//!
//! systemd starts services and starts them again. The supervisor never waits for what it looks after: every question has its deadline,
//! and without systemd, host or slots it does what is left. It runs on smol.

mod apply;
pub(crate) mod call;
pub(crate) mod desk;
mod front;
mod judge;
mod look;
pub(crate) mod report;
mod slots;
pub(crate) mod systemd;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use board_config::{Board, Bytes, Config, Flags};
use smol::channel::{self, Sender};
use smol::{LocalExecutor, Timer};

use crate::cli::SuperviseOptions;
use crate::exit::{Failure, Reason};
use crate::local_socket::Opened;
use crate::notify::ServiceManager;
use crate::setup::Setup;
use crate::{config, dates, logs, machine};
use report::{Service, System};
use systemd::Bus;

const HOST: &str = "moothall-host.service";
/// The units that are looked after, with what their memory is called in the board's budgets.
const SERVICES: [(&str, &str); 2] = [(HOST, "host"), ("moothall-supervise.service", "supervisor")];

/// A supervisor whose looks have not ended for so long is not well.
const STUCK: Duration = Duration::from_secs(60);

/// Looks after the box until it is ended.
pub(crate) fn run(options: &SuperviseOptions) -> Result<(), Failure> {
    let config = config(options);
    logs::start(&config.log);
    let folder = desk::folder(options.run_dir.as_deref());
    let opened = Opened::at(&folder, desk::SOCKET).map_err(|error| {
        Failure::new(Reason::StateDir, format!("cannot listen in {}: {error}; use --run-dir DIR", folder.display()))
    })?;
    let board = config.board.as_ref().and_then(|name| Board::named(name).ok());
    let (health, shown) = mpsc::channel();
    let (wish, wishes) = channel::bounded(1);
    let setup = Setup::open(&options.files, options.state_dir.as_deref(), wish.clone())?;
    setup.greet();
    let shared = Rc::new(Shared::new(&config, board.as_ref(), setup, options.state_dir.clone(), health, wish));
    let executor = LocalExecutor::new();
    for task in [
        Box::pin(look::run(Rc::clone(&shared))) as std::pin::Pin<Box<dyn Future<Output = ()>>>,
        Box::pin(slots::run(Rc::clone(&shared))),
        Box::pin(front::run(Rc::clone(&shared), board.and_then(|board| board.gpio), shown)),
        Box::pin(apply::run(Rc::clone(&shared), wishes)),
        Box::pin(watchdog(Rc::clone(&shared))),
    ] {
        executor.spawn(task).detach();
    }
    smol::block_on(executor.run(desk::serve(opened, shared, &executor)))
}

/// A configuration that is refused keeps the host from starting, and must not keep the supervisor.
fn config(options: &SuperviseOptions) -> Config {
    config::load(&options.files, &Flags::default()).unwrap_or_else(|failure| {
        let config = Config::layered(&[], &Flags::default(), &machine::found()).unwrap_or_default();
        logs::start(&config.log);
        tracing::warn!(error = failure.sentence, "the configuration is refused; the host does not start with it");
        config
    })
}

/// What the tasks know of the box.
#[derive(Debug)]
struct Shared {
    started: Instant,
    since: u64,
    /// What the box is called.
    name: String,
    bus: Bus,
    setup: Setup,
    /// As for `moothall host`.
    state_dir: Option<PathBuf>,
    /// MemoryMax of each unit.
    limits: Vec<(&'static str, Bytes)>,
    /// The longest time that the board's watchdog can wait, in seconds.
    watchdog: Option<u32>,
    services: RefCell<Vec<Service>>,
    system: RefCell<Option<System>>,
    looked: Cell<Instant>,
    /// Whether the host is well, for the light of the panel.
    health: mpsc::Sender<bool>,
    /// That the configuration has changed.
    wish: Sender<()>,
}

impl Shared {
    fn new(
        config: &Config,
        board: Option<&Board>,
        setup: Setup,
        state_dir: Option<PathBuf>,
        health: mpsc::Sender<bool>,
        wish: Sender<()>,
    ) -> Self {
        let limits = board.and_then(|board| board.limits(&machine::found()));
        let limit =
            |name: &str| limits?.services().into_iter().find(|(service, _)| *service == name).map(|(_, max)| max);
        Self {
            started: Instant::now(),
            since: dates::now(),
            name: config.branding.name.clone(),
            bus: Bus::default(),
            setup,
            state_dir,
            limits: SERVICES.iter().filter_map(|(unit, name)| Some((*unit, limit(name)?))).collect(),
            watchdog: board.and_then(|board| board.watchdog.as_ref()).map(|watchdog| watchdog.longest),
            services: RefCell::default(),
            system: RefCell::default(),
            looked: Cell::new(Instant::now()),
            health,
            wish,
        }
    }
}

/// Tells systemd that we live, as long as our looks end.
async fn watchdog(shared: Rc<Shared>) {
    let manager = ServiceManager::from_environment();
    manager.ready("Looking after the box");
    let Some(every) = manager.watchdog_interval() else { return pending().await };
    loop {
        if shared.looked.get().elapsed() < STUCK {
            manager.alive();
        }
        Timer::after(every).await;
    }
}

/// `None` if it takes longer.
pub(crate) async fn within<T>(limit: Duration, what: impl Future<Output = T>) -> Option<T> {
    smol::future::or(async { Some(what.await) }, async {
        Timer::after(limit).await;
        None
    })
    .await
}
