//! SSRC rewriting: the fixed places at which a client gets streams that it is told of on the bridge channel.
//!
//! A browser binds a decoder to the SSRC in its session description, so the SSRC belongs to the place and not to who is shown
//! there. Places are made when they are needed, up to [`MAX_SLOTS`] for each kind, and never given up; then whatever was used
//! longest ago makes room.

use std::time::{Duration, Instant};

use jitsi_wire::jingle::MediaKind;

use super::{Ended, Names};
use crate::core::packet::Ssrc;

/// Places of one kind that a client ever sees (jitsi-videobridge `ssrc-limit`).
pub const MAX_SLOTS: usize = 50;
/// Whoever had its place used this lately keeps it: otherwise one speaker too many would turn every packet into a message.
const GRACE: Duration = Duration::from_secs(1);

/// The MID of a place: `a0`, `v12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mid {
    bytes: [u8; 3],
    len: usize,
}

impl Mid {
    fn new(kind: MediaKind, index: usize) -> Self {
        let letter = if kind == MediaKind::Audio { b'a' } else { b'v' };
        let digit = |value: usize| b'0' + u8::try_from(value % 10).unwrap_or(0);
        if index < 10 {
            Self { bytes: [letter, digit(index), 0], len: 2 }
        } else {
            Self { bytes: [letter, digit(index / 10), digit(index)], len: 3 }
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub fn as_text(&self) -> String {
        String::from_utf8_lossy(self.as_bytes()).into_owned()
    }
}

/// One place.
#[derive(Debug)]
pub struct Slot {
    pub ssrc: Ssrc,
    /// Video has one always.
    pub rtx: Option<Ssrc>,
    pub mid: Option<Mid>,
    /// Serial of the source that is shown here.
    pub holder: Option<u64>,
    /// The client was told who holds it.
    pub told: bool,
    /// The client knows the place, from whoever held it before.
    pub known: bool,
    wanted: Option<Instant>,
    /// Where the stream of the former holder ended.
    ended: Option<Ended>,
}

/// The places of one client.
#[derive(Debug)]
pub struct Slots {
    has_mids: bool,
    audio: Vec<Slot>,
    video: Vec<Slot>,
}

/// Who makes room for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A place that nobody holds.
    Free(usize),
    /// The holder of this place was used longest ago.
    Held(usize, u64),
    None,
}

impl Slots {
    /// `has_mids`: the client tells streams apart by MID (`rtp-mid-demux`).
    pub fn new(has_mids: bool) -> Self {
        Self { has_mids, audio: Vec::new(), video: Vec::new() }
    }

    pub fn of(&self, kind: MediaKind) -> &[Slot] {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }

    fn list(&mut self, kind: MediaKind) -> &mut Vec<Slot> {
        match kind {
            MediaKind::Audio => &mut self.audio,
            MediaKind::Video => &mut self.video,
        }
    }

    /// Does this SSRC name a place?
    pub fn has(&self, ssrc: Ssrc) -> bool {
        self.audio.iter().chain(&self.video).any(|slot| slot.ssrc == ssrc || slot.rtx == Some(ssrc))
    }

    pub fn holds(&self, kind: MediaKind, serial: u64) -> bool {
        self.of(kind).iter().any(|slot| slot.holder == Some(serial))
    }

    pub fn slot_of(&mut self, kind: MediaKind, serial: u64) -> Option<&mut Slot> {
        self.list(kind).iter_mut().find(|slot| slot.holder == Some(serial))
    }

    /// The source is wanted now: it is not the one that makes room.
    pub fn touch(&mut self, now: Instant, kind: MediaKind, serial: u64) {
        if let Some(slot) = self.slot_of(kind, serial) {
            slot.wanted = Some(now);
        }
    }

    /// Where a source without place could go. `used` tells when something of a source last went out. Places that are free go
    /// first, then new ones, then that of whoever was used longest ago.
    pub fn room(&self, now: Instant, kind: MediaKind, used: impl Fn(u64) -> Option<Instant>) -> Room {
        let slots = self.of(kind);
        if let Some(index) = slots.iter().position(|slot| slot.holder.is_none()) {
            return Room::Free(index);
        }
        if slots.len() < MAX_SLOTS {
            return Room::Free(slots.len());
        }
        let held = slots.iter().enumerate().filter_map(|(index, slot)| Some((index, slot, slot.holder?)));
        let last = |slot: &Slot, holder: u64| slot.wanted.max(used(holder));
        let oldest = held.min_by_key(|(_, slot, holder)| last(slot, *holder));
        match oldest {
            Some((index, slot, holder)) if last(slot, holder).is_none_or(|at| now >= at + GRACE) => {
                Room::Held(index, holder)
            }
            _ => Room::None,
        }
    }

    /// The source takes the place at `index`, which is free or new. Answers where the stream there ended.
    /// `fresh`: unused SSRCs, should the place be new.
    pub fn take(&mut self, now: Instant, names: &mut Names, index: usize, fresh: (Ssrc, Ssrc)) -> Option<Ended> {
        let (kind, has_mids) = (names.kind, self.has_mids);
        let slots = self.list(kind);
        if index >= slots.len() {
            let (ssrc, rtx) = fresh;
            slots.push(Slot {
                ssrc,
                rtx: (kind == MediaKind::Video).then_some(rtx),
                mid: has_mids.then(|| Mid::new(kind, slots.len())),
                holder: None,
                told: false,
                known: false,
                wanted: None,
                ended: None,
            });
        }
        let slot = slots.get_mut(index)?;
        slot.known |= slot.told;
        slot.told = false;
        slot.holder = Some(names.serial);
        slot.wanted = Some(now);
        (names.ssrc, names.rtx, names.mid) = (slot.ssrc, slot.rtx, slot.mid);
        slot.ended
    }

    /// Everything is to be told again.
    pub fn forget_telling(&mut self) {
        for slot in self.audio.iter_mut().chain(&mut self.video) {
            slot.known |= slot.told;
            slot.told = false;
        }
    }

    /// The source holds its place no more.
    pub fn release(&mut self, kind: MediaKind, serial: u64, ended: Ended) {
        if let Some(slot) = self.slot_of(kind, serial) {
            slot.holder = None;
            slot.ended = Some(ended);
        }
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
