//! Taps of all conferences, towards the shell: see [`media_tap`].

use std::time::Instant;

use super::conference::Conference;
use super::packet::Ssrc;
use super::{Bridge, Sink};

/// A tap as the shell names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapId(pub u64);

/// What a tap is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All speech, and the best of every video. One at a time.
    Everything,
    /// All speech, and how loud it is.
    Speech,
}

impl Extent {
    /// Taps that a conference may have of it; each costs what a receiver does.
    fn most(self) -> usize {
        match self {
            Self::Everything => 1,
            Self::Speech => 16,
        }
    }
}

/// Why a conference cannot be tapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TapRefusal {
    #[error("there is no such meeting")]
    NoMeeting,
    #[error("as many tap the meeting as may already")]
    Taken,
}

/// A message for a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tapped<'a> {
    /// Must arrive.
    Notes(&'a [u8]),
    /// May be lost, and is counted then.
    Media(&'a [u8]),
}

impl Bridge {
    /// From now on the media of a meeting go to a tap as well: [`Self::drain_taps`]. Its times count from now.
    pub fn tap(
        &mut self,
        now: Instant,
        meeting_id: &str,
        id: TapId,
        wanted: Extent,
        sink: &mut dyn Sink,
    ) -> Result<(), TapRefusal> {
        let place = self.place_of(meeting_id).ok_or(TapRefusal::NoMeeting)?;
        let (mut turn, conference) = self.enter_conference(now, place, sink).ok_or(TapRefusal::NoMeeting)?;
        if conference.has_tap(id) || conference.taps(wanted) >= wanted.most() {
            return Err(TapRefusal::Taken);
        }
        conference.add_tap(&mut turn, id, wanted);
        self.tapped = true;
        Ok(())
    }

    /// Nothing more goes to the tap.
    pub fn untap(&mut self, now: Instant, id: TapId, sink: &mut dyn Sink) {
        let place = self.place_of_tap(id);
        if let Some((mut turn, conference)) = place.and_then(|place| self.enter_conference(now, place, sink)) {
            conference.remove_tap(&mut turn, id);
        }
    }

    /// The tap needs a key frame of one of its streams.
    pub fn on_tap_wish(&mut self, now: Instant, id: TapId, ssrc: Ssrc, sink: &mut dyn Sink) {
        let place = self.place_of_tap(id);
        if let Some((mut turn, conference)) = place.and_then(|place| self.enter_conference(now, place, sink)) {
            conference.on_tap_wish(&mut turn, id, ssrc);
        }
    }

    /// Hands out what has gathered for taps.
    pub fn drain_taps(&mut self, take: &mut dyn FnMut(TapId, Tapped<'_>)) {
        if !self.tapped {
            return;
        }
        let mut remain = false;
        for place in 0..self.conferences.len() {
            let is_tapped = self.conferences.get(place).and_then(Option::as_ref).is_some_and(Conference::is_tapped);
            if is_tapped && let Some(conference) = self.conferences.get_mut(place).and_then(Option::as_mut) {
                conference.drain_taps(take);
                remain = true;
            }
        }
        self.tapped = remain;
    }

    fn place_of_tap(&self, id: TapId) -> Option<usize> {
        self.conferences.iter().position(|known| known.as_ref().is_some_and(|known| known.has_tap(id)))
    }

    fn place_of(&self, meeting_id: &str) -> Option<usize> {
        let is_meant = |known: &Option<Conference>| known.as_ref().is_some_and(|known| known.meeting_id == meeting_id);
        self.conferences.iter().position(is_meant)
    }
}
