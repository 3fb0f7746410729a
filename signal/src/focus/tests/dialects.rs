//! Three dialects in one room: what each client is told, to the letter.

use super::*;
use crate::focus::ChannelKind;
use crate::focus::features::verification;

fn three() -> World {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    world.join("bob", Dialect::Ljm2022);
    world.join("gst", Dialect::Gst);
    world
}

fn last_jingle<'a>(world: &'a World, nick: &str, action: &str) -> &'a Element {
    let client = world.client(nick);
    let mut jingles = client.received.iter().filter_map(|s| s.child("jingle"));
    jingles.rfind(|j| j.attr("action") == Some(action)).unwrap_or_else(|| panic!("{nick} got no {action}"))
}

#[test]
fn everybody_knows_everybody_else_whatever_the_dialect() {
    let world = three();
    world.assert_consistent();
    assert_eq!(world.bridge.endpoints.len(), 3);
}

#[test]
fn today_s_library_reads_sources_as_json_with_names() {
    let world = three();
    let base = world.client("bob").base;
    let add = last_jingle(&world, "ada", "source-add");
    assert!(add.child("content").is_none());
    let gst = world.client("gst").base;
    assert_eq!(
        add.child("json-message").unwrap().text(),
        format!(
            r#"{{"sources":{{"gst":[[{{"s":{},"n":"gst-v0","m":"gst-v0-{gst} t"}},{{"s":{},"n":"gst-v0","m":"gst-v0-{gst} t"}}],[["f",{},{}]],[{{"s":{gst},"n":"gst-a0","m":"gst-a0-{gst} t"}}]]}}}}"#,
            gst + 1,
            gst + 4,
            gst + 1,
            gst + 4,
        )
    );
    // Bob's client names nothing; the focus did.
    let first = &world.client("ada").received;
    let text: String = first.iter().map(ToString::to_string).collect();
    assert!(text.contains(&format!(r#"{{"s":{base},"n":"bob-a0","m":"bob-a0-{base} t"}}"#)));
}

#[test]
fn who_is_told_of_streams_by_the_bridge_hears_of_its_sources_alone() {
    let mut world = three();
    world.join("eve", Dialect::Rewriting);
    world.join("zoe", Dialect::Ljm2026);
    let eve = world.client("eve");
    assert!(eve.accepted);
    assert_eq!(sources_in(&eve.offers[0]).iter().map(|(_, owner)| owner.as_str()).collect::<Vec<_>>(), ["jvb", "jvb"]);
    let told = eve.received.iter().filter_map(|s| s.child("jingle")).filter_map(|j| j.attr("action"));
    assert_eq!(told.collect::<Vec<_>>(), ["session-initiate"]);
    let can = world.bridge.endpoints["eve"].capabilities;
    assert!(can.ssrc_rewriting && can.rtp_mid_demux);
    assert!(!world.bridge.endpoints["zoe"].capabilities.ssrc_rewriting);
    assert!(sources_in(&world.client("zoe").offers[0]).iter().any(|(_, owner)| owner == "eve"));
}

#[test]
fn the_2022_library_reads_json_without_names() {
    let world = three();
    let add = last_jingle(&world, "bob", "source-add");
    let json = add.child("json-message").unwrap().text();
    let gst = world.client("gst").base;
    assert!(json.contains(&format!(r#"{{"s":{gst},"m":"gst-a0-{gst} t"}}"#)), "{json}");
    assert!(!json.contains("\"n\""));
}

#[test]
fn checklist_16_gst_meet_reads_xml_with_owner_and_msid_of_everybody_and_the_bridge() {
    let world = three();
    let offer = last_jingle(&world, "gst", "session-initiate");
    assert!(offer.child("json-message").is_none());
    let contents: Vec<&Element> = offer.children_named("content").collect();
    assert_eq!(contents.len(), 2);
    for content in &contents {
        assert_eq!(content.attr("creator"), Some("initiator"));
        assert_eq!(content.attr("senders"), Some("both"));
        assert!(content.child("description").unwrap().child("rtcp-mux").is_some());
        let transport = content.child("transport").unwrap();
        assert_eq!(transport.children_named("web-socket").count(), 1);
        assert_eq!(transport.children_named("fingerprint").count(), 1);
        assert_eq!(transport.child("fingerprint").unwrap().attr("setup"), Some("actpass"));
        assert_eq!(Some(transport), contents[0].child("transport"));
    }
    let ada = world.client("ada").base;
    let video = contents[1].child("description").unwrap();
    let sources: Vec<String> = video.children_named("source").map(ToString::to_string).collect();
    assert!(
        sources.contains(&format!(
            "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{}'><parameter name='msid' value='ada-v0-{ada} t'/>\
         <ssrc-info xmlns='http://jitsi.org/jitmeet' owner='ada'/></source>",
            ada + 1
        )),
        "{sources:#?}"
    );
    assert!(sources.iter().any(|s| s.contains("owner='jvb'") && s.contains("mixedmslabel mixedlabelvideo0")));
    let groups: Vec<&str> = video.children_named("ssrc-group").filter_map(|g| g.attr("semantics")).collect();
    assert_eq!(groups, ["FID", "FID"], "only the first layers are announced");
    // Bridge, two of ada, two of bob.
    assert_eq!(sources.len(), 5);
}

#[test]
fn the_bridge_is_told_every_layer_under_the_source_name() {
    let world = three();
    let base = world.client("bob").base;
    let sources = world.bridge.endpoints["bob"].sources.clone().unwrap();
    assert_eq!(sources.len(), 2);
    assert_eq!(sources[1].id, "bob-v0");
    assert_eq!(sources[1].ssrcs, (base + 1..=base + 6).collect::<Vec<_>>());
    assert_eq!(sources[1].groups.len(), 4);
    let accept = world
        .bridge
        .orders
        .iter()
        .rev()
        .find(|o| o.request.endpoints.iter().any(|e| e.id == "gst" && e.initial_last_n.is_some()));
    let endpoint = &accept.unwrap().request.endpoints[0];
    assert_eq!(endpoint.initial_last_n, Some(25));
    let ice = endpoint.transport.as_ref().unwrap().ice.as_ref().unwrap();
    assert_eq!(ice.ufrag.as_deref(), Some("Qw3r"));
    assert_eq!(ice.fingerprints.len(), 1);
}

#[test]
fn offers_carry_the_codecs_of_the_contract_and_what_the_client_can_repair() {
    let world = three();
    let offer = &world.client("gst").offers[0];
    let describe = |offer: &Jingle, n: usize| offer.contents[n].description.clone().unwrap();
    let video = describe(offer, 1);
    let types: Vec<(u8, String)> = video.payload_types.iter().map(|p| (p.id, p.name.clone())).collect();
    let expected =
        [(41, "AV1"), (42, "rtx"), (100, "VP8"), (96, "rtx"), (107, "H264"), (99, "rtx"), (101, "VP9"), (97, "rtx")];
    assert_eq!(types, expected.map(|(id, name)| (id, name.to_owned())));
    assert_eq!(video.payload_types[1].parameter("apt"), Some("41"));
    assert!(video.payload_types[0].feedback.iter().any(|f| f.kind == "transport-cc"));
    let audio = describe(offer, 0);
    let types: Vec<u8> = audio.payload_types.iter().map(|p| p.id).collect();
    assert_eq!(types, [111, 126]);
    assert_eq!(offer.bundle, ["audio", "video"]);
    assert_eq!(offer.initiator.as_deref(), Some("standup@conference.meet.example/focus"));
    // The order at the bridge numbers media exactly like the offer.
    let made = &world.bridge.endpoints["gst"].media;
    assert_eq!(made[1].payload_types, video.payload_types);
    assert_eq!(made[1].header_extensions, video.header_extensions);
}

#[test]
fn a_client_that_does_not_answer_gets_the_form_that_everybody_reads() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    // Not eager: this gst never answers disco.
    world.join_as("gst", Dialect::Gst, false, OccupantKind::Regular);
    assert!(world.client("gst").offers.is_empty());
    world.advance(Duration::from_secs(3));
    let offer = &world.client("gst").offers[0];
    assert!(offer.json_sources.is_none());
    assert_eq!(sources_in(offer).len(), 2 + 3);
    let video = offer.contents[1].description.as_ref().unwrap();
    assert!(video.payload_types.iter().all(|p| p.name != "rtx"));
}

#[test]
fn the_channel_is_at_the_authority_that_the_client_used() {
    let mut world = World::new();
    world.join("ada", Dialect::Ljm2026);
    let jid = Jid::full_of("uuid", DOMAIN, "r");
    world.focus.handle(
        world.now,
        FocusInput::Joined {
            room: ROOM,
            nick: "lo",
            jid: &jid,
            presence: &xml("<presence/>"),
            authority: "127.0.0.1:8080",
            secure: false,
            network: None,
            affiliation: Affiliation::None,
            kind: OccupantKind::Regular,
        },
    );
    world.settle();
    let url = |jingle: &Jingle| {
        let transport = jingle.contents[0].transport.clone().unwrap();
        transport.web_socket.unwrap()
    };
    let ada = &world.client("ada").offers[0];
    assert_eq!(url(ada), "wss://box.local:8443/colibri-ws/default-id/m/ada?pwd=pwd1");
    world.advance(Duration::from_secs(3));
    let order = world.bridge.orders.iter().find(|o| o.request.endpoints.iter().any(|e| e.id == "lo"));
    assert!(order.unwrap().client_is_local);
    assert!(!world.bridge.orders[0].client_is_local);
}

#[test]
fn a_data_channel_is_offered_instead_of_the_websocket_and_never_to_gst_meet() {
    let mut world = World::with(|c| c.channel = ChannelKind::DataChannel);
    world.join("ada", Dialect::Ljm2026);
    world.join("gst", Dialect::Gst);
    let ada = &world.client("ada").offers[0];
    assert_eq!(ada.bundle, ["audio", "video", "data"]);
    assert_eq!(ada.contents[2].sctp.as_ref().unwrap().port, 5000);
    assert!(ada.contents.iter().all(|c| c.transport.as_ref().unwrap().web_socket.is_none()));
    assert!(world.bridge.endpoints["ada"].transport.as_ref().unwrap().sctp.is_some());
    let gst = &world.client("gst").offers[0];
    assert_eq!(gst.bundle, ["audio", "video"]);
    assert!(gst.contents[0].transport.as_ref().unwrap().web_socket.is_some());
    assert!(world.bridge.endpoints["gst"].transport.as_ref().unwrap().sctp.is_none());
}

#[test]
fn a_screen_is_added_and_removed_for_each_in_its_way() {
    let mut world = three();
    assert_eq!(verdict(&world.share_screen("ada")), "result");
    world.assert_consistent();
    let add = last_jingle(&world, "gst", "source-add");
    let source = add.child("content").unwrap().child("description").unwrap().child("source").unwrap();
    assert_eq!(source.attr("videoType"), Some("desktop"));
    assert_eq!(source.attr("name"), None);
    assert_eq!(verdict(&world.unshare_screen("ada")), "result");
    world.assert_consistent();
}

#[test]
fn a_version_that_proved_its_features_is_not_asked_twice() {
    let mut world = World::new();
    let features = Dialect::Ljm2026.disco();
    let query = xml(&format!("<query xmlns='http://jabber.org/protocol/disco#info'>{features}</query>"));
    let ver = verification(&query, Dialect::Ljm2026.features());
    let presence = xml(&format!(
        "<presence><c xmlns='http://jabber.org/protocol/caps' node='https://jitsi.org/jitsi-meet' ver='{ver}'/></presence>"
    ));
    let mut asked = Vec::new();
    for nick in ["ada", "bob"] {
        let jid = Jid::full_of(nick, DOMAIN, "r");
        world.focus.handle(
            world.now,
            FocusInput::Joined {
                room: ROOM,
                nick,
                jid: &jid,
                presence: &presence,
                authority: "a",
                secure: true,
                network: None,
                affiliation: Affiliation::None,
                kind: OccupantKind::Regular,
            },
        );
        let out: Vec<FocusOutput> = std::iter::from_fn(|| world.focus.poll()).collect();
        let mut question = None;
        for output in out {
            match output {
                FocusOutput::ToOccupant { stanza, .. } if stanza.child("query").is_some() => {
                    question = Some(stanza);
                }
                other => world.carry_out(other),
            }
        }
        if let Some(stanza) = question {
            asked.push(nick);
            let node = stanza.child("query").unwrap().attr("node").unwrap();
            assert_eq!(node, format!("https://jitsi.org/jitsi-meet#{ver}"));
            let mut iq = xml("<iq xmlns='jabber:client' type='result'/>").with_child(query.clone());
            iq.set_attr("id", stanza.attr("id").unwrap());
            world.focus.handle(world.now, FocusInput::IqReply { room: ROOM, nick, iq: &iq });
        }
    }
    assert_eq!(asked, ["ada"]);
    world.settle();
    assert_eq!(world.bridge.endpoints.len(), 2);
}
