//! `/about/feedback`: how the meeting was, said on the way out. Counted, and told to the log; who says it and of which room is
//! not asked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use serde_json::Value;
use tracing::info;

use super::authority::Origin;
use super::http::{self, Answer};
use super::listener::{Shared, neighbourhood};
use super::post;

/// Answers are counted over so long.
const WINDOW: Duration = Duration::from_secs(600);
/// Answers of one network in that time: a large office leaves a meeting together.
const PER_NETWORK: u32 = 250;
/// Answers of all together in that time: each is a line in the log.
const IN_ALL: u32 = 2000;

/// What was answered since the start.
#[derive(Debug, Default)]
pub(super) struct Feedback {
    good: Cell<u64>,
    bad: Cell<u64>,
    recent: RefCell<Recent>,
}

/// How many answers came from where in the current window.
#[derive(Debug, Default)]
struct Recent {
    since: Option<Instant>,
    in_all: u32,
    by_network: HashMap<IpAddr, u32>,
}

impl Recent {
    /// Counts an answer; false when there are too many. There are never more networks than answers.
    fn count(&mut self, now: Instant, network: Option<IpAddr>) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            *self = Self { since: Some(now), ..Self::default() };
        }
        if self.in_all >= IN_ALL {
            return false;
        }
        if let Some(network) = network {
            let count = self.by_network.entry(network).or_default();
            if *count >= PER_NETWORK {
                return false;
            }
            *count += 1;
        }
        self.in_all += 1;
        true
    }
}

/// Good, or not.
fn read(text: &str) -> Option<bool> {
    let json: Value = serde_json::from_str(text).ok()?;
    match json.get("answer")?.as_str()? {
        "good" => Some(true),
        "bad" => Some(false),
        _ => None,
    }
}

pub(super) async fn serve(shared: &Rc<Shared>, request: Request<Incoming>, origin: &Origin) -> Answer {
    // Other pages cannot send this type without asking first, and nobody answers them.
    if request.headers().get(CONTENT_TYPE).is_none_or(|value| value != "application/json") {
        return http::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/json\n");
    }
    let longest = shared.limits.short_body;
    let body = match post::text(&shared.limits, &shared.unread, request, longest, |_| false).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let Some(is_good) = read(&body.text) else {
        return http::plain(StatusCode::BAD_REQUEST, "good or bad\n");
    };
    let Feedback { good, bad, recent } = &shared.feedback;
    if !recent.borrow_mut().count(Instant::now(), origin.client.map(neighbourhood)) {
        return http::plain(StatusCode::TOO_MANY_REQUESTS, "too many answers\n");
    }
    let count = if is_good { good } else { bad };
    count.set(count.get().saturating_add(1));
    info!(answer = if is_good { "good" } else { "bad" }, good = good.get(), bad = bad.get(), "feedback");
    http::plain(StatusCode::OK, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_or_bad_and_nothing_else() {
        assert_eq!(read(r#"{"answer":"good","more":1}"#), Some(true));
        assert_eq!(read(r#"{"answer":"bad"}"#), Some(false));
        for wrong in ["", "good", "{}", "[]", r#"{"answer":5}"#, r#"{"answer":"Good"}"#] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn answers_are_counted_by_network_and_in_all_until_the_window_is_over() {
        let start = Instant::now();
        let network = |n: u32| Some(IpAddr::from(n.to_be_bytes()));
        let mut recent = Recent::default();
        assert_eq!((0..999).filter(|_| recent.count(start, network(1))).count(), 250);
        assert!(recent.count(start, network(2)), "others may still answer");
        assert_eq!((0..9999).filter(|n| recent.count(start, network(n + 3))).count(), 2000 - 251);
        assert!(!recent.count(start, None));
        assert!(recent.by_network.len() <= 2000);
        assert!(recent.count(start + WINDOW, network(1)));
        assert_eq!(recent.in_all, 1);
    }
}
