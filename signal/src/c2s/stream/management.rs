//! Stream management (XEP-0198): both sides know what the other one has, and a stream outlives its connection.

use jitsi_wire::xmpp::{Element, ns};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::{State, Step, Stream, StreamError, StreamLimits};
use crate::c2s::Connection;
use crate::c2s::ledger::{BadCount, Kept};

/// Asks the client what it has (XEP-0198).
pub(in crate::c2s) const ASK: &str = "<r xmlns='urn:xmpp:sm:3'/>";

impl Stream {
    /// It is offered to this client.
    pub(super) fn may_resume(&self, limits: &StreamLimits) -> bool {
        self.connection.websocket && !limits.resume.hold.is_zero()
    }

    pub(super) fn on_management(
        &mut self,
        element: &Element,
        limits: &StreamLimits,
        rng: &mut ChaCha8Rng,
        kept: &mut Kept,
    ) -> Vec<Step> {
        let h = element.attr("h").and_then(|h| h.parse::<u32>().ok());
        let offered = self.may_resume(limits);
        match (element.name.as_str(), self.state, &mut self.ledger) {
            ("enable", State::Bound, None) if offered => vec![self.enable(element, limits, rng)],
            // A client that wants it must hear an answer, or it waits for ever.
            ("enable", ..) => vec![management_failed("unexpected-request")],
            ("resume", State::Binding, _) => match (element.attr("previd"), h) {
                (Some(previd), Some(h)) => vec![Step::Resume { previd: previd.to_owned(), h }],
                _ => vec![management_failed("bad-request")],
            },
            ("resume", ..) => vec![management_failed("unexpected-request")],
            ("r", _, Some(ledger)) => {
                let answer = Element::in_ns("a", ns::SM).with_attr("h", ledger.received().to_string());
                vec![Step::Send(answer.to_string())]
            }
            ("a", _, Some(ledger)) => match h.map(|h| (h, ledger.acknowledge(h, kept))) {
                Some((_, Ok(()))) => Vec::new(),
                Some((h, Err(BadCount { sent }))) => self.fail_with(count_too_high(h, sent)),
                None => self.fail(StreamError::BadFormat),
            },
            ("r" | "a", ..) => Vec::new(),
            _ => self.fail(StreamError::UnsupportedStanzaType),
        }
    }

    fn enable(&mut self, enable: &Element, limits: &StreamLimits, rng: &mut ChaCha8Rng) -> Step {
        self.ledger = Some(Box::default());
        let mut enabled = Element::in_ns("enabled", ns::SM);
        if matches!(enable.attr("resume"), Some("true" | "1")) {
            // Clients put it into a URL and look for it there as letters and digits.
            let token = format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64());
            enabled = enabled
                .with_attr("id", token.as_str())
                .with_attr("resume", "true")
                .with_attr("max", limits.resume.hold.as_secs().to_string());
            self.token = Some(token.into());
        }
        Step::Send(enabled.to_string())
    }

    /// The stream may go on after its connection is gone.
    pub(in crate::c2s) fn is_resumable(&self) -> bool {
        self.state == State::Bound && self.token.is_some()
    }

    /// `asking` knows the secret of this stream, and calls the domain by the same name.
    pub(in crate::c2s) fn is_meant(&self, asking: &Stream, previd: &str) -> bool {
        self.is_resumable() && self.token.as_deref() == Some(previd) && self.alias == asking.alias
    }

    /// Its connection is gone.
    pub(in crate::c2s) fn on_broken(&mut self) {
        if let Some(ledger) = &mut self.ledger {
            ledger.on_broken();
        }
    }

    /// It cannot be resumed any more: too much has been said since its connection broke.
    pub(in crate::c2s) fn is_lost(&self) -> bool {
        self.ledger.as_ref().is_none_or(|ledger| ledger.is_lost())
    }

    /// Bytes that are kept for it beyond what is left to everybody.
    pub(in crate::c2s) fn excess(&self) -> usize {
        self.ledger.as_ref().map_or(0, |ledger| ledger.excess())
    }

    /// Too much is kept for all together.
    pub(in crate::c2s) fn shrink(&mut self, kept: &mut Kept) {
        if let Some(ledger) = &mut self.ledger {
            ledger.shrink(kept);
        }
    }

    /// Goes on by the way that `connection` says, for a client that has everything up to stanza `h`: the frames that it needs.
    /// None when something in between is missing.
    pub(in crate::c2s) fn resume(&mut self, connection: &Connection, h: u32, kept: &mut Kept) -> Option<Vec<String>> {
        let (ledger, token) = (self.ledger.as_mut()?, self.token.as_deref()?);
        if !ledger.resume(h, kept) {
            return None;
        }
        let resumed =
            Element::in_ns("resumed", ns::SM).with_attr("previd", token).with_attr("h", ledger.received().to_string());
        let mut frames = vec![resumed.to_string()];
        frames.extend(ledger.unacknowledged().map(str::to_owned));
        if frames.len() > 1 {
            frames.push(ASK.to_owned());
        }
        let room = connection.room.clone().or_else(|| self.connection.room.take());
        self.connection = Connection { room, ..connection.clone() };
        Some(frames)
    }

    /// Nothing is kept for it any more.
    pub(in crate::c2s) fn clear(&mut self, kept: &mut Kept) {
        if let Some(ledger) = &mut self.ledger {
            ledger.clear(kept);
        }
    }
}

pub(in crate::c2s) fn management_failed(condition: &str) -> Step {
    Step::Send(Element::in_ns("failed", ns::SM).with_child(Element::in_ns(condition, ns::STANZAS)).to_string())
}

fn count_too_high(h: u32, sent: u32) -> String {
    let detail = Element::in_ns("handled-count-too-high", ns::SM)
        .with_attr("h", h.to_string())
        .with_attr("send-count", sent.to_string());
    Element::new("stream:error")
        .with_attr("xmlns:stream", ns::STREAM)
        .with_child(Element::in_ns(StreamError::UndefinedCondition.as_str(), ns::STREAM_ERRORS))
        .with_child(detail)
        .to_string()
}
