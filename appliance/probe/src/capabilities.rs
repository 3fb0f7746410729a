//! Everything that was found out, as data and as text.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::benchmark::Rung;
use crate::choose::{Choice, Selection, Trial, Verdict};
use crate::devices::{Device, PixelFormat, Role, Sizes};
use crate::elements::{Element, Purpose};
use crate::failure::Failure;
use crate::machine::Machine;
use crate::memory::Memory;

/// What a machine can encode, and what of it is used. As JSON it has these fields; as text ([`Display`](fmt::Display)) it is for
/// people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    pub machine: Machine,
    pub devices: Vec<Device>,
    pub elements: Vec<Element>,
    pub trials: Vec<Trial>,
    pub selection: Selection,
    /// The trials are of an earlier time, and nothing has changed since.
    pub cached: bool,
}

impl Capabilities {
    /// An encoder has stopped in mid-work: it is not used again on this system, also after a restart. Software is always given
    /// another chance: there, it was something else.
    pub fn remember_stall(&self, cache: &Path, choice: &Choice) {
        if choice.encoder.family.is_hardware() {
            let mut memory = Memory::load(Some(cache), &self.machine.system);
            memory.end(&choice.encoder.element, Some(&Failure::StalledInWork));
        }
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { system, processor, processors, .. } = &self.machine;
        writeln!(f, "Machine    {processor}, {processors} processors, Linux {}", system.kernel)?;
        writeln!(f, "           GStreamer {}\n", system.gstreamer)?;
        self.show_devices(f)?;
        self.show_elements(f)?;
        self.show_trials(f)?;
        show_selection(f, &self.selection)
    }
}

impl Capabilities {
    fn show_devices(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Video devices")?;
        if self.devices.is_empty() {
            writeln!(f, "  none")?;
        }
        for device in &self.devices {
            show_device(f, device)?;
        }
        writeln!(f)
    }

    fn show_elements(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "GStreamer elements")?;
        for (purpose, title) in PURPOSES {
            let of = || self.elements.iter().filter(|element| element.purpose == purpose);
            let there: Vec<&str> =
                of().filter(|element| element.plugin.is_some()).map(|element| element.name.as_str()).collect();
            writeln!(f, "  {title:<9}{}", if there.is_empty() { "none".to_owned() } else { there.join(", ") })?;
        }
        let software = self.elements.iter().filter(|element| element.plugin.is_none() && everywhere(&element.name));
        for element in software {
            let package = element.package.as_deref().unwrap_or("its package");
            writeln!(f, "  {} is missing: apt install {package}", element.name)?;
        }
        writeln!(f)
    }

    fn show_trials(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = if self.cached { " (of an earlier time; nothing has changed since)" } else { "" };
        writeln!(f, "Encoders, tried{when}")?;
        for trial in &self.trials {
            show_trial(f, trial)?;
        }
        if self.trials.is_empty() {
            writeln!(f, "  none")?;
        }
        writeln!(f)
    }
}

const PURPOSES: [(Purpose, &str); 6] = [
    (Purpose::Encode, "encode"),
    (Purpose::Decode, "decode"),
    (Purpose::Compose, "compose"),
    (Purpose::Sound, "sound"),
    (Purpose::File, "file"),
    (Purpose::Stream, "stream"),
];

/// What runs on every machine, so that it is worth a word if it is missing.
fn everywhere(element: &str) -> bool {
    crate::encoder::SOFTWARE.iter().any(|(name, _)| *name == element)
}

fn show_device(f: &mut fmt::Formatter<'_>, device: &Device) -> fmt::Result {
    let path = device.path.display();
    let Some(driver) = &device.driver else {
        return writeln!(f, "  {path}  {}", device.error.as_deref().unwrap_or("unknown"));
    };
    let kind = match () {
        () if device.encodes_h264() && device.makes_key_frames() => "H.264 encoder",
        () if device.encodes_h264() => "H.264 encoder without key frames on demand",
        () if device.roles.contains(&Role::MemoryToMemory) => "codec or scaler",
        () if device.roles.contains(&Role::Capture) => "camera",
        () => "other",
    };
    writeln!(f, "  {path}  {} ({}): {kind}", driver.card, driver.name)?;
    for PixelFormat { fourcc, sizes, .. } in &device.formats {
        let largest = sizes.iter().map(|Sizes { most, .. }| *most).max();
        let most = largest.map(|(width, height)| format!(" up to {width}x{height}")).unwrap_or_default();
        writeln!(f, "    {fourcc}{most}")?;
    }
    Ok(())
}

fn show_trial(f: &mut fmt::Formatter<'_>, trial: &Trial) -> fmt::Result {
    let name = &trial.encoder.element;
    match &trial.verdict {
        Verdict::Good(measured) => {
            let (level, profile) = (measured.sps.level, measured.sps.profile_name());
            let (got, asked) = (measured.bitrate / 1000, measured.bitrate_asked / 1000);
            let after = measured.key_frame_after;
            writeln!(
                f,
                "  {name:<12} good: {profile}, level {level}, {got} of {asked} kbit/s, key frame in picture {after} after it was asked for"
            )?;
        }
        Verdict::Failed(failure) => writeln!(f, "  {name:<12} not used: it {failure}")?,
        Verdict::Skipped(failure) => {
            writeln!(f, "  {name:<12} not tried: it {failure}, and nothing has changed since (--again tries)")?;
        }
    }
    for Rung { format, fps } in &trial.rungs {
        writeln!(f, "               {:>9}  {fps:>4} pictures/s", format!("{}x{}", format.width, format.height))?;
    }
    Ok(())
}

fn show_selection(f: &mut fmt::Formatter<'_>, selection: &Selection) -> fmt::Result {
    writeln!(f, "Choice     {}", selection.reason)?;
    let order: Vec<String> = selection
        .encoders
        .iter()
        .map(|Choice { encoder, at_most }| format!("{encoder} ({}x{}@{})", at_most.width, at_most.height, at_most.fps))
        .collect();
    if order.len() > 1 {
        writeln!(f, "Order      {}", order.join(", then "))?;
    }
    Ok(())
}
