//! Every client's stream, and the connection that carries it.
//!
//! A stream begins on a connection and mostly ends with it. One that the client may resume outlives it for a while: it stays
//! bound, and what is said to it waits. The client then comes on another connection, logs in as somebody new, and asks for its
//! old stream, whose secret it knows.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use jitsi_wire::xmpp::{Element, Jid};
use rand_chacha::ChaCha8Rng;

use super::ledger::Kept;
use super::stream::{ASK, Step, management_failed};
use super::{Connection, SessionId, Stream, StreamError, StreamLimits};

/// Longer ids of browsers are nobody's.
const MAX_MACHINE: usize = 64;

/// Plain data that shapes [`Sessions`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionsConfig {
    /// Ours.
    pub domain: String,
    pub stream: StreamLimits,
    /// Streams at once, with and without a connection.
    pub max: usize,
    /// How long a stream may take until it is bound.
    pub login: Duration,
}

/// Something to do.
#[derive(Debug)]
pub enum SessionOutput {
    /// Send this frame on a connection.
    Frame { connection: SessionId, text: String },
    /// Close a connection after what was sent.
    Close { connection: SessionId },
    /// A bound client said this, in terms of our own domain; `from` is its full address.
    Stanza { session: SessionId, stanza: Element },
    /// A stream is over; the address of its client if it had one.
    Over { session: SessionId, jid: Option<Jid> },
}

/// Why [`Sessions`] want to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionWake {
    /// A stream takes too long until it is bound.
    Login,
    /// A client whose connection broke has not come back.
    Away,
}

/// All streams.
#[derive(Debug)]
pub struct Sessions {
    config: SessionsConfig,
    rng: ChaCha8Rng,
    streams: BTreeMap<SessionId, Carried>,
    /// The stream that a connection carries.
    by_connection: BTreeMap<SessionId, SessionId>,
    /// Node of a bound client's address, which is unique.
    by_node: BTreeMap<String, SessionId>,
    /// Streams that are not bound yet, earliest deadline first.
    logins: VecDeque<(Instant, SessionId)>,
    /// Streams without a connection, earliest deadline first.
    away: VecDeque<(Instant, SessionId)>,
    kept: Kept,
    outputs: VecDeque<SessionOutput>,
}

/// A stream and its connection, if it has one.
#[derive(Debug)]
struct Carried {
    stream: Stream,
    connection: Option<SessionId>,
    asked: Option<Asked>,
}

/// What a client last asked the focus for: which room, and by which browser.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    room: Box<str>,
    machine: Box<str>,
}

impl Sessions {
    pub fn new(config: SessionsConfig, rng: ChaCha8Rng) -> Self {
        Self {
            config,
            rng,
            streams: BTreeMap::new(),
            by_connection: BTreeMap::new(),
            by_node: BTreeMap::new(),
            logins: VecDeque::new(),
            away: VecDeque::new(),
            kept: Kept::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Next thing to do.
    pub fn poll(&mut self) -> Option<SessionOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`Sessions::on_wakeup`], and why.
    pub fn next_wakeup(&self) -> Option<(Instant, SessionWake)> {
        let login = self.logins.front().map(|(at, _)| (*at, SessionWake::Login));
        let away = self.away.front().map(|(at, _)| (*at, SessionWake::Away));
        login.into_iter().chain(away).min_by_key(|(at, _)| *at)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// A stream that is not over.
    pub fn get(&self, session: SessionId) -> Option<&Stream> {
        self.streams.get(&session).map(|carried| &carried.stream)
    }

    /// The client with this node in its address.
    pub fn by_node(&self, node: &str) -> Option<SessionId> {
        self.by_node.get(node).copied()
    }
}

/// What happens.
impl Sessions {
    /// A client connected.
    pub fn on_opened(&mut self, now: Instant, session: SessionId, connection: Connection) {
        if self.streams.len() >= self.config.max {
            // Who is here goes before who may come back.
            self.give_up_a_place(Some(&connection));
        }
        let full = self.streams.len() >= self.config.max;
        let stream = Stream::new(now, connection, &self.config.stream);
        self.streams.insert(session, Carried { stream, connection: Some(session), asked: None });
        self.by_connection.insert(session, session);
        if full {
            self.end(session, StreamError::ResourceConstraint);
        } else {
            self.logins.push_back((now + self.config.login, session));
        }
    }

    /// A frame came by a connection.
    pub fn on_frame(&mut self, now: Instant, connection: SessionId, text: &str) {
        let Some(session) = self.by_connection.get(&connection).copied() else {
            return;
        };
        let Some(carried) = self.streams.get_mut(&session) else {
            return;
        };
        let (domain, limits) = (&self.config.domain, &self.config.stream);
        let steps = carried.stream.handle(now, text, domain, limits, &mut self.rng, &mut self.kept);
        for step in steps {
            self.carry_out(session, step);
        }
    }

    /// A connection is gone, and if `for_good`, its client as well.
    pub fn on_closed(&mut self, now: Instant, connection: SessionId, for_good: bool) {
        let Some(session) = self.by_connection.remove(&connection) else {
            return;
        };
        let Some(carried) = self.streams.get_mut(&session) else {
            return;
        };
        carried.connection = None;
        if for_good || !carried.stream.is_resumable() || self.config.stream.resume.places == 0 {
            return self.forget(session);
        }
        carried.stream.on_broken();
        self.away.push_back((now + self.config.stream.resume.hold, session));
        if self.away.len() > self.config.stream.resume.places {
            self.give_up_a_place(None);
        }
    }

    /// A client asks for a room. Whoever did so from the same browser and is away has loaded its page again: it will not come
    /// back by another way.
    pub fn on_asked(&mut self, session: SessionId, room: &str, machine: &str) {
        if machine.is_empty() || machine.len() > MAX_MACHINE {
            return;
        }
        let asked = Some(Asked { room: room.into(), machine: machine.into() });
        let is_ghost = |session: &SessionId| self.streams.get(session).is_some_and(|carried| carried.asked == asked);
        let ghosts: Vec<SessionId> = self.away.iter().map(|(_, session)| *session).filter(is_ghost).collect();
        for ghost in ghosts {
            self.forget(ghost);
        }
        if let Some(carried) = self.streams.get_mut(&session) {
            carried.asked = asked;
        }
    }

    /// Time has come.
    pub fn on_wakeup(&mut self, now: Instant) {
        while let Some((_, session)) = self.logins.front().copied().filter(|(at, _)| *at <= now) {
            self.logins.pop_front();
            if self.get(session).is_some_and(|stream| stream.jid().is_none()) {
                self.end(session, StreamError::ConnectionTimeout);
            }
        }
        while let Some((_, session)) = self.away.front().copied().filter(|(at, _)| *at <= now) {
            self.away.pop_front();
            self.forget(session);
        }
    }

    /// Says a stanza, written in terms of our own domain, to a client.
    pub fn send(&mut self, session: SessionId, stanza: String) {
        let Some(carried) = self.streams.get_mut(&session) else {
            return;
        };
        let (text, ask) = carried.stream.send(stanza, &self.config.stream, &mut self.kept);
        match carried.connection {
            Some(connection) => {
                self.outputs.push_back(SessionOutput::Frame { connection, text });
                if ask {
                    self.outputs.push_back(SessionOutput::Frame { connection, text: ASK.to_owned() });
                }
            }
            None if carried.stream.is_lost() => self.forget(session),
            None => {}
        }
        self.keep_less();
    }

    /// While too much is kept for all together, those for whom most is kept pay for it.
    fn keep_less(&mut self) {
        while self.kept.is_too_much(&self.config.stream.resume) {
            let largest = self.streams.iter_mut().max_by_key(|(_, carried)| carried.stream.excess());
            let Some((session, carried)) = largest.filter(|(_, carried)| carried.stream.excess() > 0) else {
                return;
            };
            carried.stream.shrink(&mut self.kept);
            if carried.stream.is_lost() {
                let session = *session;
                self.forget(session);
            }
        }
    }

    /// Ends all streams.
    pub fn end_all(&mut self, error: StreamError) {
        let sessions: Vec<SessionId> = self.streams.keys().copied().collect();
        for session in sessions {
            self.end(session, error);
        }
    }

    /// Ends a stream with an error.
    fn end(&mut self, session: SessionId, error: StreamError) {
        let Some(carried) = self.streams.get_mut(&session) else {
            return;
        };
        for step in carried.stream.fail(error) {
            self.carry_out(session, step);
        }
    }

    fn carry_out(&mut self, session: SessionId, step: Step) {
        let connection = self.streams.get(&session).and_then(|carried| carried.connection);
        match step {
            Step::Send(text) => {
                if let Some(connection) = connection {
                    self.outputs.push_back(SessionOutput::Frame { connection, text });
                }
            }
            Step::Bound(jid) => {
                self.logins.retain(|(_, waiting)| *waiting != session);
                self.by_node.insert(jid.node.unwrap_or_default(), session);
            }
            Step::Stanza(stanza) => self.outputs.push_back(SessionOutput::Stanza { session, stanza }),
            Step::Resume { previd, h } => self.resume(session, &previd, h),
            Step::Close => {
                self.hang_up(connection);
                self.forget(session);
            }
        }
    }

    fn hang_up(&mut self, connection: Option<SessionId>) {
        if let Some(connection) = connection {
            self.by_connection.remove(&connection);
            self.outputs.push_back(SessionOutput::Close { connection });
        }
    }

    fn forget(&mut self, session: SessionId) {
        let Some(mut carried) = self.streams.remove(&session) else {
            return;
        };
        carried.stream.clear(&mut self.kept);
        let jid = carried.stream.jid().cloned();
        match jid.as_ref().and_then(|jid| jid.node.as_deref()) {
            Some(node) => {
                self.by_node.remove(node);
                self.away.retain(|(_, waiting)| *waiting != session);
            }
            None => self.logins.retain(|(_, waiting)| *waiting != session),
        }
        self.outputs.push_back(SessionOutput::Over { session, jid });
    }
}

/// Clients that come back.
impl Sessions {
    /// The client of `asking`, which has just logged in, wants the stream of `previd` back.
    fn resume(&mut self, asking: SessionId, previd: &str, h: u32) {
        match self.find(asking, previd) {
            Some(session) => self.hand_over(asking, session, h),
            None => self.refuse(asking),
        }
    }

    fn find(&self, asking: SessionId, previd: &str) -> Option<SessionId> {
        let asking = &self.streams.get(&asking)?.stream;
        let found = self.streams.iter().find(|(_, carried)| carried.stream.is_meant(asking, previd));
        found.map(|(session, _)| *session)
    }

    /// The connection of `asking` carries `session` from now on. The one that carried it before, if it is still thought to
    /// be there, is given up.
    fn hand_over(&mut self, asking: SessionId, session: SessionId, h: u32) {
        let Some(new) = self.streams.get(&asking) else {
            return;
        };
        let (way, connection) = (new.stream.connection().clone(), new.connection);
        let Some(carried) = self.streams.get_mut(&session) else {
            return;
        };
        let Some(frames) = carried.stream.resume(&way, h, &mut self.kept) else {
            // Its client is here and cannot have it back: nobody else will.
            let old = carried.connection.take();
            self.hang_up(old);
            self.forget(session);
            return self.refuse(asking);
        };
        let old = std::mem::replace(&mut carried.connection, connection);
        self.hang_up(old);
        self.away.retain(|(_, waiting)| *waiting != session);
        self.forget(asking);
        let Some(connection) = connection else {
            return;
        };
        self.by_connection.insert(connection, session);
        self.outputs.extend(frames.into_iter().map(|text| SessionOutput::Frame { connection, text }));
    }

    /// The client may still bind and be somebody new.
    fn refuse(&mut self, asking: SessionId) {
        self.carry_out(asking, management_failed("item-not-found"));
    }

    /// Ends one of the streams without a connection: the oldest of the network that has most streams, with and without one,
    /// and a `newcomer` that is no stream yet. So nobody takes the places of others by opening many.
    fn give_up_a_place(&mut self, newcomer: Option<&Connection>) {
        let mut counts: BTreeMap<Option<IpAddr>, usize> = BTreeMap::new();
        let streams = self.streams.values().map(|carried| carried.stream.connection());
        for connection in streams.chain(newcomer) {
            *counts.entry(connection.network()).or_default() += 1;
        }
        let count = |session| {
            let network = self.get(session).and_then(|stream| stream.connection().network());
            counts.get(&network).copied().unwrap_or(0)
        };
        // The last of equals wins: from behind, that is the oldest.
        let victim = self.away.iter().rev().map(|(_, session)| *session).max_by_key(|session| count(*session));
        if let Some(victim) = victim {
            self.forget(victim);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;

    use super::*;

    struct World {
        sessions: Sessions,
        now: Instant,
        last: u64,
    }

    impl World {
        fn new(change: impl FnOnce(&mut SessionsConfig)) -> Self {
            let mut config = SessionsConfig {
                domain: "d".to_owned(),
                stream: StreamLimits::default(),
                max: 100,
                login: Duration::from_secs(30),
            };
            change(&mut config);
            let sessions = Sessions::new(config, ChaCha8Rng::from_seed([3; 32]));
            Self { sessions, now: Instant::now(), last: 0 }
        }

        /// Somebody who may come back.
        fn login(&mut self, address: &str) -> SessionId {
            self.last += 1;
            let session = SessionId(self.last);
            let connection = Connection {
                room: None,
                authority: "d".to_owned(),
                secure: true,
                websocket: true,
                address: Some(address.parse().unwrap()),
            };
            self.sessions.on_opened(self.now, session, connection);
            let open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='d' version='1.0'/>";
            for frame in [
                open,
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
                open,
                "<iq type='set' id='b' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
                "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
            ] {
                self.sessions.on_frame(self.now, session, frame);
            }
            assert!(self.is_here(session));
            session
        }

        fn lose(&mut self, session: SessionId) {
            self.sessions.on_closed(self.now, session, false);
        }

        fn is_here(&self, session: SessionId) -> bool {
            self.sessions.get(session).is_some_and(Stream::is_resumable)
        }
    }

    #[test]
    fn those_for_whom_most_is_kept_pay_when_it_is_too_much() {
        let mut world = World::new(|config| config.stream.resume.total_bytes = 256 * 1024);
        let honest = world.login("192.0.2.1");
        let hostile: Vec<SessionId> = (0..4).map(|_| world.login("192.0.2.66")).collect();
        let gone = world.login("192.0.2.66");
        world.lose(gone);
        let stanza = "x".repeat(1024);
        for _ in 0..200 {
            for session in hostile.iter().chain([&gone]) {
                world.sessions.send(*session, stanza.clone());
            }
        }
        for _ in 0..40 {
            world.sessions.send(honest, stanza.clone());
        }
        assert!(!world.sessions.kept.is_too_much(&world.sessions.config.stream.resume));
        assert!(!world.is_here(gone), "it can never have got what it lost");
        world.lose(honest);
        let honest = &world.sessions.streams[&honest].stream;
        assert!(honest.excess() >= 24 * 1024, "everything is kept for who has little");
    }

    #[test]
    fn a_network_with_many_streams_takes_nobody_else_s_place() {
        let mut world = World::new(|config| config.stream.resume.places = 2);
        let honest = [world.login("192.0.2.1"), world.login("192.0.2.1")];
        for session in honest {
            world.lose(session);
        }
        let hostile: Vec<SessionId> = (0..3).map(|n| world.login(&format!("2001:db8:0:{n}::1"))).collect();
        world.lose(hostile[0]);
        assert!(honest.iter().all(|session| world.is_here(*session)));
        assert!(!world.is_here(hostile[0]), "its network has more streams");
    }

    #[test]
    fn what_is_over_already_is_not_waited_for() {
        let mut world = World::new(|_| ());
        world.sessions.away.push_back((world.now, SessionId(99)));
        world.sessions.on_wakeup(world.now);
        assert_eq!(world.sessions.next_wakeup(), None);
    }
}
