//! Orders to mute, and AV moderation.

use super::*;
use crate::focus::MediaType;
use jitsi_wire::colibri2::ForceMute;

fn mute(kind: &str, victim: &str, value: &str) -> String {
    format!("<mute xmlns='http://jitsi.org/jitmeet/{kind}' jid='{ROOM_JID}/{victim}'>{value}</mute>")
}

#[test]
fn a_moderator_mutes_others_and_nobody_unmutes_them() {
    let mut world = World::new();
    for nick in ["ada", "bob", "cyd"] {
        world.join(nick, Dialect::Ljm2026);
    }
    assert_eq!(world.affiliations.get("ada"), Some(&Affiliation::Owner));
    for kind in ["audio", "video", "desktop"] {
        assert_eq!(verdict(&world.iq("ada", "set", &mute(kind, "bob", "true"))), "result");
        let order = world.client("bob").received.last().unwrap();
        assert_eq!(order.attr("type"), Some("set"));
        assert_eq!(
            order.child("mute").unwrap().to_string(),
            format!(
                "<mute xmlns='http://jitsi.org/jitmeet/{kind}' actor='{ROOM_JID}/ada' jid='{ROOM_JID}/bob'>true</mute>"
            )
        );
    }
    let received = world.client("ada").received.len();
    assert_eq!(verdict(&world.iq("bob", "set", &mute("audio", "ada", "true"))), "not-allowed");
    assert_eq!(verdict(&world.iq("ada", "set", &mute("audio", "bob", "false"))), "not-allowed");
    assert_eq!(verdict(&world.iq("ada", "set", &mute("audio", "nobody", "true"))), "item-not-found");
    assert_eq!(verdict(&world.iq("bob", "set", &mute("audio", "bob", "false"))), "result");
    assert_eq!(verdict(&world.iq("ada", "set", &mute("audio", "bob", "perhaps"))), "bad-request");
    assert_eq!(world.client("ada").received.len(), received, "no mute reached her");
}

#[test]
fn a_recorder_cannot_be_muted() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join_as("jibri", Dialect::Ljm2026, true, OccupantKind::Recorder);
    assert_eq!(verdict(&world.iq("ada", "set", &mute("audio", "jibri", "true"))), "not-allowed");
}

fn moderate(world: &mut World, media: MediaType, enabled: bool, allowed: &[&str]) {
    let allowed: Vec<String> = allowed.iter().map(|nick| (*nick).to_owned()).collect();
    let input = FocusInput::AvModeration { room: ROOM, media, enabled, allowed: &allowed };
    world.focus.handle(world.now, input);
    world.settle();
}

fn make_owner(world: &mut World, nick: &str, affiliation: Affiliation) {
    world.focus.handle(world.now, FocusInput::AffiliationChanged { room: ROOM, nick, affiliation });
    world.settle();
}

fn dropped(world: &World, nick: &str) -> ForceMute {
    world.bridge.endpoints[nick].force_mute.unwrap_or_default()
}

/// Namespaces of the orders to mute that a client got.
fn orders(world: &World, nick: &str) -> Vec<String> {
    let mutes = world.client(nick).received.iter().filter_map(|iq| iq.child("mute"));
    mutes.map(|mute| mute.xmlns().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

fn three() -> World {
    let mut world = World::new();
    for (nick, dialect) in [("ada", Dialect::Ljm2026), ("bob", Dialect::Ljm2022), ("cyd", Dialect::Gst)] {
        world.join(nick, dialect);
    }
    world
}

fn says(world: &mut World, nick: &str, muted: bool) {
    let presence =
        xml(&format!("<presence><SourceInfo>{{\"{nick}-a0\":{{\"muted\":{muted}}}}}</SourceInfo></presence>"));
    world.focus.handle(world.now, FocusInput::Presence { room: ROOM, nick, presence: &presence });
    world.settle();
}

const AUDIO: ForceMute = ForceMute { audio: true, video: false, desktop: false };
const NOTHING: ForceMute = ForceMute { audio: false, video: false, desktop: false };

#[test]
fn what_a_moderator_mutes_the_bridge_drops_until_its_sender_unmutes() {
    let mut world = three();
    world.iq("ada", "set", &mute("audio", "bob", "true"));
    assert_eq!(dropped(&world, "bob"), AUDIO);
    world.iq("ada", "set", &mute("desktop", "bob", "true"));
    assert_eq!(dropped(&world, "bob"), ForceMute { desktop: true, ..AUDIO });
    assert_eq!(verdict(&world.iq("bob", "set", &mute("desktop", "bob", "false"))), "result");
    assert_eq!(dropped(&world, "bob"), AUDIO);
    assert_eq!(verdict(&world.iq("bob", "set", &mute("audio", "bob", "true"))), "result");
    assert_eq!(dropped(&world, "bob"), AUDIO, "saying that one is muted does not unmute");
    assert_eq!(verdict(&world.iq("bob", "set", &mute("audio", "bob", "false"))), "result");
    assert_eq!(dropped(&world, "bob"), NOTHING);
}

#[test]
fn a_client_that_unmutes_only_in_its_presence_is_heard_again_but_not_by_an_old_presence() {
    let mut world = three();
    world.iq("ada", "set", &mute("audio", "bob", "true"));
    says(&mut world, "bob", false);
    assert_eq!(dropped(&world, "bob"), AUDIO, "that was written before the order came");
    says(&mut world, "bob", true);
    assert_eq!(dropped(&world, "bob"), AUDIO);
    says(&mut world, "bob", false);
    assert_eq!(dropped(&world, "bob"), NOTHING);
}

#[test]
fn av_moderation_silences_everybody_but_moderators_and_the_allowed() {
    let mut world = three();
    world.bridge.orders.clear();
    moderate(&mut world, MediaType::Audio, true, &["cyd"]);
    assert_eq!(world.bridge.orders.len(), 1, "one order for all");
    assert_eq!((dropped(&world, "ada"), dropped(&world, "bob"), dropped(&world, "cyd")), (NOTHING, AUDIO, NOTHING));
    assert_eq!(
        (orders(&world, "ada").len(), orders(&world, "bob"), orders(&world, "cyd").len()),
        (0, vec!["audio".to_owned()], 0)
    );
    assert_eq!(verdict(&world.iq("bob", "set", &mute("audio", "bob", "false"))), "not-allowed");
    assert_eq!(verdict(&world.iq("cyd", "set", &mute("audio", "cyd", "false"))), "result");
    assert_eq!(verdict(&world.iq("bob", "set", &mute("video", "bob", "false"))), "result", "another kind");
    // The list changes.
    moderate(&mut world, MediaType::Audio, true, &["bob"]);
    assert_eq!((dropped(&world, "bob"), dropped(&world, "cyd")), (NOTHING, AUDIO));
    assert_eq!(orders(&world, "cyd"), ["audio"]);
    assert_eq!(verdict(&world.iq("bob", "set", &mute("audio", "bob", "false"))), "result");
    moderate(&mut world, MediaType::Audio, false, &[]);
    assert_eq!((dropped(&world, "bob"), dropped(&world, "cyd")), (NOTHING, NOTHING));
}

#[test]
fn presence_lifts_no_moderation() {
    let mut world = three();
    moderate(&mut world, MediaType::Audio, true, &[]);
    says(&mut world, "bob", true);
    says(&mut world, "bob", false);
    assert_eq!(dropped(&world, "bob"), AUDIO);
}

#[test]
fn a_newcomer_is_silent_from_the_start_and_becomes_audible_as_a_moderator() {
    let mut world = three();
    moderate(&mut world, MediaType::Video, true, &[]);
    moderate(&mut world, MediaType::Desktop, true, &[]);
    world.join("dan", Dialect::Ljm2026);
    let created = world.bridge.orders.iter().rev().flat_map(|o| &o.request.endpoints).find(|e| e.create).unwrap();
    let screen_and_camera = ForceMute { video: true, desktop: true, audio: false };
    assert_eq!((created.id.as_str(), created.force_mute), ("dan", Some(screen_and_camera)));
    assert_eq!(orders(&world, "dan"), ["video", "desktop"]);
    make_owner(&mut world, "dan", Affiliation::Owner);
    assert_eq!(dropped(&world, "dan"), NOTHING);
    make_owner(&mut world, "dan", Affiliation::None);
    assert_eq!(dropped(&world, "dan"), screen_and_camera);
    // Neither a new session nor a return escapes.
    world.endpoint_gone("dan");
    world.advance(Duration::from_secs(10));
    assert_eq!(dropped(&world, "dan"), screen_and_camera);
    world.leave("dan");
    world.join("dan", Dialect::Ljm2026);
    assert_eq!(dropped(&world, "dan"), screen_and_camera);
}

#[test]
fn recorders_are_not_moderated() {
    let mut world = three();
    world.join_as("jibri", Dialect::Ljm2026, true, OccupantKind::Recorder);
    moderate(&mut world, MediaType::Audio, true, &[]);
    assert_eq!(dropped(&world, "jibri"), NOTHING);
    assert!(orders(&world, "jibri").is_empty());
}
