//! Recording as clients ask for it.

use std::time::Duration;

use super::super::recorder_port::{Happening, NotDone, RecordRefusal, RecorderOrder, RecorderReport};
use super::super::{FocusConfig, FocusInput};
use super::{Dialect, ROOM, ROOM_JID, World, verdict, xml};
use crate::muc::Affiliation;

const START: &str = "<jibri xmlns='http://jitsi.org/protocol/jibri' action='start' recording_mode='file' \
                     app_data='{\"file_recording_metadata\":{\"share\":true}}'/>";
const STOP: &str = "<jibri xmlns='http://jitsi.org/protocol/jibri' action='stop'/>";

fn world() -> World {
    let mut world = World::with(|config: &mut FocusConfig| config.recording = true);
    world.join("ada", Dialect::Ljm2022);
    world.join("bob", Dialect::Ljm2026);
    world
}

fn presence(world: &mut World, nick: &str, children: &str) {
    let presence = xml(&format!("<presence xmlns='jabber:client'>{children}</presence>"));
    world.focus.handle(world.now, FocusInput::Presence { room: ROOM, nick, presence: &presence });
    world.settle();
}

fn report(world: &mut World, report: RecorderReport) {
    world.focus.handle(world.now, FocusInput::Recorder(report));
    world.settle();
}

/// What everybody sees of it: status, and failure.
fn status(world: &World) -> Option<(String, Option<String>)> {
    let element = world.presence.iter().find(|e| e.name == "jibri-recording-status")?;
    assert_eq!(element.attr("recording_mode"), Some("file"));
    assert_eq!(element.attr("initiator"), Some(format!("{ROOM_JID}/ada").as_str()));
    Some((element.attr("status")?.to_owned(), element.attr("failure_reason").map(str::to_owned)))
}

/// Starts one; its session.
fn start(world: &mut World) -> String {
    let answer = world.iq("ada", "set", START);
    assert_eq!(verdict(&answer), "result");
    answer.child("jibri").and_then(|jibri| jibri.attr("session_id")).unwrap().to_owned()
}

fn seen(status: &str) -> Option<(String, Option<String>)> {
    Some((status.to_owned(), None))
}

#[test]
fn a_moderator_starts_and_stops_and_everybody_sees_it() {
    let mut world = world();
    presence(&mut world, "ada", "<nick xmlns='http://jabber.org/protocol/nick'>Ada</nick>");
    assert_eq!(status(&world), None);
    let session = start(&mut world);
    assert_eq!(status(&world), seen("pending"));
    let RecorderOrder::Start { session: ordered, room, initiator, .. } = &world.recorder[0] else { panic!("no start") };
    assert_eq!((ordered, room.as_str(), initiator.as_deref()), (&session, ROOM, Some("Ada")));
    report(&mut world, RecorderReport::On { session: session.clone() });
    assert_eq!(status(&world), seen("on"));
    assert_eq!(verdict(&world.iq("ada", "set", START)), "unexpected-request");
    assert_eq!(verdict(&world.iq("ada", "set", STOP)), "result");
    assert_eq!(world.recorder.last(), Some(&RecorderOrder::Stop { session: session.clone() }));
    report(&mut world, RecorderReport::Off { session, error: None });
    assert_eq!(status(&world), seen("off"));
    assert_eq!(verdict(&world.iq("ada", "set", STOP)), "item-not-found");
    assert_ne!(start(&mut world), "", "and again");
}

#[test]
fn who_may_not_or_asks_for_what_nobody_does_is_refused() {
    let mut world = world();
    assert_eq!(verdict(&world.iq("bob", "set", START)), "not-allowed");
    assert_eq!(verdict(&world.iq("bob", "set", STOP)), "not-allowed");
    assert_eq!(verdict(&world.iq("ada", "set", &START.replace("file'", "stream'"))), "feature-not-implemented");
    assert_eq!(verdict(&world.iq("ada", "set", &START.replace("start", "dance"))), "bad-request");
    presence(&mut world, "bob", "<jitsi_participant_e2ee.enabled>true</jitsi_participant_e2ee.enabled>");
    let answer = world.iq("ada", "set", START);
    assert_eq!(verdict(&answer), "policy-violation");
    assert!(answer.to_string().contains("end-to-end encrypted"));
    assert!(world.recorder.is_empty());
    let mut none = World::new();
    none.join("ada", Dialect::Ljm2022);
    assert_eq!(verdict(&none.iq("ada", "set", START)), "service-unavailable");
}

#[test]
fn one_that_fails_is_told_of_and_may_be_started_anew() {
    let mut world = world();
    let session = start(&mut world);
    report(&mut world, RecorderReport::Off { session: "of another meeting".to_owned(), error: None });
    assert_eq!(status(&world), seen("pending"));
    report(&mut world, RecorderReport::Off { session, error: Some("the disk is full".to_owned()) });
    assert_eq!(status(&world), Some(("off".to_owned(), Some("error".to_owned()))));
    start(&mut world);
    assert_eq!(status(&world), seen("pending"));
}

#[test]
fn it_ends_when_somebody_switches_encryption_on() {
    let mut world = world();
    let session = start(&mut world);
    report(&mut world, RecorderReport::On { session: session.clone() });
    let stops =
        |world: &World| world.recorder.iter().filter(|order| matches!(order, RecorderOrder::Stop { .. })).count();
    for _ in 0..2 {
        presence(&mut world, "bob", "<jitsi_participant_e2ee.enabled>true</jitsi_participant_e2ee.enabled>");
        assert_eq!((stops(&world), status(&world)), (1, seen("on")), "once, and until it has ended");
    }
    report(&mut world, RecorderReport::Off { session, error: None });
    assert_eq!(status(&world), Some(("off".to_owned(), Some("error".to_owned()))));
    presence(&mut world, "bob", "");
    start(&mut world);
    assert_eq!((stops(&world), status(&world)), (1, seen("pending")));
}

#[test]
fn a_recording_learns_who_is_there_and_what_they_do() {
    let mut world = world();
    start(&mut world);
    let told = |world: &mut World| {
        let orders: Vec<RecorderOrder> = std::mem::take(&mut world.recorder);
        let what = |order| if let RecorderOrder::Happened { what, .. } = order { Some(what) } else { None };
        orders.into_iter().filter_map(what).collect::<Vec<_>>()
    };
    let joined = |endpoint: &str| Happening::Joined { endpoint: endpoint.to_owned(), name: None };
    assert_eq!(told(&mut world), [joined("ada"), joined("bob")]);
    let more = "<nick xmlns='http://jabber.org/protocol/nick'>Bob</nick>\
                <jitsi_participant_raisedHand>1732862400000</jitsi_participant_raisedHand>\
                <SourceInfo>{\"bob-a0\":{\"muted\":true},\"bob-v0\":{\"muted\":false,\"videoType\":\"camera\"}}</SourceInfo>";
    presence(&mut world, "bob", more);
    presence(&mut world, "bob", more);
    let bob = || "bob".to_owned();
    let expected = [
        Happening::Renamed { endpoint: bob(), name: Some("Bob".to_owned()) },
        Happening::Hand { endpoint: bob(), raised: true },
        Happening::Muted { source: "bob-a0".to_owned(), muted: true },
        Happening::Muted { source: "bob-v0".to_owned(), muted: false },
    ];
    assert_eq!(told(&mut world), expected, "once");
    world.leave("bob");
    world.join("cyd", Dialect::Ljm2026);
    assert_eq!(told(&mut world), [Happening::Left { endpoint: bob() }, joined("cyd")]);
}

#[test]
fn it_ends_with_the_meeting() {
    let mut world = world();
    let session = start(&mut world);
    report(&mut world, RecorderReport::On { session: session.clone() });
    world.leave("ada");
    world.leave("bob");
    world.advance(Duration::from_secs(10));
    assert_eq!(world.recorder.last(), Some(&RecorderOrder::Stop { session }));
}

#[test]
fn a_room_that_is_always_recorded_is_once_two_meet_and_what_is_stopped_stays_so() {
    let mut world = World::with(|config: &mut FocusConfig| {
        config.recording = true;
        config.recorded_rooms = vec!["other".to_owned(), ROOM.to_owned()];
    });
    world.join("ada", Dialect::Ljm2022);
    assert!(world.recorder.is_empty());
    world.join("bob", Dialect::Ljm2026);
    let [RecorderOrder::Start { session, initiator: None, .. }, ..] = &world.recorder[..] else { panic!("no start") };
    let session = session.clone();
    report(&mut world, RecorderReport::On { session: session.clone() });
    let element = world.presence.iter().find(|e| e.name == "jibri-recording-status").unwrap();
    assert_eq!((element.attr("status"), element.attr("initiator")), (Some("on"), None));
    assert_eq!(verdict(&world.iq("ada", "set", STOP)), "result");
    report(&mut world, RecorderReport::Off { session, error: None });
    let orders = world.recorder.len();
    world.join("cid", Dialect::Ljm2026);
    assert_eq!(world.recorder.len(), orders);
}

#[test]
fn an_encrypted_meeting_is_not_recorded_even_where_all_are() {
    let mut world = World::with(|config: &mut FocusConfig| {
        config.recording = true;
        config.recorded_rooms = vec!["*".to_owned()];
    });
    world.join("ada", Dialect::Ljm2026);
    presence(&mut world, "ada", "<jitsi_participant_e2ee.enabled>true</jitsi_participant_e2ee.enabled>");
    world.join("bob", Dialect::Ljm2026);
    assert!(world.recorder.is_empty());
}

fn happened(world: &World) -> Vec<&Happening> {
    let orders = world.recorder.iter();
    orders
        .filter_map(|order| match order {
            RecorderOrder::Happened { what, .. } => Some(what),
            _ => None,
        })
        .collect()
}

#[test]
fn chat_belongs_to_it_where_that_is_wanted() {
    for wanted in [false, true] {
        let mut world = world();
        world.focus.desk.config.recorded_chat = wanted;
        start(&mut world);
        world.focus.handle(world.now, FocusInput::Said { room: ROOM, nick: "bob", text: "hello" });
        world.settle();
        let chat = Happening::Chat { endpoint: "bob".to_owned(), text: "hello".to_owned() };
        assert_eq!(happened(&world).contains(&&chat), wanted);
    }
}

#[test]
fn whom_a_moderator_shows_to_all_is_a_hint_and_others_show_nobody() {
    let mut world = world();
    start(&mut world);
    let before = happened(&world).len();
    presence(&mut world, "bob", "<follow-me nextOnStage='bob'/>");
    presence(&mut world, "ada", "<follow-me nextOnStage='bob'/>");
    presence(&mut world, "ada", "<follow-me nextOnStage='bob' tileViewEnabled='false'/>");
    presence(&mut world, "ada", "<follow-me/>");
    let pinned = |endpoint: Option<&str>| Happening::Pinned { endpoint: endpoint.map(str::to_owned) };
    assert_eq!(happened(&world)[before..], [&pinned(Some("bob")), &pinned(None)]);
}

/// What was asked of whoever keeps recordings, and not yet answered.
fn inquiries(world: &World) -> Vec<RecorderOrder> {
    let asks = |order: &&RecorderOrder| matches!(order, RecorderOrder::List { .. } | RecorderOrder::Delete { .. });
    world.recorder.iter().filter(asks).cloned().collect()
}

const LIST: &str = "<recordings xmlns='https://moothall.org/protocol/recordings'/>";
const DELETE: &str =
    "<recordings xmlns='https://moothall.org/protocol/recordings'><delete name='hall-1'/></recordings>";

#[test]
fn a_moderator_is_told_what_was_recorded_and_deletes_it() {
    let mut world = world();
    let id = world.ask("ada", "get", LIST);
    let [RecorderOrder::List { inquiry }] = &inquiries(&world)[..] else { panic!("not asked") };
    assert_eq!((inquiry.room.as_str(), inquiry.nick.as_str(), &inquiry.id), (ROOM, "ada", &id));
    let outcome = Ok("{\"recordings\":[]}".to_owned());
    report(&mut world, RecorderReport::Inquired { inquiry: inquiry.clone(), outcome });
    let answer = world.answer("ada", &id);
    assert_eq!(answer.child_text("recordings").as_deref(), Some("{\"recordings\":[]}"));

    let id = world.ask("ada", "set", DELETE);
    let [_, RecorderOrder::Delete { inquiry, name }] = &inquiries(&world)[..] else { panic!("not asked") };
    assert_eq!((name.as_str(), &inquiry.id), ("hall-1", &id));
    report(&mut world, RecorderReport::Inquired { inquiry: inquiry.clone(), outcome: Err(NotDone::Running) });
    assert_eq!(verdict(&world.answer("ada", &id)), "unexpected-request");
    assert_eq!(verdict(&world.iq("ada", "set", LIST)), "bad-request");
}

#[test]
fn others_are_told_nothing_of_recordings() {
    let mut world = world();
    for (kind, payload) in [("get", LIST), ("set", DELETE)] {
        assert_eq!(verdict(&world.iq("bob", kind, payload)), "not-allowed");
    }
    assert!(inquiries(&world).is_empty());
    let id = world.ask("ada", "get", LIST);
    let [RecorderOrder::List { inquiry }] = &inquiries(&world)[..] else { panic!("not asked") };
    let inquiry = inquiry.clone();
    for (nick, affiliation) in [("bob", Affiliation::Owner), ("ada", Affiliation::None)] {
        world.focus.handle(world.now, FocusInput::AffiliationChanged { room: ROOM, nick, affiliation });
    }
    world.settle();
    report(&mut world, RecorderReport::Inquired { inquiry, outcome: Ok("secret".to_owned()) });
    assert_eq!(verdict(&world.answer("ada", &id)), "not-allowed", "no moderator any more");
}

#[test]
fn somebody_who_is_not_in_the_room_records_it() {
    let mut world = World::with(|config: &mut FocusConfig| config.recording = true);
    assert_eq!(world.focus.start_recording(ROOM, "administrator"), Err(RecordRefusal::NoMeeting));
    world.join("ada", Dialect::Ljm2022);
    world.join("bob", Dialect::Ljm2026);
    let session = world.focus.start_recording(ROOM, "administrator").unwrap();
    world.settle();
    let RecorderOrder::Start { initiator, .. } = &world.recorder[0] else { panic!("no start") };
    assert_eq!(initiator.as_deref(), Some("administrator"));
    assert_eq!(world.focus.start_recording(ROOM, "administrator"), Err(RecordRefusal::Runs));
    assert_eq!(verdict(&world.iq("ada", "set", START)), "unexpected-request");
    world.focus.stop_recording("another");
    world.focus.stop_recording(&session);
    world.settle();
    assert_eq!(world.recorder.last(), Some(&RecorderOrder::Stop { session: session.clone() }));
    report(&mut world, RecorderReport::Off { session, error: None });
    presence(&mut world, "bob", "<jitsi_participant_e2ee.enabled>true</jitsi_participant_e2ee.enabled>");
    assert_eq!(world.focus.start_recording(ROOM, "administrator"), Err(RecordRefusal::Encrypted));
    let mut without = World::with(|config: &mut FocusConfig| config.recording = false);
    without.join("ada", Dialect::Ljm2022);
    assert_eq!(without.focus.start_recording(ROOM, "administrator"), Err(RecordRefusal::NoRecorder));
}
