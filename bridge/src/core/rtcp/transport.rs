//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), read and written.

use std::time::Duration;

use super::write::Writer;
use super::{TRANSPORT_LAYER, TWCC};
use crate::core::Discard;
use crate::core::packet::{Seq, Ssrc};

/// The unit of arrival times.
pub const TICK: Duration = Duration::from_micros(250);
/// Ticks in one unit of the reference time: 64 ms.
const REFERENCE: i64 = 256;
/// Packets that one feedback describes: at worst 1.2 KiB.
pub const MAX_STATUSES: usize = 512;

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    Lost,
    /// Received at this tick of the receiver's clock. The clock wraps with the 24-bit reference time.
    At(i64),
    /// Received; the feedback carries no times.
    Untimed,
}

/// A feedback whose chunks and deltas are known to be complete.
#[derive(Debug, Clone)]
pub struct TransportFeedback<'a> {
    pub sender: Ssrc,
    pub media: Ssrc,
    /// The first packet described.
    pub base: Seq,
    /// How many packets are described.
    pub count: u16,
    /// Signed, in units of 64 ms.
    pub reference: i32,
    /// Counts the feedbacks of this sender.
    pub feedback_count: u8,
    chunks: &'a [u8],
    /// `None` if the body has none at all: loss only.
    deltas: Option<&'a [u8]>,
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn read(sender: Ssrc, media: Ssrc, body: &'a [u8]) -> Option<Self> {
        let (&[b0, b1, c0, c1, r0, r1, r2, feedback_count], rest) = body.split_first_chunk::<8>()?;
        let count = u16::from_be_bytes([c0, c1]);
        let mut symbols = Symbols { rest, chunk: 0, in_chunk: 0, left: count };
        let mut delta_len = 0;
        while symbols.left > 0 {
            delta_len += match symbols.next()? {
                0 => 0,
                1 => 1,
                2 => 2,
                _ => return None,
            };
        }
        let (chunks, tail) = rest.split_at_checked(rest.len() - symbols.rest.len())?;
        let deltas = tail.get(..delta_len);
        // Up to three bytes may be padding that its sender did not flag; anything between is a truncated packet.
        if deltas.is_none() && tail.len() > 3 {
            return None;
        }
        Some(Self {
            sender,
            media,
            base: Seq(u16::from_be_bytes([b0, b1])),
            count,
            reference: i32::from_be_bytes([r0, r1, r2, 0]) >> 8,
            feedback_count,
            chunks,
            deltas,
        })
    }

    /// The packets from [`Self::base`] on.
    pub fn statuses(&self) -> Statuses<'a> {
        Statuses {
            symbols: Symbols { rest: self.chunks, chunk: 0, in_chunk: 0, left: self.count },
            deltas: self.deltas,
            next: self.base,
            tick: i64::from(self.reference) * REFERENCE,
        }
    }
}

/// See [`TransportFeedback::statuses`].
#[derive(Debug, Clone)]
pub struct Statuses<'a> {
    symbols: Symbols<'a>,
    deltas: Option<&'a [u8]>,
    next: Seq,
    tick: i64,
}

impl Statuses<'_> {
    fn delta(&mut self, symbol: u8) -> Option<i64> {
        let deltas = self.deltas?;
        let (delta, rest) = if symbol == 1 {
            let (&delta, rest) = deltas.split_first()?;
            (i64::from(delta), rest)
        } else {
            let (delta, rest) = deltas.split_first_chunk::<2>()?;
            (i64::from(i16::from_be_bytes(*delta)), rest)
        };
        self.deltas = Some(rest);
        Some(delta)
    }
}

impl Iterator for Statuses<'_> {
    type Item = (Seq, Arrival);

    fn next(&mut self) -> Option<Self::Item> {
        let symbol = self.symbols.next()?;
        let seq = self.next;
        self.next = seq.next();
        let arrival = match symbol {
            0 => Arrival::Lost,
            _ => match self.delta(symbol) {
                Some(delta) => {
                    self.tick += delta;
                    Arrival::At(self.tick)
                }
                None => Arrival::Untimed,
            },
        };
        Some((seq, arrival))
    }
}

/// Status symbols out of chunks: 0 lost, 1 small delta, 2 large delta, 3 reserved.
#[derive(Debug, Clone)]
struct Symbols<'a> {
    rest: &'a [u8],
    chunk: u16,
    in_chunk: u16,
    left: u16,
}

const RUN_LENGTH: u16 = 0x1FFF;
const VECTOR: u16 = 0x8000;
const TWO_BIT: u16 = 0x4000;

impl Iterator for Symbols<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.left == 0 {
            return None;
        }
        while self.in_chunk == 0 {
            let (chunk, rest) = self.rest.split_first_chunk::<2>()?;
            self.rest = rest;
            self.chunk = u16::from_be_bytes(*chunk);
            self.in_chunk = match self.chunk & (VECTOR | TWO_BIT) {
                VECTOR => 14,
                two if two == VECTOR | TWO_BIT => 7,
                _ => self.chunk & RUN_LENGTH,
            };
        }
        self.in_chunk -= 1;
        self.left -= 1;
        let symbol = match self.chunk & (VECTOR | TWO_BIT) {
            VECTOR => (self.chunk >> self.in_chunk) & 1,
            two if two == VECTOR | TWO_BIT => (self.chunk >> (self.in_chunk * 2)) & 3,
            _ => (self.chunk >> 13) & 3,
        };
        u8::try_from(symbol).ok()
    }
}

/// Symbols and deltas of one feedback in the making.
struct Draft {
    symbols: heapless::Vec<u8, MAX_STATUSES>,
    /// Of the received packets only.
    deltas: heapless::Vec<i16, MAX_STATUSES>,
    reference: i64,
}

impl Draft {
    /// Takes statuses until the packet is full or a delta does not fit.
    fn new(arrivals: impl Iterator<Item = Option<i64>>, fallback: i64) -> Self {
        let mut draft = Self {
            symbols: heapless::Vec::new(),
            deltas: heapless::Vec::new(),
            reference: fallback.div_euclid(REFERENCE),
        };
        let mut tick = None;
        for arrival in arrivals {
            let Some(at) = arrival else {
                if draft.symbols.push(0).is_err() {
                    break;
                }
                continue;
            };
            let previous = *tick.get_or_insert_with(|| {
                draft.reference = at.div_euclid(REFERENCE);
                draft.reference * REFERENCE
            });
            let Ok(delta) = i16::try_from(at - previous) else { break };
            let symbol = if (0..=255).contains(&delta) { 1 } else { 2 };
            if draft.symbols.push(symbol).is_err() || draft.deltas.push(delta).is_err() {
                break;
            }
            tick = Some(at);
        }
        draft
    }
}

impl Writer<'_> {
    /// Writes one feedback about the packets from `base` on. Answers how many it covers: the rest needs another feedback.
    ///
    /// `arrivals` says the tick at which each packet came, or `None` for a lost one; `now` is the tick to refer to if all of them
    /// are lost. Covered are at most [`MAX_STATUSES`], and none behind an arrival more than 8 s away from the one before.
    pub fn transport_feedback(
        &mut self,
        sender: Ssrc,
        media: Ssrc,
        feedback_count: u8,
        base: Seq,
        arrivals: impl Iterator<Item = Option<i64>>,
        now: i64,
    ) -> Result<usize, Discard> {
        let draft = Draft::new(arrivals, now);
        let covered = draft.symbols.len();
        let count = u16::try_from(covered).map_err(|_| Discard::TooLarge)?;
        if count == 0 {
            return Err(Discard::NotWanted);
        }
        self.packet(TRANSPORT_LAYER, TWCC, |body| {
            body.pair(sender, media)?;
            body.put(&base.0.to_be_bytes())?;
            body.put(&count.to_be_bytes())?;
            let [.., r0, r1, r2] = draft.reference.to_be_bytes();
            body.put(&[r0, r1, r2, feedback_count])?;
            let mut symbols = draft.symbols.as_slice();
            while let Some((chunk, taken)) = next_chunk(symbols) {
                body.put(&chunk.to_be_bytes())?;
                symbols = symbols.get(taken..).unwrap_or_default();
            }
            for delta in &draft.deltas {
                match u8::try_from(*delta) {
                    Ok(small) => body.put(&[small])?,
                    Err(_) => body.put(&delta.to_be_bytes())?,
                }
            }
            Ok(())
        })?;
        Ok(covered)
    }
}

/// The chunk that describes most of what comes next, and how many symbols it covers.
fn next_chunk(symbols: &[u8]) -> Option<(u16, usize)> {
    let first = *symbols.first()?;
    let run = symbols.iter().take_while(|symbol| **symbol == first).count().min(usize::from(RUN_LENGTH));
    let bits = symbols.iter().take(14).take_while(|symbol| **symbol < 2).count();
    let one_bit_covers = if bits == symbols.len().min(14) { bits } else { 0 };
    let vector_covers = one_bit_covers.max(symbols.len().min(7));
    if run >= vector_covers {
        return Some(((u16::from(first) << 13) | u16::try_from(run).unwrap_or(RUN_LENGTH), run));
    }
    let (head, width, slots) = if one_bit_covers > 0 { (VECTOR, 1, 14) } else { (VECTOR | TWO_BIT, 2, 7) };
    let shifts = (0..slots).rev().map(|slot| slot * width);
    let chunk = symbols.iter().zip(shifts).fold(head, |chunk, (symbol, shift)| chunk | (u16::from(*symbol) << shift));
    Some((chunk, vector_covers))
}
