//! The recent packets of one publisher's stream, kept once for all receivers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::core::packet::{ExtSeq, RtpHeader};

/// Sequence numbers that a history spans, holes included.
pub const MAX_PACKETS: u64 = 512;
/// Older packets come too late for any receiver.
pub const MAX_AGE: Duration = Duration::from_secs(1);
/// Room for a second of 4 Mbit/s.
pub const MAX_BYTES: usize = 512 * 1024;
/// Emptied buffers that wait for the next packets.
const MAX_SPARE: usize = 8;

/// What became of an inserted packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    New,
    /// The history has it already.
    Duplicate,
    /// Behind everything the history spans.
    TooOld,
}

/// A packet out of the history: decrypted, RTX already undone.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub header: &'a RtpHeader,
    pub packet: &'a [u8],
    pub received: Instant,
}

#[derive(Debug)]
struct Entry {
    header: RtpHeader,
    received: Instant,
    bytes: Vec<u8>,
}

/// A ring over sequence numbers, bounded by number, age and bytes.
///
/// Buffers are reused: a stream in flow allocates nothing. A silent stream gives everything back, see [`Self::expire`].
#[derive(Debug, Default)]
pub struct History {
    /// The place of `entries[0]`.
    base: ExtSeq,
    /// Everything before it is forgotten and not taken again.
    floor: ExtSeq,
    /// Holes are packets that have not come.
    entries: VecDeque<Option<Entry>>,
    spare: Vec<Vec<u8>>,
    bytes: usize,
}

impl History {
    /// Keeps a copy of `packet`, which `header` describes, and what came before it as long as all takes no more than `room`.
    pub fn insert(&mut self, now: Instant, at: ExtSeq, header: &RtpHeader, packet: &[u8], room: usize) -> Inserted {
        if self.get(at).is_some() {
            return Inserted::Duplicate;
        }
        while self.bytes + packet.len() > room.min(MAX_BYTES) && !self.entries.is_empty() {
            self.drop_oldest();
        }
        if at < self.floor || !self.reserve(at) {
            return Inserted::TooOld;
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        // Exactly: doubled buffers would be half empty for good, as packets do not grow beyond the MTU.
        bytes.reserve_exact(packet.len());
        bytes.extend_from_slice(packet);
        self.bytes += packet.len();
        if let Some(place) = index(at, self.base).and_then(|place| self.entries.get_mut(place)) {
            *place = Some(Entry { header: *header, received: now, bytes });
        }
        self.expire_oldest(now);
        Inserted::New
    }

    /// Makes the ring span `at`; `false` if that would push out what is newer.
    fn reserve(&mut self, at: ExtSeq) -> bool {
        let end = self.base.plus(self.span());
        if self.entries.is_empty() || at.since(end) >= MAX_PACKETS {
            self.drop_all();
            self.base = at;
        }
        let missing = self.base.since(at);
        if missing + self.span() > MAX_PACKETS {
            return false;
        }
        for _ in 0..missing {
            self.entries.push_front(None);
        }
        self.base = self.base.min(at);
        while self.span() <= at.since(self.base) {
            self.entries.push_back(None);
        }
        while self.span() > MAX_PACKETS {
            self.drop_oldest();
        }
        true
    }

    /// The packet at this place, if it came and is not forgotten.
    pub fn get(&self, at: ExtSeq) -> Option<Stored<'_>> {
        let entry = self.entries.get(index(at, self.base)?)?.as_ref()?;
        Some(Stored { header: &entry.header, packet: &entry.bytes, received: entry.received })
    }

    /// Forgets what is older than a second; call it now and then for a stream that fell silent. Answers whether anything is left.
    pub fn expire(&mut self, now: Instant) -> bool {
        self.expire_oldest(now);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
            self.spare = Vec::new();
        }
        !self.entries.is_empty()
    }

    /// Forgets everything: the stream restarted, or its source is gone.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of packets held, spare buffers apart.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn span(&self) -> u64 {
        usize_to_u64(self.entries.len())
    }

    /// A hole in front of a young packet stays: a retransmission may still fill it.
    fn expire_oldest(&mut self, now: Instant) {
        let is_young = |entry: &Entry| now.saturating_duration_since(entry.received) <= MAX_AGE;
        while !self.entries.is_empty() && !self.entries.iter().flatten().next().is_some_and(is_young) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.entries.pop_front() else { return };
        self.base = self.base.next();
        self.floor = self.base;
        if let Some(entry) = oldest {
            self.bytes = self.bytes.saturating_sub(entry.bytes.len());
            if self.spare.len() < MAX_SPARE {
                self.spare.push(entry.bytes);
            }
        }
    }

    fn drop_all(&mut self) {
        while !self.entries.is_empty() {
            self.drop_oldest();
        }
    }
}

fn index(at: ExtSeq, base: ExtSeq) -> Option<usize> {
    usize::try_from(at.0.checked_sub(base.0)?).ok()
}

fn usize_to_u64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
