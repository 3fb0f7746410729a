//! What a bot sends: Opus at 50 packets a second and VP8, one stream or three simulcast encodings, with RTX on request.

use bytes::{BufMut, Bytes, BytesMut};
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtp::header::{EXTENSION_PROFILE_ONE_BYTE, Extension, Header};
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Marshal;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub const OPUS: u8 = 111;
pub const VP8: u8 = 100;
pub const RTX: u8 = 96;
const AUDIO_LEVEL: u8 = 1;
pub const TRANSPORT_CC: u8 = 5;
const AUDIO_EVERY: Duration = Duration::from_millis(20);
const KEPT: usize = 512;

/// How much a bot sends.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub audio: bool,
    /// Simulcast encodings of the camera; 0 is no video.
    pub encodings: usize,
    pub frames_per_second: u32,
    /// Packets of a delta frame of the lowest encoding; each higher one sends twice as many.
    pub packets_per_frame: usize,
    pub payload: usize,
}

impl Default for Load {
    fn default() -> Self {
        Self { audio: true, encodings: 1, frames_per_second: 15, packets_per_frame: 2, payload: 900 }
    }
}

struct Encoding {
    ssrc: u32,
    rtx_ssrc: u32,
    sequence: u16,
    rtx_sequence: u16,
    picture_id: u16,
    tl0: u8,
    want_key: bool,
    active: bool,
    /// The machine is too slow for it, whatever is asked.
    stopped: bool,
    kept: VecDeque<Packet>,
}

/// Camera and microphone of one bot.
pub struct Sender {
    pub load: Load,
    pub audio_ssrc: u32,
    audio_sequence: u16,
    audio_timestamp: u32,
    /// 0 is loudest, 127 is silence.
    pub level: u8,
    pub audio_muted: bool,
    pub video_muted: bool,
    /// How much slower than the others' the clock of this bot is, in millionths.
    pub drift: i32,
    encodings: Vec<Encoding>,
    video_timestamp: u32,
    transport_sequence: u16,
    next_audio: Option<Instant>,
    next_video: Option<Instant>,
    started: Option<Instant>,
    pub key_frames: u32,
    pub frames: u32,
    pub retransmitted: u32,
    outbox: VecDeque<BytesMut>,
}

impl Sender {
    /// Streams are numbered from `base_ssrc`: audio, then each encoding and its RTX stream.
    pub fn new(base_ssrc: u32, load: Load) -> Self {
        let encodings = (0..load.encodings as u32)
            .map(|i| Encoding {
                ssrc: base_ssrc + 1 + 2 * i,
                rtx_ssrc: base_ssrc + 2 + 2 * i,
                sequence: 100,
                rtx_sequence: 7,
                picture_id: 0x7ff0,
                tl0: 250,
                want_key: true,
                active: true,
                stopped: false,
                kept: VecDeque::new(),
            })
            .collect();
        Self {
            load,
            audio_ssrc: base_ssrc,
            audio_sequence: 65_500,
            audio_timestamp: 1000,
            level: 30,
            audio_muted: false,
            video_muted: false,
            drift: 0,
            encodings,
            video_timestamp: 9000,
            transport_sequence: 65_000,
            next_audio: None,
            next_video: None,
            started: None,
            key_frames: 0,
            frames: 0,
            retransmitted: 0,
            outbox: VecDeque::new(),
        }
    }

    /// SSRC and RTX SSRC of each encoding, ascending quality.
    pub fn video_ssrcs(&self) -> Vec<(u32, u32)> {
        self.encodings.iter().map(|e| (e.ssrc, e.rtx_ssrc)).collect()
    }

    pub fn start(&mut self, now: Instant) {
        self.started = Some(now);
        self.next_audio = self.load.audio.then_some(now);
        self.next_video = (!self.encodings.is_empty()).then_some(now);
    }

    /// Nothing is sent from now on, nor does time pass for it.
    pub fn stop(&mut self) {
        (self.next_audio, self.next_video) = (None, None);
    }

    pub fn next_wakeup(&self) -> Option<Instant> {
        [self.next_audio, self.next_video].into_iter().flatten().min()
    }

    /// Everything that is due is queued for [`Self::poll`].
    pub fn on_wakeup(&mut self, now: Instant) {
        while self.next_audio.is_some_and(|at| at <= now) {
            self.next_audio = self.next_audio.map(|at| at + self.drifted(AUDIO_EVERY));
            self.audio_timestamp = self.audio_timestamp.wrapping_add(960);
            if !self.audio_muted {
                self.push_audio();
            }
        }
        let frame = self.drifted(Duration::from_secs(1) / self.load.frames_per_second);
        while self.next_video.is_some_and(|at| at <= now) {
            self.next_video = self.next_video.map(|at| at + frame);
            self.video_timestamp = self.video_timestamp.wrapping_add(90_000 / self.load.frames_per_second);
            if !self.video_muted {
                self.push_frame();
            }
        }
    }

    /// How long it takes until the clock of this bot has gone on by so much.
    fn drifted(&self, span: Duration) -> Duration {
        span.mul_f64(1.0 + f64::from(self.drift) / 1e6)
    }

    pub fn poll(&mut self) -> Option<BytesMut> {
        self.outbox.pop_front()
    }

    /// Microseconds by our clock.
    fn elapsed(&self, now: Instant) -> Option<u64> {
        let elapsed = (now - self.started?).as_micros() as f64;
        Some((elapsed / (1.0 + f64::from(self.drift) / 1e6)) as u64)
    }

    /// NTP time by our clock; none before the first packet.
    pub fn ntp(&self, now: Instant) -> Option<u64> {
        Some((3_900_000_000 << 32) + ((self.elapsed(now)? << 32) / 1_000_000))
    }

    /// A sender report for each stream; the NTP clock of a bot begins when it starts to send.
    pub fn reports(&self, now: Instant) -> Vec<SenderReport> {
        let (Some(elapsed), Some(ntp_time)) = (self.elapsed(now), self.ntp(now)) else {
            return Vec::new();
        };
        let report = |ssrc, rtp_time| SenderReport {
            ssrc,
            ntp_time,
            rtp_time,
            packet_count: 1,
            octet_count: 1,
            ..SenderReport::default()
        };
        let audio = self.load.audio.then(|| report(self.audio_ssrc, 1000 + (elapsed * 48 / 1000) as u32));
        let video = self.encodings.iter().enumerate().map(|(index, encoding)| {
            report(encoding.ssrc, (9000 + index as u32 * 5000).wrapping_add((elapsed * 90 / 1000) as u32))
        });
        audio.into_iter().chain(video).collect()
    }

    /// PLI or FIR for one of our streams: as libwebrtc does, every encoding starts anew.
    pub fn key_frame_wanted(&mut self, ssrc: u32) {
        if self.encodings.iter().any(|e| e.ssrc == ssrc) {
            for encoding in &mut self.encodings {
                encoding.want_key = true;
            }
        }
    }

    /// `maxHeight` of a `SenderSourceConstraints` for a 720p camera.
    pub fn limit_height(&mut self, max_height: i32) {
        let count = self.encodings.len();
        for (i, encoding) in self.encodings.iter_mut().enumerate() {
            let height = 720 >> (count - 1 - i);
            let active = max_height < 0 || height <= max_height || (i == 0 && max_height > 0);
            encoding.want_key |= active && !encoding.active;
            encoding.active = active;
        }
    }

    /// How many encodings are sent now.
    pub fn sending(&self) -> usize {
        self.encodings.iter().filter(|encoding| encoding.active && !encoding.stopped).count()
    }

    /// An encoding ends or goes on, without anybody having asked for that.
    pub fn stop_encoding(&mut self, index: usize, stopped: bool) {
        self.encodings[index].stopped = stopped;
        self.encodings[index].want_key |= !stopped;
    }

    /// A NACK for one of our streams.
    pub fn retransmit(&mut self, ssrc: u32, sequence: u16) {
        let transport_sequence = &mut self.transport_sequence;
        let Some(encoding) = self.encodings.iter_mut().find(|e| e.ssrc == ssrc) else {
            return;
        };
        let Some(packet) = encoding.kept.iter().find(|p| p.header.sequence_number == sequence) else {
            return;
        };
        let mut payload = BytesMut::with_capacity(packet.payload.len() + 2);
        payload.put_u16(sequence);
        payload.put_slice(&packet.payload);
        let header = Header {
            payload_type: RTX,
            ssrc: encoding.rtx_ssrc,
            sequence_number: encoding.rtx_sequence,
            ..packet.header.clone()
        };
        encoding.rtx_sequence = encoding.rtx_sequence.wrapping_add(1);
        self.retransmitted += 1;
        let mut packet = Packet { header, payload: payload.freeze() };
        stamp(&mut packet.header, transport_sequence);
        self.outbox.push_back(packet.marshal().expect("packet"));
    }

    fn push_audio(&mut self) {
        let header = Header {
            version: 2,
            payload_type: OPUS,
            sequence_number: self.audio_sequence,
            timestamp: self.audio_timestamp,
            ssrc: self.audio_ssrc,
            extension: true,
            extension_profile: EXTENSION_PROFILE_ONE_BYTE,
            extensions: vec![Extension { id: AUDIO_LEVEL, payload: Bytes::from(vec![0x80 | self.level]) }],
            ..Header::default()
        };
        self.audio_sequence = self.audio_sequence.wrapping_add(1);
        let payload = Bytes::from(vec![0x78; 80]);
        let packet = Packet { header, payload };
        self.outbox.push_back(packet.marshal().expect("packet"));
    }

    fn push_frame(&mut self) {
        self.frames += 1;
        for index in 0..self.encodings.len() {
            if self.encodings[index].active && !self.encodings[index].stopped {
                self.push_encoding(index);
            }
        }
    }

    fn push_encoding(&mut self, index: usize) {
        let load = self.load;
        let encoding = &mut self.encodings[index];
        let key = std::mem::take(&mut encoding.want_key);
        if key {
            self.key_frames += 1;
        }
        encoding.picture_id = (encoding.picture_id + 1) & 0x7fff;
        encoding.tl0 = encoding.tl0.wrapping_add(1);
        let packets = (load.packets_per_frame << index) * if key { 3 } else { 1 };
        for part in 0..packets {
            let payload = vp8_payload(encoding, index, key, part, load.payload);
            let mut packet = Packet {
                header: Header {
                    version: 2,
                    payload_type: VP8,
                    marker: part + 1 == packets,
                    sequence_number: encoding.sequence,
                    timestamp: self.video_timestamp.wrapping_add(index as u32 * 5000),
                    ssrc: encoding.ssrc,
                    ..Header::default()
                },
                payload,
            };
            encoding.sequence = encoding.sequence.wrapping_add(1);
            stamp(&mut packet.header, &mut self.transport_sequence);
            self.outbox.push_back(packet.marshal().expect("packet"));
            encoding.kept.push_back(packet);
            if encoding.kept.len() > KEPT {
                encoding.kept.pop_front();
            }
        }
    }
}

fn stamp(header: &mut Header, transport_sequence: &mut u16) {
    header.extension = true;
    header.extension_profile = EXTENSION_PROFILE_ONE_BYTE;
    header.extensions =
        vec![Extension { id: TRANSPORT_CC, payload: Bytes::copy_from_slice(&transport_sequence.to_be_bytes()) }];
    *transport_sequence = transport_sequence.wrapping_add(1);
}

/// A picture of one colour, by height: the key frame, and one that changes nothing in it and may follow any.
const PICTURES: [[&[u8]; 2]; 3] = [
    [include_bytes!("pictures/180.key"), include_bytes!("pictures/180.delta")],
    [include_bytes!("pictures/360.key"), include_bytes!("pictures/360.delta")],
    [include_bytes!("pictures/720.key"), include_bytes!("pictures/720.delta")],
];
/// Frame tag, and what a key frame has after it.
const TAG: usize = 3;
const KEY_HEADER: usize = 7;

/// Payload descriptor with picture id and TL0PICIDX, then this part of the frame (RFC 7741). What is beyond its end no decoder reads.
fn vp8_payload(encoding: &Encoding, index: usize, key: bool, part: usize, len: usize) -> Bytes {
    let start = part == 0;
    let mut out = BytesMut::with_capacity(len + 16);
    out.put_u8(0x80 | if start { 0x10 } else { 0 });
    out.put_u8(0xe0);
    out.put_u16(0x8000 | encoding.picture_id);
    out.put_u8(encoding.tl0);
    out.put_u8(0x20);
    let [key_frame, delta] = PICTURES[index];
    let (picture, head) = if key { (key_frame, TAG + KEY_HEADER) } else { (delta, TAG) };
    // The first part is longer by the head.
    let (from, to) = if start { (0, head + len) } else { (head + part * len, head + (part + 1) * len) };
    let size = out.len() + to - from;
    out.put_slice(&picture[from.min(picture.len())..to.min(picture.len())]);
    out.resize(size, 0);
    out.freeze()
}
