//! Who is shown at which place of a client with SSRC rewriting, and how it is told.

use std::time::Instant;

use jitsi_wire::bridge_channel::{BridgeMessage, MappedAudio, MappedVideo, VideoType};
use jitsi_wire::jingle::MediaKind;
use rand_core::Rng;

use super::Conference;
use super::fanout::audio_is_wanted;
use crate::core::egress::slots::{Room, Slot, Slots};
use crate::core::egress::{Egress, Ended, Names};
use crate::core::endpoint::Endpoint;
use crate::core::endpoint::source::Source;
use crate::core::packet::Ssrc;
use crate::core::turn::Turn;

/// A video that may get a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placing {
    pub names: Names,
    /// The receiver wants to see it; else it gets a place only if one is free, so that showing it later is instant.
    pub wanted: bool,
}

impl Conference {
    /// Gives places to what a receiver may be shown, most important first. True if that changed its outgoing streams.
    pub(super) fn place_videos(&mut self, turn: &mut Turn<'_>, place: usize, videos: &[Placing]) -> bool {
        let Some(slots) = self.get_mut(place).and_then(|receiver| receiver.slots.as_mut()) else {
            return false;
        };
        for video in videos.iter().filter(|video| video.wanted) {
            slots.touch(turn.now, MediaKind::Video, video.names.serial);
        }
        let mut changed = false;
        let (wanted, spare): (Vec<&Placing>, Vec<&Placing>) = videos.iter().partition(|video| video.wanted);
        for video in wanted.into_iter().chain(spare) {
            changed |= self.give_place(turn, place, video.names, video.wanted);
        }
        if changed {
            self.tell_places(turn, place, MediaKind::Video);
        }
        changed
    }

    /// A packet of this audio source is about to be forwarded: whoever wants it and has no place for it gets one.
    pub(super) fn place_audio(&mut self, turn: &mut Turn<'_>, owner: usize, source: usize) {
        let found = self.source(owner, source).filter(|source| source.kind == MediaKind::Audio);
        let Some(names) = found.filter(|source| !source.unplaced.is_empty()).and_then(|s| s.names(owner, source))
        else {
            return;
        };
        let receivers = self.source(owner, source).map(|source| source.unplaced.clone()).unwrap_or_default();
        let mut changed = false;
        for place in receivers {
            if self.give_place(turn, place, names, true) {
                self.tell_places(turn, place, MediaKind::Audio);
                changed = true;
            }
        }
        if changed {
            self.subscribe_audio();
            self.bind();
        }
    }

    /// Lists the receivers of each audio source that have no place for it.
    pub(super) fn list_unplaced(&mut self) {
        let with_slots: Vec<usize> =
            self.endpoints().filter(|(_, endpoint)| endpoint.slots.is_some()).map(|(place, _)| place).collect();
        for place in with_slots {
            let Some(receiver) = self.endpoints.get_mut(place).and_then(Option::take) else {
                continue;
            };
            let others = self.endpoints.iter_mut().flatten().flat_map(|owner| &mut owner.sources);
            for source in others.filter(|source| source.kind == MediaKind::Audio) {
                if audio_is_wanted(receiver.audio.as_ref(), source) && receiver.egress_of(source.serial).is_none() {
                    source.unplaced.push(place);
                }
            }
            if let Some(slot) = self.endpoints.get_mut(place) {
                *slot = Some(receiver);
            }
        }
    }

    /// True if the source has a place now that it did not have.
    fn give_place(&mut self, turn: &Turn<'_>, place: usize, mut names: Names, may_displace: bool) -> bool {
        let placed = self.get(place).is_some_and(|receiver| receiver.egress_of(names.serial).is_some());
        let Some(fresh) = self.unused_ssrcs(place).filter(|_| !placed) else {
            return false;
        };
        let random = (Self::initial_of(&mut self.rng), Self::initial_of(&mut self.rng));
        let Some(mut receiver) = self.endpoints.get_mut(place).and_then(Option::take) else {
            return false;
        };
        let owner = self.endpoints.get(names.owner).and_then(Option::as_deref);
        let owner = owner.map(|owner| owner.description.of(names.kind));
        let mut taken = false;
        if let Some(owner) = owner
            && let Some(ended) = receiver.take_place(turn.now, &mut names, may_displace, fresh)
        {
            taken = true;
            let mut egress = ended.map_or_else(|| Egress::new(names, random), |ended| Egress::resuming(names, ended));
            egress.describe(owner, receiver.description.of(names.kind));
            egress.await_telling();
            receiver.insert_egress(egress);
        }
        if let Some(slot) = self.endpoints.get_mut(place) {
            *slot = Some(receiver);
        }
        taken
    }

    /// Two SSRCs that mean nothing to a receiver with slots.
    fn unused_ssrcs(&mut self, place: usize) -> Option<(Ssrc, Ssrc)> {
        let receiver = self.endpoints.get(place).and_then(Option::as_deref)?;
        let slots = receiver.slots.as_ref()?;
        let own = [Ssrc(0), self.audio_ssrc, self.video_ssrc];
        let mut drawn = std::iter::repeat_with(|| Ssrc(self.rng.next_u32()))
            .filter(|ssrc| !own.contains(ssrc) && !slots.has(*ssrc) && receiver.stream(*ssrc).is_none());
        let first = drawn.next()?;
        Some((first, drawn.find(|ssrc| *ssrc != first)?))
    }

    /// A new channel of a client is told of everything.
    pub(super) fn tell_all_places(&mut self, turn: &mut Turn<'_>, place: usize) {
        let slots = self.get_mut(place).and_then(|receiver| receiver.slots.as_mut());
        slots.into_iter().for_each(Slots::forget_telling);
        self.tell_places(turn, place, MediaKind::Video);
        self.tell_places(turn, place, MediaKind::Audio);
    }

    /// Tells a client which places have changed hands; what it does not hear of is held back.
    fn tell_places(&mut self, turn: &mut Turn<'_>, place: usize, kind: MediaKind) {
        let Some(message) = self.places_message(place, kind) else {
            return;
        };
        if !self.say(turn, place, &message) {
            return;
        }
        let Some(receiver) = self.get_mut(place) else {
            return;
        };
        let opens = receiver.introduced(turn.now);
        let Some(slots) = &mut receiver.slots else {
            return;
        };
        for egress in receiver.egress.iter_mut().filter(|egress| egress.names.kind == kind) {
            let Some(slot) = slots.slot_of(kind, egress.names.serial).filter(|slot| !slot.told) else {
                continue;
            };
            slot.told = true;
            if egress.on_told() && !slot.known {
                egress.introduce(opens);
            }
        }
    }

    fn places_message(&self, place: usize, kind: MediaKind) -> Option<BridgeMessage> {
        let receiver = self.get(place)?;
        let news = receiver.slots.as_ref()?.of(kind).iter().filter(|slot| !slot.told);
        let entries: Vec<(&Slot, &Egress)> =
            news.filter_map(|slot| Some((slot, receiver.egress.get(receiver.egress_of(slot.holder?)?)?))).collect();
        if entries.is_empty() {
            return None;
        }
        let of = |egress: &Egress| {
            let source = self.source(egress.names.owner, egress.names.source)?;
            Some((source, self.get(egress.names.owner)?.id.to_string()))
        };
        let mid = |slot: &Slot| slot.mid.map(|mid| mid.as_text());
        let audio = |(slot, egress): (&Slot, &Egress)| {
            let (source, owner) = of(egress)?;
            Some(MappedAudio { source: source.name.to_string(), owner, ssrc: slot.ssrc.0, mid: mid(slot) })
        };
        let video = |(slot, egress): (&Slot, &Egress)| {
            let (source, owner) = of(egress)?;
            let (source, video_type) = (source.name.to_string(), type_name(source).to_owned());
            Some(MappedVideo { source, owner, ssrc: slot.ssrc.0, rtx: slot.rtx?.0, video_type, mid: mid(slot) })
        };
        Some(match kind {
            MediaKind::Audio => {
                BridgeMessage::AudioSourcesMap { mapped_sources: entries.into_iter().filter_map(audio).collect() }
            }
            MediaKind::Video => {
                BridgeMessage::VideoSourcesMap { mapped_sources: entries.into_iter().filter_map(video).collect() }
            }
        })
    }
}

impl Endpoint {
    /// Finds a place for a source; where the stream at that place ended, if there was one.
    fn take_place(
        &mut self,
        now: Instant,
        names: &mut Names,
        may_displace: bool,
        fresh: (Ssrc, Ssrc),
    ) -> Option<Option<Ended>> {
        let egress = &self.egress;
        let used = |serial: u64| {
            let index = egress.binary_search_by_key(&serial, |egress| egress.names.serial).ok()?;
            Some(egress.get(index)?.projection.newest()?.1)
        };
        let index = match self.slots.as_ref()?.room(now, names.kind, used) {
            Room::Free(index) => index,
            Room::Held(index, holder) if may_displace => {
                let displaced = self.egress_of(holder).map(|index| self.egress.remove(index))?;
                self.end_egress(&displaced);
                index
            }
            Room::Held(..) | Room::None => return None,
        };
        Some(self.slots.as_mut()?.take(now, names, index, fresh))
    }
}

fn type_name(source: &Source) -> &'static str {
    match source.video_type {
        VideoType::Desktop => "DESKTOP",
        VideoType::DesktopHighFps => "DESKTOP_HIGH_FPS",
        VideoType::Camera | VideoType::None => "CAMERA",
    }
}
