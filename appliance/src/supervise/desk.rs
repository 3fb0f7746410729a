//! The Unix socket on which the supervisor is asked: a line of JSON in, a line of JSON out.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use smol::net::unix::UnixStream;
use smol::{Async, LocalExecutor, Timer};

use super::report::Report;
use super::{Shared, within};
use crate::exit::{Failure, Reason};
use crate::local_socket::{self, Opened, Place};

/// For root and the group of the host, which asks in the name of people at the page.
pub(crate) const SOCKET: Place = Place { name: "supervise.sock", mode: 0o660 };
/// Where a packaged supervisor runs.
const SYSTEM: &str = "/run/moothall-supervise";

const MAX_QUESTION: u64 = 16 * 1024;
/// So many are answered at the same time; the next wait.
const MAX_ASKING: usize = 16;
/// From the connection to the last byte of the answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// After a connection could not be taken.
const PAUSE: Duration = Duration::from_secs(1);

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub(crate) enum Question {
    Report,
    /// The configuration has changed: it is to come into effect once nobody meets.
    Apply,
}

/// The folder of the socket.
pub(crate) fn folder(wanted: Option<&Path>) -> PathBuf {
    let systemds = || std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from).filter(|path| path.is_absolute());
    wanted.map(Path::to_owned).or_else(systemds).unwrap_or_else(|| SYSTEM.into())
}

/// What the supervisor says, if there is one and it tells us.
pub(crate) fn report() -> Option<Report> {
    serde_json::from_str(&ask(&Question::Report)?).ok()
}

/// True if a supervisor will make the changed configuration come into effect.
pub(crate) fn apply() -> bool {
    ask(&Question::Apply).is_some()
}

fn ask(question: &Question) -> Option<String> {
    let line = serde_json::to_string(question).ok()? + "\n";
    local_socket::inquire(&Path::new(SYSTEM).join(SOCKET.name), &line).ok()
}

/// Never ends but with a failure.
pub(super) async fn serve(opened: Opened, shared: Rc<Shared>, executor: &LocalExecutor<'_>) -> Result<(), Failure> {
    let (listener, _file) = opened.split();
    let listener = Async::new(listener).map_err(|error| Failure::new(Reason::Unexpected, error))?;
    let asking = Rc::new(());
    loop {
        while Rc::strong_count(&asking) > MAX_ASKING {
            Timer::after(PAUSE).await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            Timer::after(PAUSE).await;
            continue;
        };
        let (shared, held) = (Rc::clone(&shared), Rc::clone(&asking));
        executor
            .spawn(async move {
                let _held = held;
                // Whoever asked may have gone, or asks nothing.
                let _ = within(PATIENCE, attend(stream.into(), &shared)).await;
            })
            .detach();
    }
}

async fn attend(mut stream: UnixStream, shared: &Shared) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.clone().take(MAX_QUESTION)).read_line(&mut line).await?;
    let answer = match serde_json::from_str::<Value>(&line) {
        Ok(question) if question.get("setup").is_some() => {
            shared.setup.answer(&question, shared.bus.connection().await.as_ref()).await
        }
        Ok(question) => match Question::deserialize(question) {
            Ok(Question::Report) => json!(shared.report()),
            Ok(Question::Apply) => {
                // Full: it is wanted already.
                let _ = shared.wish.try_send(());
                json!({})
            }
            Err(error) => json!({ "error": error.to_string() }),
        },
        Err(error) => json!({ "error": error.to_string() }),
    };
    stream.write_all(format!("{answer}\n").as_bytes()).await
}

impl Shared {
    fn report(&self) -> Report {
        Report {
            since: self.since,
            uptime_seconds: self.started.elapsed().as_secs(),
            services: self.services.borrow().clone(),
            system: self.system.borrow().clone(),
        }
    }
}
