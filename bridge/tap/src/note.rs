//! Words of both ends, in JSON: what a stream is, what happens in the meeting, how the tap fares.

use serde::{Deserialize, Serialize};

/// What the bridge's side says. Times of what is said are those of its frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
pub enum Note {
    /// The first word.
    Begin(Begin),
    /// Comes before the first packet of a stream, and again when something of it changed.
    Stream(Stream),
    /// Nothing more comes of a stream.
    StreamEnded { ssrc: u32 },
    /// So many packets did not fit the socket since this was last said.
    Lost { packets: u64 },
    /// Something happened in the meeting.
    Happened(Happening),
    /// The meeting ended, or nobody wants any more: finish, answer [`Answer::Done`], and go. A socket that closes without it says
    /// that the bridge's side died, which means the same.
    End { reason: String },
}

/// What is tapped, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// [`VERSION`](crate::VERSION) of the format.
    pub version: u32,
    /// Name of the recording: of letters, digits, `-`, `_` and `.`, and not beginning with a dot; a folder is named so.
    pub recording: String,
    /// Local part of the room's address.
    pub room: String,
    /// The meeting's id.
    pub meeting: String,
    /// Of the tap's beginning, in milliseconds since 1970, UTC.
    pub unix_ms: u64,
    /// Who asked for it, as they are called in the meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<String>,
    /// Which attempt this is: from the second on, the one before died in the midst.
    #[serde(default)]
    pub attempt: u32,
}

/// A stream of RTP packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stream {
    pub ssrc: u32,
    pub kind: Kind,
    /// Id of the participant.
    pub endpoint: String,
    /// Name of the source in the meeting, `3f2a9c41-v0`.
    pub source: String,
    /// A screen, not a camera.
    #[serde(default)]
    pub desktop: bool,
    /// What payload types mean.
    pub payload_types: Vec<PayloadType>,
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Audio,
    Video,
}

/// What a payload type means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayloadType {
    pub id: u8,
    pub codec: Codec,
    /// Ticks of the stream's clock in a second.
    pub clock_rate: u32,
}

/// What is known to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    Opus,
    Vp8,
    Vp9,
    H264,
    Av1,
}

/// Something that happened in the meeting. Participants are named by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Happening {
    Joined {
        endpoint: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    Renamed {
        endpoint: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    Left {
        endpoint: String,
    },
    /// Who speaks most, since then.
    Speaker {
        endpoint: String,
    },
    /// A source is sent or not.
    Muted {
        source: String,
        muted: bool,
    },
    Hand {
        endpoint: String,
        raised: bool,
    },
    Chat {
        endpoint: String,
        text: String,
    },
    /// Whom the moderators show to all (follow me), or nobody any more.
    Pinned {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    },
}

/// What the tap says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is ready, and writes from now on.
    Ready,
    /// Asks for something.
    Wish(Wish),
    /// Something the people in the meeting should know, in English; it goes on.
    Warning { text: String },
    /// It ended, all is stored; or, with an error, not. It says nothing more.
    Done {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

/// What a tap may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "kebab-case")]
pub enum Wish {
    /// A key frame of this stream; the bridge limits how often it passes that on.
    KeyFrame { ssrc: u32 },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form on the wire.
    #[test]
    fn notes_have_their_form() {
        let payload = PayloadType { id: 100, codec: Codec::Vp8, clock_rate: 90_000 };
        let stream = Stream {
            ssrc: 7,
            kind: Kind::Video,
            endpoint: "3f2a9c41".to_owned(),
            source: "3f2a9c41-v0".to_owned(),
            desktop: false,
            payload_types: vec![payload],
        };
        let note = Note::Stream(stream);
        let json = serde_json::to_string(&note).unwrap();
        assert_eq!(
            json,
            r#"{"note":"stream","ssrc":7,"kind":"video","endpoint":"3f2a9c41","source":"3f2a9c41-v0","desktop":false,"payloadTypes":[{"id":100,"codec":"vp8","clockRate":90000}]}"#
        );
        assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), note);
        let left = Note::Happened(Happening::Left { endpoint: "3f2a9c41".to_owned() });
        let json = serde_json::to_string(&left).unwrap();
        assert_eq!(json, r#"{"note":"happened","what":"left","endpoint":"3f2a9c41"}"#);
        assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), left);
        let wish = Answer::Wish(Wish::KeyFrame { ssrc: 7 });
        assert_eq!(serde_json::to_string(&wish).unwrap(), r#"{"answer":"wish","wish":"key-frame","ssrc":7}"#);
    }
}
