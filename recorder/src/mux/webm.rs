//! WebM with one track of pictures (RFC 9559, and the WebM container guidelines).

use std::time::Duration;

use super::{Held, Layout, Piece, ticks};

/// Ticks of a file's clock in a second: all that WebM has.
const RATE: u32 = 1000;
/// Of an element that ends with the file.
const UNKNOWN: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const INTRODUCTION: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
const INFORMATION: [u8; 4] = [0x15, 0x49, 0xa9, 0x66];
const TRACKS: [u8; 4] = [0x16, 0x54, 0xae, 0x6b];
const INDEX: [u8; 4] = [0x1c, 0x53, 0xbb, 0x6b];
/// Holds the place of what is known at the end.
const VOID: [u8; 1] = [0xec];
/// Bytes of the table that says where parts of the segment are.
const TABLE: usize = 68;
/// A block is of the only track; its head is that, its time in the cluster, and flags.
const BLOCK_HEAD: usize = 4;
const KEY: u8 = 0x80;
/// A cluster says how large it is in four bytes, as each block does, and its time in eight.
const CLUSTER_HEAD: usize = 4 + 4 + 2 + 8;

/// A file of one track.
#[derive(Debug)]
pub(super) struct WebM {
    codec: &'static str,
    size: (u16, u16),
    config: Vec<u8>,
    /// Clusters that begin with a key frame.
    index: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    millis: u64,
    at: u64,
}

/// What is known of a file when it ends.
#[derive(Debug, Clone, Copy)]
struct Known {
    until: Duration,
    /// Where the index begins, and where the file ends.
    index: u64,
    end: u64,
}

impl WebM {
    pub(super) fn new(codec: &'static str, size: (u16, u16), config: &[u8]) -> Self {
        Self { codec, size, config: config.to_vec(), index: Vec::new() }
    }

    /// As long whether something is known or not.
    fn head_of(&self, known: Option<Known>) -> Vec<u8> {
        let mut bytes = element(&INTRODUCTION, &introduction());
        let segment = segment_start(bytes.len());
        bytes.extend([0x18, 0x53, 0x80, 0x67]);
        bytes.extend(known.map_or(UNKNOWN, |known| long_size(known.end.saturating_sub(segment))));
        let info = element(&INFORMATION, &information(known.map(|known| known.until)));
        let tracks = TABLE + info.len();
        bytes.extend(known.map_or_else(
            || void(TABLE),
            |known| table([TABLE as u64, tracks as u64, known.index.saturating_sub(segment)]),
        ));
        bytes.extend(&info);
        bytes.extend(element(&TRACKS, &element(&[0xae], &self.track())));
        bytes
    }

    fn track(&self) -> Vec<u8> {
        let (width, height) = self.size;
        let picture = [element(&[0xb0], &width.to_be_bytes()), element(&[0xba], &height.to_be_bytes())].concat();
        let mut track = [
            // Its number, its id, that it is of pictures, none of which share a block, and its language: none.
            element(&[0xd7], &[1]),
            element(&[0x73, 0xc5], &[1]),
            element(&[0x83], &[1]),
            element(&[0x9c], &[0]),
            element(&[0x22, 0xb5, 0x9c], b"und"),
            element(&[0x86], self.codec.as_bytes()),
        ]
        .concat();
        if !self.config.is_empty() {
            track.extend(element(&[0x63, 0xa2], &self.config));
        }
        track.extend(element(&[0xe0], &picture));
        track
    }

    fn segment(&self) -> u64 {
        segment_start(element(&INTRODUCTION, &introduction()).len())
    }
}

impl Layout for WebM {
    fn head(&self) -> Vec<u8> {
        self.head_of(None)
    }

    fn has_keys(&self) -> bool {
        true
    }

    fn piece(&mut self, at: u64, held: &Held) -> Vec<u8> {
        let Some(first) = held.frames.first() else { return Vec::new() };
        let millis = ticks(first.time, RATE);
        if first.key {
            self.index.push(Place { millis, at });
        }
        let size = CLUSTER_HEAD - 8 + held.frames.len() * (5 + BLOCK_HEAD) + held.data.len();
        let mut bytes = Vec::with_capacity(8 + size);
        bytes.extend([0x1f, 0x43, 0xb6, 0x75]);
        bytes.extend(short_size(size));
        bytes.extend([0xe7, 0x88]);
        bytes.extend(millis.to_be_bytes());
        for (frame, data) in held.iter() {
            // Pieces are shorter than the half minute that fits.
            let since = i16::try_from(ticks(frame.time, RATE).saturating_sub(millis)).unwrap_or(i16::MAX);
            bytes.push(0xa3);
            bytes.extend(short_size(BLOCK_HEAD + data.len()));
            bytes.push(0x81);
            bytes.extend(since.to_be_bytes());
            bytes.push(if frame.key { KEY } else { 0 });
            bytes.extend_from_slice(data);
        }
        bytes
    }

    fn end(&self, at: u64, until: Duration) -> [Piece; 2] {
        let segment = self.segment();
        let points = self.index.iter().flat_map(|place| {
            let position = place.at.saturating_sub(segment);
            let of_track = [element(&[0xf7], &[1]), element(&[0xf1], &position.to_be_bytes())].concat();
            element(&[0xbb], &[element(&[0xb3], &place.millis.to_be_bytes()), element(&[0xb7], &of_track)].concat())
        });
        let bytes = element(&INDEX, &points.collect::<Vec<u8>>());
        let known = Known { until, index: at, end: at + bytes.len() as u64 };
        [Piece { at, bytes }, Piece { at: 0, bytes: self.head_of(Some(known)) }]
    }
}

/// What kind of file it is, and which readers may read it.
fn introduction() -> Vec<u8> {
    [
        element(&[0x42, 0x86], &[1]),
        element(&[0x42, 0xf7], &[1]),
        element(&[0x42, 0xf2], &[4]),
        element(&[0x42, 0xf3], &[8]),
        element(&[0x42, 0x82], b"webm"),
        element(&[0x42, 0x87], &[4]),
        element(&[0x42, 0x85], &[2]),
    ]
    .concat()
}

/// Positions count from behind the segment's size.
fn segment_start(introduction: usize) -> u64 {
    introduction as u64 + 12
}

fn information(until: Option<Duration>) -> Vec<u8> {
    let length = until.map(|until| element(&[0x44, 0x89], &(until.as_secs_f64() * f64::from(RATE)).to_be_bytes()));
    [
        element(&[0x2a, 0xd7, 0xb1], &(1_000_000_000 / RATE).to_be_bytes()),
        length.unwrap_or_else(|| void(11)),
        element(&[0x4d, 0x80], b"moothall-recorder"),
        element(&[0x57, 0x41], b"moothall-recorder"),
    ]
    .concat()
}

/// Where the parts of the segment are: what is said of it, its tracks, and its index. It has [`TABLE`] bytes.
fn table(places: [u64; 3]) -> Vec<u8> {
    let ids: [[u8; 4]; 3] = [INFORMATION, TRACKS, INDEX];
    let entries = ids.iter().zip(places).flat_map(|(id, at)| {
        let entry = [element(&[0x53, 0xab], id), element(&[0x53, 0xac], &at.to_be_bytes())].concat();
        element(&[0x4d, 0xbb], &entry)
    });
    element(&[0x11, 0x4d, 0x9b, 0x74], &entries.collect::<Vec<u8>>())
}

/// An element that says nothing, of so many bytes: less than a hundred.
fn void(bytes: usize) -> Vec<u8> {
    element(&VOID, &vec![0; bytes.saturating_sub(2)])
}

fn element(id: &[u8], contents: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_vec();
    match u8::try_from(contents.len()) {
        Ok(length @ 0..0x7f) => bytes.push(0x80 | length),
        _ => bytes.extend(long_size(contents.len() as u64)),
    }
    bytes.extend_from_slice(contents);
    bytes
}

/// A size in four bytes: up to a quarter of a gigabyte.
fn short_size(bytes: usize) -> [u8; 4] {
    (0x1000_0000 | u32::try_from(bytes).unwrap_or(0x0fff_fffe)).to_be_bytes()
}

/// A size in eight bytes.
fn long_size(bytes: u64) -> [u8; 8] {
    (1 << 56 | bytes).to_be_bytes()
}
