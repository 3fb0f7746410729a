//! The orders a bridge takes.
//!
//! In one process they arrive as values of [`jitsi_wire::colibri2`]; the rules they are checked by are the same as for
//! colibri2 over XMPP.

mod check;
mod connects;

pub(crate) use check::{SCTP_PORT, check, is_batchable};

use jitsi_wire::colibri2::{ConferenceModified, ConferenceModify, Refusal};

/// One order. Orders are carried out in the sequence in which they come, and answered in that sequence.
#[derive(Debug, Clone)]
pub struct Command {
    /// Chosen by the sender, repeated in the [`Reply`].
    pub id: u64,
    pub request: ConferenceModify,
    /// The client of the endpoint in the request came over loopback: offer loopback candidates as well.
    pub client_is_local: bool,
}

/// What became of a [`Command`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Done { id: u64, answer: ConferenceModified },
    Refused { id: u64, refusal: Refusal },
}

#[cfg(test)]
pub(crate) mod tests {
    use jitsi_wire::colibri2::{Connect, ConnectKind, ConnectProtocol};

    /// To a recorder.
    pub(crate) fn connect(id: &str) -> Connect {
        Connect {
            id: id.to_owned(),
            url: "wss://recorder.example/record/m".to_owned(),
            protocol: ConnectProtocol::MediaJson,
            kind: ConnectKind::Recorder,
            audio: true,
            video: false,
            create: false,
            expire: false,
            http_headers: Vec::new(),
            ping: None,
        }
    }
}
