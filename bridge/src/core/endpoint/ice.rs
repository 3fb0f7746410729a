//! ICE of one endpoint: a full agent that starts as the controlling side (RFC 8445, RFC 7675).
//!
//! Our candidates are known from the start, so there is no gathering and no check list: the peer is found by its own checks
//! (peer-reflexively), each of which is answered at once and followed by one of ours. Nothing changes before a message has proven
//! that its sender knows the password, and no path is used before an answer to a check of ours came back on it.

pub(crate) mod pair;
#[cfg(test)]
pub(crate) mod peer;
pub(crate) mod stun;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use bytes::BytesMut;
use jitsi_wire::jingle::{Candidate, IceUdpTransport};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use rtc_crypto::RTCCryptoProvider;

use super::earliest::Earliest;
use super::transport::{LocalParams, StunVerdict, Wake};
use crate::core::grid::Grid;
use crate::core::{Discard, Path};
use pair::{CONSENT_INTERVAL, Pair, RTO, Sent};
pub use stun::ufrag_of;
use stun::{Check, Kind, Role, View, Writer};

/// As many paths as one peer may have; a phone with Wi-Fi, mobile data, both families and a relay needs five.
const MAX_PAIRS: usize = 8;
/// Between first checks of different pairs (RFC 8445, Ta).
const PACE: Duration = Duration::from_millis(50);
/// How long a relay waits for a direct pair before it is nominated.
const RELAY_PATIENCE: Duration = Duration::from_millis(300);
/// A nominating check that is not answered is repeated at least this often.
const MAX_NOMINATION_INTERVAL: Duration = Duration::from_secs(2);
/// The path that carries media moves when the old one has carried none for this long.
const MEDIA_HYSTERESIS: Duration = Duration::from_millis(500);
/// Without media: the peer moved when it spoke elsewhere and not here for this long. Chrome checks its selected pair every 2.5 s.
const SILENCE: Duration = Duration::from_millis(2600);
/// Two agents that flip roles in step draw new tie-breakers after so many flips.
const MAX_FLIPS: u8 = 3;
/// Peer-reflexive candidate, best local preference, component 1 (RFC 8445, 5.1.2.1).
const PRIORITY: u32 = (110 << 24) | (65535 << 8) | 255;
/// Candidates of the peer that we look at.
const MAX_CANDIDATES: usize = 16;
/// Sends to one signalled candidate: the peer's own checks do the rest.
const MAX_SIGNALLED_SENDS: u8 = 4;
const MAX_CREDENTIAL: usize = 256;
/// Requests with a wrong MESSAGE-INTEGRITY that one network may send in a second before its requests are dropped unread.
const MAX_FORGERIES: u8 = 10;

/// What ICE hands out.
#[derive(Debug)]
pub(crate) enum IceOutput {
    Transmit {
        path: Path,
        datagram: BytesMut,
    },
    /// A pair is nominated for the first time.
    Connected,
    PathGone(Path),
    /// Nobody is asked for by this ufrag any more: a restart replaced it.
    UfragGone(String),
    /// The last path lost consent.
    Lost,
}

#[derive(Debug)]
struct Remote {
    ufrag: String,
    pwd: String,
    key: hmac::Key,
    username: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nomination {
    Open,
    Asking { path: Path, due: Instant, interval: Duration },
    Done(Path),
}

/// A signalled candidate of the peer. Checks to it open our own firewall; the peer's check that then gets through makes the pair.
#[derive(Debug)]
struct Signalled {
    path: Path,
    sends: u8,
    due: Instant,
}

/// Counts forged requests of one network within a second.
#[derive(Debug, Clone, Copy)]
struct Forger {
    network: IpAddr,
    since: Instant,
    count: u8,
}

/// The agent.
pub(crate) struct Ice {
    crypto: Arc<dyn RTCCryptoProvider>,
    rng: ChaCha8Rng,
    grid: Grid,
    local: LocalParams,
    key: hmac::Key,
    remote: Option<Remote>,
    controlling: bool,
    tie_breaker: u64,
    flips: u8,
    pairs: Vec<Pair>,
    signalled: Vec<Signalled>,
    relays: Vec<SocketAddr>,
    locals: Vec<IpAddr>,
    next_new_check: Instant,
    nomination: Nomination,
    connected: bool,
    lost: bool,
    selected: Option<Path>,
    rtt: Option<Duration>,
    last_media: Option<Instant>,
    last_consent: Option<Instant>,
    forgers: heapless::Vec<Forger, 8>,
    outputs: VecDeque<IceOutput>,
}

impl Ice {
    pub(crate) fn new(
        now: Instant,
        crypto: Arc<dyn RTCCryptoProvider>,
        local: LocalParams,
        mut rng: ChaCha8Rng,
        grid: Grid,
    ) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, local.pwd.as_bytes());
        let tie_breaker = rng.next_u64();
        Self {
            crypto,
            rng,
            grid,
            local,
            key,
            remote: None,
            controlling: true,
            tie_breaker,
            flips: 0,
            pairs: Vec::new(),
            signalled: Vec::new(),
            relays: Vec::new(),
            locals: Vec::new(),
            next_new_check: now,
            nomination: Nomination::Open,
            connected: false,
            lost: false,
            selected: None,
            rtt: None,
            last_media: None,
            last_consent: None,
            forgers: heapless::Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Our own addresses, from which signalled candidates of the peer are checked.
    pub(crate) fn set_local_addresses(&mut self, addresses: &[IpAddr]) {
        self.locals = addresses.iter().copied().take(MAX_CANDIDATES).collect();
    }

    /// The peer nominates.
    pub(crate) fn be_controlled(&mut self) {
        self.controlling = false;
    }

    /// A restart keeps the roles (RFC 8445, 6.1.1).
    pub(crate) fn take_role_of(&mut self, former: &Ice) {
        self.controlling = former.controlling;
    }

    /// Ours.
    pub(crate) fn ufrag(&self) -> &str {
        &self.local.ufrag
    }

    pub(crate) fn grid(&self) -> Grid {
        self.grid
    }

    pub(crate) fn local(&self) -> &LocalParams {
        &self.local
    }

    /// The peer has told its credentials.
    pub(crate) fn knows_remote(&self) -> bool {
        self.remote.is_some()
    }

    pub(crate) fn show_life(&mut self, now: Instant) {
        self.last_consent = Some(now);
    }

    /// A pair has been nominated.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = Path> {
        self.pairs.iter().map(|pair| pair.path)
    }

    pub(crate) fn has_path(&self, path: Path) -> bool {
        self.paths().any(|known| known == path)
    }

    /// Credentials and candidates of the peer. Candidates without credentials are remembered as relays only.
    pub(crate) fn set_remote(&mut self, now: Instant, remote: &IceUdpTransport) {
        for candidate in remote.candidates.iter().take(MAX_CANDIDATES) {
            self.note_candidate(now, candidate);
        }
        if let (Some(ufrag), Some(pwd)) = (&remote.ufrag, &remote.pwd) {
            self.set_credentials(now, ufrag, pwd);
        }
        self.run(now);
    }

    fn set_credentials(&mut self, now: Instant, ufrag: &str, pwd: &str) {
        let known = self.remote.as_ref().is_some_and(|known| known.ufrag == ufrag && known.pwd == pwd);
        if known || ufrag.is_empty() || pwd.is_empty() || ufrag.len() > MAX_CREDENTIAL || pwd.len() > MAX_CREDENTIAL {
            return;
        }
        self.remote = Some(Remote {
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes()),
            username: format!("{ufrag}:{}", self.local.ufrag),
            ufrag: ufrag.to_owned(),
            pwd: pwd.to_owned(),
        });
        for pair in &mut self.pairs {
            pair.check_again(now);
        }
        for signalled in &mut self.signalled {
            signalled.due = now;
        }
    }

    fn note_candidate(&mut self, now: Instant, candidate: &Candidate) {
        // Names (mDNS), TCP and other components are of no use here.
        let Ok(ip) = candidate.ip.parse::<IpAddr>() else { return };
        let usable =
            candidate.protocol.eq_ignore_ascii_case("udp") && candidate.component == 1 && candidate.generation == 0;
        if !usable || candidate.port == 0 {
            return;
        }
        let remote = canonical(SocketAddr::new(ip, candidate.port));
        if candidate.kind == "relay" && self.relays.len() < MAX_CANDIDATES && !self.relays.contains(&remote) {
            self.relays.push(remote);
            for pair in &mut self.pairs {
                pair.relayed |= canonical(pair.path.remote) == remote;
            }
        }
        let Some(local) = self.locals.iter().copied().find(|local| may_reach(*local, ip)) else { return };
        let path = Path { local, remote };
        if self.signalled.len() < MAX_PAIRS && !self.signalled.iter().any(|known| known.path == path) {
            self.signalled.push(Signalled { path, sends: 0, due: now });
        }
    }

    /// A STUN message that named us, or came from one of our paths.
    pub(crate) fn handle(&mut self, now: Instant, path: Path, message: &[u8]) -> StunVerdict {
        let Some(view) = View::parse(message) else {
            return StunVerdict::Rejected(Discard::Malformed);
        };
        let verdict = match view.kind {
            Kind::Request => self.on_request(now, path, &view),
            Kind::Success | Kind::Error => self.on_answer(now, path, &view),
            // A keepalive proves nothing and asks nothing (RFC 8445, 11).
            Kind::Indication => StunVerdict::Response,
        };
        self.run(now);
        verdict
    }

    fn on_request(&mut self, now: Instant, path: Path, view: &View<'_>) -> StunVerdict {
        let receiver = view.username.and_then(|name| name.split_once(':')).map(|(receiver, _)| receiver);
        if receiver != Some(self.local.ufrag.as_str()) {
            return StunVerdict::Rejected(Discard::UnknownPath);
        }
        if self.is_forger(now, path) {
            return StunVerdict::Rejected(Discard::BadTag);
        }
        if !view.proves(&self.key) {
            self.note_forgery(now, path);
            return StunVerdict::Rejected(Discard::BadTag);
        }
        if !view.unknown.is_empty() {
            let answer = self.writer().unknown_attributes(view.transaction, &view.unknown);
            self.transmit(path, answer);
            return StunVerdict::Rejected(Discard::Malformed);
        }
        if !self.resolve_role(view) {
            let answer = self.writer().role_conflict(view.transaction);
            self.transmit(path, answer);
            return StunVerdict::Response;
        }
        let answer = self.writer().success(view.transaction, path.remote);
        self.transmit(path, answer);
        let relayed = self.relays.contains(&canonical(path.remote));
        let nominates = view.use_candidate && !self.controlling;
        if let Some(pair) = self.pair_or_new(now, path, relayed) {
            pair.peer_nominates |= nominates;
            pair.on_request(now);
        }
        if nominates {
            self.obey_nomination(now, path);
        }
        StunVerdict::Authenticated
    }

    /// RFC 8445, 7.3.1.1. `false`: the request is to be answered with 487.
    fn resolve_role(&mut self, view: &View<'_>) -> bool {
        match (self.controlling, view.role) {
            (true, Some(Role::Controlling(theirs))) if self.tie_breaker >= theirs => false,
            (false, Some(Role::Controlled(theirs))) if self.tie_breaker < theirs => false,
            (true, Some(Role::Controlling(_))) | (false, Some(Role::Controlled(_))) => {
                self.flip();
                true
            }
            _ => true,
        }
    }

    fn flip(&mut self) {
        self.controlling = !self.controlling;
        self.flips = self.flips.saturating_add(1);
        if self.flips >= MAX_FLIPS {
            self.flips = 0;
            self.tie_breaker = self.rng.next_u64();
        }
        if matches!(self.nomination, Nomination::Asking { .. }) {
            self.nomination = Nomination::Open;
        }
    }

    fn on_answer(&mut self, now: Instant, path: Path, view: &View<'_>) -> StunVerdict {
        let Some(remote) = &self.remote else {
            return StunVerdict::Rejected(Discard::UnknownPath);
        };
        // An answer from elsewhere than where the question went is no answer (RFC 8445, 7.2.5.2.1).
        let Some(pair) = self.pairs.iter_mut().find(|pair| pair.path == path) else {
            return StunVerdict::Rejected(Discard::UnknownPath);
        };
        if !pair.knows(&view.transaction) {
            return StunVerdict::Rejected(Discard::NotWanted);
        }
        if !view.proves(&remote.key) {
            // The genuine answer may still come.
            return StunVerdict::Rejected(Discard::BadTag);
        }
        let Some(sent) = pair.take_sent(&view.transaction) else {
            return StunVerdict::Rejected(Discard::NotWanted);
        };
        match (view.kind, view.error) {
            (Kind::Success, _) => self.on_success(now, path, sent),
            (Kind::Error, Some(487)) => {
                if sent.controlling == self.controlling {
                    self.flip();
                }
                for pair in &mut self.pairs {
                    pair.check_again(now);
                }
            }
            _ => {}
        }
        StunVerdict::Response
    }

    fn on_success(&mut self, now: Instant, path: Path, sent: Sent) {
        let next = self.grid.at(now + self.consent_interval());
        let Some(pair) = self.pairs.iter_mut().find(|pair| pair.path == path) else { return };
        pair.on_consent(now, next);
        let nominated_by_peer = pair.peer_nominates && !self.controlling;
        self.last_consent = Some(now);
        self.lost = false;
        let sample = now.saturating_duration_since(sent.at);
        self.rtt = Some(self.rtt.map_or(sample, |known| (known * 7 + sample) / 8));
        if nominated_by_peer && self.nomination == Nomination::Open {
            self.obey_nomination(now, path);
        }
        if sent.nominates && matches!(self.nomination, Nomination::Asking { path: asked, .. } if asked == path) {
            self.finish_nomination(path);
        }
    }

    /// The peer is the controlling side and named this pair.
    fn obey_nomination(&mut self, now: Instant, path: Path) {
        let valid = self.pairs.iter().any(|pair| pair.path == path && pair.usable(now));
        if valid && self.nomination != Nomination::Done(path) {
            self.finish_nomination(path);
        }
    }

    fn finish_nomination(&mut self, path: Path) {
        self.nomination = Nomination::Done(path);
        self.selected = Some(path);
        if !self.connected {
            self.connected = true;
            self.outputs.push_back(IceOutput::Connected);
        }
    }

    /// SRTP from `path` authenticated: the peer is alive there, and prefers it if it left the selected path.
    pub(crate) fn on_authentic_media(&mut self, now: Instant, path: Path) {
        self.last_media = Some(now);
        let Some(pair) = self.pairs.iter_mut().find(|pair| pair.path == path) else { return };
        pair.on_media(now);
        if self.selected == Some(path) || !pair.usable(now) {
            return;
        }
        let elsewhere = self.selected_pair().and_then(|selected| selected.media);
        if elsewhere.is_none_or(|at| now >= at + MEDIA_HYSTERESIS) {
            self.selected = Some(path);
        }
    }

    pub(crate) fn selected(&self) -> Option<Path> {
        self.selected
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    pub(crate) fn last_activity(&self) -> Option<Instant> {
        self.last_media.max(self.last_consent)
    }

    pub(crate) fn poll(&mut self) -> Option<IceOutput> {
        self.outputs.pop_front()
    }

    pub(crate) fn on_wakeup(&mut self, now: Instant) {
        self.run(now);
    }

    /// Everything whose time has come.
    fn run(&mut self, now: Instant) {
        self.expire(now);
        self.send_checks(now);
        self.send_consent_checks(now);
        self.nominate(now);
        self.select(now);
        self.check_signalled(now);
    }

    fn expire(&mut self, now: Instant) {
        while let Some(index) = self.pairs.iter().position(|pair| pair.expiry() <= now) {
            self.remove(index);
        }
        if self.connected && !self.lost && !self.pairs.iter().any(|pair| pair.usable(now)) {
            self.lost = true;
            self.outputs.push_back(IceOutput::Lost);
        }
    }

    fn remove(&mut self, index: usize) {
        if index >= self.pairs.len() {
            return;
        }
        let path = self.pairs.swap_remove(index).path;
        if self.selected == Some(path) {
            self.selected = None;
        }
        match self.nomination {
            Nomination::Asking { path: named, .. } | Nomination::Done(named) if named == path => {
                self.nomination = Nomination::Open;
            }
            _ => {}
        }
        self.outputs.push_back(IceOutput::PathGone(path));
    }

    fn send_checks(&mut self, now: Instant) {
        if self.remote.is_none() {
            return;
        }
        for index in 0..self.pairs.len() {
            let Some(pair) = self.pairs.get_mut(index) else { continue };
            pair.give_up(now);
            let Some(probe) = pair.probe_due(now) else { continue };
            if probe.sends == 0 {
                if now < self.next_new_check {
                    continue;
                }
                self.next_new_check = now + PACE;
            }
            pair.on_probe_sent(now);
            self.send_check(now, index, false);
        }
    }

    fn send_consent_checks(&mut self, now: Instant) {
        if self.remote.is_none() {
            return;
        }
        for index in 0..self.pairs.len() {
            let Some(pair) = self.pairs.get_mut(index) else { continue };
            if pair.consent_due > now || !pair.wants_consent(self.selected == Some(pair.path)) {
                continue;
            }
            // An answer puts this off to the next regular check.
            pair.consent_due = now + RTO;
            self.send_check(now, index, false);
        }
    }

    /// The controlling side names one pair: the first valid one, a relayed one only when no direct one follows soon.
    fn nominate(&mut self, now: Instant) {
        if !self.controlling || self.remote.is_none() {
            return;
        }
        if self.nomination == Nomination::Open
            && let Some((path, at)) = self.nominee(now)
            && at <= now
        {
            self.nomination = Nomination::Asking { path, due: now, interval: RTO };
        }
        if let Nomination::Asking { path, .. } = self.nomination
            && let Some(path) = self.moved_while_asked(now, path)
        {
            self.nomination = Nomination::Asking { path, due: now, interval: RTO };
        }
        if let Nomination::Asking { path, due, interval } = self.nomination
            && due <= now
            && let Some(index) = self.pairs.iter().position(|pair| pair.path == path)
        {
            let next = (interval * 2).min(MAX_NOMINATION_INTERVAL);
            self.nomination = Nomination::Asking { path, due: now + interval, interval: next };
            self.send_check(now, index, true);
        }
    }

    /// Where the peer is heard instead of `asked`: its address changed before it answered a nomination there.
    fn moved_while_asked(&self, now: Instant, asked: Path) -> Option<Path> {
        let last = self.pairs.iter().find(|pair| pair.path == asked)?.inbound;
        let later = self.pairs.iter().filter(|pair| pair.usable(now) && pair.inbound > last);
        let newest = later.max_by_key(|pair| (!pair.relayed, pair.inbound))?;
        (now.saturating_duration_since(last) >= RTO).then_some(newest.path)
    }

    /// The pair to nominate and the time from which it may be.
    fn nominee(&self, now: Instant) -> Option<(Path, Instant)> {
        let first = |relayed: bool| {
            self.pairs
                .iter()
                .filter(|pair| pair.relayed == relayed && pair.usable(now))
                .filter_map(|pair| Some((pair.path, pair.valid_since?)))
                .min_by_key(|(_, since)| *since)
        };
        first(false).or_else(|| first(true).map(|(path, since)| (path, since + RELAY_PATIENCE)))
    }

    /// Keeps `selected` on a usable pair: the nominated one, else the one last heard, until the peer moves.
    fn select(&mut self, now: Instant) {
        if let Some(selected) = self.selected_pair().filter(|pair| pair.usable(now)) {
            if let Some(moved) = self.moved_from(now, selected) {
                self.selected = Some(moved);
            }
            return;
        }
        let nominated = match self.nomination {
            Nomination::Done(path) => self.pairs.iter().find(|pair| pair.path == path && pair.usable(now)),
            _ => None,
        };
        let usable = self.pairs.iter().filter(|pair| pair.usable(now));
        let best = nominated.or_else(|| usable.max_by_key(|pair| (!pair.relayed, pair.heard)));
        self.selected = best.map(|pair| pair.path);
    }

    /// Where a peer went that has fallen silent on its selected pair.
    fn moved_from(&self, now: Instant, selected: &Pair) -> Option<Path> {
        if now < selected.inbound + SILENCE {
            return None;
        }
        self.pairs
            .iter()
            .filter(|pair| pair.usable(now) && pair.heard > selected.inbound)
            .max_by_key(|pair| pair.heard)
            .map(|pair| pair.path)
    }

    fn check_signalled(&mut self, now: Instant) {
        if self.pairs.iter().any(Pair::is_valid) {
            self.signalled.clear();
        }
        if self.remote.is_none() {
            return;
        }
        for index in 0..self.signalled.len() {
            let Some(signalled) = self.signalled.get_mut(index) else { continue };
            if signalled.due > now || (signalled.sends == 0 && now < self.next_new_check) {
                continue;
            }
            if signalled.sends == 0 {
                self.next_new_check = now + PACE;
            }
            signalled.due = now + RTO * (1 << signalled.sends.min(MAX_SIGNALLED_SENDS));
            signalled.sends += 1;
            let path = signalled.path;
            let transaction = self.transaction();
            let check = self.write_check(transaction, false);
            self.transmit(path, check);
        }
        self.signalled.retain(|signalled| signalled.sends < MAX_SIGNALLED_SENDS);
    }

    fn send_check(&mut self, now: Instant, index: usize, nominates: bool) {
        let transaction = self.transaction();
        let check = self.write_check(transaction, nominates);
        let Some(pair) = self.pairs.get_mut(index) else { return };
        pair.remember(Sent { transaction, at: now, nominates, controlling: self.controlling });
        let path = pair.path;
        self.transmit(path, check);
    }

    fn write_check(&self, transaction: [u8; 12], nominates: bool) -> Option<BytesMut> {
        let remote = self.remote.as_ref()?;
        let role =
            if self.controlling { Role::Controlling(self.tie_breaker) } else { Role::Controlled(self.tie_breaker) };
        Writer { password: &remote.pwd, crypto: self.crypto.crypto() }.check(&Check {
            transaction,
            username: &remote.username,
            priority: PRIORITY,
            role,
            use_candidate: nominates && self.controlling,
        })
    }

    fn writer(&self) -> Writer<'_> {
        Writer { password: &self.local.pwd, crypto: self.crypto.crypto() }
    }

    fn transmit(&mut self, path: Path, datagram: Option<BytesMut>) {
        if let Some(datagram) = datagram {
            self.outputs.push_back(IceOutput::Transmit { path, datagram });
        }
    }

    fn transaction(&mut self) -> [u8; 12] {
        let mut transaction = [0; 12];
        self.rng.fill_bytes(&mut transaction);
        transaction
    }

    /// 5 s, 20 % more or less.
    fn consent_interval(&mut self) -> Duration {
        CONSENT_INTERVAL * (80 + self.rng.next_u32() % 41) / 100
    }

    fn selected_pair(&self) -> Option<&Pair> {
        self.pairs.iter().find(|pair| Some(pair.path) == self.selected)
    }

    fn pair_or_new(&mut self, now: Instant, path: Path, relayed: bool) -> Option<&mut Pair> {
        if let Some(index) = self.pairs.iter().position(|pair| pair.path == path) {
            return self.pairs.get_mut(index);
        }
        if self.pairs.len() >= MAX_PAIRS {
            let victim = self.least_needed()?;
            self.remove(victim);
        }
        if self.pairs.is_empty() {
            // Most clients have but one.
            self.pairs.reserve_exact(1);
        }
        self.pairs.push(Pair::new(path, now, relayed));
        self.pairs.last_mut()
    }

    /// Unproven paths go first, so that somebody who replays requests from made-up addresses cannot push out a proven one.
    fn least_needed(&self) -> Option<usize> {
        let named = match self.nomination {
            Nomination::Asking { path, .. } | Nomination::Done(path) => Some(path),
            Nomination::Open => None,
        };
        let spare = |pair: &&(usize, &Pair)| Some(pair.1.path) != self.selected && Some(pair.1.path) != named;
        let all: heapless::Vec<_, MAX_PAIRS> = self.pairs.iter().enumerate().collect();
        all.iter().filter(spare).min_by_key(|(_, pair)| (pair.is_valid(), pair.heard)).map(|(index, _)| *index)
    }

    fn is_forger(&self, now: Instant, path: Path) -> bool {
        // A path that has proven itself is always listened to.
        if self.pairs.iter().any(|pair| pair.path == path) {
            return false;
        }
        let network = network_of(path.remote.ip());
        self.forgers.iter().any(|forger| {
            forger.network == network && forger.count >= MAX_FORGERIES && now < forger.since + FORGERY_WINDOW
        })
    }

    fn note_forgery(&mut self, now: Instant, path: Path) {
        let network = network_of(path.remote.ip());
        self.forgers.retain(|forger| now < forger.since + FORGERY_WINDOW);
        if let Some(forger) = self.forgers.iter_mut().find(|forger| forger.network == network) {
            forger.count = forger.count.saturating_add(1);
        } else {
            // With eight forging networks at a time the ninth goes unlimited: it costs one hash for each packet.
            let _ = self.forgers.push(Forger { network, since: now, count: 1 });
        }
    }

    pub(crate) fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        let mut next = Earliest::default();
        for pair in &self.pairs {
            next.offer(pair.expiry(), Wake::Consent);
            self.offer_checks(&mut next, pair);
        }
        if let Some(selected) = self.selected_pair()
            && self.pairs.iter().any(|pair| pair.is_valid() && pair.heard > selected.inbound)
        {
            next.offer(selected.inbound + SILENCE, Wake::Nomination);
        }
        if self.remote.is_some() {
            for signalled in &self.signalled {
                let paced = if signalled.sends == 0 { self.next_new_check } else { signalled.due };
                next.offer(signalled.due.max(paced), Wake::IceCheck);
            }
            self.offer_nomination(&mut next);
        }
        next.0
    }

    fn offer_checks(&self, next: &mut Earliest, pair: &Pair) {
        if self.remote.is_none() {
            return;
        }
        if let Some(probe) = pair.probe {
            let paced = if probe.sends == 0 { self.next_new_check } else { probe.due };
            next.offer(probe.due.max(paced), Wake::IceCheck);
        }
        if pair.wants_consent(self.selected == Some(pair.path)) {
            next.offer(pair.consent_due, Wake::Consent);
        }
    }

    fn offer_nomination(&self, next: &mut Earliest) {
        match self.nomination {
            Nomination::Asking { due, .. } => next.offer(due, Wake::Nomination),
            Nomination::Open if self.controlling => {
                // `run` has nominated whatever could be; what is left is a relay that waits.
                for pair in self.pairs.iter().filter(|pair| pair.relayed) {
                    if let Some(since) = pair.valid_since {
                        next.offer(since + RELAY_PATIENCE, Wake::Nomination);
                    }
                }
            }
            _ => {}
        }
    }
}

const FORGERY_WINDOW: Duration = Duration::from_secs(1);

/// Whether it makes sense to send from one of our addresses to that of a candidate.
fn may_reach(local: IpAddr, remote: IpAddr) -> bool {
    let family = local.is_ipv4() == remote.is_ipv4();
    let link_local = match remote {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    family
        && !link_local
        && !remote.is_multicast()
        && !remote.is_unspecified()
        && local.is_loopback() == remote.is_loopback()
}

/// IPv4 as such, also when a dual-stack socket wrote it as IPv6.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The /24 or /56 that an address belongs to.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(std::net::Ipv4Addr::from_bits(v4.to_bits() & 0xFFFF_FF00)),
        IpAddr::V6(v6) => IpAddr::V6(std::net::Ipv6Addr::from_bits(v6.to_bits() & !((1 << 72) - 1))),
    }
}
