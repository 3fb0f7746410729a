//! What happened in the meeting, in `events.json`: an array, one event a line.
//!
//! While it is recorded, events are appended to [`LOG`]; the array is made of it at the end.

use media_tap::Happening;
use serde::{Deserialize, Serialize};

/// Name of the array.
pub const NAME: &str = "events.json";
/// Name of the log, one event a line.
pub const LOG: &str = "events.jsonl";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Since the recording began.
    pub at_ms: u64,
    #[serde(flatten)]
    pub happening: Happening,
}

/// The array of an array that there was, and of a log. What cannot be read, as a line that was cut off, is left out.
pub fn array(before: &[u8], log: &[u8]) -> Vec<u8> {
    let before: Vec<serde_json::Value> = serde_json::from_slice(before).unwrap_or_default();
    let log = log.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let lines: Vec<String> = before.into_iter().chain(log).map(|event: serde_json::Value| event.to_string()).collect();
    if lines.is_empty() {
        return b"[]\n".to_vec();
    }
    format!("[\n{}\n]\n", lines.join(",\n")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_becomes_an_array_and_a_cut_line_is_left_out() {
        let event = Event { at_ms: 1500, happening: Happening::Left { endpoint: "3f2a9c41".to_owned() } };
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(line, r#"{"atMs":1500,"what":"left","endpoint":"3f2a9c41"}"#);
        let first = array(b"", format!("{line}\n{{\"at").as_bytes());
        let both = array(&first, line.as_bytes());
        let read: Vec<Event> = serde_json::from_slice(&both).unwrap();
        assert_eq!(read, [event.clone(), event]);
        assert_eq!(array(b"", b""), b"[]\n");
    }
}
