//! What clients say over the bridge channel, and what they are told.

use std::sync::Arc;

use jitsi_wire::bridge_channel::{BridgeMessage, ClientMessage, Relayed, VideoType};
use jitsi_wire::jingle::MediaKind;

use super::Conference;
use crate::core::allocate::Candidate;
use crate::core::endpoint::channel::Carrier;
use crate::core::endpoint::sctp::MAX_QUEUED;
use crate::core::turn::Turn;
use crate::core::{Event, Importance};

/// Statistics are relayed to all in conferences up to this size (jitsi-videobridge `stats-filter-threshold`).
const SMALL: usize = 20;
/// Former speakers that a message lists (jitsi-videobridge `recent-speakers-count`).
const PREVIOUS_SPEAKERS: usize = 10;
/// Longest message that is relayed, in bytes.
const MAX_RELAYED: usize = 32 * 1024;

impl Conference {
    /// A text from the client of the endpoint at `place`.
    pub fn on_text(&mut self, turn: &mut Turn<'_>, place: usize, text: &str, over_data_channel: bool) {
        let Some(endpoint) = self.get_mut(place) else {
            return;
        };
        if !endpoint.channel.on_message(turn.now, over_data_channel) {
            return;
        }
        let totals = &mut turn.counters.totals;
        *(if over_data_channel { &mut totals.data_channel_received } else { &mut totals.websocket_received }) += 1;
        match ClientMessage::parse(text) {
            Ok(message) => self.on_message(turn, place, message),
            // Whatever a client says, its channel stays open.
            Err(why) => tracing::debug!(endpoint = %endpoint.id, %why, "unreadable message"),
        }
    }

    fn on_message(&mut self, turn: &mut Turn<'_>, place: usize, message: ClientMessage) {
        let Some(endpoint) = self.endpoints.get_mut(place).and_then(Option::as_deref_mut) else {
            return;
        };
        let changed = match message {
            ClientMessage::Hello => {
                let hello = BridgeMessage::ServerHello { version: self.version.clone() };
                self.say(turn, place, &hello);
                false
            }
            // Visitors are not heard.
            ClientMessage::EndpointMessage(_) | ClientMessage::EndpointStats(_) if endpoint.visitor => false,
            ClientMessage::EndpointMessage(message) => {
                self.relay_message(turn, place, message);
                false
            }
            ClientMessage::EndpointStats(stats) => {
                self.relay_stats(turn, place, stats);
                false
            }
            ClientMessage::ReceiverVideoConstraints(constraints) => {
                let assumed = constraints.assumed_bandwidth_bps.zip(self.assumed_bandwidth_limit);
                let changed = assumed.is_some_and(|(asked, limit)| endpoint.assume_bandwidth(asked, limit));
                endpoint.settings.merge(constraints) || changed
            }
            ClientMessage::LastN(last_n) => endpoint.settings.set_last_n(last_n),
            ClientMessage::AudioSubscription(mut subscription) => {
                subscription.include.truncate(MAX_NAMES);
                subscription.exclude.truncate(MAX_NAMES);
                endpoint.audio.replace(subscription.clone()) != Some(subscription)
            }
            ClientMessage::SourceVideoType { source, video_type } => {
                let changed = endpoint.set_video_type(&source, video_type);
                self.tap_retyped(turn.now, place);
                changed
            }
            ClientMessage::VideoType(video_type) => {
                let changed = self.on_legacy_video_type(place, video_type);
                self.tap_retyped(turn.now, place);
                changed
            }
            ClientMessage::Unknown(class) => {
                tracing::trace!(endpoint = %endpoint.id, %class, "message of an unknown class");
                false
            }
        };
        self.allocation_stale |= changed;
    }

    fn on_legacy_video_type(&mut self, place: usize, video_type: VideoType) -> bool {
        let Some(endpoint) = self.get_mut(place) else {
            return false;
        };
        let name = format!("{}-v0", endpoint.id);
        endpoint.set_video_type(&name, video_type)
    }

    /// To one endpoint or to all others, under the sender's true name.
    fn relay_message(&mut self, turn: &mut Turn<'_>, place: usize, message: Relayed) {
        let to = message.to.clone().filter(|to| !to.trim().is_empty());
        let Some(text) = self.stamped(turn, place, message) else {
            return;
        };
        match to {
            Some(to) => {
                let Some(target) = self.find(&to) else {
                    return;
                };
                if !self.get_mut(target).is_some_and(|target| target.channel.wait_with(&text)) {
                    self.say_text(turn, target, &text, Importance::Message);
                }
            }
            None => self.say_text_to_others(turn, place, &text, Importance::Message),
        }
    }

    fn relay_stats(&mut self, turn: &mut Turn<'_>, place: usize, stats: Relayed) {
        let Some(text) = self.stamped(turn, place, stats) else {
            return;
        };
        let is_loud = self.len() > self.loudest_above
            && self.get(place).is_some_and(|endpoint| self.speakers.is_loud(endpoint.handle.generation));
        let has_spoken = self.spoke.iter().take(1 + PREVIOUS_SPEAKERS).any(|other| *other == place);
        let is_known = self.len() <= SMALL || has_spoken || is_loud;
        for other in 0..self.endpoints.len() {
            if other != place && (is_known || self.watches(other, place)) {
                self.say_text(turn, other, &text, Importance::Statistics);
            }
        }
    }

    /// Does the receiver want to see any video of the sender?
    fn watches(&self, receiver: usize, sender: usize) -> bool {
        let Some((receiver, sender)) = self.get(receiver).zip(self.get(sender)) else {
            return false;
        };
        let mut videos = sender.sources.iter().filter(|source| source.kind == MediaKind::Video);
        videos.any(|source| {
            let candidate = Candidate { name: &source.name, owner: &sender.id, enabled: source.is_enabled() };
            receiver.wanted.contains(&source.serial) || receiver.settings.features(&candidate)
        })
    }

    /// The message with the sender's name in it, made once for all; nothing if the client relays too much.
    fn stamped(&mut self, turn: &Turn<'_>, place: usize, message: Relayed) -> Option<Arc<str>> {
        let endpoint = self.get_mut(place)?;
        let text = message.stamped(&endpoint.id);
        let passes = text.len() <= MAX_RELAYED && endpoint.channel.may_relay(turn.now, text.len());
        passes.then(|| Arc::from(text))
    }

    /// Everything that a client has to know when its channel opens, or opens again.
    pub(super) fn greet(&mut self, turn: &mut Turn<'_>, place: usize, websocket: bool) {
        if websocket {
            let hello = BridgeMessage::ServerHello { version: self.version.clone() };
            self.say(turn, place, &hello);
        }
        let Some(endpoint) = self.get(place) else {
            return;
        };
        let constraints: Vec<BridgeMessage> = endpoint
            .sources
            .iter()
            .filter_map(|source| {
                let max_height = source.announced?;
                Some(BridgeMessage::SenderSourceConstraints { source_name: source.name.to_string(), max_height })
            })
            .collect();
        for message in &constraints {
            self.say(turn, place, message);
        }
        self.tell_forwarded(turn, place);
        self.tell_all_places(turn, place);
        let inactive: Vec<String> = self
            .endpoints()
            .filter(|(_, other)| other.inactive && !other.visitor)
            .map(|(_, other)| other.id.to_string())
            .collect();
        for endpoint in inactive {
            self.say(turn, place, &BridgeMessage::EndpointConnectivityStatusChangeEvent { endpoint, active: false });
        }
        if let Some(message) = self.speakers_message() {
            self.say(turn, place, &message);
        }
        let waiting = self.get_mut(place).map(|endpoint| endpoint.channel.take_waiting());
        for text in waiting.unwrap_or_default() {
            self.say_text(turn, place, &text, Importance::Message);
        }
    }

    /// Somebody else dominates now.
    pub(super) fn on_dominant(&mut self, turn: &mut Turn<'_>, generation: u64) {
        let found = self.endpoints().find(|(_, endpoint)| endpoint.handle.generation == generation);
        let Some(place) = found.map(|(place, _)| place) else {
            return;
        };
        for list in [&mut self.order, &mut self.spoke] {
            list.retain(|other| *other != place);
            list.insert(0, place);
        }
        turn.counters.totals.dominant_speaker_changes += 1;
        self.tell_speakers(turn);
        self.tap_speaker(turn.now, place);
        self.plan_key_frame(turn.now, place);
        self.allocation_stale = true;
    }

    pub(super) fn tell_speakers(&mut self, turn: &mut Turn<'_>) {
        if let Some(message) = self.speakers_message() {
            self.broadcast(turn, &message);
        }
    }

    fn speakers_message(&self) -> Option<BridgeMessage> {
        let mut ids = self.spoke.iter().filter_map(|place| Some(self.get(*place)?.id.to_string()));
        Some(BridgeMessage::DominantSpeakerEndpointChangeEvent {
            dominant_speaker_endpoint: ids.next()?,
            previous_speakers: ids.take(PREVIOUS_SPEAKERS).collect(),
            silence: false,
        })
    }

    /// Tells everybody.
    pub(super) fn broadcast(&mut self, turn: &mut Turn<'_>, message: &BridgeMessage) {
        let text: Arc<str> = Arc::from(message.to_text());
        self.say_text_to_others(turn, usize::MAX, &text, Importance::State);
    }

    /// Tells everybody what somebody outside the meeting has to say; no client waits for it.
    pub fn announce(&mut self, turn: &mut Turn<'_>, text: &Arc<str>) {
        self.say_text_to_others(turn, usize::MAX, text, Importance::Message);
    }

    fn say_text_to_others(&mut self, turn: &mut Turn<'_>, place: usize, text: &Arc<str>, importance: Importance) {
        for other in (0..self.endpoints.len()).filter(|other| *other != place) {
            self.say_text(turn, other, text, importance);
        }
    }

    /// False if the client has no channel, or one that takes no more.
    pub(super) fn say(&mut self, turn: &mut Turn<'_>, place: usize, message: &BridgeMessage) -> bool {
        let has_channel = self.get(place).is_some_and(|endpoint| endpoint.channel.carrier().is_some());
        has_channel && self.say_text(turn, place, &Arc::from(message.to_text()), Importance::State)
    }

    /// Over whatever channel there is; without one it is lost, the next greeting makes up for it. A client that does not read loses
    /// statistics first, then what others say to it. What the bridge itself says is said anew when there is room again.
    fn say_text(&mut self, turn: &mut Turn<'_>, place: usize, text: &Arc<str>, importance: Importance) -> bool {
        let Some(endpoint) = self.get_mut(place) else {
            return false;
        };
        match endpoint.channel.carrier() {
            Some(Carrier::WebSocket(id)) => {
                turn.counters.totals.websocket_sent += 1;
                turn.events.push_back(Event::ChannelText { id, text: text.clone(), importance });
                true
            }
            Some(Carrier::DataChannel) => {
                turn.counters.totals.data_channel_sent += 1;
                let has_room = endpoint.transport.queued_text() < importance.share_of(MAX_QUEUED);
                let taken = has_room && endpoint.transport.send_text(turn.now, text).is_ok();
                endpoint.discarded += u64::from(!taken);
                endpoint.channel.owes |= !taken && importance == Importance::State;
                self.drain(turn, place);
                taken
            }
            None => false,
        }
    }

    /// A client that could not be told how things stand is told now, if it reads again.
    pub(super) fn pay_what_is_owed(&mut self, turn: &mut Turn<'_>, place: usize) {
        let Some(endpoint) = self.get_mut(place) else {
            return;
        };
        if endpoint.channel.owes && endpoint.transport.queued_text() < MAX_QUEUED / 4 {
            endpoint.channel.owes = false;
            self.greet(turn, place, false);
        }
    }
}

/// Names in one list of an audio subscription.
const MAX_NAMES: usize = 500;
