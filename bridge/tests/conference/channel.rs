use crate::world::*;
use bridge::core::{ChannelId, ChannelRefusal};
use jitsi_wire::colibri2::*;
use serde_json::{Value, json};

fn classes(client: &Client) -> Vec<&str> {
    client.texts.iter().map(|text| text["colibriClass"].as_str().unwrap()).collect()
}

#[test]
fn checklist_36_37_a_new_channel_is_told_everything_in_order() {
    let mut world = World::meeting(2);
    let capabilities = Capabilities { source_names: true, ssrc_rewriting: true, ..Default::default() };
    world.join_as(3, 3, EndpointModify { capabilities, ..creating("c") });
    world.open_channel(3);
    world.say(3, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":720}}"#);
    world.say(1, r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":360}}"#);
    // Nobody of this world shows a sign of life to ICE: all count as inactive after a while.
    world.run_ms(15_100);
    world.film(2, 1, 5, true, &[0, 1, 2]);
    for step in 0..60 {
        let packet = world.audio(2, step, 10);
        world.send(2, &packet);
        world.run_ms(20);
    }
    world.forget();
    let old = world.client(3).channel.unwrap();
    world.open_channel(3);
    assert_eq!(world.closed, [(old, 1000, "replaced")]);
    let mut told = classes(world.client(3));
    told.dedup();
    let expected = [
        "ServerHello",
        "SenderSourceConstraints",
        "ForwardedSources",
        "VideoSourcesMap",
        "AudioSourcesMap",
        "EndpointConnectivityStatusChangeEvent",
        "DominantSpeakerEndpointChangeEvent",
    ];
    assert_eq!(told, expected);
    assert_eq!(world.client(3).of_class("EndpointConnectivityStatusChangeEvent").len(), 2, "not the one who talks");
    assert_eq!(world.client(3).texts[2], json!({"colibriClass":"ForwardedSources","forwardedSources":["a-v0","b-v0"]}));
    world.forget();
    world.open_channel(1);
    assert!(!classes(world.client(1)).contains(&"VideoSourcesMap"), "only who wants maps gets them");
    world.leave(1);
    assert_eq!(world.closed.last().map(|(_, code, reason)| (*code, *reason)), Some((1001, "endpoint closed")));
}

#[test]
fn checklist_35_unknown_names_and_wrong_passwords_are_refused_alike() {
    let mut world = World::meeting(1);
    let url = world.client(1).url.clone();
    let (path, pwd) = url.split_once("?pwd=").unwrap();
    let conference = path.split('/').nth(3).unwrap().to_owned();
    assert_eq!(pwd.len(), 24);
    for (conference, endpoint, pwd) in [("nope", "a", pwd), (&*conference, "z", pwd), (&*conference, "a", "wrong")] {
        let refused = world.bridge.open_channel(world.now, conference, endpoint, pwd, ChannelId(99), &mut world.outbox);
        assert_eq!(refused, Err(ChannelRefusal));
    }
}

#[test]
fn checklist_41_endpoint_messages_reach_whom_they_are_for_under_the_true_name() {
    let mut world = World::meeting(3);
    world.forget();
    world.say(1, r#"{"colibriClass":"EndpointMessage","to":"","from":"c","msgPayload":{"type":"hello","n":[1,2]}}"#);
    let expected = json!({"colibriClass":"EndpointMessage","to":"","from":"a","msgPayload":{"type":"hello","n":[1,2]}});
    for number in [2, 3] {
        assert_eq!(world.client(number).texts, std::slice::from_ref(&expected));
    }
    assert!(world.client(1).texts.is_empty());
    world.forget();
    world.say(1, r#"{"colibriClass":"EndpointMessage","to":"c","msgPayload":{}}"#);
    world.say(1, r#"{"colibriClass":"EndpointMessage","to":"nobody","msgPayload":{}}"#);
    assert_eq!((world.client(2).texts.len(), world.client(3).texts.len()), (0, 1));
}

#[test]
fn checklist_42_statistics_go_to_all_others_with_the_senders_name() {
    let mut world = World::meeting(3);
    world.forget();
    world.say(2, r#"{"colibriClass":"EndpointStats","bitrate":{"upload":910},"jvbRTT":31}"#);
    let expected = json!({"colibriClass":"EndpointStats","bitrate":{"upload":910},"jvbRTT":31,"from":"b"});
    for number in [1, 3] {
        assert_eq!(world.client(number).texts, std::slice::from_ref(&expected));
    }
    assert!(world.client(2).texts.is_empty());
}

#[test]
fn checklist_39_nonsense_never_closes_a_channel() {
    let mut world = World::meeting(2);
    world.forget();
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"colibriClass":"What"}"#,
        r#"{"colibriClass":"ReceiverVideoConstraints","lastN":"x"}"#,
    ] {
        world.say(1, text);
    }
    world.say(1, r#"{"colibriClass":"ClientHello"}"#);
    assert_eq!(classes(world.client(1)), ["ServerHello"]);
    assert!(world.closed.is_empty());
}

#[test]
fn what_is_said_to_somebody_who_is_just_coming_waits_for_their_channel() {
    let mut world = World::meeting(2);
    world.join(3, 3);
    world.say(1, r#"{"colibriClass":"EndpointMessage","to":"c","msgPayload":{"n":1}}"#);
    world.say(2, r#"{"colibriClass":"EndpointMessage","to":"","msgPayload":{"n":2}}"#);
    world.say(1, r#"{"colibriClass":"EndpointMessage","to":"c","msgPayload":{"n":3}}"#);
    assert!(world.client(3).texts.is_empty());
    world.open_channel(3);
    let expected = [1, 3].map(|n| json!({"colibriClass":"EndpointMessage","to":"c","from":"a","msgPayload":{"n":n}}));
    assert!(world.client(3).texts.ends_with(&expected), "and not what all others were told");
    world.forget();
    world.open_channel(3);
    assert!(world.client(3).of_class("EndpointMessage").is_empty(), "said once");
}

#[test]
fn a_flood_of_messages_is_cut_off() {
    let mut world = World::meeting(2);
    world.forget();
    for _ in 0..1000 {
        world.say(1, r#"{"colibriClass":"EndpointMessage","to":"b","msgPayload":{}}"#);
    }
    let received = world.client(2).texts.len();
    assert!((100..=200).contains(&received), "{received}");
}

#[test]
fn checklist_52_forwarded_sources_are_told_exactly_when_the_set_changes() {
    let mut world = World::meeting(3);
    world.forget();
    let told = |world: &mut World| -> Vec<Value> {
        let sets =
            world.client(1).of_class("ForwardedSources").into_iter().map(|t| t["forwardedSources"].clone()).collect();
        world.forget();
        sets
    };
    world.film(2, 1, 30, true, &[0, 1, 2]);
    assert!(told(&mut world).is_empty());
    world.say(1, r#"{"colibriClass":"ReceiverVideoConstraints","lastN":1}"#);
    assert_eq!(told(&mut world), [json!(["b-v0"])]);
    world.say(1, r#"{"colibriClass":"ReceiverVideoConstraints","lastN":1}"#);
    assert!(told(&mut world).is_empty());
    world.say(1, r#"{"colibriClass":"ReceiverVideoConstraints","selectedSources":["c-v0"]}"#);
    assert_eq!(told(&mut world), [json!(["c-v0"])]);
    world.say(3, r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"c-v0","videoType":"none"}"#);
    assert_eq!(told(&mut world), [json!(["b-v0"])]);
    world.say(3, r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"c-v0","videoType":"camera"}"#);
    assert_eq!(told(&mut world), [json!(["c-v0"])]);
    world.leave(3);
    assert_eq!(told(&mut world), [json!(["b-v0"])]);
}

#[test]
fn checklist_51_the_type_of_a_source_that_is_not_there_yet_is_remembered() {
    let mut world = World::meeting(2);
    world.say(2, r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"b-v1","videoType":"none"}"#);
    world.forget();
    let mut all = sources("b", 2, 3);
    let mut screen = all[1].clone();
    screen.id = "b-v1".into();
    screen.ssrcs = vec![777];
    screen.groups.clear();
    all.push(screen);
    world.modify(EndpointModify { id: "b".into(), sources: Some(all), ..Default::default() });
    assert!(world.client(1).of_class("ForwardedSources").is_empty());
    world.say(2, r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"b-v1","videoType":"desktop"}"#);
    assert_eq!(world.client(1).of_class("ForwardedSources")[0]["forwardedSources"], json!(["b-v0", "b-v1"]));
}

#[test]
fn checklist_47_clients_from_before_source_names_are_answered_in_their_words() {
    let mut world = World::meeting(2);
    world.forget();
    world.say(
        1,
        r#"{"colibriClass":"ReceiverVideoConstraints","selectedEndpoints":["b"],"constraints":{"b":{"maxHeight":0}}}"#,
    );
    assert_eq!(world.client(1).of_class("LastNEndpointsChangeEvent")[0]["lastNEndpoints"], json!([]));
    world.say(1, r#"{"colibriClass":"ReceiverVideoConstraints","constraints":{"b":{"maxHeight":360}}}"#);
    assert_eq!(world.client(1).of_class("LastNEndpointsChangeEvent")[1]["lastNEndpoints"], json!(["b"]));
    world.forget();
    world.say(2, r#"{"colibriClass":"ReceiverVideoConstraints","constraints":{"a-v0":{"maxHeight":-1}}}"#);
    assert_eq!(world.client(1).of_class("SenderVideoConstraints")[0]["videoConstraints"]["idealHeight"], -1);
    world.say(1, r#"{"colibriClass":"VideoTypeMessage","videoType":"none"}"#);
    assert_eq!(world.client(2).of_class("ForwardedSources")[0]["forwardedSources"], json!([]));
}

#[test]
fn checklist_53_113_those_who_fall_silent_are_declared_inactive_in_words_and_given_up_in_the_end() {
    let mut world = World::meeting(2);
    world.forget();
    // Nobody of this world shows a sign of life to ICE: both count as never come.
    world.run_ms(15_000);
    let expected = json!({"colibriClass":"EndpointConnectivityStatusChangeEvent","endpoint":"b","active":"false"});
    assert!(world.client(1).texts.contains(&expected));
    assert!(world.client(2).texts.contains(&expected), "it is told as well");
    world.run_ms(106_000);
    world.gone.sort();
    assert_eq!(world.gone, ["a", "b"]);
    assert!(world.closed.iter().all(|(_, code, reason)| (*code, *reason) == (1001, "endpoint closed")));
    world.run_ms(21_000);
    assert_eq!(world.bridge.residue(), 0);
    assert_eq!(world.bridge.next_wakeup(), None);
}
