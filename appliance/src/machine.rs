//! Reads what this machine shows of itself.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use board_config::{Machine, Traces};

/// Longer than any of the files is where it matters.
const MAX_FILE: u64 = 4096;

/// The machine that this runs on.
pub(crate) fn found() -> Machine {
    let cores = std::thread::available_parallelism().ok().and_then(|cores| u32::try_from(cores.get()).ok());
    Machine::new(&traces(Path::new("/")), std::env::consts::ARCH, cores)
}

fn traces(root: &Path) -> Traces {
    let read = |name: &str| start_of(&root.join(name));
    Traces {
        compatible: read("proc/device-tree/compatible"),
        model: read("proc/device-tree/model"),
        vendor: read("sys/class/dmi/id/sys_vendor"),
        product: read("sys/class/dmi/id/product_name"),
        memory: read("proc/meminfo"),
    }
}

/// Most machines have some of the files only.
fn start_of(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(MAX_FILE).read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read_from_its_files() {
        let root = crate::host::test_dir("machine");
        std::fs::create_dir_all(root.join("proc/device-tree")).unwrap();
        std::fs::write(root.join("proc/device-tree/compatible"), b"raspberrypi,5-model-b\0brcm,bcm2712\0").unwrap();
        std::fs::write(root.join("proc/meminfo"), "MemTotal: 1024 kB\n".repeat(1000)).unwrap();
        let machine = Machine::new(&traces(&root), "aarch64", Some(4));
        assert_eq!(machine.recognise().unwrap().0.as_str(), "rpi5");
        assert_eq!(machine.memory.unwrap().bytes(), 1024 * 1024);
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn this_machine_has_memory_and_cores() {
        let machine = found();
        assert!(machine.memory.unwrap().bytes() > 64 * 1024 * 1024);
        assert!(machine.cores.unwrap() >= 1);
    }
}
