//! The book of one stream (XEP-0198): how many stanzas came, how many went, and those that may have to go again.

use std::collections::VecDeque;
use std::time::Duration;

/// What it may cost to let clients come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeLimits {
    /// A stream whose connection broke keeps its place for this long; zero: resumption is not offered.
    pub hold: Duration,
    /// Places that are held at once.
    pub places: usize,
    /// Stanzas of one stream that are kept until the client acknowledges them.
    pub stanzas: usize,
    /// Bytes of these. A join of a full room must fit.
    pub bytes: usize,
    /// Bytes of all streams together; beyond them the largest ledgers shrink to [`FAIR`] ones.
    pub total_bytes: usize,
}

impl Default for ResumeLimits {
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(60),
            places: 256,
            stanzas: 2000,
            bytes: 1024 * 1024,
            total_bytes: 16 * 1024 * 1024,
        }
    }
}

/// So much is kept for a stream even when too much is kept for all together.
const FAIR: usize = 16 * 1024;

/// What has not been acknowledged is asked for when there is so much of it: often enough that little is kept for a client
/// that listens, and at most once in a round trip.
const ASK_STANZAS: usize = 8;
const ASK_BYTES: usize = 8 * 1024;

/// Bytes that all ledgers keep.
#[derive(Debug, Default)]
pub(super) struct Kept(usize);

impl Kept {
    pub(super) fn is_too_much(&self, limits: &ResumeLimits) -> bool {
        self.0 > limits.total_bytes
    }
}

/// The client acknowledges what was never sent, or takes back what it acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadCount {
    pub(super) sent: u32,
}

/// Numbers count stanzas and begin again after the largest `u32` (XEP-0198, 4).
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Stanzas that came from the client.
    received: u32,
    /// Stanzas that went to the client.
    sent: u32,
    /// What the client has acknowledged of them.
    acknowledged: u32,
    /// The last ones that went and are not acknowledged; the very last has the number `sent`.
    unacknowledged: VecDeque<Box<str>>,
    bytes: usize,
    /// An acknowledgement was asked for and has not come.
    asked: bool,
    /// `sent` as of when the connection broke.
    broke_at: Option<u32>,
}

impl Ledger {
    pub(super) fn received(&self) -> u32 {
        self.received
    }

    pub(super) fn count_received(&mut self) {
        self.received = self.received.wrapping_add(1);
    }

    /// Keeps a stanza that is on its way. True when the client should be asked what it has.
    pub(super) fn send(&mut self, stanza: &str, limits: &ResumeLimits, kept: &mut Kept) -> bool {
        self.sent = self.sent.wrapping_add(1);
        self.bytes += stanza.len();
        kept.0 += stanza.len();
        self.unacknowledged.push_back(stanza.into());
        while self.unacknowledged.len() > limits.stanzas || self.bytes > limits.bytes {
            self.drop_oldest(kept);
        }
        let much = self.unacknowledged.len() >= ASK_STANZAS || self.bytes >= ASK_BYTES;
        let ask = much && !self.asked && self.broke_at.is_none();
        self.asked |= ask;
        ask
    }

    /// Bytes that are kept beyond what is left to everybody.
    pub(super) fn excess(&self) -> usize {
        self.bytes.saturating_sub(FAIR)
    }

    /// Too much is kept for all together.
    pub(super) fn shrink(&mut self, kept: &mut Kept) {
        while self.excess() > 0 {
            self.drop_oldest(kept);
        }
    }

    /// The client has everything up to stanza `h`.
    pub(super) fn acknowledge(&mut self, h: u32, kept: &mut Kept) -> Result<(), BadCount> {
        let open = self.sent.wrapping_sub(self.acknowledged);
        if h.wrapping_sub(self.acknowledged) > open {
            return Err(BadCount { sent: self.sent });
        }
        self.acknowledged = h;
        self.asked = false;
        while self.unacknowledged.len() > self.open() {
            self.drop_oldest(kept);
        }
        if self.unacknowledged.is_empty() {
            // A burst must not be paid for until the client leaves.
            self.unacknowledged.shrink_to(ASK_STANZAS);
        }
        Ok(())
    }

    /// The connection broke.
    pub(super) fn on_broken(&mut self) {
        self.broke_at = Some(self.sent);
        self.asked = false;
    }

    /// The client cannot come back any more: more is missing than it can possibly have got.
    pub(super) fn is_lost(&self) -> bool {
        let missing = self.open().saturating_sub(self.unacknowledged.len());
        // Whatever went out before the connection broke may have arrived.
        self.broke_at.is_some_and(|broke| missing > as_count(broke.wrapping_sub(self.acknowledged)))
    }

    /// The client is back and has everything up to stanza `h`; what follows goes out again. False when that cannot be: then
    /// nothing has changed.
    pub(super) fn resume(&mut self, h: u32, kept: &mut Kept) -> bool {
        let has = as_count(h.wrapping_sub(self.acknowledged));
        let missing = self.open().saturating_sub(self.unacknowledged.len());
        if has < missing || self.acknowledge(h, kept).is_err() {
            return false;
        }
        self.broke_at = None;
        // The first of them asks again.
        self.asked = !self.unacknowledged.is_empty();
        true
    }

    /// Everything that the client has not acknowledged, oldest first.
    pub(super) fn unacknowledged(&self) -> impl Iterator<Item = &str> {
        self.unacknowledged.iter().map(|stanza| &**stanza)
    }

    /// The stream is over.
    pub(super) fn clear(&mut self, kept: &mut Kept) {
        while !self.unacknowledged.is_empty() {
            self.drop_oldest(kept);
        }
    }

    /// Stanzas that went and are not acknowledged, kept or not.
    fn open(&self) -> usize {
        as_count(self.sent.wrapping_sub(self.acknowledged))
    }

    fn drop_oldest(&mut self, kept: &mut Kept) {
        if let Some(stanza) = self.unacknowledged.pop_front() {
            self.bytes = self.bytes.saturating_sub(stanza.len());
            kept.0 = kept.0.saturating_sub(stanza.len());
        }
    }
}

fn as_count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Book {
        ledger: Ledger,
        kept: Kept,
        limits: ResumeLimits,
    }

    impl Book {
        fn new() -> Self {
            Self { ledger: Ledger::default(), kept: Kept::default(), limits: ResumeLimits::default() }
        }

        fn send(&mut self, stanzas: &[&str]) -> Vec<bool> {
            stanzas.iter().map(|stanza| self.ledger.send(stanza, &self.limits, &mut self.kept)).collect()
        }

        fn has(&mut self, h: u32) -> Result<(), BadCount> {
            self.ledger.acknowledge(h, &mut self.kept)
        }

        fn resume(&mut self, h: u32) -> Option<String> {
            self.ledger.resume(h, &mut self.kept).then(|| self.ledger.unacknowledged().collect())
        }
    }

    #[test]
    fn what_the_client_has_not_got_goes_out_again_in_order() {
        let mut book = Book::new();
        book.send(&["a", "b", "c"]);
        book.has(1).unwrap();
        book.ledger.on_broken();
        book.send(&["d", "e"]);
        assert_eq!(book.resume(2).as_deref(), Some("cde"));
        assert_eq!(book.resume(5).as_deref(), Some(""));
        assert_eq!(book.kept.0, 0);
    }

    #[test]
    fn counts_that_cannot_be_are_refused() {
        let mut book = Book::new();
        book.send(&["a", "b"]);
        assert_eq!(book.has(3), Err(BadCount { sent: 2 }));
        book.has(2).unwrap();
        assert!(book.has(1).is_err(), "nobody takes back what it acknowledged");
        assert_eq!(book.resume(1), None);
        assert_eq!(book.resume(3), None);
        assert!(book.has(2).is_ok());
    }

    #[test]
    fn the_client_is_asked_once_in_a_round_trip() {
        let mut book = Book::new();
        assert_eq!(book.send(&["x"; 9]), [false, false, false, false, false, false, false, true, false]);
        book.has(3).unwrap();
        assert_eq!(book.send(&["x"; 3]), [false, true, false]);
        let mut large = Book::new();
        assert_eq!(large.send(&[&"x".repeat(ASK_BYTES)]), [true]);
    }

    #[test]
    fn no_more_is_kept_than_allowed_and_what_is_missing_is_known() {
        let mut book = Book::new();
        book.limits.stanzas = 3;
        book.send(&["a", "b", "c", "d"]);
        assert_eq!(book.resume(0), None, "the first one is gone");
        assert_eq!(book.resume(1).as_deref(), Some("bcd"), "and this client had it");
        book.limits.bytes = 10;
        book.send(&["12345", "67890", "!"]);
        assert!(book.kept.0 <= 10);
    }

    #[test]
    fn a_client_that_cannot_have_got_what_is_missing_is_lost() {
        let mut book = Book::new();
        book.limits.stanzas = 2;
        book.send(&["a", "b"]);
        book.ledger.on_broken();
        book.send(&["c", "d"]);
        assert!(!book.ledger.is_lost(), "it may have got both");
        book.send(&["e"]);
        assert!(book.ledger.is_lost());
    }

    #[test]
    fn a_ledger_that_shrinks_keeps_the_last_stanzas() {
        let mut book = Book::new();
        let large = "x".repeat(FAIR);
        book.send(&["a", &large, "b", "c"]);
        assert_eq!(book.ledger.excess(), 3);
        book.ledger.shrink(&mut book.kept);
        assert_eq!((book.ledger.excess(), book.kept.0), (0, 2));
        assert_eq!(book.resume(2).as_deref(), Some("bc"));
    }

    #[test]
    fn numbers_begin_again_after_the_last() {
        let mut book = Book::new();
        (book.ledger.sent, book.ledger.acknowledged) = (u32::MAX - 1, u32::MAX - 1);
        book.send(&["a", "b", "c"]);
        book.has(0).unwrap();
        assert_eq!(book.resume(0).as_deref(), Some("c"));
        assert!(book.has(u32::MAX).is_err());
    }
}
