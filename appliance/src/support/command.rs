//! What another program prints, however long it takes and however much it is.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
const MAX_OUTPUT: u64 = 4 * 1024 * 1024;

/// Both of its outputs, or why there is none.
pub(super) fn output(command: &[&str]) -> String {
    limited(command, PATIENCE)
}

fn limited(command: &[&str], patience: Duration) -> String {
    let started = start(command);
    let (mut child, reader) = match started {
        Ok(started) => started,
        Err(error) => return format!("{}: {error}\n", command.join(" ")),
    };
    let (tell, told) = mpsc::channel();
    // It ends with the program, or is left alone with what the program left behind.
    let _ = thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let _ = reader.take(MAX_OUTPUT).read_to_end(&mut bytes);
        let _ = tell.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    let said = told.recv_timeout(patience);
    let _ = child.kill();
    let _ = child.wait();
    said.unwrap_or_else(|_| format!("{}: did not end within {} s\n", command.join(" "), patience.as_secs()))
}

fn start(command: &[&str]) -> io::Result<(Child, io::PipeReader)> {
    let [program, arguments @ ..] = command else { return Err(io::ErrorKind::InvalidInput.into()) };
    let (reader, writer) = io::pipe()?;
    let child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    Ok((child, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_are_there() {
        assert_eq!(output(&["sh", "-c", "echo one; echo two >&2"]), "one\ntwo\n");
    }

    #[test]
    fn what_is_missing_stuck_or_endless_is_no_trouble() {
        assert!(output(&["no-such-program"]).starts_with("no-such-program: "));
        assert_eq!(limited(&["sleep", "600"], Duration::from_millis(10)), "sleep 600: did not end within 0 s\n");
        assert_eq!(u64::try_from(output(&["yes"]).len()), Ok(MAX_OUTPUT));
    }
}
