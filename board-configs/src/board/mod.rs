//! Facts and budgets of each board: `boards/*.toml`, built into the program.

mod budget;
mod files;
mod machine;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BoardName, Bytes, Key};

pub use budget::{Budget, Budgets, Limits, Participants};
pub use files::BoardError;
pub use machine::{By, Machine, Traces};

pub(crate) use files::is_name;

/// One board. What it can encode and decode is not here: that is found out on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// In words.
    pub title: String,
    #[serde(default)]
    pub recognised: Recognised,
    pub memory: Memory,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpio: Option<Gpio>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<Audio>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<Watchdog>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    pub budgets: Budgets,
    pub participants: Participants,
}

/// How a machine shows that it is this board.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recognised {
    /// Entries of `compatible` at the root of the device tree.
    pub compatible: Vec<String>,
    pub dmi: Vec<Dmi>,
}

/// What firmware says of the machine (SMBIOS).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dmi {
    /// As Rust names it: `aarch64`.
    pub architecture: String,
    pub vendor: String,
    pub products: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The least that the board is sold with.
    pub smallest: Bytes,
}

/// The panel: a button and a light at lines of one GPIO chip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpio {
    /// How its lines are reached.
    pub backend: GpioBackend,
    /// Label of the chip, which unlike its number is the same at every start.
    pub chip: String,
    pub button: Line,
    pub light: Line,
}

/// How lines of GPIO chips are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GpioBackend {
    /// The kernel's character devices.
    Cdev,
    /// The registers of a Raspberry Pi.
    Rppal,
    /// Simulated in the process itself.
    Sim,
}

impl fmt::Display for GpioBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cdev => "cdev",
            Self::Rppal => "rppal",
            Self::Sim => "sim",
        })
    }
}

/// One line of a GPIO chip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub line: u32,
    /// The level when the button is pressed or the light is on.
    pub active: Active,
    /// What holds the line when nothing drives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<Bias>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Active {
    Low,
    High,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bias {
    PullUp,
    PullDown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audio {
    /// ALSA's id of the card that plays on the display.
    pub card: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Display {
    /// Name of the DRM driver.
    pub driver: String,
    /// Its connectors, the main one first.
    pub connectors: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watchdog {
    pub device: String,
    /// The longest time that the hardware can wait, in seconds.
    pub longest: u32,
}

/// How another system is booted. A board without this is updated by its own package manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    pub backend: Backend,
    /// RAUC's name for systems that run here: bundles for another name are refused.
    pub compatible: String,
}

/// What chooses the slot at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    Grub,
    UBoot,
    /// The firmware of a Raspberry Pi.
    TryBoot,
}

/// Labels of partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    pub boot: String,
    pub slots: [String; 2],
    pub data: String,
}

impl Board {
    /// The board of this name, with what it inherits.
    pub fn named(name: &BoardName) -> Result<Self, BoardError> {
        files::load(name.as_str())
    }

    /// MemoryMax of each service on this machine; `None` as long as its memory is not known.
    pub fn limits(&self, machine: &Machine) -> Option<Limits> {
        machine.memory.map(|memory| self.budgets.limits(memory))
    }

    /// How many participants it carries on this machine.
    pub fn carries(&self, machine: &Machine) -> usize {
        self.participants.carried(machine.cores, self.limits(machine).map(|limits| limits.host))
    }

    /// What each of so many participants may take of the memory of its host; `None` as long as that is not known.
    pub fn memory_each(&self, machine: &Machine, participants: usize) -> Option<Bytes> {
        Some(self.participants.memory_each(self.limits(machine)?.host, participants))
    }
}

/// The names of all boards, the one that is most likely meant first.
pub fn boards() -> impl Iterator<Item = BoardName> {
    files::names().filter_map(|name| BoardName::try_from(name.to_owned()).ok())
}

pub(crate) const KEYS: &[Key] = &[Key {
    path: "board",
    expects: "one of \"rpi4\", \"rpi5\", \"rk3588\", \"imx8mp\", \"qemu-arm64\", \"generic-arm64\", \"generic-x86-64\" and \"sim\"",
    doc: "Which board this is; without this key the box finds out by itself. `moothall config boards` lists them.",
    example: "\"rpi4\"",
}];
