//! Recordings of meetings: for each a process `moothall-recorder`, which the bridge gives everything of its meeting.
//!
//! [`Recordings`] takes the orders of the focus; each recording is a task ([`session`]) that starts the process, ties it to the bridge,
//! tells it what happens, and starts it anew when it dies. What it says and asks goes over the same socket ([`mod@line`]). What was
//! recorded is in the [`library`], and [`served`] to those who may have it.

mod library;
mod line;
mod manifest;
mod place;
mod rules;
mod running;
mod served;
mod session;
mod way;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use board_config::Recorder as Config;
use bridge::shell::mailbox::Mailbox;
use signal::focus::recorder_port::{Happening, RecorderOrder, RecorderPort, RecorderReport};
use signal::shell::Recorder;
use tokio::sync::mpsc;

pub(super) use served::{Kept, token};
pub(super) use way::{Way, find};

use rules::Rules;
use session::{Session, What};

/// What every recording needs.
#[derive(Debug, Clone)]
struct Means {
    way: Way,
    directory: PathBuf,
    mailbox: Mailbox,
    reports: mpsc::UnboundedSender<RecorderReport>,
    rules: Rules,
}

/// Takes the focus' orders.
#[derive(Debug)]
struct Recordings {
    means: Means,
    kept: Kept,
    /// By session: who is told what happens. One that ended takes nothing more.
    running: BTreeMap<String, mpsc::UnboundedSender<Happening>>,
    next: u64,
}

/// Where recordings go.
pub(super) fn directory(configured: Option<&Path>, state_dir: Option<&Path>) -> Option<PathBuf> {
    configured.map(Path::to_owned).or_else(|| Some(place::choose(state_dir?.join("recordings"))))
}

/// Where a host is, and what it was told of recordings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) config: &'a Config,
    pub(super) state_dir: Option<&'a Path>,
    /// The address of the page, where it is known.
    pub(super) site: Option<&'a str>,
}

/// Whoever carries out what the focus wants of a recorder. What ended with the host before this one is closed.
pub(super) fn recorder(way: Way, kept: Kept, place: Place<'_>, mailbox: Mailbox) -> Recorder {
    let (rules, directory) = (Rules::new(place.config, place.site), kept.directory.clone());
    kept.tidy();
    rules::look_for_files(place.config);
    match (&way, place.state_dir) {
        (Way::Program(program), _) => {
            tokio::spawn(clean_up(program.clone(), directory.clone(), rules.clone()));
        }
        (Way::Service(_), Some(state_dir)) => {
            if let Err(error) = way::tell(state_dir, &rules.variables(&directory)) {
                tracing::warn!(%error, "the recorder's service cannot be told where recordings go");
            }
        }
        (Way::Service(_), None) => {}
    }
    let (reports, heard) = mpsc::unbounded_channel();
    tracing::info!(directory = %directory.display(), "meetings can be recorded");
    let means = Means { way, directory, mailbox, reports, rules };
    let port = Recordings { means, kept, running: BTreeMap::new(), next: 1 };
    Recorder { port: Box::new(port), reports: heard }
}

/// What was left open is closed; recordings that another host writes are left alone.
async fn clean_up(program: PathBuf, directory: PathBuf, rules: Rules) {
    if directory.is_dir() {
        let recover = rules::command(&program, "recover", &directory);
        rules::run(recover, "not every recording of before could be closed").await;
        rules.finalize(&program, &directory);
    }
    rules.tidy(&program, &directory).await;
}

impl Recordings {
    fn record(&self, session: Session, happenings: mpsc::UnboundedReceiver<Happening>) {
        let (running, run) = (self.kept.running.clone(), session.as_running());
        let id = run.session.clone();
        running.began(run);
        tokio::spawn(async move {
            session.run(happenings).await;
            running.ended(&id);
        });
    }
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
                self.record(Session::new(self.means.clone(), what), happenings);
            }
            RecorderOrder::Happened { session, what } => {
                if let Some(tell) = self.running.get(&session) {
                    // One that ended wants to know nothing more.
                    let _ = tell.send(what);
                }
            }
            // The task ends when nobody can tell it anything any more.
            RecorderOrder::Stop { session } => drop(self.running.remove(&session)),
            RecorderOrder::List { inquiry } => self.kept.list(inquiry, self.means.reports.clone()),
            RecorderOrder::Delete { inquiry, name } => self.kept.delete(inquiry, name, self.means.reports.clone()),
        }
    }
}
