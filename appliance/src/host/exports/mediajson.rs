//! mediajson: the words of a bridge and of whoever it exports audio to, one JSON object each (Jitsi's `jicoco-mediajson`, which follows
//! VoxImplant; hence the numbers in quotation marks).

use serde::{Serialize, Serializer};
use serde_json::Value;

/// What a bridge says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(super) enum Event<'a> {
    /// A source begins, or its format changes.
    Start {
        /// Counts starts and media of one connection, from 1.
        #[serde(serialize_with = "quoted")]
        sequence_number: u32,
        start: Start<'a>,
    },
    /// One packet.
    Media {
        #[serde(serialize_with = "quoted")]
        sequence_number: u32,
        media: Media<'a>,
    },
    /// Answered by [`Said::Pong`] with this id.
    Ping { id: u32 },
    /// Who speaks, for the other side's log.
    Info { application: &'a str, version: &'a str },
    /// Nothing more comes, and nobody comes back.
    SessionEnd,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start<'a> {
    /// Name of the source.
    pub(super) tag: &'a str,
    pub(super) media_format: MediaFormat,
    pub(super) custom_parameters: CustomParameters<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MediaFormat {
    pub(super) encoding: &'static str,
    /// Ticks of timestamps in a second.
    pub(super) sample_rate: u32,
    pub(super) channels: u8,
}

/// RFC 7587: always said so, whatever is in the packets.
pub(super) const OPUS: MediaFormat = MediaFormat { encoding: "opus", sample_rate: 48_000, channels: 2 };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomParameters<'a> {
    /// Whose source it is.
    pub(super) endpoint_id: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Media<'a> {
    pub(super) tag: &'a str,
    /// RTP sequence number, unwrapped: what is missing was lost.
    #[serde(serialize_with = "quoted")]
    pub(super) chunk: i64,
    /// In ticks since the connection was opened.
    #[serde(serialize_with = "quoted")]
    pub(super) timestamp: i64,
    /// In Base64 (RFC 4648 4).
    pub(super) payload: String,
    /// RFC 6464: in -dBov; 127 is silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audio_level: Option<u8>,
    /// RFC 6464: somebody speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vad: Option<bool>,
}

fn quoted<S: Serializer>(number: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&number.to_string())
}

impl Event<'_> {
    pub(super) fn to_json(&self) -> String {
        // Its keys are texts and its values plain, so nothing of it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What is heard from the other side. All else that it may say is of no use to a bridge.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    Pong {
        id: u32,
    },
    /// What somebody said, as it came: for the clients in the meeting.
    TranscriptionResult(Value),
}

impl Said {
    /// `None`: nothing that is known.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        match value.get("event")?.as_str()? {
            "pong" => Some(Self::Pong { id: u32::try_from(value.get("id")?.as_u64()?).ok()? }),
            "transcription-result" => Some(Self::TranscriptionResult(value)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_have_their_form() {
        let custom_parameters = CustomParameters { endpoint_id: "92c79801" };
        let start = Start { tag: "92c79801-a0", media_format: OPUS, custom_parameters };
        assert_eq!(
            Event::Start { sequence_number: 1, start }.to_json(),
            r#"{"event":"start","sequenceNumber":"1","start":{"tag":"92c79801-a0","mediaFormat":{"encoding":"opus","sampleRate":48000,"channels":2},"customParameters":{"endpointId":"92c79801"}}}"#
        );
        let payload = "eAIv7Q==".to_owned();
        let media = Media { tag: "92c79801-a0", chunk: 968, timestamp: 24_281, payload, audio_level: None, vad: None };
        assert_eq!(
            Event::Media { sequence_number: 2, media: media.clone() }.to_json(),
            r#"{"event":"media","sequenceNumber":"2","media":{"tag":"92c79801-a0","chunk":"968","timestamp":"24281","payload":"eAIv7Q=="}}"#
        );
        let media = Media { audio_level: Some(30), vad: Some(true), ..media };
        let json = Event::Media { sequence_number: 2, media }.to_json();
        assert!(json.ends_with(r#""payload":"eAIv7Q==","audioLevel":30,"vad":true}}"#), "{json}");
        assert_eq!(Event::Ping { id: 7 }.to_json(), r#"{"event":"ping","id":7}"#);
        assert_eq!(Event::SessionEnd.to_json(), r#"{"event":"session-end"}"#);
        let info = Event::Info { application: "moothall", version: "1.2.3" };
        assert_eq!(info.to_json(), r#"{"event":"info","application":"moothall","version":"1.2.3"}"#);
    }

    #[test]
    fn what_the_other_side_says_is_read_and_the_rest_left_alone() {
        assert_eq!(Said::parse(r#"{"event":"pong","id":7}"#), Some(Said::Pong { id: 7 }));
        let result = r#"{"type":"transcription-result","event":"transcription-result","transcript":[{"text":"blah"}]}"#;
        let value =
            json!({"type": "transcription-result", "event": "transcription-result", "transcript": [{"text": "blah"}]});
        assert_eq!(Said::parse(result), Some(Said::TranscriptionResult(value)));
        for other in [r#"{"event":"info","a":1}"#, r#"{"event":"pong","id":"x"}"#, "[]", "hello", r#"{"id":7}"#] {
            assert_eq!(Said::parse(other), None, "{other}");
        }
    }
}
