//! What a bridge says of itself in numbers: totals since the start, and how it stands now.

use std::ops::Add;
use std::time::{Duration, Instant};

use jitsi_wire::jingle::MediaKind;

use super::allocate::Layer;
use super::conference::Conference;
use super::endpoint::Endpoint;
use super::endpoint::encoding::Encoding;
use super::endpoint::source::Source;

/// More loss than this on the way to a receiver is called high (jitsi-videobridge `endpoints_with_high_outgoing_loss`).
const HIGH_LOSS: f64 = 0.1;

/// What happened since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub conferences_created: u64,
    pub conferences_completed: u64,
    /// Lives of those that are over.
    pub conference_seconds: u64,
    pub endpoints_created: u64,
    pub ice_succeeded: u64,
    pub ice_failed: u64,
    pub dtls_failed: u64,
    /// Clients that had media for a while and no channel.
    pub silent_channels: u64,
    pub data_channel_received: u64,
    pub data_channel_sent: u64,
    pub websocket_received: u64,
    pub websocket_sent: u64,
    pub dominant_speaker_changes: u64,
    /// Key frames that new dominant speakers were asked for before anybody needed them.
    pub key_frames_ahead: u64,
    pub key_frames_received: u64,
    /// Encodings that senders began or ended.
    pub layering_changes: u64,
    /// Times that an endpoint was declared silent, and that one came back.
    pub disconnected: u64,
    pub reconnected: u64,
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            conferences_created: self.conferences_created + other.conferences_created,
            conferences_completed: self.conferences_completed + other.conferences_completed,
            conference_seconds: self.conference_seconds + other.conference_seconds,
            endpoints_created: self.endpoints_created + other.endpoints_created,
            ice_succeeded: self.ice_succeeded + other.ice_succeeded,
            ice_failed: self.ice_failed + other.ice_failed,
            dtls_failed: self.dtls_failed + other.dtls_failed,
            silent_channels: self.silent_channels + other.silent_channels,
            data_channel_received: self.data_channel_received + other.data_channel_received,
            data_channel_sent: self.data_channel_sent + other.data_channel_sent,
            websocket_received: self.websocket_received + other.websocket_received,
            websocket_sent: self.websocket_sent + other.websocket_sent,
            dominant_speaker_changes: self.dominant_speaker_changes + other.dominant_speaker_changes,
            key_frames_ahead: self.key_frames_ahead + other.key_frames_ahead,
            key_frames_received: self.key_frames_received + other.key_frames_received,
            layering_changes: self.layering_changes + other.layering_changes,
            disconnected: self.disconnected + other.disconnected,
            reconnected: self.reconnected + other.reconnected,
        }
    }
}

/// How the bridge stands now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Gauges {
    /// New conferences are refused.
    pub draining: bool,
    pub largest_conference: usize,
    /// Conferences in which nobody sends anything.
    pub idle_conferences: usize,
    /// Of these, those of two, who talk past the bridge.
    pub pairs: usize,
    /// Endpoints with a recent sign of life, and without.
    pub active: usize,
    pub inactive: usize,
    pub sending_audio: usize,
    pub sending_video: usize,
    pub receive_only: usize,
    /// Receivers that are not sent a source that they want, for want of bandwidth.
    pub suspended: usize,
    /// Receivers on whose way much is lost.
    pub lossy: usize,
    /// Means over the endpoints that have one.
    pub round_trip: Option<Duration>,
    pub outgoing_loss: f64,
    pub incoming_loss: f64,
}

impl Add for Gauges {
    type Output = Self;

    /// Means are weighed by endpoints.
    fn add(self, other: Self) -> Self {
        let count = |gauges: &Self| (gauges.active + gauges.inactive) as f64;
        let (own, others) = (count(&self), count(&other));
        let mean = |one: f64, another: f64| {
            if own + others > 0.0 { (one * own + another * others) / (own + others) } else { 0.0 }
        };
        let round_trip = match (self.round_trip, other.round_trip) {
            (Some(one), Some(another)) => Some(Duration::from_secs_f64(mean(one.as_secs_f64(), another.as_secs_f64()))),
            (one, another) => one.or(another),
        };
        Self {
            draining: self.draining || other.draining,
            largest_conference: self.largest_conference.max(other.largest_conference),
            idle_conferences: self.idle_conferences + other.idle_conferences,
            pairs: self.pairs + other.pairs,
            active: self.active + other.active,
            inactive: self.inactive + other.inactive,
            sending_audio: self.sending_audio + other.sending_audio,
            sending_video: self.sending_video + other.sending_video,
            receive_only: self.receive_only + other.receive_only,
            suspended: self.suspended + other.suspended,
            lossy: self.lossy + other.lossy,
            round_trip,
            outgoing_loss: mean(self.outgoing_loss, other.outgoing_loss),
            incoming_loss: mean(self.incoming_loss, other.incoming_loss),
        }
    }
}

/// One conference.
#[derive(Debug, Clone, PartialEq)]
pub struct ConferenceReport {
    pub id: String,
    pub meeting_id: String,
    pub endpoints: Vec<EndpointReport>,
}

/// One participant.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointReport {
    pub id: String,
    pub active: bool,
    pub round_trip: Option<Duration>,
    /// What the path to it is known to carry, and what it would be sent if that were endless, in bits per second.
    pub estimated_bps: Option<u64>,
    pub wanted_bps: Option<u64>,
    /// Of what it is sent.
    pub outgoing_loss: f64,
    /// Of what it sends.
    pub incoming_loss: f64,
    pub datagrams_out: u64,
    pub bytes_out: u64,
    pub discarded: u64,
    /// Sources that it is sent, with the layer.
    pub receives: Vec<(String, Layer)>,
    /// Sources that it sends, each with the encodings that live.
    pub sends: Vec<(String, Vec<EncodingReport>)>,
}

/// One encoding that lives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodingReport {
    pub encoding: u8,
    /// Pixels of the smaller side; of audio it means nothing.
    pub height: u16,
    /// Over the last second.
    pub bps: u64,
}

/// Mean of what there is.
#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

/// How all these conferences stand.
pub(super) fn gauges<'a>(now: Instant, conferences: impl Iterator<Item = &'a Conference>) -> Gauges {
    let mut gauges = Gauges::default();
    let (mut round_trip, mut outgoing, mut incoming) = (Mean::default(), Mean::default(), Mean::default());
    for conference in conferences {
        gauges.largest_conference = gauges.largest_conference.max(conference.len());
        let mut idle = true;
        for (_, endpoint) in conference.endpoints() {
            let (audio, video) = (sends(endpoint, MediaKind::Audio, now), sends(endpoint, MediaKind::Video, now));
            idle &= !audio && !video;
            gauges.sending_audio += usize::from(audio);
            gauges.sending_video += usize::from(video);
            gauges.receive_only += usize::from(endpoint.leg.has_keys() && !audio && !video);
            let active = endpoint.last_activity().is_some() && !endpoint.inactive;
            gauges.active += usize::from(active);
            gauges.inactive += usize::from(!active);
            gauges.suspended += usize::from(endpoint.suspended > 0);
            let loss = endpoint.leg.bandwidth.loss();
            gauges.lossy += usize::from(loss > HIGH_LOSS);
            if endpoint.leg.has_keys() {
                outgoing.add(loss);
                incoming.add(endpoint.incoming_loss());
            }
            if let Some(rtt) = endpoint.round_trip() {
                round_trip.add(rtt.as_secs_f64());
            }
        }
        gauges.idle_conferences += usize::from(idle);
        gauges.pairs += usize::from(idle && conference.len() == 2);
    }
    gauges.round_trip = round_trip.value().map(Duration::from_secs_f64);
    gauges.outgoing_loss = outgoing.value().unwrap_or(0.0);
    gauges.incoming_loss = incoming.value().unwrap_or(0.0);
    gauges
}

fn sends(endpoint: &Endpoint, kind: MediaKind, now: Instant) -> bool {
    endpoint.sources.iter().any(|source| source.kind == kind && !source.is_asleep(now))
}

/// Everybody in one conference.
pub(super) fn report(now: Instant, conference: &Conference) -> ConferenceReport {
    let endpoints = conference.endpoints().map(|(_, endpoint)| one(now, conference, endpoint)).collect();
    ConferenceReport { id: conference.id.clone(), meeting_id: conference.meeting_id.clone(), endpoints }
}

fn one(now: Instant, conference: &Conference, endpoint: &Endpoint) -> EndpointReport {
    let path = endpoint.leg.bandwidth.describe();
    let receives = conference.endpoints().flat_map(|(_, other)| &other.sources).filter_map(|source| {
        let egress = endpoint.egress.get(endpoint.egress_of(source.serial)?)?;
        Some((source.name.to_string(), egress.projection.target()?))
    });
    let living = |source: &Source| {
        let all = (0_u8..).zip(&source.encodings).filter(|(_, encoding)| encoding.is_active());
        let report = |(index, encoding): (u8, &Encoding)| EncodingReport {
            encoding: index,
            height: encoding.height(),
            bps: encoding.bps(now),
        };
        (source.name.to_string(), all.map(report).collect())
    };
    EndpointReport {
        id: endpoint.id.to_string(),
        active: endpoint.last_activity().is_some() && !endpoint.inactive,
        round_trip: endpoint.round_trip(),
        estimated_bps: path.map(|path| path.bps),
        wanted_bps: path.map(|path| path.wanted_bps),
        outgoing_loss: endpoint.leg.bandwidth.loss(),
        incoming_loss: endpoint.incoming_loss(),
        datagrams_out: endpoint.leg.datagrams,
        bytes_out: endpoint.leg.bytes,
        discarded: endpoint.discarded,
        receives: receives.collect(),
        sends: endpoint.sources.iter().map(living).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_of_two_bridges_are_weighed_by_their_endpoints() {
        let ms = Duration::from_millis;
        let one = Gauges {
            active: 3,
            largest_conference: 3,
            round_trip: Some(ms(10)),
            incoming_loss: 0.5,
            ..Gauges::default()
        };
        let other = Gauges { active: 1, largest_conference: 1, round_trip: Some(ms(50)), ..Gauges::default() };
        let sum = one + other;
        assert_eq!((sum.active, sum.largest_conference, sum.round_trip), (4, 3, Some(ms(20))));
        assert!((sum.incoming_loss - 0.375).abs() < 1e-9, "{sum:?}");
        assert_eq!(Gauges::default() + one, one);
        assert_eq!(Gauges::default() + Gauges::default(), Gauges::default());
    }
}
