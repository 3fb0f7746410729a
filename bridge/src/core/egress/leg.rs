//! The sending half of one endpoint's transport: keys, path, transport-wide numbers.

use std::time::Instant;

use jitsi_wire::jingle::MediaKind;

use crate::core::allocate::estimate::Bandwidth;
use crate::core::endpoint::description::{Description, Extensions};
use crate::core::endpoint::rate::Rate;
use crate::core::packet::{Rewrite, RtpHeader, Seq, Ssrc, abs_send_time};
use crate::core::rtcp::Writer;
use crate::core::srtp::{self, Keys};
use crate::core::{Discard, Path, Sink};

/// Longest compound that is written; with its tag it fits the MTU of every path.
const MAX_RTCP: usize = 1200;
/// As much as the last byte can count.
const PADDING: [u8; 255] = {
    let mut padding = [0; 255];
    padding[254] = 255;
    padding
};
const PADDING_BIT: u8 = 0x20;
/// Where nothing is copied from.
const NOTHING: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Everything that goes to one endpoint passes here last.
#[derive(Debug)]
pub struct Leg {
    outbound: Option<srtp::Outbound>,
    path: Option<Path>,
    /// The path before.
    former: Option<Path>,
    pinned: bool,
    next_transport_sequence: Seq,
    /// Where abs-send-time counts from.
    epoch: Instant,
    audio: Stamping,
    video: Stamping,
    /// What the path carries.
    pub bandwidth: Bandwidth,
    speech: Rate,
    pub datagrams: u64,
    pub bytes: u64,
    /// Of these, padding of probes.
    pub padding: u64,
}

/// Names of a packet of padding.
#[derive(Debug, Clone, Copy)]
pub struct Padding {
    pub payload_type: u8,
    pub sequence: Seq,
    pub timestamp: u32,
    pub ssrc: Ssrc,
}

/// What is stamped on packets of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Stamping {
    transport_cc: Option<u8>,
    abs_send_time: Option<u8>,
    allow_mixed: bool,
}

impl Leg {
    pub fn new(now: Instant, epoch: Instant, max_bps: u64) -> Self {
        Self {
            outbound: None,
            path: None,
            former: None,
            pinned: false,
            next_transport_sequence: Seq(1),
            epoch,
            audio: Stamping::default(),
            video: Stamping::default(),
            bandwidth: Bandwidth::new(now, max_bps),
            speech: Rate::default(),
            datagrams: 0,
            bytes: 0,
            padding: 0,
        }
    }

    pub fn set_keys(&mut self, keys: &Keys) {
        self.outbound = Some(srtp::Outbound::new(keys.profile, &keys.local));
    }

    /// Where media goes; `None` while no path is validated. True if it goes elsewhere than before.
    pub fn set_path(&mut self, now: Instant, path: Option<Path>) -> bool {
        if self.pinned || path == self.path {
            return false;
        }
        let from = self.path.or(self.former);
        let moved = path.is_some() && from.is_some() && from != path;
        if moved {
            self.bandwidth.on_path_changed(now);
        }
        self.former = from;
        self.path = path;
        moved
    }

    /// Media goes here from now on, whatever ICE says.
    pub fn pin_path(&mut self, path: Path) {
        self.path = Some(path);
        self.pinned = true;
    }

    /// Takes the receiver's extension ids.
    pub fn describe(&mut self, description: &Description) {
        let audio_is_counted = description.audio.any(|payload| payload.transport_cc);
        self.audio = Stamping::new(&description.audio.extensions, audio_is_counted, description.audio.allow_mixed);
        self.video = Stamping::new(&description.video.extensions, true, description.video.allow_mixed);
        self.bandwidth.set_counted(self.video.transport_cc.is_some());
    }

    /// Media can be sent.
    pub fn is_open(&self) -> bool {
        self.outbound.is_some() && self.path.is_some()
    }

    pub fn has_keys(&self) -> bool {
        self.outbound.is_some()
    }

    /// A packet may be sent again under its own number, as long as its payload is the same.
    pub fn may_repeat(&self) -> bool {
        self.outbound.as_ref().is_some_and(srtp::Outbound::may_repeat)
    }

    pub fn allows_two_byte(&self, kind: MediaKind) -> bool {
        self.stamping(kind).allow_mixed
    }

    /// The elements of our own making for the next packet.
    pub fn stamp(&mut self, now: Instant, kind: MediaKind) -> Stamp {
        let stamping = self.stamping(kind);
        let transport = stamping.transport_cc.map(|id| {
            let sequence = self.next_transport_sequence;
            self.next_transport_sequence = sequence.next();
            (id, sequence.0.to_be_bytes())
        });
        let send_time = stamping.abs_send_time.map(|id| (id, abs_send_time(now.saturating_duration_since(self.epoch))));
        Stamp { at: now, kind, transport, send_time }
    }

    /// Encrypts the first `len` bytes of the slot, which bear this stamp, and commits them. Answers the datagram's length.
    pub fn seal(&mut self, stamp: &Stamp, len: usize, sink: &mut dyn Sink) -> Result<usize, Discard> {
        let (outbound, path) = self.outbound.as_mut().zip(self.path).ok_or(Discard::NoKeys)?;
        let len = outbound.protect_rtp(sink.slot(), len)?;
        self.commit(path, len, sink);
        if let Some((_, sequence)) = stamp.transport {
            self.bandwidth.on_sent(stamp.at, Seq(u16::from_be_bytes(sequence)), len);
        }
        if stamp.kind == MediaKind::Audio {
            self.speech.add(stamp.at, len);
        }
        Ok(len)
    }

    /// Sends a packet that carries nothing.
    pub fn pad(&mut self, now: Instant, padding: Padding, sink: &mut dyn Sink) -> Result<usize, Discard> {
        let stamp = self.stamp(now, MediaKind::Video);
        let rewrite = Rewrite {
            payload_type: padding.payload_type,
            marker: false,
            sequence: padding.sequence,
            timestamp: padding.timestamp,
            ssrc: padding.ssrc,
            kept: &[],
            stamped: &stamp.elements(),
            allow_two_byte: self.video.allow_mixed,
        };
        let slot = sink.slot();
        let written = rewrite.write(slot, &RtpHeader::parse(&NOTHING)?, &NOTHING, &[], &PADDING)?;
        if let Some(first) = slot.first_mut() {
            *first |= PADDING_BIT;
        }
        let len = self.seal(&stamp, written.len, sink)?;
        self.padding += len as u64;
        Ok(len)
    }

    /// Bits per second that speech takes.
    pub fn speech_bps(&mut self, now: Instant) -> u64 {
        self.speech.bps(now)
    }

    /// Sends what `write` puts into a compound; nothing if it puts nothing or the transport is not open.
    pub fn send_rtcp(
        &mut self,
        sink: &mut dyn Sink,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), Discard>,
    ) -> Result<(), Discard> {
        let (outbound, path) = self.outbound.as_mut().zip(self.path).ok_or(Discard::NoKeys)?;
        let slot = sink.slot();
        let room = slot.len().saturating_sub(srtp::MAX_RTCP_OVERHEAD).min(MAX_RTCP);
        let mut writer = Writer::new(slot.get_mut(..room).ok_or(Discard::TooLarge)?);
        let written = write(&mut writer);
        let len = writer.len();
        if len > 0 {
            let len = outbound.protect_rtcp(slot, len)?;
            self.commit(path, len, sink);
        }
        written
    }

    fn stamping(&self, kind: MediaKind) -> Stamping {
        match kind {
            MediaKind::Audio => self.audio,
            MediaKind::Video => self.video,
        }
    }

    fn commit(&mut self, path: Path, len: usize, sink: &mut dyn Sink) {
        sink.commit(path, len);
        self.datagrams += 1;
        self.bytes += len as u64;
    }
}

impl Stamping {
    /// Of the two clocks for bandwidth estimation only one is fed: transport-wide numbers where they are negotiated.
    fn new(extensions: &Extensions, counted: bool, allow_mixed: bool) -> Self {
        let transport_cc = extensions.transport_cc.filter(|_| counted);
        let abs_send_time = extensions.abs_send_time.filter(|_| extensions.transport_cc.is_none());
        Self { transport_cc, abs_send_time, allow_mixed }
    }
}

/// Elements of our own making: a stamp's two, and two more.
pub type Elements<'a> = heapless::Vec<(u8, &'a [u8]), 4>;

/// Elements stamped on one packet.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    at: Instant,
    kind: MediaKind,
    transport: Option<(u8, [u8; 2])>,
    send_time: Option<(u8, [u8; 3])>,
}

impl Stamp {
    pub fn elements(&self) -> Elements<'_> {
        let mut elements = Elements::new();
        elements.extend(self.transport.as_ref().map(|(id, bytes)| (*id, bytes.as_slice())));
        elements.extend(self.send_time.as_ref().map(|(id, bytes)| (*id, bytes.as_slice())));
        elements
    }
}
