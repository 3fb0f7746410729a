//! Turns what receivers ask for into targets of their streams, and into what senders are told to send.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jitsi_wire::bridge_channel::{BridgeMessage, IdealHeight, VideoType};
use jitsi_wire::jingle::MediaKind;

use super::Conference;
use super::slots::Placing;
use super::tap::Tap;
use crate::core::Wake;
use crate::core::allocate::{Ask, Candidate, Grant, Layer, Layers, Most, Wanted, larger, share};
use crate::core::endpoint::Endpoint;
use crate::core::orders::SPEECH;
use crate::core::taps::Extent;
use crate::core::turn::Turn;

/// Whoever gets a layer keeps it as long as it fits; a higher one must fit with one part of so many to spare.
const SPARE: u64 = 10;
/// By one part of so many what a picture costs may grow by itself.
const VARIES: u64 = 4;
/// The lowest layer stays as long as all but one part of so many fits.
const TOLERANCE: u64 = 5;
/// More loss than this is no reason to send less: what is lost is sent again within the share of retransmissions.
const MAX_RESERVED: f64 = 0.25;
/// How often clients are told what they can be sent (jitsi-videobridge `ConnectionStats`).
const TELL_ESTIMATE: Duration = Duration::from_secs(10);
/// What a tap asks for, in lines: more than any camera or screen has.
const TAPPED: i32 = 4320;
/// Paging through tiles must not switch encoders off and on: each time costs a key frame.
const LOWERING: Duration = Duration::from_millis(500);

/// A video source as the allocation sees it.
struct Video {
    owner: usize,
    source: usize,
    serial: u64,
    name: Arc<str>,
    owner_id: Arc<str>,
    enabled: bool,
    desktop: bool,
    layers: Layers,
    /// The largest effective constraint of all receivers.
    demand: i32,
    /// There are receivers, and each has said what it wants.
    is_settled: bool,
}

impl Video {
    /// A tap gets all of the best encoding, whatever others want of it.
    fn aim(&mut self, tap: &mut Tap) {
        let living = self.layers.iter().filter(|rung| rung.active && self.enabled);
        let best = living.map(|rung| rung.layer.encoding).max();
        tap.aim(self.serial, best);
        if self.enabled {
            self.demand = larger(self.demand, TAPPED);
        }
    }

    /// The layers for a receiver that has `current`: what is higher must fit easily.
    fn sticky(&self, current: Option<Layer>, first: bool) -> Layers {
        let mut layers = self.layers.clone();
        let lowest = layers.iter().find(|rung| rung.active).map(|rung| rung.layer);
        for rung in &mut layers {
            if Some(rung.layer) > current {
                rung.bps += rung.bps / SPARE;
            } else if first && current.is_some() && Some(rung.layer) == lowest {
                // An estimate that is a little low for a moment leaves nobody without a picture.
                rung.bps -= rung.bps / TOLERANCE;
            }
        }
        layers
    }
}

/// A source that a receiver may be sent.
struct Offer {
    /// Its place among the videos.
    video: usize,
    /// Its outgoing stream, if there is one.
    egress: Option<usize>,
    wanted: Wanted,
    current: Option<Layer>,
    layers: Layers,
    most: Most,
}

impl Offer {
    fn ask<'a>(&'a self, videos: &[Video]) -> Ask<'a> {
        let desktop = videos.get(self.video).is_some_and(|video| video.desktop);
        Ask { wanted: self.wanted, desktop, layers: &self.layers, most: self.most }
    }
}

/// What of the path is left for video when speech has its part, and what is lost and sent again.
fn video_budget(now: Instant, receiver: &mut Endpoint, max: u64) -> u64 {
    if let Some(assumed) = receiver.assumed_bps {
        return assumed.min(max);
    }
    let Some(estimate) = receiver.leg.bandwidth.bps(now) else {
        return max;
    };
    receiver.budget.refresh(estimate);
    let speech = receiver.leg.speech_bps(now);
    part(estimate.saturating_sub(speech), kept(receiver)).min(max)
}

/// What is not kept for retransmissions.
fn kept(receiver: &Endpoint) -> f64 {
    1.0 - receiver.leg.bandwidth.loss().min(MAX_RESERVED)
}

impl Conference {
    /// Decides for every receiver and tells everybody who is concerned.
    pub(super) fn reallocate(&mut self, turn: &mut Turn<'_>) {
        let mut videos = self.videos(turn);
        self.uplink_level = turn.uplink.level();
        for place in 0..self.endpoints.len() {
            self.allocate_receiver(turn, place, &mut videos);
        }
        for tap in self.taps.iter_mut().filter(|tap| tap.wanted == Extent::Everything) {
            videos.iter_mut().for_each(|video| video.aim(tap));
        }
        self.subscribe_audio();
        self.bind();
        self.next_announcement = None;
        self.allocated = turn.now;
        for video in &videos {
            self.tell_sender(turn, video);
        }
    }

    /// All video sources in conference order: endpoints that show something first, in the order of speech.
    fn videos(&mut self, turn: &Turn<'_>) -> Vec<Video> {
        let mut order = self.order.clone();
        order.sort_by_key(|place| !self.get(*place).is_some_and(|endpoint| endpoint.shows_video()));
        let mut videos = Vec::new();
        for owner in order {
            let is_settled = self.is_settled_for(owner);
            let Some(endpoint) = self.get_mut(owner) else {
                continue;
            };
            let (owner_id, mute) = (endpoint.id.clone(), endpoint.mute);
            for (source, signalled) in
                endpoint.sources.iter_mut().enumerate().filter(|(_, s)| s.kind == MediaKind::Video)
            {
                videos.push(Video {
                    owner,
                    source,
                    serial: signalled.serial,
                    name: signalled.name.clone(),
                    owner_id: owner_id.clone(),
                    desktop: signalled.video_type == VideoType::Desktop,
                    enabled: signalled.is_enabled() && !signalled.is_muted(mute),
                    layers: signalled.layers(turn.now),
                    demand: 0,
                    is_settled,
                });
            }
        }
        videos
    }

    fn is_settled_for(&self, owner: usize) -> bool {
        let mut others = self.endpoints().filter(|(place, _)| *place != owner).map(|(_, other)| other).peekable();
        others.peek().is_some() && others.all(|other| other.settings.is_settled())
    }

    /// The path to one receiver carries more or less than before: it is decided anew what that receiver gets.
    pub(super) fn follow_estimate(&mut self, turn: &mut Turn<'_>, place: usize) {
        let Some(endpoint) = self.get_mut(place) else {
            return;
        };
        if endpoint.leg.bandwidth.take_lifted() {
            endpoint.egress.iter_mut().for_each(|egress| egress.patience.forgive());
        }
        let changed = endpoint.follow_estimate(turn.now);
        if endpoint.told_estimate.is_none_or(|told| turn.now >= told + TELL_ESTIMATE)
            && let Some(estimated_downlink_bandwidth) = endpoint.leg.bandwidth.bps(turn.now)
        {
            endpoint.told_estimate = Some(turn.now);
            self.say(turn, place, &BridgeMessage::ConnectionStats { estimated_downlink_bandwidth });
        }
        if changed {
            let mut videos = self.videos(turn);
            if self.allocate_receiver(turn, place, &mut videos) {
                self.bind();
            }
        }
    }

    /// True if that changed what the receiver gets.
    fn allocate_receiver(&mut self, turn: &mut Turn<'_>, place: usize, videos: &mut [Video]) -> bool {
        let max = self.max_egress_bps;
        let Some(endpoint) = self.get_mut(place) else {
            return false;
        };
        let speech = endpoint.leg.speech_bps(turn.now);
        let (wanted, estimate) = (endpoint.leg.bandwidth.wanted(), endpoint.leg.bandwidth.bps(turn.now));
        let level = turn.uplink.demand(endpoint.handle.generation, wanted, estimate);
        let most = max.saturating_add(SPEECH).min(level.unwrap_or(u64::MAX));
        endpoint.leg.bandwidth.set_cap(most);
        let wishes = wishes(endpoint, place, videos);
        let placed = self.place_wanted(turn, place, videos, &wishes);
        let Some(endpoint) = self.get_mut(place) else {
            return false;
        };
        let mut offers = offers(endpoint, videos, &wishes);
        let shown: u64 = offers.iter().filter(|offer| offer.current.is_some()).map(|offer| least(videos, offer)).sum();
        endpoint.leg.bandwidth.set_least(part(shown + shown / VARIES, 1.0 / kept(endpoint)) + speech);
        let budget = video_budget(turn.now, endpoint, max.min(most.saturating_sub(speech)));
        let first = offers.iter().position(|offer| offer.wanted.max_height != 0);
        let grants = share_of(&offers, videos, budget);
        let ideal: u64 = offers.iter().zip(&grants).map(|(offer, grant)| cost(videos, offer, grant.ideal)).sum();
        let is_ample = budget >= ideal + ideal / SPARE;
        endpoint.ample = if is_ample { endpoint.ample.or(Some(turn.now)) } else { None };
        let ample = endpoint.ample;
        // What has to wait leaves its part of the budget to the others.
        let mut next = None;
        let mut must_wait = false;
        for (index, (offer, grant)) in offers.iter_mut().zip(&grants).enumerate() {
            let patience = offer.egress.and_then(|egress| endpoint.egress.get_mut(egress)).map(|e| &mut e.patience);
            let due = patience.and_then(|p| p.judge(turn.now, offer.current, grant, Some(index) == first, ample));
            if let Some(due) = due {
                next = Some(next.map_or(due, |next: Instant| next.min(due)));
                must_wait = true;
                offer.most = offer.current.into();
            } else {
                offer.most = grant.target.max(offer.current).into();
            }
        }
        let grants = if must_wait { share_of(&offers, videos, budget) } else { grants };
        endpoint.next_allocation = next;
        let easily = part(ideal + ideal / SPARE, 1.0 / kept(endpoint));
        endpoint.leg.bandwidth.set_wanted(easily + speech);
        turn.uplink.demand(endpoint.handle.generation, easily + speech, estimate);
        endpoint.suspended = grants.iter().filter(|grant| grant.ideal.is_some() && grant.target.is_none()).count();
        let mut changed = placed;
        let mut forwarded = BTreeSet::new();
        for (offer, grant) in offers.iter().zip(&grants) {
            let Some(video) = videos.get_mut(offer.video) else {
                continue;
            };
            video.demand = larger(video.demand, offer.wanted.max_height);
            let Some(egress) = offer.egress.and_then(|index| endpoint.egress.get_mut(index)) else {
                continue;
            };
            changed |= offer.current.map(|layer| layer.encoding) != grant.target.map(|layer| layer.encoding);
            egress.patience.settle(turn.now, offer.current, grant);
            egress.projection.set_target(grant.target);
            if grant.target.is_some() && egress.is_deliverable() {
                forwarded.insert(video.name.clone());
            }
        }
        let wake = endpoint.leg.bandwidth.next_wakeup().into_iter().chain(next).min();
        if forwarded != endpoint.forwarded {
            endpoint.forwarded = forwarded;
            self.tell_forwarded(turn, place);
        }
        if let Some(at) = wake {
            self.wake_by(place, at, Wake::Bandwidth);
        }
        changed
    }

    /// Who is told on the channel what is whose gets places for it. True if that changed.
    fn place_wanted(
        &mut self,
        turn: &mut Turn<'_>,
        place: usize,
        videos: &[Video],
        wishes: &[(usize, Wanted)],
    ) -> bool {
        let placing = |(video, wanted): &(usize, Wanted)| {
            let video = videos.get(*video)?;
            let names = self.source(video.owner, video.source)?.names(video.owner, video.source)?;
            video.enabled.then_some(Placing { names, wanted: wanted.max_height != 0 })
        };
        let placings: Vec<Placing> = wishes.iter().filter_map(placing).collect();
        let serials = placings.iter().filter(|placing| placing.wanted).map(|placing| placing.names.serial).collect();
        if let Some(endpoint) = self.get_mut(place) {
            endpoint.wanted = serials;
        }
        self.place_videos(turn, place, &placings)
    }

    /// Tells a sender how much of its source is wanted: more at once, less when it has stayed less for a while.
    fn tell_sender(&mut self, turn: &mut Turn<'_>, video: &Video) {
        let demand = video.demand;
        let Some(endpoint) = self.endpoints.get_mut(video.owner).and_then(Option::as_deref_mut) else {
            return;
        };
        let Some(source) = endpoint.sources.get_mut(video.source) else {
            return;
        };
        let now = turn.now;
        let tell = match source.announced {
            // A client sends until it is told not to; the first receiver's wish comes in a moment.
            None if demand == 0 && !video.is_settled => false,
            None if demand != 0 => true,
            Some(told) if told == demand => {
                source.lower_since = None;
                false
            }
            Some(told) if larger(told, demand) == demand => true,
            None | Some(_) => {
                let since = *source.lower_since.get_or_insert(now);
                let due = since + LOWERING;
                if due > now {
                    self.next_announcement = Some(self.next_announcement.map_or(due, |at| at.min(due)));
                }
                due <= now
            }
        };
        if !tell {
            return;
        }
        source.announced = Some(demand);
        source.lower_since = None;
        let is_first = *source.name == *format!("{}-v0", endpoint.id);
        if endpoint.settings.is_legacy() && is_first && endpoint.legacy_height != Some(demand) {
            endpoint.legacy_height = Some(demand);
            let message =
                BridgeMessage::SenderVideoConstraints { video_constraints: IdealHeight { ideal_height: demand } };
            self.say(turn, video.owner, &message);
        }
        let message =
            BridgeMessage::SenderSourceConstraints { source_name: video.name.to_string(), max_height: demand };
        self.say(turn, video.owner, &message);
    }

    /// Tells a receiver which sources it is being sent.
    pub(super) fn tell_forwarded(&mut self, turn: &mut Turn<'_>, place: usize) {
        let Some(endpoint) = self.get(place) else {
            return;
        };
        let names = endpoint.forwarded.iter().map(ToString::to_string).collect();
        let message = BridgeMessage::ForwardedSources { forwarded_sources: names };
        let legacy = endpoint.settings.is_legacy().then(|| self.owners_of(&endpoint.forwarded));
        self.say(turn, place, &message);
        if let Some(last_n_endpoints) = legacy {
            self.say(turn, place, &BridgeMessage::LastNEndpointsChangeEvent { last_n_endpoints });
        }
    }

    fn owners_of(&self, names: &BTreeSet<Arc<str>>) -> Vec<String> {
        let owns =
            |endpoint: &&crate::core::endpoint::Endpoint| endpoint.sources.iter().any(|s| names.contains(&s.name));
        self.endpoints().map(|(_, endpoint)| endpoint).filter(owns).map(|endpoint| endpoint.id.to_string()).collect()
    }
}

/// What the endpoint at `place` asks for, most important first: places among the videos, and how much of each.
fn wishes(endpoint: &Endpoint, place: usize, videos: &[Video]) -> Vec<(usize, Wanted)> {
    let others: Vec<(usize, &Video)> = videos.iter().enumerate().filter(|(_, video)| video.owner != place).collect();
    let candidates: Vec<Candidate<'_>> = others
        .iter()
        .map(|(_, video)| Candidate { name: &video.name, owner: &video.owner_id, enabled: video.enabled })
        .collect();
    let wanted = endpoint.settings.effective(&candidates).into_iter();
    wanted.filter_map(|wanted| Some((others.get(wanted.candidate)?.0, wanted))).collect()
}

fn offers(endpoint: &Endpoint, videos: &[Video], wishes: &[(usize, Wanted)]) -> Vec<Offer> {
    let first = wishes.iter().position(|(_, wanted)| wanted.max_height != 0);
    let offer = |(index, (at, wanted)): (usize, &(usize, Wanted))| {
        let video = videos.get(*at)?;
        let egress = endpoint.egress_of(video.serial);
        let current = egress.and_then(|egress| endpoint.egress.get(egress)?.projection.target());
        let layers = video.sticky(current, Some(index) == first);
        Some(Offer { video: *at, egress, wanted: *wanted, current, layers, most: Most::All })
    };
    wishes.iter().enumerate().filter_map(offer).collect()
}

/// What the smallest picture of a source costs.
fn least(videos: &[Video], offer: &Offer) -> u64 {
    let rungs = videos.get(offer.video).into_iter().flat_map(|video| &video.layers);
    rungs.filter(|rung| rung.active).map(|rung| rung.bps).min().unwrap_or(0)
}

/// What a layer of a source costs.
fn cost(videos: &[Video], offer: &Offer, layer: Option<Layer>) -> u64 {
    let mut rungs = videos.get(offer.video).into_iter().flat_map(|video| &video.layers);
    rungs.find(|rung| Some(rung.layer) == layer).map_or(0, |rung| rung.bps)
}

fn share_of(offers: &[Offer], videos: &[Video], budget: u64) -> Vec<Grant> {
    let asks: Vec<Ask<'_>> = offers.iter().map(|offer| offer.ask(videos)).collect();
    share(&asks, budget)
}

#[expect(clippy::cast_possible_truncation, reason = "rates are far below the bounds of the type")]
fn part(bps: u64, of_one: f64) -> u64 {
    (bps as f64 * of_one) as u64
}
