//! What is asked of the focus: rooms, and things it does not do.

use super::*;
use jitsi_wire::jingle::StartMuted;

fn request(world: &mut World, from: &str, to: &str, payload: &str) -> Element {
    let from: Jid = from.parse().unwrap();
    let iq = xml(&format!("<iq xmlns='jabber:client' type='set' id='r1' to='{to}'>{payload}</iq>"));
    world.focus.handle(world.now, FocusInput::ConferenceRequest { from: &from, to, iq: &iq, network: None });
    world.settle();
    world.replies.pop().expect("a reply")
}

fn conference(room: &str) -> String {
    format!("<conference xmlns='http://jitsi.org/protocol/focus' room='{room}' machine-uid='m'/>")
}

#[test]
fn the_room_is_made_before_the_answer_and_the_answer_comes_from_the_asked_address() {
    let mut world = World::new();
    for to in ["focus.meet.example", "focus@auth.meet.example/focus"] {
        let from: Jid = "u@meet.example/r".parse().unwrap();
        let payload = conference("StandUp@conference.meet.example");
        let iq = xml(&format!("<iq xmlns='jabber:client' type='set' id='r1' to='{to}'>{payload}</iq>"));
        let input = FocusInput::ConferenceRequest { from: &from, to, iq: &iq, network: None };
        world.focus.handle(world.now, input);
        let out: Vec<FocusOutput> = std::iter::from_fn(|| world.focus.poll()).collect();
        if to == "focus.meet.example" {
            assert!(
                matches!(&out[0], FocusOutput::CreateRoom { room, meeting_id } if room == "standup" && meeting_id.len() == 36)
            );
            assert!(matches!(&out[1], FocusOutput::SetPresence { .. }));
        }
        let FocusOutput::Reply { to: whom, stanza } = out.last().unwrap() else {
            panic!("{out:?}");
        };
        assert_eq!(*whom, from);
        assert_eq!(
            stanza.to_string(),
            format!(
                "<iq xmlns='jabber:client' type='result' id='r1' from='{to}' to='u@meet.example/r'>\
                 <conference xmlns='http://jitsi.org/protocol/focus' room='standup@conference.meet.example' ready='true' \
                 focusjid='focus@auth.meet.example'><property name='authentication' value='false'/></conference></iq>"
            )
        );
    }
    assert!(world.focus.meeting_id(ROOM).is_some());
}

#[test]
fn requests_that_make_no_sense_get_errors() {
    let mut world = World::new();
    let cases = [
        (conference("standup@elsewhere.example"), "bad-request"),
        (conference("conference.meet.example"), "bad-request"),
        (conference("a b@conference.meet.example"), "jid-malformed"),
        (conference(""), "jid-malformed"),
        ("<login-url xmlns='http://jitsi.org/protocol/focus' room='r'/>".to_owned(), "service-unavailable"),
        ("<logout xmlns='http://jitsi.org/protocol/focus' session-id='s'/>".to_owned(), "result"),
        ("<query xmlns='jabber:iq:version'/>".to_owned(), "service-unavailable"),
    ];
    for (payload, expected) in cases {
        let reply = request(&mut world, "u@meet.example/r", "focus.meet.example", &payload);
        assert_eq!(verdict(&reply), expected, "{payload}");
        assert_eq!(reply.attr("from"), Some("focus.meet.example"));
    }
    assert!(world.rooms.is_empty());
}

#[test]
fn rooms_and_requests_are_bounded() {
    let mut world = World::with(|c| c.max_rooms = 3);
    let ask = |world: &mut World, n: u32, from: &str| {
        let payload = conference(&format!("room{n}@conference.meet.example"));
        verdict(&request(world, from, "focus.meet.example", &payload))
    };
    for n in 0..5 {
        let expected = if n < 3 { "result" } else { "resource-constraint" };
        assert_eq!(ask(&mut world, n, "u@meet.example/r"), expected);
    }
    assert_eq!(ask(&mut world, 0, "u@meet.example/r"), "result");
    let answers: Vec<String> = (0..50).map(|_| ask(&mut world, 0, "loud@meet.example/r")).collect();
    assert_eq!(answers.iter().filter(|a| *a == "result").count(), 20);
    assert_eq!(ask(&mut world, 0, "quiet@meet.example/r"), "result");
    // Nobody entered: the rooms go, and there is space again.
    world.advance(Duration::from_secs(60));
    assert!(world.rooms.is_empty());
    assert_eq!(ask(&mut world, 9, "u@meet.example/r"), "result");
}

#[test]
fn the_focus_says_what_it_can_in_its_presence() {
    let mut world = World::new();
    request(&mut world, "u@meet.example/r", "focus.meet.example", &conference(ROOM_JID));
    let properties = world.presence.iter().find(|e| e.name == "conference-properties").unwrap();
    assert_eq!(properties.xmlns(), Some("http://jitsi.org/protocol/focus"));
    let list: Vec<_> = properties.elements().map(|p| (p.attr("key").unwrap(), p.attr("value").unwrap())).collect();
    assert_eq!(list, [("support-terminate-restart", "true"), ("bridge-count", "1")]);
    assert!(world.presence.iter().any(|e| e.is("versions", "http://jitsi.org/jitmeet")));
    assert!(!world.presence.iter().any(|e| e.name == "bridgeNotAvailable"));
}

#[test]
fn when_the_last_owner_goes_the_next_one_is_elected() {
    let mut world = World::new();
    for nick in ["zoe", "bob", "amy"] {
        world.join(nick, Dialect::Ljm2022);
    }
    assert_eq!(world.affiliations.keys().collect::<Vec<_>>(), ["zoe"]);
    world.leave("zoe");
    assert_eq!(world.affiliations.keys().collect::<Vec<_>>(), ["bob"]);
    // An owner made by others is enough.
    let input = FocusInput::AffiliationChanged { room: ROOM, nick: "amy", affiliation: Affiliation::Owner };
    world.focus.handle(world.now, input);
    world.settle();
    world.leave("bob");
    assert!(world.affiliations.is_empty());
}

#[test]
fn things_the_focus_does_not_do_are_refused_cleanly() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    let cases = [
        ("set", "<jibri xmlns='http://jitsi.org/protocol/jibri' action='start'/>", "service-unavailable"),
        ("set", "<dial xmlns='urn:xmpp:rayo:1' to='+1'/>", "service-unavailable"),
        ("get", "<ping xmlns='urn:xmpp:ping'/>", "result"),
        ("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "result"),
        ("set", "<jingle xmlns='urn:xmpp:jingle:1' action='dance' sid='x'/>", "bad-request"),
        ("set", "<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='x'/>", "item-not-found"),
        ("get", "<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='x'/>", "bad-request"),
        ("set", "", "service-unavailable"),
    ];
    for (kind, payload, expected) in cases {
        assert_eq!(verdict(&world.iq("ada", kind, payload)), expected, "{payload}");
    }
    world.join("bob", Dialect::Ljm2026);
    for action in ["content-modify", "transport-accept", "content-add"] {
        assert_eq!(verdict(&world.jingle("ada", action, "")), "feature-not-implemented");
    }
    assert_eq!(verdict(&world.jingle("ada", "session-info", "")), "result");
    assert_eq!(verdict(&world.jingle("ada", "session-accept", "")), "unexpected-request");
    world.assert_consistent();
}

#[test]
fn a_client_that_floods_is_answered_with_errors_and_nothing_else_happens() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    let answers: Vec<String> =
        (0..500).map(|_| verdict(&world.iq("ada", "get", "<ping xmlns='urn:xmpp:ping'/>"))).collect();
    assert_eq!(answers.iter().filter(|a| *a == "result").count(), 60);
    world.advance(Duration::from_secs(1));
    assert_eq!(verdict(&world.iq("ada", "get", "<ping xmlns='urn:xmpp:ping'/>")), "result");
}

#[test]
fn a_duplicate_ssrc_is_refused_and_the_owner_keeps_it() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    let stolen = world.client("ada").base;
    let answer = world.jingle("bob", "source-add", &screen("bob", stolen));
    assert_eq!(verdict(&answer), "bad-request");
    assert!(answer.to_string().contains("already used"));
    let zero = world.jingle("bob", "source-add", &screen("bob", 0));
    assert_eq!(verdict(&zero), "bad-request");
    let unknown = world.jingle("bob", "source-remove", &screen("bob", 4_000_000_000));
    assert_eq!(verdict(&unknown), "bad-request");
    world.assert_consistent();
}

#[test]
fn an_accept_with_a_stolen_ssrc_is_refused_and_the_client_begins_anew() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join_as("bob", Dialect::Ljm2026, false, OccupantKind::Regular);
    let ada = world.client("ada").base;
    let answer = world.jingle("bob", "session-accept", &accept_contents("bob", Dialect::Ljm2026, ada));
    assert_eq!(verdict(&answer), "bad-request");
    assert_eq!(world.client("bob").offers.len(), 2);
    assert_eq!(verdict(&world.accept("bob")), "result");
    world.assert_consistent();
}

#[test]
fn candidates_are_passed_on_and_bounded() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    let candidate = "<candidate component='1' foundation='1' generation='0' id='x' ip='192.0.2.7' network='0' port='4' priority='9' protocol='udp' type='host'/>";
    let contents = format!(
        "<content creator='initiator' name='audio'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='a' pwd='b'>{}</transport></content>",
        candidate.repeat(40)
    );
    let before = world.bridge.orders.len();
    for _ in 0..4 {
        assert_eq!(verdict(&world.jingle("ada", "transport-info", &contents)), "result");
    }
    let passed: Vec<usize> = world.bridge.orders[before..]
        .iter()
        .map(|o| o.request.endpoints[0].transport.as_ref().unwrap().ice.as_ref().unwrap().candidates.len())
        .collect();
    assert_eq!(passed, [40, 24]);
    world.assert_consistent();
}

#[test]
fn those_beyond_the_count_start_muted_unless_they_read_it_from_the_room() {
    let mut world = World::new();
    let payload = "<conference xmlns='http://jitsi.org/protocol/focus' room='standup@conference.meet.example'>\
        <property name='startAudioMuted' value='1'/><property name='startVideoMuted' value='2'/></conference>";
    request(&mut world, "u@meet.example/r", "focus.meet.example", payload);
    world.join("ada", Dialect::Ljm2022);
    world.join("bob", Dialect::Ljm2022);
    world.join("cyd", Dialect::Ljm2022);
    world.join("dan", Dialect::Ljm2026);
    let told = |nick: &str| world.client(nick).offers[0].start_muted.map(|m| (m.audio, m.video));
    assert_eq!(told("ada"), None);
    assert_eq!(told("bob"), Some((true, false)));
    assert_eq!(told("cyd"), Some((true, true)));
    assert_eq!(told("dan"), None);
}

#[test]
fn a_policy_makes_those_start_muted_who_come_later() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2022);
    world.join("bob", Dialect::Ljm2022);
    assert_eq!(world.client("bob").offers[0].start_muted, None);
    let policy = StartMuted { audio: true, video: false };
    world.focus.handle(world.now, FocusInput::StartMuted { room: ROOM, policy });
    world.join("cyd", Dialect::Ljm2022);
    assert_eq!(world.client("cyd").offers[0].start_muted, Some(policy));
}

fn ask(world: &mut World, from: &str, room: &str) -> String {
    request(world, from, "focus.meet.example", &conference(&format!("{room}@conference.meet.example"))).to_string()
}

#[test]
fn a_client_asks_for_a_few_rooms_and_what_nobody_entered_goes_with_it() {
    let mut world = World::new();
    for n in 0..5 {
        assert!(ask(&mut world, "u@meet.example/r", &format!("room{n}")).contains("ready='true'"));
    }
    assert!(ask(&mut world, "u@meet.example/r", "room5").contains("<resource-constraint"));
    // Asking again for the same room is free, and another client may have its own.
    assert!(ask(&mut world, "u@meet.example/r", "room0").contains("ready='true'"));
    assert!(ask(&mut world, "v@meet.example/r", "room0").contains("ready='true'"));
    assert!(ask(&mut world, "v@meet.example/r", "room5").contains("ready='true'"));
    world.focus.forget_client(&"u@meet.example/r".parse().unwrap());
    world.settle();
    let left: Vec<&str> = world.rooms.keys().map(String::as_str).collect();
    assert_eq!(left, ["room0", "room5"], "the other client still wants room0");
    world.focus.forget_client(&"v@meet.example/r".parse().unwrap());
    world.settle();
    assert!(world.rooms.is_empty());
    assert_eq!(world.focus.next_wakeup(), None);
}

#[test]
fn too_many_rooms_give_way_to_a_new_one_when_nobody_came() {
    let mut world = World::new();
    world.focus.desk.config.max_rooms = 2;
    assert!(ask(&mut world, "u@meet.example/r", "first").contains("ready='true'"));
    assert!(ask(&mut world, "v@meet.example/r", "second").contains("ready='true'"));
    assert!(ask(&mut world, "w@meet.example/r", "third").contains("Too many meetings at once"));
    world.now += Duration::from_secs(5);
    assert!(ask(&mut world, "w@meet.example/r", "third").contains("ready='true'"));
    let left: Vec<&str> = world.rooms.keys().map(String::as_str).collect();
    assert_eq!(left, ["second", "third"]);
}

#[test]
fn whoever_hoards_rooms_makes_place_for_whoever_wants_one() {
    let mut world = World::new();
    world.focus.desk.config.max_rooms = 3;
    for room in ["h1", "h2", "h3"] {
        assert!(ask(&mut world, "hoarder@meet.example/r", room).contains("ready='true'"));
    }
    assert!(ask(&mut world, "u@meet.example/r", "one").contains("ready='true'"));
    assert!(ask(&mut world, "v@meet.example/r", "two").contains("ready='true'"));
    // Everybody waits for one room now.
    assert!(ask(&mut world, "w@meet.example/r", "three").contains("Too many meetings at once"));
    assert_eq!(world.rooms.len(), 3);
}

#[test]
fn a_room_is_one_however_its_name_is_written() {
    let mut world = World::new();
    for room in ["R\u{e4}ume", "r%C3%A4ume", "r%c3%a4ume"] {
        assert!(ask(&mut world, "u@meet.example/r", room).contains("room='r%c3%a4ume@conference.meet.example'"));
    }
    assert_eq!(world.rooms.len(), 1);
}

fn ask_at(world: &mut World, from: &str, room: &str, network: &str) -> String {
    let from: Jid = format!("{from}@meet.example/r").parse().unwrap();
    let payload = conference(room);
    let iq = xml(&format!("<iq xmlns='jabber:client' type='set' id='r1' to='focus.meet.example'>{payload}</iq>"));
    let network = Some(network.parse().unwrap());
    let input = FocusInput::ConferenceRequest { from: &from, to: "focus.meet.example", iq: &iq, network };
    world.focus.handle(world.now, input);
    world.settle();
    verdict(&world.replies.pop().expect("a reply"))
}

#[test]
fn one_network_has_half_of_the_meetings_at_most_and_breakout_rooms_are_counted_apart() {
    let mut world = World::with(|c| c.max_rooms = 20);
    let ask = |world: &mut World, n: usize, component: &str, network: &str| {
        ask_at(world, &format!("{network}-{n}"), &format!("room{n}@{component}.meet.example"), network)
    };
    let answers: Vec<String> = (0..16).map(|n| ask(&mut world, n, "conference", "192.0.2.1")).collect();
    assert_eq!(answers.iter().filter(|a| *a == "result").count(), 10);
    assert_eq!(answers[10], "resource-constraint");
    assert_eq!(ask(&mut world, 0, "conference", "192.0.2.1"), "result", "what is there may be entered");
    assert_eq!(ask(&mut world, 50, "conference", "192.0.2.2"), "result");
    for n in 0..40 {
        assert_eq!(ask(&mut world, n, "breakout", "192.0.2.1"), "result");
    }
    assert_eq!(ask(&mut world, 40, "breakout", "192.0.2.1"), "resource-constraint");
    assert_eq!(ask(&mut world, 51, "conference", "192.0.2.2"), "result", "breakout rooms take no meeting's place");
    // Who comes without asking is counted as well.
    let (jid, presence): (Jid, _) = ("u@meet.example/r".parse().unwrap(), xml("<presence/>"));
    let joined = FocusInput::Joined {
        room: "unasked",
        nick: "n",
        jid: &jid,
        presence: &presence,
        authority: "meet.example",
        secure: true,
        network: Some([192, 0, 2, 1].into()),
        affiliation: Affiliation::None,
        kind: OccupantKind::Regular,
    };
    world.focus.handle(world.now, joined);
    assert!(matches!(world.focus.poll(), Some(FocusOutput::Kick { .. })));
}

#[test]
fn as_many_clients_may_ask_as_there_may_be() {
    let mut world = World::with(|c| c.max_clients = 1500);
    for n in 0..1500 {
        assert_eq!(ask_at(&mut world, &format!("u{n}"), ROOM_JID, "192.0.2.1"), "result", "{n}");
    }
    assert_eq!(ask_at(&mut world, "late", ROOM_JID, "192.0.2.1"), "resource-constraint");
}

#[test]
fn sources_that_change_all_the_time_make_nobody_renegotiate() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    let told = world.client("bob").received.len();
    let mut taken = 0;
    for _ in 0..25 {
        taken += usize::from(verdict(&world.share_screen("ada")) == "result");
        let shared = world.client("ada").screen.unwrap();
        taken += usize::from(verdict(&world.jingle("ada", "source-remove", &screen("ada", shared))) == "result");
    }
    assert_eq!(taken, 20);
    assert_eq!(world.client("bob").received.len(), told + 20);
    assert_eq!(verdict(&world.iq("ada", "get", "<ping xmlns='urn:xmpp:ping'/>")), "result");
    world.advance(Duration::from_secs(1));
    assert_eq!(verdict(&world.share_screen("ada")), "result");
    world.assert_consistent();
}

#[test]
fn whoever_leaves_and_comes_back_has_not_more_than_before() {
    let mut world = World::new();
    let ping = |world: &mut World| verdict(&world.iq("ada", "get", "<ping xmlns='urn:xmpp:ping'/>"));
    world.join_as("ada", Dialect::Gst, false, OccupantKind::Regular);
    let answers: Vec<String> = (0..100).map(|_| ping(&mut world)).collect();
    assert!(answers.iter().any(|answer| answer == "resource-constraint"));
    world.leave("ada");
    world.join_as("ada", Dialect::Gst, false, OccupantKind::Regular);
    assert_eq!(ping(&mut world), "resource-constraint");
}

#[test]
fn many_people_of_one_network_ask_over_http() {
    let mut world = World::new();
    let payload = |n: usize| conference(&format!("room{n}@conference.meet.example"));
    let mut ask = |n: usize| {
        request(&mut world, "192.0.2.1@http.meet.example/http", "focus.meet.example", &payload(n));
    };
    (0..30).for_each(&mut ask);
    (0..100).for_each(|_| ask(0));
    assert_eq!(world.rooms.len(), 30);
    assert!((0..50).any(|n| {
        let answer = request(&mut world, "192.0.2.1@http.meet.example/http", "focus.meet.example", &payload(n % 30));
        verdict(&answer) == "resource-constraint"
    }));
}
