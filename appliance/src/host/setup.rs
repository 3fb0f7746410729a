//! Hands what the page of the setup asks to the supervisor: it is root and may change this box, the host may not.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use signal::shell::{Setup, SetupRequest};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{interval, timeout};

/// To look for wireless networks takes some seconds; a bit less than the page is given.
const PATIENCE: Duration = Duration::from_secs(20);
/// The list of time zones is long.
const MAX_ANSWER: u64 = 128 * 1024;
/// So many requests are on their way at once, and as many wait.
const AT_ONCE: usize = 4;
/// How often the supervisor is asked whether the box has to be set up: a supervisor may come later, and buttons be pressed.
const EVERY: Duration = Duration::from_secs(10);

/// The way to the supervisor.
#[derive(Debug)]
pub(crate) struct Way {
    socket: PathBuf,
    asked: mpsc::Receiver<SetupRequest>,
    wanted: watch::Sender<bool>,
}

/// What the page asks comes out of the second one.
pub(crate) fn way(socket: &Path) -> (Setup, Way) {
    let (requests, asked) = mpsc::channel(AT_ONCE);
    let (wanted, seen) = watch::channel(false);
    (Setup { requests, wanted: seen }, Way { socket: socket.to_owned(), asked, wanted })
}

impl Way {
    /// Never ends.
    pub(crate) async fn serve(mut self) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut again = interval(EVERY);
        loop {
            tokio::select! {
                _ = again.tick() => self.look().await,
                request = self.asked.recv() => {
                    let Some(request) = request else { return std::future::pending().await };
                    // Never closed.
                    let Ok(place) = Arc::clone(&places).acquire_owned().await else { continue };
                    let (socket, wanted) = (self.socket.clone(), self.wanted.clone());
                    tokio::spawn(async move {
                        hand_on(&socket, request, &wanted).await;
                        drop(place);
                    });
                }
            }
        }
    }

    /// Asks without being anybody: nothing comes of it.
    async fn look(&self) {
        let answer = ask(&self.socket, &json!({ "do": "status" }), Ipv4Addr::LOCALHOST.into()).await;
        note(&self.wanted, answer.ok().as_ref());
    }
}

/// The answer is dropped where there is no supervisor.
async fn hand_on(socket: &Path, request: SetupRequest, wanted: &watch::Sender<bool>) {
    let Ok(question) = serde_json::from_str::<Value>(&request.text) else {
        // Whoever asked may have gone.
        let _ = request.answer.send(json!({ "error": "malformed" }).to_string());
        return;
    };
    match ask(socket, &question, request.from).await {
        Ok(answer) => {
            note(wanted, Some(&answer));
            let _ = request.answer.send(answer.to_string());
        }
        Err(error) if is_absent(&error) => {}
        Err(error) => {
            tracing::warn!(%error, "the supervisor did not answer the setup");
            let _ = request.answer.send(json!({ "error": "silent" }).to_string());
        }
    }
}

fn note(wanted: &watch::Sender<bool>, answer: Option<&Value>) {
    if let Some(set_up) = answer.map_or(Some(true), |answer| answer.get("set_up")?.as_bool()) {
        wanted.send_if_modified(|wanted| std::mem::replace(wanted, !set_up) == set_up);
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// One line there, one line back.
async fn ask(socket: &Path, question: &Value, from: IpAddr) -> io::Result<Value> {
    let exchange = async {
        let mut stream = UnixStream::connect(socket).await?;
        let line = format!("{}\n", json!({ "setup": question, "from": from }));
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut answer).await?;
        serde_json::from_str(&answer).map_err(io::Error::from)
    };
    timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;
    use tokio::sync::oneshot;

    /// Answers each connection with the next line, and gives back what it was asked.
    async fn supervisor(listener: UnixListener, answers: Vec<String>) -> Vec<Value> {
        let mut asked = Vec::new();
        for answer in answers {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            asked.push(serde_json::from_str(&line).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    }

    async fn page(setup: &Setup, text: &str) -> Option<String> {
        let (answer, said) = oneshot::channel();
        let request = SetupRequest { text: text.to_owned(), from: [192, 168, 1, 7].into(), answer };
        setup.requests.send(request).await.unwrap();
        timeout(Duration::from_secs(20), said).await.expect("in time").ok()
    }

    #[tokio::test]
    async fn what_the_page_asks_goes_to_the_supervisor_and_back() {
        let dir = crate::host::test_dir("setup-way");
        std::fs::create_dir_all(&dir).unwrap();
        let socket = dir.join("supervise.sock");
        let (mut setup, way) = way(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let answers = ["{\"set_up\":false}\n", "{\"a\":\"b\\nc\"}\n", "no JSON\n", "{\"set_up\":true}\n"];
        let supervisor = tokio::spawn(supervisor(listener, answers.map(str::to_owned).to_vec()));
        let serving = tokio::spawn(way.serve());
        timeout(Duration::from_secs(20), setup.wanted.wait_for(|wanted| *wanted)).await.expect("in time").unwrap();
        assert_eq!(page(&setup, "{\"do\":\"x\",\n\"y\":1}").await.unwrap(), "{\"a\":\"b\\nc\"}");
        assert!(*setup.wanted.borrow(), "nothing was said about it");
        assert_eq!(page(&setup, "{}").await.unwrap(), "{\"error\":\"silent\"}");
        assert_eq!(page(&setup, "no JSON").await.unwrap(), "{\"error\":\"malformed\"}");
        assert_eq!(page(&setup, "{}").await.unwrap(), "{\"set_up\":true}");
        assert!(!*setup.wanted.borrow());
        let asked = supervisor.await.unwrap();
        assert_eq!(asked[0], json!({ "setup": { "do": "status" }, "from": "127.0.0.1" }));
        assert_eq!(asked[1], json!({ "setup": { "do": "x", "y": 1 }, "from": "192.168.1.7" }));
        // The listener is gone with its task.
        assert_eq!(page(&setup, "{}").await, None);
        serving.abort();
        std::fs::remove_dir_all(dir).unwrap();
    }
}
