//! The hardware-friendly meeting: H.264 for all, VP8 as long as somebody needs it.

use super::*;
use crate::focus::{VideoCodec, Wake};

fn hall() -> World {
    World::with(|config| {
        config.codecs = vec![VideoCodec::H264, VideoCodec::Vp8];
        config.hardware_friendly = true;
    })
}

fn property(world: &World, key: &str) -> Option<String> {
    let properties = world.presence.iter().find(|e| e.name == "conference-properties").unwrap();
    let found = properties.children_named("property").find(|p| p.attr("key") == Some(key))?;
    Some(found.attr("value").unwrap().to_owned())
}

fn says(world: &mut World, nick: &str, element: &str, codecs: &str) {
    let presence = xml(&format!("<presence><{element}>{codecs}</{element}></presence>"));
    world.focus.handle(world.now, FocusInput::Presence { room: ROOM, nick, presence: &presence });
    world.settle();
}

/// Video codecs of the latest offer, in order.
fn offered(world: &World, nick: &str) -> Vec<String> {
    let offer = world.client(nick).offers.last().unwrap();
    let video = offer.contents.iter().find(|c| c.name == "video").unwrap().description.as_ref().unwrap();
    video.payload_types.iter().filter(|p| p.name != "rtx").map(|p| p.name.clone()).collect()
}

#[test]
fn everybody_is_offered_h264_before_vp8_in_the_form_that_all_browsers_know() {
    let mut world = hall();
    for (nick, dialect) in [("ada", Dialect::Ljm2026), ("bob", Dialect::Ljm2022), ("cyd", Dialect::Gst)] {
        world.join(nick, dialect);
    }
    for nick in ["ada", "bob", "cyd"] {
        assert_eq!(offered(&world, nick), ["H264", "VP8"]);
        let offer = world.client(nick).offers.last().unwrap();
        let video = offer.contents.iter().find(|c| c.name == "video").unwrap().description.as_ref().unwrap();
        let h264 = &video.payload_types[0];
        assert_eq!(
            (h264.id, h264.parameter("profile-level-id"), h264.parameter("packetization-mode")),
            (107, Some("42e01f"), Some("1"))
        );
    }
    assert_eq!(property(&world, "codec-policy").as_deref(), Some("hardware-friendly"));
    assert_eq!(property(&world, "codec-fallback"), None);
}

#[test]
fn somebody_without_h264_makes_the_room_use_vp8_and_the_room_says_for_whom() {
    let mut world = hall();
    world.join("ada", Dialect::Ljm2026);
    world.join("fox", Dialect::Ljm2026);
    says(&mut world, "ada", "jitsi_participant_codecList", "h264,vp8");
    assert_eq!(property(&world, "codec-fallback"), None);
    says(&mut world, "fox", "jitsi_participant_codecList", "vp8,vp9");
    assert_eq!(property(&world, "codec-fallback").as_deref(), Some("vp8"));
    assert_eq!(property(&world, "codec-fallback-for").as_deref(), Some("fox"));
    world.join("gus", Dialect::Ljm2022);
    assert_eq!(offered(&world, "gus"), ["VP8", "H264"]);
    says(&mut world, "gus", "jitsi_participant_codecType", "vp8");
    assert_eq!(property(&world, "codec-fallback-for").as_deref(), Some("fox,gus"));
    // The plug-in arrived.
    says(&mut world, "gus", "jitsi_participant_codecType", "h264");
    assert_eq!(property(&world, "codec-fallback-for").as_deref(), Some("fox"));
}

#[test]
fn an_answer_without_h264_counts_whatever_the_presence_says() {
    let mut world = hall();
    world.join("ada", Dialect::Ljm2026);
    world.join_as("fox", Dialect::Ljm2026, false, OccupantKind::Regular);
    says(&mut world, "fox", "jitsi_participant_codecList", "h264,vp8");
    let payload = "media='video'><payload-type id='100' name='VP8' clockrate='90000'/>";
    let contents =
        accept_contents("fox", Dialect::Ljm2026, world.client("fox").base).replace("media='video'>", payload);
    world.clients.get_mut("fox").unwrap().accepted = true;
    assert_eq!(verdict(&world.jingle("fox", "session-accept", &contents)), "result");
    assert_eq!(property(&world, "codec-fallback-for").as_deref(), Some("fox"));
}

#[test]
fn h264_comes_back_a_while_after_the_last_one_without_it_left() {
    let mut world = hall();
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2026);
    world.join("fox", Dialect::Ljm2026);
    says(&mut world, "fox", "jitsi_participant_codecList", "vp8");
    world.leave("fox");
    assert_eq!(property(&world, "codec-fallback").as_deref(), Some("vp8"), "the page may only be loading anew");
    assert_eq!(property(&world, "codec-fallback-for"), None);
    assert_eq!(world.focus.next_wakeup().unwrap().1, Wake::Codecs);
    world.advance(Duration::from_secs(20));
    world.join("fox", Dialect::Ljm2026);
    says(&mut world, "fox", "jitsi_participant_codecList", "vp8");
    world.advance(Duration::from_secs(60));
    assert_eq!(property(&world, "codec-fallback").as_deref(), Some("vp8"));
    world.leave("fox");
    world.advance(Duration::from_secs(31));
    assert_eq!(property(&world, "codec-fallback"), None);
    assert_eq!(world.focus.next_wakeup(), None);
}

#[test]
fn an_ordinary_meeting_falls_back_on_nothing() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join("fox", Dialect::Ljm2026);
    says(&mut world, "fox", "jitsi_participant_codecList", "vp8");
    assert_eq!((property(&world, "codec-policy"), property(&world, "codec-fallback")), (None, None));
    assert_eq!(offered(&world, "fox"), ["AV1", "VP8", "H264", "VP9"]);
}
