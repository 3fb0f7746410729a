//! `/setup`: where the box is set up. The page is ours; what it asks is handed on as it came, and so is the answer.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, ORIGIN};
use hyper::{Request, StatusCode};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::authority::{Authority, Origin};
use super::http::{self, Answer};
use super::listener::Shared;
use super::post;

/// To look for wireless networks takes some seconds.
const PATIENCE: Duration = Duration::from_secs(25);
/// Names, addresses, a password.
const LONGEST: usize = 8 * 1024;

/// Who sets up the box.
#[derive(Debug)]
pub struct Setup {
    /// Bounded: beyond it whoever asks is told to come back.
    pub requests: mpsc::Sender<SetupRequest>,
    /// That the box still has to be set up: the front page says so.
    pub wanted: watch::Receiver<bool>,
}

/// One request of the page.
#[derive(Debug)]
pub struct SetupRequest {
    /// What was sent, at most 8 KiB; whether it means anything is for others to say.
    pub text: String,
    pub from: IpAddr,
    /// JSON; dropped if there is nobody who sets up this box.
    pub answer: oneshot::Sender<String>,
}

pub(super) async fn serve(shared: &Rc<Shared>, request: Request<Incoming>, origin: &Origin) -> Answer {
    let Some(setup) = &shared.site.setup else { return nobody() };
    if !origin.secure {
        return http::plain(StatusCode::FORBIDDEN, "only over HTTPS\n");
    }
    if !is_ours(request.headers(), &origin.authority) {
        return http::plain(StatusCode::FORBIDDEN, "only from the page of this box\n");
    }
    if request.headers().get(CONTENT_TYPE).is_none_or(|value| value != "application/json") {
        return http::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/json\n");
    }
    let Some(from) = origin.client else {
        return http::plain(StatusCode::FORBIDDEN, "the proxy does not say where you are\n");
    };
    let body = match post::text(&shared.limits, &shared.unread, request, LONGEST, |_| true).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let (answer, said) = oneshot::channel();
    if setup.requests.try_send(SetupRequest { text: body.text, from, answer }).is_err() {
        return http::plain(StatusCode::SERVICE_UNAVAILABLE, "too much at once\n");
    }
    match timeout(PATIENCE, said).await {
        Ok(Ok(said)) => http::answer(StatusCode::OK, "application/json", said),
        Ok(Err(_)) => nobody(),
        Err(_) => http::plain(StatusCode::SERVICE_UNAVAILABLE, "whoever sets up this box does not answer\n"),
    }
}

fn nobody() -> Answer {
    http::plain(StatusCode::NOT_FOUND, "this box is set up by its configuration file\n")
}

/// A browser says which page a request comes from. One that was led here under a foreign name fails at the certificate.
fn is_ours(headers: &HeaderMap, authority: &Authority) -> bool {
    let page = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()?.strip_prefix("https://"));
    page.and_then(Authority::parse).is_some_and(|page| page == *authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_may_ask() {
        let ours = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            is_ours(&headers, &Authority::parse("Box.local:8443").unwrap())
        };
        assert!(ours(Some("https://box.local:8443")));
        for other in
            [None, Some("null"), Some("http://box.local:8443"), Some("https://box.local"), Some("https://x.example")]
        {
            assert!(!ours(other), "{other:?}");
        }
    }
}
