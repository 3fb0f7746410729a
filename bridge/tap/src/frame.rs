//! Bytes of a message.

use std::time::Duration;

use serde::Serialize;

/// Longest message in bytes.
pub const MAX_MESSAGE: usize = 65_536;
const HEADER: usize = 12;
const RTP: u8 = 1;
const REPORT: u8 = 2;
const NOTE: u8 = 3;
const REPORT_LEN: usize = 16;

/// One frame of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Since the tap began.
    pub at: Duration,
    pub body: Body<'a>,
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// An RTP packet in the clear. Not looked into: check it before use.
    Rtp(&'a [u8]),
    Report(Report),
    /// JSON of a [`Note`](crate::Note) or an [`Answer`](crate::Answer).
    Note(&'a [u8]),
}

/// What a sender report says of its stream (RFC 3550 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    pub ssrc: u32,
    /// The sender's wall clock, in 2^-32 seconds since 1900.
    pub ntp: u64,
    /// The same moment on the stream's clock.
    pub rtp: u32,
}

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame is cut off")]
    Truncated,
}

/// A message being written.
#[derive(Debug, Default)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// As it goes out.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Empties it; its memory stays.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Appends an RTP packet whose header and payload lie apart. False if it does not fit any more: nothing is written then.
    pub fn push_rtp(&mut self, at: Duration, header: &[u8], payload: &[u8]) -> bool {
        self.push(RTP, at, header, payload)
    }

    /// The last bytes that were pushed, to be changed in place; nothing if there are fewer.
    pub fn last_mut(&mut self, len: usize) -> &mut [u8] {
        let from = self.bytes.len().saturating_sub(len);
        self.bytes.get_mut(from..).unwrap_or_default()
    }

    /// Appends a report. False if it does not fit any more.
    pub fn push_report(&mut self, at: Duration, report: Report) -> bool {
        let mut body = [0; REPORT_LEN];
        let (ssrc, rest) = body.split_at_mut(4);
        let (ntp, rtp) = rest.split_at_mut(8);
        ssrc.copy_from_slice(&report.ssrc.to_be_bytes());
        ntp.copy_from_slice(&report.ntp.to_be_bytes());
        rtp.copy_from_slice(&report.rtp.to_be_bytes());
        self.push(REPORT, at, &body, &[])
    }

    /// Appends a note or an answer. False if it does not fit any more, or never would.
    pub fn push_note(&mut self, at: Duration, note: &impl Serialize) -> bool {
        serde_json::to_vec(note).is_ok_and(|json| self.push(NOTE, at, &json, &[]))
    }

    fn push(&mut self, kind: u8, at: Duration, first: &[u8], second: &[u8]) -> bool {
        let body = first.len() + second.len();
        let Some(len) = u16::try_from(body).ok().filter(|_| self.bytes.len() + HEADER + body <= MAX_MESSAGE) else {
            return false;
        };
        let micros = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        self.bytes.extend_from_slice(&[kind, 0]);
        self.bytes.extend_from_slice(&len.to_be_bytes());
        self.bytes.extend_from_slice(&micros.to_be_bytes());
        self.bytes.extend_from_slice(first);
        self.bytes.extend_from_slice(second);
        true
    }
}

/// The frames of a message that came.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn read(&mut self) -> Option<(u8, Duration, &'a [u8])> {
        let (header, rest) = self.rest.split_first_chunk::<HEADER>()?;
        let [kind, _, l0, l1, micros @ ..] = header;
        let body = rest.get(..usize::from(u16::from_be_bytes([*l0, *l1])))?;
        self.rest = rest.get(body.len()..)?;
        Some((*kind, Duration::from_micros(u64::from_be_bytes(*micros)), body))
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let Some((kind, at, body)) = self.read() else {
                self.rest = &[];
                return Some(Err(FrameError::Truncated));
            };
            let body = match kind {
                RTP => Some(Body::Rtp(body)),
                REPORT => report(body).map(Body::Report),
                NOTE => Some(Body::Note(body)),
                _ => None,
            };
            if let Some(body) = body {
                return Some(Ok(Frame { at, body }));
            }
        }
        None
    }
}

fn report(body: &[u8]) -> Option<Report> {
    let (ssrc, rest) = body.split_first_chunk::<4>()?;
    let (ntp, rest) = rest.split_first_chunk::<8>()?;
    let (rtp, _) = rest.split_first_chunk::<4>()?;
    Some(Report { ssrc: u32::from_be_bytes(*ssrc), ntp: u64::from_be_bytes(*ntp), rtp: u32::from_be_bytes(*rtp) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_micros(1_234_567);

    #[test]
    fn what_was_written_is_read() {
        let mut message = Message::default();
        let report = Report { ssrc: 7, ntp: 1 << 40, rtp: 90_000 };
        assert!(message.push_rtp(AT, &[0x80; 12], b"payload"));
        assert!(message.push_report(AT, report));
        assert!(message.push_note(AT, &"hello"));
        let frames: Vec<Frame> = Frames::new(message.as_bytes()).map(Result::unwrap).collect();
        let rtp = [&[0x80; 12][..], b"payload"].concat();
        let bodies = [Body::Rtp(&rtp), Body::Report(report), Body::Note(b"\"hello\"")];
        assert_eq!(frames, bodies.map(|body| Frame { at: AT, body }));
    }

    #[test]
    fn unknown_frames_are_skipped_and_cut_ones_end_the_message() {
        let mut message = Message::default();
        assert!(message.push(9, AT, b"of tomorrow", &[]));
        assert!(message.push_rtp(AT, b"x", &[]));
        let whole = message.as_bytes();
        assert_eq!(Frames::new(whole).count(), 1);
        let cut = whole.get(..whole.len() - 1).unwrap();
        assert_eq!(Frames::new(cut).collect::<Vec<_>>(), [Err(FrameError::Truncated)]);
        for end in 0..whole.len() {
            assert!(Frames::new(&whole[..end]).count() <= 2);
        }
    }

    #[test]
    fn a_full_message_takes_nothing_more() {
        let mut message = Message::default();
        let payload = [0; 1200];
        let mut taken = 0;
        while message.push_rtp(AT, &[0; 12], &payload) {
            taken += 1;
        }
        assert_eq!(taken, MAX_MESSAGE / (HEADER + 12 + payload.len()));
        assert_eq!(Frames::new(message.as_bytes()).count(), taken);
        assert!(!message.push_rtp(AT, &[0; 70_000], &[]), "longer than its length can say");
    }
}
