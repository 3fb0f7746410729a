//! Who is connected to whom: an outgoing stream for every source that a receiver can take, and the lists that packets walk.

use std::collections::BTreeSet;
use std::time::Instant;

use jitsi_wire::bridge_channel::AudioSubscription;
use jitsi_wire::jingle::MediaKind;

use super::Conference;
use crate::core::allocate::Layer;
use crate::core::egress::{Egress, Names};
use crate::core::endpoint::Endpoint;
use crate::core::endpoint::encoding::Encodings;
use crate::core::endpoint::source::{Binding, Source};

impl Conference {
    /// Makes the outgoing streams match the sources that there are. Streams of sources that stay go on.
    pub(super) fn connect(&mut self, now: Instant) {
        let sources = self.all_sources();
        for place in 0..self.endpoints.len() {
            let Some(mut receiver) = self.endpoints.get_mut(place).and_then(Option::take) else {
                continue;
            };
            self.connect_receiver(now, &mut receiver, place, &sources);
            receiver.invited = true;
            if let Some(slot) = self.endpoints.get_mut(place) {
                *slot = Some(receiver);
            }
        }
        self.connect_taps(now, &sources);
        for endpoint in self.endpoints.iter_mut().flatten() {
            endpoint.description_changed = false;
        }
    }

    fn all_sources(&self) -> Vec<Names> {
        let of = |(owner, endpoint): (usize, &Endpoint)| {
            let sources = endpoint.sources.iter().enumerate();
            sources.filter_map(|(index, source)| source.names(owner, index)).collect::<Vec<_>>()
        };
        let mut all: Vec<Names> = self.endpoints().flat_map(of).collect();
        all.sort_by_key(|names| names.serial);
        all
    }

    fn connect_receiver(&mut self, now: Instant, receiver: &mut Endpoint, place: usize, sources: &[Names]) {
        for mut egress in std::mem::take(&mut receiver.egress) {
            let found = sources.binary_search_by_key(&egress.names.serial, |names| names.serial);
            if let Some(names) = found.ok().and_then(|index| sources.get(index)) {
                // Its place at the owner may have changed.
                (egress.names.owner, egress.names.source) = (names.owner, names.source);
                receiver.egress.push(egress);
            } else {
                receiver.end_egress(&egress);
            }
        }
        for names in sources.iter().filter(|names| names.owner != place) {
            let known = receiver.egress_of(names.serial);
            let changed = known.is_none() || receiver.description_changed;
            let Some(owner) = self.endpoints.get(names.owner).and_then(Option::as_deref) else {
                continue;
            };
            if !changed && !owner.description_changed {
                continue;
            }
            let (from, to) = (owner.description.of(names.kind), receiver.description.of(names.kind));
            if let Some(egress) = known.and_then(|index| receiver.egress.get_mut(index)) {
                egress.describe(from, to);
            } else if receiver.slots.is_none() && receiver.egress_by_ssrc(names.ssrc).is_none() {
                // Of two sources under one SSRC the receiver could not tell which is which: it gets the first.
                let random = (Self::initial_of(&mut self.rng), Self::initial_of(&mut self.rng));
                let ended = receiver.ended(names.ssrc);
                let mut egress = ended.map_or_else(|| Egress::new(*names, random), |e| Egress::resuming(*names, e));
                egress.describe(from, to);
                // What was there before the receiver stands in its invitation.
                if receiver.invited {
                    egress.introduce(receiver.introduced(now));
                }
                receiver.insert_egress(egress);
            }
        }
    }

    /// Makes the lists that packets walk: everybody whose stream of the source has a target.
    pub(super) fn bind(&mut self) {
        for endpoint in self.endpoints.iter_mut().flatten() {
            endpoint.sources.iter_mut().for_each(Source::unbind);
        }
        for place in 0..self.endpoints.len() {
            let Some(receiver) = self.get(place) else {
                continue;
            };
            let bound: Vec<(usize, usize, Binding, Encodings)> = receiver
                .egress
                .iter()
                .enumerate()
                .filter(|(_, egress)| egress.is_deliverable())
                .filter_map(|(index, egress)| {
                    let binding = Binding { endpoint: place, egress: index };
                    Some((egress.names.owner, egress.names.source, binding, egress.projection.watches()?))
                })
                .collect();
            for (owner, source, binding, watches) in bound {
                let source = self.get_mut(owner).and_then(|owner| owner.sources.get_mut(source));
                if let Some(source) = source {
                    source.bind(binding, watches);
                }
            }
        }
        self.bind_taps();
        self.list_unplaced();
    }

    /// Which audio sources each receiver gets.
    pub(super) fn subscribe_audio(&mut self) {
        let asked: BTreeSet<String> = self
            .endpoints()
            .filter_map(|(_, receiver)| receiver.audio.as_ref())
            .flat_map(|audio| audio.include.iter().filter(|name| audio.asks_for(name)).cloned())
            .collect();
        for source in self.endpoints.iter_mut().flatten().flat_map(|endpoint| &mut endpoint.sources) {
            source.asked_for = asked.contains(&*source.name);
        }
        for place in 0..self.endpoints.len() {
            let Some(mut receiver) = self.endpoints.get_mut(place).and_then(Option::take) else {
                continue;
            };
            for egress in receiver.egress.iter_mut().filter(|egress| egress.names.kind == MediaKind::Audio) {
                let source = self.source(egress.names.owner, egress.names.source);
                let wanted = source.is_some_and(|source| audio_is_wanted(receiver.audio.as_ref(), source));
                egress.projection.set_target(wanted.then_some(Layer::all_of(0)));
            }
            if let Some(slot) = self.endpoints.get_mut(place) {
                *slot = Some(receiver);
            }
        }
    }
}

/// Does a receiver with this subscription want to hear the source?
pub(super) fn audio_is_wanted(subscription: Option<&AudioSubscription>, source: &Source) -> bool {
    match subscription {
        Some(subscription) if source.synthetic => subscription.asks_for(&source.name),
        Some(subscription) => subscription.wants(&source.name),
        None => !source.synthetic,
    }
}
