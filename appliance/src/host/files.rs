//! Open files: each connection is one, and systems give a process few of them unless it asks.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What the process has open besides connections: sockets, logs, the page, libraries.
const OWN: u64 = 64;

/// Asks for as many files as `wanted` connections take, and says how many connections are possible.
pub(crate) fn connections(wanted: usize) -> usize {
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OWN);
    let Ok((now, most)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let asked = needed.min(most);
    let granted =
        if now >= asked || setrlimit(Resource::RLIMIT_NOFILE, asked, most).is_ok() { now.max(asked) } else { now };
    let possible = possible(granted, wanted);
    if possible < wanted {
        tracing::warn!(possible, wanted, "the limit of open files (ulimit -n) allows fewer connections than wanted");
    }
    possible
}

fn possible(files: u64, wanted: usize) -> usize {
    usize::try_from(files.saturating_sub(OWN)).unwrap_or(usize::MAX).clamp(1, wanted.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_everything_else() {
        assert_eq!(possible(4096, 2048), 2048);
        assert_eq!(possible(1024, 2048), 960);
        assert_eq!(possible(10, 2048), 1);
    }
}
