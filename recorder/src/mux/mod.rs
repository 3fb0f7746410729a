//! Frames into files, without GStreamer: its muxers want two threads and some thousand system calls a second for ten people, more than
//! all the rest of a recording. Pure: frames in, bytes and their places out.
//!
//! A file is a head and pieces (fragments of MP4, clusters of WebM) that are only ever appended, each at once. What is written over
//! when it ends, lengths in the head, is not needed: a file may be cut off after any piece.

mod boxes;
mod mp4;
mod webm;

use std::fmt;
use std::time::Duration;

use crate::depacketize::Format;
use crate::job::Sample;
use mp4::Mp4;
use webm::WebM;

/// A piece ends where it would get longer. A frame alone may be longer.
const MAX_BYTES: usize = 1 << 20;

/// Bytes, and where in the file they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub at: u64,
    pub bytes: Vec<u8>,
}

/// Writes one file. Take [`Self::begin`] first. Before each [`Self::push`], ask [`Self::is_due`], and [`Self::cut`] if so.
#[derive(Debug)]
pub struct Muxer {
    layout: Box<dyn Layout>,
    held: Held,
    longest: Duration,
    /// End of the file so far.
    at: u64,
    /// When the last frame that was written ends.
    until: Duration,
}

/// A kind of file.
trait Layout: fmt::Debug + Send {
    fn head(&self) -> Vec<u8>;
    /// Only some frames are key frames, and pieces begin with them.
    fn has_keys(&self) -> bool;
    /// The frames that are held, as a piece that comes at this place.
    fn piece(&mut self, at: u64, held: &Held) -> Vec<u8>;
    /// What is written when nothing more comes: at the end of the file, and over its head.
    fn end(&self, at: u64, until: Duration) -> [Piece; 2];
}

/// Frames of a piece that is not written yet.
#[derive(Debug, Default)]
struct Held {
    frames: Vec<Entry>,
    /// Of all frames.
    data: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    time: Duration,
    duration: Duration,
    key: bool,
    bytes: usize,
}

impl Held {
    /// Each frame with its bytes.
    fn iter(&self) -> impl Iterator<Item = (Entry, &[u8])> {
        let mut rest = self.data.as_slice();
        self.frames.iter().map(move |frame| {
            let (data, after) = rest.split_at_checked(frame.bytes).unwrap_or((rest, &[]));
            rest = after;
            (*frame, data)
        })
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.data.clear();
    }
}

impl Muxer {
    /// `longest`: how much a piece holds.
    pub fn new(format: &Format, longest: Duration) -> Self {
        let layout: Box<dyn Layout> = match format {
            Format::Opus => Box::new(Mp4::sound()),
            Format::H264 { width, height, config } => Box::new(Mp4::pictures((*width, *height), config)),
            Format::Vp8 { width, height } => Box::new(WebM::new("V_VP8", (*width, *height), &[])),
            Format::Vp9 { width, height, .. } => Box::new(WebM::new("V_VP9", (*width, *height), &[])),
            Format::Av1 { width, height, config } => Box::new(WebM::new("V_AV1", (*width, *height), config)),
        };
        Self { layout, held: Held::default(), longest, at: 0, until: Duration::ZERO }
    }

    /// The head.
    pub fn begin(&mut self) -> Piece {
        let bytes = self.layout.head();
        self.append(bytes)
    }

    /// Whether what is held has to be a piece of its own before this frame is taken.
    pub fn is_due(&self, frame: &Sample) -> bool {
        let Some(first) = self.held.frames.first() else { return false };
        frame.time.saturating_sub(first.time) >= self.longest
            || frame.key && self.layout.has_keys()
            || self.held.data.len() + frame.data.len() > MAX_BYTES
    }

    /// Takes a frame.
    pub fn push(&mut self, frame: &Sample) {
        // Now it is known how long the one before lasts.
        if let Some(last) = self.held.frames.last_mut() {
            last.duration = frame.time.saturating_sub(last.time);
        }
        let Sample { time, duration, key, ref data, .. } = *frame;
        self.held.data.extend_from_slice(data);
        self.held.frames.push(Entry { time, duration, key, bytes: data.len() });
    }

    /// Bytes that are held.
    pub fn held(&self) -> usize {
        self.held.data.len()
    }

    /// Throws away what is held; so many frames.
    pub fn discard(&mut self) -> u64 {
        let frames = self.held.frames.len();
        self.held.clear();
        frames as u64
    }

    /// What is held as a piece, if there is something. It is to be written.
    pub fn cut(&mut self) -> Option<Piece> {
        let last = self.held.frames.last()?;
        self.until = last.time + last.duration;
        let bytes = self.layout.piece(self.at, &self.held);
        self.held.clear();
        Some(self.append(bytes))
    }

    /// Nothing more comes, and nothing is held.
    pub fn end(&self) -> [Piece; 2] {
        self.layout.end(self.at, self.until)
    }

    fn append(&mut self, bytes: Vec<u8>) -> Piece {
        let at = self.at;
        self.at += bytes.len() as u64;
        Piece { at, bytes }
    }
}

/// A time in ticks of a clock.
fn ticks(time: Duration, rate: u32) -> u64 {
    let ticks = (time.as_nanos() * u128::from(rate) + 500_000_000) / 1_000_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
