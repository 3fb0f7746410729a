//! `/conference-request/v1`: the conference request over HTTP, for clients that ask before they have a stream.

use std::rc::Rc;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use jitsi_wire::focus::{ConferenceAnswer, ConferenceRequest};
use jitsi_wire::xmpp::Element;

use super::authority::Origin;
use super::http::{self, Answer};
use super::listener::{Shared, neighbourhood};
use super::post;

pub(super) async fn serve(shared: &Rc<Shared>, request: Request<Incoming>, origin: &Origin) -> Answer {
    // A room, a few ids and numbers.
    let longest = shared.limits.short_body;
    let body = match post::text(&shared.limits, &shared.unread, request, longest, |_| false).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let Some(request) = ConferenceRequest::from_json(&body.text) else {
        return http::plain(StatusCode::BAD_REQUEST, "no conference request\n");
    };
    match shared.hub.ask(origin.client.map(neighbourhood), &request) {
        Some(answer) => said(&answer),
        None => http::plain(StatusCode::SERVICE_UNAVAILABLE, "the focus does not answer\n"),
    }
}

/// What the focus says to an IQ, in terms of HTTP.
fn said(iq: &Element) -> Answer {
    if let Some(conference) = iq.child("conference") {
        let body = ConferenceAnswer::parse(conference).to_json();
        return http::answer(StatusCode::OK, "application/json", body);
    }
    let error = iq.child("error");
    let is = |name| error.is_some_and(|error| error.child(name).is_some());
    if is("not-authorized") {
        http::plain(StatusCode::FORBIDDEN, "authentication required\n")
    } else if is("session-invalid") {
        // Clients look for these words, and not at the beginning.
        http::plain(StatusCode::BAD_REQUEST, "error 400 invalid-session\n")
    } else if is("resource-constraint") {
        http::plain(StatusCode::SERVICE_UNAVAILABLE, "too much at once\n")
    } else {
        http::plain(StatusCode::BAD_REQUEST, "no room of this server\n")
    }
}
