//! Disk, memory, power and devices of this machine, as the kernel shows them in its files.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use super::check::Check;
use crate::status::mebibytes;

const MEBI: u64 = 1024 * 1024;
/// A certificate and a log need little; below this neither can be written for long.
const DISK_BAD: u64 = 16 * MEBI;
const DISK_LOW: u64 = 128 * MEBI;
/// What a meeting of ten takes; below it the kernel begins to end programs.
const MEMORY_BAD: u64 = 24 * MEBI;
const MEMORY_LOW: u64 = 96 * MEBI;
/// A board has some twenty nodes.
const MAX_ENTRIES: usize = 256;

/// Free space where the box keeps what it has to remember.
pub(super) fn disk(folder: &Path) -> Check {
    // Before the first start there is none yet.
    let Some((place, found)) = folder.ancestors().find_map(|place| Some((place, statvfs(place).ok()?))) else {
        return Check::warning(
            "disk",
            format!("the free space of {} cannot be told", folder.display()),
            "look whether the disk is there (`df`, `journalctl -k`)",
        );
    };
    // Both are unsigned integers, of different width from system to system.
    #[allow(clippy::useless_conversion, reason = "not on every architecture")]
    let free = u64::from(found.blocks_available()).saturating_mul(u64::from(found.fragment_size()));
    space(&place.display().to_string(), free)
}

fn space(place: &str, free: u64) -> Check {
    let text = format!("{} are free", mebibytes(free));
    let remedy = "delete what is not needed, or move the state directory (--state-dir)";
    match free {
        0..DISK_BAD => Check::bad("disk", format!("{text}: the box cannot keep its certificate"), remedy),
        DISK_BAD..DISK_LOW => Check::warning("disk", format!("{text}, which is little"), remedy),
        _ => Check::good("disk", text),
    }
    .of(place)
}

/// Where the files of the kernel are: `/`, but for tests.
#[derive(Debug, Clone)]
pub(super) struct System {
    root: PathBuf,
}

impl System {
    pub(super) fn here() -> Self {
        Self { root: "/".into() }
    }

    fn read(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned())
    }

    /// Names in a folder, sorted.
    fn list(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.take(MAX_ENTRIES).filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// What is left for a meeting.
    pub(super) fn memory(&self, host: Option<u64>) -> Check {
        let table = self.read("proc/meminfo").unwrap_or_default();
        let value = |name: &str| {
            let line = table.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
        };
        let (Some(total), Some(available)) = (value("MemTotal"), value("MemAvailable")) else {
            return Check::warning("memory", "cannot be told", "look whether /proc is mounted (`mount`)");
        };
        let host = host.map(|bytes| format!("; the host takes {}", mebibytes(bytes))).unwrap_or_default();
        let text = format!("{} of {} can be had{host}", mebibytes(available), mebibytes(total));
        let remedy = "end other programs on this machine, or restart it";
        match available {
            0..MEMORY_BAD => Check::bad("memory", format!("{text}: the system is about to end programs"), remedy),
            MEMORY_BAD..MEMORY_LOW => Check::warning("memory", format!("{text}: a large meeting may not fit"), remedy),
            _ => Check::good("memory", text),
        }
    }

    /// Under-voltage, where the board measures it.
    pub(super) fn power(&self) -> Check {
        let remedy =
            "use the power supply that was made for this board, with its own cable, and unplug what it feeds by USB";
        match self.under_voltage() {
            None => Check::good("power", "this machine does not say whether its power is too weak"),
            Some(Power { now: true, .. }) => {
                Check::bad("power", "is too weak at this moment: the board slows down and may fail", remedy)
            }
            Some(Power { before: true, .. }) => {
                Check::warning("power", "was too weak since the start: the board slowed down", remedy)
            }
            Some(Power { hot: true, .. }) => Check::warning(
                "power",
                "is good, but the board is so hot that it slows down",
                "give it air or a cooler",
            ),
            Some(_) => Check::good("power", "is good"),
        }
    }

    fn under_voltage(&self) -> Option<Power> {
        if let Some(text) = self.read("sys/devices/platform/soc/soc:firmware/get_throttled")
            && let Ok(bits) = u32::from_str_radix(text.trim_start_matches("0x"), 16)
        {
            let has = |bit: u32| bits & (1 << bit) != 0;
            return Some(Power { now: has(0), before: has(16), hot: has(2) || has(3) });
        }
        let monitors = self.list("sys/class/hwmon");
        let name = |monitor: &String| self.read(&format!("sys/class/hwmon/{monitor}/name"));
        let monitor = monitors.iter().find(|monitor| name(monitor).as_deref() == Some("rpi_volt"))?;
        let alarm = self.read(&format!("sys/class/hwmon/{monitor}/in0_lcrit_alarm"))?;
        Some(Power { now: alarm == "1", before: false, hot: false })
    }

    /// Cameras and sound cards, for a room that is itself in the meeting. None is no fault.
    pub(super) fn devices(&self) -> Check {
        let (cameras, cards) = (self.cameras(), self.cards());
        let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let check = Check::good("devices", format!("cameras: {}; sound cards: {}", list(&cameras), list(&cards)));
        if cameras.is_empty() && cards.is_empty() {
            return check
                .hint("nothing, if this box only hosts meetings; a room needs a camera and a speakerphone on USB");
        }
        check
    }

    /// The first node of each camera; the others are its metadata, and codecs have nodes too.
    fn cameras(&self) -> Vec<String> {
        let read = |node: &str, file: &str| self.read(&format!("sys/class/video4linux/{node}/{file}"));
        let mut nodes = self.list("sys/class/video4linux");
        nodes.retain(|node| node.starts_with("video") && read(node, "index").is_none_or(|index| index == "0"));
        let names = nodes.iter().filter_map(|node| read(node, "name"));
        names.filter(|name| !["codec", "isp", "dec", "enc"].iter().any(|word| name.contains(word))).collect()
    }

    /// ` 0 [Device         ]: USB-Audio - USB Speakerphone`, and a second line for each.
    fn cards(&self) -> Vec<String> {
        let table = self.read("proc/asound/cards").unwrap_or_default();
        table
            .lines()
            .filter(|line| line.contains("]: "))
            .filter_map(|line| Some(line.split_once(" - ")?.1.to_owned()))
            .collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Power {
    now: bool,
    /// Since the start.
    before: bool,
    hot: bool,
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    /// A machine made of these files.
    fn system(name: &str, files: &[(&str, &str)]) -> System {
        let root = crate::host::test_dir(name);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        System { root }
    }

    #[test]
    fn little_space_is_a_warning_and_none_is_bad() {
        for (free, verdict) in [(0, Verdict::Bad), (64 * MEBI, Verdict::Warning), (1024 * MEBI, Verdict::Good)] {
            assert_eq!(space("/", free).verdict, verdict);
        }
        let not_yet = disk("/nonexistent/folder".as_ref());
        assert_eq!(not_yet.subject.as_deref(), Some("/"));
    }

    #[test]
    fn memory_is_judged_by_what_can_be_had() {
        let table = |available: u64| format!("MemTotal:  948000 kB\nMemFree: 1 kB\nMemAvailable:  {available} kB\n");
        for (available, verdict) in [(8_000, Verdict::Bad), (50_000, Verdict::Warning), (500_000, Verdict::Good)] {
            let system = system("memory", &[("proc/meminfo", &table(available))]);
            assert_eq!(system.memory(Some(7 * MEBI)).verdict, verdict);
        }
        let system = system("no-memory", &[]);
        assert_eq!(system.memory(None).verdict, Verdict::Warning);
        assert_eq!(System::here().memory(None).subject, None);
    }

    #[test]
    fn weak_power_is_known_by_either_file_and_elsewhere_nothing_is_said() {
        let firmware = "sys/devices/platform/soc/soc:firmware/get_throttled";
        let monitor =
            |alarm| [("sys/class/hwmon/hwmon1/name", "rpi_volt\n"), ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", alarm)];
        let good = monitor("0\n");
        let weak = monitor("1\n");
        for (files, verdict) in [
            (&[(firmware, "50005\n")][..], Verdict::Bad),
            (&[(firmware, "0x50000\n")], Verdict::Warning),
            (&[(firmware, "8\n")], Verdict::Warning),
            (&[(firmware, "0\n")], Verdict::Good),
            (&good, Verdict::Good),
            (&weak, Verdict::Bad),
            (&[(firmware, "nonsense")], Verdict::Good),
            (&[], Verdict::Good),
        ] {
            assert_eq!(system("power", files).power().verdict, verdict, "{files:?}");
        }
    }

    #[test]
    fn cameras_and_sound_cards_are_listed_by_name() {
        let video = "sys/class/video4linux";
        let files = [
            (format!("{video}/video0/name"), "USB Camera"),
            (format!("{video}/video0/index"), "0"),
            (format!("{video}/video1/name"), "USB Camera"),
            (format!("{video}/video1/index"), "1"),
            (format!("{video}/video10/name"), "bcm2835-codec-decode"),
            (format!("{video}/v4l-subdev0/name"), "sensor"),
            (
                "proc/asound/cards".to_owned(),
                " 0 [Jabra          ]: USB-Audio - Jabra SPEAK 510\n                      at usb-1.2, full speed\n",
            ),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let found = system("devices", &files).devices();
        assert_eq!(found.meaning, "cameras: USB Camera; sound cards: Jabra SPEAK 510");
        let none = system("no-devices", &[]).devices();
        assert!(none.verdict == Verdict::Good && none.remedy.is_some());
    }
}
