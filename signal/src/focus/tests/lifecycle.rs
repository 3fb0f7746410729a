//! Sessions begin, break, idle and begin again, within limits.

use super::*;
use crate::focus::Wake;
use crate::focus::bridge_port::OrderId;

fn pair() -> World {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    world
}

fn restart(world: &mut World, nick: &str) -> Element {
    let id = world.client(nick).bridge_session.clone().unwrap();
    let sid = world.client(nick).sid.clone().unwrap();
    // The client ended its session before it asked; a refusal leaves it without one.
    world.clients.get_mut(nick).unwrap().forget_session();
    world.jingle_of(
        nick,
        &sid,
        "session-terminate",
        &format!("<reason><connectivity-error/></reason><bridge-session xmlns='http://jitsi.org/protocol/focus' id='{id}' restart='true'/>"),
    )
}

#[test]
fn the_first_one_waits_and_the_second_brings_offers_for_both() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    assert!(world.bridge.orders.is_empty());
    world.join("bob", Dialect::Ljm2026);
    assert_eq!(world.client("ada").offers.len(), 1);
    assert_eq!(world.client("bob").offers.len(), 1);
    assert!(world.bridge.orders[0].request.create);
    assert_eq!(world.bridge.orders[0].request.endpoints[0].id, "ada");
    assert_eq!(world.bridge.orders[0].request.name.as_deref(), Some(ROOM_JID));
    assert!(!world.bridge.orders[1].request.create);
    world.assert_consistent();
}

#[test]
fn whoever_stays_alone_loses_the_session_after_twenty_seconds_and_gets_it_back() {
    let mut world = pair();
    world.leave("bob");
    assert!(world.client("ada").known.is_empty());
    assert_eq!(world.focus.next_wakeup().unwrap().1, Wake::Idle);
    world.advance(Duration::from_secs(19));
    assert!(world.client("ada").terminated.is_empty());
    world.advance(Duration::from_secs(2));
    assert_eq!(world.client("ada").terminated, ["expired"]);
    assert!(!world.bridge.exists);
    world.join("cyd", Dialect::Ljm2022);
    assert_eq!(world.client("ada").offers.len(), 2);
    world.assert_consistent();
}

#[test]
fn a_return_within_twenty_seconds_keeps_the_session() {
    let mut world = pair();
    world.leave("bob");
    world.advance(Duration::from_secs(15));
    world.join("bob", Dialect::Ljm2026);
    world.advance(Duration::from_secs(60));
    assert_eq!(world.client("ada").offers.len(), 1);
    world.assert_consistent();
}

#[test]
fn the_last_one_out_ends_the_conference_and_the_room() {
    let mut world = pair();
    world.leave("bob");
    world.leave("ada");
    assert!(!world.bridge.exists);
    assert!(world.rooms.contains_key(ROOM));
    assert_eq!(world.focus.next_wakeup().unwrap().1, Wake::EmptyRoom);
    world.advance(Duration::from_secs(5));
    assert!(world.rooms.is_empty());
    assert_eq!(world.focus.next_wakeup(), None);
    assert!(world.focus.desk.orders.is_empty());
}

#[test]
fn a_gst_meet_that_is_alone_keeps_its_session() {
    let mut world = World::new();
    world.join("gst", Dialect::Gst);
    world.join("ada", Dialect::Ljm2026);
    world.leave("ada");
    world.advance(Duration::from_secs(120));
    assert!(world.client("gst").terminated.is_empty());
    assert!(world.kicked.is_empty());
    world.join("ada", Dialect::Ljm2026);
    world.assert_consistent();
}

#[test]
fn a_client_whose_ice_failed_is_given_a_new_session() {
    let mut world = pair();
    let before = world.client("ada").offers[0].clone();
    assert_eq!(verdict(&restart(&mut world, "ada")), "result");
    let ada = world.client("ada");
    assert_eq!(ada.offers.len(), 2);
    assert_ne!(ada.offers[1].sid, before.sid);
    assert_ne!(ada.offers[1].bridge_session, before.bridge_session);
    assert_eq!(world.client("bob").offers.len(), 1);
    world.assert_consistent();
}

#[test]
fn restarts_are_limited_in_rate() {
    let mut world = pair();
    assert_eq!(verdict(&restart(&mut world, "ada")), "result");
    let sid = world.client("ada").sid.clone();
    let bridge_session = world.client("ada").bridge_session.clone();
    assert_eq!(verdict(&restart(&mut world, "ada")), "resource-constraint");
    // The limit is about time, not about how it is asked.
    {
        let ada = world.clients.get_mut("ada").unwrap();
        (ada.sid, ada.bridge_session, ada.accepted) = (sid, bridge_session, true);
    }
    for n in 0..4 {
        world.advance(Duration::from_secs(5));
        assert_eq!(verdict(&restart(&mut world, "ada")), "result", "restart {n}");
    }
    let info = "<ice-state xmlns='http://jitsi.org/protocol/focus'>failed</ice-state>";
    let id = world.client("ada").bridge_session.clone().unwrap();
    let info = format!("{info}<bridge-session xmlns='http://jitsi.org/protocol/focus' id='{id}'/>");
    world.advance(Duration::from_secs(5));
    let answer = world.jingle("ada", "session-info", &info);
    assert_eq!(verdict(&answer), "resource-constraint", "sixth within a minute");
    world.advance(Duration::from_secs(60));
    assert_eq!(verdict(&world.jingle("ada", "session-info", &info)), "result");
    world.assert_consistent();
}

#[test]
fn a_restart_must_name_the_current_bridge_session() {
    let mut world = pair();
    let text = "<bridge-session xmlns='http://jitsi.org/protocol/focus' id='other' restart='true'/>";
    assert_eq!(verdict(&world.jingle("ada", "session-terminate", text)), "item-not-found");
    assert_eq!(verdict(&world.jingle_of("ada", "no-such", "session-terminate", "")), "item-not-found");
    world.assert_consistent();
}

#[test]
fn an_ice_failure_told_by_session_info_restarts_too() {
    let mut world = pair();
    let id = world.client("ada").bridge_session.clone().unwrap();
    let answer = world.jingle(
        "ada",
        "session-info",
        &format!("<ice-state xmlns='http://jitsi.org/protocol/focus'>failed</ice-state><bridge-session xmlns='http://jitsi.org/protocol/focus' id='{id}'/>"),
    );
    assert_eq!(verdict(&answer), "result");
    assert_eq!(world.client("ada").terminated, ["success"]);
    assert_eq!(world.client("ada").offers.len(), 2);
    world.assert_consistent();
}

#[test]
fn a_client_that_is_away_is_invited_rarely_and_takes_part_at_once_when_it_is_back() {
    let mut world = pair();
    // Its socket is cut: what it is sent waits for its return.
    world.clients.get_mut("ada").unwrap().eager = false;
    let received = world.client("ada").received.len();
    for _ in 0..5 {
        world.endpoint_gone("ada");
        world.advance(Duration::from_secs(120));
    }
    assert!(world.client("ada").received.len() - received <= 10, "an end and an invitation each");
    world.clients.get_mut("ada").unwrap().eager = true;
    world.settle();
    assert!(world.client("ada").accepted);
    world.assert_consistent();
}

#[test]
fn a_lost_endpoint_is_made_anew_at_once() {
    let mut world = pair();
    let before = world.now;
    world.endpoint_gone("ada");
    world.advance(Duration::from_millis(1));
    assert!(world.client("ada").accepted, "within {:?}", world.now - before);
    assert_eq!(world.client("ada").offers.len(), 2);
    world.assert_consistent();
}

#[test]
fn whoever_ends_the_session_is_left_in_peace() {
    let mut world = pair();
    let answer = world.jingle("ada", "session-terminate", "<reason><success/></reason>");
    world.clients.get_mut("ada").unwrap().forget_session();
    assert_eq!(verdict(&answer), "result");
    world.join("cyd", Dialect::Ljm2026);
    world.advance(Duration::from_secs(120));
    assert_eq!(world.client("ada").offers.len(), 1);
    world.assert_consistent();
}

#[test]
fn an_endpoint_lost_by_the_bridge_is_replaced() {
    let mut world = pair();
    world.endpoint_gone("bob");
    assert_eq!(world.client("bob").terminated, ["success"]);
    assert_eq!(world.client("bob").offers.len(), 2);
    world.assert_consistent();
    // Again at once: not before the limit allows.
    world.endpoint_gone("bob");
    assert_eq!(world.client("bob").offers.len(), 2);
    assert_eq!(world.focus.next_wakeup().unwrap().1, Wake::Reinvite);
    world.advance(Duration::from_secs(5));
    assert_eq!(world.client("bob").offers.len(), 3);
    world.assert_consistent();
}

#[test]
fn a_gst_meet_whose_endpoint_is_lost_is_put_out() {
    let mut world = pair();
    world.join("gst", Dialect::Gst);
    world.endpoint_gone("gst");
    assert_eq!(world.kicked, ["gst"]);
    world.assert_consistent();
}

#[test]
fn a_bridge_that_forgot_the_conference_gets_it_anew() {
    let mut world = pair();
    world.join("cyd", Dialect::Ljm2022);
    world.bridge.exists = false;
    world.bridge.endpoints.clear();
    assert_eq!(verdict(&world.share_screen("ada")), "result");
    for nick in ["ada", "bob", "cyd"] {
        assert_eq!(world.client(nick).offers.len(), 2, "{nick}");
    }
    world.assert_consistent();
}

#[test]
fn a_bridge_that_does_not_answer_is_given_up_after_fifteen_seconds_and_asked_again() {
    let mut world = World::new();
    world.bridge.silent = true;
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    assert_eq!(world.focus.next_wakeup().unwrap().1, Wake::Order);
    let late = world.bridge.orders[0].clone();
    world.advance(Duration::from_secs(15));
    let down = |world: &World| world.presence.iter().any(|e| e.name == "bridgeNotAvailable");
    assert!(down(&world));
    world.bridge.silent = false;
    // What comes too late is nobody's any more.
    world.bridge_says(Reply::Done { id: late.id, answer: ConferenceModified::default() });
    world.bridge.exists = false;
    world.bridge.endpoints.clear();
    world.advance(Duration::from_secs(120));
    assert!(!down(&world));
    world.assert_consistent();
    assert_eq!(world.client("ada").offers.len(), 1);
    assert_eq!(world.client("bob").offers.len(), 1);
}

#[test]
fn a_full_bridge_is_asked_again_at_growing_intervals() {
    let mut world = World::new();
    world.bridge.refuse = Some(Refusal::Full(50));
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    world.advance(Duration::from_secs(600));
    let asked = world.bridge.orders.len();
    assert!((20..=60).contains(&asked), "{asked} orders in ten minutes");
    world.bridge.refuse = None;
    world.advance(Duration::from_secs(61));
    world.assert_consistent();
    assert_eq!(world.client("ada").offers.len(), 1);
}

#[test]
fn an_unknown_reply_changes_nothing() {
    let mut world = pair();
    world.bridge_says(Reply::Refused { id: OrderId(999), refusal: Refusal::ConferenceNotFound });
    world.bridge_says(Reply::EndpointGone { meeting_id: "other".to_owned(), endpoint: "ada".to_owned() });
    assert_eq!(world.client("ada").offers.len(), 1);
    world.assert_consistent();
}

#[test]
fn a_refused_offer_is_made_again_later() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join_as("bob", Dialect::Ljm2026, false, OccupantKind::Regular);
    let id = world.client("bob").received.last().unwrap().attr("id").unwrap().to_owned();
    world.clients.get_mut("bob").unwrap().terminated.clear();
    let iq = xml(&format!("<iq xmlns='jabber:client' type='error' id='{id}'/>"));
    world.focus.handle(world.now, FocusInput::IqReply { room: ROOM, nick: "bob", iq: &iq });
    world.settle();
    assert_eq!(world.client("bob").offers.len(), 2);
    assert_eq!(verdict(&world.accept("bob")), "result");
    world.assert_consistent();
}

#[test]
fn a_recorder_and_a_transcriber_are_invited_but_do_not_make_a_meeting() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join_as("jibri", Dialect::Ljm2026, true, OccupantKind::Recorder);
    assert!(world.bridge.orders.is_empty());
    world.join("bob", Dialect::Ljm2026);
    assert_eq!(world.client("jibri").offers.len(), 1);
    world.assert_consistent();
    assert_eq!(world.affiliations.keys().collect::<Vec<_>>(), ["ada"]);
}

#[test]
fn a_room_that_is_full_takes_nobody_more() {
    let mut world = World::with(|c| c.max_participants = 2);
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    world.join("cyd", Dialect::Ljm2026);
    assert_eq!(world.kicked, ["cyd"]);
    world.assert_consistent();
}

#[test]
fn a_room_closed_by_others_ends_at_the_bridge() {
    let mut world = pair();
    world.focus.close_room(ROOM);
    world.settle();
    assert!(!world.bridge.exists);
    assert_eq!(world.focus.next_wakeup(), None);
}

#[test]
fn a_room_that_its_owner_destroyed_is_made_again_for_the_next_request() {
    let mut world = pair();
    world.leave("ada");
    world.leave("bob");
    let meeting = world.rooms.remove(ROOM).unwrap();
    let from: Jid = "u@meet.example/r".parse().unwrap();
    let iq = xml(&format!(
        "<iq xmlns='jabber:client' type='set' id='r'><conference xmlns='http://jitsi.org/protocol/focus' room='{ROOM_JID}'/></iq>"
    ));
    let input = FocusInput::ConferenceRequest { from: &from, to: "focus.meet.example", iq: &iq, network: None };
    world.focus.handle(world.now, input);
    world.settle();
    assert_eq!(world.rooms.get(ROOM), Some(&meeting));
}
