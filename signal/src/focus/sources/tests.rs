//! What the book takes, refuses, and tells whom.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;
use jitsi_wire::jingle::{Content, Description, OwnerSources, Semantics, Source, SourceSet, SsrcGroup};

fn now() -> Instant {
    Instant::now()
}

fn source(ssrc: u32, msid: &str) -> Source {
    Source { ssrc, msid: Some(msid.to_owned()), ..Source::default() }
}

fn group(semantics: Semantics, ssrcs: &[u32]) -> SsrcGroup {
    SsrcGroup { semantics, ssrcs: ssrcs.to_vec() }
}

fn simulcast(base: u32) -> OwnerSources {
    let msid = format!("cam{base} t");
    OwnerSources {
        owner: String::new(),
        audio: SourceSet { sources: vec![source(base, &format!("mic{base} t"))], groups: vec![] },
        video: SourceSet {
            sources: (1..=6).map(|n| source(base + n, &msid)).collect(),
            groups: vec![
                group(Semantics::Sim, &[base + 1, base + 2, base + 3]),
                group(Semantics::Fid, &[base + 1, base + 4]),
                group(Semantics::Fid, &[base + 2, base + 5]),
                group(Semantics::Fid, &[base + 3, base + 6]),
            ],
        },
    }
}

#[test]
fn others_see_the_first_layer_and_its_retransmissions_the_bridge_sees_all() {
    let mut book = SourceBook::default();
    book.add(now(), "ada", simulcast(100)).unwrap();
    let seen = book.visible("ada", true).unwrap();
    let ssrcs: Vec<u32> = streams(&seen).map(|s| s.ssrc).collect();
    assert_eq!(ssrcs, [100, 101, 104]);
    assert_eq!(seen.video.groups, [group(Semantics::Fid, &[101, 104])]);
    let bridge = book.for_bridge("ada");
    assert_eq!(bridge.len(), 2);
    assert_eq!(bridge[0].id, "ada-a0");
    assert_eq!(bridge[1].id, "ada-v0");
    assert_eq!(bridge[1].ssrcs.len(), 6);
    assert_eq!(bridge[1].groups.len(), 4);
}

#[test]
fn an_ssrc_or_msid_of_another_participant_is_refused_and_nothing_changes() {
    let mut book = SourceBook::default();
    book.reserve([7]);
    book.add(now(), "ada", simulcast(100)).unwrap();
    let mut clash = OwnerSources::default();
    clash.audio.sources.push(source(101, "own t"));
    assert_eq!(book.add(now(), "bob", clash.clone()), Err(SourceError::SsrcInUse(101)));
    clash.audio.sources[0].ssrc = 7;
    assert_eq!(book.add(now(), "bob", clash.clone()), Err(SourceError::SsrcInUse(7)));
    clash.audio.sources[0] = source(900, "mic100 t");
    assert_eq!(book.add(now(), "bob", clash.clone()), Err(SourceError::MsidInUse("mic100 t".to_owned())));
    assert!(book.visible("bob", true).is_none());
    book.forget("ada");
    assert_eq!(book.add(now(), "bob", clash), Ok(()));
}

#[test]
fn groups_must_make_sense() {
    let refuse = |change: &dyn Fn(&mut OwnerSources)| {
        let mut all = simulcast(10);
        change(&mut all);
        SourceBook::default().add(now(), "ada", all).unwrap_err()
    };
    assert_eq!(refuse(&|s| s.video.groups[1].ssrcs = vec![11]), SourceError::BadFid);
    assert_eq!(refuse(&|s| s.video.groups[1].ssrcs = vec![11, 99]), SourceError::UnknownInGroup(99));
    assert_eq!(refuse(&|s| s.video.sources[1].msid = Some("x y".to_owned())), SourceError::GroupMsidMismatch);
    assert_eq!(refuse(&|s| s.video.sources[1].msid = None), SourceError::NoMsid(12));
    assert_eq!(refuse(&|s| s.video.sources.push(source(50, "cam10 t"))), SourceError::MsidInUse("cam10 t".to_owned()));
    assert_eq!(
        refuse(&|s| s.audio.sources.extend((200..230).map(|n| source(n, &format!("m{n}"))))),
        SourceError::TooManyStreams
    );
    assert_eq!(refuse(&|s| s.audio.sources.push(source(10, "again"))), SourceError::SsrcInUse(10));
}

#[test]
fn no_more_is_read_than_it_takes_to_refuse() {
    let mut content = Content::offered("video");
    let sources = SourceSet {
        sources: (1..9000).map(|n| source(n, "m t")).collect(),
        groups: (1..9000).map(|n| group(Semantics::Fid, &[n, n + 1])).collect(),
    };
    content.description = Some(Description { media: "video".to_owned(), sources, ..Description::default() });
    let all = proposed("ada", vec![content.clone(), content]);
    assert_eq!((all.video.sources.len(), all.video.groups.len()), (MAX_STREAMS + 1, MAX_GROUPS + 1));
    let mut groups_only = all.clone();
    groups_only.video.sources.truncate(2);
    assert_eq!(SourceBook::default().add(now(), "ada", groups_only), Err(SourceError::TooManyGroups));
    let apart = all.video.sources.iter().map(|s| source(s.ssrc, &format!("{} t", s.ssrc))).collect();
    let apart = OwnerSources { video: SourceSet { sources: apart, groups: vec![] }, ..all };
    assert_eq!(SourceBook::default().add(now(), "ada", apart), Err(SourceError::TooManyStreams));
}

#[test]
fn unnamed_tracks_are_named_and_names_of_others_do_not_count() {
    let mut all = OwnerSources::default();
    all.video.sources = vec![
        source(1, "a"),
        Source { name: Some("ada-v1".to_owned()), ..source(2, "b") },
        Source { name: Some("bob-v0".to_owned()), ..source(3, "c") },
        Source { ssrc: 4, ..Source::default() },
    ];
    let mut book = SourceBook::default();
    book.add(now(), "ada", all).unwrap();
    let seen = book.visible("ada", true).unwrap();
    let names: Vec<_> = seen.video.sources.iter().map(|s| s.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["ada-v0", "ada-v1", "ada-v2", "ada-v3"]);
    assert!(seen.video.sources[3].msid.is_some());
}

#[test]
fn a_screen_hides_the_camera_from_clients_that_take_one_video() {
    let mut book = SourceBook::default();
    book.add(now(), "ada", simulcast(100)).unwrap();
    let mut screen = OwnerSources::default();
    screen.video.sources = vec![Source {
        video_type: Some("desktop".to_owned()),
        name: Some("ada-v1".to_owned()),
        ..source(500, "screen t")
    }];
    book.add(now(), "ada", screen.clone()).unwrap();
    let one = book.visible("ada", false).unwrap();
    assert_eq!(one.video.sources.len(), 1);
    assert_eq!(one.video.sources[0].ssrc, 500);
    assert_eq!(book.visible("ada", true).unwrap().video.sources.len(), 3);
    book.remove(now(), "ada", &screen).unwrap();
    let ssrcs = |many| streams(&book.visible("ada", many).unwrap()).map(|s| s.ssrc).collect::<Vec<_>>();
    assert_eq!(ssrcs(false), ssrcs(true));
}

#[test]
fn the_one_video_comes_back_under_an_msid_that_was_not_there_before() {
    let mut book = SourceBook::default();
    book.add(now(), "ada", simulcast(100)).unwrap();
    let mut screen = OwnerSources::default();
    screen.video.sources = vec![Source { video_type: Some("desktop".to_owned()), ..source(500, "screen t") }];
    let mut seen = BTreeSet::new();
    let mut see = |book: &SourceBook| {
        let one = book.visible("ada", false).unwrap();
        let msids: BTreeSet<_> = one.video.sources.iter().map(|s| s.msid.clone().unwrap()).collect();
        assert_eq!(msids.len(), 1, "the streams of a track stay together");
        assert!(seen.is_disjoint(&msids), "{msids:?} were there before: {seen:?}");
        seen.extend(msids);
        let kept = book.visible("ada", true).unwrap();
        assert!(
            kept.video.sources.iter().all(|s| s.msid.as_deref().is_some_and(|m| ["cam100 t", "screen t"].contains(&m)))
        );
    };
    see(&book);
    for _ in 0..2 {
        book.add(now(), "ada", screen.clone()).unwrap();
        see(&book);
        book.remove(now(), "ada", &screen).unwrap();
        see(&book);
    }
    // What does not touch the video leaves it as it is.
    let before = book.visible("ada", false).unwrap();
    let mut sound = OwnerSources::default();
    sound.audio.sources.push(source(700, "more t"));
    book.add(now(), "ada", sound).unwrap();
    assert_eq!(book.visible("ada", false).unwrap().video, before.video);
}

#[test]
fn removal_takes_the_groups_along_and_unknown_streams_are_refused() {
    let mut book = SourceBook::default();
    book.add(now(), "ada", simulcast(100)).unwrap();
    let mut part = simulcast(100);
    part.audio = SourceSet::default();
    part.video.groups.clear();
    book.remove(now(), "ada", &part).unwrap();
    let left = book.visible("ada", true).unwrap();
    assert!(left.video.is_empty());
    assert_eq!(book.remove(now(), "ada", &part), Err(SourceError::NoSuchSource(101)));
    // The streams are free again, for others after a while.
    let start = now();
    let mut again = simulcast(200);
    book.add(start, "ada", again.clone()).unwrap();
    book.remove(start, "ada", &again).unwrap();
    assert!(book.add(start, "bob", again.clone()).is_err(), "it may be on its way back");
    again.audio = SourceSet::default();
    book.add(start, "ada", again.clone()).unwrap();
    book.end(start, "ada");
    let soon = start + Duration::from_secs(59);
    assert_eq!(book.add(soon, "bob", again.clone()), Err(SourceError::SsrcInUse(201)));
    let mut other = again.clone();
    other.video.sources.truncate(1);
    other.video.groups.clear();
    other.video.sources[0].ssrc = 9;
    assert!(book.add(soon, "bob", other).is_err(), "the track is as good as the stream");
    book.add(start + Duration::from_secs(60), "bob", again.clone()).unwrap();
    book.forget("bob");
    book.add(start + Duration::from_secs(60), "cyd", again).unwrap();
}
