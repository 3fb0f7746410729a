use super::*;

fn ms(epoch: Instant, ms: u64) -> Instant {
    epoch + Duration::from_millis(ms)
}

const RTT: Option<Duration> = Some(Duration::from_millis(100));

#[test]
fn checklist_73_simultaneous_wishes_are_one_request() {
    let epoch = Instant::now();
    let mut requester = Requester::new(Pace::Camera);
    let sent = (0..200).filter(|n| requester.want(ms(epoch, n / 2), RTT)).count();
    assert_eq!(sent, 1);
}

#[test]
fn checklist_73_a_storm_gets_two_requests_in_the_first_second_and_one_a_second_after() {
    let epoch = Instant::now();
    let mut requester = Requester::new(Pace::Camera);
    let mut sent = Vec::new();
    for now in 0..30_000 {
        let wanted = now % 5 == 0 && requester.want(ms(epoch, now), RTT);
        if wanted || requester.on_wakeup(ms(epoch, now)) {
            sent.push(now);
        }
        // The sender answers each request 100 ms later.
        if sent.last().is_some_and(|last| now == last + 100) {
            requester.on_keyframe();
        }
    }
    assert!(sent.iter().filter(|at| **at < 1000).count() <= 3, "{sent:?}");
    assert!(sent.len() <= 3 + 30, "{sent:?}");
    assert!(sent.len() >= 30, "{sent:?}");
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 200), "{sent:?}");
}

#[test]
fn a_desktop_is_asked_half_as_often() {
    let epoch = Instant::now();
    let mut requester = Requester::new(Pace::Desktop);
    let mut sent = 0;
    for now in 0..30_000 {
        if requester.want(ms(epoch, now), RTT) || requester.on_wakeup(ms(epoch, now)) {
            sent += 1;
            requester.on_keyframe();
        }
    }
    assert!((15..=18).contains(&sent), "{sent}");
}

#[test]
fn an_unanswered_request_is_repeated_ever_more_slowly() {
    let epoch = Instant::now();
    let mut requester = Requester::new(Pace::Camera);
    assert!(requester.want(epoch, RTT));
    assert_eq!(requester.next_wakeup(), Some((ms(epoch, 1000), Wake::Keyframe)));
    let sent: Vec<_> = (1..20_000).filter(|now| requester.on_wakeup(ms(epoch, *now))).collect();
    assert_eq!(sent, [1000, 3000, 7000, 11_000, 15_000, 19_000]);
    requester.on_keyframe();
    assert_eq!(requester.next_wakeup(), None);
    assert!(!requester.on_wakeup(ms(epoch, 30_000)));
}

#[test]
fn a_wish_right_after_a_key_frame_is_kept_for_later() {
    let epoch = Instant::now();
    let mut requester = Requester::new(Pace::Camera);
    assert!(requester.want(epoch, RTT));
    requester.on_keyframe();
    assert!(!requester.want(ms(epoch, 50), RTT));
    assert_eq!(requester.next_wakeup(), Some((ms(epoch, 200), Wake::Keyframe)));
    assert!(!requester.on_wakeup(ms(epoch, 199)));
    assert!(requester.on_wakeup(ms(epoch, 200)));
}

#[test]
fn a_long_round_trip_spaces_requests_up_to_a_second() {
    let epoch = Instant::now();
    let mut requester = Requester::new(Pace::Camera);
    let rtt = Some(Duration::from_millis(400));
    let sent: Vec<_> = (0..1500).filter(|now| requester.want(ms(epoch, *now), rtt)).collect();
    assert_eq!(sent, [0, 600, 1200]);
}

#[test]
fn checklist_73_one_receiver_gets_three_in_ten_seconds() {
    let epoch = Instant::now();
    let mut limit = ReceiverLimit::default();
    let passed: Vec<_> = (0..25_000).filter(|now| passes(&mut limit, ms(epoch, *now), None)).collect();
    assert_eq!(passed, [0, 200, 400, 10_001, 10_201, 10_401, 20_002, 20_202, 20_402]);
}

#[test]
fn a_close_receiver_may_ask_sooner() {
    let epoch = Instant::now();
    let mut limit = ReceiverLimit::default();
    let rtt = Some(Duration::from_millis(20));
    assert_eq!((0..100).filter(|now| passes(&mut limit, ms(epoch, *now), rtt)).collect::<Vec<_>>(), [0, 30, 60]);
}

fn passes(limit: &mut ReceiverLimit, now: Instant, rtt: Option<Duration>) -> bool {
    let allowed = limit.allows(now, rtt);
    if allowed {
        limit.count(now);
    }
    allowed
}

#[test]
fn wishes_that_lead_to_nothing_do_not_count() {
    let epoch = Instant::now();
    let mut limit = ReceiverLimit::default();
    assert!((0..50).all(|n| limit.allows(ms(epoch, n * 100), None)));
}
