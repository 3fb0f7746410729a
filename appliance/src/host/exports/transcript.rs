//! From what a tap says to mediajson: one connection's worth, in the way of jitsi-videobridge's `MediaJsonSerializer`.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use media_tap::{AUDIO_LEVEL, Codec, Note, PayloadType, Stream};

use super::mediajson::{CustomParameters, Event, Media, OPUS, Start};

/// Bytes of an RTP header without anything that need not be there (RFC 3550 5.1).
const HEADER: usize = 12;
/// So many of the newest packets of a source are known to have gone out.
const WINDOW: i64 = 64;

/// The sources of a meeting, and where the numbering is.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    sources: BTreeMap<u32, Source>,
    sequence: u32,
}

#[derive(Debug)]
struct Source {
    endpoint: String,
    name: String,
    opus: Vec<u8>,
    /// Since its start was told.
    run: Option<Run>,
}

/// A row of packets under one payload type.
#[derive(Debug)]
struct Run {
    payload_type: u8,
    /// Newest sequence number and timestamp, unwrapped.
    sequence: i64,
    timestamp: i64,
    /// What makes of a timestamp one since the connection was opened.
    offset: i64,
    /// Those that went out: bit 0 is the newest.
    gone: u64,
}

/// What matters of an RTP packet.
struct Packet<'a> {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    /// How loud, in -dBov, and whether it is a voice.
    level: Option<(u8, bool)>,
    payload: &'a [u8],
}

impl Transcript {
    pub(super) fn on_note(&mut self, note: Note) {
        match note {
            Note::Stream(stream) => self.describe(stream),
            Note::StreamEnded { ssrc } => drop(self.sources.remove(&ssrc)),
            Note::Begin(_) | Note::Lost { .. } | Note::Happened(_) | Note::End { .. } => {}
        }
    }

    fn describe(&mut self, stream: Stream) {
        let opus = |known: &PayloadType| (known.codec == Codec::Opus).then_some(known.id);
        let opus = stream.payload_types.iter().filter_map(opus).collect();
        let run = self.sources.remove(&stream.ssrc).and_then(|source| source.run);
        let source = Source { endpoint: stream.endpoint, name: stream.source, opus, run };
        self.sources.insert(stream.ssrc, source);
    }

    /// What is to be said of a packet that came `at` so long after the connection was opened: nothing if it is of no source, of no
    /// sound, or was there already.
    pub(super) fn on_packet(&mut self, at: Duration, bytes: &[u8]) -> Vec<String> {
        let Some(packet) = Packet::parse(bytes) else {
            return Vec::new();
        };
        let Some(source) =
            self.sources.get_mut(&packet.ssrc).filter(|source| source.opus.contains(&packet.payload_type))
        else {
            return Vec::new();
        };
        let mut said = Vec::new();
        if source.run.as_ref().is_none_or(|run| run.payload_type != packet.payload_type) {
            source.run = Some(Run::new(at, &packet));
            let start = Start {
                tag: &source.name,
                media_format: OPUS,
                custom_parameters: CustomParameters { endpoint_id: &source.endpoint },
            };
            self.sequence += 1;
            said.push(Event::Start { sequence_number: self.sequence, start }.to_json());
        }
        if let Some((chunk, timestamp)) = source.run.as_mut().and_then(|run| run.place(&packet)) {
            let media = Media {
                tag: &source.name,
                chunk,
                timestamp,
                payload: STANDARD.encode(packet.payload),
                audio_level: packet.level.map(|(level, _)| level),
                vad: packet.level.map(|(_, voice)| voice),
            };
            self.sequence += 1;
            said.push(Event::Media { sequence_number: self.sequence, media }.to_json());
        }
        said
    }
}

impl Run {
    fn new(at: Duration, packet: &Packet<'_>) -> Self {
        let since = at.as_micros() * u128::from(OPUS.sample_rate) / 1_000_000;
        let timestamp = i64::from(packet.timestamp);
        Self {
            payload_type: packet.payload_type,
            sequence: i64::from(packet.sequence),
            timestamp,
            offset: i64::try_from(since).unwrap_or(i64::MAX).saturating_sub(timestamp),
            gone: 0,
        }
    }

    /// Chunk and timestamp of a packet that has not gone out yet. Of redundant audio a tap has each packet several times.
    fn place(&mut self, packet: &Packet<'_>) -> Option<(i64, i64)> {
        let sequence = unwrapped(self.sequence, i64::from(packet.sequence), 1 << 16);
        let timestamp = unwrapped(self.timestamp, i64::from(packet.timestamp), 1 << 32);
        let ahead = sequence - self.sequence;
        if ahead > 0 {
            self.gone = if ahead < WINDOW { self.gone << ahead } else { 0 };
            (self.sequence, self.timestamp) = (sequence, timestamp);
        }
        let back = self.sequence - sequence;
        let mark = (back < WINDOW).then(|| 1 << back)?;
        let is_new = self.gone & mark == 0;
        self.gone |= mark;
        is_new.then_some((sequence, timestamp.saturating_add(self.offset)))
    }
}

/// `short`, of which only the part below `turn` is known, at its nearest to `known`.
fn unwrapped(known: i64, short: i64, turn: i64) -> i64 {
    let ahead = (short - known).rem_euclid(turn);
    known + if ahead < turn / 2 { ahead } else { ahead - turn }
}

impl<'a> Packet<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[first, second, s0, s1, t0, t1, t2, t3, ssrc @ ..], rest) = bytes.split_first_chunk::<HEADER>()?;
        let rest = rest.get(usize::from(first & 0x0f) * 4..)?;
        let (extension, payload) = if first & 0x10 == 0 { (&[][..], rest) } else { split_extension(rest)? };
        (first >> 6 == 2 && !payload.is_empty()).then_some(Self {
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes(ssrc),
            level: level(extension),
            payload,
        })
    }
}

/// The elements of a header extension of the one-byte form (RFC 8285 4.2), and what follows it.
fn split_extension(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[p0, p1, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
    let (elements, payload) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])) * 4)?;
    Some((if [p0, p1] == [0xbe, 0xde] { elements } else { &[] }, payload))
}

/// A tap tells nothing else there (RFC 6464 3).
fn level(extension: &[u8]) -> Option<(u8, bool)> {
    match extension {
        [head, level, ..] if *head == AUDIO_LEVEL << 4 => Some((level & 0x7f, level & 0x80 != 0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_tap::Kind;
    use serde_json::{Value, json};

    const OPUS_TYPE: u8 = 111;

    fn stream(ssrc: u32, endpoint: &str, ids: &[u8]) -> Note {
        let payload_types =
            ids.iter().map(|id| PayloadType { id: *id, codec: Codec::Opus, clock_rate: 48_000 }).collect();
        Note::Stream(Stream {
            ssrc,
            kind: Kind::Audio,
            endpoint: endpoint.to_owned(),
            source: format!("{endpoint}-a0"),
            desktop: false,
            payload_types,
        })
    }

    fn packet(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
        let [s0, s1] = sequence.to_be_bytes();
        [&[0x80, payload_type, s0, s1][..], &timestamp.to_be_bytes(), &ssrc.to_be_bytes(), payload].concat()
    }

    fn say(transcript: &mut Transcript, ms: u64, bytes: &[u8]) -> Vec<Value> {
        let said = transcript.on_packet(Duration::from_millis(ms), bytes);
        said.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    #[test]
    fn each_source_starts_and_counts_from_the_opening_of_the_connection() {
        let mut transcript = Transcript::default();
        assert_eq!(say(&mut transcript, 0, &packet(OPUS_TYPE, 1, 0, 7, b"x")), [] as [Value; 0], "a source of nobody");
        transcript.on_note(stream(7, "92c79801", &[OPUS_TYPE]));
        let first = say(&mut transcript, 500, &packet(OPUS_TYPE, u16::MAX, u32::MAX, 7, &[0xfb, 0xef]));
        let start = json!({"event": "start", "sequenceNumber": "1", "start": {
            "tag": "92c79801-a0",
            "mediaFormat": {"encoding": "opus", "sampleRate": 48_000, "channels": 2},
            "customParameters": {"endpointId": "92c79801"},
        }});
        let media = |sequence: &str, chunk: &str, timestamp: &str, payload: &str| {
            json!({"event": "media", "sequenceNumber": sequence, "media": {
                "tag": "92c79801-a0", "chunk": chunk, "timestamp": timestamp, "payload": payload,
            }})
        };
        assert_eq!(first, [start, media("2", "65535", "24000", "++8=")]);
        let next = say(&mut transcript, 600, &packet(OPUS_TYPE, 0, 959, 7, b"b"));
        assert_eq!(next, [media("3", "65536", "24960", "Yg==")], "both numbers wrapped");
        transcript.on_note(stream(8, "0a0b0c0d", &[OPUS_TYPE]));
        let other = say(&mut transcript, 1000, &packet(OPUS_TYPE, 5, 123, 8, b"c"));
        assert_eq!((&other[0]["sequenceNumber"], &other[1]["media"]["timestamp"]), (&json!("4"), &json!("48000")));
    }

    #[test]
    fn what_came_already_is_not_said_again_and_what_is_late_is() {
        let mut transcript = Transcript::default();
        transcript.on_note(stream(7, "a", &[OPUS_TYPE]));
        let chunks = |transcript: &mut Transcript, sequence: u16| -> Vec<String> {
            let said = say(transcript, 0, &packet(OPUS_TYPE, sequence, u32::from(sequence) * 960, 7, b"x"));
            said.iter().filter_map(|event| event["media"]["chunk"].as_str().map(str::to_owned)).collect()
        };
        let came: Vec<String> =
            [10, 11, 10, 13, 12, 12, 300, 13, 299].iter().flat_map(|n| chunks(&mut transcript, *n)).collect();
        assert_eq!(came, ["10", "11", "13", "12", "300", "299"]);
    }

    #[test]
    fn another_payload_type_starts_anew_and_what_is_no_opus_is_left_out() {
        let mut transcript = Transcript::default();
        transcript.on_note(stream(7, "a", &[OPUS_TYPE, 96]));
        let events = |said: Vec<Value>| said.iter().map(|event| event["event"].clone()).collect::<Vec<_>>();
        assert_eq!(events(say(&mut transcript, 0, &packet(OPUS_TYPE, 1, 0, 7, b"x"))), ["start", "media"]);
        assert_eq!(events(say(&mut transcript, 0, &packet(126, 2, 0, 7, b"x"))), [] as [&str; 0]);
        assert_eq!(events(say(&mut transcript, 0, &packet(96, 3, 0, 7, b"x"))), ["start", "media"]);
        transcript.on_note(Note::StreamEnded { ssrc: 7 });
        assert_eq!(events(say(&mut transcript, 0, &packet(96, 4, 0, 7, b"x"))), [] as [&str; 0]);
    }

    #[test]
    fn how_loud_it_is_stands_beside_it() {
        let mut transcript = Transcript::default();
        transcript.on_note(stream(7, "a", &[OPUS_TYPE]));
        let mut bytes = packet(OPUS_TYPE, 1, 0, 7, &[0xbe, 0xde, 0, 1, AUDIO_LEVEL << 4, 0x80 | 30, 0, 0, b'x']);
        bytes[0] |= 0x10;
        let said = say(&mut transcript, 0, &bytes);
        let media = &said[1]["media"];
        assert_eq!(
            (&media["audioLevel"], &media["vad"], &media["payload"]),
            (&json!(30), &json!(true), &json!("eA=="))
        );
    }

    #[test]
    fn whatever_comes_nothing_breaks() {
        let mut transcript = Transcript::default();
        transcript.on_note(stream(7, "a", &[OPUS_TYPE]));
        let mut bytes = packet(OPUS_TYPE, 1, 0, 7, &[0xbe, 0xde, 0, 9, 0x10]);
        for first in [0x9f, 0x90, 0x8f, 0x40] {
            bytes[0] = first;
            for end in 0..=bytes.len() {
                assert_eq!(transcript.on_packet(Duration::MAX, &bytes[..end]).len(), 0);
            }
        }
    }
}
