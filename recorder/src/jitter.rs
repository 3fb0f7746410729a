//! Puts the packets of one stream in order.

use std::collections::BTreeMap;
use std::time::Duration;

/// How long a gap is waited for: a retransmission that was asked for twice is there by then.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// Packets that wait behind a gap: a second of a large picture's burst. Beyond it the gap is given up.
const MAX_PACKETS: usize = 2048;
/// Bytes that wait behind a gap.
const MAX_BYTES: usize = 2 << 20;
/// A sequence number farther away than this belongs to a stream that began anew (RFC 3550 A.1, `MAX_DROPOUT`).
const MAX_DROPOUT: i16 = 3000;

/// What comes next in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// As it was put in.
    Packet { at: Duration, packet: Vec<u8> },
    /// So many packets did not come in time.
    Gap { packets: u64 },
    /// The numbers began anew; how many packets are missing is not known.
    Restart,
}

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discard {
    /// Its turn is over, or it was there already.
    Late,
    /// Its number is far from all others, and it is the only one.
    Stray,
}

/// Packets of one stream, by extended sequence number. Call [`Self::insert`] for what does not [`Self::pass`], then [`Self::pop`] until None.
#[derive(Debug, Default)]
pub struct Jitter {
    /// Whose turn it is. None before the first packet.
    next: Option<u64>,
    highest: u64,
    held: BTreeMap<u64, (Duration, Vec<u8>)>,
    bytes: usize,
    /// What number would follow a far one, were it the first of a new row.
    stray: Option<u16>,
    restart: bool,
}

impl Jitter {
    /// Lets a packet through whose turn it is, as most are; it need not be kept. False if it is to be inserted.
    pub fn pass(&mut self, sequence: u16) -> bool {
        let Some(next) = self.next.filter(|_| self.held.is_empty() && !self.restart) else { return false };
        if next & 0xffff != u64::from(sequence) {
            return false;
        }
        self.stray = None;
        self.highest = next;
        self.next = Some(next + 1);
        true
    }

    pub fn insert(&mut self, at: Duration, sequence: u16, packet: &[u8]) -> Result<(), Discard> {
        let extended = self.extend(sequence)?;
        let next = *self.next.get_or_insert(extended);
        if extended < next || self.held.contains_key(&extended) {
            return Err(Discard::Late);
        }
        self.highest = self.highest.max(extended);
        self.bytes += packet.len();
        self.held.insert(extended, (at, packet.to_vec()));
        Ok(())
    }

    /// What comes next, if it is there or no longer waited for.
    pub fn pop(&mut self, now: Duration) -> Option<Next> {
        let waited = self.next_wakeup().is_some_and(|until| until <= now);
        let full = self.held.len() > MAX_PACKETS || self.bytes > MAX_BYTES;
        self.take(waited || full)
    }

    /// What comes next; nothing is waited for any more.
    pub fn drain(&mut self) -> Option<Next> {
        self.take(true)
    }

    /// When a gap is given up.
    pub fn next_wakeup(&self) -> Option<Duration> {
        self.held.first_key_value().map(|(_, (at, _))| *at + PATIENCE)
    }

    fn take(&mut self, impatient: bool) -> Option<Next> {
        let (&first, _) = self.held.first_key_value()?;
        let next = self.next.unwrap_or(first);
        if std::mem::take(&mut self.restart) {
            return Some(Next::Restart);
        }
        if first == next {
            let (_, (at, packet)) = self.held.pop_first()?;
            self.bytes = self.bytes.saturating_sub(packet.len());
            self.next = Some(next + 1);
            return Some(Next::Packet { at, packet });
        }
        self.next = Some(if impatient { first } else { next });
        impatient.then(|| Next::Gap { packets: first.saturating_sub(next) })
    }

    /// Numbers beyond 16 bits, nearest to the highest so far.
    fn extend(&mut self, sequence: u16) -> Result<u64, Discard> {
        if self.next.is_none() {
            // Far enough from zero that what comes before the first has a number as well.
            self.highest = (1 << 32) | u64::from(sequence);
            return Ok(self.highest);
        }
        let low = u16::try_from(self.highest & 0xffff).unwrap_or_default();
        let ahead = sequence.wrapping_sub(low).cast_signed();
        if (-MAX_DROPOUT..=MAX_DROPOUT).contains(&ahead) {
            self.stray = None;
            return Ok(self.highest.saturating_add_signed(i64::from(ahead)));
        }
        if self.stray.replace(sequence.wrapping_add(1)) != Some(sequence) {
            return Err(Discard::Stray);
        }
        self.begin_anew(sequence)
    }

    /// What was held is given up: its row has ended.
    fn begin_anew(&mut self, sequence: u16) -> Result<u64, Discard> {
        let base = (self.highest | 0xffff) + 0x1_0001;
        self.held.clear();
        self.bytes = 0;
        self.stray = None;
        self.highest = base + u64::from(sequence);
        self.next = Some(self.highest);
        self.restart = true;
        Ok(self.highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn all(jitter: &mut Jitter, now: Duration) -> Vec<String> {
        std::iter::from_fn(|| jitter.pop(now))
            .map(|next| match next {
                Next::Packet { packet, .. } => String::from_utf8(packet).unwrap(),
                Next::Gap { packets } => format!("-{packets}"),
                Next::Restart => "!".to_owned(),
            })
            .collect()
    }

    fn put(jitter: &mut Jitter, at: u64, sequence: u16) -> Result<(), Discard> {
        jitter.insert(ms(at), sequence, sequence.to_string().as_bytes())
    }

    #[test]
    fn packets_come_out_in_order_over_the_wrap_of_their_numbers() {
        let mut jitter = Jitter::default();
        for sequence in [65_533, 65_535, 65_534, 1, 0] {
            put(&mut jitter, 0, sequence).unwrap();
        }
        assert_eq!(all(&mut jitter, ms(0)), ["65533", "65534", "65535", "0", "1"]);
        assert_eq!(put(&mut jitter, 0, 65_535), Err(Discard::Late));
    }

    #[test]
    fn what_is_in_order_passes_while_nothing_waits() {
        let mut jitter = Jitter::default();
        assert!(!jitter.pass(65_534), "nobody knows yet whose turn it is");
        put(&mut jitter, 0, 65_534).unwrap();
        assert!(!jitter.pass(65_535), "one waits");
        assert_eq!(all(&mut jitter, ms(0)), ["65534"]);
        assert!(jitter.pass(65_535) && jitter.pass(0) && !jitter.pass(2) && !jitter.pass(0));
        assert_eq!(put(&mut jitter, 0, 65_535), Err(Discard::Late));
        put(&mut jitter, 0, 2).unwrap();
        assert!(!jitter.pass(1), "one waits behind it");
        put(&mut jitter, 0, 1).unwrap();
        assert_eq!(all(&mut jitter, ms(0)), ["1", "2"]);
        assert!(jitter.pass(3));
        assert_eq!(all(&mut jitter, ms(5_000)), Vec::<String>::new());
    }

    #[test]
    fn a_gap_is_waited_for_and_given_up_after_a_second() {
        let mut jitter = Jitter::default();
        put(&mut jitter, 0, 10).unwrap();
        put(&mut jitter, 20, 12).unwrap();
        put(&mut jitter, 40, 14).unwrap();
        assert_eq!(all(&mut jitter, ms(900)), ["10"]);
        assert_eq!(jitter.next_wakeup(), Some(ms(1020)));
        put(&mut jitter, 900, 11).unwrap();
        assert_eq!(all(&mut jitter, ms(900)), ["11", "12"]);
        assert_eq!(all(&mut jitter, ms(1039)), Vec::<String>::new());
        assert_eq!(all(&mut jitter, ms(1040)), ["-1", "14"]);
        assert_eq!(put(&mut jitter, 1050, 13), Err(Discard::Late));
        assert_eq!(jitter.next_wakeup(), None);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut jitter = Jitter::default();
        put(&mut jitter, 0, 0).unwrap();
        for sequence in 2..2_900 {
            put(&mut jitter, 0, sequence).unwrap();
        }
        assert_eq!(all(&mut jitter, ms(0)).len(), 2 + 2_898);
        let mut jitter = Jitter::default();
        put(&mut jitter, 0, 0).unwrap();
        for sequence in 2..100 {
            jitter.insert(ms(0), sequence, &[0; 60_000]).unwrap();
            while jitter.pop(ms(0)).is_some() {}
            assert!(jitter.bytes <= MAX_BYTES);
        }
    }

    #[test]
    fn one_stray_number_is_ignored_and_two_in_a_row_begin_anew() {
        let mut jitter = Jitter::default();
        put(&mut jitter, 0, 100).unwrap();
        assert_eq!(put(&mut jitter, 0, 30_000), Err(Discard::Stray));
        put(&mut jitter, 0, 101).unwrap();
        assert_eq!(put(&mut jitter, 0, 30_000), Err(Discard::Stray));
        put(&mut jitter, 0, 30_001).unwrap();
        assert_eq!(all(&mut jitter, ms(0))[..], ["!", "30001"]);
        put(&mut jitter, 0, 30_002).unwrap();
        assert_eq!(all(&mut jitter, ms(0)), ["30002"]);
    }
}
