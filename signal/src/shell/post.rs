//! Requests that bring something: their bodies, and who may send them from another page.

use std::future::poll_fn;
use std::pin::Pin;

use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, CONNECTION, CONTENT_LENGTH, HeaderValue,
};
use hyper::{Method, Request, StatusCode};
use tokio::time::timeout;

use super::http::{self, Answer};
use super::limits::Limits;
use super::unread::{Pool, Share};

/// Answers what is no POST.
pub(super) fn objection(request: &Request<Incoming>) -> Option<Answer> {
    match *request.method() {
        Method::POST => None,
        Method::OPTIONS => Some(http::plain(StatusCode::OK, "")),
        _ => {
            let mut answer = http::plain(StatusCode::METHOD_NOT_ALLOWED, "POST\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
            Some(close(answer))
        }
    }
}

/// Pages from elsewhere may ask, as they may by WebSocket: nothing here goes by cookies.
pub(super) fn for_everybody(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Authorization"),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// A body that is text.
pub(super) struct Text {
    pub(super) text: String,
    _share: Share,
}

/// The body, if it is text, comes in time and is short; or, where its beginning is as it `may_be_long`, no longer than `longest`.
pub(super) async fn text(
    limits: &Limits,
    pool: &Pool,
    request: Request<Incoming>,
    longest: usize,
    may_be_long: impl Fn(&[u8]) -> bool,
) -> Result<Text, Answer> {
    let too_long = || close(http::plain(StatusCode::PAYLOAD_TOO_LARGE, "too long\n"));
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > longest) {
        return Err(too_long());
    }
    let mut body = request.into_body();
    let read = async {
        let (mut bytes, mut share) = (Vec::new(), pool.share());
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|_| close(http::plain(StatusCode::BAD_REQUEST, "no body\n")))?;
            let data = frame.into_data().unwrap_or_default();
            let length = bytes.len() + data.len();
            bytes.extend_from_slice(&data);
            if length <= limits.short_body {
                continue;
            }
            if length > longest || !bytes.get(..limits.short_body).is_some_and(&may_be_long) {
                return Err(too_long());
            }
            if !share.cover(bytes.capacity()) {
                return Err(close(http::plain(StatusCode::SERVICE_UNAVAILABLE, "too much at once\n")));
            }
        }
        let text = String::from_utf8(bytes).map_err(|_| http::plain(StatusCode::BAD_REQUEST, "no text\n"))?;
        Ok(Text { text, _share: share })
    };
    match timeout(limits.request_body, read).await {
        Ok(text) => text,
        Err(_) => Err(close(http::plain(StatusCode::REQUEST_TIMEOUT, "too slow\n"))),
    }
}

/// What is left of the request will not be read.
fn close(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}
