//! What the services tell whom.

use std::time::{Duration, Instant};

use jitsi_wire::xmpp::{Element, Jid, Limits};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use serde_json::{Value, json};

use super::{Arrival, Component, Components, Output, Request};
use crate::c2s::SessionId;
use crate::focus::MediaType;
use crate::muc::Affiliation;

/// A room `r` with people in it.
struct World {
    components: Components,
    now: Instant,
    outputs: Vec<Output>,
}

impl World {
    fn new() -> Self {
        Self::with(false)
    }

    /// With somebody who writes meetings down, or without.
    fn with(transcribes: bool) -> Self {
        Self {
            components: Components::new("d", transcribes, ChaCha8Rng::from_seed([5; 32])),
            now: Instant::now(),
            outputs: Vec::new(),
        }
    }

    fn join(&mut self, nick: &str, session: u64, moderator: bool) {
        self.enter("r", nick, session, moderator, &format!("u{session}"));
    }

    fn enter(&mut self, room: &str, nick: &str, session: u64, moderator: bool, node: &str) {
        let presence =
            element(&format!("<presence><nick xmlns='http://jabber.org/protocol/nick'>{nick}!</nick></presence>"));
        let jid = Jid::full_of(node, "d", "x");
        let started = Some(7);
        let affiliation = if moderator { Affiliation::Owner } else { Affiliation::None };
        let session = SessionId(session);
        let arrival = Arrival { nick, session, jid: &jid, presence: &presence, affiliation, started };
        self.components.on_joined(self.now, room, &arrival);
        self.drain();
    }

    fn leave(&mut self, nick: &str, session: u64) {
        self.exit("r", nick, session, true);
    }

    fn exit(&mut self, room: &str, nick: &str, session: u64, returns: bool) {
        self.components.on_left(self.now, room, nick, SessionId(session), returns);
        self.drain();
    }

    fn say(&mut self, session: u64, to: Component, child: &str) {
        let message = element(&format!("<message>{child}</message>"));
        let request = Request { session: SessionId(session), room: Some("r"), to, message: &message };
        self.components.on_message(self.now, request);
        self.drain();
    }

    fn drain(&mut self) {
        self.outputs.extend(std::iter::from_fn(|| self.components.poll()));
    }

    fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// JSON that went to a session since the last call.
    fn told(&mut self, session: u64) -> Vec<Value> {
        let (its, others) = self
            .take()
            .into_iter()
            .partition(|output| matches!(output, Output::Send { session: to, .. } if *to == SessionId(session)));
        self.outputs = others;
        let json = |output: Output| match output {
            Output::Send { frame, .. } => element(&frame).child_text("json-message"),
            _ => None,
        };
        let its: Vec<Output> = its;
        its.into_iter().filter_map(json).map(|text| serde_json::from_str(&text).unwrap()).collect()
    }
}

fn element(text: &str) -> Element {
    Element::parse(text, &Limits::default()).unwrap()
}

#[test]
fn the_focus_hears_of_every_change_with_the_whole_list() {
    let mut world = World::new();
    world.join("a", 1, true);
    world.join("b", 2, false);
    world.join("c", 3, false);
    let orders = |world: &mut World| {
        let orders = world.take().into_iter().filter_map(|output| match output {
            Output::Moderate { room, media, enabled, allowed } => {
                assert_eq!((&*room, media), ("r", MediaType::Video));
                Some((enabled, allowed.join(" ")))
            }
            _ => None,
        });
        orders.collect::<Vec<_>>()
    };
    let say = |world: &mut World, attrs: &str| {
        world.say(1, Component::AvModeration, &format!("<av_moderation mediaType='video' {attrs}/>"));
    };
    say(&mut world, "enable='true'");
    assert_eq!(orders(&mut world), [(true, String::new())]);
    say(&mut world, "jidToWhitelist='r@conference.d/b'");
    say(&mut world, "jidToWhitelist='r@conference.d/b'");
    say(&mut world, "jidToWhitelist='r@conference.d/c'");
    assert_eq!(orders(&mut world), [(true, "b".to_owned()), (true, "b c".to_owned())]);
    say(&mut world, "jidToBlacklist='r@conference.d/b'");
    say(&mut world, "jidToBlacklist='r@conference.d/b'");
    assert_eq!(orders(&mut world), [(true, "c".to_owned())]);
    say(&mut world, "enable='false'");
    say(&mut world, "enable='false'");
    assert_eq!(orders(&mut world), [(false, String::new())]);
}

#[test]
fn who_comes_back_is_still_allowed_and_who_takes_the_nick_is_not() {
    let mut world = World::new();
    world.join("a", 1, true);
    world.join("b", 2, false);
    world.say(1, Component::AvModeration, "<av_moderation mediaType='audio' enable='true'/>");
    world.say(1, Component::AvModeration, "<av_moderation mediaType='audio' jidToWhitelist='r@conference.d/b'/>");
    world.leave("b", 2);
    world.take();
    world.enter("r", "b", 3, false, "u2");
    let about = |told: Vec<Value>| told.into_iter().filter(|json| json["type"] == "av_moderation").collect::<Vec<_>>();
    let told = about(world.told(3));
    assert_eq!(told.len(), 2);
    assert_eq!(told[1]["approved"], true);
    world.leave("b", 3);
    world.take();
    world.enter("r", "b", 4, false, "stranger");
    assert_eq!(about(world.told(4)).len(), 1);
    let order = Output::Moderate { room: "r".into(), media: MediaType::Audio, enabled: true, allowed: Vec::new() };
    assert_eq!(world.take(), [order]);
}

#[test]
fn time_counts_for_who_speaks_until_another_one_does_or_nothing_is_heard() {
    let mut world = World::new();
    world.join("a", 1, true);
    world.join("b", 2, false);
    let speak = |world: &mut World, session: u64, attrs: &str| {
        let child = format!("<speakerstats xmlns='http://jitsi.org/jitmeet' room='r@conference.d' {attrs}/>");
        world.say(session, Component::SpeakerStats, &child);
    };
    speak(&mut world, 2, "");
    world.now += Duration::from_secs(5);
    speak(&mut world, 1, "silence='false'");
    world.now += Duration::from_secs(2);
    speak(&mut world, 1, "silence='true'");
    world.now += Duration::from_secs(60);
    speak(&mut world, 2, "");
    speak(&mut world, 1, "silence='true'");
    world.now += Duration::from_millis(250);
    world.leave("b", 2);
    world.now += Duration::from_secs(60);
    world.join("c", 3, false);
    let told = world.told(3);
    let stats = told.iter().find(|json| json["type"] == "speakerstats").unwrap();
    let users = stats["users"].as_object().unwrap();
    assert_eq!(users.len(), 2);
    assert_eq!(users["a"]["totalDominantSpeakerTime"], 2000);
    assert_eq!(users["b"]["totalDominantSpeakerTime"], 5250);
    assert_eq!(users["b"]["displayName"], "b!");
}

fn set(world: &mut World, key: &str, data: &str) {
    let text = format!("{{\"key\":\"{key}\",\"data\":{data}}}");
    let child = format!("<room_metadata xmlns='http://jitsi.org/jitmeet' room='r@conference.d'>{text}</room_metadata>");
    world.now += Duration::from_secs(20);
    world.say(1, Component::RoomMetadata, &child);
}

#[test]
fn a_room_has_a_place_for_few_values_and_always_for_how_people_start() {
    let mut world = World::new();
    world.join("a", 1, true);
    (0..100).for_each(|n| set(&mut world, &format!("key{n}"), "1"));
    let keys = world.told(1).last().unwrap()["metadata"].as_object().unwrap().len();
    assert_eq!(keys, 32);
    set(&mut world, "startMuted", "{\"audio\":true}");
    let told = world.told(1);
    assert_eq!(told[0]["metadata"]["startMuted"]["audio"], true);
    let long = format!("\"{}\"", "x".repeat(17_000));
    set(&mut world, "key1", &long);
    assert!(world.told(1).is_empty());
    let policies = world.take().into_iter().filter(|output| matches!(output, Output::StartMuted { .. }));
    assert_eq!(policies.count(), 1);
}

fn poll(world: &mut World, session: u64, json: &Value) {
    let child = Element::in_ns("json-message", "http://jitsi.org/jitmeet").with_text(json.to_string());
    world.now += Duration::from_secs(1);
    world.say(session, Component::Polls, &child.to_string());
}

#[test]
fn polls_are_few_and_small_and_all_of_them_are_one_message() {
    let mut world = World::new();
    world.join("a", 1, false);
    for n in 0..200 {
        let question = "q".repeat(2000);
        let answers = json!([{ "name": "yes" }, { "name": "no" }]);
        poll(
            &mut world,
            1,
            &json!({ "command": "new-poll", "pollId": n.to_string(), "question": question, "answers": answers }),
        );
    }
    let opened = world.told(1).iter().filter(|json| json["command"] == "new-poll").count();
    assert!((50..=64).contains(&opened), "{opened}");
    for voter in 2..300 {
        let nick = format!("voter{voter}");
        world.join(&nick, voter, false);
        world.take();
        poll(&mut world, voter, &json!({ "command": "answer-poll", "pollId": "0", "answers": [true, false] }));
    }
    world.take();
    world.join("late", 1000, false);
    let told = world.told(1000);
    let old = told.iter().find(|json| json["command"] == "old-polls").unwrap();
    assert!(old.to_string().len() < 140 * 1024, "{}", old.to_string().len());
    let voters = old["polls"][0]["answers"][0]["voters"].as_array().unwrap().len();
    assert!(voters > 10, "{voters}");
    let many: Vec<Value> = (0..33).map(|n| json!({ "name": n.to_string() })).collect();
    world.take();
    poll(&mut world, 1, &json!({ "command": "new-poll", "pollId": "many", "question": "?", "answers": many }));
    assert!(world.told(1000).is_empty());
}

#[test]
fn nobody_changes_the_answers_of_another_who_had_the_same_nick() {
    let mut world = World::new();
    world.join("a", 1, false);
    world.join("b", 2, false);
    let answers = json!([{ "name": "yes" }, { "name": "no" }]);
    poll(&mut world, 1, &json!({ "command": "new-poll", "pollId": "p", "question": "?", "answers": answers }));
    poll(&mut world, 2, &json!({ "command": "answer-poll", "pollId": "p", "answers": [true, false] }));
    world.leave("b", 2);
    world.join("b", 3, false);
    world.take();
    poll(&mut world, 3, &json!({ "command": "answer-poll", "pollId": "p", "answers": [false, true] }));
    assert!(world.told(1).is_empty());
    // Under another name it is one voter still.
    world.join("c", 2, false);
    poll(&mut world, 2, &json!({ "command": "answer-poll", "pollId": "p", "answers": [false, true] }));
    world.take();
    world.join("late", 9, false);
    let told = world.told(9);
    let answers = &told.iter().find(|json| json["command"] == "old-polls").unwrap()["polls"][0]["answers"];
    assert_eq!(answers[0]["voters"], json!([]));
    assert_eq!(answers[1]["voters"], json!([{ "id": "c", "name": "c!" }]));
}

#[test]
fn nonsense_in_json_is_refused() {
    let mut world = World::new();
    world.join("a", 1, true);
    world.take();
    let deep = "[".repeat(10_000);
    for text in ["", "null", "7", "[]", "{}", "{\"key\":7,\"data\":1}", "{\"command\":\"dance\"}", deep.as_str()] {
        let child = Element::in_ns("room_metadata", "http://jitsi.org/jitmeet").with_text(text);
        world.say(1, Component::RoomMetadata, &child.to_string());
        let child = Element::in_ns("json-message", "http://jitsi.org/jitmeet").with_text(text);
        world.say(1, Component::Polls, &child.to_string());
        world.now += Duration::from_secs(60);
    }
    let outputs = world.take();
    assert_eq!(outputs.len(), 16);
    for output in outputs {
        assert!(matches!(&output, Output::Send { frame, .. } if frame.contains("type='error'")), "{output:?}");
    }
}

#[test]
fn nobody_makes_the_services_talk_without_end() {
    let mut world = World::new();
    world.join("a", 1, true);
    world.join("b", 2, false);
    let toggle = |world: &mut World| {
        for on in [true, false] {
            world.say(1, Component::AvModeration, &format!("<av_moderation mediaType='audio' enable='{on}'/>"));
        }
    };
    (0..1000).for_each(|_| toggle(&mut world));
    let heard = world.told(2).len();
    assert!((100..=300).contains(&heard), "{heard}");
    world.take();
    world.now += Duration::from_secs(1);
    (0..1000).for_each(|_| toggle(&mut world));
    let heard = world.told(2).len();
    assert!((10..=20).contains(&heard), "{heard}");
}

fn breakout(world: &mut World, session: u64, attrs: &str) {
    world.say(session, Component::BreakoutRooms, &format!("<breakout_rooms type='features/breakout-rooms/{attrs}/>"));
}

/// Makes a breakout room and says its name.
fn made(world: &mut World) -> String {
    breakout(world, 1, "add' subject='x'");
    world.now += Duration::from_secs(5);
    world.components.on_wakeup(world.now);
    world.drain();
    let told = world.told(1);
    let rooms = told.last().unwrap()["rooms"].as_object().unwrap();
    let id = rooms.iter().find(|(_, room)| room["isMainRoom"] == false).unwrap().0;
    format!("{id}@breakout")
}

fn kept(world: &mut World) -> Vec<(bool, bool)> {
    let kept = world.take().into_iter().filter_map(|output| match output {
        Output::Keep { kept, .. } => Some((kept.open, kept.moderated)),
        _ => None,
    });
    kept.collect()
}

#[test]
fn a_main_room_is_kept_while_people_are_elsewhere_or_on_the_way() {
    let mut world = World::new();
    world.join("a", 1, true);
    world.join("b", 2, false);
    let room = made(&mut world);
    assert_eq!(kept(&mut world), []);
    world.leave("a", 1);
    assert_eq!(kept(&mut world), [(true, true)]);
    world.enter(&room, "a", 1, true, "u1");
    assert_eq!(kept(&mut world), []);
    world.exit(&room, "a", 1, false);
    assert_eq!(kept(&mut world), [(false, false)], "its stream is gone");
    world.leave("b", 2);
    assert_eq!(kept(&mut world), [(true, false)]);
    let at = world.components.next_wakeup().unwrap();
    assert!(at > world.now);
    world.now += Duration::from_secs(16);
    world.components.on_wakeup(world.now);
    world.drain();
    assert_eq!(kept(&mut world), [(false, false)], "nobody came back");
    assert_eq!(world.components.next_wakeup(), None);
}

#[test]
fn who_left_and_is_gone_is_waited_for_no_longer() {
    let mut world = World::new();
    world.join("a", 1, true);
    world.join("b", 2, false);
    let room = made(&mut world);
    world.leave("b", 2);
    world.take();
    world.components.forget(world.now, SessionId(2), "u2@d");
    world.drain();
    assert!(world.components.judge(&room, "b", "u2@d").is_err());
    world.leave("a", 1);
    assert_eq!(kept(&mut world), [(false, false), (true, true)]);
    world.components.forget(world.now, SessionId(1), "u1@d");
    world.drain();
    assert_eq!(kept(&mut world), [(false, false)]);
}

#[test]
fn only_members_enter_and_nobody_takes_the_nick_of_one_who_is_elsewhere() {
    let mut world = World::new();
    world.join("a", 1, true);
    world.join("b", 2, false);
    assert_eq!(world.components.judge("r", "b", "u2@d"), Ok(None));
    let room = made(&mut world);
    assert_eq!(world.components.judge(&room, "b", "u2@d"), Ok(Some(Affiliation::None)));
    assert_eq!(world.components.judge(&room, "a", "u1@d"), Ok(Some(Affiliation::Owner)));
    assert!(world.components.judge(&room, "c", "u3@d").is_err());
    assert!(world.components.judge(&room, "a", "u2@d").is_err());
    assert!(world.components.judge("other@breakout", "b", "u2@d").is_err());
    assert!(world.components.may_open(&room, "u2@d") && !world.components.may_open(&room, "u3@d"));
    assert!(world.components.may_open("r", "u3@d") && !world.components.may_open("other@breakout", "u2@d"));
    world.leave("b", 2);
    world.enter(&room, "b", 2, false, "u2");
    assert_eq!(world.components.judge("r", "b", "u2@d"), Ok(Some(Affiliation::None)));
    assert_eq!(world.components.judge("r", "c", "u3@d"), Ok(None));
    world.exit(&room, "b", 2, false);
    assert!(world.components.judge(&room, "b", "u2@d").is_err(), "kicked out of one, out of all");
    assert_eq!(world.components.judge("r", "b", "u2@d"), Ok(None));
}

#[test]
fn a_meeting_has_few_breakout_rooms_and_all_go_with_it() {
    let mut world = World::new();
    world.join("a", 1, true);
    let room = made(&mut world);
    world.take();
    (0..100).for_each(|_| breakout(&mut world, 1, "add' subject='x'"));
    let refused =
        world.take().into_iter().filter(|o| matches!(o, Output::Send { frame, .. } if frame.contains("<error")));
    assert_eq!(refused.count(), 51);
    world.now += Duration::from_secs(60);
    world.take();
    breakout(&mut world, 1, &format!("rename' breakoutRoomJid='{room}.d' subject='{}'", "x".repeat(129)));
    breakout(&mut world, 1, "dance'");
    assert_eq!(world.take().len(), 2, "refused");
    world.components.on_over("r", "over");
    world.drain();
    assert_eq!(world.take().len(), 51, "the rooms, and what keeps the main room");
    assert!(world.components.judge(&room, "a", "u1@d").is_err());
    assert_eq!(world.components.next_wakeup(), None);
}

#[test]
fn every_address_is_found_again() {
    for component in Component::ALL {
        assert_eq!(Component::at(&component.address("d.e"), "d.e"), Some(component));
        assert_eq!(Component::at(component.label(), "d.e"), None);
    }
    assert_eq!(Component::at("d.e", "d.e"), None);
    assert_eq!(Component::at("conference.d.e", "d.e"), None);
}

#[test]
fn a_policy_that_goes_back_and_forth_is_told_a_few_times_only() {
    let mut world = World::new();
    world.join("a", 1, true);
    world.take();
    for n in 0..100 {
        let policy = element(&format!(
            "<presence><startmuted xmlns='http://jitsi.org/jitmeet/start-muted' audio='{}'/></presence>",
            n % 2 == 0
        ));
        world.components.on_presence(world.now, "r", "a", &policy);
    }
    world.drain();
    assert_eq!(world.told(1).len(), 16);
}

#[test]
fn who_comes_again_may_ask_for_no_more_by_that() {
    let mut world = World::new();
    world.join("ada", 1, true);
    world.join("bob", 2, false);
    let set = |n: usize| {
        format!(
            "<room_metadata xmlns='http://jitsi.org/jitmeet' room='r@conference.d'>{{\"key\":\"k\",\"data\":{n}}}</room_metadata>"
        )
    };
    let mut told = 0;
    world.take();
    for round in 0..10 {
        for n in 0..10 {
            world.say(1, Component::RoomMetadata, &set(10 * round + n));
        }
        told += world.told(2).len();
        world.leave("ada", 1);
        world.join("ada", 1, true);
    }
    assert_eq!(told, 16, "as many as at once");
    // A stream that is over is forgotten.
    world.leave("ada", 1);
    world.components.forget(world.now, SessionId(1), "u1@d");
    assert_eq!(world.components.guests.len(), 1);
}

#[test]
fn a_moderator_asks_for_a_transcript_where_there_is_somebody_to_write_it() {
    let ask = |world: &mut World, session: u64, wanted: bool| {
        let text = json!({"key": "recording", "data": {"isTranscribingEnabled": wanted}});
        let child =
            format!("<room_metadata xmlns='http://jitsi.org/jitmeet' room='r@conference.d'>{text}</room_metadata>");
        world.say(session, Component::RoomMetadata, &child);
        let orders = world.take().into_iter().filter_map(|output| match output {
            Output::Transcribe { room, wanted } => Some((room.to_string(), wanted)),
            _ => None,
        });
        orders.collect::<Vec<_>>()
    };
    let mut world = World::with(true);
    world.join("a", 1, true);
    let told = world.told(1).into_iter().find(|told| told["type"] == "room_metadata").unwrap();
    assert_eq!(told["metadata"], json!({"asyncTranscription": true}));
    assert!(world.take().iter().any(|output| matches!(output, Output::Preface { .. })), "for those who come");
    world.join("b", 2, false);
    assert_eq!(world.told(2).iter().filter(|told| told["type"] == "room_metadata").count(), 0, "it was told by then");
    assert_eq!(ask(&mut world, 2, true), []);
    assert_eq!(ask(&mut world, 1, true), [("r".to_owned(), true)]);
    assert_eq!(ask(&mut world, 1, true), []);
    assert_eq!(ask(&mut world, 1, false), [("r".to_owned(), false)]);
    let mut world = World::with(false);
    world.join("a", 1, true);
    assert_eq!(ask(&mut world, 1, true), [], "nobody writes");
}
