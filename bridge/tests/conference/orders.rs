use crate::world::*;
use bridge::control::Reply;
use bridge::core::connects::ConnectChange;
use bridge::core::{BridgeConfig, CandidateKind, LocalCandidate};
use jitsi_wire::colibri2::*;
use jitsi_wire::jingle::*;

fn refusal(reply: Reply) -> Refusal {
    match reply {
        Reply::Refused { refusal, .. } => refusal,
        Reply::Done { answer, .. } => panic!("{answer:?}"),
    }
}

fn conference(create: bool, endpoints: Vec<EndpointModify>) -> ConferenceModify {
    ConferenceModify { meeting_id: MEETING.into(), create, endpoints, ..Default::default() }
}

#[test]
fn a_create_is_answered_with_transport_and_the_bridges_own_sources() {
    let candidate = |ip: &str, loopback| LocalCandidate {
        ip: ip.parse().unwrap(),
        port: 10_000,
        kind: CandidateKind::Host,
        loopback,
    };
    let config = BridgeConfig {
        candidates: vec![candidate("10.0.0.1", false), candidate("127.0.0.1", true)],
        ..Default::default()
    };
    let mut world = World::with_config(config);
    let answer = world.done(conference(true, vec![creating("a")]));
    let [audio, video] = &answer.sources[..] else { panic!() };
    assert_eq!((audio.id.as_str(), video.id.as_str()), ("jvb-a0", "jvb-v0"));
    assert_ne!(audio.ssrcs, video.ssrcs);
    let transport = answer.endpoints[0].transport.as_ref().unwrap();
    assert!(transport.ufrag.as_ref().unwrap().len() >= 8 && transport.pwd.as_ref().unwrap().len() >= 22);
    assert_eq!(transport.fingerprints[0].setup, Some(Setup::Actpass));
    assert_eq!(transport.candidates.len(), 1, "no loopback for a client from elsewhere");
    let url = transport.web_socket.as_ref().unwrap();
    assert!(url.starts_with("/colibri-ws/default-id/") && url.contains("/a?pwd="), "{url}");
    assert_eq!(answer.endpoints[0].sctp_port, None);
    let other = EndpointModify {
        transport: Some(TransportModify { sctp: Some(SctpModify::default()), ..Default::default() }),
        ..creating("b")
    };
    let answer = world.done(conference(false, vec![other]));
    assert_eq!(answer.endpoints[0].sctp_port, Some(5000));
    assert_eq!(answer.endpoints[0].transport.as_ref().unwrap().web_socket, None);
    assert_eq!(answer.sources.len(), 2);
}

#[test]
fn orders_that_contradict_the_state_are_refused_and_change_nothing() {
    let mut world = World::with_config(BridgeConfig { max_participants: 2, ..Default::default() });
    assert_eq!(refusal(world.order(conference(false, vec![]))), Refusal::ConferenceNotFound);
    world.done(conference(true, vec![creating("a")]));
    assert_eq!(refusal(world.order(conference(true, vec![]))), Refusal::ConferenceAlreadyExists);
    assert_eq!(refusal(world.order(conference(false, vec![creating("a")]))), Refusal::EndpointExists("a".into()));
    let update = EndpointModify { id: "z".into(), initial_last_n: Some(3), ..Default::default() };
    assert_eq!(refusal(world.order(conference(false, vec![update]))), Refusal::UnknownEndpoint("z".into()));
    let expire = EndpointModify { id: "z".into(), expire: true, ..Default::default() };
    world.done(conference(false, vec![expire]));
    world.done(conference(false, vec![creating("b")]));
    assert_eq!(refusal(world.order(conference(false, vec![creating("c")]))), Refusal::Full(2));
    assert_eq!(world.bridge.stats().endpoints, 2);
}

#[test]
fn answers_come_in_the_order_of_the_orders() {
    let mut world = World::new();
    world.done(conference(true, vec![creating("a")]));
    world.order(conference(true, vec![]));
    world.done(conference(false, vec![]));
    let ids: Vec<u64> = world
        .replies
        .iter()
        .map(|r| match r {
            Reply::Done { id, .. } | Reply::Refused { id, .. } => *id,
        })
        .collect();
    assert_eq!(ids, [1, 2, 3]);
}

#[test]
fn a_conference_ends_with_the_order_that_takes_its_last_endpoint() {
    let mut world = World::meeting(2);
    world.leave(1);
    assert_eq!(world.bridge.stats().conferences, 1);
    world.leave(2);
    assert_eq!(world.bridge.stats().conferences, 0);
    assert_eq!(world.bridge.residue(), 0);
}

#[test]
fn checklist_113_an_expired_conference_leaves_nothing_and_an_empty_one_goes_by_itself() {
    let mut world = World::meeting(3);
    world.done(ConferenceModify { meeting_id: MEETING.into(), expire: true, ..Default::default() });
    assert_eq!(world.bridge.residue(), 0);
    assert_eq!(world.closed.len(), 3);
    world.done(conference(true, vec![]));
    world.run_ms(19_000);
    assert_eq!(world.bridge.stats().conferences, 1);
    world.run_ms(2_000);
    assert_eq!(world.bridge.stats().conferences, 0);
}

#[test]
fn checklist_116_chapter_9_14_an_endpoint_created_a_hundred_times_under_one_id_leaves_no_residue() {
    let mut world = World::meeting(3);
    let before = world.bridge.residue();
    for round in 0..100_u16 {
        let sequence = round * 200;
        world.film(2, sequence, 3, true, &[0, 1, 2]);
        world.leave(2);
        world.join(2, 3);
        world.run_ms(500);
        if round % 2 == 0 {
            world.film(2, sequence + 100, 3, true, &[0, 1, 2]);
        }
        world.open_channel(2);
        world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
        world.forget();
        world.film(2, sequence + 150, 3, true, &[0, 1, 2]);
        let ssrc = world.client(2).video_ssrc(0);
        assert!(
            world.client(1).stream(ssrc).len() >= 3,
            "round {round} {:?}",
            world.client(1).rtp.iter().map(|r| (r.header.ssrc, r.header.sequence)).collect::<Vec<_>>()
        );
        world.film(1, sequence, 3, true, &[0, 1, 2]);
        let ssrc = world.client(1).video_ssrc(0);
        let stream = world.client(2).stream(ssrc).len();
        assert!(stream >= 3, "round {round}: {stream}");
    }
    assert_eq!(world.bridge.residue(), before);
    assert_eq!(world.bridge.stats().endpoints, 3);
}

#[test]
fn sources_that_stay_go_on_when_the_list_is_replaced() {
    let mut world = World::meeting(2);
    world.film(1, 1, 5, true, &[0, 1, 2]);
    let mut list = sources("a", 1, 3);
    list.insert(
        0,
        MediaSource {
            id: "a-v1".into(),
            kind: MediaKind::Video,
            ssrcs: vec![888],
            groups: vec![],
            desktop: false,
            synthetic: false,
        },
    );
    world.modify(EndpointModify { id: "a".into(), sources: Some(list), ..Default::default() });
    world.film(1, 6, 5, false, &[0, 1, 2]);
    let ssrc = world.client(1).video_ssrc(0);
    let client = world.client(2);
    let stream = client.stream(ssrc);
    for pair in stream.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.next());
    }
    assert!(stream.len() >= 10);
    world.modify(EndpointModify { id: "a".into(), sources: Some(vec![]), ..Default::default() });
    world.forget();
    world.film(1, 11, 5, true, &[0, 1, 2]);
    assert!(world.client(2).rtp.is_empty(), "a removed source is not forwarded");
}

#[test]
fn checklist_13_a_restart_before_there_is_a_connection_changes_nothing() {
    let mut world = World::new();
    let first = world.done(conference(true, vec![creating("a")])).endpoints[0].transport.clone().unwrap();
    let before = world.bridge.residue();
    let transport = Some(TransportModify { ice_restart: true, ..Default::default() });
    let restart = EndpointModify { id: "a".into(), transport, ..Default::default() };
    let answer = world.modify(restart).endpoints[0].transport.clone().unwrap();
    assert_eq!((answer.ufrag, answer.pwd, answer.ice_generation), (first.ufrag, first.pwd, None));
    assert_eq!(answer.fingerprints, first.fingerprints);
    assert_eq!(world.bridge.residue(), before);
}

fn srflx(ip: &str, base: &str) -> LocalCandidate {
    LocalCandidate { kind: CandidateKind::Srflx { base: base.parse().unwrap() }, port: 40_000, ..host(ip) }
}

fn host(ip: &str) -> LocalCandidate {
    LocalCandidate { ip: ip.parse().unwrap(), port: 10_000, kind: CandidateKind::Host, loopback: false }
}

#[test]
fn checklist_18_private_addresses_are_told_as_configured_or_to_who_can_reach_them() {
    let candidates = vec![
        host("192.168.1.7"),
        host("172.20.0.1"),
        host("fd00::7"),
        host("203.0.113.5"),
        srflx("198.51.100.9", "192.168.1.7"),
    ];
    let offered = |private_addresses: bool, can_reach: bool| {
        let config = BridgeConfig { candidates: candidates.clone(), private_addresses, ..Default::default() };
        let mut world = World::with_config(config);
        let mut endpoint = creating("a");
        endpoint.capabilities.private_address_connectivity = can_reach;
        let answer = world.done(conference(true, vec![endpoint]));
        let list = &answer.endpoints[0].transport.as_ref().unwrap().candidates;
        list.iter().map(|c| (c.ip.clone(), c.rel_addr.clone(), c.rel_port)).collect::<Vec<_>>()
    };
    for (private, can_reach) in [(true, false), (false, true)] {
        let all = offered(private, can_reach);
        assert_eq!(all.len(), 5);
        assert_eq!(all[4], ("198.51.100.9".into(), Some("192.168.1.7".into()), Some(10_000)));
    }
    let some = offered(false, false);
    assert_eq!(
        some,
        [("203.0.113.5".into(), None, None), ("198.51.100.9".into(), Some("0.0.0.0".into()), Some(9))],
        "nothing of the private networks is told"
    );
}

#[test]
fn checklist_34_the_url_of_a_channel_stays_the_same() {
    let mut world = World::meeting(2);
    let url = world.client(1).url.clone();
    let (path, password) = url.split_once("?pwd=").unwrap();
    assert!(password.len() == 24 && password.chars().all(|c| c.is_ascii_alphanumeric()));
    assert_eq!(path.split('/').collect::<Vec<_>>()[..3], ["", "colibri-ws", "default-id"]);
    assert_eq!((path.split('/').count(), path.rsplit('/').next()), (5, Some("a")));
    assert_ne!(world.client(2).url.split_once("?pwd=").unwrap().1, password);
    // Again and again, also after an ICE restart, which brings no other.
    for round in 0..3 {
        let transport = Some(TransportModify { ice_restart: true, ..Default::default() });
        let restart = EndpointModify { id: "a".into(), transport, ..Default::default() };
        let answer = world.modify(restart).endpoints[0].transport.clone().unwrap();
        assert_eq!(answer.web_socket, None);
        world.forget();
        world.open_channel(1);
        assert!(!world.client(1).texts.is_empty(), "round {round}");
    }
}

#[test]
fn visitors_have_no_sources() {
    let mut world = World::new();
    let visitor = EndpointModify { visitor: true, ..creating("v") };
    let with = EndpointModify { sources: Some(sources("v", 9, 1)), ..visitor.clone() };
    assert!(matches!(refusal(world.order(conference(true, vec![with]))), Refusal::BadRequest(_)));
    world.done(conference(true, vec![visitor]));
    let later = EndpointModify { id: "v".into(), sources: Some(sources("v", 9, 1)), ..Default::default() };
    assert!(matches!(refusal(world.order(conference(false, vec![later]))), Refusal::BadRequest(_)));
}

#[test]
fn a_bridge_that_drains_refuses_new_conferences_and_goes_on_with_those_that_run() {
    let mut world = World::meeting(2);
    world.bridge.set_draining(true);
    let other = ConferenceModify { meeting_id: "another".into(), ..conference(true, vec![]) };
    assert_eq!(refusal(world.order(other.clone())), Refusal::GracefulShutdown);
    world.done(conference(false, vec![creating("late")]));
    assert!(world.closed.is_empty());
    assert!(world.bridge.gauges(world.now).draining);
    world.bridge.set_draining(false);
    world.done(other);
}

#[test]
fn shutting_down_says_goodbye_and_refuses_new_conferences() {
    let mut world = World::meeting(2);
    world.bridge.shut_down(world.now, &mut world.outbox);
    world.deliver();
    assert_eq!(world.closed.len(), 2);
    assert_eq!(refusal(world.order(conference(true, vec![]))), Refusal::GracefulShutdown);
}

#[test]
fn each_of_many_conferences_is_woken_when_it_wants_to_be() {
    let mut world = World::new();
    // Nobody comes: each ends by itself after a while.
    for (number, meeting) in ["first", "second", "third"].into_iter().enumerate() {
        let endpoints = vec![creating(&format!("{number}"))];
        world.done(ConferenceModify { meeting_id: meeting.into(), create: true, endpoints, ..Default::default() });
        world.run_ms(1000);
    }
    let mut alive = Vec::new();
    while let Some((at, _)) = world.bridge.next_wakeup() {
        assert!(at >= world.now, "nobody is woken too late");
        world.run(at - world.now);
        alive.push(world.bridge.stats().conferences);
    }
    alive.dedup();
    assert_eq!(alive, [3, 2, 1, 0]);
}

#[test]
fn where_a_conference_is_exported_to_changes_with_its_orders_and_a_refused_one_changes_nothing() {
    let connect = |create: bool, expire: bool| Connect {
        id: "c".into(),
        url: "wss://recorder.example/record/m".into(),
        protocol: ConnectProtocol::MediaJson,
        kind: ConnectKind::Recorder,
        audio: true,
        video: false,
        create,
        expire,
        http_headers: Vec::new(),
        ping: None,
    };
    let order = |create, connects: &[Connect], endpoints| ConferenceModify {
        connects: connects.to_vec(),
        ..conference(create, endpoints)
    };
    let mut world = World::with_config(BridgeConfig::default());
    world.done(order(true, &[connect(true, false)], vec![creating("a")]));
    assert_eq!(std::mem::take(&mut world.connects), [ConnectChange::Created(connect(true, false))]);
    let twice = world.order(order(false, &[connect(true, false)], vec![creating("b")]));
    assert!(matches!(refusal(twice), Refusal::BadRequest(_)));
    let unknown = EndpointModify { id: "z".into(), initial_last_n: Some(3), ..Default::default() };
    let refused = world.order(order(false, &[connect(false, true)], vec![unknown]));
    assert_eq!(refusal(refused), Refusal::UnknownEndpoint("z".into()));
    assert_eq!(world.connects, []);
    world.done(order(false, &[connect(false, true)], vec![]));
    assert_eq!(std::mem::take(&mut world.connects), [ConnectChange::Expired("c".into())]);
    world.done(conference(false, vec![creating("b")]));
}
