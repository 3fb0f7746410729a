//! One recording, from the order to start it until its process has gone.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use board_config::RecordingName;
use bridge::core::taps::{Extent, TapId, TapRefusal};
use bridge::shell::mailbox::Letter;
use media_tap::{Answer, Begin, Message, Note, VERSION, Wish};
use signal::focus::recorder_port::{Happening, RecorderReport};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::line::Line;
use super::running::Run;
use super::{Means, Way};
use crate::dates;

/// A meeting comes to the bridge when the second one joins: until then it is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long a recorder may take to close its files before it is made to end.
const FAREWELL: Duration = Duration::from_secs(10);
/// Recorders that died one after the other, before it is given up.
const MAX_ATTEMPTS: u32 = 5;
/// One that lasted longer did not die of how it was started.
const LASTED: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(1);

/// What is recorded.
#[derive(Debug)]
pub(super) struct What {
    pub(super) session: String,
    pub(super) room: String,
    pub(super) meeting_id: String,
    pub(super) initiator: Option<String>,
    pub(super) tap: u64,
}

/// A recording.
#[derive(Debug)]
pub(super) struct Session {
    means: Means,
    what: What,
    name: String,
}

/// How one process ended.
enum Ended {
    /// As it was wanted, or by its own account.
    Done(Option<String>),
    /// It died.
    Died,
    /// Nobody wants the recording any more, and it never began.
    Unwanted,
}

/// What makes the recorder go on or end.
enum Next {
    Happened(Happening),
    /// Stop.
    Enough,
    Said(Vec<Answer>),
    Gone,
}

impl Session {
    pub(super) fn new(means: Means, what: What) -> Self {
        let name = name(&means.rules.name, &what, dates::now());
        Self { means, what, name }
    }

    /// As others are told of it.
    pub(super) fn as_running(&self) -> Run {
        let What { session, room, meeting_id, initiator, .. } = &self.what;
        Run::new(session, &self.name, room, meeting_id, initiator.as_deref())
    }

    /// Records until `happenings` is closed by the other side, and says what becomes of it.
    pub(super) async fn run(self, mut happenings: mpsc::UnboundedReceiver<Happening>) {
        let mut attempt = 0;
        let mut failures = 0;
        let error = loop {
            let began = tokio::time::Instant::now();
            match self.attempt(attempt, &mut happenings).await {
                Ok(Ended::Done(error)) => break error,
                Ok(Ended::Unwanted) => break None,
                Ok(Ended::Died) => {
                    tracing::warn!(recording = %self.name, "the recorder died; another one goes on");
                    attempt += 1;
                    failures = if began.elapsed() > LASTED { 1 } else { failures + 1 };
                    if failures >= MAX_ATTEMPTS {
                        break Some("the recorder died again and again; what it said is in the log".to_owned());
                    }
                    sleep(AGAIN).await;
                }
                Err(error) => {
                    let Means { way: Way::Program(means) | Way::Service(means), directory, .. } = &self.means;
                    let (means, directory) = (means.display(), directory.display());
                    break Some(format!("cannot start a recorder ({means}) with the folder {directory}: {error}"));
                }
            }
        };
        match &error {
            None => tracing::info!(recording = %self.name, "recorded"),
            Some(error) => tracing::error!(recording = %self.name, error, "the recording ended"),
        }
        self.report(RecorderReport::Off { session: self.what.session.clone(), error });
        if let Way::Program(program) = &self.means.way {
            self.means.rules.finalize(program, &self.means.directory);
        }
    }

    fn report(&self, report: RecorderReport) {
        // Nobody hears it when the host ends.
        let _ = self.means.reports.send(report);
    }

    fn id(&self) -> TapId {
        TapId(self.what.tap)
    }

    async fn attempt(&self, attempt: u32, happenings: &mut mpsc::UnboundedReceiver<Happening>) -> io::Result<Ended> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.means.directory)?;
        let (mut line, program) = match &self.means.way {
            Way::Program(program) => {
                let (line, theirs) = Line::open()?;
                (line, Some((program, theirs)))
            }
            Way::Service(socket) => (Line::connect(socket)?, None),
        };
        let mut early = Vec::new();
        while !self.tap(&mut line, attempt).await? {
            let waited = timeout(LOOK_AGAIN, happenings.recv()).await;
            match waited {
                Ok(Some(happening)) => early.push(happening),
                Ok(None) => return Ok(Ended::Unwanted),
                Err(_) => {}
            }
        }
        let child = program.map(|(program, theirs)| self.start(program, theirs)).transpose();
        let child = child.inspect_err(|_| self.means.mailbox.post(self.untap(Box::new(|()| {}))))?;
        for happening in early {
            // Should it be gone already, that is heard next.
            let _ = line.say(&note(happening)).await;
        }
        let outcome = self.accompany(&line, happenings).await;
        let (answer, untapped) = oneshot::channel();
        self.means.mailbox.post(self.untap(Box::new(move |()| {
            let _ = answer.send(());
        })));
        // An error means that the bridge has ended.
        let _ = untapped.await;
        let ended = match outcome {
            Some(ended) => ended,
            None => farewell(&line).await,
        };
        self.end(line, child).await?;
        Ok(ended)
    }

    /// Until its process has gone.
    async fn end(&self, line: Line, child: Option<Child>) -> io::Result<()> {
        let Some(mut child) = child else {
            // Systemd looks after one that does not end.
            let _ = timeout(FAREWELL, line.closes()).await;
            return Ok(());
        };
        drop(line);
        if timeout(FAREWELL, child.wait()).await.is_err() {
            tracing::warn!(recording = %self.name, "the recorder did not end, and is made to");
            child.kill().await?;
        }
        Ok(())
    }

    /// True once the bridge gives everything; false while it does not know the meeting.
    async fn tap(&self, line: &mut Line, attempt: u32) -> io::Result<bool> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let begin = Note::Begin(Begin {
            version: VERSION,
            recording: self.name.clone(),
            room: self.what.room.clone(),
            meeting: self.what.meeting_id.clone(),
            unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            initiator: self.what.initiator.clone(),
            attempt,
        });
        let mut first = Message::default();
        first.push_note(Duration::ZERO, &begin);
        let (answer, answered) = oneshot::channel();
        line.begin();
        self.means.mailbox.post(Letter::Tap {
            meeting_id: self.what.meeting_id.clone(),
            id: self.id(),
            wanted: Extent::Everything,
            socket: line.share()?,
            first,
            answer: Box::new(move |outcome| {
                let _ = answer.send(outcome);
            }),
        });
        match answered.await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(TapRefusal::NoMeeting)) | Err(_) => Ok(false),
            Ok(Err(refusal @ TapRefusal::Taken)) => Err(io::Error::other(refusal)),
        }
    }

    fn untap(&self, answer: Box<dyn FnOnce(()) + Send>) -> Letter {
        Letter::Untap { id: self.id(), answer }
    }

    /// It finishes by itself when our side of the socket closes, whatever happened to us.
    fn start(&self, program: &Path, theirs: OwnedFd) -> io::Result<Child> {
        let mut command = Command::new(program);
        command.arg("record").arg("--directory").arg(&self.means.directory);
        self.means.rules.record(&mut command);
        command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).kill_on_drop(false).spawn()
    }

    /// Between the recorder and everybody else. `None`: it is to end.
    async fn accompany(&self, line: &Line, happenings: &mut mpsc::UnboundedReceiver<Happening>) -> Option<Ended> {
        loop {
            let next = tokio::select! {
                happened = happenings.recv() => happened.map_or(Next::Enough, Next::Happened),
                said = line.hear() => said.map_or(Next::Gone, Next::Said),
            };
            match next {
                Next::Happened(happening) => {
                    // Should it be gone, that is heard next.
                    let _ = line.say(&note(happening)).await;
                }
                Next::Enough => return None,
                Next::Gone => return Some(Ended::Died),
                Next::Said(answers) => {
                    if let Some(ended) = answers.into_iter().find_map(|answer| self.on_answer(answer)) {
                        return Some(ended);
                    }
                }
            }
        }
    }

    fn on_answer(&self, answer: Answer) -> Option<Ended> {
        match answer {
            Answer::Ready => self.report(RecorderReport::On { session: self.what.session.clone() }),
            Answer::Wish(Wish::KeyFrame { ssrc }) => self.means.mailbox.post(Letter::TapWish { id: self.id(), ssrc }),
            Answer::Warning { text } => tracing::warn!(recording = %self.name, text, "the recorder warns"),
            Answer::Done { error } => return Some(Ended::Done(error)),
        }
        None
    }
}

/// Tells the recorder to end and waits until all is stored.
async fn farewell(line: &Line) -> Ended {
    let wait = async {
        line.say(&Note::End { reason: "It was stopped.".to_owned() }).await.ok()?;
        loop {
            let done = line.hear().await?.into_iter().find_map(|answer| match answer {
                Answer::Done { error } => Some(error),
                _ => None,
            });
            if let Some(error) = done {
                return Some(error);
            }
        }
    };
    let lost = || Some("the recorder died while it closed its files; they hold all but the last second".to_owned());
    Ended::Done(timeout(FAREWELL, wait).await.ok().flatten().unwrap_or_else(lost))
}

fn note(happening: Happening) -> Note {
    Note::Happened(match happening {
        Happening::Joined { endpoint, name } => media_tap::Happening::Joined { endpoint, name },
        Happening::Renamed { endpoint, name } => media_tap::Happening::Renamed { endpoint, name },
        Happening::Left { endpoint } => media_tap::Happening::Left { endpoint },
        Happening::Muted { source, muted } => media_tap::Happening::Muted { source, muted },
        Happening::Hand { endpoint, raised } => media_tap::Happening::Hand { endpoint, raised },
        Happening::Chat { endpoint, text } => media_tap::Happening::Chat { endpoint, text },
        Happening::Pinned { endpoint } => media_tap::Happening::Pinned { endpoint },
    })
}

/// `standup-2026-11-29-084100`: what a file may be called everywhere.
fn name(template: &RecordingName, what: &What, seconds: u64) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let word = |text: &str, most| text.chars().map(plain).take(most).collect::<String>();
    let time = dates::second(seconds).replace(':', "");
    let (date, time) = time.split_once(' ').unwrap_or((&time, ""));
    let room = word(&what.room, 64);
    let room = Some(room.trim_matches('-')).filter(|room| !room.is_empty()).unwrap_or("meeting");
    template.fill([room, date, time, &word(&what.meeting_id, 36)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_for_every_file_system() {
        let name = |template: &str, room: &str, seconds| {
            let what = What {
                session: String::new(),
                room: room.to_owned(),
                meeting_id: "5a1d/..".to_owned(),
                initiator: None,
                tap: 1,
            };
            name(&RecordingName::try_from(template.to_owned()).unwrap(), &what, seconds)
        };
        let usual = "{room}-{date}-{time}";
        assert_eq!(name(usual, "stand up/../é", 1_795_817_640), "stand-up-2026-11-27-221400");
        assert_eq!(name(usual, "...", 0), "meeting-1970-01-01-000000");
        assert_eq!(name("{date}_{meeting}", "x", 0), "1970-01-01_5a1d---");
    }
}
