//! Whether a panel's GPIO chip is there, for whoever may not take its lines.

use std::fs;
use std::path::Path;

use board_config::{Gpio, GpioBackend};

/// A system has a dozen chips at most.
const MAX_ENTRIES: usize = 256;

/// Whether the GPIO chip of a panel is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Present,
    Absent,
    /// The kernel tells nobody but root.
    Unknown,
}

/// Looks for the chip that the board file names.
pub fn presence(gpio: &Gpio) -> Presence {
    match gpio.backend {
        GpioBackend::Sim => Presence::Present,
        _ if labels(Path::new("/sys/class/gpio")).contains(&gpio.chip) => Presence::Present,
        _ => devices(gpio),
    }
}

/// Labels that everybody may read, where the kernel has them.
fn labels(class: &Path) -> Vec<String> {
    let entries = fs::read_dir(class).into_iter().flatten().flatten();
    let label = |path: &Path| fs::read_to_string(path.join("label")).ok();
    entries.take(MAX_ENTRIES).filter_map(|entry| Some(label(&entry.path())?.trim().to_owned())).collect()
}

#[cfg(all(feature = "gpiocdev", target_os = "linux"))]
fn devices(gpio: &Gpio) -> Presence {
    match crate::cdev::find(&gpio.chip) {
        Ok(_) => Presence::Present,
        Err(crate::LineError::Denied(_)) => Presence::Unknown,
        Err(_) => Presence::Absent,
    }
}

#[cfg(not(all(feature = "gpiocdev", target_os = "linux")))]
fn devices(_gpio: &Gpio) -> Presence {
    Presence::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_the_kernel_shows_them() {
        let class = std::env::temp_dir().join(format!("room-hal-{}", std::process::id()));
        fs::create_dir_all(class.join("gpiochip512")).unwrap();
        fs::write(class.join("export"), "").unwrap();
        fs::write(class.join("gpiochip512/label"), "moothall-panel\n").unwrap();
        assert_eq!(labels(&class), ["moothall-panel"]);
        fs::remove_dir_all(class).unwrap();
        assert!(labels(Path::new("/nonexistent")).is_empty());
    }
}
