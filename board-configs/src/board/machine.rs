//! What a machine shows of itself, and which board that is.

use serde::Serialize;

use super::{Board, boards};
use crate::{BoardName, Bytes};

/// `compatible` has two or three entries; a longer list is none of ours.
const MAX_COMPATIBLE: usize = 16;
/// A model in words is a line.
const MAX_TEXT: usize = 128;

/// What is known of the machine that this runs on. The default knows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Machine {
    /// From the device tree, the most special first.
    pub compatible: Vec<String>,
    /// In words, from the device tree.
    pub model: Option<String>,
    /// From the firmware (DMI).
    pub vendor: Option<String>,
    pub product: Option<String>,
    /// As Rust names it: `aarch64`, `x86_64`.
    pub architecture: String,
    /// What the kernel has to give.
    #[serde(skip)]
    pub memory: Option<Bytes>,
    pub cores: Option<u32>,
}

/// The files in which a machine shows what it is, as they are read; empty where there is none.
#[derive(Debug, Clone, Default)]
pub struct Traces {
    /// `/proc/device-tree/compatible`.
    pub compatible: Vec<u8>,
    /// `/proc/device-tree/model`.
    pub model: Vec<u8>,
    /// `/sys/class/dmi/id/sys_vendor`.
    pub vendor: Vec<u8>,
    /// `/sys/class/dmi/id/product_name`.
    pub product: Vec<u8>,
    /// `/proc/meminfo`.
    pub memory: Vec<u8>,
}

/// What a board was recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    DeviceTree,
    Firmware,
    /// No board of ours, but one of its kind.
    Architecture,
}

impl Machine {
    pub fn new(traces: &Traces, architecture: &str, cores: Option<u32>) -> Self {
        Self {
            compatible: entries(&traces.compatible).take(MAX_COMPATIBLE).collect(),
            model: entries(&traces.model).next(),
            vendor: entries(&traces.vendor).next(),
            product: entries(&traces.product).next(),
            architecture: architecture.to_owned(),
            memory: mem_total(&traces.memory),
            cores,
        }
    }

    /// What it calls itself.
    pub fn title(&self) -> Option<String> {
        self.model.clone().or_else(|| match (&self.vendor, &self.product) {
            (Some(vendor), Some(product)) => Some(format!("{vendor} {product}")),
            (_, product) => product.clone(),
        })
    }

    /// Which board it is, if it is any.
    pub fn recognise(&self) -> Option<(BoardName, By)> {
        let known: Vec<(BoardName, Board)> =
            boards().filter_map(|name| Board::named(&name).ok().map(|board| (name, board))).collect();
        let by_tree = self.compatible.iter().find_map(|entry| {
            known.iter().find(|(_, board)| board.recognised.compatible.contains(entry)).map(|(name, _)| name.clone())
        });
        if let Some(name) = by_tree {
            return Some((name, By::DeviceTree));
        }
        if let Some((name, _)) = known.iter().find(|(_, board)| self.has_dmi_of(board)) {
            return Some((name.clone(), By::Firmware));
        }
        let generic = match self.architecture.as_str() {
            "aarch64" => "generic-arm64",
            "x86_64" => "generic-x86-64",
            _ => return None,
        };
        let (name, _) = known.into_iter().find(|(name, _)| name.as_str() == generic)?;
        Some((name, By::Architecture))
    }

    fn has_dmi_of(&self, board: &Board) -> bool {
        let (Some(vendor), Some(product)) = (&self.vendor, &self.product) else { return false };
        board
            .recognised
            .dmi
            .iter()
            .any(|dmi| dmi.architecture == self.architecture && dmi.vendor == *vendor && dmi.products.contains(product))
    }
}

/// Texts that end with a NUL or a newline, without what is no text.
fn entries(bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes
        .split(|byte| matches!(byte, 0 | b'\n'))
        .filter_map(|entry| std::str::from_utf8(entry).ok())
        .map(|entry| entry.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect::<String>())
        .filter(|entry| !entry.is_empty())
}

/// `MemTotal` of `/proc/meminfo`.
fn mem_total(meminfo: &[u8]) -> Option<Bytes> {
    let text = std::str::from_utf8(meminfo).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024).map(Bytes::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(traces: &Traces, architecture: &str) -> Option<(String, By)> {
        let (name, by) = Machine::new(traces, architecture, Some(4)).recognise()?;
        Some((name.to_string(), by))
    }

    fn tree(compatible: &str) -> Traces {
        Traces { compatible: compatible.as_bytes().to_vec(), ..Traces::default() }
    }

    fn dmi(vendor: &str, product: &str) -> Traces {
        Traces { vendor: vendor.as_bytes().to_vec(), product: product.as_bytes().to_vec(), ..Traces::default() }
    }

    #[test]
    fn a_device_tree_names_the_board() {
        for (compatible, board) in [
            ("raspberrypi,4-model-b\0brcm,bcm2711\0", "rpi4"),
            ("raspberrypi,400\0brcm,bcm2711\0", "rpi4"),
            ("raspberrypi,5-model-b\0brcm,bcm2712\0", "rpi5"),
            ("raspberrypi,5-compute-module\0brcm,bcm2712\0", "rpi5"),
            ("radxa,rock-5b\0rockchip,rk3588\0", "rk3588"),
            ("xunlong,orangepi-5\0rockchip,rk3588s\0", "rk3588"),
            ("fsl,imx8mp-evk\0fsl,imx8mp\0", "imx8mp"),
            ("linux,dummy-virt\0", "qemu-arm64"),
        ] {
            assert_eq!(
                recognised(&tree(compatible), "aarch64"),
                Some((board.to_owned(), By::DeviceTree)),
                "{compatible}"
            );
        }
    }

    #[test]
    fn firmware_names_the_board_where_there_is_no_device_tree() {
        let qemu = dmi("QEMU\n", "QEMU Virtual Machine\n");
        assert_eq!(recognised(&qemu, "aarch64"), Some(("qemu-arm64".to_owned(), By::Firmware)));
        // A virtual PC is a PC.
        assert_eq!(recognised(&qemu, "x86_64"), Some(("generic-x86-64".to_owned(), By::Architecture)));
    }

    #[test]
    fn any_other_machine_is_one_of_its_kind() {
        for traces in [Traces::default(), tree("acme,toaster\0"), dmi("ACME\n", "Toaster\n")] {
            assert_eq!(recognised(&traces, "aarch64"), Some(("generic-arm64".to_owned(), By::Architecture)));
            assert_eq!(recognised(&traces, "x86_64"), Some(("generic-x86-64".to_owned(), By::Architecture)));
            assert_eq!(recognised(&traces, "riscv64"), None);
        }
    }

    #[test]
    fn strange_bytes_are_no_board() {
        let long = "a\0".repeat(100_000);
        for bytes in [&[0xff, 0xfe, 0, 0x80][..], b"\0\0\0", b"raspberrypi,4-model-b-not", long.as_bytes()] {
            let traces = Traces {
                compatible: bytes.to_vec(),
                model: bytes.to_vec(),
                memory: bytes.to_vec(),
                ..Traces::default()
            };
            let machine = Machine::new(&traces, "aarch64", None);
            assert!(machine.compatible.len() <= MAX_COMPATIBLE);
            assert_eq!(machine.recognise().unwrap().1, By::Architecture);
            assert_eq!(machine.memory, None);
        }
    }

    #[test]
    fn memory_is_what_the_kernel_has_to_give() {
        let memory = b"MemTotal:         948304 kB\nMemFree:          103404 kB\n".to_vec();
        let machine = Machine::new(&Traces { memory, ..Traces::default() }, "aarch64", Some(4));
        assert_eq!(machine.memory, Some(Bytes::new(948_304 * 1024)));
    }

    #[test]
    fn a_machine_calls_itself_by_its_device_tree_or_its_firmware() {
        let traces = Traces { model: b"Raspberry Pi 4 Model B Rev 1.4\0".to_vec(), ..Traces::default() };
        assert_eq!(Machine::new(&traces, "", None).title().unwrap(), "Raspberry Pi 4 Model B Rev 1.4");
        assert_eq!(Machine::new(&dmi("LENOVO\n", "21C1\n"), "", None).title().unwrap(), "LENOVO 21C1");
        assert_eq!(Machine::default().title(), None);
    }
}
