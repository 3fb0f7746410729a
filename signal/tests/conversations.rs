//! Runs the scripts in `tests/conversations/*.xmpp` on the pure server.
//!
//! A script is a list of lines. Lines that begin with white space continue the one before; `#` begins a comment line.
//!
//! | line | meaning |
//! |---|---|
//! | `open A [authority=H:P] [room=NODE] [address=IP] [plain] [bosh]` | a client connects |
//! | `login A [domain=NAME] ...` | connects, authenticates, binds; sets `{A.jid}`, `{A.bare}`, `{A.nick}` |
//! | `manage A` | A enables stream management; sets `{A.token}` |
//! | `resume B A N ...` | connects, authenticates, asks for the stream of A, of which the last N stanzas did not arrive |
//! | `join A ROOM` | asks the focus for the room, joins it with `{A.nick}`; everything up to the subject is checked and consumed |
//! | `A> STANZA` | A sends this |
//! | `A>> WHAT N` | A sends something hostile made by the runner: `spaces`, `deep`, `wide`, `many`, `long`, of size N |
//! | `A< PATTERN` | the next frame to A matches |
//! | `A<* PATTERN` | some frame to A matches; the frames before it are skipped |
//! | `A= TEXT` | the next frame to A is this text, byte for byte |
//! | `A< nothing` | no frame waits for A |
//! | `A< closed` | the server closed A |
//! | `drain A` | forgets what waits for A |
//! | `drop A` | A's connection is lost |
//! | `go A` | A's page was left |
//! | `repeat N LINE` | the line, N times |
//! | `wait N` | N milliseconds pass, with every wake-up on the way |
//! | `bridge` | the bridge carries out all its orders |
//! | `server KEY=N ...` | first line only: limits `sessions`, `occupants`, `waiting`, `rooms`, `presence`, `message`, `voice`, `chat`, `attempts`, `history`, `places` held for those whose connection broke, `kept` stanzas for each, seconds to `hold` them; `turn=1` has a TURN server |
//! | `shut down` | the process is about to end |
//! | `stats ROOMS OCCUPANTS SESSIONS` | the server counts this |
//!
//! A pattern is an element. It matches when the name is the same, every attribute of the pattern is there with its value,
//! the pattern's child elements match children in the same order (others may be between them), and its text, if it has
//! any, is the same. `{name}` in a value or text stands for anything the first time and for the same afterwards.
//! The value `-` stands for an absent attribute; `none='a b'` says that there is no child with these names.
//!
//! Every frame that the server sends in any script is checked for the encoding rules that clients depend on.

#![allow(clippy::disallowed_methods, reason = "tests read scripts and make their own time")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use jitsi_wire::colibri2::{ConferenceModified, EndpointModified, MediaSource};
use jitsi_wire::jingle::{Candidate, Fingerprint, IceUdpTransport, MediaKind, Setup};
use jitsi_wire::xmpp::{Element, Limits};
use signal::focus::bridge_port::{Order, Reply};
use signal::router::{Connection, Input, Output, SessionId, Signal, SignalConfig};
use signal::services::ExternalService;

const DOMAIN: &str = "meet.example";

/// What has its own `xmlns` wherever it stands, because some client looks for it by that literal attribute.
const NAMESPACED: [&str; 36] = [
    "open",
    "close",
    "mechanisms",
    "success",
    "failure",
    "bind",
    "message",
    "presence",
    "iq",
    "query",
    "x",
    "ping",
    "services",
    "conference",
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
    "extmap-allow-mixed",
    "group",
    "bridge-session",
    "startmuted",
    "json-message",
    "permissions",
    "mute",
    "reply",
    "etherpad",
    "versions",
    "conference-properties",
];

struct World {
    signal: Signal,
    now: Instant,
    wall: SystemTime,
    clients: BTreeMap<String, Client>,
    vars: BTreeMap<String, String>,
    orders: Vec<Order>,
    names_seen: BTreeSet<String>,
    next_session: u64,
}

struct Client {
    session: SessionId,
    inbox: VecDeque<String>,
    frames: usize,
    /// Stanzas since stream management was enabled.
    stanzas: usize,
    closed: bool,
}

type Outcome<T> = Result<T, String>;

impl World {
    fn new() -> Self {
        Self {
            signal: Signal::new(SignalConfig::new(DOMAIN), [42; 32]),
            now: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_000),
            clients: BTreeMap::new(),
            vars: BTreeMap::new(),
            orders: Vec::new(),
            names_seen: BTreeSet::new(),
            next_session: 0,
        }
    }

    fn run(&mut self, script: &str) -> Outcome<()> {
        for (number, line) in lines(script) {
            self.line(&line).map_err(|why| format!("line {number}: {line}\n  {why}"))?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Outcome<()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        match word {
            "open" => self.open(words[0], &words[1..]),
            "login" => self.login(words[0], &words[1..]),
            "manage" => self.manage(words[0]),
            "resume" => self.resume(words[0], words[1], words[2].parse().unwrap(), &words[3..]),
            "join" => self.join(words[0], words[1]),
            "drain" => {
                self.client(words[0])?.inbox.clear();
                Ok(())
            }
            "drop" => {
                let session = self.client(words[0])?.session;
                self.handle(Input::Closed { session, for_good: false })
            }
            "go" => {
                let session = self.client(words[0])?.session;
                self.handle(Input::Closed { session, for_good: true })
            }
            "repeat" => {
                let (times, line) = rest.split_once(' ').unwrap();
                (0..times.parse().unwrap()).try_for_each(|_: usize| self.line(line))
            }
            "wait" => self.wait(Duration::from_millis(words[0].parse().unwrap())),
            "bridge" => self.bridge(),
            "server" => {
                self.signal = Signal::new(configured(&words), [42; 32]);
                Ok(())
            }
            "shut" => {
                self.signal.shut_down(self.now, self.wall);
                self.drain()
            }
            "stats" => {
                let stats = self.signal.stats();
                let is = format!("{} {} {}", stats.rooms, stats.occupants, stats.sessions);
                if is == rest { Ok(()) } else { Err(format!("the server counts {is}")) }
            }
            _ => self.exchange(word, rest),
        }
    }

    fn exchange(&mut self, word: &str, rest: &str) -> Outcome<()> {
        if let Some(name) = word.strip_suffix(">>") {
            let text = hostile(rest);
            self.send(name, &text)
        } else if let Some(name) = word.strip_suffix('>') {
            let text = self.filled(rest)?;
            self.send(name, &text)
        } else if let Some(name) = word.strip_suffix("<*") {
            self.expect_some(name, rest)
        } else if let Some(name) = word.strip_suffix('<') {
            self.expect(name, rest)
        } else if let Some(name) = word.strip_suffix('=') {
            let text = self.filled(rest)?;
            let frame = self.next(name)?;
            if frame == text { Ok(()) } else { Err(format!("got {frame}")) }
        } else {
            Err("no such line".to_owned())
        }
    }

    fn open(&mut self, name: &str, options: &[&str]) -> Outcome<()> {
        let option = |key: &str| options.iter().find_map(|o| o.strip_prefix(key)).map(str::to_owned);
        self.next_session += 1;
        let session = SessionId(self.next_session);
        let client = Client { session, inbox: VecDeque::new(), frames: 0, stanzas: 0, closed: false };
        self.clients.insert(name.to_owned(), client);
        let connection = Connection {
            room: option("room="),
            authority: option("authority=").unwrap_or_else(|| "127.0.0.1:8443".to_owned()),
            secure: !options.contains(&"plain"),
            websocket: !options.contains(&"bosh"),
            address: option("address=").map(|address| address.parse().unwrap()),
        };
        self.handle(Input::Opened { session, connection })
    }

    /// Everything up to the choice between binding and resuming.
    fn authenticate(&mut self, name: &str, options: &[&str]) -> Outcome<()> {
        self.open(name, options)?;
        let domain = options.iter().find_map(|o| o.strip_prefix("domain=")).unwrap_or(DOMAIN);
        let open = format!("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{domain}' version='1.0'/>");
        self.send(name, &open)?;
        self.expect(name, &format!("<open from='{domain}' version='1.0'/>"))?;
        self.expect(
            name,
            "<stream:features><mechanisms><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>",
        )?;
        self.send(name, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")?;
        self.expect(name, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")?;
        self.send(name, &open)?;
        self.expect(name, &format!("<open from='{domain}' version='1.0'/>"))?;
        self.expect(name, "<stream:features none='session'><bind/><sm/></stream:features>")
    }

    fn login(&mut self, name: &str, options: &[&str]) -> Outcome<()> {
        self.authenticate(name, options)?;
        let domain = options.iter().find_map(|o| o.strip_prefix("domain=")).unwrap_or(DOMAIN);
        self.send(name, "<iq type='set' id='_bind_auth_2' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")?;
        self.expect(name, &format!("<iq type='result' id='_bind_auth_2'><bind><jid>{{{name}.jid}}</jid></bind></iq>"))?;
        let jid = self.vars[&format!("{name}.jid")].clone();
        let bare = jid.split('/').next().unwrap().to_owned();
        self.vars.insert(format!("{name}.nick"), bare[..8].to_owned());
        self.vars.insert(format!("{name}.bare"), bare);
        self.vars.insert(format!("{name}.domain"), domain.to_owned());
        Ok(())
    }

    fn manage(&mut self, name: &str) -> Outcome<()> {
        self.send(name, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>")?;
        self.client(name)?.stanzas = 0;
        self.expect(name, &format!("<enabled xmlns='urn:xmpp:sm:3' id='{{{name}.token}}' resume='true' max='60'/>"))
    }

    fn resume(&mut self, name: &str, old: &str, lost: usize, options: &[&str]) -> Outcome<()> {
        self.authenticate(name, options)?;
        let token = self.filled(&format!("{{{old}.token}}"))?;
        let h = self.client(old)?.stanzas - lost;
        self.client(name)?.stanzas = h;
        self.send(name, &format!("<resume xmlns='urn:xmpp:sm:3' h='{h}' previd='{token}'/>"))
    }

    fn join(&mut self, name: &str, room: &str) -> Outcome<()> {
        let var = |what: &str| self.vars[&format!("{name}.{what}")].clone();
        let (domain, nick, jid) = (var("domain"), var("nick"), var("jid"));
        let room = format!("{room}@conference.{domain}");
        self.send(name, &format!("<iq type='set' id='conf' to='focus.{domain}' xmlns='jabber:client'><conference xmlns='http://jitsi.org/protocol/focus' room='{room}' machine-uid='{name}'/></iq>"))?;
        self.expect(name, &format!("<iq type='result' id='conf' from='focus.{domain}' to='{jid}'><conference ready='true' focusjid='focus@auth.{domain}'/></iq>"))?;
        self.send(name, &format!("<presence to='{room}/{nick}' xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc'/><nick xmlns='http://jabber.org/protocol/nick'>{name}</nick><SourceInfo>{{}}</SourceInfo></presence>"))?;
        self.expect(name, &format!("<presence from='{room}/focus' to='{jid}'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' jid='focus@auth.{domain}/focus'/></x></presence>"))?;
        self.expect_some(name, &format!("<presence type='-' from='{room}/{nick}' to='{jid}'><SourceInfo/><x xmlns='http://jabber.org/protocol/muc#user'><item jid='{jid}'/><status code='110'/></x></presence>"))?;
        self.expect(name, &format!("<message type='groupchat' from='{room}' to='{jid}'><subject/></message>"))
    }

    fn send(&mut self, name: &str, text: &str) -> Outcome<()> {
        let session = self.client(name)?.session;
        self.handle(Input::Frame { session, text })
    }

    fn handle(&mut self, input: Input<'_>) -> Outcome<()> {
        self.signal.handle(self.now, self.wall, input);
        self.drain()
    }

    fn drain(&mut self) -> Outcome<()> {
        while let Some(output) = self.signal.poll(self.now) {
            match output {
                Output::Frame { session, text } => {
                    let client =
                        self.clients.values_mut().find(|c| c.session == session).ok_or("a frame for nobody")?;
                    if client.closed {
                        return Err(format!("a frame after the close: {text}"));
                    }
                    check_encoding(&text, client.frames == 0, &mut self.names_seen)?;
                    client.frames += 1;
                    client.stanzas += usize::from(is_stanza(&text));
                    client.inbox.push_back(text);
                }
                Output::Close { session } => {
                    let client =
                        self.clients.values_mut().find(|c| c.session == session).ok_or("a close for nobody")?;
                    client.closed = true;
                }
                Output::Answer(answer) => return Err(format!("an answer for nobody: {answer}")),
                Output::Bridge(order) => self.orders.push(order),
                Output::Record(order) => return Err(format!("nobody records here: {order:?}")),
            }
        }
        Ok(())
    }

    fn wait(&mut self, time: Duration) -> Outcome<()> {
        let end = self.now + time;
        while let Some((at, _)) = self.signal.next_wakeup().filter(|(at, _)| *at <= end) {
            let at = at.max(self.now);
            self.wall += at - self.now;
            self.now = at;
            self.signal.on_wakeup(self.now, self.wall);
            self.drain()?;
            if self.signal.next_wakeup().is_some_and(|(next, _)| next <= at) {
                return Err("the server wants to be woken again at once".to_owned());
            }
        }
        self.wall += end - self.now;
        self.now = end;
        Ok(())
    }

    fn bridge(&mut self) -> Outcome<()> {
        while !self.orders.is_empty() {
            for order in std::mem::take(&mut self.orders) {
                let answer = carry_out(&order);
                self.handle(Input::Bridge(Reply::Done { id: order.id, answer }))?;
            }
        }
        Ok(())
    }

    fn client(&mut self, name: &str) -> Outcome<&mut Client> {
        self.clients.get_mut(name).ok_or_else(|| format!("there is no client {name}"))
    }

    fn next(&mut self, name: &str) -> Outcome<String> {
        self.client(name)?.inbox.pop_front().ok_or_else(|| format!("nothing waits for {name}"))
    }

    fn expect(&mut self, name: &str, pattern: &str) -> Outcome<()> {
        match pattern {
            "nothing" => match self.client(name)?.inbox.front() {
                None => Ok(()),
                Some(frame) => Err(format!("got {frame}")),
            },
            "closed" if self.client(name)?.closed => Ok(()),
            "closed" => Err("it is open".to_owned()),
            _ => {
                let frame = self.next(name)?;
                self.try_match(pattern, &frame).map_err(|why| format!("{why}\n  got {frame}"))
            }
        }
    }

    fn expect_some(&mut self, name: &str, pattern: &str) -> Outcome<()> {
        let mut skipped = Vec::new();
        loop {
            let Some(frame) = self.client(name)?.inbox.pop_front() else {
                return Err(format!("no frame to {name} matches; there were\n    {}", skipped.join("\n    ")));
            };
            match self.try_match(pattern, &frame) {
                Ok(()) => return Ok(()),
                Err(why) => skipped.push(format!("{frame}\n      {why}")),
            }
        }
    }

    fn try_match(&mut self, pattern: &str, frame: &str) -> Outcome<()> {
        // The one prefix that there is; patterns do not declare it.
        let plain = |text: &str| text.replace("stream:features", "features").replace("stream:error", "error");
        let pattern = parse(&plain(pattern))?;
        let frame = parse(&plain(frame))?;
        let mut vars = self.vars.clone();
        matches(&pattern, &frame, &mut vars)?;
        self.vars = vars;
        Ok(())
    }

    /// `text` with its variables filled in.
    fn filled(&self, text: &str) -> Outcome<String> {
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Var(name) => {
                    let value = self.vars.get(name);
                    out.push_str(value.ok_or_else(|| format!("{{{name}}} is not known"))?);
                }
            }
        }
        Ok(out)
    }
}

fn parse(text: &str) -> Outcome<Element> {
    Element::parse(text, &Limits::default()).map_err(|why| format!("{why}: {text}"))
}

enum Piece<'a> {
    Text(&'a str),
    Var(&'a str),
}

/// Cuts at `{name}`; other braces are text, because messages are full of JSON.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|i| at + i) {
        let name = text[open + 1..].split('}').next().unwrap();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_')
            && text[open + 1 + name.len()..].starts_with('}');
        if is_name {
            pieces.push(Piece::Text(&text[start..open]));
            pieces.push(Piece::Var(name));
            at = open + name.len() + 2;
            start = at;
        } else {
            at = open + 1;
        }
    }
    pieces.push(Piece::Text(&text[start..]));
    pieces
}

fn matches(pattern: &Element, frame: &Element, vars: &mut BTreeMap<String, String>) -> Outcome<()> {
    if pattern.name != frame.name {
        return Err(format!("<{}> instead of <{}>", frame.name, pattern.name));
    }
    for (name, wanted) in &pattern.attrs {
        match (name.as_str(), wanted.as_str(), frame.attr(name)) {
            ("none", names, _) => {
                if let Some(child) = names.split(' ').find(|n| frame.child(n).is_some()) {
                    return Err(format!("there is a <{child}>"));
                }
            }
            (_, "-", None) => {}
            (_, "-", Some(value)) => return Err(format!("{name}='{value}' should not be there")),
            (_, wanted, Some(value)) => {
                text_matches(wanted, value, vars).map_err(|why| format!("{name}: {why}"))?;
            }
            (_, _, None) => return Err(format!("<{}> has no {name}", frame.name)),
        }
    }
    let text = pattern.text();
    if !text.trim().is_empty() {
        text_matches(text.trim(), frame.text().trim(), vars)?;
    }
    let mut candidates = frame.elements();
    for child in pattern.elements() {
        let mut why = String::new();
        let found = candidates.by_ref().any(|candidate| {
            let mut attempt = vars.clone();
            match matches(child, candidate, &mut attempt) {
                Ok(()) => {
                    *vars = attempt;
                    true
                }
                Err(error) => {
                    if candidate.name == child.name {
                        why = format!(" ({error})");
                    }
                    false
                }
            }
        });
        if !found {
            return Err(format!("no <{}> as wanted in <{}>{why}", child.name, frame.name));
        }
    }
    Ok(())
}

fn text_matches(pattern: &str, text: &str, vars: &mut BTreeMap<String, String>) -> Outcome<()> {
    let wrong = || format!("'{text}' is not '{pattern}'");
    let pieces = pieces(pattern);
    let mut rest = text;
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(literal) => rest = rest.strip_prefix(literal).ok_or_else(wrong)?,
            Piece::Var(name) => {
                if let Some(known) = vars.get(*name) {
                    rest = rest.strip_prefix(known.as_str()).ok_or_else(wrong)?;
                    continue;
                }
                let Some(Piece::Text(next)) = pieces.get(i + 1) else {
                    return Err("two variables side by side".to_owned());
                };
                let end = if next.is_empty() { rest.len() } else { rest.find(next).ok_or_else(wrong)? };
                vars.insert((*name).to_owned(), rest[..end].to_owned());
                rest = &rest[end..];
            }
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(wrong()) }
}

/// The rules that clients depend on without ever saying so.
fn check_encoding(text: &str, first: bool, seen: &mut BTreeSet<String>) -> Outcome<()> {
    if first && !text.starts_with("<open ") {
        return Err(format!("the first frame does not begin with '<open ': {text}"));
    }
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let frame = Element::parse(text, &limits).map_err(|why| format!("{why}: {text}"))?;
    if is_stanza(text) && frame.xmlns() != Some("jabber:client") {
        return Err(format!("not in jabber:client: {text}"));
    }
    check_element(&frame, seen).map_err(|why| format!("{why}: {text}"))
}

fn is_stanza(text: &str) -> bool {
    ["<iq ", "<message ", "<presence "].iter().any(|start| text.starts_with(start))
}

fn check_element(element: &Element, seen: &mut BTreeSet<String>) -> Outcome<()> {
    let name = element.name.as_str();
    if name.contains(':') && !matches!(name, "stream:features" | "stream:error") {
        return Err(format!("<{name}> has a prefix"));
    }
    if NAMESPACED.contains(&name) {
        seen.insert(name.to_owned());
        if element.xmlns().is_none() {
            return Err(format!("<{name}> has no xmlns of its own"));
        }
    }
    if matches!(name, "error" | "stream:error" | "stream:features")
        && let Some(child) = element.elements().find(|child| child.xmlns().is_none())
    {
        return Err(format!("<{}> in <{name}> has no xmlns", child.name));
    }
    element.elements().try_for_each(|child| check_element(child, seen))
}

fn hostile(what: &str) -> String {
    let (kind, size) = what.split_once(' ').unwrap();
    let n: usize = size.parse().unwrap();
    let inside = match kind {
        "spaces" => return " ".repeat(n),
        "deep" => format!("{}{}", "<a>".repeat(n), "</a>".repeat(n)),
        "wide" => {
            let attrs: String = (0..n).map(|i| format!(" a{i}='x'")).collect();
            format!("<a{attrs}/>")
        }
        "many" => "<a/>".repeat(n),
        "long" => format!("<body>{}</body>", "x".repeat(n)),
        other => panic!("the runner cannot make {other}"),
    };
    format!("<message xmlns='jabber:client' to='standup@conference.{DOMAIN}' type='groupchat'>{inside}</message>")
}

/// A bridge that does as it is told.
fn carry_out(order: &Order) -> ConferenceModified {
    let transport = |id: &str| IceUdpTransport {
        ufrag: Some(format!("u{id}")),
        pwd: Some("0123456789abcdef01234567".to_owned()),
        fingerprints: vec![Fingerprint {
            hash: "sha-256".to_owned(),
            value: "AA:BB".to_owned(),
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
        web_socket: Some(format!("/colibri-ws/default-id/{}/{id}?pwd=p", order.request.meeting_id)),
        ice_generation: None,
    };
    let source = |id: &str, kind, ssrc| {
        let (id, ssrcs) = (id.to_owned(), vec![ssrc]);
        MediaSource { id, kind, ssrcs, groups: Vec::new(), desktop: false, synthetic: false }
    };
    let endpoints = order.request.endpoints.iter().map(|endpoint| EndpointModified {
        id: endpoint.id.clone(),
        expire: endpoint.expire,
        transport: endpoint.create.then(|| transport(&endpoint.id)),
        sctp_port: None,
    });
    ConferenceModified {
        endpoints: endpoints.collect(),
        sources: vec![source("jvb-a0", MediaKind::Audio, 111), source("jvb-v0", MediaKind::Video, 222)],
    }
}

fn configured(words: &[&str]) -> SignalConfig {
    let mut config = SignalConfig::new(DOMAIN);
    for word in words {
        let (key, value) = word.split_once('=').unwrap();
        let value: usize = value.parse().unwrap();
        match key {
            "sessions" => config.max_sessions = value,
            "occupants" => config.muc.occupants = value,
            "voice" => config.muc.voice_burst = u32::try_from(value).unwrap(),
            "waiting" => config.muc.waiting = value,
            "chat" => config.muc.chat_burst = u32::try_from(value).unwrap(),
            "attempts" => config.muc.attempts = u32::try_from(value).unwrap(),
            "history" => config.muc.history_messages = value,
            "hold" => config.stream.resume.hold = Duration::from_secs(u64::try_from(value).unwrap()),
            "places" => config.stream.resume.places = value,
            "kept" => config.stream.resume.stanzas = value,
            "rooms" => config.muc.rooms_per_session = value,
            "presence" => config.muc.presence_bytes = value,
            "message" => config.muc.message_bytes = value,
            "turn" => {
                let service = |kind: &str, transport: &str, credentials| ExternalService {
                    kind: kind.to_owned(),
                    host: "meet.example".to_owned(),
                    port: 3478,
                    transport: transport.to_owned(),
                    credentials,
                };
                let credentials = Some(("1790000000".to_owned(), "q2Zr".to_owned()));
                config.services = vec![service("stun", "udp", None), service("turn", "tcp", credentials)];
            }
            other => panic!("there is no setting {other}"),
        }
    }
    config
}

/// Logical lines with the numbers of their first physical lines.
fn lines(script: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in script.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match lines.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some((_, before)) => before.push_str(line.trim()),
            None => lines.push((number + 1, line.trim_end().to_owned())),
        }
    }
    lines
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conversations");
    let mut scripts: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "xmpp"))
        .collect();
    scripts.sort();
    scripts
}

#[test]
fn every_conversation_goes_as_written() {
    let mut failures = Vec::new();
    let mut seen = BTreeSet::new();
    let scripts = scripts();
    assert!(scripts.len() >= 20, "only {} scripts", scripts.len());
    for path in &scripts {
        let mut world = World::new();
        if let Err(why) = world.run(&fs::read_to_string(path).unwrap()) {
            let name = path.file_name().unwrap().display().to_string();
            failures.push(format!("{name}: {why}"));
        }
        seen.extend(world.names_seen);
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
    let core = [
        "iq",
        "message",
        "presence",
        "x",
        "query",
        "conference",
        "jingle",
        "transport",
        "fingerprint",
        "source",
        "ssrc-info",
        "json-message",
        "mute",
        "web-socket",
    ];
    for name in core {
        assert!(seen.contains(name), "no conversation shows a <{name}>");
    }
}

#[test]
fn the_runner_notices_what_is_wrong() {
    let mut world = World::new();
    world.run("login A\nA> <iq type='get' id='p' xmlns='jabber:client'><ping xmlns='urn:xmpp:ping'/></iq>").unwrap();
    assert!(world.run("A< nothing").is_err());
    assert!(world.run("A< <iq type='error'/>").is_err());
    assert!(world.run("A< nothing").is_ok());
    assert!(world.run("A< <iq/>").is_err());
    assert!(world.run("A< closed").is_err());
    let check = |text: &str, first| check_encoding(text, first, &mut BTreeSet::new());
    assert!(check("<iq xmlns='jabber:client'><query/></iq>", false).is_err());
    assert!(check("<iq><a xmlns='b'/></iq>", false).is_err());
    assert!(check("<iq xmlns='jabber:client'><p:a xmlns:p='b'/></iq>", false).is_err());
    assert!(check("<iq xmlns='jabber:client'><error><gone/></error></iq>", false).is_err());
    assert!(check("<features/>", true).is_err());
    assert!(check("<iq xmlns='jabber:client'><query xmlns='a'/></iq>", false).is_ok());
}
