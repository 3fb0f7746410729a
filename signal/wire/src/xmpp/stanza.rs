//! The stanzas and errors that everybody builds. Each carries its own literal `xmlns`.

use super::ns;
use super::xml::Element;

/// An empty `iq` of this type.
pub fn iq(kind: &str, id: &str) -> Element {
    Element::in_ns("iq", ns::CLIENT).with_attr("type", kind).with_attr("id", id)
}

/// The result of `request`: its id, from the address it was sent to, to the address it came from.
///
/// The parts are taken as written, because clients compare a reply's `from` with what they asked. A request without `to`
/// gets a reply without `from`.
pub fn iq_result(request: &Element) -> Element {
    reply(request, "result")
}

/// The refusal of `request`, addressed like [`iq_result`].
pub fn iq_error(request: &Element, error: &StanzaError) -> Element {
    reply(request, "error").with_child(error.to_element())
}

fn reply(request: &Element, kind: &str) -> Element {
    iq(kind, request.attr("id").unwrap_or_default())
        .with_attr_opt("from", request.attr("to"))
        .with_attr_opt("to", request.attr("from"))
}

/// The refusal of any stanza, sent back to where it came from: its name, its id, type `error`.
pub fn error_reply(stanza: &Element, error: &StanzaError) -> Element {
    Element::in_ns(stanza.name.as_str(), ns::CLIENT)
        .with_attr("type", "error")
        .with_attr_opt("id", stanza.attr("id"))
        .with_attr_opt("from", stanza.attr("to"))
        .with_attr_opt("to", stanza.attr("from"))
        .with_child(error.to_element())
}

/// A presence between two addresses; available without `kind`.
pub fn presence(from: &str, to: &str, kind: Option<&str>) -> Element {
    addressed("presence", from, to, kind)
}

/// A message between two addresses.
pub fn message(from: &str, to: &str, kind: Option<&str>) -> Element {
    addressed("message", from, to, kind)
}

fn addressed(name: &str, from: &str, to: &str, kind: Option<&str>) -> Element {
    Element::in_ns(name, ns::CLIENT).with_attr_opt("type", kind).with_attr("from", from).with_attr("to", to)
}

/// What the sender may do about an error (RFC 6120, 8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorType {
    Auth,
    Cancel,
    Continue,
    Modify,
    Wait,
}

impl ErrorType {
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Continue => "continue",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        }
    }
}

/// A defined condition (RFC 6120, 8.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    BadRequest,
    Conflict,
    FeatureNotImplemented,
    Forbidden,
    Gone,
    InternalServerError,
    ItemNotFound,
    JidMalformed,
    NotAcceptable,
    NotAllowed,
    NotAuthorized,
    PolicyViolation,
    RecipientUnavailable,
    RegistrationRequired,
    RemoteServerNotFound,
    ResourceConstraint,
    ServiceUnavailable,
    UndefinedCondition,
    UnexpectedRequest,
}

impl Condition {
    pub fn as_str(self) -> &'static str {
        match self {
            Condition::BadRequest => "bad-request",
            Condition::Conflict => "conflict",
            Condition::FeatureNotImplemented => "feature-not-implemented",
            Condition::Forbidden => "forbidden",
            Condition::Gone => "gone",
            Condition::InternalServerError => "internal-server-error",
            Condition::ItemNotFound => "item-not-found",
            Condition::JidMalformed => "jid-malformed",
            Condition::NotAcceptable => "not-acceptable",
            Condition::NotAllowed => "not-allowed",
            Condition::NotAuthorized => "not-authorized",
            Condition::PolicyViolation => "policy-violation",
            Condition::RecipientUnavailable => "recipient-unavailable",
            Condition::RegistrationRequired => "registration-required",
            Condition::RemoteServerNotFound => "remote-server-not-found",
            Condition::ResourceConstraint => "resource-constraint",
            Condition::ServiceUnavailable => "service-unavailable",
            Condition::UndefinedCondition => "undefined-condition",
            Condition::UnexpectedRequest => "unexpected-request",
        }
    }

    /// The type that usually goes with the condition.
    pub fn usual_type(self) -> ErrorType {
        match self {
            Condition::BadRequest | Condition::JidMalformed | Condition::NotAcceptable | Condition::PolicyViolation => {
                ErrorType::Modify
            }
            Condition::Forbidden | Condition::NotAuthorized | Condition::RegistrationRequired => ErrorType::Auth,
            Condition::RecipientUnavailable | Condition::ResourceConstraint | Condition::UnexpectedRequest => {
                ErrorType::Wait
            }
            Condition::Conflict
            | Condition::FeatureNotImplemented
            | Condition::Gone
            | Condition::InternalServerError
            | Condition::ItemNotFound
            | Condition::NotAllowed
            | Condition::RemoteServerNotFound
            | Condition::ServiceUnavailable
            | Condition::UndefinedCondition => ErrorType::Cancel,
        }
    }
}

/// The `error` of a stanza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StanzaError {
    pub kind: ErrorType,
    pub condition: Condition,
    pub text: Option<String>,
    /// An application's own condition, with its own `xmlns`.
    pub extra: Option<Element>,
}

impl StanzaError {
    /// The condition with the type that usually goes with it.
    pub fn new(condition: Condition) -> Self {
        Self::of(condition.usual_type(), condition)
    }

    pub fn of(kind: ErrorType, condition: Condition) -> Self {
        Self { kind, condition, text: None, extra: None }
    }

    /// Adds a sentence for people.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Adds an application's own condition.
    #[must_use]
    pub fn with_extra(mut self, extra: Element) -> Self {
        self.extra = Some(extra);
        self
    }

    pub fn to_element(&self) -> Element {
        let text = self.text.as_ref().map(|text| Element::in_ns("text", ns::STANZAS).with_text(text.clone()));
        Element::new("error")
            .with_attr("type", self.kind.as_str())
            .with_child(Element::in_ns(self.condition.as_str(), ns::STANZAS))
            .with_children(text)
            .with_children(self.extra.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmpp::Limits;

    #[test]
    fn a_reply_comes_from_the_very_address_that_was_asked() {
        let request = Element::parse(
            "<iq type='get' id='p1' from='A@d/R' to='Focus@Auth.d/focus' xmlns='jabber:client'><x/></iq>",
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(
            iq_result(&request).to_string(),
            "<iq xmlns='jabber:client' type='result' id='p1' from='Focus@Auth.d/focus' to='A@d/R'/>"
        );
        let error = StanzaError::new(Condition::Forbidden).with_text("no");
        assert_eq!(
            iq_error(&request, &error).child("error").unwrap().to_string(),
            "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error>"
        );
    }
}
