//! The ICE agent of a transport and, around a restart (RFC 8445 chapter 9), a second one: the old one carries media until the
//! new one has nominated a pair, and is listened to for a little longer, for what was under way.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jitsi_wire::jingle::IceUdpTransport;
use rand_chacha::ChaCha8Rng;
use rtc_crypto::RTCCryptoProvider;

use super::earliest::Earliest;
use super::ice::{Ice, IceOutput, ufrag_of};
use super::transport::{LocalParams, StunVerdict, Wake};
use crate::core::{Discard, Path};

/// A restart that has not led to a nominated pair by then is forgotten.
const RESTART_PATIENCE: Duration = Duration::from_secs(20);
/// How long the former agent is listened to.
const LINGER: Duration = Duration::from_secs(3);

/// What an ICE restart would do to a transport.
#[derive(Debug)]
pub(crate) enum RestartState {
    Possible,
    /// There is nothing yet that could be restarted: these credentials stay.
    NotEstablished(LocalParams),
    /// One is under way and the peer has not answered: clients ask twice.
    Pending(LocalParams, u32),
    /// The peer ended the session, only a new one helps.
    Impossible,
}

struct Agent {
    ice: Ice,
    /// 0 is what the session began with.
    generation: u32,
}

/// Beside the current agent.
struct Other {
    agent: Agent,
    /// It was replaced; else it is to become the current one.
    is_former: bool,
    until: Instant,
}

/// One agent, or two around a restart.
pub(crate) struct Agents {
    current: Agent,
    /// Nearly always there is none.
    other: Option<Box<Other>>,
    locals: Vec<IpAddr>,
    generations: u32,
    outputs: VecDeque<IceOutput>,
}

impl Agents {
    pub(crate) fn new(ice: Ice) -> Self {
        Self {
            current: Agent { ice, generation: 0 },
            other: None,
            locals: Vec::new(),
            generations: 0,
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn set_local_addresses(&mut self, addresses: &[IpAddr]) {
        self.locals = addresses.to_vec();
        self.current.ice.set_local_addresses(addresses);
    }

    pub(crate) fn be_controlled(&mut self) {
        self.current.ice.be_controlled();
    }

    /// What a restart would mean now.
    pub(crate) fn restart_state(&self) -> RestartState {
        match &self.other {
            Some(other) if !other.is_former && !other.agent.ice.knows_remote() => {
                RestartState::Pending(other.agent.ice.local().clone(), other.agent.generation)
            }
            _ if self.current.ice.is_connected() => RestartState::Possible,
            _ => RestartState::NotEstablished(self.current.ice.local().clone()),
        }
    }

    /// Begins a restart with new credentials of ours. Answers its number, which the peer's new credentials must carry. A restart
    /// that is under way is given up.
    pub(crate) fn restart(
        &mut self,
        now: Instant,
        crypto: Arc<dyn RTCCryptoProvider>,
        params: LocalParams,
        rng: ChaCha8Rng,
    ) -> u32 {
        self.end_other();
        let mut ice = Ice::new(now, crypto, params, rng, self.current.ice.grid());
        ice.take_role_of(&self.current.ice);
        ice.set_local_addresses(&self.locals);
        self.generations = self.generations.saturating_add(1);
        let agent = Agent { ice, generation: self.generations };
        self.other = Some(Box::new(Other { agent, is_former: false, until: now + RESTART_PATIENCE }));
        self.generations
    }

    /// What the peer signalled belongs to the agent of its generation; without one, to the agent in use.
    pub(crate) fn set_remote(&mut self, now: Instant, remote: &IceUdpTransport) {
        let agent = match remote.ice_generation {
            None => Some(&mut self.current),
            Some(generation) => self.agents_mut().find(|agent| agent.generation == generation),
        };
        if let Some(agent) = agent {
            agent.ice.set_remote(now, remote);
        }
        self.advance(now);
    }

    /// A check says by its ufrag which agent it is for; an answer is for the one that asked.
    pub(crate) fn handle(&mut self, now: Instant, path: Path, message: &[u8]) -> StunVerdict {
        let named = ufrag_of(message);
        let mut verdict = StunVerdict::Rejected(Discard::UnknownPath);
        for agent in self.agents_mut() {
            if named.is_some_and(|ufrag| ufrag != agent.ice.ufrag()) {
                continue;
            }
            verdict = agent.ice.handle(now, path, message);
            if !matches!(verdict, StunVerdict::Rejected(_)) {
                break;
            }
        }
        self.advance(now);
        verdict
    }

    pub(crate) fn on_authentic_media(&mut self, now: Instant, path: Path) {
        for agent in self.agents_mut() {
            agent.ice.on_authentic_media(now, path);
        }
    }

    /// The path of the current agent; while that has none, the one of the agent to come.
    pub(crate) fn selected(&self) -> Option<Path> {
        self.agents().find_map(|agent| agent.ice.selected())
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.agents().find_map(|agent| agent.ice.rtt())
    }

    pub(crate) fn last_activity(&self) -> Option<Instant> {
        self.agents().filter_map(|agent| agent.ice.last_activity()).max()
    }

    pub(crate) fn show_life(&mut self, now: Instant) {
        self.current.ice.show_life(now);
    }

    pub(crate) fn on_wakeup(&mut self, now: Instant) {
        for agent in self.agents_mut() {
            agent.ice.on_wakeup(now);
        }
        self.advance(now);
    }

    pub(crate) fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        let mut next = Earliest::default();
        for (at, why) in self.agents().filter_map(|agent| agent.ice.next_wakeup()) {
            next.offer(at, why);
        }
        if let Some(other) = &self.other {
            next.offer(other.until, Wake::Nomination);
        }
        next.0
    }

    pub(crate) fn poll(&mut self) -> Option<IceOutput> {
        self.outputs.pop_front()
    }

    /// Moves to the new agent when it has nominated a pair, ends the second one when its time is over, collects what both say.
    fn advance(&mut self, now: Instant) {
        self.collect();
        if let Some(other) = &mut self.other
            && !other.is_former
            && other.agent.ice.is_connected()
        {
            std::mem::swap(&mut self.current, &mut other.agent);
            other.is_former = true;
            other.until = now + LINGER;
        }
        if self.other.as_ref().is_some_and(|other| other.until <= now) {
            self.end_other();
        }
    }

    fn collect(&mut self) {
        let shared = |path: Path, agent: Option<&Agent>| agent.is_some_and(|agent| agent.ice.has_path(path));
        while let Some(output) = self.current.ice.poll() {
            match output {
                IceOutput::PathGone(path) if shared(path, self.other.as_ref().map(|other| &other.agent)) => {}
                output => self.outputs.push_back(output),
            }
        }
        let Some(other) = &mut self.other else {
            return;
        };
        while let Some(output) = other.agent.ice.poll() {
            match output {
                IceOutput::PathGone(path) if shared(path, Some(&self.current)) => {}
                IceOutput::Lost | IceOutput::Connected => {}
                output => self.outputs.push_back(output),
            }
        }
    }

    fn end_other(&mut self) {
        let Some(other) = self.other.take() else {
            return;
        };
        let current = &self.current.ice;
        let gone = other.agent.ice.paths().filter(|path| !current.has_path(*path));
        self.outputs.extend(gone.map(IceOutput::PathGone));
        self.outputs.push_back(IceOutput::UfragGone(other.agent.ice.ufrag().to_owned()));
    }

    fn agents(&self) -> impl Iterator<Item = &Agent> {
        std::iter::once(&self.current).chain(self.other.as_ref().map(|other| &other.agent))
    }

    fn agents_mut(&mut self) -> impl Iterator<Item = &mut Agent> {
        std::iter::once(&mut self.current).chain(self.other.as_mut().map(|other| &mut other.agent))
    }
}
