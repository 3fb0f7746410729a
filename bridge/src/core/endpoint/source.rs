//! One named track of an endpoint: its encodings as they come in, and who gets it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jitsi_wire::bridge_channel::VideoType;
use jitsi_wire::colibri2::{ForceMute, MediaSource};
use jitsi_wire::jingle::MediaKind;

use super::encoding::{Encoding, Encodings, describe_video, encodings};
use crate::core::Discard;
use crate::core::allocate::Layers;
use crate::core::codec::Codec;
use crate::core::egress::Names;
use crate::core::egress::clock::SenderClock;
use crate::core::egress::project::Incoming;
use crate::core::ingress::keyframe::{Pace, Requester};
use crate::core::packet::{AudioLevel, RtpHeader};
use crate::core::rtcp::SenderInfo;
use crate::core::speaker::{LoudnessGate, SilenceGate};

/// A camera encoding that is silent this long while others flow was switched off by its sender.
const SILENT_CAMERA: Duration = Duration::from_millis(400);
/// The encodings of one frame arrive within this time.
const SAME_FRAME: Duration = Duration::from_millis(100);
/// A screen may stand still for seconds.
const SILENT_DESKTOP: Duration = Duration::from_secs(5);
/// How often the encodings are looked at.
const LIVENESS_INTERVAL: Duration = Duration::from_millis(100);
/// A source that sends nothing for this long is asked for no more key frames.
const ASLEEP: Duration = Duration::from_secs(5);

/// One place in the fan-out: a receiver and its outgoing stream for this source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    pub endpoint: usize,
    pub egress: usize,
}

/// A named track.
#[derive(Debug)]
pub struct Source {
    pub name: Arc<str>,
    /// Never used twice: tells this source from a later one of the same name.
    pub serial: u64,
    pub kind: MediaKind,
    pub video_type: VideoType,
    /// Announced as a screen.
    pub desktop: bool,
    /// Only for those who ask for it by name.
    pub synthetic: bool,
    /// Somebody asks for this audio by name: it is heard however many are louder.
    pub asked_for: bool,
    pub encodings: Vec<Encoding>,
    /// By encoding.
    pub clocks: Vec<Option<SenderClock>>,
    /// Who gets it.
    pub receivers: Vec<Binding>,
    /// Receivers (by place) that want it and have no slot for it.
    pub unplaced: Vec<usize>,
    /// A tap gets it.
    pub tapped: bool,
    /// The encodings that a receiver gets or may be switched to; others are not kept for retransmission.
    watched: Encodings,
    pub key_frames: Requester,
    /// The encoding that the newest request was about.
    pub asked: u8,
    /// `SenderSourceConstraints` as last told to the client.
    pub announced: Option<i32>,
    /// A lower constraint than the one announced has been wanted since.
    pub lower_since: Option<Instant>,
    silence: SilenceGate,
    loudness: LoudnessGate,
    looked: Option<Instant>,
    last_packet: Option<Instant>,
}

/// A packet with a place in the stream, decrypted and restored.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    pub header: RtpHeader,
    /// Its length in the buffer.
    pub len: usize,
    pub incoming: Incoming,
    pub codec: Codec,
    /// Which encodings live has changed: allocate before it is forwarded.
    pub layering_changed: bool,
    /// Speech that only a tap gets: it is silence, or others are louder.
    pub unheard: bool,
}

/// What the endpoint knows of a packet besides its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    pub encoding: u8,
    /// Of a retransmission: the payload type that it restores.
    pub restores: Option<u8>,
    pub codec: Codec,
    pub muted: bool,
    /// The sender answers NACKs for this payload type.
    pub nack: bool,
    pub dependency_descriptor: Option<u8>,
    pub level: Option<AudioLevel>,
    /// Of all who talk this is one of the loudest.
    pub loud: bool,
    /// Bytes of this encoding that may be kept.
    pub room: usize,
}

impl Source {
    pub fn new(signalled: &MediaSource, serial: u64, video_type: VideoType) -> Self {
        let encodings: Vec<Encoding> = encodings(signalled);
        Self {
            name: Arc::from(signalled.id.as_str()),
            serial,
            kind: signalled.kind,
            video_type,
            desktop: signalled.desktop,
            synthetic: signalled.synthetic,
            asked_for: false,
            clocks: vec![None; encodings.len()],
            encodings,
            receivers: Vec::new(),
            unplaced: Vec::new(),
            tapped: false,
            watched: Encodings::default(),
            key_frames: Requester::new(pace(video_type)),
            asked: 0,
            announced: None,
            lower_since: None,
            silence: SilenceGate::default(),
            loudness: LoudnessGate::default(),
            looked: None,
            last_packet: None,
        }
    }

    /// The same streams as signalled: the source goes on.
    pub fn is_still(&self, signalled: &MediaSource) -> bool {
        let streams = |list: &[Encoding]| list.iter().map(|e| (e.ssrc, e.rtx)).collect::<Vec<_>>();
        *self.name == *signalled.id
            && self.kind == signalled.kind
            && self.desktop == signalled.desktop
            && streams(&self.encodings) == streams(&encodings(signalled))
    }

    /// As others get it who know it by its own SSRC. `owner` and `index` say where it is.
    pub fn names(&self, owner: usize, index: usize) -> Option<Names> {
        let primary = self.primary()?;
        Some(Names {
            owner,
            source: index,
            serial: self.serial,
            kind: self.kind,
            ssrc: primary.ssrc,
            rtx: primary.rtx,
            mid: None,
            clock_rate: self.clock_rate(),
        })
    }

    pub fn clock_rate(&self) -> u32 {
        clock_rate(self.kind)
    }

    /// SSRC of the lowest encoding, under which the source is known to receivers.
    pub fn primary(&self) -> Option<&Encoding> {
        self.encodings.first()
    }

    pub fn is_enabled(&self) -> bool {
        self.video_type != VideoType::None
    }

    pub fn set_video_type(&mut self, video_type: VideoType) {
        self.video_type = video_type;
        self.key_frames.set_pace(pace(video_type));
    }

    /// The focus forbids this source to be forwarded. What was announced as a screen stays one, whatever the client says of it.
    pub fn is_muted(&self, mute: ForceMute) -> bool {
        let is_desktop = self.desktop || matches!(self.video_type, VideoType::Desktop | VideoType::DesktopHighFps);
        match self.kind {
            MediaKind::Audio => mute.audio,
            MediaKind::Video if is_desktop => mute.desktop,
            MediaKind::Video => mute.video,
        }
    }

    /// Nobody gets it any more.
    pub fn unbind(&mut self) {
        self.receivers.clear();
        self.unplaced.clear();
        self.tapped = false;
        self.watched = Encodings::default();
    }

    /// One more receiver, which gets these encodings or may be switched to them.
    pub fn bind(&mut self, receiver: Binding, watches: Encodings) {
        self.receivers.push(receiver);
        self.watched = self.watched.with(watches);
    }

    /// A tap gets it, with these encodings.
    pub fn tap(&mut self, watches: Encodings) {
        self.tapped = true;
        self.watched = self.watched.with(watches);
    }

    /// Somebody gets it.
    pub fn is_wanted(&self) -> bool {
        self.tapped || !self.receivers.is_empty()
    }

    /// The encodings of which packets are worth keeping and asking for again.
    pub fn watched(&self) -> Encodings {
        self.watched
    }

    /// Bytes of an encoding that could be sent again.
    pub fn kept(&self, encoding: u8) -> usize {
        self.encodings.get(usize::from(encoding)).map_or(0, |encoding| encoding.history.bytes())
    }

    /// Nothing has come for a while.
    pub fn is_asleep(&self, now: Instant) -> bool {
        self.last_packet.is_none_or(|last| now.saturating_duration_since(last) > ASLEEP)
    }

    /// The layers as the allocation sees them.
    pub fn layers(&mut self, now: Instant) -> Layers {
        let mut layers = Layers::new();
        for (index, encoding) in (0..).zip(&mut self.encodings) {
            encoding.layers(now, index, &mut layers);
        }
        layers
    }

    /// The encoding to ask for a key frame if `wanted` is the one needed: that one, or if it is silent any that lives.
    pub fn askable(&self, wanted: u8) -> u8 {
        let highest = u8::try_from(self.encodings.len().saturating_sub(1)).unwrap_or(u8::MAX);
        let wanted = wanted.min(highest);
        let living = (0_u8..).zip(&self.encodings).filter(|(_, e)| e.active).map(|(index, _)| index);
        living.clone().find(|index| *index >= wanted).or_else(|| living.last()).unwrap_or(wanted)
    }

    /// The sender's report on one of the encodings.
    pub fn on_sender_report(&mut self, now: Instant, encoding: u8, info: &SenderInfo) {
        if let Some(clock) = self.clocks.get_mut(usize::from(encoding)) {
            *clock = Some(SenderClock { ntp: info.ntp.0, rtp: info.rtp_timestamp, at: now });
        }
        if let Some(encoding) = self.encodings.get_mut(usize::from(encoding)) {
            encoding.reception.on_sender_report(now, info.ntp);
        }
    }

    /// Books a decrypted packet and finds its place. Retransmissions are restored in the buffer.
    pub fn accept(
        &mut self,
        now: Instant,
        header: RtpHeader,
        packet: &mut [u8],
        context: &Context,
    ) -> Result<Placed, Discard> {
        let kind = self.kind;
        let encoding = self.encodings.get_mut(usize::from(context.encoding)).ok_or(Discard::UnknownSsrc)?;
        let (header, len, sequence) = encoding.locate(now, header, packet, context)?;
        let packet = packet.get(..len).ok_or(Discard::Malformed)?;
        if header.is_padding_only() {
            encoding.numbering.skip(sequence);
            return Err(Discard::NotWanted);
        }
        if context.muted {
            encoding.numbering.skip(sequence);
            return Err(Discard::Muted);
        }
        self.last_packet = Some(now);
        let mut marker = header.marker;
        let dense = if kind == MediaKind::Audio {
            let is_heard = self.loudness.accept(now, context.loud || self.asked_for || self.synthetic);
            if !context.level.is_none_or(|level| self.silence.accept(level)) || !is_heard {
                encoding.numbering.skip(sequence);
                if !self.tapped {
                    return Err(Discard::NotWanted);
                }
                let incoming = Incoming { payload_type: header.payload_type, ..Incoming::default() };
                let codec = context.codec;
                return Ok(Placed { header, len, incoming, codec, layering_changed: false, unheard: true });
            }
            let (dense, after_silence) = encoding.numbering.accept_closing(sequence).ok_or(Discard::TooOld)?;
            marker |= after_silence;
            dense
        } else {
            encoding.numbering.accept(sequence).ok_or(Discard::TooOld)?
        };
        let mut incoming = Incoming {
            encoding: context.encoding,
            sequence: dense,
            newest: encoding.numbering.newest(),
            timestamp: header.timestamp,
            payload_type: header.payload_type,
            marker,
            key_start: true,
            ..Incoming::default()
        };
        let mut layering_changed = false;
        if kind == MediaKind::Video {
            let descriptor = context.dependency_descriptor.and_then(|id| header.element(packet, id));
            describe_video(&mut incoming, context.codec, header.payload(packet), descriptor);
            encoding.place(&mut incoming, context.codec, descriptor);
            // Whatever this packet changes about who gets what: a receiver can only start at it if decoding can. What an encoding
            // begins with is kept as well: nobody watches one that was silent, and the key frame before it may come late.
            let begins = !encoding.active && context.restores.is_none();
            if incoming.key_start || begins || self.watched.has(context.encoding) {
                encoding.keep(now, &incoming, &header, packet, context.room)?;
            } else if context.restores.is_some() {
                // Senders probe their path with what they sent before: it says nothing of what this encoding costs, nor that it lives.
                return Err(Discard::NotWanted);
            }
            if incoming.key_start {
                encoding.losses.on_keyframe(now, sequence);
            }
            if incoming.key_start && context.codec.has_keyframes() {
                layering_changed |= encoding.learn(context.codec, header.payload(packet), descriptor);
                self.key_frames.on_keyframe();
            }
            layering_changed |= encoding.on_alive(now, packet.len(), &incoming);
            layering_changed |= self.look_for_silence(now);
        }
        Ok(Placed { header, len, incoming, codec: context.codec, layering_changed, unheard: false })
    }

    /// Marks encodings that fell silent while this one flows.
    fn look_for_silence(&mut self, now: Instant) -> bool {
        if self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LIVENESS_INTERVAL) {
            return false;
        }
        self.looked = Some(now);
        let limit = if self.video_type == VideoType::Camera { SILENT_CAMERA } else { SILENT_DESKTOP };
        // Of a slow camera every frame comes after a long silence: another encoding must have gone on to its next frame as well.
        let others = self.encodings.iter().filter_map(|encoding| encoding.frames.0).max();
        let mut changed = false;
        for encoding in &mut self.encodings {
            let silent = encoding.last_packet.is_none_or(|last| {
                now.saturating_duration_since(last) > limit && others.is_some_and(|at| at > last + SAME_FRAME)
            });
            if encoding.active && silent {
                encoding.active = false;
                changed = true;
            }
            changed |= encoding.has_lost_layer();
        }
        changed
    }
}

fn pace(video_type: VideoType) -> Pace {
    match video_type {
        VideoType::Desktop | VideoType::DesktopHighFps => Pace::Desktop,
        VideoType::Camera | VideoType::None => Pace::Camera,
    }
}

pub(super) fn clock_rate(kind: MediaKind) -> u32 {
    match kind {
        MediaKind::Audio => 48_000,
        MediaKind::Video => 90_000,
    }
}
