//! What we ask of systemd, over D-Bus (org.freedesktop.systemd1(5)).

use std::cell::{Cell, RefCell};
use std::time::Duration;

use board_config::Bytes;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedObjectPath, Proxy, Variant};

use super::report::Service;
use super::within;

const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";

/// Whoever does not answer a message for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The system's bus, as soon as it is there.
#[derive(Debug, Default)]
pub(super) struct Bus {
    connection: RefCell<Option<Connection>>,
    told: Cell<bool>,
}

impl Bus {
    pub(super) async fn connection(&self) -> Option<Connection> {
        if let Some(connection) = &*self.connection.borrow() {
            return Some(connection.clone());
        }
        match within(PATIENCE, Connection::system()).await {
            Some(Ok(connection)) => {
                self.connection.replace(Some(connection.clone()));
                return Some(connection);
            }
            Some(Err(error)) if !self.told.replace(true) => {
                tracing::warn!(%error, "without the system's bus services are not looked after");
            }
            _ => {}
        }
        None
    }

    pub(super) async fn systemd(&self) -> Option<Systemd> {
        self.connection().await.map(Systemd)
    }
}

/// Anything on the bus. Properties are asked for each time: nobody wants to be woken when one changes.
pub(crate) async fn proxy<'a>(
    connection: &Connection,
    name: &'a str,
    path: &'a str,
    interface: &'a str,
) -> zbus::Result<Proxy<'a>> {
    let builder = zbus::proxy::Builder::new(connection).destination(name).path(path).interface(interface);
    builder.cache_properties(CacheProperties::No).build().await
}

#[derive(Debug)]
pub(crate) struct Systemd(Connection);

impl Systemd {
    pub(crate) fn on(bus: Connection) -> Self {
        Self(bus)
    }

    async fn manager(&self) -> zbus::Result<Proxy<'_>> {
        proxy(&self.0, NAME, PATH, MANAGER).await
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }

    pub(super) async fn restart(&self, unit: &str) -> zbus::Result<()> {
        let _job: OwnedObjectPath = self.manager().await?.call("RestartUnit", &(unit, "replace")).await?;
        Ok(())
    }

    /// `None` if there is no such unit on this machine.
    pub(super) async fn service(&self, unit: &str) -> zbus::Result<Option<Service>> {
        let path: OwnedObjectPath = self.manager().await?.call("LoadUnit", &(unit,)).await?;
        let unit_proxy = proxy(&self.0, NAME, path.as_str(), UNIT).await?;
        let load: String = unit_proxy.get_property("LoadState").await?;
        if load != "loaded" {
            return Ok(None);
        }
        let service = proxy(&self.0, NAME, path.as_str(), SERVICE).await?;
        // systemd's word for a number that it does not know, or no limit.
        let known = |bytes: u64| (bytes != u64::MAX).then_some(bytes);
        Ok(Some(Service {
            unit: unit.to_owned(),
            state: unit_proxy.get_property("ActiveState").await?,
            restarts: service.get_property("NRestarts").await?,
            memory_bytes: known(service.get_property("MemoryCurrent").await?),
            memory_max_bytes: known(service.get_property("MemoryMax").await?),
        }))
    }

    /// Until the next start of the machine.
    pub(super) async fn limit(&self, unit: &str, memory: Bytes) -> zbus::Result<()> {
        let properties = [("MemoryMax", Variant::from(memory.bytes()))];
        self.manager().await?.call("SetUnitProperties", &(unit, true, &properties[..])).await
    }

    /// How long the hardware waits for systemd before it starts the machine again; 0 is for ever.
    pub(super) async fn hardware_watchdog(&self) -> zbus::Result<Duration> {
        let micros: u64 = self.manager().await?.get_property("RuntimeWatchdogUSec").await?;
        Ok(Duration::from_micros(micros))
    }

    pub(super) async fn set_hardware_watchdog(&self, wait: Duration) -> zbus::Result<()> {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        Ok(self.manager().await?.set_property("RuntimeWatchdogUSec", micros).await?)
    }

    /// All services are ended first.
    pub(crate) async fn reboot(&self) -> zbus::Result<()> {
        let _job: OwnedObjectPath =
            self.manager().await?.call("StartUnit", &("reboot.target", "replace-irreversibly")).await?;
        Ok(())
    }
}
