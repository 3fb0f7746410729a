//! `moothall status`: what the running host says of itself.

use std::fmt::{self, Display, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cli::AskOptions;
use crate::devices::{self, Devices};
use crate::exit::{Failure, Reason};
use crate::local_socket::{self, Answer};
use crate::say::say;
use crate::supervise::desk;
use crate::supervise::report::Report;
use crate::{dates, local_socket::folders};

/// A running host. The names are those of `moothall status --json`, which scripts read: they may become more, never other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    /// The bridge's thread answered.
    pub(crate) healthy: bool,
    pub(crate) pid: u32,
    /// Seconds since 1970.
    pub(crate) since: u64,
    pub(crate) uptime_seconds: u64,
    /// Rooms with somebody in them.
    pub(crate) meetings: usize,
    /// Rooms that are held, also those that everybody has left a moment ago.
    pub(crate) rooms: usize,
    pub(crate) participants: usize,
    /// Clients that are connected, in a room or not.
    pub(crate) sessions: usize,
    pub(crate) limits: Limits,
    /// Resident memory of the host.
    pub(crate) memory_bytes: u64,
    /// URLs, best first. Behind a proxy there are none.
    pub(crate) addresses: Vec<String>,
    pub(crate) listening: Listening,
    /// Addresses that clients are offered for audio and video.
    pub(crate) media: Vec<Media>,
    /// Behind a proxy there is none.
    pub(crate) certificate: Option<Certificate>,
    /// XMPP domain of the box.
    pub(crate) domain: String,
    /// Where the box keeps what must outlive a restart, if it keeps anything.
    pub(crate) state_dir: Option<PathBuf>,
}

/// As many as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) rooms: usize,
    pub(crate) participants: usize,
    pub(crate) sessions: usize,
}

/// What is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listening {
    pub(crate) tcp: Vec<SocketAddr>,
    pub(crate) udp: Vec<SocketAddr>,
}

/// One address for audio and video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Media {
    pub(crate) address: SocketAddr,
    pub(crate) reach: Reach,
}

/// Who can use an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reach {
    /// It is one of this machine's.
    Local,
    /// A router in front of the box has it.
    Public,
    /// This machine alone.
    Loopback,
}

/// The certificate that browsers are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Certificate {
    /// It comes from the box's own authority.
    pub(crate) own: bool,
    /// The page where devices learn to trust that authority.
    pub(crate) trust: Option<String>,
    /// Seconds since 1970.
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// Why there is no status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    NoHost,
    /// There is a host, and this is what went wrong.
    Silent(String),
}

impl Absent {
    pub(crate) fn failure(&self) -> Failure {
        let reason = match self {
            Self::NoHost => Reason::NoHost,
            Self::Silent(_) => Reason::Unwell,
        };
        Failure::new(reason, self)
    }
}

impl Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str(
                "no host is running here; start it with `moothall host`, or say with --state-dir where it keeps its state",
            ),
            Self::Silent(why) => write!(f, "a host that is here does not say how it is ({why}); ask as root or as the host's user"),
        }
    }
}

/// Asks the running host.
pub(crate) fn ask(state_dir: Option<&Path>) -> Result<Status, Absent> {
    match local_socket::ask(&folders(state_dir)) {
        Answer::Said(said) => serde_json::from_str(&said).map_err(|error| Absent::Silent(error.to_string())),
        Answer::Silent(why) => Err(Absent::Silent(why)),
        Answer::Nobody => Err(Absent::NoHost),
    }
}

/// Prints it; an unhealthy host is a failure.
pub(crate) fn run(options: &AskOptions) -> Result<(), Failure> {
    let asked = ask(options.state_dir.as_deref());
    let supervisor = desk::report();
    let devices = devices::found();
    if options.json {
        say(format_args!("{}", document(&asked, supervisor.as_ref(), &devices)));
    } else {
        let text = asked.as_ref().map(Status::text).unwrap_or_default()
            + &supervisor.map(|said| said.text()).unwrap_or_default()
            + &devices.text();
        if !text.is_empty() {
            say(format_args!("{}", text.trim_end()));
        }
    }
    let status = asked.map_err(|absent| absent.failure())?;
    match status.healthy {
        true => Ok(()),
        false => Err(Failure::new(Reason::Unwell, "the bridge does not answer; restart the host")),
    }
}

/// With or without a host one object, told apart by `running`. `supervisor` is null where there is none, or it is not for us;
/// `devices` are those of this machine, whether the host runs or not.
pub(crate) fn document(
    asked: &Result<Status, Absent>,
    supervisor: Option<&Report>,
    devices: &Devices,
) -> serde_json::Value {
    let mut document = match asked {
        Ok(status) => {
            let mut document = json!(status);
            if let Some(fields) = document.as_object_mut() {
                fields.insert("running".to_owned(), true.into());
            }
            document
        }
        Err(absent) => {
            json!({ "running": matches!(absent, Absent::Silent(_)), "healthy": false, "reason": absent.to_string() })
        }
    };
    if let Some(fields) = document.as_object_mut() {
        fields.insert("supervisor".to_owned(), json!(supervisor));
        fields.insert("devices".to_owned(), json!(devices));
    }
    document
}

impl Status {
    fn text(&self) -> String {
        let mut text = format!(
            "Moothall {} has been hosting for {}, since {}.\n\n",
            self.version,
            dates::span(self.uptime_seconds),
            dates::minute(self.since)
        );
        let mut row = |name: &str, what: &dyn Display| {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "  {name:12} {what}");
        };
        row("meetings", &format_args!("{}, people in them: {}", self.meetings, self.participants));
        row("memory", &mebibytes(self.memory_bytes));
        for (index, url) in self.addresses.iter().enumerate() {
            row(if index == 0 { "addresses" } else { "" }, url);
        }
        match &self.certificate {
            None => row("certificate", &"the proxy's"),
            Some(Certificate { own, until, trust, .. }) => {
                let whose = if *own { "from the box's own authority" } else { "from the configuration" };
                row("certificate", &format_args!("{whose}, valid until {}", dates::day(*until)));
                if let Some(page) = trust {
                    row("", &format_args!("devices learn to trust it at {page}"));
                }
            }
        }
        row("listening", &format_args!("TCP {}", list(&self.listening.tcp)));
        row("", &format_args!("UDP {}", list(&self.listening.udp)));
        let media: Vec<SocketAddr> = self.media.iter().map(|media| media.address).collect();
        row("media at", &list(&media));
        text
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
}

/// `11.2 MiB`.
pub(crate) fn mebibytes(bytes: u64) -> String {
    const MEBI: u64 = 1024 * 1024;
    match bytes / MEBI {
        whole @ 0..100 => format!("{whole}.{} MiB", bytes % MEBI * 10 / MEBI),
        whole @ 100..10_240 => format!("{whole} MiB"),
        whole => format!("{} GiB", whole / 1024),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A host in good health.
    pub(crate) fn status() -> Status {
        Status {
            version: "1.2.3".to_owned(),
            healthy: true,
            pid: 7,
            since: 1_764_281_640,
            uptime_seconds: 11_000,
            meetings: 2,
            rooms: 3,
            participants: 7,
            sessions: 8,
            limits: Limits { rooms: 100, participants: 500, sessions: 400 },
            memory_bytes: 11_744_051,
            addresses: vec!["https://192.168.1.20:8443/".to_owned(), "https://hall.local:8443/".to_owned()],
            listening: Listening {
                tcp: vec!["0.0.0.0:8443".parse().unwrap()],
                udp: vec!["0.0.0.0:10000".parse().unwrap()],
            },
            media: vec![Media { address: "192.168.1.20:10000".parse().unwrap(), reach: Reach::Local }],
            certificate: Some(Certificate {
                own: true,
                trust: Some("http://192.168.1.20:8443/trust".to_owned()),
                from: 1_704_067_200,
                until: 2_019_513_600,
            }),
            domain: "moothall.internal".to_owned(),
            state_dir: Some("/var/lib/moothall".into()),
        }
    }

    #[test]
    fn people_get_words() {
        assert_eq!(
            status().text(),
            "Moothall 1.2.3 has been hosting for 3 h 3 min, since 2025-11-27 22:14 UTC.\n\n\
             \x20 meetings     2, people in them: 7\n\
             \x20 memory       11.1 MiB\n\
             \x20 addresses    https://192.168.1.20:8443/\n\
             \x20              https://hall.local:8443/\n\
             \x20 certificate  from the box's own authority, valid until 2033-12-30\n\
             \x20              devices learn to trust it at http://192.168.1.20:8443/trust\n\
             \x20 listening    TCP 0.0.0.0:8443\n\
             \x20              UDP 0.0.0.0:10000\n\
             \x20 media at     192.168.1.20:10000\n"
        );
    }

    #[test]
    fn scripts_tell_by_one_field_whether_there_is_a_host() {
        let good = document(&Ok(status()), None, &Devices::default());
        assert_eq!((&good["running"], &good["media"][0]["reach"]), (&true.into(), &"local".into()));
        let none = document(&Err(Absent::NoHost), None, &Devices::default());
        assert_eq!((&none["running"], &none["healthy"]), (&false.into(), &false.into()));
        assert_eq!(document(&Err(Absent::Silent("closed".to_owned())), None, &Devices::default())["running"], true);
    }
}
