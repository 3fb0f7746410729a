//! `[signal]`: rooms, codecs and what clients are told.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Bytes, Codec, Codecs, Count, DomainName, Key, Port, Seconds, WebOrigin};

/// Preferences and limits of signaling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signal {
    pub codecs: Codecs,
    pub channel: Channel,
    pub max_rooms: Count,
    pub max_occupants: Count,
    pub max_sessions: Count,
    pub max_stanza: Bytes,
    /// Zero: nobody can resume.
    pub resume_within: Seconds,
    /// Serve the page from this folder instead of the built-in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_root: Option<PathBuf>,
    /// Pages that may have a room in a frame, besides the box's own.
    pub embedders: Vec<WebOrigin>,
    pub services: Vec<Service>,
}

/// How a client talks to the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    WebSocket,
    DataChannel,
}

/// One entry of the list that clients get by XEP-0215.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    #[serde(rename = "type")]
    pub kind: ServiceKind,
    pub host: DomainName,
    pub port: Port,
    #[serde(default)]
    pub transport: Transport,
    /// Credentials, the same for every client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    Stun,
    Turn,
    Turns,
}

impl ServiceKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Stun => "stun",
            Self::Turn => "turn",
            Self::Turns => "turns",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl Default for Signal {
    fn default() -> Self {
        Self {
            codecs: Codecs::Ordered(vec![Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1]),
            channel: Channel::WebSocket,
            max_rooms: Count::new(100),
            max_occupants: Count::new(100),
            max_sessions: Count::new(400),
            max_stanza: Bytes::kibi(512),
            resume_within: Seconds::new(60),
            web_root: None,
            embedders: Vec::new(),
            services: Vec::new(),
        }
    }
}

pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "signal.codecs",
        expects: "a list of \"vp8\", \"vp9\", \"h264\" and \"av1\", most wanted first, or \"hardware-friendly\"",
        doc: "Video codecs that clients should use, most wanted first. Or codecs = \"hardware-friendly\": H.264 for everybody,\nwhich small boxes decode in hardware and recordings keep as it is; a meeting that somebody joins whose browser\ncannot decode it uses VP8, and says so.",
        example: "",
    },
    Key {
        path: "signal.channel",
        expects: "\"websocket\" or \"datachannel\"",
        doc: "How clients talk to the bridge about layers and speakers: over a WebSocket, or over a data channel on\nthe media port (works where a proxy breaks WebSockets).",
        example: "",
    },
    Key {
        path: "signal.max_rooms",
        expects: "a number from 1 to 10000",
        doc: "How many meetings may run at once.",
        example: "",
    },
    Key {
        path: "signal.max_occupants",
        expects: "a number from 1 to 10000",
        doc: "How many people may be in one meeting.",
        example: "",
    },
    Key {
        path: "signal.max_sessions",
        expects: "a number from 1 to 10000",
        doc: "How many clients may be connected at once, in a meeting or not.",
        example: "",
    },
    Key {
        path: "signal.max_stanza",
        expects: "an amount of memory from 64 KiB to 4 MiB, such as \"512 KiB\"",
        doc: "A client that sends a longer message than this is disconnected.",
        example: "",
    },
    Key {
        path: "signal.resume_within",
        expects: "a number of seconds from 0 to 600",
        doc: "For so many seconds somebody whose connection broke keeps the place in the meeting and may come back to it.",
        example: "",
    },
    Key {
        path: "signal.web_root",
        expects: "the path of a folder, relative to this file",
        doc: "Serve the page from this folder instead of the built-in one: a folder with an index.html, such as that of a\nstock Jitsi Meet. Its links may not lead out of it.",
        example: "\"/usr/share/jitsi-meet\"",
    },
    Key {
        path: "signal.embedders",
        expects: "a list of origins of web pages, such as [\"https://intranet.example.org\"]",
        doc: "Web pages that may show a room in a frame, by their origins; see /external_api.js. The box's own pages always may.",
        example: "",
    },
    Key {
        path: "signal.services",
        expects: "tables, each written [[signal.services]]",
        doc: "STUN and TURN servers that clients are told about; one table for each.",
        example: "",
    },
    Key {
        path: "signal.services.type",
        expects: "\"stun\", \"turn\" or \"turns\"",
        doc: "What it is.",
        example: "\"turns\"",
    },
    Key {
        path: "signal.services.host",
        expects: "a lower-case host name or an IPv4 address, such as \"turn.example.org\"",
        doc: "Where it is.",
        example: "\"turn.example.org\"",
    },
    Key { path: "signal.services.port", expects: "a port number from 1 to 65535", doc: "Its port.", example: "443" },
    Key {
        path: "signal.services.transport",
        expects: "\"udp\" or \"tcp\"",
        doc: "How to reach it. Jitsi's clients use only \"tcp\" ones for a meeting.",
        example: "\"tcp\"",
    },
    Key {
        path: "signal.services.username",
        expects: "a text",
        doc: "Credentials of a TURN server: user name ...",
        example: "\"moothall\"",
    },
    Key {
        path: "signal.services.password",
        expects: "a text",
        doc: "... and password.",
        example: "\"correct horse battery staple\"",
    },
];
