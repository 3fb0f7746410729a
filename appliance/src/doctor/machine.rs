//! Disk, memory, power and devices of this machine, as the kernel shows them in its files.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::check::Check;
use crate::devices::{Devices, Panel};
use crate::kernel_files::KernelFiles;
use crate::status::mebibytes;

const MEBI: u64 = 1024 * 1024;
/// A certificate and a log need little; below this neither can be written for long.
const DISK_BAD: u64 = 16 * MEBI;
const DISK_LOW: u64 = 128 * MEBI;
/// What a meeting of ten takes; below it the kernel begins to end programs.
const MEMORY_BAD: u64 = 24 * MEBI;
const MEMORY_LOW: u64 = 96 * MEBI;

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

/// This machine.
#[derive(Debug, Clone)]
pub(super) struct System {
    files: KernelFiles,
}

impl System {
    pub(super) fn here() -> Self {
        Self { files: KernelFiles::here() }
    }

    /// What is left for a meeting.
    pub(super) fn memory(&self, host: Option<u64>) -> Check {
        let table = self.files.read("proc/meminfo").unwrap_or_default();
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
        if let Some(text) = self.files.read("sys/devices/platform/soc/soc:firmware/get_throttled")
            && let Ok(bits) = u32::from_str_radix(text.trim_start_matches("0x"), 16)
        {
            let has = |bit: u32| bits & (1 << bit) != 0;
            return Some(Power { now: has(0), before: has(16), hot: has(2) || has(3) });
        }
        let monitors = self.files.list("sys/class/hwmon");
        let name = |monitor: &String| self.files.read(&format!("sys/class/hwmon/{monitor}/name"));
        let monitor = monitors.iter().find(|monitor| name(monitor).as_deref() == Some("rpi_volt"))?;
        let alarm = self.files.read(&format!("sys/class/hwmon/{monitor}/in0_lcrit_alarm"))?;
        Some(Power { now: alarm == "1", before: false, hot: false })
    }
}

/// None is no fault, but for a panel that the board should have.
pub(super) fn devices(found: &Devices) -> Check {
    let list = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let cameras = list(found.cameras.iter().map(|camera| camera.name.as_str()).collect());
    let cards = list(found.sound_cards.iter().map(|card| card.name.as_str()).collect());
    let text = format!("cameras: {cameras}; sound cards: {cards}");
    match &found.panel {
        Some(Panel { chip, present: Some(false) }) => Check::warning(
            "devices",
            format!("{text}; the GPIO chip {chip} of button and light is missing"),
            "look whether this is the right board (`moothall config board`), and whether the chip's driver is loaded",
        ),
        _ if found.cameras.is_empty() && found.sound_cards.is_empty() => Check::good("devices", text)
            .hint("nothing, if this box only hosts meetings; a room needs a camera and a speakerphone on USB"),
        _ => Check::good("devices", text),
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
    use crate::devices::listed;
    use crate::devices::tests::camera_and_speakerphone;

    fn system(name: &str, files: &[(&str, &str)]) -> System {
        System { files: KernelFiles::of(name, files) }
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
    fn devices_are_told_by_name_and_only_a_panel_may_be_missing() {
        let found = listed(&camera_and_speakerphone("doctor-devices"));
        assert_eq!(devices(&found).meaning, "cameras: USB Camera; sound cards: Jabra SPEAK 510");
        let none = devices(&Devices::default());
        assert!(none.verdict == Verdict::Good && none.remedy.is_some());
        for (present, verdict) in [(Some(true), Verdict::Good), (Some(false), Verdict::Warning), (None, Verdict::Good)]
        {
            let panel = Some(Panel { chip: "gpio3".to_owned(), present });
            assert_eq!(devices(&Devices { panel, ..found.clone() }).verdict, verdict);
        }
    }
}
