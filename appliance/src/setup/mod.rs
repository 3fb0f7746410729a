//! First boot, and whatever is changed later from the network: what the page `/setup` asks, and what is done about it.
//!
//! The browser talks to the host, which holds no rights, and the host to the supervisor, which is root; here is what the supervisor
//! says. There is no default password: see [`door`] for who comes in, and [`code`] for why six digits are enough. Each request is a
//! JSON object that names what to `do`; the answer to what cannot be has an `error`.
//!
//! The session of a person is a token in the page's own memory and no cookie, so that it can go with the page to the address that the
//! box gets by a change of its network, and so that no other page can make use of it.

mod code;
mod door;
mod guesses;
mod near;
mod network;
mod password;
mod sessions;
mod site;
mod zone;

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use board_config::{Config, Flags};
use serde::Deserialize;
use serde_json::{Value, json};
use smol::channel::Sender;
use zbus::Connection;

use crate::cli::{NETWORKS, SITE_FILE};
use crate::exit::{Failure, Reason};
use crate::host::names;
use crate::provision::connections::Connections;
use crate::say::say;
use crate::{config, supervise};
use code::{DIGITS, Wrong};
use door::{Door, Refusal, Way};
use network::{Manager, Wish};
use password::Kept;
use zone::Clock;

/// In the folder of the configuration that the box was given.
const ADMINISTRATOR: &str = "administrator.json";
const LOCALTIME: &str = "/etc/localtime";
/// The call of the box to itself, before the page gives up waiting.
const CALL_PATIENCE: Duration = Duration::from_secs(18);

/// What the page may ask.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// Whether the box has to be set up; the host asks, for its front page.
    Status,
    /// What to type; puts a code on the screen.
    State,
    Code {
        code: String,
    },
    Password {
        password: String,
    },
    /// Name, time zones.
    Look {
        session: String,
    },
    Room {
        session: String,
        name: String,
        zone: Option<String>,
        password: Option<String>,
    },
    Networks {
        session: String,
        #[serde(default)]
        scan: bool,
    },
    Network {
        session: String,
        network: Wish,
    },
    Keep {
        session: String,
    },
    Undo {
        session: String,
    },
    /// A call of the box to itself.
    Call {
        session: String,
    },
    Finish {
        session: String,
    },
}

/// Whatever goes wrong, in the words of the protocol.
struct Error(Value);

/// The setup of this box.
pub(crate) struct Setup {
    door: RefCell<Door>,
    /// As for the host.
    files: Vec<PathBuf>,
    /// The configuration that the box was given.
    site: PathBuf,
    /// The state directory of the host, if it was given one.
    state_dir: Option<PathBuf>,
    clock: Clock,
    /// One change of the network after the other.
    network: smol::lock::Mutex<()>,
    /// The host has not read it yet.
    renamed: Cell<bool>,
    /// The configuration has changed.
    changed: Sender<()>,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").field("site", &self.site).finish_non_exhaustive()
    }
}

impl Setup {
    /// The last of `files` is the one that is written to; that it was goes into `changed`.
    pub(crate) fn open(files: &[PathBuf], state_dir: Option<&Path>, changed: Sender<()>) -> Result<Self, Failure> {
        let site = files.last().cloned().unwrap_or_else(|| SITE_FILE.into());
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed)
            .map_err(|_| Failure::new(Reason::Unexpected, "the system gives no random numbers"))?;
        let beside = site.parent().unwrap_or(Path::new(".")).to_owned();
        let administrator = site.with_file_name(ADMINISTRATOR);
        // Whoever stands by the box can give it another one.
        let password = Kept::read(&administrator).unwrap_or_else(|why| {
            tracing::warn!(file = %administrator.display(), why, "the password of the administrator does not count");
            None
        });
        Ok(Self {
            door: RefCell::new(Door::new(seed, password)),
            files: files.to_owned(),
            clock: Clock::new(LOCALTIME.into(), beside),
            site,
            state_dir: state_dir.map(Path::to_owned),
            network: smol::lock::Mutex::new(()),
            renamed: Cell::new(false),
            changed,
        })
    }

    /// Puts the first code on the screen, if the box has to be set up.
    pub(crate) fn greet(&self) {
        if !self.is_set_up() {
            // Refused only after too many tries.
            let _ = self.look(Ipv4Addr::LOCALHOST.into());
        }
    }

    pub(crate) fn is_set_up(&self) -> bool {
        self.door.borrow().is_set_up()
    }

    /// Somebody stands by the box and has held its button: a code is good once more, and on the screen.
    pub(crate) fn reopen(&self) {
        tracing::info!("the button was held: setup by a code is open for a while");
        self.door.borrow_mut().reopen(Instant::now());
        // It is near.
        let _ = self.look(Ipv4Addr::LOCALHOST.into());
    }

    /// Answers `{"setup": REQUEST, "from": ADDRESS}`.
    pub(crate) async fn answer(&self, question: &Value, bus: Option<&Connection>) -> Value {
        let from = question.get("from").and_then(|from| from.as_str()?.parse().ok());
        let request = question.get("setup").map(Request::deserialize);
        let (Some(from), Some(Ok(request))) = (from, request) else { return json!({ "error": "malformed" }) };
        match self.handle(request, from, bus).await {
            Ok(answer) => answer,
            Err(Error(answer)) => answer,
        }
    }

    async fn handle(&self, request: Request, from: IpAddr, bus: Option<&Connection>) -> Result<Value, Error> {
        match request {
            Request::Status => Ok(json!({ "set_up": self.is_set_up() })),
            Request::State => self.state(from),
            Request::Code { code } => self.by_code(from, &code),
            Request::Password { password } => self.by_password(from, password).await,
            Request::Look { session } => self.resume(from, &session).map(|()| self.shown()),
            Request::Room { session, name, zone, password } => {
                self.resume(from, &session)?;
                self.room(name.trim(), zone, password, bus).await
            }
            Request::Networks { session, scan } => {
                self.resume(from, &session)?;
                let Some(manager) = manager(bus).await else { return Ok(json!({ "manager": false })) };
                let view = manager.view(scan).await.map_err(Error::network)?;
                Ok(json!({ "manager": true, "view": view }))
            }
            Request::Network { session, network } => {
                self.resume(from, &session)?;
                self.change(&network, bus).await
            }
            Request::Keep { session } => {
                self.resume(from, &session)?;
                let _one = self.network.lock().await;
                let kept = self.manager(bus).await?.keep().await.map_err(Error::network)?;
                // NetworkManager leaves that to the kernel, and whoever reads that all is well may pull the plug.
                smol::unblock(nix::unistd::sync).await;
                tracing::info!(kept, "the network works");
                if kept { Ok(json!({ "ok": true })) } else { Err(Error(json!({ "error": "undone" }))) }
            }
            Request::Undo { session } => {
                self.resume(from, &session)?;
                let _one = self.network.lock().await;
                self.manager(bus).await?.undo().await.map_err(Error::network)?;
                Ok(json!({ "ok": true }))
            }
            Request::Call { session } => {
                self.resume(from, &session)?;
                let said = supervise::within(CALL_PATIENCE, supervise::call::call(self.state_dir.as_deref())).await;
                Ok(json!({ "call": said.map(|said| said.good) }))
            }
            Request::Finish { session } => {
                self.resume(from, &session)?;
                Ok(json!({ "ok": true, "restarts": self.finish(bus) }))
            }
        }
    }

    fn state(&self, from: IpAddr) -> Result<Value, Error> {
        let set_up = self.is_set_up();
        match self.look(from) {
            Ok(Way::Code { left, .. }) => {
                Ok(json!({ "set_up": set_up, "way": "code", "digits": DIGITS, "seconds": seconds(left) }))
            }
            Ok(Way::Password) => Ok(json!({ "set_up": set_up, "way": "password" })),
            Err(refusal) => {
                let Error(mut answer) = refusal.into();
                if let Some(answer) = answer.as_object_mut() {
                    answer.insert("set_up".to_owned(), set_up.into());
                }
                Err(Error(answer))
            }
        }
    }

    /// What is asked for; a new code goes onto the screen.
    fn look(&self, from: IpAddr) -> Result<Way, Refusal> {
        let way = self.door.borrow_mut().look(Instant::now(), from)?;
        if let Way::Code { left, new: Some(code) } = &way {
            self.show(code, *left);
        }
        Ok(way)
    }

    /// Standard output is the console.
    fn show(&self, code: &str, left: Duration) {
        let (first, second) = code.split_at(code.len() / 2);
        let minutes = left.as_secs() / 60;
        say(format_args!(
            "\nSet up this box: open {}/setup and type the code  {first} {second}  (good for {minutes} minutes, and once)\n",
            self.url()
        ));
    }

    fn by_code(&self, from: IpAddr, code: &str) -> Result<Value, Error> {
        let said = self.door.borrow_mut().enter_by_code(Instant::now(), from, code);
        match &said {
            Ok(_) => tracing::info!("somebody came in by the code on the screen"),
            Err(refusal) => tracing::warn!(?refusal, "a code was refused"),
        }
        Ok(json!({ "session": said? }))
    }

    async fn by_password(&self, from: IpAddr, password: String) -> Result<Value, Error> {
        let kept = self.door.borrow_mut().try_password(Instant::now(), from)?;
        // It takes its time.
        let right = smol::unblock(move || kept.is(&password).then_some(kept)).await;
        let said = self.door.borrow_mut().enter_by_password(Instant::now(), from, right.as_ref());
        match &said {
            Ok(_) => tracing::info!("the administrator came in by the password"),
            Err(refusal) => tracing::warn!(?refusal, "a password was refused"),
        }
        Ok(json!({ "session": said? }))
    }

    fn resume(&self, from: IpAddr, session: &str) -> Result<(), Error> {
        Ok(self.door.borrow_mut().resume(Instant::now(), from, session)?)
    }

    fn shown(&self) -> Value {
        let config = self.config();
        json!({
            "set_up": self.is_set_up(),
            "name": config.branding.name,
            "address": self.url(),
            "zone": self.clock.zone(),
            "zones": self.clock.zones(),
            "shortest": password::SHORTEST,
        })
    }

    /// All of it, or nothing.
    async fn room(
        &self,
        name: &str,
        zone: Option<String>,
        password: Option<String>,
        bus: Option<&Connection>,
    ) -> Result<Value, Error> {
        let text = site::with_name(&self.site, name).map_err(|why| Error(json!({ "error": "name", "why": why })))?;
        let zone = zone.filter(|zone| self.clock.zone().as_deref() != Some(zone));
        if zone.as_ref().is_some_and(|zone| !self.clock.zones().contains(zone)) {
            return Err(Error(json!({ "error": "zone" })));
        }
        let good = password.as_deref().map_or(self.is_set_up(), password::is_good);
        if !good {
            return Err(Error(json!({ "error": "short", "shortest": password::SHORTEST })));
        }
        let unwritable = |error: std::io::Error| Error(json!({ "error": "unwritable", "why": error.to_string() }));
        if let Some(zone) = zone {
            self.clock.set(&zone, bus).await.map_err(|why| Error(json!({ "error": "zone", "why": why })))?;
            tracing::info!(zone, "the time zone was set");
        }
        if let Some(text) = text {
            site::write(&self.site, &text).map_err(unwritable)?;
            self.renamed.set(true);
            tracing::info!("the room was named");
        }
        let Some(password) = password else { return Ok(json!({ "ok": true })) };
        let salt = self.door.borrow_mut().salt();
        let kept = smol::unblock(move || Kept::of(&password, &salt)).await;
        kept.write(&self.site.with_file_name(ADMINISTRATOR)).map_err(unwritable)?;
        tracing::info!("the password of the administrator was set");
        let session = self.door.borrow_mut().change_password(Instant::now(), kept);
        Ok(json!({ "ok": true, "set_up": true, "session": session }))
    }

    async fn change(&self, wish: &Wish, bus: Option<&Connection>) -> Result<Value, Error> {
        wish.check().map_err(|part| Error(json!({ "error": "wish", "part": part.name() })))?;
        let _one = self.network.lock().await;
        let manager = self.manager(bus).await?;
        let file = manager.change(wish).await.map_err(Error::network)?;
        tracing::info!(device = wish.device(), "another network, until somebody says that it works");
        if let Some(name) = file.as_deref().and_then(Path::file_name).and_then(|name| name.to_str()) {
            self.remember(name);
        }
        Ok(json!({ "pending": network::UNDONE_AFTER }))
    }

    /// A factory reset takes it away.
    fn remember(&self, name: &str) {
        let beside = self.site.parent().unwrap_or(Path::new("."));
        let added = Connections::of(beside, Path::new(NETWORKS))
            .and_then(|known| known.add([name].into_iter()).map_err(|error| error.to_string()));
        if let Err(error) = added {
            tracing::warn!(error, name, "a factory reset will not take away this connection");
        }
    }

    async fn manager(&self, bus: Option<&Connection>) -> Result<Manager, Error> {
        manager(bus).await.ok_or_else(|| Error(json!({ "error": "no_manager" })))
    }

    /// The host reads its configuration when it starts: it does so anew once nobody meets, if there is somebody who starts it.
    fn finish(&self, bus: Option<&Connection>) -> bool {
        if !self.renamed.replace(false) {
            return false;
        }
        // Full: it is wanted already.
        let _ = self.changed.try_send(());
        bus.is_some()
    }

    fn config(&self) -> Config {
        config::load(&self.files, &Flags::default()).unwrap_or_default()
    }

    /// Where people find the box.
    fn url(&self) -> String {
        let network = self.config().network;
        let name = if network.mdns { names::box_name() } else { names::host_name() };
        let name = if network.mdns { names::local(&name) } else { name };
        if network.port.0 == 443 { format!("https://{name}") } else { format!("https://{name}:{}", network.port.0) }
    }
}

async fn manager(bus: Option<&Connection>) -> Option<Manager> {
    Manager::on(bus?).await
}

impl Error {
    fn network(error: zbus::Error) -> Self {
        tracing::warn!(%error, "NetworkManager refused");
        Self(json!({ "error": "network", "why": error.to_string() }))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self(match refusal {
            Refusal::Far => json!({ "error": "far" }),
            Refusal::Code(Wrong::Code(left)) => json!({ "error": "code", "left": left }),
            Refusal::Code(Wrong::Pause(pause)) => json!({ "error": "pause", "seconds": seconds(pause) }),
            Refusal::Code(Wrong::Gone) => json!({ "error": "gone" }),
            Refusal::Code(Wrong::Exhausted) => json!({ "error": "exhausted" }),
            Refusal::Password => json!({ "error": "password" }),
            Refusal::Wait(wait) => json!({ "error": "wait", "seconds": seconds(wait) }),
            Refusal::Session => json!({ "error": "session" }),
            Refusal::OtherWay => json!({ "error": "other_way" }),
        })
    }
}

/// Rounded up: after so many it is over.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
