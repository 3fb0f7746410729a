//! The time zone of the box.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use zbus::{Connection, Proxy};

/// Where the time zones of the system are.
const ZONES: &str = "/usr/share/zoneinfo";
/// Tables with a zone in the third column; the first has one for each country, and so the names that people look for.
const TABLES: [&str; 2] = ["zone.tab", "zone1970.tab"];
/// All zones, compact; also under names that nobody should be offered.
const COMPACT: &str = "tzdata.zi";
const REGIONS: [&str; 11] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
    "Etc",
];
const MAX_LINKS: usize = 4;

/// Where the time zone is set.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    /// `/etc/localtime`.
    pub(crate) localtime: PathBuf,
    /// The folder that is ours to write to. If `localtime` leads to a link in it, that link is the setting.
    pub(crate) ours: PathBuf,
    zones: PathBuf,
}

impl Clock {
    pub(crate) fn new(localtime: PathBuf, ours: PathBuf) -> Self {
        Self { localtime, ours, zones: ZONES.into() }
    }

    /// The zone in effect, if it can be told.
    pub(crate) fn zone(&self) -> Option<String> {
        let mut path = self.localtime.clone();
        for _ in 0..MAX_LINKS {
            let target = fs::read_link(&path).ok()?;
            path = path.parent().unwrap_or(Path::new("/")).join(target);
            if let Ok(zone) = normal(&path).strip_prefix(&self.zones) {
                return zone.to_str().map(str::to_owned);
            }
        }
        None
    }

    /// Zones to choose from, sorted; none where the system knows none.
    pub(crate) fn zones(&self) -> Vec<String> {
        let read = |name: &str| fs::read_to_string(self.zones.join(name)).ok();
        let table = TABLES.into_iter().find_map(read);
        let mut zones: Vec<String> = match &table {
            Some(table) => from_table(table).map(str::to_owned).collect(),
            None => from_compact(&read(COMPACT).unwrap_or_default()).map(str::to_owned).collect(),
        };
        if !zones.is_empty() {
            zones.push("Etc/UTC".to_owned());
        }
        zones.retain(|zone| self.zones.join(zone).is_file());
        zones.sort();
        zones.dedup();
        zones
    }

    /// Sets one of [`Self::zones`].
    pub(crate) async fn set(&self, zone: &str, bus: Option<&Connection>) -> Result<(), String> {
        if let Some(link) = self.own_link() {
            return replace_link(&link, &self.zones.join(zone)).map_err(|error| format!("{}: {error}", link.display()));
        }
        let bus = bus.ok_or("nobody on this box can be asked to set the time zone")?;
        let service = "org.freedesktop.timedate1";
        let daemon = Proxy::new(bus, service, "/org/freedesktop/timedate1", service).await;
        let interactive = false;
        let set = async { daemon?.call::<_, _, ()>("SetTimezone", &(zone, interactive)).await };
        set.await.map_err(|error| error.to_string())
    }

    /// The link in our own folder that decides.
    fn own_link(&self) -> Option<PathBuf> {
        let target = fs::read_link(&self.localtime).ok()?;
        (target.parent() == Some(&self.ours)).then_some(target)
    }
}

/// A link is there with the new target, or still with the old one.
fn replace_link(link: &Path, target: &Path) -> io::Result<()> {
    let draft = link.with_file_name(format!(".localtime.{}.new", std::process::id()));
    let _ = fs::remove_file(&draft);
    symlink(target, &draft)?;
    fs::rename(&draft, link).inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })?;
    File::open(link.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Without `..`, as far as names go.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part == std::path::Component::ParentDir {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal
}

fn from_table(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('\t').nth(2)).filter(is_usual)
}

/// `Z NAME ...` is a zone, `L TARGET NAME` another name of one.
fn from_compact(text: &str) -> impl Iterator<Item = &str> {
    let name = |line: &'_ str| -> Option<usize> {
        match line.as_bytes().first()? {
            b'Z' => Some(1),
            b'L' => Some(2),
            _ => None,
        }
    };
    text.lines().filter_map(move |line| line.split(' ').nth(name(line)?)).filter(is_usual)
}

fn is_usual(zone: &&str) -> bool {
    zone.split_once('/').is_some_and(|(region, city)| REGIONS.contains(&region) && !city.is_empty() && region != "Etc")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(name: &str) -> (Clock, PathBuf) {
        let dir = crate::host::test_dir(name);
        fs::create_dir_all(dir.join("zones/Europe")).unwrap();
        fs::create_dir_all(dir.join("zones/Etc")).unwrap();
        fs::create_dir_all(dir.join("ours")).unwrap();
        for zone in ["Europe/Lisbon", "Europe/Paris", "Etc/UTC"] {
            fs::write(dir.join("zones").join(zone), "TZif").unwrap();
        }
        let clock = Clock { localtime: dir.join("localtime"), ours: dir.join("ours"), zones: dir.join("zones") };
        (clock, dir)
    }

    #[test]
    fn zones_are_read_from_whatever_table_there_is() {
        let (clock, dir) = clock("zones");
        assert!(clock.zones().is_empty());
        let compact = "# version 2025b\nR x 1 2\nZ Europe/Lisbon -0:36 - LMT\n0 - WET\nZ EST -5 - EST\nL Europe/Paris Europe/Monaco\nZ Europe/Paris 0 x\n";
        fs::write(dir.join("zones/tzdata.zi"), compact).unwrap();
        assert_eq!(clock.zones(), ["Etc/UTC", "Europe/Lisbon", "Europe/Paris"], "none that is not there");
        let table = "# a\tb\tc\nPT\t+3843-00908\tEurope/Lisbon\tPortugal\nXX\t+0\t../../etc/passwd\nXX\n";
        fs::write(dir.join("zones/zone.tab"), table).unwrap();
        assert_eq!(clock.zones(), ["Etc/UTC", "Europe/Lisbon"]);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_link_of_ours_is_the_setting() {
        let (clock, dir) = clock("zone-link");
        assert_eq!(clock.zone(), None);
        symlink(dir.join("ours/localtime"), dir.join("localtime")).unwrap();
        assert_eq!(clock.zone(), None, "nobody has chosen yet");
        smol::block_on(clock.set("Europe/Lisbon", None)).unwrap();
        assert_eq!(clock.zone().as_deref(), Some("Europe/Lisbon"));
        smol::block_on(clock.set("Europe/Paris", None)).unwrap();
        assert_eq!(clock.zone().as_deref(), Some("Europe/Paris"));
        assert_eq!(fs::read_dir(dir.join("ours")).unwrap().count(), 1);
        fs::remove_file(dir.join("localtime")).unwrap();
        symlink("zones/Europe/../Europe/Lisbon", dir.join("localtime")).unwrap();
        assert_eq!(clock.zone().as_deref(), Some("Europe/Lisbon"));
        assert!(smol::block_on(clock.set("Europe/Paris", None)).is_err(), "that is the system's");
        fs::remove_dir_all(dir).unwrap();
    }
}
