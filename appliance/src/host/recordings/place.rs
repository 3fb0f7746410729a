//! Where recordings go if nobody said: not to a memory card when another disk is there. Cards wear out by what is written all the time,
//! and the box is on one.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

/// On the other disk.
const FOLDER: &str = "moothall-recordings";
/// File systems that take files of any size.
const FILE_SYSTEMS: [&str; 6] = ["ext4", "xfs", "btrfs", "f2fs", "exfat", "ntfs3"];
const MOUNTS: &str = "/proc/self/mountinfo";
const SYS: &str = "/sys";

/// One line of `mountinfo` (proc(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    /// `8:1`.
    device: String,
    point: PathBuf,
    writable: bool,
    file_system: String,
}

/// The folder, or one on another disk.
pub(super) fn choose(default: PathBuf) -> PathBuf {
    let existing = default.ancestors().find_map(|path| fs::metadata(path).ok());
    let device = existing.map(|metadata| metadata.dev()).unwrap_or_default();
    let device = format!("{}:{}", nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let sys = Path::new(SYS);
    if !is_card(sys, &device) {
        return default;
    }
    let mounts = fs::read_to_string(MOUNTS).unwrap_or_default();
    let mut others = disks(sys, &mounts);
    others.sort_by_key(|mount| std::cmp::Reverse(free(&mount.point)));
    for mount in &others {
        let folder = mount.point.join(FOLDER);
        if is_ours(&folder) {
            return folder;
        }
    }
    match others.first() {
        Some(mount) => tracing::warn!(
            "recordings go to the memory card in {}, because the disk {} cannot be written to. Make the folder {} there for the user \
             of this service, or name another one in `recorder.directory`",
            default.display(),
            mount.point.display(),
            FOLDER
        ),
        None => tracing::warn!(
            "recordings go to the memory card, which they wear out: plug in a disk, or name another folder in `recorder.directory`"
        ),
    }
    default
}

/// There, or made now, and writable.
fn is_ours(folder: &Path) -> bool {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.is_ok() && nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok()
}

fn free(point: &Path) -> u64 {
    statvfs(point).map_or(0, |space| space.blocks_available().saturating_mul(space.fragment_size()))
}

/// Disks that are no cards and that files can be written to.
fn disks(sys: &Path, mounts: &str) -> Vec<Mount> {
    let mounts = mounts.lines().filter_map(mount).filter(|mount| {
        mount.writable
            && FILE_SYSTEMS.contains(&mount.file_system.as_str())
            && !mount.point.starts_with("/boot")
            && is_block_device(sys, &mount.device)
            && !is_card(sys, &mount.device)
    });
    mounts.collect()
}

fn mount(line: &str) -> Option<Mount> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ');
    let device = place.nth(2)?.to_owned();
    let point = unescape(place.nth(1)?);
    let options = place.next()?;
    let file_system = kind.split(' ').next()?.to_owned();
    Some(Mount { device, point: point.into(), writable: options.split(',').any(|option| option == "rw"), file_system })
}

/// Spaces and the like stand there as octal numbers.
fn unescape(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

fn is_block_device(sys: &Path, device: &str) -> bool {
    sys.join("dev/block").join(device).exists()
}

/// A memory card says so; what is soldered to the board does not.
fn is_card(sys: &Path, device: &str) -> bool {
    let Ok(path) = fs::canonicalize(sys.join("dev/block").join(device)) else { return false };
    let kinds = path.ancestors().take(3).filter_map(|path| fs::read_to_string(path.join("device/type")).ok());
    kinds.into_iter().any(|kind| kind.trim() == "SD")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const MOUNTS: &str = "\
        25 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw\n\
        26 25 179:1 / /boot/firmware rw shared:2 - vfat /dev/mmcblk0p1 rw\n\
        27 25 8:1 / /mnt/big\\040disk rw,relatime shared:3 - ext4 /dev/sda1 rw\n\
        28 25 8:17 / /media/stick ro,relatime shared:4 - ext4 /dev/sdb1 ro\n\
        29 25 0:22 / /tmp rw - tmpfs tmpfs rw\n\
        30 25 179:9 / /data rw - ext4 /dev/mmcblk1p1 rw\n";

    /// A card, soldered memory and two disks, as the kernel shows them.
    fn sys(test: &str) -> PathBuf {
        let sys = std::env::temp_dir().join(format!("moothall-place-{test}-{}", std::process::id()));
        let disks = [("179:2", "mmcblk0", "SD"), ("179:9", "mmcblk1", "MMC"), ("8:1", "sda", ""), ("8:17", "sdb", "")];
        fs::create_dir_all(sys.join("dev/block")).unwrap();
        for (device, name, kind) in disks {
            let partition = sys.join("devices").join(name).join(format!("{name}p"));
            fs::create_dir_all(&partition).unwrap();
            fs::create_dir_all(sys.join("devices").join(name).join("device")).unwrap();
            if !kind.is_empty() {
                fs::write(sys.join("devices").join(name).join("device/type"), format!("{kind}\n")).unwrap();
            }
            let _ = symlink(&partition, sys.join("dev/block").join(device));
        }
        sys
    }

    #[test]
    fn a_card_is_known_and_disks_are_found() {
        let sys = sys("disks");
        assert!(is_card(&sys, "179:2") && !is_card(&sys, "179:9") && !is_card(&sys, "8:1") && !is_card(&sys, "0:22"));
        let points: Vec<PathBuf> = disks(&sys, MOUNTS).into_iter().map(|mount| mount.point).collect();
        assert_eq!(points, [Path::new("/mnt/big disk"), Path::new("/data")]);
        fs::remove_dir_all(sys).unwrap();
    }

    #[test]
    fn lines_that_are_none_are_stepped_over() {
        assert_eq!(disks(Path::new("/nowhere"), "nonsense\n1 2 - \n"), []);
    }
}
