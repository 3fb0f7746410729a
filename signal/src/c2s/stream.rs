//! The states of a stream, from its first frame to its last.

mod management;

use std::time::Instant;

use jitsi_wire::xmpp::stanza::{iq_error, iq_result};
use jitsi_wire::xmpp::xml::escape_attr;
use jitsi_wire::xmpp::{Condition, Element, Jid, Limits, ParseError, StanzaError, ns};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::ledger::{Kept, Ledger, ResumeLimits};
use super::{Alias, Bucket, Connection, RateLimits};

pub(super) use management::{ASK, management_failed};

/// What one stream may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamLimits {
    pub frame: Limits,
    pub rate: RateLimits,
    pub resume: ResumeLimits,
}

/// What to do about a frame, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Send this frame.
    Send(String),
    /// The stream is bound to this address from now on.
    Bound(Jid),
    /// An `iq`, `message` or `presence` of a bound client, in terms of our own domain, `from` set to its full address.
    Stanza(Element),
    /// The client wants to go on with the stream that it lost: `previd` and what it has of it.
    Resume { previd: String, h: u32 },
    /// Close the connection; nothing follows.
    Close,
}

/// Conditions of RFC 6120, 4.9.3, that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamError {
    BadFormat,
    ConnectionTimeout,
    ImproperAddressing,
    InvalidNamespace,
    NotAuthorized,
    NotWellFormed,
    PolicyViolation,
    ResourceConstraint,
    RestrictedXml,
    SystemShutdown,
    UndefinedCondition,
    UnsupportedStanzaType,
    UnsupportedVersion,
}

impl StreamError {
    pub fn as_str(self) -> &'static str {
        match self {
            StreamError::BadFormat => "bad-format",
            StreamError::ConnectionTimeout => "connection-timeout",
            StreamError::ImproperAddressing => "improper-addressing",
            StreamError::InvalidNamespace => "invalid-namespace",
            StreamError::NotAuthorized => "not-authorized",
            StreamError::NotWellFormed => "not-well-formed",
            StreamError::PolicyViolation => "policy-violation",
            StreamError::ResourceConstraint => "resource-constraint",
            StreamError::RestrictedXml => "restricted-xml",
            StreamError::SystemShutdown => "system-shutdown",
            StreamError::UndefinedCondition => "undefined-condition",
            StreamError::UnsupportedStanzaType => "unsupported-stanza-type",
            StreamError::UnsupportedVersion => "unsupported-version",
        }
    }

    pub fn to_frame(self) -> String {
        Element::new("stream:error")
            .with_attr("xmlns:stream", ns::STREAM)
            .with_child(Element::in_ns(self.as_str(), ns::STREAM_ERRORS))
            .to_string()
    }
}

impl From<ParseError> for StreamError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::TooLong | ParseError::TooDeep | ParseError::TooManyAttributes | ParseError::TooManyElements => {
                StreamError::PolicyViolation
            }
            ParseError::Restricted => StreamError::RestrictedXml,
            ParseError::NotWellFormed | ParseError::Prefix | ParseError::Character | ParseError::NotOneElement => {
                StreamError::NotWellFormed
            }
        }
    }
}

/// Bytes of a frame before the stream is bound: nothing that belongs there is longer.
const MAX_UNBOUND: usize = 16 * 1024;

/// The close frame, byte for byte: the clients compare it with a string.
const CLOSE: &str = "<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" />";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has come yet.
    Connected,
    /// Mechanisms were offered.
    Opened,
    /// Authenticated; the client opens the stream again.
    Authenticated,
    /// Bind was offered.
    Binding,
    Bound,
    Closed,
}

/// One client's stream.
#[derive(Debug)]
pub struct Stream {
    state: State,
    connection: Connection,
    alias: Option<Box<Alias>>,
    jid: Option<Jid>,
    /// Once the client has enabled stream management.
    ledger: Option<Box<Ledger>>,
    /// The secret by which the client may go on with this stream on another connection.
    token: Option<Box<str>>,
    stanzas: Bucket,
    bytes: Bucket,
}

impl Stream {
    pub fn new(now: Instant, connection: Connection, limits: &StreamLimits) -> Self {
        Self {
            state: State::Connected,
            connection,
            alias: None,
            jid: None,
            ledger: None,
            token: None,
            stanzas: Bucket::full(now, limits.rate.stanza_burst),
            bytes: Bucket::full(now, limits.rate.byte_burst),
        }
    }

    /// How the client came.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The client's full address, once it is bound.
    pub fn jid(&self) -> Option<&Jid> {
        self.jid.as_ref()
    }

    /// `frame` as this client is to see it.
    fn outgoing(&self, frame: String) -> String {
        match &self.alias {
            Some(alias) => alias.map_out(&frame),
            None => frame,
        }
    }

    /// A stanza for the client, as it is to see it, entered into its book. True when it should be followed by [`ASK`].
    pub(super) fn send(&mut self, stanza: String, limits: &StreamLimits, kept: &mut Kept) -> (String, bool) {
        let stanza = self.outgoing(stanza);
        let ask = self.ledger.as_mut().is_some_and(|ledger| ledger.send(&stanza, &limits.resume, kept));
        (stanza, ask)
    }

    /// One frame from the client. `domain` is ours.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        frame: &str,
        domain: &str,
        limits: &StreamLimits,
        rng: &mut ChaCha8Rng,
        kept: &mut Kept,
    ) -> Vec<Step> {
        if self.state == State::Closed {
            return Vec::new();
        }
        if !self.may_send(now, frame.len(), limits) {
            return self.fail(StreamError::PolicyViolation);
        }
        if frame.chars().all(char::is_whitespace) {
            return Vec::new();
        }
        let most = if self.state == State::Bound { limits.frame.bytes } else { limits.frame.bytes.min(MAX_UNBOUND) };
        match Element::parse(frame, &Limits { bytes: most, ..limits.frame }) {
            Ok(element) if element.xmlns() == Some(ns::SM) => self.on_management(&element, limits, rng, kept),
            Ok(element) => self.on_element(element, domain, limits, rng),
            Err(error) => self.fail(error.into()),
        }
    }

    /// Ends the stream from our side.
    pub(super) fn fail(&mut self, error: StreamError) -> Vec<Step> {
        self.fail_with(error.to_frame())
    }

    fn fail_with(&mut self, error: String) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.state == State::Connected {
            // A stream error may only follow an opened stream.
            steps.push(Step::Send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0'/>".to_owned()));
        }
        self.state = State::Closed;
        steps.extend([Step::Send(error), Step::Send(CLOSE.to_owned()), Step::Close]);
        steps
    }

    fn may_send(&mut self, now: Instant, bytes: usize, limits: &StreamLimits) -> bool {
        let rate = &limits.rate;
        let cost = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.stanzas.take(now, 1, rate.stanzas_per_second, rate.stanza_burst)
            && self.bytes.take(now, cost, rate.bytes_per_second, rate.byte_burst)
    }

    fn on_element(&mut self, element: Element, domain: &str, limits: &StreamLimits, rng: &mut ChaCha8Rng) -> Vec<Step> {
        match (element.name.as_str(), element.xmlns()) {
            ("open", Some(ns::FRAMING)) => self.on_open(&element, domain, limits, rng),
            ("close", Some(ns::FRAMING)) => {
                self.state = State::Closed;
                vec![Step::Send(CLOSE.to_owned()), Step::Close]
            }
            ("auth", Some(ns::SASL)) => self.on_auth(&element),
            ("abort", Some(ns::SASL)) => vec![sasl_failure("aborted")],
            ("iq" | "message" | "presence", None | Some(ns::CLIENT)) => self.on_stanza(element, domain, rng),
            ("iq" | "message" | "presence", _) => self.fail(StreamError::InvalidNamespace),
            _ => self.fail(StreamError::UnsupportedStanzaType),
        }
    }

    fn on_open(&mut self, open: &Element, domain: &str, limits: &StreamLimits, rng: &mut ChaCha8Rng) -> Vec<Step> {
        let next = match self.state {
            State::Connected | State::Opened => State::Opened,
            State::Authenticated | State::Binding => State::Binding,
            State::Bound | State::Closed => return self.fail(StreamError::BadFormat),
        };
        if open.attr("version").is_none_or(|v| !v.starts_with("1.")) {
            return self.fail(StreamError::UnsupportedVersion);
        }
        let to = open.attr("to").unwrap_or(domain);
        match to.parse::<Jid>() {
            Ok(jid) if jid.node.is_none() && jid.resource.is_none() && to.len() <= 255 => {}
            _ => return self.fail(StreamError::ImproperAddressing),
        }
        self.alias = Alias::between(to, domain).map(Box::new);
        self.state = next;
        let management = self.may_resume(limits).then(|| Element::in_ns("sm", ns::SM));
        let offered = match next {
            State::Binding => [Some(Element::in_ns("bind", ns::BIND)), management],
            _ => {
                let anonymous = Element::new("mechanism").with_text("ANONYMOUS");
                [Some(Element::in_ns("mechanisms", ns::SASL).with_child(anonymous)), None]
            }
        };
        let features = Element::new("stream:features")
            .with_attr("xmlns:stream", ns::STREAM)
            .with_children(offered.into_iter().flatten());
        // COMPAT(lib-jitsi-meet): the first frame is recognised by its first six characters.
        let mut answer = String::from("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='");
        escape_attr(to, &mut answer);
        answer.push_str(&format!("' id='{}' version='1.0' xml:lang='en'/>", token(rng)));
        vec![Step::Send(answer), Step::Send(features.to_string())]
    }

    fn on_auth(&mut self, auth: &Element) -> Vec<Step> {
        if self.state != State::Opened {
            return self.fail(StreamError::NotAuthorized);
        }
        if auth.attr("mechanism") != Some("ANONYMOUS") {
            return vec![sasl_failure("invalid-mechanism")];
        }
        self.state = State::Authenticated;
        vec![Step::Send(Element::in_ns("success", ns::SASL).to_string())]
    }

    fn on_stanza(&mut self, mut stanza: Element, domain: &str, rng: &mut ChaCha8Rng) -> Vec<Step> {
        if self.state == State::Binding {
            return self.on_bind(&stanza, domain, rng);
        }
        let (State::Bound, Some(jid)) = (self.state, &self.jid) else {
            return self.fail(StreamError::NotAuthorized);
        };
        if let Some(ledger) = &mut self.ledger {
            ledger.count_received();
        }
        if let Some(alias) = &self.alias {
            alias.map_in(&mut stanza);
        }
        // COMPAT(gst-meet): it writes its own `from`; whatever is there is replaced, never refused.
        stanza.set_attr("from", jid.to_string());
        vec![Step::Stanza(stanza)]
    }

    fn on_bind(&mut self, iq: &Element, domain: &str, rng: &mut ChaCha8Rng) -> Vec<Step> {
        if iq.name != "iq" {
            return self.fail(StreamError::NotAuthorized);
        }
        let wants_bind = iq.attr("type") == Some("set") && iq.child_in("bind", ns::BIND).is_some();
        if !wants_bind {
            let error = StanzaError::new(Condition::NotAllowed);
            return vec![Step::Send(iq_error(iq, &error).to_string())];
        }
        let jid = Jid::full_of(uuid(rng), domain, token(rng));
        let result = iq_result(iq)
            .with_child(Element::in_ns("bind", ns::BIND).with_child(Element::new("jid").with_text(jid.to_string())));
        self.state = State::Bound;
        self.jid = Some(jid.clone());
        let result = self.outgoing(result.to_string());
        vec![Step::Bound(jid), Step::Send(result)]
    }
}

fn sasl_failure(condition: &str) -> Step {
    Step::Send(Element::in_ns("failure", ns::SASL).with_child(Element::new(condition)).to_string())
}

/// A random UUID (version 4), lower case: clients take their nick from its first group.
pub(crate) fn uuid(rng: &mut ChaCha8Rng) -> String {
    let n = (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64());
    let n = (n & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        n >> 96,
        (n >> 80) & 0xffff,
        (n >> 64) & 0xffff,
        (n >> 48) & 0xffff,
        n & 0xffff_ffff_ffff
    )
}

/// Twelve hexadecimal digits: a stream id or a resource, safe in every URL.
fn token(rng: &mut ChaCha8Rng) -> String {
    format!("{:012x}", rng.next_u64() & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_uuid_is_version_four() {
        let mut rng = ChaCha8Rng::from_seed([7; 32]);
        for _ in 0..100 {
            let id = uuid(&mut rng);
            let groups: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12]);
            assert_eq!(id.as_bytes()[14], b'4');
            assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
            assert!(id.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)));
        }
    }

    #[test]
    fn a_stream_error_declares_its_prefix() {
        assert_eq!(
            StreamError::SystemShutdown.to_frame(),
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
             <system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
    }
}
