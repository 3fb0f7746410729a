//! XMPP in bodies of HTTP requests and answers: the `<body/>` of XEP-0124 and XEP-0206.

use crate::xmpp::xml::escape_attr;
use crate::xmpp::{Element, Limits, ParseError, ns};

/// Namespace of `<body/>`.
pub const HTTPBIND: &str = "http://jabber.org/protocol/httpbind";
/// Namespace of the attributes that XEP-0206 adds.
pub const XBOSH: &str = "urn:xmpp:xbosh";

/// Request ids are at most this (XEP-0124, 10).
const MAX_RID: u64 = (1 << 53) - 1;

/// What a client posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub rid: u64,
    /// None begins a session.
    pub sid: Option<String>,
    /// The domain that a stream is opened to.
    pub to: Option<String>,
    /// Seconds that an answer may take.
    pub wait: Option<u32>,
    /// Requests that may be left unanswered.
    pub hold: Option<u32>,
    /// The stream begins again.
    pub restart: bool,
    /// The session ends behind the payload.
    pub terminate: bool,
    pub payload: Vec<Element>,
}

/// Why a body was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    #[error(transparent)]
    Xml(#[from] ParseError),
    #[error("no <body/> of XEP-0124")]
    NoBody,
    #[error("no usable rid")]
    NoRid,
}

impl Request {
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, BadRequest> {
        let body = Element::parse(text, limits)?;
        if !body.is("body", HTTPBIND) {
            return Err(BadRequest::NoBody);
        }
        let number = |name| body.attr(name).and_then(|text| text.parse::<u32>().ok());
        let rid = body.attr("rid").and_then(|text| text.parse::<u64>().ok()).filter(|rid| (1..MAX_RID).contains(rid));
        Ok(Self {
            rid: rid.ok_or(BadRequest::NoRid)?,
            sid: body.attr("sid").map(str::to_owned),
            to: body.attr("to").map(str::to_owned),
            wait: number("wait"),
            hold: number("hold"),
            restart: matches!(body.attr("xmpp:restart"), Some("true" | "1")),
            terminate: body.attr("type") == Some("terminate"),
            payload: body.elements().cloned().collect(),
        })
    }
}

/// What the first answer of a session says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub sid: String,
    /// The domain as the client called it.
    pub from: String,
    pub wait: u32,
    pub hold: u32,
    /// Requests that may be under way at once.
    pub requests: u32,
    /// Seconds without any request after which the session ends.
    pub inactivity: u32,
}

/// Why a session ends (XEP-0124, 17.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    BadRequest,
    ItemNotFound,
    PolicyViolation,
    RemoteStreamError,
    /// In good order.
    None,
}

impl Condition {
    fn as_str(self) -> Option<&'static str> {
        match self {
            Condition::BadRequest => Some("bad-request"),
            Condition::ItemNotFound => Some("item-not-found"),
            Condition::PolicyViolation => Some("policy-violation"),
            Condition::RemoteStreamError => Some("remote-stream-error"),
            Condition::None => None,
        }
    }
}

/// An answer: `payload` are elements, each with its own declarations.
pub fn answer(terms: Option<&Terms>, payload: &[String], end: Option<Condition>) -> String {
    let mut text = format!("<body xmlns='{HTTPBIND}'");
    if let Some(terms) = terms {
        let numbers = [
            ("wait", terms.wait),
            ("hold", terms.hold),
            ("requests", terms.requests),
            ("inactivity", terms.inactivity),
        ];
        for (name, number) in numbers {
            text.push_str(&format!(" {name}='{number}'"));
        }
        for (name, value) in [("sid", terms.sid.as_str()), ("from", &terms.from)] {
            text.push_str(&format!(" {name}='"));
            escape_attr(value, &mut text);
            text.push('\'');
        }
        text.push_str(&format!(
            " ver='1.6' polling='5' xmlns:xmpp='{XBOSH}' xmpp:version='1.0' xmpp:restartlogic='true' xmlns:stream='{}'",
            ns::STREAM
        ));
    }
    if let Some(end) = end {
        text.push_str(" type='terminate'");
        if let Some(condition) = end.as_str() {
            text.push_str(&format!(" condition='{condition}'"));
        }
    }
    match payload.is_empty() {
        true => text.push_str("/>"),
        false => {
            text.push('>');
            payload.iter().for_each(|element| text.push_str(element));
            text.push_str("</body>");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Request, BadRequest> {
        Request::parse(text, &Limits::default())
    }

    #[test]
    fn the_first_request_of_strophe_is_read() {
        let text = "<body rid='3054692371' xmlns='http://jabber.org/protocol/httpbind' to='meet.example' xml:lang='en' wait='60' \
                    hold='1' content='text/xml; charset=utf-8' ver='1.6' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>";
        let request = parse(text).unwrap();
        assert_eq!((request.rid, request.wait, request.hold), (3_054_692_371, Some(60), Some(1)));
        assert_eq!((request.sid, request.to.as_deref()), (None, Some("meet.example")));
        assert!(!request.restart && !request.terminate && request.payload.is_empty());
    }

    #[test]
    fn restart_terminate_and_payload_are_read() {
        let restart = "<body rid='2' xmlns='http://jabber.org/protocol/httpbind' sid='s' to='d' xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'/>";
        assert!(parse(restart).unwrap().restart);
        let last = "<body rid='3' xmlns='http://jabber.org/protocol/httpbind' sid='s' type='terminate'>\
                    <presence xmlns='jabber:client' type='unavailable'/></body>";
        let last = parse(last).unwrap();
        assert!(last.terminate);
        assert_eq!(
            last.payload.iter().map(Element::to_string).collect::<String>(),
            "<presence xmlns='jabber:client' type='unavailable'/>"
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for text in [
            "",
            "<body rid='1'/>",
            "<body xmlns='http://jabber.org/protocol/httpbind'/>",
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='0'/>",
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='-1'/>",
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='9007199254740992'/>",
            "<body xmlns='http://jabber.org/protocol/httpbind' rid='1'><a></body>",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn answers_are_well_formed() {
        let terms =
            Terms { sid: "s1".to_owned(), from: "a'b".to_owned(), wait: 60, hold: 1, requests: 2, inactivity: 30 };
        let features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>".to_owned();
        let first = Element::parse(&answer(Some(&terms), &[features], None), &Limits::default()).unwrap();
        assert!(first.is("body", HTTPBIND));
        assert_eq!((first.attr("sid"), first.attr("from"), first.attr("wait")), (Some("s1"), Some("a'b"), Some("60")));
        assert_eq!(first.elements().count(), 1);
        assert_eq!(answer(None, &[], None), "<body xmlns='http://jabber.org/protocol/httpbind'/>");
        let end = Element::parse(&answer(None, &[], Some(Condition::ItemNotFound)), &Limits::default()).unwrap();
        assert_eq!((end.attr("type"), end.attr("condition")), (Some("terminate"), Some("item-not-found")));
    }
}
