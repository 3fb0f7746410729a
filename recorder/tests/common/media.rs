//! Media made by GStreamer's encoders and payloaders.

use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use media_tap::{Codec, Kind, PayloadType, Report, Stream};

use super::av1;

/// A packet and when it comes.
#[derive(Debug, Clone)]
pub struct Packet {
    pub at: Duration,
    pub rtp: Vec<u8>,
}

/// What is sent of a stream.
#[derive(Debug, Clone)]
pub struct Source {
    pub ssrc: u32,
    pub endpoint: &'static str,
    pub name: &'static str,
    pub codec: Codec,
    pub payload_type: u8,
}

impl Source {
    pub fn new(ssrc: u32, endpoint: &'static str, name: &'static str, codec: Codec, payload_type: u8) -> Self {
        Self { ssrc, endpoint, name, codec, payload_type }
    }

    pub fn kind(&self) -> Kind {
        if self.codec == Codec::Opus { Kind::Audio } else { Kind::Video }
    }

    pub fn clock_rate(&self) -> u32 {
        if self.codec == Codec::Opus { 48_000 } else { 90_000 }
    }

    pub fn note(&self) -> Stream {
        Stream {
            ssrc: self.ssrc,
            kind: self.kind(),
            endpoint: self.endpoint.to_owned(),
            source: self.name.to_owned(),
            desktop: false,
            payload_types: vec![PayloadType {
                id: self.payload_type,
                codec: self.codec,
                clock_rate: self.clock_rate(),
            }],
        }
    }

    /// Pictures of a test pattern.
    pub fn pictures(&self, pattern: &str, size: (u32, u32), count: u32, key_every: u32) -> Vec<Packet> {
        let (width, height) = size;
        let raw = format!(
            "videotestsrc {pattern} num-buffers={count} \
             ! video/x-raw,format=I420,width={width},height={height},framerate=30/1"
        );
        let encoder = match self.codec {
            Codec::Vp8 => format!("vp8enc deadline=1 cpu-used=16 keyframe-max-dist={key_every}"),
            Codec::Vp9 => format!("vp9enc deadline=1 cpu-used=9 lag-in-frames=0 keyframe-max-dist={key_every}"),
            Codec::H264 => format!("x264enc tune=zerolatency speed-preset=ultrafast key-int-max={key_every}"),
            Codec::Av1 => return self.av1(&raw, key_every),
            Codec::Opus => unreachable!("it is no codec of pictures"),
        };
        self.make(&format!("{raw} ! {encoder} ! {}", self.payloader()))
    }

    fn av1(&self, raw: &str, key_every: u32) -> Vec<Packet> {
        let encoder = format!("av1enc cpu-used=9 usage-profile=realtime lag-in-frames=0 keyframe-max-dist={key_every}");
        let units =
            buffers(&format!("{raw} ! {encoder} ! av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu"));
        let mut sequence = 65_500_u16;
        let mut packets = Vec::new();
        for (index, (at, unit)) in units.into_iter().enumerate() {
            let payloads = av1::payloads(&unit, index % key_every as usize == 0);
            let last = payloads.len() - 1;
            for (index, payload) in payloads.into_iter().enumerate() {
                let timestamp = 1_000 + (at.as_nanos() * 90_000 / 1_000_000_000) as u32;
                packets.push(Packet { at, rtp: self.rtp(sequence, timestamp, index == last, &payload) });
                sequence = sequence.wrapping_add(1);
            }
        }
        packets
    }

    /// A packet.
    pub fn rtp(&self, sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
        let second = self.payload_type | if marker { 0x80 } else { 0 };
        let [s0, s1] = sequence.to_be_bytes();
        [&[0x80, second, s0, s1][..], &timestamp.to_be_bytes(), &self.ssrc.to_be_bytes(), payload].concat()
    }

    /// A tone, in packets of 20 ms.
    pub fn tone(&self, hertz: u32, packets: u32) -> Vec<Packet> {
        self.make(&format!(
            "audiotestsrc wave=sine freq={hertz} volume=0.5 samplesperbuffer=960 num-buffers={packets} \
             ! audio/x-raw,rate=48000,channels=1 ! opusenc bitrate=32000 frame-size=20 ! {}",
            self.payloader()
        ))
    }

    fn payloader(&self) -> String {
        let (payload_type, ssrc) = (self.payload_type, self.ssrc);
        let common = format!("pt={payload_type} ssrc={ssrc} seqnum-offset=65500 mtu=1200");
        match self.codec {
            Codec::Opus => format!("rtpopuspay {common}"),
            Codec::Vp8 => format!("rtpvp8pay {common} picture-id-mode=15-bit"),
            Codec::Vp9 => format!("rtpvp9pay {common} picture-id-mode=15-bit"),
            Codec::H264 => format!("rtph264pay {common} config-interval=-1 aggregate-mode=zero-latency"),
            Codec::Av1 => unreachable!("there is no payloader for it"),
        }
    }

    /// Packets of a pipeline, which come when they were captured.
    pub fn make(&self, pipeline: &str) -> Vec<Packet> {
        buffers(pipeline).into_iter().map(|(at, rtp)| Packet { at, rtp }).collect()
    }

    /// A report of a moment, whose time on the stream's clock is known by a packet.
    pub fn report(&self, first: &Packet, captured: Duration, now: Duration, ntp: u64) -> Report {
        let timestamp = u32::from_be_bytes(first.rtp[4..8].try_into().unwrap());
        let since = now.as_micros() as i64 - captured.as_micros() as i64;
        let ticks = since * i64::from(self.clock_rate()) / 1_000_000;
        Report { ssrc: self.ssrc, ntp, rtp: timestamp.wrapping_add(ticks as u32) }
    }
}

/// What comes out of a pipeline, with its time.
pub fn buffers(pipeline: &str) -> Vec<(Duration, Vec<u8>)> {
    let mut all = Vec::new();
    each_buffer(pipeline, |time, _, bytes| all.push((time, bytes.to_vec())));
    all
}

/// Runs a pipeline to its end.
pub fn each_buffer(pipeline: &str, mut take: impl FnMut(Duration, gst::Caps, &[u8])) {
    gst::init().unwrap();
    let pipeline = gst::parse::launch(&format!("{pipeline} ! appsink name=sink sync=false max-buffers=64"))
        .unwrap_or_else(|error| panic!("{error}: {pipeline}"))
        .downcast::<gst::Pipeline>()
        .unwrap();
    let sink = pipeline.by_name("sink").unwrap().downcast::<AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    while let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_seconds(30)) {
        let (Some(buffer), Some(caps)) = (sample.buffer(), sample.caps()) else { continue };
        let time = buffer.pts().map_or(Duration::ZERO, Duration::from);
        // Encoders count from a thousand hours, so that there is room before.
        take(
            time.checked_sub(Duration::from_secs(3_600_000)).unwrap_or(time),
            caps.to_owned(),
            &buffer.map_readable().unwrap(),
        );
    }
    let error = pipeline.bus().unwrap().pop_filtered(&[gst::MessageType::Error]);
    let eos = sink.is_eos();
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(eos && error.is_none(), "{error:?}");
}

/// Makes packets go on where others end, after a time: numbers and clock.
pub fn follow(first: &[Packet], second: &mut [Packet], after: Duration) {
    let number = |packet: &Packet| u16::from_be_bytes([packet.rtp[2], packet.rtp[3]]);
    let clock = |packet: &Packet| u32::from_be_bytes(packet.rtp[4..8].try_into().unwrap());
    let rate = if first[0].rtp[1] & 0x7f == 111 { 48_000 } else { 90_000 };
    let ticks = (after.as_micros() * rate / 1_000_000) as u32;
    let numbers = number(first.last().unwrap()).wrapping_add(1).wrapping_sub(number(&second[0]));
    let clocks = clock(&first[0]).wrapping_add(ticks).wrapping_sub(clock(&second[0]));
    let since = second[0].at;
    for packet in second {
        packet.at = packet.at + after - since;
        let (number, clock) = (number(packet).wrapping_add(numbers), clock(packet).wrapping_add(clocks));
        packet.rtp[2..4].copy_from_slice(&number.to_be_bytes());
        packet.rtp[4..8].copy_from_slice(&clock.to_be_bytes());
    }
}
