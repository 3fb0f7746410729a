//! The audio of a meeting goes to a transcriber when the moderators ask for it.

use std::time::Duration;

use jitsi_wire::colibri2::{Connect, ConnectKind, ConnectPing};
use jitsi_wire::xmpp::Element;

use super::super::{FocusConfig, FocusInput, Transcriber};
use super::{Dialect, ROOM, World};

fn world() -> World {
    World::with(|config: &mut FocusConfig| {
        let url_template = "wss://{{REGION}}a.example/{{MEETING_ID}}".to_owned();
        config.transcriber = Some(Transcriber { url_template, http_headers: Vec::new() });
    })
}

fn ask(world: &mut World, wanted: bool) {
    world.focus.handle(world.now, FocusInput::Transcribing { room: ROOM, wanted });
    world.settle();
}

/// A client switches its encryption on or off.
fn encrypt(world: &mut World, nick: &str, on: bool) {
    let name = "jitsi_participant_e2ee.enabled";
    let presence = Element::new("presence").with_child(Element::new(name).with_text(on.to_string()));
    world.focus.handle(world.now, FocusInput::Presence { room: ROOM, nick, presence: &presence });
    world.settle();
}

/// What the bridge was told of it since the last call.
fn connects(world: &mut World) -> Vec<Connect> {
    world.bridge.orders.drain(..).flat_map(|order| order.request.connects).collect()
}

/// `audio-recording-enabled`, as everybody sees it.
fn property(world: &World) -> Option<&str> {
    let properties = world.presence.iter().find(|e| e.name == "conference-properties")?;
    let property = properties.elements().find(|e| e.attr("key") == Some("audio-recording-enabled"))?;
    property.attr("value")
}

#[test]
fn the_bridge_is_told_when_it_begins_and_when_it_ends() {
    let mut world = world();
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2022);
    assert_eq!((connects(&mut world), property(&world)), (vec![], None));
    ask(&mut world, true);
    let [connect] = &connects(&mut world)[..] else { panic!("one") };
    assert_eq!(connect.url, format!("wss://a.example/{}", world.rooms[ROOM]));
    let ping = Some(ConnectPing { interval: 10_000, timeout: 3000 });
    assert_eq!((connect.id.as_str(), connect.kind, connect.ping), ("transcriber", ConnectKind::Transcriber, ping));
    assert_eq!((connect.create, connect.expire, connect.audio, connect.video), (true, false, true, false));
    assert_eq!(property(&world), Some("true"));
    ask(&mut world, true);
    assert_eq!(connects(&mut world), [], "it was told already");
    ask(&mut world, false);
    let [connect] = &connects(&mut world)[..] else { panic!("one") };
    assert_eq!((connect.create, connect.expire), (false, true));
    assert_eq!(property(&world), Some("false"));
}

#[test]
fn whoever_is_alone_is_transcribed_and_a_conference_made_anew_is_exported_again() {
    let mut world = world();
    world.join("ada", Dialect::Ljm2026);
    assert!(!world.client("ada").accepted, "alone");
    ask(&mut world, true);
    assert!(world.client("ada").accepted);
    let created = |connects: Vec<Connect>| connects.iter().map(|connect| connect.create).collect::<Vec<_>>();
    assert_eq!(created(connects(&mut world)), [true], "with the conference");
    world.advance(Duration::from_secs(60));
    assert!(world.client("ada").accepted, "it lasts");
    world.leave("ada");
    world.join("bob", Dialect::Ljm2026);
    assert!(world.client("bob").accepted);
    assert_eq!(created(connects(&mut world)), [true]);
    ask(&mut world, false);
    world.advance(Duration::from_secs(60));
    assert_eq!(world.client("bob").sid, None, "alone again");
}

#[test]
fn without_a_transcriber_nothing_happens() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    ask(&mut world, true);
    assert_eq!((connects(&mut world), property(&world), world.client("ada").accepted), (vec![], None, false));
}

#[test]
fn nobody_gets_an_encrypted_meeting_and_nobody_is_told_so() {
    let mut world = world();
    let created = |connects: Vec<Connect>| connects.iter().map(|connect| connect.create).collect::<Vec<_>>();
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    connects(&mut world);
    encrypt(&mut world, "bob", true);
    ask(&mut world, true);
    assert_eq!((connects(&mut world), property(&world)), (vec![], Some("false")));
    encrypt(&mut world, "bob", false);
    assert_eq!((created(connects(&mut world)), property(&world)), (vec![true], Some("true")), "as was asked for");
    encrypt(&mut world, "ada", true);
    assert_eq!((created(connects(&mut world)), property(&world)), (vec![false], Some("false")));
    world.leave("ada");
    assert_eq!((created(connects(&mut world)), property(&world)), (vec![true], Some("true")));
}

#[test]
fn whoever_is_alone_with_encryption_is_not_transcribed() {
    let mut world = world();
    world.join("ada", Dialect::Ljm2026);
    encrypt(&mut world, "ada", true);
    ask(&mut world, true);
    assert_eq!((connects(&mut world), world.client("ada").accepted), (vec![], false));
    world.join("bob", Dialect::Ljm2026);
    assert!(world.client("bob").accepted);
    assert_eq!((connects(&mut world), property(&world)), (vec![], Some("false")));
}
