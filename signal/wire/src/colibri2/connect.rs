//! `connect`: where a bridge exports the audio of a conference to.

use std::fmt;

/// One `connect` of a `conference-modify`: a WebSocket that the bridge opens, and over which the sound of everybody goes out as mediajson.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Names it in later orders.
    pub id: String,
    /// `ws:` or `wss:`.
    pub url: String,
    pub protocol: ConnectProtocol,
    pub kind: ConnectKind,
    pub audio: bool,
    pub video: bool,
    /// It must not exist yet.
    pub create: bool,
    /// End it.
    pub expire: bool,
    /// Sent with the request that opens the WebSocket.
    pub http_headers: Vec<HttpHeader>,
    pub ping: Option<ConnectPing>,
}

/// `protocol`: in what form the audio goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectProtocol {
    MediaJson,
}

/// `type`: who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectKind {
    Recorder,
    Transcriber,
}

/// `http-header`.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpHeader {
    pub name: String,
    pub value: String,
}

/// The value may be a password, and stands in no log.
impl fmt::Debug for HttpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHeader").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `ping`: how often the other end is asked whether it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectPing {
    /// In milliseconds.
    pub interval: u32,
    /// How long an answer may take, in milliseconds.
    pub timeout: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_does_not_show_its_value() {
        let header = HttpHeader { name: "Authorization".to_owned(), value: "Bearer secret".to_owned() };
        assert_eq!(format!("{header:?}"), "HttpHeader { name: \"Authorization\", .. }");
    }
}
