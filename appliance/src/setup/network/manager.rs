//! NetworkManager, over D-Bus (org.freedesktop.NetworkManager, from version 1.40).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Proxy, Variant};

use super::profile::{self, Lock, NAME, Profile};
use super::view::{Device, Kind, Seen, State, Trouble, View, is_own_making, points, shown};
use super::wish::Wish;

const SERVICE: &str = "org.freedesktop.NetworkManager";
const ROOT: &str = "/org/freedesktop/NetworkManager";
const SETTINGS: &str = "/org/freedesktop/NetworkManager/Settings";
const DEVICE: &str = "org.freedesktop.NetworkManager.Device";
const WIRELESS: &str = "org.freedesktop.NetworkManager.Device.Wireless";
const ACCESS_POINT: &str = "org.freedesktop.NetworkManager.AccessPoint";
const CHECKPOINT: &str = "org.freedesktop.NetworkManager.Checkpoint";
const PROFILES: &str = "org.freedesktop.NetworkManager.Settings";
const PROFILE: &str = "org.freedesktop.NetworkManager.Settings.Connection";
const ACTIVE: &str = "org.freedesktop.NetworkManager.Connection.Active";
/// No object.
const NONE: &str = "/";

/// Seconds until what was changed is undone.
pub(crate) const UNDONE_AFTER: u32 = 120;
/// NMCheckpointCreateFlags: going back, new profiles are deleted and new devices disconnected.
const DELETE_NEW_CONNECTIONS: u32 = 0x02;
const DISCONNECT_NEW_DEVICES: u32 = 0x04;
/// NM80211Mode.
const MODE_AP: u32 = 3;
/// NMDeviceWifiCapabilities.
const CAN_AP: u32 = 0x40;
/// One may see so many access points.
const MAX_SEEN: usize = 256;

/// NetworkManager, if it is on the bus.
pub(crate) struct Manager {
    bus: Connection,
}

impl Manager {
    /// `None` where there is no NetworkManager.
    pub(crate) async fn on(bus: &Connection) -> Option<Self> {
        let this = Self { bus: bus.clone() };
        let version: zbus::Result<String> = async { this.root().await?.get_property("Version").await }.await;
        version.is_ok().then_some(this)
    }

    async fn proxy<'a>(&self, path: &'a str, interface: &'a str) -> zbus::Result<Proxy<'a>> {
        let builder = zbus::proxy::Builder::new(&self.bus).destination(SERVICE).path(path).interface(interface);
        builder.cache_properties(CacheProperties::No).build().await
    }

    async fn root(&self) -> zbus::Result<Proxy<'static>> {
        self.proxy(ROOT, SERVICE).await
    }

    /// How the box is connected. To `scan` is to look for wireless networks anew; they are there some seconds later.
    pub(crate) async fn view(&self, scan: bool) -> zbus::Result<View> {
        let (mut devices, mut seen) = (Vec::new(), Vec::new());
        for path in self.devices().await? {
            // One may be unplugged meanwhile.
            let Ok(Some(device)) = self.device(path.as_str()).await else { continue };
            if device.kind == Kind::Wireless {
                if scan {
                    self.scan(path.as_str()).await;
                }
                seen.extend(self.seen(path.as_str(), &device.device).await.unwrap_or_default());
            }
            devices.push(device);
        }
        let pending = self.pending().await?.map(|(_, seconds)| seconds);
        Ok(View { devices, points: points(seen), pending })
    }

    async fn devices(&self) -> zbus::Result<Vec<OwnedObjectPath>> {
        self.root().await?.call("GetDevices", &()).await
    }

    /// `None` if people have nothing to do with it.
    async fn device(&self, path: &str) -> zbus::Result<Option<Device>> {
        let device = self.proxy(path, DEVICE).await?;
        let Some(kind) = Kind::of(device.get_property("DeviceType").await?) else { return Ok(None) };
        let Some(state) = State::of(device.get_property("State").await?) else { return Ok(None) };
        let (_, reason): (u32, u32) = device.get_property("StateReason").await?;
        let (mut network, mut own, mut can_own) = (None, false, false);
        if kind == Kind::Wireless {
            let wireless = self.proxy(path, WIRELESS).await?;
            let mode: u32 = wireless.get_property("Mode").await?;
            let capabilities: u32 = wireless.get_property("WirelessCapabilities").await?;
            can_own = capabilities & CAN_AP != 0;
            let active: OwnedObjectPath = wireless.get_property("ActiveAccessPoint").await?;
            if state == State::Connected && active.as_str() != NONE {
                own = mode == MODE_AP;
                let ssid: Vec<u8> =
                    self.proxy(active.as_str(), ACCESS_POINT).await?.get_property("Ssid").await.unwrap_or_default();
                network = String::from_utf8(ssid).ok();
            }
        }
        let dhcp: OwnedObjectPath = device.get_property("Dhcp4Config").await?;
        let addresses = self.addresses(&device).await?;
        Ok(Some(Device {
            device: device.get_property("Interface").await?,
            kind,
            state,
            given: dhcp.as_str() != NONE || addresses.iter().all(|address| is_own_making(address)),
            addresses,
            network,
            own,
            can_own,
            trouble: Trouble::of(reason).filter(|_| state == State::Idle),
        }))
    }

    async fn addresses(&self, device: &Proxy<'_>) -> zbus::Result<Vec<String>> {
        for (property, interface) in [
            ("Ip4Config", "org.freedesktop.NetworkManager.IP4Config"),
            ("Ip6Config", "org.freedesktop.NetworkManager.IP6Config"),
        ] {
            let path: OwnedObjectPath = device.get_property(property).await?;
            if path.as_str() == NONE {
                continue;
            }
            let config = self.proxy(path.as_str(), interface).await?;
            let data: Vec<HashMap<String, OwnedVariant>> = config.get_property("AddressData").await?;
            let text = |entry: &HashMap<String, OwnedVariant>| String::try_from(entry.get("address")?.clone()).ok();
            let addresses = shown(data.iter().filter_map(text).collect());
            if !addresses.is_empty() {
                return Ok(addresses);
            }
        }
        Ok(Vec::new())
    }

    /// It refuses to look too often, and while it is in a network of its own: then what is known is known.
    async fn scan(&self, path: &str) {
        let options: HashMap<&str, Variant<'_>> = HashMap::new();
        let asked = async { self.proxy(path, WIRELESS).await?.call::<_, _, ()>("RequestScan", &(options,)).await };
        if let Err(error) = asked.await {
            tracing::debug!(%error, "no new look for wireless networks");
        }
    }

    async fn seen(&self, path: &str, device: &str) -> zbus::Result<Vec<Seen>> {
        let wireless = self.proxy(path, WIRELESS).await?;
        let paths: Vec<OwnedObjectPath> = wireless.call("GetAllAccessPoints", &()).await?;
        let mut seen = Vec::new();
        for path in paths.iter().take(MAX_SEEN) {
            // It may have gone.
            if let Ok((ssid, strength, lock)) = self.access_point(path.as_str()).await {
                seen.push(Seen { device: device.to_owned(), ssid, strength, lock });
            }
        }
        Ok(seen)
    }

    async fn access_point(&self, path: &str) -> zbus::Result<(Vec<u8>, u8, Lock)> {
        let point = self.proxy(path, ACCESS_POINT).await?;
        let (flags, wpa, rsn) = (
            point.get_property("Flags").await?,
            point.get_property("WpaFlags").await?,
            point.get_property("RsnFlags").await?,
        );
        Ok((point.get_property("Ssid").await?, point.get_property("Strength").await?, Lock::of(flags, wpa, rsn)))
    }

    /// Does what is wished, for [`UNDONE_AFTER`] seconds; see [`Self::keep`]. The path is where the profile is kept.
    pub(crate) async fn change(&self, wish: &Wish) -> zbus::Result<Option<PathBuf>> {
        let Some(device) = self.device_of(wish.device()).await? else {
            return Err(zbus::Error::Failure(format!("there is no {}", wish.device())));
        };
        // What is still pending was given up by whoever wishes something else.
        self.undo().await?;
        let root = self.root().await?;
        let flags = DELETE_NEW_CONNECTIONS | DISCONNECT_NEW_DEVICES;
        // No device is all devices.
        let all: &[OwnedObjectPath] = &[];
        let checkpoint: OwnedObjectPath = root.call("CheckpointCreate", &(all, UNDONE_AFTER, flags)).await?;
        let lock = match wish {
            Wish::Wireless { name, .. } => self.lock_of(device.as_str(), name).await,
            _ => Lock::Open,
        };
        match self.activate(&profile::profile(wish, lock), device.as_str()).await {
            Ok(file) => Ok(file),
            Err(error) => {
                let _: HashMap<String, u32> = root.call("CheckpointRollback", &(checkpoint,)).await?;
                Err(error)
            }
        }
    }

    async fn activate(&self, profile: &Profile, device: &str) -> zbus::Result<Option<PathBuf>> {
        let options: HashMap<&str, Variant<'_>> = HashMap::from([("persist", Variant::from("disk"))]);
        let (device, none) = (path(device)?, path(NONE)?);
        let (made, _, _): (OwnedObjectPath, OwnedObjectPath, HashMap<String, OwnedVariant>) =
            self.root().await?.call("AddAndActivateConnection2", &(profile, device, none, options)).await?;
        let file: String = self.proxy(made.as_str(), PROFILE).await?.get_property("Filename").await?;
        Ok(Some(PathBuf::from(file)).filter(|file| file.is_absolute()))
    }

    async fn device_of(&self, name: &str) -> zbus::Result<Option<OwnedObjectPath>> {
        for path in self.devices().await? {
            let interface: String = self.proxy(path.as_str(), DEVICE).await?.get_property("Interface").await?;
            if interface == name {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// How the strongest access point of this name wants to be spoken to.
    async fn lock_of(&self, device: &str, name: &str) -> Lock {
        let mut seen = self.seen(device, "").await.unwrap_or_default();
        seen.retain(|seen| seen.ssid == name.as_bytes());
        seen.iter().max_by_key(|seen| seen.strength).map_or(Lock::Open, |seen| seen.lock)
    }

    /// The change that is not for good yet, and how many seconds are left.
    async fn pending(&self) -> zbus::Result<Option<(OwnedObjectPath, u64)>> {
        let checkpoints: Vec<OwnedObjectPath> = self.root().await?.get_property("Checkpoints").await?;
        for path in checkpoints {
            let checkpoint = self.proxy(path.as_str(), CHECKPOINT).await?;
            // Another one's, or it has just gone.
            let Ok(timeout) = checkpoint.get_property::<u32>("RollbackTimeout").await else { continue };
            let created: i64 = checkpoint.get_property("Created").await?;
            if timeout == UNDONE_AFTER {
                let passed = since_boot().saturating_sub(u64::try_from(created).unwrap_or(0) / 1000);
                return Ok(Some((path, u64::from(timeout).saturating_sub(passed))));
            }
        }
        Ok(None)
    }

    /// It works: the change is for good, and what we made for the same device before goes. `false` if there is none.
    pub(crate) async fn keep(&self) -> zbus::Result<bool> {
        let Some((checkpoint, _)) = self.pending().await? else { return Ok(false) };
        self.root().await?.call::<_, _, ()>("CheckpointDestroy", &(checkpoint,)).await?;
        if let Err(error) = self.tidy().await {
            tracing::warn!(%error, "profiles of earlier networks are still there");
        }
        Ok(true)
    }

    /// The box goes back at once.
    pub(crate) async fn undo(&self) -> zbus::Result<bool> {
        let Some((checkpoint, _)) = self.pending().await? else { return Ok(false) };
        let _: HashMap<String, u32> = self.root().await?.call("CheckpointRollback", &(checkpoint,)).await?;
        Ok(true)
    }

    /// Deletes profiles of ours whose device has another one of ours in use.
    async fn tidy(&self) -> zbus::Result<()> {
        let actives: Vec<OwnedObjectPath> = self.root().await?.get_property("ActiveConnections").await?;
        let mut used = Vec::new();
        for active in &actives {
            let profile: OwnedObjectPath =
                self.proxy(active.as_str(), ACTIVE).await?.get_property("Connection").await?;
            used.push(profile);
        }
        let all: Vec<OwnedObjectPath> = self.proxy(SETTINGS, PROFILES).await?.call("ListConnections", &()).await?;
        let mut ours = Vec::new();
        for path in all {
            if let Some(device) = self.our_device(path.as_str()).await? {
                let is_used = used.contains(&path);
                ours.push((path, device, is_used));
            }
        }
        for (path, device, is_used) in &ours {
            if !is_used && ours.iter().any(|(_, other, in_use)| *in_use && other == device) {
                self.proxy(path.as_str(), PROFILE).await?.call::<_, _, ()>("Delete", &()).await?;
            }
        }
        Ok(())
    }

    /// The device of a profile that we made.
    async fn our_device(&self, path: &str) -> zbus::Result<Option<String>> {
        let settings: HashMap<String, HashMap<String, OwnedVariant>> =
            self.proxy(path, PROFILE).await?.call("GetSettings", &()).await?;
        let text = |key: &str| String::try_from(settings.get("connection")?.get(key)?.clone()).ok();
        let ours = text("id").is_some_and(|id| id.starts_with(NAME));
        Ok(text("interface-name").filter(|_| ours))
    }
}

fn path(text: &str) -> zbus::Result<OwnedObjectPath> {
    OwnedObjectPath::try_from(text)
}

/// Seconds, also those in which the machine slept.
fn since_boot() -> u64 {
    let text = std::fs::read_to_string(Path::new("/proc/uptime")).unwrap_or_default();
    text.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}
