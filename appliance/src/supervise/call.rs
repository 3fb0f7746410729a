//! The call of the box to itself, in a process of its own: whatever goes wrong there ends there, and its memory is given back.

use std::io;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use smol::process::Command;

use super::within;

/// The doctor has its own deadlines, which together are shorter.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the doctor says.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) good: bool,
    pub(super) text: String,
}

/// Asks `moothall doctor --essential`.
pub(crate) async fn call(state_dir: Option<&Path>) -> Said {
    match within(PATIENCE, doctor(state_dir)).await {
        Some(Ok(output)) => Said { good: output.status.success(), text: text(&output) },
        Some(Err(error)) => Said { good: false, text: format!("the doctor cannot be asked: {error}\n") },
        None => Said { good: false, text: format!("the doctor did not end within {} s\n", PATIENCE.as_secs()) },
    }
}

async fn doctor(state_dir: Option<&Path>) -> io::Result<Output> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["doctor", "--essential"]).stdin(Stdio::null()).kill_on_drop(true);
    // It is no service of systemd's, and must not speak for us.
    for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "RUNTIME_DIRECTORY"] {
        command.env_remove(variable);
    }
    if let Some(dir) = state_dir {
        command.arg("--state-dir").arg(dir);
    }
    command.output().await
}

fn text(output: &Output) -> String {
    let [said, complaint] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{said}{complaint}")
}
