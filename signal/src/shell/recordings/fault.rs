//! What cannot be done, for people who read what their programs were told.

use hyper::StatusCode;
use hyper::header::{ALLOW, CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use super::super::http::{Answer, answer};

/// What happened, and what to do.
pub(super) fn fault(status: StatusCode, error: &str, advice: &str) -> Answer {
    answer(status, "application/json", json!({ "error": error, "advice": advice }).to_string())
}

pub(super) fn nothing() -> Answer {
    fault(
        StatusCode::NOT_FOUND,
        "There is nothing at this address.",
        "Compare the address with /api/v1/openapi.json. If that is not there either, set `api.token_file` in the configuration.",
    )
}

pub(super) fn no_recording() -> Answer {
    fault(
        StatusCode::NOT_FOUND,
        "There is no recording or file of this name.",
        "It may have been deleted. GET /api/v1/recordings says what there is.",
    )
}

pub(super) fn insecure() -> Answer {
    fault(
        StatusCode::FORBIDDEN,
        "This is to be had only over HTTPS.",
        "Write https:// at the beginning of the address.",
    )
}

pub(super) fn unauthorized() -> Answer {
    let mut answer = fault(
        StatusCode::UNAUTHORIZED,
        "The token is missing or wrong.",
        "Send `Authorization: Bearer TOKEN` with the line that stands in the file `api.token_file`.",
    );
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"recordings\""));
    answer
}

pub(super) fn expired() -> Answer {
    fault(
        StatusCode::FORBIDDEN,
        "This link is not valid any more.",
        "Open the recordings in the meeting again: links last an hour longer than the recording.",
    )
}

/// `wait` is in seconds.
pub(super) fn too_often(wait: u64, error: &str) -> Answer {
    let mut answer =
        fault(StatusCode::TOO_MANY_REQUESTS, error, "Wait, and try again: `Retry-After` says after how many seconds.");
    answer.headers_mut().insert(RETRY_AFTER, wait.max(1).into());
    answer
}

pub(super) fn wrong_method(allowed: &'static str) -> Answer {
    let mut answer = fault(
        StatusCode::METHOD_NOT_ALLOWED,
        "That cannot be done with this address.",
        "`Allow` in the answer says which methods it knows.",
    );
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// What the request brought is not read.
pub(super) fn unwanted_body() -> Answer {
    let mut answer =
        fault(StatusCode::PAYLOAD_TOO_LARGE, "This request may not bring anything.", "Send it without a body.");
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

pub(super) fn disk() -> Answer {
    fault(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The recordings cannot be read or changed.",
        "Look at the log of the box: it says what is wrong with the disk.",
    )
}
