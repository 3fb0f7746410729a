//! ICE restarts within a session.

use super::*;

fn pair() -> World {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    world
}

fn ask(world: &mut World, nick: &str, bridge_session: &str) -> String {
    let info =
        format!("<bridge-session xmlns='http://jitsi.org/protocol/focus' id='{bridge_session}' ice-restart='true'/>");
    verdict(&world.jingle(nick, "session-info", &info))
}

fn ask_rightly(world: &mut World, nick: &str) -> String {
    let id = world.client(nick).bridge_session.clone().unwrap();
    ask(world, nick, &id)
}

/// The client's new credentials.
fn answer(world: &mut World, nick: &str, generation: u32) -> String {
    let content = format!(
        "<content creator='responder' name='audio'><transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='fresh' pwd='freshpwd' ice-generation='{generation}'>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>01:02</fingerprint></transport></content>"
    );
    verdict(&world.jingle(nick, "transport-info", &content))
}

fn at_bridge(world: &World, nick: &str) -> IceUdpTransport {
    world.bridge.endpoints[nick].transport.clone().unwrap().ice.unwrap_or_default()
}

#[test]
fn new_credentials_go_both_ways_under_one_number_and_the_session_lives_on() {
    let mut world = pair();
    assert_eq!(ask_rightly(&mut world, "ada"), "result");
    let told = world.client("ada").restarts[0].clone();
    let transport = told.contents[0].transport.clone().unwrap();
    assert_eq!((told.contents[0].name.as_str(), told.contents.len()), ("audio", 1));
    let generation = transport.ice_generation.unwrap();
    assert!(transport.ufrag.is_some() && transport.pwd.is_some() && transport.candidates.len() == 1);
    assert!(transport.web_socket.is_none(), "the channel stays");
    assert_eq!(answer(&mut world, "ada", generation), "result");
    let ice = at_bridge(&world, "ada");
    assert_eq!(
        (ice.ufrag.as_deref(), ice.pwd.as_deref(), ice.ice_generation),
        (Some("fresh"), Some("freshpwd"), Some(generation))
    );
    assert_eq!(world.client("ada").offers.len(), 1);
    world.assert_consistent();
}

#[test]
fn credentials_of_another_round_do_not_reach_the_bridge() {
    let mut world = pair();
    assert_eq!(answer(&mut world, "ada", 1), "result");
    assert_ne!(at_bridge(&world, "ada").ufrag.as_deref(), Some("fresh"), "nobody asked");
    ask_rightly(&mut world, "ada");
    let generation = world.client("ada").restarts[0].contents[0].transport.clone().unwrap().ice_generation.unwrap();
    answer(&mut world, "ada", generation + 1);
    assert_ne!(at_bridge(&world, "ada").ufrag.as_deref(), Some("fresh"));
}

#[test]
fn another_session_is_not_restarted_and_no_session_too_often() {
    let mut world = pair();
    assert_eq!(ask(&mut world, "ada", "another"), "item-not-found");
    assert_eq!(ask_rightly(&mut world, "ada"), "result");
    assert_eq!(ask_rightly(&mut world, "ada"), "resource-constraint");
    for _ in 0..4 {
        world.advance(Duration::from_secs(5));
        assert_eq!(ask_rightly(&mut world, "ada"), "result");
    }
    world.advance(Duration::from_secs(5));
    assert_eq!(ask_rightly(&mut world, "ada"), "resource-constraint", "five a minute");
    // The way out is not closed by it.
    let (id, sid) = (world.client("ada").bridge_session.clone().unwrap(), world.client("ada").sid.clone().unwrap());
    world.clients.get_mut("ada").unwrap().forget_session();
    let restart = format!("<bridge-session xmlns='http://jitsi.org/protocol/focus' id='{id}' restart='true'/>");
    assert_eq!(verdict(&world.jingle_of("ada", &sid, "session-terminate", &restart)), "result");
    assert_eq!(world.client("ada").offers.len(), 2);
}

#[test]
fn a_bridge_that_does_not_restart_ice_leads_to_a_new_session() {
    let mut world = pair();
    world.bridge.refuse = Some(Refusal::NotImplemented("ICE restart"));
    ask_rightly(&mut world, "ada");
    world.bridge.refuse = None;
    // It took back the old endpoint no more than it gave new credentials.
    world.advance(Duration::from_secs(60));
    assert_eq!(world.client("ada").terminated, ["success"]);
    assert_eq!(world.client("ada").offers.len(), 2);
    world.assert_consistent();
}
