//! The finalize script. Jibri calls it with one argument, the folder of the recording, and waits until it has ended.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// An upload of hours is meant to end.
const LIMIT: Duration = Duration::from_secs(12 * 3600);
/// It was killed, or cannot be started.
const NO_CODE: i32 = -1;

/// Its exit code. What it says goes where our own log goes.
pub(super) fn run(script: &Path, folder: &Path) -> i32 {
    tracing::info!(script = %script.display(), "finalizing");
    let code = wait(script, folder).unwrap_or_else(|error| {
        tracing::error!("{} cannot be run: {error}. Is it there, and may it be executed?", script.display());
        NO_CODE
    });
    tracing::info!(code, "the finalize script ended");
    code
}

fn wait(script: &Path, folder: &Path) -> std::io::Result<i32> {
    let mut child = Command::new(script).arg(folder).stdin(Stdio::null()).spawn()?;
    let process = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let (tell, ended) = channel();
    std::thread::Builder::new().name("script".to_owned()).spawn(move || {
        let _ = tell.send(child.wait());
    })?;
    let status = match ended.recv_timeout(LIMIT) {
        Ok(status) => status?,
        Err(RecvTimeoutError::Timeout) => {
            tracing::error!("the finalize script did not end, and is made to");
            nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGKILL)?;
            ended.recv().map_err(std::io::Error::other)??
        }
        Err(error @ RecvTimeoutError::Disconnected) => return Err(std::io::Error::other(error)),
    };
    Ok(status.code().unwrap_or(NO_CODE))
}
