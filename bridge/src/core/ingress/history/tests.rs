use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

fn packet(n: u64, len: usize) -> Vec<u8> {
    let [.., high, low] = n.to_be_bytes();
    let mut packet = vec![0x80, 100, high, low, 0, 0, 0, 0, 0, 0, 0, 1];
    packet.resize(len, low);
    packet
}

fn insert(history: &mut History, now: Instant, n: u64, len: usize) -> Inserted {
    let packet = packet(n, len);
    history.insert(now, ExtSeq(n), &RtpHeader::parse(&packet).unwrap(), &packet, MAX_BYTES)
}

fn has(history: &History, n: u64) -> bool {
    history.get(ExtSeq(n)).is_some_and(|stored| {
        assert_eq!(u64::from(stored.header.sequence.0), n % 65536);
        assert_eq!(stored.packet, packet(n, stored.packet.len()));
        true
    })
}

#[test]
fn what_came_is_found_and_what_did_not_is_not() {
    let now = Instant::now();
    let mut history = History::default();
    for n in [70_000, 70_001, 70_004, 70_003, 69_999] {
        assert_eq!(insert(&mut history, now, n, 100), Inserted::New);
    }
    assert_eq!(insert(&mut history, now, 70_003, 100), Inserted::Duplicate);
    assert!([69_999, 70_000, 70_001, 70_003, 70_004].into_iter().all(|n| has(&history, n)));
    assert!([0, 69_998, 70_002, 70_005].into_iter().all(|n| !has(&history, n)));
    assert_eq!(insert(&mut history, now, 70_002, 100), Inserted::New);
    assert!(has(&history, 70_002));
    assert_eq!(history.bytes(), 600);
}

#[test]
fn packets_leave_by_number_and_are_not_taken_again() {
    let now = Instant::now();
    let mut history = History::default();
    for n in 1000..2000 {
        insert(&mut history, now, n, 50);
    }
    assert!(has(&history, 1999) && has(&history, 2000 - MAX_PACKETS));
    assert!(!has(&history, 1999 - MAX_PACKETS));
    assert_eq!(insert(&mut history, now, 1100, 50), Inserted::TooOld);
}

#[test]
fn packets_leave_by_age_and_a_silent_stream_gives_all_back() {
    let epoch = Instant::now();
    let mut history = History::default();
    for n in 0..100u64 {
        insert(&mut history, epoch + Duration::from_millis(n * 20), 1000 + n, 50);
    }
    // The newest came at 1980 ms.
    assert!(has(&history, 1049) && !has(&history, 1048));
    assert!(history.expire(epoch + Duration::from_millis(2500)));
    assert!(!history.expire(epoch + Duration::from_millis(2981)));
    assert_eq!((history.bytes(), history.entries.capacity(), history.spare.capacity()), (0, 0, 0));
    assert_eq!(insert(&mut history, epoch + Duration::from_secs(9), 1050, 50), Inserted::TooOld);
    assert_eq!(insert(&mut history, epoch + Duration::from_secs(9), 1100, 50), Inserted::New);
}

#[test]
fn packets_leave_by_bytes() {
    let now = Instant::now();
    let mut history = History::default();
    for n in 0..500u64 {
        insert(&mut history, now, 1000 + n, 1400);
        assert!(history.bytes() <= MAX_BYTES);
    }
    assert!(has(&history, 1499) && !has(&history, 1000));
}

#[test]
fn packets_leave_for_what_others_need() {
    let now = Instant::now();
    let mut history = History::default();
    let mut keep = |n: u64, room| {
        let packet = packet(n, 1000);
        history.insert(now, ExtSeq(n), &RtpHeader::parse(&packet).unwrap(), &packet, room);
        history.bytes()
    };
    assert_eq!((1000..1010).map(|n| keep(n, 5000)).last(), Some(5000));
    assert_eq!(keep(1010, 2500), 2000);
    assert_eq!(keep(1011, 0), 1000, "a packet that is needed now is always kept");
}

#[test]
fn a_jump_starts_over() {
    let now = Instant::now();
    let mut history = History::default();
    insert(&mut history, now, 1000, 50);
    insert(&mut history, now, 90_000, 50);
    assert!(!has(&history, 1000) && has(&history, 90_000));
    assert_eq!(history.entries.len(), 1);
}

#[test]
fn a_stream_in_flow_reuses_its_buffers() {
    let epoch = Instant::now();
    let mut history = History::default();
    for n in 0..2000u64 {
        insert(&mut history, epoch + Duration::from_millis(n * 5), 1000 + n, 900);
    }
    let mut pointers: Vec<_> = history.entries.iter().flatten().map(|entry| entry.bytes.as_ptr()).collect();
    pointers.extend(history.spare.iter().map(|spare| spare.as_ptr()));
    pointers.sort();
    for n in 2000..4000u64 {
        insert(&mut history, epoch + Duration::from_millis(n * 5), 1000 + n, 900);
    }
    let all_known = history.entries.iter().flatten().all(|entry| pointers.binary_search(&entry.bytes.as_ptr()).is_ok());
    assert!(all_known);
}

#[test]
fn a_history_agrees_with_a_map_under_loss_and_reordering() {
    let epoch = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(40);
    let mut history = History::default();
    let mut model = std::collections::BTreeMap::new();
    for step in 0..20_000u64 {
        let now = epoch + Duration::from_millis(step * 3);
        let n = 65_000 + step - u64::from(rng.next_u32() % 40).min(step);
        if rng.next_u32().is_multiple_of(2) {
            continue;
        }
        let len = usize::try_from(rng.next_u32() % 1200 + 12).unwrap();
        let inserted = insert(&mut history, now, n, len);
        match inserted {
            Inserted::New => assert!(model.insert(n, now).is_none()),
            Inserted::Duplicate => assert!(model.contains_key(&n)),
            Inserted::TooOld => panic!("nothing is that old here"),
        }
        let probe = 65_000 + step - u64::from(rng.next_u32() % 300).min(step);
        let expected = model.get(&probe).is_some_and(|at| now - *at <= MAX_AGE - Duration::from_millis(200));
        assert!(!expected || has(&history, probe), "{probe} at step {step}");
        assert!(model.contains_key(&probe) || !has(&history, probe));
    }
}
