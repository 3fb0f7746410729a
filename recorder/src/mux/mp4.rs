//! Fragmented MP4 with one track (ISO 14496-12 8.8): Opus (Encapsulation of Opus in ISO Base Media File Format) or H.264
//! (ISO 14496-15).

use std::time::Duration;

use super::boxes::{Boxes, clamped};
use super::{Entry, Held, Layout, Piece, ticks};

/// Ticks of the whole file's clock in a second.
const MOVIE_RATE: u32 = 1000;
const SOUND_RATE: u32 = 48_000;
const PICTURES_RATE: u32 = 90_000;
/// Sound can begin anywhere: more places to look for would only make the index long.
const SOUND_INDEX_EVERY: Duration = Duration::from_secs(10);
/// Offsets count from the fragment's beginning (`default-base-is-moof`).
const FROM_FRAGMENT: u32 = 0x02_0000;
/// A run of frames says where they lie, and of each how long and how large it is, and of what kind.
const RUN_FLAGS: u32 = 0x0701;
/// From the beginning of a run to where it says where frames lie.
const RUN_OFFSET: usize = 16;
/// It depends on no other frame.
const KEY: u32 = 0x0200_0000;
/// It depends on others, and nothing can begin with it.
const NO_KEY: u32 = 0x0101_0000;
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// A file of one track.
#[derive(Debug)]
pub(super) struct Mp4 {
    media: Media,
    fragments: u32,
    index: Vec<Place>,
}

#[derive(Debug)]
enum Media {
    Sound,
    Pictures { size: (u16, u16), config: Vec<u8> },
}

/// A fragment that begins with a key frame.
#[derive(Debug, Clone, Copy)]
struct Place {
    time: Duration,
    at: u64,
}

impl Mp4 {
    /// Opus.
    pub(super) fn sound() -> Self {
        Self { media: Media::Sound, fragments: 0, index: Vec::new() }
    }

    /// H.264, with what an `avcC` box has.
    pub(super) fn pictures(size: (u16, u16), config: &[u8]) -> Self {
        Self { media: Media::Pictures { size, config: config.to_vec() }, fragments: 0, index: Vec::new() }
    }

    fn rate(&self) -> u32 {
        if self.has_keys() { PICTURES_RATE } else { SOUND_RATE }
    }

    fn note(&mut self, at: u64, first: &Entry) {
        let every = if self.has_keys() { Duration::ZERO } else { SOUND_INDEX_EVERY };
        if first.key && self.index.last().is_none_or(|last| first.time >= last.time + every) {
            self.index.push(Place { time: first.time, at });
        }
    }

    /// The head of a file of this length: while it is written, of none.
    fn head_of(&self, length: Duration) -> Vec<u8> {
        let length = ticks(length, MOVIE_RATE);
        let mut file = Boxes::default();
        file.put(b"ftyp", |it| it.bytes(b"iso5").u32(0).bytes(b"iso5iso6mp41"));
        file.put(b"moov", |it| {
            it.full(b"mvhd", 0, 0, |it| movie(it, length));
            it.put(b"trak", |it| {
                // Enabled, and of the film and of its preview.
                it.full(b"tkhd", 0, 7, |it| self.track(it, length)).put(b"mdia", |it| self.described(it))
            });
            it.put(b"mvex", |it| {
                it.full(b"mehd", 1, 0, |it| it.u64(length)).full(b"trex", 0, 0, |it| it.u32(1).u32(1).zeros(12))
            })
        });
        file.into_bytes()
    }

    fn track<'a>(&self, it: &'a mut Boxes, length: u64) -> &'a mut Boxes {
        let (volume, (width, height)) = match self.media {
            Media::Sound => (0x100, (0, 0)),
            Media::Pictures { size, .. } => (0, size),
        };
        it.zeros(8).u32(1).zeros(4).u32(clamped(length)).zeros(12).u16(volume).zeros(2);
        matrix(it).u32(u32::from(width) << 16).u32(u32::from(height) << 16)
    }

    fn described<'a>(&self, it: &'a mut Boxes) -> &'a mut Boxes {
        // In no language.
        it.full(b"mdhd", 0, 0, |it| it.zeros(8).u32(self.rate()).u32(0).u16(0x55c4).u16(0));
        let (handler, name) = if self.has_keys() { (b"vide", b"Video\0") } else { (b"soun", b"Sound\0") };
        it.full(b"hdlr", 0, 0, |it| it.u32(0).bytes(handler).zeros(12).bytes(name));
        it.put(b"minf", |it| {
            match self.media {
                Media::Sound => it.full(b"smhd", 0, 0, |it| it.zeros(4)),
                Media::Pictures { .. } => it.full(b"vmhd", 0, 1, |it| it.zeros(8)),
            };
            // In this file.
            it.put(b"dinf", |it| it.full(b"dref", 0, 0, |it| it.u32(1).full(b"url ", 0, 1, |it| it)));
            it.put(b"stbl", |it| {
                it.full(b"stsd", 0, 0, |it| self.entry(it.u32(1)));
                // All frames are in fragments.
                it.full(b"stts", 0, 0, |it| it.u32(0)).full(b"stsc", 0, 0, |it| it.u32(0));
                it.full(b"stsz", 0, 0, |it| it.u32(0).u32(0)).full(b"stco", 0, 0, |it| it.u32(0))
            })
        })
    }

    fn entry<'a>(&self, it: &'a mut Boxes) -> &'a mut Boxes {
        match &self.media {
            Media::Sound => it.put(b"Opus", |it| {
                it.zeros(6).u16(1).zeros(8).u16(2).u16(16).zeros(4).u32(SOUND_RATE << 16);
                // Two channels, whatever a packet has (RFC 7587 4.1), and nothing is left out at the beginning.
                it.put(b"dOps", |it| it.bytes(&[0, 2]).u16(0).u32(SOUND_RATE).zeros(3))
            }),
            Media::Pictures { size: (width, height), config } => it.put(b"avc1", |it| {
                // 72 dots to the inch, a frame a sample, no name, 24 bits of colour.
                it.zeros(6).u16(1).zeros(16).u16(*width).u16(*height).u32(0x48_0000).u32(0x48_0000).zeros(4);
                it.u16(1).zeros(32).u16(24).u16(u16::MAX).put(b"avcC", |it| it.bytes(config))
            }),
        }
    }

    fn run<'a>(&self, it: &'a mut Boxes, held: &Held) -> &'a mut Boxes {
        let rate = self.rate();
        it.u32(clamped(held.frames.len())).u32(0);
        for frame in &held.frames {
            // A difference of times, so that what is rounded does not add up.
            let length = ticks(frame.time + frame.duration, rate).saturating_sub(ticks(frame.time, rate));
            it.u32(clamped(length)).u32(clamped(frame.bytes)).u32(if frame.key { KEY } else { NO_KEY });
        }
        it
    }
}

impl Layout for Mp4 {
    fn head(&self) -> Vec<u8> {
        self.head_of(Duration::ZERO)
    }

    fn has_keys(&self) -> bool {
        matches!(self.media, Media::Pictures { .. })
    }

    fn piece(&mut self, at: u64, held: &Held) -> Vec<u8> {
        let Some(first) = held.frames.first() else { return Vec::new() };
        self.note(at, first);
        self.fragments += 1;
        let mut file = Boxes::with_capacity(128 + 12 * held.frames.len() + held.data.len());
        let mut run = 0;
        file.put(b"moof", |it| {
            it.full(b"mfhd", 0, 0, |it| it.u32(self.fragments));
            it.put(b"traf", |it| {
                it.full(b"tfhd", 0, FROM_FRAGMENT, |it| it.u32(1));
                it.full(b"tfdt", 1, 0, |it| it.u64(ticks(first.time, self.rate())));
                run = it.len();
                it.full(b"trun", 0, RUN_FLAGS, |it| self.run(it, held))
            })
        });
        let after_head = clamped(file.len() + 8);
        file.set(run + RUN_OFFSET, after_head).put(b"mdat", |it| it.bytes(&held.data));
        file.into_bytes()
    }

    fn end(&self, at: u64, until: Duration) -> [Piece; 2] {
        let mut file = Boxes::default();
        file.put(b"mfra", |it| {
            it.full(b"tfra", 1, 0, |it| {
                it.u32(1).u32(0).u32(clamped(self.index.len()));
                for place in &self.index {
                    // The first frame of its first run.
                    it.u64(ticks(place.time, self.rate())).u64(place.at).bytes(&[1, 1, 1]);
                }
                it
            });
            let all = clamped(it.len() + 16);
            it.full(b"mfro", 0, 0, |it| it.u32(all))
        });
        [Piece { at, bytes: file.into_bytes() }, Piece { at: 0, bytes: self.head_of(until) }]
    }
}

fn movie(it: &mut Boxes, length: u64) -> &mut Boxes {
    // As fast as it was recorded, and as loud.
    it.zeros(8).u32(MOVIE_RATE).u32(clamped(length)).u32(0x1_0000).u16(0x100).zeros(10);
    matrix(it).zeros(24).u32(2)
}

/// Nothing is moved or turned.
fn matrix(it: &mut Boxes) -> &mut Boxes {
    MATRIX.iter().fold(it, |it, value| it.u32(*value))
}
