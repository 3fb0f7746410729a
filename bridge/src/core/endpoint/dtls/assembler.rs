//! Puts the peer's handshake flights together before the DTLS machine sees them.
//!
//! `rtc-dtls` keeps every fragment it is given, joins them recursively, fails when a retransmission is cut elsewhere, and stops its
//! retransmission timer at the first message of a flight that is not yet whole. So it is given whole flights only, one record for
//! each message, each message once. Records of epoch 0 are renumbered for that, which nobody can tell: they are not authenticated,
//! and the hash over the handshake leaves record headers out.

use bytes::{BufMut, BytesMut};

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
/// A ClientHello with a post-quantum key share has 1.5 kB, a chain of RSA certificates 4 kB.
const MAX_MESSAGE: usize = 8192;
/// The longest flight has seven messages.
const MAX_MESSAGES: u16 = 10;
/// Pieces of one message that do not touch.
const MAX_GAPS: usize = 16;
/// Encrypted Finished: 24 bytes of message, at most 24 of protection, and the header.
const MAX_FINISHED: usize = 128;
/// Whichever of them can be opened counts.
const MAX_FINISHED_COPIES: usize = 4;
/// Application data that overtook the end of the handshake.
const MAX_EARLY: usize = 8;
const MAX_RECORD: usize = 1500;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const CLIENT_HELLO: u8 = 1;
pub(super) const HELLO_VERIFY_REQUEST: u8 = 3;
const CERTIFICATE: u8 = 11;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// What a datagram brought.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    /// A whole flight, ready for the DTLS machine.
    pub(super) flight: Option<BytesMut>,
    /// The peer repeats what we have already: it lacks our last flight.
    pub(super) repeated: bool,
    /// Protected records for an established association.
    pub(super) records: BytesMut,
}

/// Which flight comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The peer's hello, with everything a server adds to it.
    Hello,
    /// Key exchange (if the peer is the client), ChangeCipherSpec and Finished.
    Finish,
    Done,
}

#[derive(Debug)]
pub(super) struct Assembler {
    peer_is_client: bool,
    stage: Stage,
    /// Number of the first message that the DTLS machine has not seen.
    next: u16,
    messages: Vec<Message>,
    change_cipher_spec: bool,
    finished: Vec<BytesMut>,
    early: Vec<BytesMut>,
    record_number: u64,
}

impl Assembler {
    pub(super) fn new(peer_is_client: bool) -> Self {
        Self {
            peer_is_client,
            stage: Stage::Hello,
            next: 0,
            messages: Vec::new(),
            change_cipher_spec: false,
            finished: Vec::new(),
            early: Vec::new(),
            record_number: 0,
        }
    }

    pub(super) fn push(&mut self, datagram: &[u8]) -> Arrival {
        let mut arrival = Arrival::default();
        let mut rest = datagram;
        while let Some((record, more)) = split_record(rest) {
            self.on_record(&record, &mut arrival);
            rest = more;
        }
        arrival.flight = self.take_flight();
        arrival
    }

    /// Our answer to the peer's hello is under way: next comes its last flight. (After HelloVerifyRequest another hello comes.)
    pub(super) fn expect_finish(&mut self) {
        self.stage = Stage::Finish;
    }

    /// The handshake is over; hands out what came too early.
    pub(super) fn finish(&mut self) -> Vec<BytesMut> {
        self.stage = Stage::Done;
        self.messages = Vec::new();
        self.finished = Vec::new();
        std::mem::take(&mut self.early)
    }

    fn on_record(&mut self, record: &Record<'_>, arrival: &mut Arrival) {
        match (record.epoch, record.kind) {
            (_, HANDSHAKE) if self.stage == Stage::Done => arrival.repeated = true,
            (0, HANDSHAKE) => self.on_messages(record.body, arrival),
            (0, CHANGE_CIPHER_SPEC) if self.stage == Stage::Finish => self.change_cipher_spec = true,
            // Nobody vouches for a plain alert: a handshake that fails runs into its time limit.
            (0, _) => {}
            (_, HANDSHAKE) if record.whole.len() <= MAX_FINISHED && self.finished.len() < MAX_FINISHED_COPIES => {
                self.finished.push(BytesMut::from(record.whole));
            }
            (_, APPLICATION_DATA | ALERT) if self.stage == Stage::Done => {
                arrival.records.extend_from_slice(record.whole)
            }
            (_, APPLICATION_DATA) if record.whole.len() <= MAX_RECORD && self.early.len() < MAX_EARLY => {
                self.early.push(BytesMut::from(record.whole));
            }
            _ => {}
        }
    }

    fn on_messages(&mut self, body: &[u8], arrival: &mut Arrival) {
        let mut rest = body;
        while let Some((fragment, more)) = split_fragment(rest) {
            rest = more;
            let ahead = fragment.number.wrapping_sub(self.next);
            if fragment.number < self.next {
                arrival.repeated = true;
            } else if ahead < MAX_MESSAGES {
                self.add(&fragment);
            }
        }
    }

    fn add(&mut self, fragment: &Fragment<'_>) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.number == fragment.number) {
            message.add(fragment);
        } else {
            let mut message = Message::new(fragment);
            message.add(fragment);
            self.messages.push(message);
        }
    }

    fn whole(&self, number: u16) -> Option<&Message> {
        self.messages.iter().find(|message| message.number == number && message.is_whole())
    }

    /// Number of messages in front that make a flight, if they do.
    fn flight_length(&self) -> Option<u16> {
        let mut length = 0;
        let mut certificate = false;
        let mut proof = false;
        let mut keys = !self.peer_is_client;
        while let Some(message) = self.whole(self.next.wrapping_add(length)) {
            length += 1;
            match (self.stage, message.kind) {
                (Stage::Hello, CLIENT_HELLO) if self.peer_is_client => return Some(length),
                (Stage::Hello, HELLO_VERIFY_REQUEST | SERVER_HELLO_DONE) if !self.peer_is_client => {
                    return Some(length);
                }
                // An empty list has three bytes, its length.
                (Stage::Finish, CERTIFICATE) => certificate = message.body.len() > 3,
                (Stage::Finish, CERTIFICATE_VERIFY) => proof = true,
                (Stage::Finish, CLIENT_KEY_EXCHANGE) => keys = true,
                _ => {}
            }
        }
        let ends = self.stage == Stage::Finish && self.change_cipher_spec && !self.finished.is_empty();
        (ends && keys && proof == certificate).then_some(length)
    }

    fn take_flight(&mut self) -> Option<BytesMut> {
        let length = self.flight_length()?;
        let mut flight = BytesMut::new();
        for _ in 0..length {
            let index = self.messages.iter().position(|message| message.number == self.next)?;
            let message = self.messages.swap_remove(index);
            self.put_record(&mut flight, HANDSHAKE, |out| message.write(out));
            self.next = self.next.wrapping_add(1);
        }
        if self.stage == Stage::Finish {
            self.put_record(&mut flight, CHANGE_CIPHER_SPEC, |out| out.put_u8(1));
            for finished in self.finished.drain(..) {
                flight.extend_from_slice(&finished);
            }
        }
        Some(flight)
    }

    fn put_record(&mut self, flight: &mut BytesMut, kind: u8, body: impl FnOnce(&mut BytesMut)) {
        let mut content = BytesMut::new();
        body(&mut content);
        flight.put_u8(kind);
        flight.put_slice(&[0xFE, 0xFD, 0, 0]);
        flight.put_uint(self.record_number, 6);
        // Bounded by `MAX_MESSAGE`.
        flight.put_u16(u16::try_from(content.len()).unwrap_or(u16::MAX));
        flight.extend_from_slice(&content);
        self.record_number += 1;
    }
}

struct Record<'a> {
    kind: u8,
    epoch: u16,
    body: &'a [u8],
    whole: &'a [u8],
}

fn split_record(datagram: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let [kind, major, _, e0, e1, _, _, _, _, _, _, l0, l1] = *datagram.first_chunk::<RECORD_HEADER>()?;
    if major != 0xFE {
        return None;
    }
    let end = RECORD_HEADER + usize::from(u16::from_be_bytes([l0, l1]));
    let (whole, rest) = datagram.split_at_checked(end)?;
    let body = whole.get(RECORD_HEADER..)?;
    Some((Record { kind, epoch: u16::from_be_bytes([e0, e1]), body, whole }, rest))
}

/// Type of the first handshake message in a datagram of ours.
pub(super) fn first_message(datagram: &[u8]) -> Option<u8> {
    let (record, _) = split_record(datagram)?;
    (record.kind == HANDSHAKE && record.epoch == 0).then(|| record.body.first().copied())?
}

struct Fragment<'a> {
    kind: u8,
    length: usize,
    number: u16,
    offset: usize,
    body: &'a [u8],
}

fn split_fragment(body: &[u8]) -> Option<(Fragment<'_>, &[u8])> {
    let [kind, a, b, c, n0, n1, d, e, f, g, h, i] = *body.first_chunk::<MESSAGE_HEADER>()?;
    let wide = |x, y, z| usize::try_from(u32::from_be_bytes([0, x, y, z])).ok();
    let (length, offset, size) = (wide(a, b, c)?, wide(d, e, f)?, wide(g, h, i)?);
    if length > MAX_MESSAGE || offset.checked_add(size)? > length {
        return None;
    }
    let (fragment, rest) = body.get(MESSAGE_HEADER..)?.split_at_checked(size)?;
    Some((Fragment { kind, length, number: u16::from_be_bytes([n0, n1]), offset, body: fragment }, rest))
}

#[derive(Debug)]
struct Message {
    number: u16,
    kind: u8,
    body: Vec<u8>,
    /// What is there: ranges that neither touch nor overlap, in order.
    ranges: heapless::Vec<(usize, usize), MAX_GAPS>,
}

impl Message {
    fn new(fragment: &Fragment<'_>) -> Self {
        Self {
            number: fragment.number,
            kind: fragment.kind,
            body: vec![0; fragment.length],
            ranges: heapless::Vec::new(),
        }
    }

    fn is_whole(&self) -> bool {
        self.body.is_empty() || self.ranges.first() == Some(&(0, self.body.len()))
    }

    fn add(&mut self, fragment: &Fragment<'_>) {
        let (start, end) = (fragment.offset, fragment.offset + fragment.body.len());
        // The first word stands: a message does not change its kind or length.
        if fragment.kind != self.kind || fragment.length != self.body.len() || start == end || self.is_whole() {
            return;
        }
        let Some(place) = self.body.get_mut(start..end) else { return };
        let (mut from, mut to) = (start, end);
        let mut merged = heapless::Vec::<(usize, usize), MAX_GAPS>::new();
        for &(known_start, known_end) in &self.ranges {
            if known_end < from || known_start > to {
                let _ = merged.push((known_start, known_end));
            } else {
                from = from.min(known_start);
                to = to.max(known_end);
            }
        }
        // A message in more pieces than this waits until it is repeated in an orderly way.
        if merged.push((from, to)).is_ok() {
            place.copy_from_slice(fragment.body);
            merged.sort_unstable();
            self.ranges = merged;
        }
    }

    fn write(&self, out: &mut BytesMut) {
        let length = u64::try_from(self.body.len()).unwrap_or(0);
        out.put_u8(self.kind);
        out.put_uint(length, 3);
        out.put_u16(self.number);
        out.put_uint(0, 3);
        out.put_uint(length, 3);
        out.extend_from_slice(&self.body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xFE, 0xFD, 0, epoch, 0, 0, 0, 0, 0, 9];
        record.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        record.extend(body);
        record
    }

    fn fragment(kind: u8, number: u16, message: &[u8], from: usize, to: usize) -> Vec<u8> {
        let wide = |value: usize| u32::try_from(value).unwrap().to_be_bytes()[1..].to_vec();
        let mut body = vec![kind];
        body.extend(wide(message.len()));
        body.extend(number.to_be_bytes());
        body.extend(wide(from));
        body.extend(wide(to - from));
        body.extend(&message[from..to]);
        record(HANDSHAKE, 0, &body)
    }

    fn hello() -> Vec<u8> {
        (0..1700_u32).map(|i| u8::try_from(i % 251).unwrap()).collect()
    }

    #[test]
    fn a_long_hello_in_two_datagrams_in_either_order_makes_one_flight() {
        for order in [[(0, 1100), (1100, 1700)], [(1100, 1700), (0, 1100)]] {
            let mut assembler = Assembler::new(true);
            assert!(assembler.push(&fragment(CLIENT_HELLO, 0, &hello(), order[0].0, order[0].1)).flight.is_none());
            let flight = assembler.push(&fragment(CLIENT_HELLO, 0, &hello(), order[1].0, order[1].1)).flight.unwrap();
            let whole = fragment(CLIENT_HELLO, 0, &hello(), 0, 1700);
            assert_eq!(flight[RECORD_HEADER..], whole[RECORD_HEADER..]);
        }
    }

    #[test]
    fn a_retransmission_may_be_cut_elsewhere() {
        let mut assembler = Assembler::new(true);
        assert!(assembler.push(&fragment(CLIENT_HELLO, 0, &hello(), 0, 1000)).flight.is_none());
        assert!(assembler.push(&fragment(CLIENT_HELLO, 0, &hello(), 1300, 1700)).flight.is_none());
        let flight = assembler.push(&fragment(CLIENT_HELLO, 0, &hello(), 800, 1500)).flight.unwrap();
        assert_eq!(flight[RECORD_HEADER + MESSAGE_HEADER..], hello());
    }

    #[test]
    fn crumbs_and_giants_cost_nothing() {
        let mut assembler = Assembler::new(true);
        // Every second byte: never more ranges than the cap, never a flight.
        for start in (0..1700).step_by(2) {
            assert!(assembler.push(&fragment(CLIENT_HELLO, 0, &hello(), start, start + 1)).flight.is_none());
        }
        assert!(assembler.messages[0].ranges.len() <= MAX_GAPS);
        let giant = record(HANDSHAKE, 0, &[1, 0xFF, 0xFF, 0xFF, 0, 1, 0, 0, 0, 0, 0, 1, 7]);
        assert!(assembler.push(&giant).flight.is_none());
        for number in 0..1000 {
            let _ = assembler.push(&fragment(CERTIFICATE, number, b"abc", 0, 1));
        }
        assert!(assembler.messages.len() <= usize::from(MAX_MESSAGES));
    }

    #[test]
    fn a_message_that_was_handed_over_counts_as_repeated() {
        let mut assembler = Assembler::new(true);
        assert!(assembler.push(&fragment(CLIENT_HELLO, 0, b"hello", 0, 5)).flight.is_some());
        let again = assembler.push(&fragment(CLIENT_HELLO, 0, b"hello", 0, 5));
        assert!(again.repeated && again.flight.is_none());
    }

    #[test]
    fn the_last_flight_waits_for_all_of_its_parts() {
        let mut assembler = Assembler::new(true);
        assert!(assembler.push(&fragment(CLIENT_HELLO, 0, b"hello", 0, 5)).flight.is_some());
        assembler.expect_finish();
        let parts = [
            record(HANDSHAKE, 1, &[7; 40]),
            fragment(CERTIFICATE_VERIFY, 3, b"signature", 0, 9),
            record(CHANGE_CIPHER_SPEC, 0, &[1]),
            fragment(CERTIFICATE, 1, b"certificate", 0, 11),
            fragment(CLIENT_KEY_EXCHANGE, 2, b"point", 0, 5),
        ];
        for part in &parts[..4] {
            assert!(assembler.push(part).flight.is_none());
        }
        let flight = assembler.push(&parts[4]).flight.unwrap();
        let mut kinds = Vec::new();
        let mut rest = &flight[..];
        while let Some((record, more)) = split_record(rest) {
            kinds.push((record.kind, record.epoch, record.body[0]));
            rest = more;
        }
        assert_eq!(kinds, [(22, 0, 11), (22, 0, 16), (22, 0, 15), (20, 0, 1), (22, 1, 7)]);
    }
}
