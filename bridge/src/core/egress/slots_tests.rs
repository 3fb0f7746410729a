use super::*;
use crate::core::packet::Seq;

fn names(kind: MediaKind, serial: u64) -> Names {
    Names { owner: 0, source: 0, serial, kind, ssrc: Ssrc(0), rtx: None, mid: None, clock_rate: 90_000 }
}

fn fill(slots: &mut Slots, now: Instant, kind: MediaKind, count: u64) {
    for serial in 0..count {
        let Room::Free(index) = slots.room(now, kind, |_| None) else { panic!() };
        let fresh = u32::try_from(serial).unwrap();
        slots.take(now, &mut names(kind, serial), index, (Ssrc(100 + fresh), Ssrc(1000 + fresh)));
    }
}

#[test]
fn checklist_59_there_are_fifty_places_of_each_kind_and_the_least_used_makes_room() {
    let start = Instant::now();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let mut slots = Slots::new(false);
        fill(&mut slots, start, kind, 50);
        let now = start + Duration::from_secs(5);
        let used = |serial: u64| (serial != 17).then(|| start + Duration::from_secs(2));
        assert_eq!(slots.room(now, kind, used), Room::Held(17, 17));
        slots.touch(now, kind, 17);
        assert_eq!(slots.room(now, kind, used), Room::Held(0, 0));
        assert_eq!(slots.room(now, kind, |_| Some(now)), Room::None, "everybody speaks");
        assert_eq!(slots.of(kind).len(), 50);
        assert_eq!(slots.of(kind).iter().all(|slot| slot.rtx.is_some()), kind == MediaKind::Video);
    }
}

#[test]
fn mids_count_the_places_and_stay() {
    let now = Instant::now();
    let mut slots = Slots::new(true);
    fill(&mut slots, now, MediaKind::Video, 12);
    fill(&mut slots, now, MediaKind::Audio, 1);
    let mids: Vec<String> = slots.of(MediaKind::Video).iter().map(|slot| slot.mid.unwrap().as_text()).collect();
    assert_eq!((mids[0].as_str(), mids[9].as_str(), mids[11].as_str()), ("v0", "v9", "v11"));
    assert_eq!(slots.of(MediaKind::Audio)[0].mid.unwrap().as_text(), "a0");
    let mut next = names(MediaKind::Video, 99);
    let egress = super::super::Egress::new(names(MediaKind::Video, 3), (Seq(1), Seq(1)));
    slots.release(MediaKind::Video, 3, egress.ended());
    assert_eq!(slots.room(now, MediaKind::Video, |_| None), Room::Free(3));
    assert!(slots.take(now, &mut next, 3, (Ssrc(1), Ssrc(2))).is_some());
    assert_eq!((next.ssrc, next.mid.unwrap().as_text()), (Ssrc(103), "v3".to_owned()));
}
