//! Reads the program's own text into memory: else the first people to meet would wait for the memory card, page by page, in the midst
//! of their handshakes. It can be taken away again when memory is short, like any file.

use std::ffi::c_void;
use std::fs;
use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};

/// Does nothing where the kernel cannot (before 5.14).
pub(super) fn read_ahead() {
    let here = read_ahead as *const () as usize;
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let Some((from, to)) = maps.lines().filter_map(range).find(|(from, to)| (*from..*to).contains(&here)) else {
        return;
    };
    if let Some(text) = NonNull::new(std::ptr::without_provenance_mut::<c_void>(from)) {
        populate(text, to - from);
    }
}

#[expect(unsafe_code, reason = "nix has no safe form of madvise")]
fn populate(text: NonNull<c_void>, len: usize) {
    // SAFETY: this advice reads pages of a mapping and changes none; a range that is not mapped is an error.
    let outcome = unsafe { madvise(text, len, MmapAdvise::MADV_POPULATE_READ) };
    if let Err(error) = outcome {
        tracing::debug!(%error, "reading the program ahead");
    }
}

/// Of a line of `/proc/self/maps` (proc_pid_maps(5)).
fn range(line: &str) -> Option<(usize, usize)> {
    let (from, to) = line.split_whitespace().next()?.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let line = "55e0c0c00000-55e0c1400000 r-xp 00277000 fd:00 123 /usr/bin/moothall";
        assert_eq!(range(line), Some((0x55e0_c0c0_0000, 0x55e0_c140_0000)));
        assert_eq!(range("nothing"), None);
        read_ahead();
    }
}
