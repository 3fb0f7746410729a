//! `moothall doctor`: what keeps people from meeting here, and what to do about it.
//!
//! Each check has its deadline, and what has none by itself runs on a thread that is not waited for longer than that.

mod call;
mod certificate;
mod check;
mod clock;
mod guest;
mod line;
mod machine;
mod reach;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::DoctorOptions;
use crate::exit::{Failure, Reason};
use crate::say::say;
use crate::status::{self, Absent, Status};
use crate::{dates, devices};
use check::{Check, Verdict};
use machine::System;

/// Where one of these is bad, nobody meets. The rest may have been so before an update.
const ESSENTIAL: [&str; 3] = ["host", "page", "call"];

/// For whatever only reads what the kernel says.
const LOOK: Duration = Duration::from_secs(3);

/// Prints all checks; one that is bad is a failure.
pub(crate) fn run(options: &DoctorOptions) -> Result<(), Failure> {
    let mut found = examine(options.ask.state_dir.as_deref());
    if options.essential {
        found.checks.retain(|check| ESSENTIAL.contains(&check.check));
    }
    if options.ask.json {
        say(format_args!("{}", found.document()));
    } else {
        say(format_args!("{}", found.text()));
    }
    outcome(&found.status, &found.checks)
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) status: Result<Status, Absent>,
    checks: Vec<Check>,
}

impl Findings {
    pub(crate) fn text(&self) -> String {
        check::text(&self.checks)
    }

    pub(crate) fn document(&self) -> Value {
        json!({ "verdict": check::worst(&self.checks), "checks": self.checks })
    }
}

/// Looks at everything. Half a minute at most.
pub(crate) fn examine(state_dir: Option<&Path>) -> Findings {
    let status = status::ask(state_dir);
    let mut checks = vec![host(&status)];
    if let Ok(status) = &status
        && status.healthy
    {
        checks.extend(reach::check(status));
    }
    let (kept_in, memory) = match &status {
        Ok(status) => (status.state_dir.clone(), Some(status.memory_bytes)),
        Err(_) => (None, None),
    };
    let kept_in = kept_in.or_else(|| state_dir.map(Path::to_owned)).or_else(crate::host::state_dir::usual);
    checks.extend(this_machine(kept_in, memory));
    Findings { status, checks }
}

fn outcome(asked: &Result<Status, Absent>, checks: &[Check]) -> Result<(), Failure> {
    if let Err(Absent::NoHost) = asked {
        return Err(Absent::NoHost.failure());
    }
    match checks.iter().filter(|check| check.verdict == Verdict::Bad).count() {
        0 => Ok(()),
        1 => Err(Failure::new(Reason::Unwell, "one check is bad")),
        bad => Err(Failure::new(Reason::Unwell, format!("{bad} checks are bad"))),
    }
}

fn host(asked: &Result<Status, Absent>) -> Check {
    match asked {
        Ok(status) if status.healthy => Check::good(
            "host",
            format!(
                "has been running for {}; meetings: {}, people in them: {}",
                dates::span(status.uptime_seconds),
                status.meetings,
                status.participants
            ),
        ),
        Ok(_) => Check::bad(
            "host",
            "runs, but one of its parts does not answer: meetings stand still",
            "restart it: `systemctl restart moothall-host`, or end it and start `moothall host` again",
        ),
        Err(Absent::NoHost) => Check::bad(
            "host",
            "is not running: nobody can meet here",
            "start it: `systemctl start moothall-host`, or `moothall host`; if it runs with --state-dir, give that here too",
        ),
        Err(Absent::Silent(why)) => Check::bad(
            "host",
            format!("does not say how it is ({why})"),
            "run this command as root or as the host's user; if that is the case already, restart the host",
        ),
    }
}

/// Clock, disk, memory, power and devices.
fn this_machine(state_dir: Option<PathBuf>, host_memory: Option<u64>) -> Vec<Check> {
    let system = System::here();
    let memory = system.clone();
    let looking = [
        Look::begin("clock", clock::check),
        Look::begin("disk", move || machine::disk(&state_dir.unwrap_or_else(|| "/".into()))),
        Look::begin("memory", move || memory.memory(host_memory)),
        Look::begin("power", move || system.power()),
        Look::begin("devices", || machine::devices(&devices::found())),
    ];
    let deadline = Instant::now() + LOOK;
    looking.into_iter().map(|look| look.end(deadline)).collect()
}

/// Something that is being looked at, on a thread of its own: a disk that does not answer must not keep the doctor.
struct Look {
    name: &'static str,
    finding: mpsc::Receiver<Check>,
}

impl Look {
    fn begin(name: &'static str, look: impl FnOnce() -> Check + Send + 'static) -> Self {
        let (found, finding) = mpsc::channel();
        // Without a thread nothing is found, and nobody waits any more when it took too long.
        let _ = thread::Builder::new().spawn(move || drop(found.send(look())));
        Self { name, finding }
    }

    /// What was found, or that it took too long.
    fn end(self, deadline: Instant) -> Check {
        let left = deadline.saturating_duration_since(Instant::now());
        self.finding.recv_timeout(left).unwrap_or_else(|_| {
            Check::warning(
                self.name,
                format!("could not be looked at within {} s", LOOK.as_secs()),
                "look at the system's log (`journalctl -k`): a disk or a device may have failed",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_does_not_end_is_a_warning() {
        let (_held, never) = mpsc::channel::<()>();
        let stuck = Look::begin("disk", move || {
            let _ = never.recv();
            Check::good("disk", "")
        });
        let stuck = stuck.end(Instant::now());
        assert_eq!((stuck.check, stuck.verdict), ("disk", Verdict::Warning));
        let fine = Look::begin("disk", || Check::good("disk", "fine"));
        assert_eq!(fine.end(Instant::now() + LOOK).meaning, "fine");
    }

    #[test]
    fn only_what_is_bad_fails_and_no_host_has_its_own_code() {
        let fine = Ok(status::tests::status());
        let warned = [Check::warning("clock", "", "")];
        assert!(outcome(&fine, &warned).is_ok());
        assert_eq!(outcome(&fine, &[Check::bad("call", "", "")]).unwrap_err().reason, Reason::Unwell);
        assert_eq!(outcome(&Err(Absent::NoHost), &warned).unwrap_err().reason, Reason::NoHost);
        let silent = Err(Absent::Silent("closed".to_owned()));
        assert_eq!(outcome(&silent, &[host(&silent)]).unwrap_err().reason, Reason::Unwell);
        let sick = Ok(Status { healthy: false, ..status::tests::status() });
        assert_eq!((host(&fine).verdict, host(&sick).verdict), (Verdict::Good, Verdict::Bad));
    }
}
