use crate::core::grid::Grid;
use std::time::{Duration, Instant};

use jitsi_wire::jingle::Candidate;
use rand_core::SeedableRng;
use rtc_stun::attributes::*;
use rtc_stun::message::*;
use rtc_stun::xoraddr::XorMappedAddress;

use super::peer::{Peer, bridge_params, decode, error_code, path};
use super::*;

/// The agent, its peer, and a network with a round trip of 20 ms in virtual time.
struct World {
    ice: Ice,
    peer: Peer,
    start: Instant,
    now: Instant,
    /// On these paths the peer gets our checks and answers them.
    open: Vec<Path>,
    in_flight: Vec<(Instant, Path, Vec<u8>)>,
    sent: Vec<(Duration, Path, Message)>,
    events: Vec<(Duration, IceOutput)>,
}

const RTT: Duration = Duration::from_millis(20);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl World {
    fn new() -> Self {
        let start = Instant::now();
        let crypto = rtc_crypto::default_provider().unwrap();
        let ice = Ice::new(start, crypto, bridge_params(), ChaCha8Rng::from_seed([5; 32]), Grid::new(start));
        Self {
            ice,
            peer: Peer::new(),
            start,
            now: start,
            open: Vec::new(),
            in_flight: Vec::new(),
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    /// With credentials on both sides and `path` validated and nominated.
    fn connected(path: Path) -> Self {
        let mut world = Self::new();
        world.open.push(path);
        world.signal();
        world.ask(path);
        world.run(ms(100));
        assert_eq!(world.ice.selected(), Some(path));
        assert_eq!(world.ice.nomination, Nomination::Done(path));
        world
    }

    fn signal(&mut self) {
        let signalled = self.peer.signalled();
        self.ice.set_remote(self.now, &signalled);
        self.drain();
    }

    fn ask(&mut self, path: Path) -> StunVerdict {
        let request = self.peer.request();
        self.deliver(path, &request)
    }

    fn deliver(&mut self, path: Path, message: &[u8]) -> StunVerdict {
        let verdict = self.ice.handle(self.now, path, message);
        self.drain();
        verdict
    }

    fn media(&mut self, path: Path) {
        self.ice.on_authentic_media(self.now, path);
    }

    fn drain(&mut self) {
        while let Some(output) = self.ice.poll() {
            let at = self.now - self.start;
            if let IceOutput::Transmit { path, datagram } = output {
                let message = decode(&datagram);
                if message.typ == BINDING_REQUEST && self.open.contains(&path) {
                    let answer = self.peer.answer(&datagram, path.remote);
                    self.in_flight.push((self.now + RTT, path, answer));
                }
                self.sent.push((at, path, message));
            } else {
                self.events.push((at, output));
            }
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut turns = 0;
        loop {
            turns += 1;
            assert!(turns < 100_000, "the agent wants to be woken without end");
            let arrival = self.in_flight.iter().map(|(at, _, _)| *at).min();
            let wakeup = self.ice.next_wakeup().map(|(at, _)| at);
            let Some(next) = arrival.into_iter().chain(wakeup).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if let Some(index) = self.in_flight.iter().position(|(at, _, _)| *at <= self.now) {
                let (_, path, answer) = self.in_flight.remove(index);
                self.deliver(path, &answer);
            } else {
                self.ice.on_wakeup(self.now);
                self.drain();
            }
        }
        self.now = end;
    }

    fn checks(&self) -> impl Iterator<Item = &(Duration, Path, Message)> {
        self.sent.iter().filter(|(_, _, message)| message.typ == BINDING_REQUEST)
    }

    fn nominations(&self) -> Vec<(Duration, Path)> {
        self.checks().filter(|(_, _, m)| m.contains(ATTR_USE_CANDIDATE)).map(|(at, path, _)| (*at, *path)).collect()
    }

    fn last_answer(&mut self) -> Message {
        let (_, _, mut message) = self.sent.last().unwrap().clone();
        self.peer.expect_proven(&mut message, &self.peer.bridge.pwd);
        message
    }

    fn signal_candidates(&mut self, candidates: Vec<Candidate>) {
        let mut remote = self.peer.signalled();
        remote.candidates = candidates;
        self.ice.set_remote(self.now, &remote);
        self.drain();
    }
}

fn candidate(ip: &str, port: u16, kind: &str) -> Candidate {
    Candidate {
        component: 1,
        foundation: "1".to_owned(),
        generation: 0,
        id: "c".to_owned(),
        ip: ip.to_owned(),
        port,
        priority: 1,
        protocol: "udp".to_owned(),
        kind: kind.to_owned(),
        rel_addr: None,
        rel_port: None,
    }
}

#[test]
fn checklist_3_4_5_an_early_check_is_answered_at_once_and_followed_by_ours_when_the_credentials_come() {
    let mut world = World::new();
    world.open.push(path(1, 1000));
    assert_eq!(world.ask(path(1, 1000)), StunVerdict::Authenticated);
    assert_eq!(world.sent.len(), 1);
    let answer = world.last_answer();
    assert_eq!(answer.typ, BINDING_SUCCESS);
    let mut mapped = XorMappedAddress::default();
    mapped.get_from(&answer).unwrap();
    assert_eq!((mapped.ip, mapped.port), (path(1, 1000).remote.ip(), 1000));

    world.run(ms(1500));
    assert_eq!(world.checks().count(), 0);
    assert_eq!(world.ice.selected(), None);

    world.signal();
    assert_eq!(world.checks().count(), 1);
    world.run(ms(100));
    assert_eq!(world.ice.selected(), Some(path(1, 1000)));
    assert_eq!(world.ice.rtt(), Some(RTT));
    assert!(world.checks().all(|(_, _, check)| check.contains(ATTR_ICE_CONTROLLING)));
    assert_eq!(world.nominations().len(), 1);
    assert_eq!(world.events.iter().filter(|(_, event)| matches!(event, IceOutput::Connected)).count(), 1);
}

#[test]
fn checklist_2_a_wrong_password_changes_nothing_and_is_counted_against_its_network() {
    let mut world = World::new();
    world.signal();
    for port in 1..=MAX_FORGERIES {
        let forged = world.peer.request_with("not the password", |_| {});
        assert_eq!(world.deliver(path(1, u16::from(port)), &forged), StunVerdict::Rejected(Discard::BadTag));
    }
    assert!(world.sent.is_empty() && world.ice.pairs.is_empty());
    assert!(world.ice.controlling);
    // The network has to wait now, even with the right password; others have not.
    assert_eq!(world.ask(path(1, 99)), StunVerdict::Rejected(Discard::BadTag));
    let elsewhere = Path { remote: "203.0.113.9:5".parse().unwrap(), ..path(1, 1) };
    assert_eq!(world.ask(elsewhere), StunVerdict::Authenticated);
    world.run(ms(1100));
    assert_eq!(world.ask(path(1, 99)), StunVerdict::Authenticated);
}

#[test]
fn a_forged_role_or_nomination_changes_nothing() {
    let mut world = World::new();
    world.signal();
    world.peer.controlling = true;
    world.peer.tie_breaker = u64::MAX;
    let forged = world.peer.request_with("not the password", |message| message.add(ATTR_USE_CANDIDATE, &[]));
    world.deliver(path(1, 1), &forged);
    assert!(world.ice.controlling);
    assert_eq!(world.ice.flips, 0);
}

#[test]
fn somebody_elses_ufrag_is_refused() {
    let mut world = World::new();
    world.peer.bridge.ufrag = "bridge02".to_owned();
    assert_eq!(world.ask(path(1, 1)), StunVerdict::Rejected(Discard::UnknownPath));
    assert!(world.sent.is_empty());
}

/// The highest bit makes the difference between signed and unsigned comparison.
const LOW: u64 = 1;
const HIGH: u64 = 1 << 63;

fn role_conflict(controlling: bool, ours: u64, theirs: u64) -> (bool, Option<u16>) {
    let mut world = World::new();
    world.ice.controlling = controlling;
    world.ice.tie_breaker = ours;
    world.peer.controlling = controlling;
    world.peer.tie_breaker = theirs;
    world.ask(path(1, 1));
    let answer = world.last_answer();
    let error = (answer.typ == BINDING_ERROR).then(|| error_code(&answer));
    (world.ice.controlling, error)
}

#[test]
fn checklist_6_role_conflicts_are_resolved_by_unsigned_comparison() {
    assert_eq!(role_conflict(true, HIGH, LOW), (true, Some(487)));
    assert_eq!(role_conflict(true, HIGH, HIGH), (true, Some(487)));
    assert_eq!(role_conflict(true, LOW, HIGH), (false, None));
    assert_eq!(role_conflict(false, HIGH, LOW), (true, None));
    assert_eq!(role_conflict(false, HIGH, HIGH), (true, None));
    assert_eq!(role_conflict(false, LOW, HIGH), (false, Some(487)));
}

#[test]
fn a_refused_role_is_given_up_and_the_check_repeated() {
    let mut world = World::new();
    world.signal();
    world.ask(path(1, 1));
    let check = world.checks().next().unwrap().2.clone();
    assert!(check.contains(ATTR_ICE_CONTROLLING));
    let refusal = world.peer.refuse(&check.raw, 487);
    world.run(RTT);
    assert_eq!(world.deliver(path(1, 1), &refusal), StunVerdict::Response);
    assert!(!world.ice.controlling);
    world.run(ms(60));
    let (_, _, again) = world.checks().last().unwrap();
    assert_ne!(again.transaction_id, check.transaction_id);
    assert!(again.contains(ATTR_ICE_CONTROLLED));
    assert_eq!(again.get(ATTR_ICE_CONTROLLED).unwrap(), check.get(ATTR_ICE_CONTROLLING).unwrap());
}

#[test]
fn three_flips_draw_a_new_tie_breaker() {
    let mut world = World::new();
    let before = world.ice.tie_breaker;
    world.ice.flip();
    world.ice.flip();
    assert_eq!(world.ice.tie_breaker, before);
    world.ice.flip();
    assert_ne!(world.ice.tie_breaker, before);
}

#[test]
fn as_controlled_side_we_obey_the_peers_nomination() {
    let mut world = World::new();
    world.open = vec![path(1, 1), path(2, 2)];
    world.signal();
    world.peer.controlling = true;
    world.peer.tie_breaker = u64::MAX;
    world.ask(path(1, 1));
    world.ask(path(2, 2));
    world.run(ms(200));
    assert!(!world.ice.controlling && world.nominations().is_empty() && !world.ice.connected);
    let password = world.peer.bridge.pwd.clone();
    let request = world.peer.request_with(&password, |message| message.add(ATTR_USE_CANDIDATE, &[]));
    world.deliver(path(2, 2), &request);
    assert_eq!(world.ice.selected(), Some(path(2, 2)));
    assert!(world.ice.connected);
}

#[test]
fn what_must_be_understood_and_is_not_gets_420() {
    let mut world = World::new();
    let password = world.peer.bridge.pwd.clone();
    let request = world.peer.request_with(&password, |message| message.add(AttrType(0x7ABC), &[1]));
    world.deliver(path(1, 1), &request);
    let answer = world.last_answer();
    assert_eq!(error_code(&answer), 420);
    assert_eq!(answer.get(ATTR_UNKNOWN_ATTRIBUTES).unwrap(), [0x7A, 0xBC]);
    assert!(world.ice.pairs.is_empty());
}

#[test]
fn indications_are_accepted_in_silence() {
    let mut world = World::connected(path(1, 1));
    let sent = world.sent.len();
    let mut message = Message::new();
    message.typ = MessageType { method: METHOD_BINDING, class: CLASS_INDICATION };
    message.write_header();
    assert_eq!(world.deliver(path(1, 1), &message.raw), StunVerdict::Response);
    assert_eq!(world.sent.len(), sent);
}

#[test]
fn an_answer_counts_only_from_where_the_question_went() {
    let mut world = World::new();
    world.signal();
    world.ask(path(1, 1));
    world.ask(path(2, 2));
    let check = world.checks().next().unwrap().2.clone();
    let answer = world.peer.answer(&check.raw, path(1, 1).remote);
    assert!(matches!(world.deliver(path(2, 2), &answer), StunVerdict::Rejected(_)));
    assert!(matches!(world.deliver(path(3, 3), &answer), StunVerdict::Rejected(_)));
    assert_eq!(world.ice.selected(), None);
    let mut forged = answer.clone();
    let last = forged.len() - 9;
    forged[last] ^= 1;
    assert!(matches!(world.deliver(path(1, 1), &forged), StunVerdict::Rejected(_)));
    assert_eq!(world.deliver(path(1, 1), &answer), StunVerdict::Response);
    assert_eq!(world.ice.selected(), Some(path(1, 1)));
    assert!(matches!(world.deliver(path(1, 1), &answer), StunVerdict::Rejected(_)));
}

#[test]
fn an_unanswered_check_is_repeated_with_growing_pauses_and_given_up() {
    let mut world = World::new();
    world.signal();
    world.ask(path(1, 1));
    world.run(ms(59_000));
    let times: Vec<u128> = world.checks().map(|(at, _, _)| at.as_millis()).collect();
    assert_eq!(times, [0, 500, 1000, 1500, 2000, 3000, 5000]);
    world.run(ms(2000));
    assert!(matches!(world.events.last(), Some((_, IceOutput::PathGone(gone))) if *gone == path(1, 1)));
    assert!(world.ice.next_wakeup().is_none());
}

#[test]
fn a_peer_that_asks_again_is_checked_again_soon() {
    let mut world = World::new();
    world.signal();
    for _ in 0..6 {
        world.ask(path(1, 1));
        world.run(ms(100));
    }
    let times: Vec<u128> = world.checks().map(|(at, _, _)| at.as_millis()).collect();
    assert_eq!(times, [0, 200, 400, 600]);
}

/// On a line that loses much the first answers may be lost one after another, while media comes all the time.
#[test]
fn a_peer_that_sends_media_is_checked_until_it_answers() {
    let mut world = World::new();
    world.signal();
    world.ask(path(1, 1));
    world.run(ms(10_000));
    let given_up = world.checks().count();
    let media = |world: &mut World, millis: u64| {
        for _ in 0..millis / 20 {
            world.media(path(1, 1));
            world.ice.on_wakeup(world.now);
            world.drain();
            world.run(ms(20));
        }
    };
    media(&mut world, 5000);
    assert_eq!(world.checks().count() - given_up, 1 + 25, "one at once, then one every 200 ms");
    world.open.push(path(1, 1));
    media(&mut world, 400);
    assert_eq!(world.ice.selected(), Some(path(1, 1)));
}

#[test]
fn first_checks_of_several_pairs_are_paced() {
    let mut world = World::new();
    for port in 1..=4 {
        world.ask(path(1, port));
    }
    world.signal();
    world.run(ms(300));
    let times: Vec<u128> = world.checks().map(|(at, _, _)| at.as_millis()).collect();
    assert_eq!(times, [0, 50, 100, 150]);
}

#[test]
fn checklist_8_consent_is_asked_every_five_seconds_more_or_less_and_media_ends_without_it() {
    let mut world = World::connected(path(1, 1));
    world.sent.clear();
    world.run(ms(60_000));
    let times: Vec<Duration> = world.checks().map(|(at, _, _)| *at).collect();
    assert!((10..=15).contains(&times.len()), "{times:?}");
    for two in times.windows(2) {
        let gap = two[1] - two[0];
        assert!((ms(4000)..=ms(6100)).contains(&gap), "{gap:?}");
    }
    // The peer goes deaf, but goes on asking: that is no consent.
    world.open.clear();
    world.run(RTT);
    let last = world.ice.last_consent.unwrap();
    while world.ice.selected().is_some() {
        world.ask(path(1, 1));
        world.run(ms(100));
        assert!(world.now <= last + ms(30_100));
    }
    assert!(world.now >= last + ms(29_000));
    assert!(world.events.iter().any(|(_, event)| matches!(event, IceOutput::Lost)));
    let retransmissions = world.checks().filter(|(at, _, _)| world.start + *at > last + ms(6100)).count();
    assert!(retransmissions > 40, "{retransmissions}");
}

#[test]
fn a_lost_peer_that_comes_back_is_nominated_again() {
    let mut world = World::connected(path(1, 1));
    world.open.clear();
    world.run(ms(40_000));
    assert_eq!(world.ice.selected(), None);
    world.open.push(path(1, 2));
    world.ask(path(1, 2));
    world.run(ms(100));
    assert_eq!(world.ice.selected(), Some(path(1, 2)));
    assert_eq!(world.nominations().last().unwrap().1, path(1, 2));
}

/// A client whose router changes its port: media every 20 ms if it sends any, checks every 2.5 s as Chrome does.
fn rebind(media: bool) -> Duration {
    let (old, new) = (path(1, 1000), path(1, 2000));
    let mut world = World::connected(old);
    for tick in 0..500 {
        if tick % 125 == 0 {
            world.ask(old);
        }
        if media {
            world.media(old);
        }
        world.run(ms(20));
    }
    world.open = vec![new];
    let moved = world.now;
    let mut tick = 0;
    while world.ice.selected() != Some(new) {
        tick += 1;
        if tick % 125 == 0 {
            world.ask(new);
        }
        // The bridge drops what comes from an address that STUN has not validated.
        if media && world.ice.pairs.iter().any(|pair| pair.path == new) {
            world.media(new);
        }
        world.run(ms(20));
        assert!(tick < 1000);
    }
    assert_eq!(world.nominations().len(), 1);
    world.now - moved
}

#[test]
fn a_new_port_takes_over_within_three_seconds() {
    assert!(rebind(true) < ms(3000));
    assert!(rebind(false) < ms(3000));
}

#[test]
fn media_moves_the_selected_path_only_after_the_old_one_was_left() {
    let (wifi, mobile) = (path(1, 1), path(2, 2));
    let mut world = World::connected(wifi);
    world.open.push(mobile);
    world.ask(mobile);
    world.run(ms(100));
    world.media(wifi);
    for _ in 0..20 {
        world.run(ms(20));
        world.media(mobile);
    }
    assert_eq!(world.ice.selected(), Some(wifi));
    world.run(ms(200));
    world.media(mobile);
    assert_eq!(world.ice.selected(), Some(mobile));
}

#[test]
fn a_spare_pair_does_not_take_over_while_the_selected_one_speaks() {
    let (main, spare) = (path(1, 1), path(2, 2));
    let mut world = World::connected(main);
    world.open.push(spare);
    for second in 0..120 {
        world.ask(main);
        if second % 15 == 7 {
            world.ask(spare);
        }
        world.run(ms(1000));
        assert_eq!(world.ice.selected(), Some(main));
    }
    // The spare pair has been kept alive all the while.
    assert!(world.ice.pairs.iter().any(|pair| pair.path == spare && pair.usable(world.now)));
    assert_eq!(world.nominations().len(), 1);
}

#[test]
fn checklist_10_spoofed_addresses_change_nothing() {
    let real = path(1, 1);
    let mut world = World::connected(real);
    world.media(path(66, 6));
    assert_eq!(world.ice.selected(), Some(real));
    // Somebody replays a genuine request from many addresses: answered, checked, but nobody answers there.
    let captured = world.peer.request();
    for host in 10..40 {
        world.deliver(path(host, 6), &captured);
        world.media(path(host, 6));
    }
    world.run(ms(2000));
    world.media(real);
    world.run(ms(20_000));
    assert_eq!(world.ice.selected(), Some(real));
    assert!(world.ice.pairs.len() <= MAX_PAIRS);
    let gone = world.events.iter().filter(|(_, event)| matches!(event, IceOutput::PathGone(_))).count();
    assert_eq!(gone + world.ice.pairs.len(), 31);
}

#[test]
fn a_relay_waits_for_a_direct_pair() {
    let (relay, direct) = (path(50, 3478), path(1, 1));
    let mut world = World::new();
    world.open = vec![relay, direct];
    world.signal_candidates(vec![candidate("192.0.2.50", 3478, "relay")]);
    world.ask(relay);
    world.run(ms(150));
    // Media may flow, but nothing is nominated yet.
    assert_eq!(world.ice.selected(), Some(relay));
    assert!(world.nominations().is_empty());
    world.ask(direct);
    world.run(ms(500));
    assert_eq!(world.nominations().iter().map(|(_, path)| *path).collect::<Vec<_>>(), [direct]);
    assert_eq!(world.ice.selected(), Some(direct));
}

#[test]
fn a_relay_is_nominated_when_nothing_better_comes() {
    let relay = path(50, 3478);
    let mut world = World::new();
    world.open = vec![relay];
    world.signal_candidates(vec![candidate("192.0.2.50", 3478, "relay")]);
    world.ask(relay);
    world.run(ms(1000));
    let nominations = world.nominations();
    assert_eq!(nominations.len(), 1);
    assert!((ms(250)..=ms(550)).contains(&nominations[0].0), "{nominations:?}");
}

#[test]
fn a_nomination_is_repeated_until_it_is_answered() {
    let mut world = World::new();
    world.open.push(path(1, 1));
    world.signal();
    world.ask(path(1, 1));
    // Only the first check gets through.
    world.open.clear();
    world.run(ms(5000));
    assert!(world.nominations().len() >= 4);
    assert!(!world.ice.connected);
    world.open.push(path(1, 1));
    world.run(ms(3000));
    assert!(world.ice.connected);
    let asked = world.nominations().len();
    world.run(ms(20_000));
    assert_eq!(world.nominations().len(), asked);
}

#[test]
fn a_nomination_moves_with_a_peer_whose_address_changes_before_it_answers() {
    let mut world = World::new();
    let (old, new) = (path(1, 1), path(2, 1));
    world.open.push(old);
    world.signal();
    world.ask(old);
    world.run(ms(25));
    assert!(matches!(world.ice.nomination, Nomination::Asking { path, .. } if path == old));
    (world.open, world.in_flight) = (vec![new], Vec::new());
    world.run(ms(1000));
    world.ask(new);
    world.run(ms(100));
    assert_eq!(world.ice.nomination, Nomination::Done(new));
    assert_eq!(world.ice.selected(), Some(new));
}

#[test]
fn checklist_17_only_candidates_that_can_be_reached_are_checked() {
    let mut world = World::new();
    world.ice.set_local_addresses(&["198.51.100.1".parse().unwrap()]);
    let with = |change: fn(&mut Candidate)| {
        let mut candidate = candidate("192.0.2.9", 9, "host");
        change(&mut candidate);
        candidate
    };
    world.signal_candidates(vec![
        with(|c| c.ip = "0b5e7d1c-mdns.local".to_owned()),
        with(|c| c.protocol = "tcp".to_owned()),
        with(|c| c.generation = 1),
        with(|c| c.component = 2),
        with(|c| c.port = 0),
        with(|c| c.ip = "2001:db8::1".to_owned()),
        with(|c| c.ip = "127.0.0.1".to_owned()),
        with(|c| c.ip = "224.0.0.1".to_owned()),
        with(|c| c.ip = "169.254.1.1".to_owned()),
        with(|_| {}),
    ]);
    world.run(ms(20_000));
    let checks: Vec<_> = world.checks().map(|(at, path, _)| (at.as_millis(), *path)).collect();
    assert_eq!(checks.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 500, 1500, 3500]);
    assert!(checks.iter().all(|(_, to)| *to == path(9, 9)));
    assert!(world.ice.next_wakeup().is_none());
}

#[test]
fn new_credentials_keep_a_connected_path() {
    let mut world = World::connected(path(1, 1));
    world.peer.pwd = "another-password-of-22-chars".to_owned();
    world.signal();
    world.run(ms(20_000));
    assert_eq!(world.ice.selected(), Some(path(1, 1)));
    assert!(world.ice.last_consent.unwrap() > world.start + ms(10_000));
}
