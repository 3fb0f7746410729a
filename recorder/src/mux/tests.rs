//! Files byte for byte. That they play is shown by the tests of all codecs.

use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn frame(at: u64, key: bool, data: &[u8]) -> Sample {
    Sample { file: 0, time: ms(at), duration: ms(20), key, data: data.to_vec() }
}

/// A whole file of these frames, in pieces of a second.
fn file(format: &Format, frames: &[Sample]) -> Vec<u8> {
    let mut muxer = Muxer::new(format, ms(1000));
    let mut file = Vec::new();
    let mut put = |piece: Piece| {
        let at = usize::try_from(piece.at).unwrap();
        assert!(at == 0 || at == file.len(), "it is only appended");
        file.truncate(at.max(file.len()));
        let over = piece.bytes.len().min(file.len() - at);
        file[at..at + over].copy_from_slice(&piece.bytes[..over]);
        file.extend_from_slice(&piece.bytes[over..]);
    };
    put(muxer.begin());
    for frame in frames {
        if muxer.is_due(frame) {
            put(muxer.cut().unwrap());
        }
        muxer.push(frame);
    }
    put(muxer.cut().unwrap());
    muxer.end().into_iter().for_each(put);
    file
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

/// Where a box begins, and what is in it, of all boxes of a kind in these bytes and in what is in them.
fn boxes<'a>(file: &'a [u8], kind: &str) -> Vec<(usize, &'a [u8])> {
    let mut found = Vec::new();
    walk(file, 0, &mut |at, name, contents| {
        if name == kind.as_bytes() {
            found.push((at, contents));
        }
    });
    found
}

fn walk<'a>(bytes: &'a [u8], base: usize, each: &mut impl FnMut(usize, &[u8], &'a [u8])) {
    let mut at = 0;
    while at < bytes.len() {
        let size = number(&bytes[at..at + 4]);
        let (name, contents) = (&bytes[at + 4..at + 8], &bytes[at + 8..at + size]);
        each(base + at, name, contents);
        if [&b"moov"[..], b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf", b"mfra"].contains(&name) {
            walk(contents, base + at + 8, each);
        }
        at += size;
    }
    assert_eq!(at, bytes.len());
}

#[test]
fn mp4_says_where_each_frame_is_and_when() {
    // Every second frame is sent, and one of them comes late: what is missing is a gap.
    let frames: Vec<Sample> =
        [0, 40, 80, 1015, 1060].iter().map(|at| frame(*at, true, &at.to_string().into_bytes())).collect();
    let file = file(&Format::Opus, &frames);
    let fragments = boxes(&file, "moof");
    assert_eq!(fragments.len(), 2);
    let times: Vec<usize> = boxes(&file, "tfdt").iter().map(|(_, it)| number(&it[4..12])).collect();
    assert_eq!(times, [0, 1_015 * 48]);
    let mut found = Vec::new();
    for ((moof, _), (_, run)) in fragments.iter().zip(boxes(&file, "trun")) {
        let mut at = moof + number(&run[8..12]);
        for entry in run[12..].chunks(12) {
            let (length, size) = (number(&entry[..4]), number(&entry[4..8]));
            assert_eq!(entry[8..], [2, 0, 0, 0]);
            found.push((length / 48, String::from_utf8(file[at..at + size].to_vec()).unwrap()));
            at += size;
        }
    }
    let expected = [(40, "0"), (40, "40"), (20, "80"), (45, "1015"), (20, "1060")];
    assert_eq!(found, expected.map(|(length, data)| (length, data.to_owned())));
    for (kind, place) in [("mvhd", 16..20), ("tkhd", 20..24), ("mehd", 4..12)] {
        assert_eq!(number(&boxes(&file, kind)[0].1[place]), 1_080, "{kind}");
    }
}

#[test]
fn mp4_ends_with_an_index_of_key_frames() {
    let format = Format::H264 { width: 320, height: 180, config: vec![1, 2, 3] };
    let frames = [(0, true), (500, false), (700, true), (1_200, false), (1_800, false)];
    let file = file(&format, &frames.map(|(at, key)| frame(at, key, b"picture")));
    let fragments: Vec<usize> = boxes(&file, "moof").iter().map(|(at, _)| *at).collect();
    assert_eq!(fragments.len(), 3, "one begins with each key frame, and one after a second");
    let index = boxes(&file, "tfra")[0].1;
    let places: Vec<_> = index[16..].chunks(19).map(|it| (number(&it[..8]) / 90, number(&it[8..16]))).collect();
    assert_eq!(places, [(0, fragments[0]), (700, fragments[1])]);
    let (at, _) = boxes(&file, "mfra")[0];
    assert_eq!(number(&file[file.len() - 4..]), file.len() - at);
    let kinds: Vec<usize> =
        boxes(&file, "trun").iter().flat_map(|(_, run)| run[12..].chunks(12)).map(|it| number(&it[8..])).collect();
    assert_eq!(kinds, [0x0200_0000, 0x0101_0000, 0x0200_0000, 0x0101_0000, 0x0101_0000]);
}

/// Id, place and contents of the elements in these bytes.
fn elements(bytes: &[u8]) -> Vec<(usize, usize, &[u8])> {
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let start = at;
        let id = bytes[at].leading_zeros() as usize + 1;
        at += id;
        let long = bytes[at].leading_zeros() as usize + 1;
        let size = number(&bytes[at..at + long]) & ((1 << (7 * long)) - 1);
        at += long;
        // The segment of a file that has not ended goes to its end.
        let size = if size == (1 << 56) - 1 { bytes.len() - at } else { size };
        found.push((number(&bytes[start..start + id]), start, &bytes[at..at + size]));
        at += size;
    }
    found
}

fn all(bytes: &[u8], id: usize) -> Vec<(usize, &[u8])> {
    elements(bytes).into_iter().filter(|it| it.0 == id).map(|it| (it.1, it.2)).collect()
}

const VP8: Format = Format::Vp8 { width: 320, height: 180 };

#[test]
fn webm_says_where_its_parts_are_and_when_each_frame_is() {
    let frames = [(0, true), (34, false), (600, true), (1_700, false)];
    let file = file(&VP8, &frames.map(|(at, key)| frame(at, key, &[7; 200])));
    let segment = all(&file, 0x1853_8067)[0].1;
    let clusters = all(segment, 0x1f43_b675);
    let mut found = Vec::new();
    for (_, cluster) in &clusters {
        let time = number(all(cluster, 0xe7)[0].1);
        found.extend(all(cluster, 0xa3).iter().map(|(_, it)| (time + number(&it[1..3]), it[3] == 0x80)));
        assert!(all(cluster, 0xa3).iter().all(|(_, it)| it[0] == 0x81 && it[4..] == [7; 200]));
    }
    assert_eq!(found, frames.map(|(at, key)| (usize::try_from(at).unwrap(), key)));
    let points = all(all(segment, 0x1c53_bb6b)[0].1, 0xbb);
    let places: Vec<(usize, usize)> =
        points.iter().map(|(_, it)| (number(all(it, 0xb3)[0].1), number(all(all(it, 0xb7)[0].1, 0xf1)[0].1))).collect();
    assert_eq!(places, [(0, clusters[0].0), (600, clusters[1].0)]);
    let table = all(segment, 0x114d_9b74)[0].1;
    for (_, entry) in all(table, 0x4dbb) {
        let (id, at) = (number(all(entry, 0x53ab)[0].1), number(all(entry, 0x53ac)[0].1));
        assert_eq!(all(segment, id)[0].0, at);
    }
    let information = all(segment, 0x1549_a966)[0].1;
    assert_eq!(all(information, 0x4489)[0].1, 1_720_f64.to_be_bytes());
}

#[test]
fn webm_that_has_not_ended_says_neither_length_nor_places() {
    let mut muxer = Muxer::new(&VP8, ms(1000));
    let mut bytes = muxer.begin().bytes;
    muxer.push(&frame(0, true, b"picture"));
    bytes.extend(muxer.cut().unwrap().bytes);
    let segment = all(&bytes, 0x1853_8067)[0].1;
    let ids: Vec<usize> = elements(segment).iter().map(|it| it.0).collect();
    assert_eq!(ids, [0xec, 0x1549_a966, 0x1654_ae6b, 0x1f43_b675]);
    assert!(all(elements(segment)[1].2, 0x4489).is_empty());
}

#[test]
fn a_piece_ends_before_a_key_frame_after_its_time_and_before_it_gets_too_large() {
    let mut muxer = Muxer::new(&VP8, ms(1000));
    muxer.begin();
    assert!(!muxer.is_due(&frame(0, true, b"first")));
    muxer.push(&frame(0, true, b"first"));
    assert!(!muxer.is_due(&frame(999, false, b"")));
    assert!(muxer.is_due(&frame(1000, false, b"")));
    assert!(muxer.is_due(&frame(1, true, b"")));
    assert!(muxer.is_due(&frame(1, false, &vec![0; MAX_BYTES])));
    let mut sound = Muxer::new(&Format::Opus, ms(1000));
    sound.push(&frame(0, true, b"first"));
    assert!(!sound.is_due(&frame(20, true, b"second")), "all are key frames");
}

#[test]
fn what_is_thrown_away_leaves_no_hole() {
    let mut muxer = Muxer::new(&VP8, ms(1000));
    let head = muxer.begin();
    muxer.push(&frame(0, true, b"one"));
    muxer.push(&frame(30, false, b"two"));
    assert_eq!((muxer.held(), muxer.discard(), muxer.cut()), (6, 2, None));
    muxer.push(&frame(60, true, b"three"));
    assert_eq!(muxer.cut().unwrap().at, head.bytes.len() as u64);
}
