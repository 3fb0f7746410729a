//! The focus in a small world: a bridge that carries out orders, clients of three dialects, a clock that the test moves.

mod codecs;
mod dialects;
mod ice_restart;
mod lifecycle;
mod mutes;
mod recordings;
mod requests;
mod storm;
mod transcription;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use jitsi_wire::colibri2::{
    ConferenceModified, ConferenceModify, EndpointModified, EndpointModify, MediaSource, Refusal,
};
use jitsi_wire::jingle::{Action, Candidate, Fingerprint, IceUdpTransport, Jingle, MediaKind, Setup};
use jitsi_wire::xmpp::{Element, Jid, Limits};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::bridge_port::{Order, Reply};
use super::recorder_port::RecorderOrder;
use super::{Focus, FocusConfig, FocusInput, FocusOutput, OccupantKind};
use crate::muc::Affiliation;

pub(super) const DOMAIN: &str = "meet.example";
pub(super) const ROOM: &str = "standup";
pub(super) const ROOM_JID: &str = "standup@conference.meet.example";

pub(super) fn xml(text: &str) -> Element {
    Element::parse(text, &Limits::default()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Ljm2026,
    /// The same with `ssrcRewritingEnabled` and `rtpMidDemuxEnabled`.
    Rewriting,
    Ljm2022,
    Gst,
}

impl Dialect {
    pub(super) fn features(self) -> Vec<&'static str> {
        let mut list = vec![
            "urn:xmpp:jingle:1",
            "urn:xmpp:jingle:apps:rtp:audio",
            "urn:xmpp:jingle:apps:rtp:video",
            "urn:xmpp:jingle:transports:ice-udp:1",
            "urn:xmpp:jingle:apps:dtls:0",
            "urn:ietf:rfc:4588",
            "http://jitsi.org/tcc",
        ];
        if self != Dialect::Gst {
            list.extend([
                "urn:xmpp:jingle:transports:dtls-sctp:1",
                "http://jitsi.org/remb",
                "http://jitsi.org/json-encoded-sources",
            ]);
        }
        if self == Dialect::Rewriting {
            list.extend(["http://jitsi.org/ssrc-rewriting-1", "http://jitsi.org/rtp-mid-demux"]);
        }
        if matches!(self, Dialect::Ljm2026 | Dialect::Rewriting) {
            list.extend([
                "http://jitsi.org/source-name",
                "http://jitsi.org/receive-multiple-video-streams",
                "http://jitsi.org/start-muted-room-metadata",
            ]);
        }
        list
    }

    fn presence(self, nick: &str) -> Element {
        let node = match self {
            Dialect::Gst => "https://github.com/avstack/gst-meet",
            _ => "https://jitsi.org/jitsi-meet",
        };
        xml(&format!(
            "<presence xmlns='jabber:client'><stats-id>{nick}-stats</stats-id>\
             <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='{node}' ver='unverified{self:?}'/></presence>"
        ))
    }

    fn disco(self) -> String {
        let features = self.features();
        let features = features.iter().map(|f| format!("<feature var='{f}'/>"));
        features.collect()
    }

    /// `name` attribute as this client writes it.
    fn name(self, nick: &str, media: &str) -> String {
        match self {
            Dialect::Ljm2022 => String::new(),
            _ => format!(" name='{nick}-{media}'"),
        }
    }
}

/// One client. It keeps what it was told as a real one would, and fails the test when it is told twice.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) dialect: Dialect,
    /// Answers disco, and accepts what it is offered.
    pub(super) eager: bool,
    pub(super) base: u32,
    pub(super) sid: Option<String>,
    pub(super) bridge_session: Option<String>,
    pub(super) accepted: bool,
    /// SSRCs of others that it was told of, with their owners.
    pub(super) known: BTreeMap<u32, String>,
    pub(super) received: Vec<Element>,
    pub(super) offers: Vec<Jingle>,
    pub(super) terminated: Vec<String>,
    /// Every transport-info of the focus.
    pub(super) restarts: Vec<Jingle>,
    /// SSRCs of a screen that it shares.
    pub(super) screen: Option<u32>,
}

/// What the other side of the port knows.
#[derive(Debug, Default)]
pub(super) struct BridgeWorld {
    pub(super) silent: bool,
    pub(super) refuse: Option<Refusal>,
    pub(super) endpoints: BTreeMap<String, EndpointModify>,
    pub(super) exists: bool,
    pub(super) orders: Vec<Order>,
    pub(super) made: u32,
}

pub(super) struct World {
    pub(super) focus: Focus,
    pub(super) now: Instant,
    pub(super) bridge: BridgeWorld,
    pub(super) clients: BTreeMap<String, Client>,
    pub(super) affiliations: BTreeMap<String, Affiliation>,
    pub(super) kicked: Vec<String>,
    pub(super) replies: Vec<Element>,
    pub(super) rooms: BTreeMap<String, String>,
    pub(super) presence: Vec<Element>,
    next_base: u32,
    next_iq: u32,
    /// Orders to the recorder.
    pub(super) recorder: Vec<RecorderOrder>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut FocusConfig)) -> Self {
        let mut config = FocusConfig::new(DOMAIN);
        change(&mut config);
        World {
            focus: Focus::new(config, ChaCha8Rng::from_seed([7; 32])),
            now: Instant::now(),
            recorder: Vec::new(),
            bridge: BridgeWorld::default(),
            clients: BTreeMap::new(),
            affiliations: BTreeMap::new(),
            kicked: Vec::new(),
            replies: Vec::new(),
            rooms: BTreeMap::new(),
            presence: Vec::new(),
            next_base: 1000,
            next_iq: 0,
        }
    }

    /// Somebody who answers and accepts at once.
    pub(super) fn join(&mut self, nick: &str, dialect: Dialect) {
        self.join_as(nick, dialect, true, OccupantKind::Regular);
    }

    pub(super) fn join_as(&mut self, nick: &str, dialect: Dialect, eager: bool, kind: OccupantKind) {
        self.next_base += 100;
        let client = Client {
            dialect,
            eager,
            base: self.next_base,
            sid: None,
            bridge_session: None,
            accepted: false,
            known: BTreeMap::new(),
            received: Vec::new(),
            offers: Vec::new(),
            terminated: Vec::new(),
            restarts: Vec::new(),
            screen: None,
        };
        self.clients.insert(nick.to_owned(), client);
        let jid = Jid::full_of(format!("uuid-{nick}"), DOMAIN, "r");
        let presence = dialect.presence(nick);
        self.focus.handle(
            self.now,
            FocusInput::Joined {
                room: ROOM,
                nick,
                jid: &jid,
                presence: &presence,
                authority: "box.local:8443",
                secure: true,
                network: None,
                affiliation: Affiliation::None,
                kind,
            },
        );
        self.settle();
    }

    pub(super) fn leave(&mut self, nick: &str) {
        self.clients.remove(nick);
        self.affiliations.remove(nick);
        self.focus.handle(self.now, FocusInput::Left { room: ROOM, nick });
        self.settle();
    }

    pub(super) fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some((at, _)) = self.focus.next_wakeup().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.focus.on_wakeup(self.now);
            self.settle();
        }
        self.now = until;
    }

    pub(super) fn bridge_says(&mut self, reply: Reply) {
        self.focus.handle(self.now, FocusInput::Bridge(reply));
        self.settle();
    }

    pub(super) fn endpoint_gone(&mut self, nick: &str) {
        self.bridge.endpoints.remove(nick);
        let meeting_id = self.rooms[ROOM].clone();
        self.bridge_says(Reply::EndpointGone { meeting_id, endpoint: nick.to_owned() });
    }

    /// Sends an IQ to `ROOM/focus` and returns the answer, which must come in this call.
    pub(super) fn iq(&mut self, nick: &str, kind: &str, payload: &str) -> Element {
        self.next_iq += 1;
        let id = format!("c{}", self.next_iq);
        let iq =
            xml(&format!("<iq xmlns='jabber:client' type='{kind}' id='{id}' to='{ROOM_JID}/focus'>{payload}</iq>"));
        let room = ROOM;
        self.focus.handle(self.now, FocusInput::Iq { room, nick, iq: &iq });
        let first = self.focus.poll().expect("an IQ is answered at once");
        let FocusOutput::ToOccupant { nick: to, stanza, .. } = first else {
            panic!("something came before the answer: {first:?}");
        };
        assert_eq!(to, nick);
        assert_eq!(stanza.attr("id"), Some(id.as_str()));
        self.settle();
        stanza
    }

    /// Sends an IQ to `ROOM/focus` that is answered later; its id.
    pub(super) fn ask(&mut self, nick: &str, kind: &str, payload: &str) -> String {
        self.next_iq += 1;
        let id = format!("c{}", self.next_iq);
        let text = format!("<iq xmlns='jabber:client' type='{kind}' id='{id}' to='{ROOM_JID}/focus'>{payload}</iq>");
        self.focus.handle(self.now, FocusInput::Iq { room: ROOM, nick, iq: &xml(&text) });
        self.settle();
        id
    }

    /// What was answered to the IQ of this id.
    pub(super) fn answer(&self, nick: &str, id: &str) -> Element {
        let received = self.clients[nick].received.iter();
        received.rev().find(|stanza| stanza.attr("id") == Some(id)).expect("an answer").clone()
    }

    pub(super) fn jingle(&mut self, nick: &str, action: &str, inside: &str) -> Element {
        let sid = self.clients[nick].sid.clone().unwrap_or_default();
        self.jingle_of(nick, &sid, action, inside)
    }

    pub(super) fn jingle_of(&mut self, nick: &str, sid: &str, action: &str, inside: &str) -> Element {
        self.iq(
            nick,
            "set",
            &format!("<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='{sid}'>{inside}</jingle>"),
        )
    }

    pub(super) fn accept(&mut self, nick: &str) -> Element {
        let client = self.clients.get_mut(nick).unwrap();
        client.accepted = true;
        let text = accept_contents(nick, client.dialect, client.base);
        let answer = self.jingle(nick, "session-accept", &text);
        if answer.attr("type") != Some("result") {
            self.clients.get_mut(nick).unwrap().accepted = false;
        }
        answer
    }

    pub(super) fn share_screen(&mut self, nick: &str) -> Element {
        let client = self.clients.get_mut(nick).unwrap();
        let ssrc = client.base + 50;
        client.screen = Some(ssrc);
        self.jingle(nick, "source-add", &screen(nick, ssrc))
    }

    pub(super) fn unshare_screen(&mut self, nick: &str) -> Element {
        let ssrc = self.clients.get_mut(nick).unwrap().screen.take().unwrap();
        self.jingle(nick, "source-remove", &screen(nick, ssrc))
    }

    /// Carries out everything that the focus wants until it wants nothing more.
    pub(super) fn settle(&mut self) {
        let mut todo: VecDeque<FocusOutput> = VecDeque::new();
        loop {
            todo.extend(std::iter::from_fn(|| self.focus.poll()));
            let Some(output) = todo.pop_front() else {
                // Only now the eager accept, as later events.
                let eager = self.clients.iter().find(|(_, c)| c.eager && c.sid.is_some() && !c.accepted);
                let Some(nick) = eager.map(|(n, _)| n.clone()) else {
                    return;
                };
                let answer = self.accept(&nick);
                assert_eq!(answer.attr("type"), Some("result"), "{answer}");
                continue;
            };
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: FocusOutput) {
        match output {
            FocusOutput::Reply { stanza, .. } => self.replies.push(stanza),
            FocusOutput::CreateRoom { room, meeting_id } => {
                self.rooms.insert(room, meeting_id);
            }
            FocusOutput::DestroyRoom { room, .. } => {
                self.rooms.remove(&room);
            }
            FocusOutput::SetPresence { extensions, .. } => self.presence = extensions,
            FocusOutput::SetAffiliation { nick, affiliation, .. } => {
                self.affiliations.insert(nick, affiliation);
            }
            FocusOutput::Kick { nick, .. } => {
                self.kicked.push(nick.clone());
                self.clients.remove(&nick);
                self.focus.handle(self.now, FocusInput::Left { room: ROOM, nick: &nick });
            }
            FocusOutput::ToOccupant { nick, stanza, .. } => self.receive(&nick, stanza),
            FocusOutput::Bridge(order) => self.carry_out_order(order),
            FocusOutput::Record(order) => self.recorder.push(order),
        }
    }

    fn receive(&mut self, nick: &str, stanza: Element) {
        let Some(client) = self.clients.get_mut(nick) else {
            return;
        };
        client.received.push(stanza.clone());
        if let Some(query) = stanza.child("query") {
            if client.eager || client.dialect != Dialect::Gst {
                let id = stanza.attr("id").unwrap();
                let node = query.attr("node").map_or(String::new(), |n| format!(" node='{n}'"));
                let reply = xml(&format!(
                    "<iq xmlns='jabber:client' type='result' id='{id}'>\
                     <query xmlns='http://jabber.org/protocol/disco#info'{node}>{}</query></iq>",
                    client.dialect.disco()
                ));
                let input = FocusInput::IqReply { room: ROOM, nick, iq: &reply };
                self.focus.handle(self.now, input);
            }
        } else if let Some(jingle) = stanza.child("jingle")
            && stanza.attr("type") == Some("set")
        {
            assert_literal_namespaces(jingle);
            client.hear(Jingle::parse(jingle).unwrap());
        }
    }

    fn carry_out_order(&mut self, order: Order) {
        self.bridge.orders.push(order.clone());
        if self.bridge.silent {
            return;
        }
        let reply = match self.bridge.carry_out(&order.request) {
            Ok(answer) => Reply::Done { id: order.id, answer },
            Err(refusal) => Reply::Refused { id: order.id, refusal },
        };
        self.focus.handle(self.now, FocusInput::Bridge(reply));
    }

    pub(super) fn client(&self, nick: &str) -> &Client {
        &self.clients[nick]
    }

    /// Every accepted client knows exactly the streams of every other accepted one, and the bridge knows them in full.
    pub(super) fn assert_consistent(&self) {
        for (nick, client) in self.clients.iter().filter(|(_, c)| c.accepted) {
            let expected: BTreeSet<u32> = self
                .clients
                .iter()
                .filter(|(other, c)| *other != nick && c.accepted)
                .flat_map(|(_, c)| c.visible_to(client.dialect))
                .collect();
            let known: BTreeSet<u32> = client.known.keys().copied().collect();
            assert_eq!(known, expected, "{nick} knows other streams than it should");
            let at_bridge = self.bridge.endpoints[nick].sources.iter().flatten();
            let at_bridge: BTreeSet<u32> = at_bridge.flat_map(|s| s.ssrcs.iter().copied()).collect();
            let sent = client.base..=client.base + 6;
            assert_eq!(at_bridge, sent.chain(client.screen).collect());
        }
        for nick in self.bridge.endpoints.keys() {
            assert!(self.clients.contains_key(nick), "{nick} left an endpoint behind");
        }
    }
}

impl Client {
    /// What others see: microphone, first layer and its RTX, screen; one video for clients that take one.
    fn visible_to(&self, receiver: Dialect) -> Vec<u32> {
        let camera = [self.base + 1, self.base + 4];
        match (self.screen, receiver) {
            (Some(screen), Dialect::Ljm2026) => [vec![self.base], camera.to_vec(), vec![screen]].concat(),
            (Some(screen), _) => vec![self.base, screen],
            (None, _) => [vec![self.base], camera.to_vec()].concat(),
        }
    }

    fn hear(&mut self, jingle: Jingle) {
        match jingle.action {
            Action::SessionInitiate => {
                assert_ne!(self.sid.as_ref(), Some(&jingle.sid), "a sid used twice");
                assert!(self.sid.is_none(), "offered while a session lives");
                self.known.clear();
                self.learn(&jingle);
                self.sid = Some(jingle.sid.clone());
                self.bridge_session = jingle.bridge_session.clone().and_then(|b| b.id);
                self.offers.push(jingle);
            }
            Action::SessionTerminate => {
                assert_eq!(self.sid.as_ref(), Some(&jingle.sid));
                self.terminated.push(jingle.reason.clone().unwrap().condition);
                self.forget_session();
            }
            Action::SourceAdd => {
                assert!(self.accepted, "source-add before the accept");
                assert_eq!(self.sid.as_ref(), Some(&jingle.sid));
                self.learn(&jingle);
            }
            Action::SourceRemove => {
                assert!(self.accepted, "source-remove before the accept");
                for (ssrc, _) in sources_in(&jingle) {
                    assert!(self.known.remove(&ssrc).is_some(), "{ssrc} was not known");
                }
            }
            Action::TransportInfo => {
                assert_eq!(self.sid.as_ref(), Some(&jingle.sid));
                self.restarts.push(jingle);
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    pub(super) fn forget_session(&mut self) {
        self.sid = None;
        self.accepted = false;
        self.screen = None;
    }

    fn learn(&mut self, jingle: &Jingle) {
        for (ssrc, owner) in sources_in(jingle) {
            if owner != "jvb" {
                let before = self.known.insert(ssrc, owner);
                assert!(before.is_none(), "{ssrc} announced twice");
            }
        }
    }
}

/// SSRCs and owners in either form.
pub(super) fn sources_in(jingle: &Jingle) -> Vec<(u32, String)> {
    let json = jingle.json_sources.iter().flatten().flat_map(|o| {
        let all = o.audio.sources.iter().chain(&o.video.sources);
        all.map(|s| (s.ssrc, o.owner.clone()))
    });
    let contents = jingle.contents.iter().filter_map(|c| c.description.as_ref());
    let xml = contents.flat_map(|d| &d.sources.sources).map(|s| (s.ssrc, s.owner.clone().expect("ssrc-info")));
    json.chain(xml).collect()
}

impl BridgeWorld {
    fn carry_out(&mut self, request: &ConferenceModify) -> Result<ConferenceModified, Refusal> {
        if let Some(refusal) = &self.refuse {
            return Err(refusal.clone());
        }
        if request.expire {
            self.exists = false;
            self.endpoints.clear();
            return Ok(ConferenceModified::default());
        }
        match (request.create, self.exists) {
            (true, true) => return Err(Refusal::ConferenceAlreadyExists),
            (false, false) => return Err(Refusal::ConferenceNotFound),
            _ => self.exists = true,
        }
        let mut answer = ConferenceModified::default();
        for change in &request.endpoints {
            answer.endpoints.push(self.change(change)?);
            if change.create {
                answer.sources = own_sources();
            }
        }
        Ok(answer)
    }

    fn change(&mut self, change: &EndpointModify) -> Result<EndpointModified, Refusal> {
        let mut answer = EndpointModified { id: change.id.clone(), ..EndpointModified::default() };
        if change.expire {
            self.endpoints.remove(&change.id);
            answer.expire = true;
            return Ok(answer);
        }
        assert!(change.capabilities.source_names);
        if change.create {
            if self.endpoints.contains_key(&change.id) {
                return Err(Refusal::EndpointExists(change.id.clone()));
            }
            let wanted = change.transport.as_ref().expect("transport");
            self.made += 1;
            self.endpoints.insert(change.id.clone(), change.clone());
            answer.transport = Some(transport(&change.id, self.made));
            answer.sctp_port = wanted.sctp.map(|_| 5000);
            return Ok(answer);
        }
        let Some(known) = self.endpoints.get_mut(&change.id) else {
            return Err(Refusal::UnknownEndpoint(change.id.clone()));
        };
        if let Some(wanted) = &change.transport {
            if wanted.ice_restart {
                self.made += 1;
                let ice_generation = Some(self.made);
                answer.transport = Some(IceUdpTransport { ice_generation, ..transport(&change.id, self.made) });
            }
            if let Some(known) = &mut known.transport {
                known.ice = wanted.ice.clone().or(known.ice.take());
            }
        }
        if change.sources.is_some() {
            known.sources.clone_from(&change.sources);
        }
        known.force_mute = change.force_mute.or(known.force_mute);
        Ok(answer)
    }
}

fn own_sources() -> Vec<MediaSource> {
    [(MediaKind::Audio, "jvb-a0", 11), (MediaKind::Video, "jvb-v0", 12)]
        .map(|(kind, id, ssrc)| MediaSource {
            id: id.to_owned(),
            kind,
            ssrcs: vec![ssrc],
            groups: vec![],
            desktop: false,
            synthetic: false,
        })
        .to_vec()
}

fn transport(nick: &str, n: u32) -> IceUdpTransport {
    IceUdpTransport {
        ufrag: Some(format!("u{n}")),
        pwd: Some(format!("pwd{n}")),
        fingerprints: vec![Fingerprint {
            hash: "sha-256".to_owned(),
            value: "4A:9F".to_owned(),
            setup: Some(Setup::Actpass),
        }],
        candidates: vec![Candidate {
            component: 1,
            foundation: "1".to_owned(),
            generation: 0,
            id: "c1".to_owned(),
            ip: "192.0.2.10".to_owned(),
            port: 10000,
            priority: 2_130_706_431,
            protocol: "udp".to_owned(),
            kind: "host".to_owned(),
            rel_addr: None,
            rel_port: None,
        }],
        web_socket: Some(format!("/colibri-ws/default-id/m/{nick}?pwd=pwd{n}")),
        ice_generation: None,
    }
}

/// Contents of a session-accept: a microphone and a simulcast camera with RTX, `base` to `base + 6`.
pub(super) fn accept_contents(nick: &str, dialect: Dialect, base: u32) -> String {
    let transport = "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='Qw3r' pwd='clientpwd'>\
        <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>01:02</fingerprint></transport>";
    let source = |ssrc: u32, media: &str| {
        format!(
            "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{ssrc}'{}><parameter name='msid' value='{nick}-{media}-{base} t'/></source>",
            dialect.name(nick, media)
        )
    };
    let group = |semantics: &str, ssrcs: &[u32]| {
        let members: String =
            ssrcs.iter().map(|n| format!("<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{n}'/>")).collect();
        format!("<ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='{semantics}'>{members}</ssrc-group>")
    };
    let video: String = (1..=6).map(|n| source(base + n, "v0")).collect();
    let groups: String = [
        group("SIM", &[base + 1, base + 2, base + 3]),
        group("FID", &[base + 1, base + 4]),
        group("FID", &[base + 2, base + 5]),
        group("FID", &[base + 3, base + 6]),
    ]
    .concat();
    format!(
        "<content creator='responder' name='audio' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>{}</description>{transport}</content>\
         <content creator='responder' name='video' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>{video}{groups}</description>{transport}</content>\
         <initial-last-n xmlns='jitsi:colibri2' value='25'/>",
        source(base, "a0")
    )
}

pub(super) fn screen(nick: &str, ssrc: u32) -> String {
    format!(
        "<content creator='initiator' name='video' senders='both'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>\
         <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{ssrc}' name='{nick}-v1' videoType='desktop'><parameter name='msid' value='{nick}-screen-{ssrc} t'/></source>\
         </description></content>"
    )
}

/// The condition of an error answer, or `result`.
pub(super) fn verdict(answer: &Element) -> String {
    match answer.child("error") {
        Some(error) => error.elements().next().unwrap().name.clone(),
        None => answer.attr("type").unwrap_or_default().to_owned(),
    }
}

/// Elements that clients select by their literal `xmlns` must carry it.
fn assert_literal_namespaces(element: &Element) {
    const NEED: [&str; 12] = [
        "jingle",
        "description",
        "transport",
        "fingerprint",
        "web-socket",
        "sctpmap",
        "source",
        "ssrc-group",
        "ssrc-info",
        "rtcp-fb",
        "rtp-hdrext",
        "bridge-session",
    ];
    if NEED.contains(&element.name.as_str()) {
        assert!(element.xmlns().is_some(), "<{}> without xmlns", element.name);
    }
    assert!(!element.name.contains(':'), "{} has a prefix", element.name);
    element.elements().for_each(assert_literal_namespaces);
}
