//! What a bot sees and hears: a jitter buffer that wants every packet in order, and a decoder that wants a key frame first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::sender::{OPUS, RTX, VP8};
use rtc_rtp::packet::Packet;

/// Between requests for one packet while the round trip time is not known, and how many there are at most (libwebrtc,
/// `nack_requester.cc`).
const NACK_EVERY: Duration = Duration::from_millis(100);
const NACK_TRIES: u32 = 10;
/// However short the round trip: its list is gone through that often.
const NACK_TICK: Duration = Duration::from_millis(20);
const PLI_EVERY: Duration = Duration::from_millis(500);

/// One received stream.
#[derive(Debug, Default)]
pub struct Track {
    pub packets: u64,
    pub duplicates: u64,
    pub recovered: u64,
    pub frames_decoded: u64,
    pub key_frames: u64,
    /// Frames thrown away because something they need never came.
    pub broken: u64,
    /// Picture ids or timestamps that went backwards, TL0PICIDX that jumped: always a fault of the bridge.
    pub faults: Vec<String>,
    pub height: u16,
    pub last_frame: Option<Instant>,
    /// Longest time between two decoded frames; set it to zero to measure anew.
    pub longest_gap: Duration,
    pub missing_now: usize,
    pub first_sequence: Option<u16>,
    highest: Option<u64>,
    next: u64,
    buffer: BTreeMap<u64, Packet>,
    missing: BTreeMap<u64, (Instant, u32)>,
    waiting_key: bool,
    last_timestamp: Option<u32>,
    last_picture: Option<(u16, u8)>,
    audio: bool,
}

/// All received streams by SSRC.
#[derive(Default)]
pub struct Receiver {
    pub tracks: BTreeMap<u32, Track>,
    /// RTX SSRC to primary SSRC.
    pub rtx: BTreeMap<u32, u32>,
    last_pli: BTreeMap<u32, Instant>,
}

/// What the receiver asks for.
pub enum Ask {
    Nack { ssrc: u32, sequences: Vec<u16> },
    KeyFrame { ssrc: u32 },
}

impl Receiver {
    pub fn handle(&mut self, now: Instant, mut packet: Packet) {
        let mut ssrc = packet.header.ssrc;
        let mut recovered = false;
        if packet.header.payload_type == RTX {
            let Some(primary) = self.rtx.get(&ssrc) else {
                return;
            };
            if packet.payload.len() < 2 {
                return;
            }
            let head = packet.payload.split_to(2);
            packet.header.sequence_number = u16::from_be_bytes([head[0], head[1]]);
            packet.header.payload_type = VP8;
            ssrc = *primary;
            recovered = true;
        }
        let track = self.tracks.entry(ssrc).or_insert_with(|| Track { waiting_key: true, ..Track::default() });
        track.accept(now, packet, recovered);
    }

    pub fn next_wakeup(&self, now: Instant) -> Option<Instant> {
        let waiting = self.tracks.values().any(|t| !t.audio && (!t.missing.is_empty() || t.waiting_key));
        waiting.then(|| now + Duration::from_millis(10))
    }

    pub fn asks(&mut self, now: Instant, rtt: Option<Duration>) -> Vec<Ask> {
        let mut asks = Vec::new();
        for (ssrc, track) in &mut self.tracks {
            if track.audio {
                continue;
            }
            let sequences = track.due(now, rtt.unwrap_or(NACK_EVERY).max(NACK_TICK));
            if !sequences.is_empty() {
                asks.push(Ask::Nack { ssrc: *ssrc, sequences });
            }
            let due = self.last_pli.get(ssrc).is_none_or(|at| now.duration_since(*at) >= PLI_EVERY);
            if track.waiting_key && due {
                self.last_pli.insert(*ssrc, now);
                asks.push(Ask::KeyFrame { ssrc: *ssrc });
            }
        }
        asks
    }
}

impl Track {
    fn accept(&mut self, now: Instant, packet: Packet, recovered: bool) {
        let sequence = packet.header.sequence_number;
        self.first_sequence.get_or_insert(sequence);
        self.audio = packet.header.payload_type == OPUS;
        let at = self.extend(sequence);
        if at < self.next || self.buffer.contains_key(&at) {
            self.duplicates += 1;
            return;
        }
        self.packets += 1;
        self.recovered += u64::from(recovered);
        self.missing.remove(&at);
        if let Some(highest) = self.highest
            && at > highest + 1
        {
            for lost in highest + 1..at {
                self.missing.insert(lost, (now, 0));
            }
        }
        self.highest = Some(self.highest.map_or(at, |h| h.max(at)));
        if self.next == 0 {
            self.next = at;
        }
        self.buffer.insert(at, packet);
        self.play(now);
        self.missing_now = self.missing.len();
    }

    fn extend(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            return 0x10000 + u64::from(sequence);
        };
        let delta = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        (highest as i64 + delta) as u64
    }

    fn due(&mut self, now: Instant, every: Duration) -> Vec<u16> {
        let mut due = Vec::new();
        let mut lost = None;
        for (at, (since, tries)) in &mut self.missing {
            if now.duration_since(*since) >= every || *tries == 0 {
                if *tries >= NACK_TRIES {
                    lost = Some(*at);
                    continue;
                }
                *since = now;
                *tries += 1;
                due.push(*at as u16);
            }
        }
        if let Some(lost) = lost {
            self.give_up(now, lost);
        }
        due
    }

    /// A packet that never came: skip it and everything until the next key frame.
    fn give_up(&mut self, now: Instant, lost: u64) {
        self.missing.retain(|at, _| *at > lost);
        self.next = lost + 1;
        self.buffer.retain(|at, _| *at > lost);
        self.waiting_key = true;
        self.broken += 1;
        self.play(now);
    }

    fn play(&mut self, now: Instant) {
        if self.audio {
            while self.buffer.remove(&self.next).is_some() {
                self.next += 1;
                self.frames_decoded += 1;
                let gap = self.last_frame.map_or(Duration::ZERO, |last| now - last);
                self.longest_gap = self.longest_gap.max(gap);
                self.last_frame = Some(now);
            }
            // Audio is never retransmitted: a hole is skipped after three packets.
            if self.buffer.len() > 3
                && let Some(at) = self.buffer.keys().next().copied()
            {
                self.broken += at - self.next;
                self.next = at;
                self.missing.retain(|lost, _| *lost > at);
                self.play(now);
            }
            return;
        }
        while let Some(last) = self.complete_frame() {
            let frame: Vec<Packet> = (self.next..=last).filter_map(|at| self.buffer.remove(&at)).collect();
            self.next = last + 1;
            self.decode(now, &frame);
        }
        if self.waiting_key {
            self.skip_to_key_frame(now);
        } else if let Some(at) = self.key_frame_ahead() {
            // It needs nothing of what is missing before it, and libwebrtc's frame buffer does not wait for that.
            self.broken += 1;
            self.go_on_at(now, at);
        }
    }

    /// The sequence number of the last packet of the next frame, when all of it is there.
    fn complete_frame(&self) -> Option<u64> {
        self.complete_from(self.next)
    }

    /// The first packet of a key frame that is whole, behind one that is not.
    fn key_frame_ahead(&self) -> Option<u64> {
        let starts = self.buffer.range(self.next + 1..).filter(|(_, packet)| key_frame_start(&packet.payload));
        starts.map(|(at, _)| *at).find(|at| self.complete_from(*at).is_some())
    }

    fn complete_from(&self, mut at: u64) -> Option<u64> {
        loop {
            let packet = self.buffer.get(&at)?;
            if packet.header.marker {
                return Some(at);
            }
            at += 1;
        }
    }

    fn skip_to_key_frame(&mut self, now: Instant) {
        let key = self.buffer.iter().find(|(at, p)| **at > self.next && key_frame_start(&p.payload)).map(|(at, _)| *at);
        if let Some(at) = key {
            self.go_on_at(now, at);
        }
    }

    fn go_on_at(&mut self, now: Instant, at: u64) {
        self.next = at;
        self.buffer.retain(|seq, _| *seq >= at);
        self.missing.retain(|seq, _| *seq > at);
        self.play(now);
    }

    fn decode(&mut self, now: Instant, frame: &[Packet]) {
        let Some(first) = frame.first() else { return };
        let payload = &first.payload;
        if payload.len() < 7 || payload[0] & 0x10 == 0 {
            self.broken += 1;
            if self.waiting_key {
                return;
            }
            self.fault("frame does not begin at a partition start");
            return;
        }
        let key = key_frame_start(payload);
        let picture = u16::from_be_bytes([payload[2], payload[3]]) & 0x7fff;
        let tl0 = payload[4];
        let timestamp = first.header.timestamp;
        if frame.iter().any(|p| p.header.timestamp != timestamp) {
            self.fault("one frame has two timestamps");
        }
        if let Some(last) = self.last_timestamp {
            let ahead = timestamp.wrapping_sub(last) as i32;
            if ahead <= 0 {
                self.fault(&format!("timestamp went back by {ahead}"));
            }
        }
        if self.waiting_key && !key {
            self.broken += 1;
            return;
        }
        if let Some((last, last_tl0)) = self.last_picture {
            let step = picture.wrapping_sub(last) & 0x7fff;
            if !(1..0x4000).contains(&step) {
                self.fault(&format!("picture id went from {last} to {picture}"));
            }
            if !key && !self.waiting_key && (step != 1 || tl0 != last_tl0.wrapping_add(1)) {
                self.fault(&format!("delta frame {picture}/{tl0} after {last}/{last_tl0}"));
            }
        }
        if key {
            self.key_frames += 1;
            self.waiting_key = false;
            self.height = u16::from_le_bytes([payload[14], payload[15]]) & 0x3fff;
        }
        self.last_timestamp = Some(timestamp);
        self.last_picture = Some((picture, tl0));
        self.frames_decoded += 1;
        let gap = self.last_frame.map_or(Duration::ZERO, |last| now - last);
        self.longest_gap = self.longest_gap.max(gap);
        self.last_frame = Some(now);
    }

    fn fault(&mut self, what: &str) {
        if self.faults.len() < 10 {
            self.faults.push(what.to_owned());
        }
    }
}

fn key_frame_start(payload: &[u8]) -> bool {
    payload.len() > 15 && payload[0] & 0x10 != 0 && payload[6] & 1 == 0
}
