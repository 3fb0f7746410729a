//! Streams that a person sends: VP8 whose pictures no decoder sees, and Opus.

use super::scene::{Pace, Shape};
use super::stamp::{self, Stamp};
use crate::bot::sender::{OPUS, VP8};
use bytes::{BufMut, Bytes, BytesMut};
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtp::header::{EXTENSION_PROFILE_ONE_BYTE, Extension, Header};
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Marshal;
use std::time::{Duration, Instant};

/// Extension of a microphone's packets (RFC 6464): a voice, at 30 dB below the loudest.
pub const AUDIO_LEVEL: u8 = 1;
const VOICE: u8 = 0x80 | 30;
/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Audio,
    /// Encoding, counted from the lowest.
    Video(usize),
}

/// One stream.
#[derive(Debug)]
pub struct Track {
    pub ssrc: u32,
    kind: Kind,
    pace: Pace,
    due: Option<Instant>,
    sequence: u16,
    timestamp: u32,
    picture: u16,
    tl0: u8,
    /// Packets of this picture that have gone out.
    part: usize,
    key: bool,
    want_key: bool,
}

impl Track {
    pub fn new(ssrc: u32, kind: Kind) -> Self {
        let pace = Shape::audio();
        Self {
            ssrc,
            kind,
            pace,
            due: None,
            sequence: 100,
            timestamp: 9000,
            picture: 1,
            tl0: 1,
            part: 0,
            key: false,
            want_key: true,
        }
    }

    /// Sends like this from now on.
    pub fn begin(&mut self, shape: Shape, at: Instant) {
        self.pace = match self.kind {
            Kind::Audio => Shape::audio(),
            Kind::Video(encoding) => shape.video(encoding),
        };
        self.part = 0;
        self.due = Some(at);
    }

    pub fn end(&mut self) {
        self.due = None;
    }

    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    pub fn key_frame_wanted(&mut self) {
        self.want_key = true;
    }

    /// Does everybody look at it?
    pub fn wanted(&self) -> bool {
        matches!(self.kind, Kind::Audio | Kind::Video(0))
    }

    /// What is due now: header and payload of each. The number across all streams of this transport is counted on.
    pub fn burst(&mut self, transport_cc: u8, transport_sequence: &mut u16) -> Vec<Packet> {
        let Some(due) = self.due else { return Vec::new() };
        self.due = Some(due + self.pace.every);
        let stamp = Stamp { wanted: self.wanted(), sent: stamp::now() };
        (0..self.pace.burst)
            .map(|_| match self.kind {
                Kind::Audio => self.audio(stamp),
                Kind::Video(_) => self.video(stamp, transport_cc, transport_sequence),
            })
            .collect()
    }

    fn audio(&mut self, stamp: Stamp) -> Packet {
        self.timestamp = self.timestamp.wrapping_add(960);
        let extension = Extension { id: AUDIO_LEVEL, payload: Bytes::from_static(&[VOICE]) };
        self.packet(OPUS, false, extension, &[0x78], stamp)
    }

    fn video(&mut self, stamp: Stamp, transport_cc: u8, transport_sequence: &mut u16) -> Packet {
        if self.part == 0 {
            self.begin_picture();
        }
        let number = Bytes::copy_from_slice(&transport_sequence.to_be_bytes());
        *transport_sequence = transport_sequence.wrapping_add(1);
        let start = self.part == 0;
        self.part = (self.part + 1) % self.pace.frame;
        let head = self.head(start);
        self.packet(VP8, self.part == 0, Extension { id: transport_cc, payload: number }, &head, stamp)
    }

    fn begin_picture(&mut self) {
        let lasts = self.pace.every.mul_f64(self.pace.frame as f64 / self.pace.burst as f64);
        self.timestamp = self.timestamp.wrapping_add((lasts.as_secs_f64() * 90_000.0) as u32);
        self.picture = (self.picture + 1) & 0x7fff;
        self.tl0 = self.tl0.wrapping_add(1);
        self.key = std::mem::take(&mut self.want_key);
    }

    /// Payload descriptor with picture id and TL0PICIDX (RFC 7741, 4.2), and what a picture begins with (4.3).
    fn head(&self, start: bool) -> Vec<u8> {
        let [high, low] = (0x8000 | self.picture).to_be_bytes();
        let mut head = vec![0x80 | if start { 0x10 } else { 0 }, 0xe0, high, low, self.tl0, 0x20];
        match (start, self.key, self.kind) {
            (true, true, Kind::Video(encoding)) => {
                let (width, height) = (320u16 << encoding, 180u16 << encoding);
                head.extend([0x10, 0x20, 0, 0x9d, 0x01, 0x2a]);
                head.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
            }
            (true, ..) => head.extend([0x11, 0x20, 0]),
            (false, ..) => {}
        }
        head
    }

    fn packet(&mut self, payload_type: u8, marker: bool, extension: Extension, head: &[u8], stamp: Stamp) -> Packet {
        let mut payload = BytesMut::with_capacity(self.pace.payload);
        payload.put_slice(head);
        payload.resize(self.pace.payload - stamp::LEN, 0);
        payload.put_slice(&stamp.write());
        let sequence_number = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        let header = Header {
            version: 2,
            payload_type,
            marker,
            sequence_number,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            extension: true,
            extension_profile: EXTENSION_PROFILE_ONE_BYTE,
            extensions: vec![extension],
            ..Header::default()
        };
        Packet { header, payload: payload.freeze() }
    }

    pub fn report(&self) -> BytesMut {
        let now = Duration::from_nanos(stamp::now());
        let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp_time: (now.as_secs() + NTP_EPOCH) << 32 | fraction,
            rtp_time: self.timestamp,
            packet_count: 1,
            octet_count: 1,
            ..SenderReport::default()
        };
        report.marshal().expect("RTCP")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bursts(shape: Shape, count: usize) -> Vec<Packet> {
        let mut track = Track::new(7, Kind::Video(0));
        track.begin(shape, Instant::now());
        let mut number = 65_534;
        (0..count).flat_map(|_| track.burst(5, &mut number)).collect()
    }

    #[test]
    fn every_packet_has_its_size_its_stamp_and_the_next_number() {
        let packets = bursts(Shape::Trains, 3);
        assert_eq!(packets.len(), 18);
        for (index, packet) in (0u16..).zip(&packets) {
            assert_eq!(packet.payload.len(), 1100);
            assert!(Stamp::read(&packet.payload).is_some_and(|stamp| stamp.wanted));
            assert_eq!(packet.header.sequence_number, 100 + index);
            let number = packet.header.get_extension(5).expect("a number");
            assert_eq!(*number, 65_534u16.wrapping_add(index).to_be_bytes());
        }
    }

    #[test]
    fn a_picture_begins_once_ends_with_the_marker_and_is_a_key_frame_only_when_asked() {
        let packets = bursts(Shape::Singles, 16);
        let of_first: Vec<_> = packets[..8].iter().map(|p| (p.payload[0] & 0x10 != 0, p.header.marker)).collect();
        assert_eq!((of_first[0], of_first[7]), ((true, false), (false, true)));
        assert!(of_first[1..7].iter().all(|part| *part == (false, false)));
        assert_eq!(packets[0].payload[6] & 1, 0, "the first is a key frame");
        assert_eq!(packets[8].payload[6] & 1, 1, "the second is none");
        assert_ne!(packets[0].header.timestamp, packets[8].header.timestamp);
    }
}
