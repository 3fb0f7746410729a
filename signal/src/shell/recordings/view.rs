//! Recordings as JSON, with links to what belongs to them.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::archive::{Excerpt, Recording};
use super::links::Links;

/// With a ticket, and at each file where it is.
pub(super) fn recording(recording: &Recording, links: &Links, now: SystemTime) -> Value {
    let ticket = links.ticket(&recording.name, Duration::from_millis(recording.duration_ms), now);
    let mut value = json!(recording);
    for file in value.get_mut("files").and_then(Value::as_array_mut).into_iter().flatten() {
        let url = file.get("file").and_then(Value::as_str);
        if let Some(url) = url.map(|name| format!("/api/v1/recordings/{}/{name}?ticket={ticket}", recording.name)) {
            set(file, "url", json!(url));
        }
    }
    set(&mut value, "ticket", json!(ticket));
    value
}

/// `{"recordings": [...], "more": bool}`.
pub(super) fn whole(excerpt: &Excerpt, links: &Links, now: SystemTime) -> Value {
    let all: Vec<Value> = excerpt.recordings.iter().map(|one| recording(one, links, now)).collect();
    json!({ "recordings": all, "more": excerpt.more })
}

/// The same without the files: they are to be had with the ticket of their recording.
pub fn excerpt(excerpt: &Excerpt, links: &Links, now: SystemTime) -> Value {
    let mut value = whole(excerpt, links, now);
    for one in value.get_mut("recordings").and_then(Value::as_array_mut).into_iter().flatten() {
        one.as_object_mut().map(|one| one.remove("files"));
    }
    value
}

fn set(value: &mut Value, key: &str, what: Value) {
    if let Some(object) = value.as_object_mut() {
        object.insert(key.to_owned(), what);
    }
}
