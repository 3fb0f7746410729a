//! Recordings of meetings: for each a process `moothall-recorder`, which the bridge gives everything of its meeting.
//!
//! [`Recordings`] takes the orders of the focus; each recording is a task ([`session`]) that starts the process, ties it to the bridge,
//! tells it what happens, and starts it anew when it dies. What it says and asks goes over the same socket ([`line`]).

mod line;
mod session;

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use bridge::shell::mailbox::Mailbox;
use signal::focus::recorder_port::{Happening, RecorderOrder, RecorderPort, RecorderReport};
use signal::shell::Recorder;
use tokio::sync::mpsc;

use session::{Session, What};

const PROGRAM: &str = "moothall-recorder";

/// What every recording needs.
#[derive(Debug, Clone)]
struct Means {
    program: PathBuf,
    directory: PathBuf,
    mailbox: Mailbox,
    reports: mpsc::UnboundedSender<RecorderReport>,
}

/// Takes the focus' orders.
#[derive(Debug)]
struct Recordings {
    means: Means,
    /// By session: who is told what happens. One that ended takes nothing more.
    running: BTreeMap<String, mpsc::UnboundedSender<Happening>>,
    next: u64,
}

/// The program beside our own, if it is installed.
pub(super) fn program() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok()?.with_file_name(PROGRAM);
    beside.is_file().then_some(beside)
}

/// Where recordings go.
pub(super) fn directory(configured: Option<&Path>, state_dir: Option<&Path>) -> Option<PathBuf> {
    configured.map(Path::to_owned).or_else(|| Some(state_dir?.join("recordings")))
}

/// Whoever carries out what the focus wants of a recorder; nobody where recordings cannot be kept, which is no reason not to host.
pub(super) fn recorder(program: PathBuf, directory: PathBuf, mailbox: Mailbox) -> Option<Recorder> {
    if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(&directory) {
        let directory = directory.display();
        tracing::warn!("nothing can be recorded: the folder {directory} cannot be made: {error}");
        return None;
    }
    let (reports, heard) = mpsc::unbounded_channel();
    tracing::info!(directory = %directory.display(), "meetings can be recorded");
    let means = Means { program, directory, mailbox, reports };
    let port = Recordings { means, running: BTreeMap::new(), next: 1 };
    Some(Recorder { port: Box::new(port), reports: heard })
}

impl RecorderPort for Recordings {
    fn order(&mut self, order: RecorderOrder) {
        match order {
            RecorderOrder::Start { session, room, meeting_id, initiator } => {
                self.running.retain(|_, happenings| !happenings.is_closed());
                let (tell, happenings) = mpsc::unbounded_channel();
                self.running.insert(session.clone(), tell);
                let what = What { session, room, meeting_id, initiator, tap: self.next };
                self.next += 1;
                tokio::spawn(Session::new(self.means.clone(), what).run(happenings));
            }
            RecorderOrder::Happened { session, what } => {
                if let Some(tell) = self.running.get(&session) {
                    // One that ended wants to know nothing more.
                    let _ = tell.send(what);
                }
            }
            // The task ends when nobody can tell it anything any more.
            RecorderOrder::Stop { session } => drop(self.running.remove(&session)),
        }
    }
}
