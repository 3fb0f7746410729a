//! Packets on their way to one receiver: when each left and what became of it.

use std::collections::VecDeque;

use super::Micros;
use crate::core::packet::{ExtSeq, Seq};

/// What is not reported by then never will be.
const MAX_AGE: Micros = 4_000_000;
/// At 1000 packets a second as many as leave in [`MAX_AGE`].
const MAX_PACKETS: usize = 4096;
/// Made at the first packet, so that a receiver of a few streams never grows it.
const INITIAL: usize = 512;
/// Numbers that were given out and not used, in a row; more is another numbering.
const MAX_HOLE: u64 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    UnderWay,
    /// No feedback ever spoke of it; those around it arrived.
    Unreported,
    Lost,
    Received,
}

/// Eight bytes, since thousands may be under way.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// The low bits of the time: entries are younger than they take to wrap.
    at: u32,
    size: u16,
    fate: Fate,
}

const _: () = assert!(size_of::<Sent>() == 8, "the book's memory is counted in packets");

/// What a feedback newly tells of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Received,
    Lost,
    /// It was reported lost and came after all.
    ReceivedLate,
}

/// A packet that a feedback tells something new of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    pub number: ExtSeq,
    pub sent: Micros,
    pub size: u16,
    pub news: News,
    /// Its bytes were taken for received before, see [`Book::skip_to`].
    pub counted: bool,
}

/// The packets of the last seconds, in the order of their transport-wide numbers.
#[derive(Debug, Default)]
pub struct Book {
    packets: VecDeque<Sent>,
    /// Number of the first entry.
    first: ExtSeq,
    /// One past the newest that a feedback spoke of.
    covered: ExtSeq,
    /// One past the newest whose fate was taken for final, see [`Book::settle`].
    settled: ExtSeq,
    newest: Option<Micros>,
}

impl Book {
    /// A packet leaves. Answers its number among all.
    pub fn on_sent(&mut self, now: Micros, sequence: Seq, size: usize) -> ExtSeq {
        if self.packets.capacity() == 0 {
            self.packets.reserve_exact(INITIAL);
        }
        let mut next = self.next();
        let number = if self.newest.is_none() { ExtSeq::first(sequence) } else { next.nearest(sequence) };
        if number < next || number.since(next) > MAX_HOLE {
            self.packets.clear();
            (self.first, next) = (number, number);
        }
        while next < number {
            self.push(now, 0);
            next = next.next();
        }
        self.push(now, size);
        self.newest = Some(now);
        number
    }

    /// When the newest packet left.
    pub fn newest(&self) -> Option<Micros> {
        self.newest
    }

    fn next(&self) -> ExtSeq {
        self.first.plus(self.packets.len() as u64)
    }

    fn push(&mut self, now: Micros, size: usize) {
        while self.packets.front().is_some_and(|oldest| self.is_done_with(now, oldest))
            || self.packets.len() >= MAX_PACKETS
        {
            self.packets.pop_front();
            self.first = self.first.next();
        }
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        self.packets.push_back(Sent { at: low(now), size, fate: Fate::UnderWay });
    }

    /// Nothing more will be told of the oldest packet.
    fn is_done_with(&self, now: Micros, oldest: &Sent) -> bool {
        let came = oldest.fate == Fate::Received && self.first < self.settled;
        came || age(now, oldest.at) > MAX_AGE
    }

    fn number(&self, sequence: Seq) -> Option<ExtSeq> {
        let newest = self.next().minus(1);
        let number = newest.nearest(sequence);
        (number >= self.first && number <= newest && !self.packets.is_empty()).then_some(number)
    }

    fn get_mut(&mut self, number: ExtSeq) -> Option<&mut Sent> {
        if number < self.first {
            return None;
        }
        self.packets.get_mut(usize::try_from(number.since(self.first)).ok()?)
    }

    /// A feedback begins at `base`: the feedback about what comes before it was lost. Answers the bytes of those packets, which
    /// count as received, since the feedback that would tell otherwise never comes.
    pub fn skip_to(&mut self, base: Seq) -> u64 {
        let Some(base) = self.number(base) else {
            return 0;
        };
        let mut number = self.covered.max(self.first);
        let mut bytes = 0;
        while number < base {
            if let Some(sent) = self.get_mut(number).filter(|sent| sent.fate == Fate::UnderWay) {
                sent.fate = Fate::Unreported;
                bytes += u64::from(sent.size);
            }
            number = number.next();
        }
        self.covered = self.covered.max(base);
        bytes
    }

    /// What a feedback says of one packet, if that is new. `None` also for packets that are not in the book.
    pub fn report(&mut self, now: Micros, sequence: Seq, received: bool) -> Option<Reported> {
        let number = self.number(sequence)?;
        self.covered = self.covered.max(number.next());
        let sent = self.get_mut(number)?;
        let (before, fate) = (sent.fate, if received { Fate::Received } else { Fate::Lost });
        let news = match (before, fate) {
            (Fate::Received, _) | (Fate::Lost, Fate::Lost) => return None,
            (Fate::Lost, _) => News::ReceivedLate,
            (_, Fate::Received) => News::Received,
            _ => News::Lost,
        };
        sent.fate = fate;
        let (at, size) = (sent.at, sent.size);
        Some(Reported { number, sent: now - age(now, at), size, news, counted: before == Fate::Unreported })
    }

    /// The next packet that left by `until`, of those that a feedback spoke of: what was overtaken on the way has come by then,
    /// and what has not is lost. Each packet once, in the order in which they left.
    pub fn settle(&mut self, now: Micros, until: Micros) -> Option<Settled> {
        loop {
            let number = self.settled.max(self.first);
            if number >= self.covered {
                return None;
            }
            let sent = *self.get_mut(number)?;
            let at = now - age(now, sent.at);
            if at > until {
                return None;
            }
            self.settled = number.next();
            if matches!(sent.fate, Fate::Received | Fate::Lost) {
                return Some(Settled { sent: at, size: sent.size, received: sent.fate == Fate::Received });
            }
        }
    }
}

/// A packet whose fate is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub sent: Micros,
    pub size: u16,
    pub received: bool,
}

fn low(now: Micros) -> u32 {
    let [.., a, b, c, d] = now.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn age(now: Micros, at: u32) -> Micros {
    Micros::from(low(now).wrapping_sub(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(count: u16) -> Book {
        let mut book = Book::default();
        for number in 0..count {
            book.on_sent(Micros::from(number) * 1000, Seq(65_530).plus(number), 100 + usize::from(number));
        }
        book
    }

    #[test]
    fn each_packet_is_found_by_its_number_over_the_wrap() {
        let mut book = sent(20);
        for number in 0..20 {
            let reported = book.report(50_000, Seq(65_530).plus(number), true).unwrap();
            assert_eq!((reported.sent, reported.size), (Micros::from(number) * 1000, 100 + number));
            assert_eq!(reported.news, News::Received);
        }
        assert_eq!(book.report(50_000, Seq(65_530).plus(20), true), None, "was not sent");
        assert_eq!(book.report(50_000, Seq(65_529), true), None, "was not sent either");
    }

    #[test]
    fn a_packet_is_news_once_and_again_when_it_comes_late() {
        let mut book = sent(3);
        assert_eq!(book.report(9000, Seq(65_531), false).map(|r| r.news), Some(News::Lost));
        assert_eq!(book.report(9000, Seq(65_531), false), None);
        assert_eq!(book.report(9000, Seq(65_531), true).map(|r| r.news), Some(News::ReceivedLate));
        assert_eq!(book.report(9000, Seq(65_531), true), None);
        assert_eq!(book.report(9000, Seq(65_531), false), None, "what arrived stays arrived");
    }

    #[test]
    fn a_fate_is_final_when_what_was_overtaken_has_come() {
        let mut book = sent(4);
        for number in 0..3 {
            book.report(9000, Seq(65_530).plus(number), number != 1);
        }
        assert_eq!(book.settle(9000, 0), Some(Settled { sent: 0, size: 100, received: true }));
        assert_eq!(book.settle(9000, 0), None, "the others left later");
        book.report(9500, Seq(65_531), true);
        assert_eq!(book.settle(9500, 9000), Some(Settled { sent: 1000, size: 101, received: true }));
        assert_eq!(book.settle(9500, 9000).map(|settled| settled.sent), Some(2000));
        assert_eq!(book.settle(9500, 9000), None, "nothing is known of the fourth");
    }

    #[test]
    fn packets_whose_feedback_was_lost_count_as_received_once() {
        let mut book = sent(10);
        assert_eq!(book.skip_to(Seq(65_530)), 0);
        book.report(9000, Seq(65_530), true);
        assert_eq!(book.skip_to(Seq(65_533)), 101 + 102);
        assert_eq!(book.skip_to(Seq(65_533)), 0);
        assert!(book.report(9000, Seq(65_531), true).is_some_and(|r| r.counted), "a feedback that was overtaken");
    }

    #[test]
    fn the_book_is_bounded_by_age_and_number() {
        let mut book = Book::default();
        for number in 0..20_000_u16 {
            book.on_sent(Micros::from(number) * 100, Seq(number), 1200);
        }
        assert_eq!(book.packets.len(), MAX_PACKETS);
        book.on_sent(60_000_000, Seq(20_000), 1200);
        assert_eq!(book.packets.len(), 1);
        assert!(book.report(60_050_000, Seq(20_000), true).is_some());
        assert_eq!(book.report(60_050_000, Seq(19_999), true), None);
    }

    #[test]
    fn packets_that_came_are_forgotten_and_lost_ones_wait_for_better_news() {
        let mut book = Book::default();
        for number in 0..3000_u16 {
            let now = Micros::from(number) * 1000;
            book.on_sent(now, Seq(number), 1200);
            if number >= 100 {
                book.report(now, Seq(number - 100), true);
                while book.settle(now, now - 150_000).is_some() {}
            }
        }
        assert!(book.packets.len() < 200 && book.packets.capacity() == INITIAL, "{}", book.packets.len());
        let mut book = sent(20);
        for number in 0..20 {
            book.report(50_000, Seq(65_530).plus(number), number != 5);
        }
        while book.settle(50_000, 50_000).is_some() {}
        book.on_sent(50_000, Seq(65_530).plus(20), 1200);
        assert_eq!(book.packets.len(), 16, "from the lost one on");
        assert_eq!(book.report(60_000, Seq(65_530).plus(5), true).map(|r| r.news), Some(News::ReceivedLate));
        assert_eq!(book.report(60_000, Seq(65_530).plus(4), true), None);
    }

    #[test]
    fn numbers_that_were_never_used_leave_holes() {
        let mut book = sent(2);
        book.on_sent(9000, Seq(65_535), 500);
        assert_eq!(book.report(9000, Seq(65_535), true).map(|r| r.size), Some(500));
        book.on_sent(9000, Seq(30_000), 600);
        assert_eq!(book.report(9000, Seq(65_535), true), None, "another numbering");
        assert_eq!(book.report(9000, Seq(30_000), true).map(|r| r.size), Some(600));
    }
}
