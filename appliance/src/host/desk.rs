//! Answers who asks how the host is: one line of JSON for each connection to the local socket.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use board_config::Config;
use bridge::core::{CandidateKind, LocalCandidate};
use bridge::shell::candidates::{LocalAddress, Rules};
use bridge::shell::mailbox::{Letter, Mailbox};
use signal::router::Stats;
use signal::shell::Certificates;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::banner;
use crate::dates;
use crate::local_socket::Opened;
use crate::status::{Certificate, Limits, Listening, Media, Reach, Status};

/// A part that has not answered by then is not well.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a connection could not be taken, for example for want of file descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the box is now; changes with the network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Whereabouts {
    pub(crate) addresses: Vec<LocalAddress>,
    pub(crate) candidates: Vec<LocalCandidate>,
}

/// What does not change while the host runs, and where to ask for the rest.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) started: Instant,
    pub(crate) tcp: Vec<SocketAddr>,
    pub(crate) rules: Rules,
    /// With whether it comes from the box's own authority.
    pub(crate) certificates: Option<(Certificates, bool)>,
    pub(crate) mdns: Option<String>,
    pub(crate) domain: String,
    pub(crate) limits: Limits,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) whereabouts: watch::Receiver<Whereabouts>,
    pub(crate) questions: mpsc::UnboundedSender<oneshot::Sender<Stats>>,
    pub(crate) mailbox: Mailbox,
}

/// What the configuration allows.
pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        rooms: config.signal.max_rooms.get(),
        participants: config.bridge.max_participants.get(),
        sessions: config.signal.max_sessions.get(),
    }
}

impl Desk {
    /// Never ends. One after the other: an answer fits into the socket's buffer, so nobody keeps another waiting.
    pub(crate) async fn serve(self, opened: Option<Opened>) {
        let Some((listener, _file)) = opened.map(Opened::split) else { return std::future::pending().await };
        let listener = match UnixListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!(%error, "nobody can ask this host how it is");
                return std::future::pending().await;
            }
        };
        loop {
            let Ok((mut client, _)) = listener.accept().await else {
                sleep(PAUSE).await;
                continue;
            };
            let line = serde_json::to_string(&self.status().await).unwrap_or_default() + "\n";
            // Whoever asked may have gone.
            let _ = timeout(PATIENCE, client.write_all(line.as_bytes())).await;
        }
    }

    async fn status(&self) -> Status {
        let (stats, healthy) = tokio::join!(self.stats(), self.bridge_answers());
        let whereabouts = self.whereabouts.borrow().clone();
        let addresses = self.urls(&whereabouts.addresses);
        let uptime_seconds = self.started.elapsed().as_secs();
        Status {
            version: super::compose::version(),
            healthy: healthy && stats.is_some(),
            pid: std::process::id(),
            // The clock may have been set since the start.
            since: dates::now().saturating_sub(uptime_seconds),
            uptime_seconds,
            meetings: stats.map_or(0, |stats| stats.meetings),
            rooms: stats.map_or(0, |stats| stats.rooms),
            participants: stats.map_or(0, |stats| stats.occupants),
            sessions: stats.map_or(0, |stats| stats.sessions),
            limits: self.limits,
            memory_bytes: resident_memory(),
            certificate: self.certificate(addresses.first()),
            addresses,
            listening: Listening {
                tcp: self.tcp.clone(),
                udp: self.rules.bound.iter().map(|ip| SocketAddr::new(*ip, self.rules.port)).collect(),
            },
            media: whereabouts.candidates.iter().map(media).collect(),
            domain: self.domain.clone(),
            state_dir: self.state_dir.clone(),
        }
    }

    async fn stats(&self) -> Option<Stats> {
        let (question, answer) = oneshot::channel();
        self.questions.send(question).ok()?;
        timeout(PATIENCE, answer).await.ok()?.ok()
    }

    async fn bridge_answers(&self) -> bool {
        let (said, report) = oneshot::channel();
        self.mailbox.post(Letter::Report(Box::new(move |_| {
            // We may have given up.
            let _ = said.send(());
        })));
        matches!(timeout(PATIENCE, report).await, Ok(Ok(())))
    }

    fn certificate(&self, url: Option<&String>) -> Option<Certificate> {
        let (current, own) = self.certificates.as_ref()?;
        let (from, until) = super::certificate::validity(current.current().cert.first()?)?;
        Some(Certificate { own: *own, trust: url.filter(|_| *own).map(|url| banner::trust_url(url)), from, until })
    }

    fn urls(&self, local: &[LocalAddress]) -> Vec<String> {
        let (Some(_), Some(first)) = (&self.certificates, self.tcp.first()) else { return Vec::new() };
        let bound: Vec<IpAddr> = self.tcp.iter().map(SocketAddr::ip).collect();
        banner::Reach { bound: &bound, port: first.port(), local, rules: &self.rules, mdns: self.mdns.as_deref() }
            .urls()
    }
}

fn media(candidate: &LocalCandidate) -> Media {
    let reach = match candidate.kind {
        _ if candidate.loopback => Reach::Loopback,
        CandidateKind::Host => Reach::Local,
        CandidateKind::Srflx { .. } => Reach::Public,
    };
    Media { address: SocketAddr::new(candidate.ip, candidate.port), reach }
}

/// Of this process, in bytes.
pub(super) fn resident_memory() -> u64 {
    resident(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
}

/// `VmRSS` of `/proc/self/status`, in bytes.
fn resident(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(resident("VmHWM:\t  9000 kB\nVmRSS:\t    7068 kB\nThreads: 3\n"), 7_237_632);
        assert_eq!(resident(""), 0);
    }
}
