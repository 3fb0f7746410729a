//! What the results depend on: they hold until one of these changes.

use std::fs;
use std::path::Path;
use std::thread;

use gstreamer as gst;
use serde::{Deserialize, Serialize};

use crate::devices::Device;
use crate::elements::Element;

/// The parts of a machine that decide what it can encode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub system: System,
    /// As the kernel names it.
    pub processor: String,
    /// How many can be used.
    pub processors: usize,
    /// The encoders there are, with the version of the plugin of each.
    pub encoders: Vec<String>,
}

/// The parts that can make an encoder hang, or cure it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// The release of the kernel.
    pub kernel: String,
    /// V4L2 drivers, with their versions.
    pub drivers: Vec<String>,
    /// The version of GStreamer.
    pub gstreamer: String,
}

impl Machine {
    pub(crate) fn look(devices: &[Device], elements: &[Element]) -> Self {
        let mut drivers: Vec<String> = devices.iter().filter_map(Device::driver_and_version).collect();
        drivers.sort();
        drivers.dedup();
        let (major, minor, micro, nano) = gst::version();
        let encoders = elements.iter().filter(|element| element.is_encoder()).filter_map(Element::name_and_version);
        Self {
            system: System {
                kernel: read("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".to_owned()),
                drivers,
                gstreamer: format!("{major}.{minor}.{micro}.{nano}"),
            },
            processor: processor(),
            processors: thread::available_parallelism().map_or(1, usize::from),
            encoders: encoders.collect(),
        }
    }
}

/// x86 says its processor, a board on ARM says its own name.
fn processor() -> String {
    read("/proc/device-tree/model")
        .or_else(|| read("/proc/cpuinfo").and_then(|info| model_name(&info)))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn model_name(info: &str) -> Option<String> {
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(Path::new(path)).ok()?;
    Some(text.trim_matches(['\0', '\n', ' ']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_found_in_what_the_kernel_says() {
        let info = "processor\t: 0\nmodel name\t: Intel(R) N100\nstepping\t: 0\n";
        assert_eq!(model_name(info).as_deref(), Some("Intel(R) N100"));
        assert_eq!(model_name("processor : 0\nBogoMIPS : 108.00\n"), None);
    }

    #[test]
    fn a_machine_is_the_same_when_it_is_looked_at_again() {
        gst::init().unwrap();
        let machine = Machine::look(&[], &[]);
        assert_eq!(machine, Machine::look(&[], &[]));
        assert!(machine.system.gstreamer.starts_with("1.") && machine.processors > 0);
        assert_ne!(machine.system.kernel, "unknown");
    }
}
