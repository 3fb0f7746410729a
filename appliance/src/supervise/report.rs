//! What the supervisor says of the box. The names are those in `moothall status --json`: they may become more, never other.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::status::mebibytes;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Seconds since 1970.
    pub(crate) since: u64,
    pub(crate) uptime_seconds: u64,
    pub(crate) services: Vec<Service>,
    /// Without slots, the system's package manager updates the box.
    pub(crate) system: Option<System>,
}

/// A unit of systemd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) unit: String,
    /// systemd's ActiveState: `active`, `activating`, `failed`, `inactive` ...
    pub(crate) state: String,
    /// How often it had to be started again.
    pub(crate) restarts: u32,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) memory_max_bytes: Option<u64>,
}

/// The slot that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct System {
    /// The boot loader's name for it.
    pub(crate) slot: String,
    pub(crate) verdict: Verdict,
    /// The last update that was taken back, and why.
    pub(crate) taken_back: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The box has not called itself yet, or without success.
    Open,
    /// The boot loader was told that people can meet here.
    Good,
}

impl Report {
    /// Rows as of `moothall status`: a word, and what it is about.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (index, service) in self.services.iter().enumerate() {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "  {:12} {}", if index == 0 { "services" } else { "" }, service.text());
        }
        if let Some(system) = &self.system {
            let verdict = match system.verdict {
                Verdict::Open => "not known to be good yet",
                Verdict::Good => "good",
            };
            let _ = writeln!(text, "  {:12} slot {}, {verdict}", "system", system.slot);
            for line in system.taken_back.iter().flat_map(|why| why.lines()) {
                let _ = writeln!(text, "  {:12} {line}", "");
            }
        }
        text
    }
}

impl Service {
    fn text(&self) -> String {
        let name = self.unit.trim_end_matches(".service");
        let memory = match (self.memory_bytes, self.memory_max_bytes) {
            (Some(now), Some(max)) => format!(", {} of {}", mebibytes(now), mebibytes(max)),
            (Some(now), None) => format!(", {}", mebibytes(now)),
            _ => String::new(),
        };
        match self.restarts {
            0 => format!("{name}: {}{memory}", self.state),
            restarts => format!("{name}: {}{memory}, started again: {restarts}", self.state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_rows() {
        let service = |unit: &str, restarts, memory| Service {
            unit: unit.to_owned(),
            state: "active".to_owned(),
            restarts,
            memory_bytes: memory,
            memory_max_bytes: Some(100 * 1024 * 1024),
        };
        let report = Report {
            since: 0,
            uptime_seconds: 1,
            services: vec![
                service("moothall-host.service", 0, Some(8_808_038)),
                service("moothall-supervise.service", 2, None),
            ],
            system: Some(System {
                slot: "B".to_owned(),
                verdict: Verdict::Good,
                taken_back: Some("The update in slot A was taken back:\nbad host".to_owned()),
            }),
        };
        assert_eq!(
            report.text(),
            "\x20 services     moothall-host: active, 8.3 MiB of 100 MiB\n\
             \x20              moothall-supervise: active, started again: 2\n\
             \x20 system       slot B, good\n\
             \x20              The update in slot A was taken back:\n\
             \x20              bad host\n"
        );
    }
}
