//! How a recorder comes to be: we start it, or systemd does for whoever connects, with bounds of its own.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

const PROGRAM: &str = "moothall-recorder";
/// Where systemd listens (`moothall-recorder.socket`).
const SOCKET: &str = "/run/moothall-recorder.socket";
/// What the units of systemd are told, in the state directory.
pub(super) const ENVIRONMENT: &str = "recorder.env";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::host) enum Way {
    /// The program beside our own.
    Program(PathBuf),
    /// The socket on which systemd starts one for each connection. It also looks after what was recorded.
    Service(PathBuf),
}

/// What is installed here, if anything is.
pub(in crate::host) fn find() -> Option<Way> {
    // Only a service of the system may use those of the system: whoever tries something out has a recorder of their own.
    let is_service = std::env::var_os("NOTIFY_SOCKET").is_some();
    let is_socket = std::fs::metadata(SOCKET).is_ok_and(|it| it.file_type().is_socket());
    if is_service && is_socket {
        return Some(Way::Service(SOCKET.into()));
    }
    let beside = std::env::current_exe().ok()?.with_file_name(PROGRAM);
    beside.is_file().then_some(Way::Program(beside))
}

/// Writes what the units of systemd are told.
pub(super) fn tell(state_dir: &Path, variables: &[(&str, Vec<String>)]) -> io::Result<()> {
    let draft = state_dir.join(format!("{ENVIRONMENT}.new"));
    std::fs::write(&draft, environment(variables))?;
    std::fs::rename(draft, state_dir.join(ENVIRONMENT))
}

/// As `EnvironmentFile=` reads it: each value is a list of quoted words, which `$VALUE` in a command line becomes again.
fn environment(variables: &[(&str, Vec<String>)]) -> String {
    let quote = |text: &str| {
        let escaped =
            text.chars().flat_map(|c| matches!(c, '"' | '\\' | '$' | '`').then_some('\\').into_iter().chain([c]));
        format!("\"{}\"", escaped.filter(|c| !c.is_control()).collect::<String>())
    };
    let line = |(name, words): &(&str, Vec<String>)| {
        let value = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
        format!("{name}={}\n", quote(&value))
    };
    variables.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_twice() {
        let words = vec!["--script".to_owned(), "/a b".to_owned()];
        let text = environment(&[("FINALIZE", words)]);
        assert_eq!(text, "FINALIZE=\"\\\"--script\\\" \\\"/a b\\\"\"\n");
    }
}
