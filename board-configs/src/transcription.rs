//! `[transcription]`: who else gets the audio of meetings.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Key, WebSocketTemplate};

/// Jitsi's multitrack recorder, a transcriber, or whatever speaks as they do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transcription {
    /// `None`: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_template: Option<WebSocketTemplate>,
    pub http_headers: Vec<HttpHeader>,
}

/// `Name: value`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpHeader {
    pub name: String,
    pub value: String,
}

/// The value may be a password.
impl fmt::Debug for HttpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHeader").field("name", &self.name).finish_non_exhaustive()
    }
}

impl TryFrom<String> for HttpHeader {
    type Error = &'static str;

    fn try_from(line: String) -> Result<Self, Self::Error> {
        let (name, value) = line.split_once(':').ok_or("without a colon")?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_name || line.contains(char::is_control) {
            return Err("not of the right form");
        }
        Ok(Self { name: name.to_owned(), value: value.trim().to_owned() })
    }
}

impl From<HttpHeader> for String {
    fn from(header: HttpHeader) -> Self {
        format!("{}: {}", header.name, header.value)
    }
}

pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "transcription.url_template",
        expects: "the address of a WebSocket, such as \"wss://recorder.example.org/record/{{MEETING_ID}}\"",
        doc: "Where the audio of a meeting goes when a moderator asks for a transcript of it: Jitsi's multitrack recorder, or a\n\
              transcriber. {{MEETING_ID}} becomes the meeting's id. Whoever answers there hears what is said.",
        example: "\"wss://recorder.example.org/record/{{MEETING_ID}}\"",
    },
    Key {
        path: "transcription.http_headers",
        expects: "a list of HTTP headers, such as [\"Authorization: Bearer TOKEN\"]",
        doc: "HTTP headers that are sent there; a secret, which is shown nowhere.",
        example: "",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value_which_is_not_shown() {
        let header = HttpHeader::try_from("Authorization: Bearer a:b".to_owned()).unwrap();
        assert_eq!((header.name.as_str(), header.value.as_str()), ("Authorization", "Bearer a:b"));
        assert!(!format!("{header:?}").contains("Bearer"));
        for bad in ["Bearer", ": x", "A b: c", "A: b\r\nC: d"] {
            assert!(HttpHeader::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_template_is_the_address_of_a_web_socket() {
        for good in ["ws://127.0.0.1:8989/record/{{MEETING_ID}}", "wss://{{REGION}}.example.org/a?m={{MEETING_ID}}"] {
            assert!(WebSocketTemplate::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in
            ["https://a.example/", "wss://", "wss://a.example/{{ MEETING_ID }}", "wss://a.example/{{ROOM}}", "wss:///a"]
        {
            assert!(WebSocketTemplate::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
