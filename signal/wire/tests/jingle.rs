//! The Jingle codec against frames that real clients sent (shortened: fewer codecs and candidates).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may")]

use jitsi_wire::jingle::sources::{sources_from_json, sources_to_json};
use jitsi_wire::jingle::*;
use jitsi_wire::xmpp::{Element, Limits, ns};

const LJM_2026_INITIATE: &str = include_str!("captures/lib-jitsi-meet-2026-session-initiate.xml");
const LJM_2022_INITIATE: &str = include_str!("captures/lib-jitsi-meet-2022-session-initiate.xml");
const LJM_2026_TRANSPORT: &str = include_str!("captures/lib-jitsi-meet-2026-transport-info.xml");

fn parse(text: &str) -> Jingle {
    let iq = Element::parse(text, &Limits::default()).unwrap();
    Jingle::parse(Jingle::find(&iq).unwrap()).unwrap()
}

#[test]
fn the_client_of_2026_is_understood() {
    let jingle = parse(LJM_2026_INITIATE);
    assert_eq!(jingle.action, Action::SessionInitiate);
    assert_eq!(jingle.sid, "d6a3fae8a268");
    assert_eq!(jingle.bundle, ["0", "1"]);
    let transport = jingle.transport().unwrap();
    assert_eq!(transport.ufrag.as_deref(), Some("Jvmn"));
    assert_eq!(transport.pwd.as_deref(), Some("tchIO2XBQkj1MqESXAkrMDXy"));
    assert_eq!(transport.fingerprints[0].hash, "sha-256");
    assert_eq!(transport.fingerprints[0].setup, Some(Setup::Actpass));
    assert!(transport.fingerprints[0].value.starts_with("63:21:F5"));

    let audio = jingle.content(MediaKind::Audio).unwrap().description.as_ref().unwrap();
    assert_eq!(audio.payload_types[0].name, "opus");
    assert_eq!(audio.payload_types[0].parameter("useinbandfec"), Some("1"));
    assert_eq!(audio.payload_types[1].parameters, [(String::new(), "111/111".to_owned())]);
    assert!(audio.rtcp_mux && audio.extmap_allow_mixed);
    assert_eq!(audio.sources.sources[0].ssrc, 3_239_318_908);
    assert_eq!(audio.sources.sources[0].name.as_deref(), Some("b7ea0d10-a0"));

    let video = jingle.content(MediaKind::Video).unwrap().description.as_ref().unwrap();
    assert_eq!(
        video.payload_types[0].feedback[2],
        RtcpFeedback { kind: "ccm".to_owned(), subtype: Some("fir".to_owned()) }
    );
    assert_eq!(video.sources.sources.len(), 2);
    assert!(!video.sources.sources[0].is_desktop());
    assert_eq!(
        video.sources.groups,
        [SsrcGroup { semantics: Semantics::Fid, ssrcs: vec![579_414_202, 2_321_706_150] }]
    );
}

#[test]
fn the_client_of_2022_is_understood() {
    let jingle = parse(LJM_2022_INITIATE);
    let audio = jingle.content(MediaKind::Audio).unwrap().description.as_ref().unwrap();
    assert_eq!(audio.sources.sources[0].ssrc, 2_232_231_560);
    assert_eq!(audio.sources.sources[0].name, None);
    assert!(audio.sources.sources[0].msid.is_some());
    let video = jingle.content(MediaKind::Video).unwrap().description.as_ref().unwrap();
    assert_eq!(video.payload_types[1].parameter("apt"), Some("96"));
}

#[test]
fn candidates_of_a_transport_info_are_read() {
    let jingle = parse(LJM_2026_TRANSPORT);
    assert_eq!(jingle.action, Action::TransportInfo);
    let transport = jingle.transport().unwrap();
    assert_eq!(transport.candidates[0].ip, "127.0.0.1");
    assert_eq!(transport.candidates[0].port, 33709);
    assert_eq!(transport.candidates[2].ip, "::1");
    assert!(transport.candidates.iter().any(|c| c.protocol == "tcp"));
}

/// The shape that gst-meet's `session_accept` builds: `creator='responder'` or none, sources with names, no JSON.
#[test]
fn an_accept_with_creator_responder_is_understood() {
    let jingle = parse(
        "<iq xmlns='jabber:client' type='set' id='a1' to='gst1@conference.meet.test/focus'>\
         <jingle xmlns='urn:xmpp:jingle:1' action='session-accept' initiator='gst1@conference.meet.test/focus' \
         responder='gst1@conference.meet.test/5e8c1d2a' sid='s1'>\
         <content creator='responder' name='audio' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>\
         <payload-type clockrate='48000' name='opus' id='111' channels='2'/>\
         <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='77' name='5e8c1d2a-a0'><parameter name='cname' value='x'/><parameter name='msid' value='a b'/></source></description>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'/></content>\
         <content creator='responder' name='video' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>\
         <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='78' name='5e8c1d2a-v0' videoType='desktop'><parameter name='msid' value='c d'/></source></description>\
         <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u' pwd='p'>\
         <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>AA:BB</fingerprint>\
         <candidate component='1' foundation='1' generation='0' id='c' ip='192.0.2.1' port='5' priority='9' protocol='udp' type='host' network='0'/>\
         </transport></content>\
         <initial-last-n xmlns='jitsi:colibri2' value='25'/></jingle></iq>",
    );
    assert_eq!(jingle.action, Action::SessionAccept);
    assert_eq!(jingle.initial_last_n, Some(25));
    assert_eq!(jingle.transport().unwrap().ufrag.as_deref(), Some("u"));
    let audio = jingle.content(MediaKind::Audio).unwrap().description.as_ref().unwrap();
    assert_eq!(audio.sources.sources[0].msid.as_deref(), Some("a b"));
    let video = jingle.content(MediaKind::Video).unwrap().description.as_ref().unwrap();
    assert!(video.sources.sources[0].is_desktop());
}

#[test]
fn an_ice_failure_report_is_understood() {
    let jingle = parse(
        "<iq xmlns='jabber:client' type='set' id='t'><jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' \
         initiator='R/focus' responder='R/3f2a9c41' sid='7n5d0qk1a'><reason><connectivity-error/><text>ICE FAILED</text></reason>\
         <bridge-session xmlns='http://jitsi.org/protocol/focus' id='0c1a7c6e' restart='true'/></jingle></iq>",
    );
    assert_eq!(jingle.reason, Some(Reason::new("connectivity-error", Some("ICE FAILED"))));
    let session = jingle.bridge_session.unwrap();
    assert_eq!(session.id.as_deref(), Some("0c1a7c6e"));
    assert!(session.restart && !session.ice_restart);
}

fn offer() -> Jingle {
    let owners = vec![
        OwnerSources {
            owner: "jvb".to_owned(),
            video: set(&[(1_234_567_890, "jvb-v0", "mixedmslabel mixedlabelvideo0")], &[]),
            audio: set(&[(987_654_321, "jvb-a0", "mixedmslabel mixedlabelaudio0")], &[]),
        },
        OwnerSources {
            owner: "9b1d0e22".to_owned(),
            video: set(
                &[(1001, "9b1d0e22-v0", "9b1d0e22-video-0-1 4d5e"), (1002, "9b1d0e22-v0", "9b1d0e22-video-0-1 4d5e")],
                &[&[1001, 1002]],
            ),
            audio: set(&[(1003, "9b1d0e22-a0", "9b1d0e22-audio-0-1 6f70")], &[]),
        },
    ];
    let transport = IceUdpTransport {
        ufrag: Some("8f3q1".to_owned()),
        pwd: Some("1m0c9d8h7g6f5e4d3c2b1a0z".to_owned()),
        fingerprints: vec![Fingerprint {
            hash: "sha-256".to_owned(),
            value: "4A:9F".to_owned(),
            setup: Some(Setup::Actpass),
        }],
        candidates: vec![Candidate {
            component: 1,
            foundation: "2".to_owned(),
            generation: 0,
            id: "c2".to_owned(),
            ip: "198.51.100.7".to_owned(),
            port: 10000,
            priority: 1_677_724_415,
            protocol: "udp".to_owned(),
            kind: "srflx".to_owned(),
            rel_addr: Some("192.0.2.10".to_owned()),
            rel_port: Some(10000),
        }],
        web_socket: Some("wss://meet.example/colibri-ws/default-id/6f1e/3f2a9c41?pwd=x&y".to_owned()),
        ice_generation: None,
    };
    let mut description = Description::new(MediaKind::Video);
    description.payload_types = vec![PayloadType {
        id: 112,
        name: "red".to_owned(),
        clockrate: 48000,
        channels: Some(2),
        parameters: vec![(String::new(), "111/111".to_owned())],
        feedback: vec![RtcpFeedback { kind: "nack".to_owned(), subtype: Some("pli".to_owned()) }],
    }];
    description.header_extensions =
        vec![RtpHeaderExtension { id: 10, uri: "urn:ietf:params:rtp-hdrext:sdes:mid".to_owned() }];
    description.extmap_allow_mixed = true;
    description.rtcp_mux = true;
    description.sources = owners[1].video.clone();
    description.sources.sources[0].owner = Some("9b1d0e22".to_owned());
    let mut content = Content::offered("video");
    content.description = Some(description);
    content.transport = Some(transport);
    content.sctp = Some(SctpMap { port: 5000, streams: 1024 });
    let mut jingle = Jingle::new(Action::SessionInitiate, "7n5d0qk1a");
    jingle.initiator = Some("standup@conference.meet.example/focus".to_owned());
    jingle.contents = vec![content];
    jingle.bundle = vec!["video".to_owned()];
    jingle.bridge_session = Some(BridgeSession { id: Some("0c1a".to_owned()), ..BridgeSession::default() });
    jingle.json_sources = Some(owners);
    jingle.start_muted = Some(StartMuted { audio: true, video: false });
    jingle
}

fn set(sources: &[(u32, &str, &str)], groups: &[&[u32]]) -> SourceSet {
    SourceSet {
        sources: sources
            .iter()
            .map(|(ssrc, name, msid)| Source {
                ssrc: *ssrc,
                name: Some((*name).to_owned()),
                msid: Some((*msid).to_owned()),
                ..Source::default()
            })
            .collect(),
        groups: groups.iter().map(|ssrcs| SsrcGroup { semantics: Semantics::Fid, ssrcs: ssrcs.to_vec() }).collect(),
    }
}

#[test]
fn an_offer_survives_the_wire() {
    let offer = offer();
    let text = offer.to_element().to_string();
    let mut back = Jingle::parse(&Element::parse(&text, &Limits::default()).unwrap()).unwrap();
    // Owners in JSON are an object: their order is not part of the message.
    back.json_sources.as_mut().unwrap().sort_by(|a, b| b.owner.cmp(&a.owner));
    assert_eq!(back, offer);
}

#[test]
fn elements_that_clients_find_by_their_literal_xmlns_have_it() {
    let needed = [
        ("description", ns::RTP),
        ("transport", ns::ICE_UDP),
        ("fingerprint", ns::DTLS),
        ("web-socket", ns::COLIBRI),
        ("sctpmap", ns::DTLS_SCTP),
        ("source", ns::SSMA),
        ("ssrc-group", ns::SSMA),
        ("ssrc-info", ns::JITMEET),
        ("rtcp-fb", ns::RTCP_FB),
        ("rtp-hdrext", ns::RTP_HDREXT),
        ("extmap-allow-mixed", ns::RTP_HDREXT),
        ("group", ns::GROUPING),
        ("bridge-session", ns::FOCUS),
        ("startmuted", ns::START_MUTED),
        ("json-message", ns::JITMEET),
        ("jingle", ns::JINGLE),
    ];
    let mut seen = Vec::new();
    walk(&offer().to_element(), &mut |element| {
        if let Some((name, xmlns)) = needed.iter().find(|(name, _)| *name == element.name) {
            assert_eq!(element.xmlns(), Some(*xmlns), "{name}");
            seen.push(*name);
        }
    });
    for (name, _) in needed {
        assert!(seen.contains(&name), "{name} is not in the sample");
    }
}

fn walk(element: &Element, visit: &mut impl FnMut(&Element)) {
    visit(element);
    for child in element.elements() {
        walk(child, visit);
    }
}

#[test]
fn json_sources_have_the_compact_form() {
    let owners = offer().json_sources.unwrap();
    let json = sources_to_json(&owners);
    assert_eq!(
        json,
        r#"{"sources":{"jvb":[[{"s":1234567890,"n":"jvb-v0","m":"mixedmslabel mixedlabelvideo0"}],[],[{"s":987654321,"n":"jvb-a0","m":"mixedmslabel mixedlabelaudio0"}]],"9b1d0e22":[[{"s":1001,"n":"9b1d0e22-v0","m":"9b1d0e22-video-0-1 4d5e"},{"s":1002,"n":"9b1d0e22-v0","m":"9b1d0e22-video-0-1 4d5e"}],[["f",1001,1002]],[{"s":1003,"n":"9b1d0e22-a0","m":"9b1d0e22-audio-0-1 6f70"}]]}}"#
    );
    assert_eq!(sources_from_json(&json).unwrap().len(), 2);
}

#[test]
fn nonsense_is_refused_rather_than_guessed() {
    let jingle = |inside: &str| {
        let text = format!(
            "<jingle xmlns='urn:xmpp:jingle:1' action='source-add' sid='s'><content name='video'><description media='video'>{inside}</description></content></jingle>"
        );
        Jingle::parse(&Element::parse(&text, &Limits::default()).unwrap())
    };
    for ssrc in ["0", "4294967296", "-1", "x", ""] {
        assert_eq!(jingle(&format!("<source ssrc='{ssrc}'/>")), Err(JingleError::BadSsrc), "{ssrc}");
    }
    assert_eq!(jingle("<ssrc-group semantics='FID'><source/></ssrc-group>"), Err(JingleError::BadSsrc));
    for json in ["", "[]", "{}", r#"{"sources":[]}"#, r#"{"sources":{"a":{}}}"#, r#"{"sources":{"a":[[],[[]]]}}"#] {
        assert_eq!(sources_from_json(json), Err(JingleError::BadJson), "{json}");
    }
    assert_eq!(sources_from_json(r#"{"sources":{"a":[[{"s":-1}]]}}"#), Err(JingleError::BadSsrc));
    let no_sid = Element::in_ns("jingle", ns::JINGLE).with_attr("action", "source-add");
    assert_eq!(Jingle::parse(&no_sid), Err(JingleError::NoSid));
    let unknown = Element::in_ns("jingle", ns::JINGLE).with_attr("action", "dance").with_attr("sid", "s");
    assert_eq!(Jingle::parse(&unknown), Err(JingleError::UnknownAction));
}
