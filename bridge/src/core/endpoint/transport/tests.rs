use crate::core::grid::Grid;
use std::time::Duration;

use bytes::Bytes;
use jitsi_wire::jingle::{Fingerprint, Setup};
use rand_core::SeedableRng;
use rtc_sctp::PayloadProtocolIdentifier;
use rtc_stun::attributes::ATTR_USERNAME;
use rtc_stun::message::BINDING_REQUEST;

use super::*;
use crate::core::endpoint::dtls::{Dtls, DtlsOutput};
use crate::core::endpoint::ice::peer::{Peer, bridge_params, decode, path};
use crate::core::endpoint::sctp::tests::Client;
use crate::core::srtp::{Keys, Profile};

/// A browser: ICE, DTLS client, data channel.
struct Browser {
    peer: Peer,
    identity: Arc<Identity>,
    dtls: Dtls,
    keys: Option<Keys>,
    sctp: Option<Client>,
    said_open: bool,
    /// What the browser made for an ICE restart, and where it uses it.
    restarted: Option<(Path, Peer)>,
}

/// The transport and a browser on a line of 20 ms one way.
struct World {
    transport: Transport,
    identity: Arc<Identity>,
    browser: Browser,
    path: Path,
    start: Instant,
    now: Instant,
    in_flight: Vec<(Instant, bool, Path, Bytes)>,
    keys: Vec<(Instant, Keys)>,
    texts: Vec<String>,
    failures: Vec<TransportFailure>,
    connected: usize,
    opened: usize,
    gone: Vec<Path>,
    ufrags_gone: Vec<String>,
    /// Paths of everything the transport sent that is not STUN.
    protected: Vec<Path>,
    dice: u32,
    loss: u32,
}

fn dtls_profiles() -> Vec<Profile> {
    vec![Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80]
}

impl World {
    fn new() -> Self {
        let start = Instant::now();
        let identity = Arc::new(Identity::generate().unwrap());
        let theirs = Arc::new(Identity::generate().unwrap());
        let options = Options { profiles: dtls_profiles(), sctp: true, grid: Grid::new(start) };
        let transport = Transport::new(start, &identity, bridge_params(), ChaCha8Rng::from_seed([9; 32]), options);
        let browser = Browser {
            peer: Peer::new(),
            dtls: Dtls::new(theirs.clone(), dtls_profiles()),
            identity: theirs,
            keys: None,
            sctp: None,
            said_open: false,
            restarted: None,
        };
        Self {
            transport,
            identity,
            browser,
            path: path(1, 1000),
            start,
            now: start,
            in_flight: Vec::new(),
            keys: Vec::new(),
            texts: Vec::new(),
            failures: Vec::new(),
            connected: 0,
            opened: 0,
            gone: Vec::new(),
            ufrags_gone: Vec::new(),
            protected: Vec::new(),
            dice: 1,
            loss: 0,
        }
    }

    fn signalled(&self, setup: Setup) -> IceUdpTransport {
        let mut remote = self.browser.peer.signalled();
        remote.fingerprints = vec![print_of(&self.browser.identity, setup)];
        remote
    }

    fn signal(&mut self, setup: Setup) {
        let remote = self.signalled(setup);
        self.transport.set_remote(self.now, &remote);
    }

    fn browser_knows(&mut self, setup: Setup) {
        let fingerprint = print_of(&self.identity, setup);
        self.browser.dtls.set_remote(self.now, &[fingerprint]);
    }

    fn ask(&mut self) {
        let request = self.browser.peer.request();
        self.send(true, self.path, Bytes::from(request));
    }

    fn send(&mut self, to_bridge: bool, path: Path, datagram: Bytes) {
        assert!(datagram.len() <= 1200);
        self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if (self.dice >> 16) % 100 >= self.loss {
            self.in_flight.push((self.now + Duration::from_millis(20), to_bridge, path, datagram));
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.transport.poll(self.now) {
            match output {
                TransportOutput::Transmit { path, datagram } => {
                    if datagram[0] >= 20 {
                        self.protected.push(path);
                    }
                    self.send(false, path, datagram.freeze());
                }
                TransportOutput::Connected => self.connected += 1,
                TransportOutput::SrtpReady(keys) => self.keys.push((self.now, keys)),
                TransportOutput::ChannelOpen => self.opened += 1,
                TransportOutput::ChannelText(text) => self.texts.push(text),
                TransportOutput::ChannelClosed => self.opened -= 1,
                TransportOutput::PathGone(path) => self.gone.push(path),
                TransportOutput::UfragGone(ufrag) => self.ufrags_gone.push(ufrag),
                TransportOutput::Failed(failure) => self.failures.push(failure),
            }
        }
        self.drain_browser();
    }

    fn drain_browser(&mut self) {
        if let Some(client) = &mut self.browser.sctp {
            let mut packets = client.poll(self.now);
            if client.connected && !self.browser.said_open {
                client.open(self.now, 0);
                self.browser.said_open = true;
                packets.extend(client.poll(self.now));
            }
            for packet in packets {
                self.browser.dtls.write(self.now, &packet);
            }
        }
        while let Some(output) = self.browser.dtls.poll() {
            match output {
                DtlsOutput::Transmit(datagram) => self.send(true, self.path, datagram.freeze()),
                DtlsOutput::Keys(keys) => {
                    self.browser.keys = Some(keys);
                    self.browser.sctp = Some(Client::new(self.now));
                    self.drain_browser();
                }
                DtlsOutput::Data(packet) => {
                    if let Some(client) = &mut self.browser.sctp {
                        client.handle(self.now, &packet);
                        self.drain_browser();
                    }
                }
                _ => {}
            }
        }
    }

    fn reach_browser(&mut self, path: Path, datagram: &[u8]) {
        let restarted = self.browser.restarted.as_ref().filter(|(at, _)| *at == path).map(|(_, peer)| peer);
        let first = (path == self.path).then_some(&self.browser.peer);
        if restarted.or(first).is_none() {
            return;
        }
        if datagram[0] < 4 {
            let message = decode(datagram);
            let asks = |peer: &&Peer| message.get(ATTR_USERNAME).unwrap().starts_with(peer.ufrag.as_bytes());
            if message.typ == BINDING_REQUEST
                && let Some(peer) = restarted.filter(asks).or(first.filter(asks))
            {
                let answer = peer.answer(datagram, path.remote);
                self.send(true, path, Bytes::from(answer));
            }
        } else {
            self.browser.dtls.handle(self.now, datagram, Some(Duration::from_millis(40)));
        }
    }

    fn reach_bridge(&mut self, path: Path, datagram: &[u8]) {
        if datagram[0] < 4 {
            self.transport.handle_stun(self.now, path, datagram);
        } else {
            self.transport.handle_dtls(self.now, path, datagram);
        }
    }

    fn wakeups(&self) -> Option<Instant> {
        let mut dtls = Earliest::default();
        self.browser.dtls.next_wakeup(&mut dtls);
        let client = self.browser.sctp.as_ref().and_then(|client| client.association.poll_timeout());
        self.transport.next_wakeup().map(|(at, _)| at).into_iter().chain(dtls.0.map(|(at, _)| at)).chain(client).min()
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut turns = 0;
        loop {
            turns += 1;
            assert!(turns < 100_000, "somebody wants to be woken without end");
            self.drain();
            let arrival = self.in_flight.iter().map(|(at, ..)| *at).min();
            let Some(next) = arrival.into_iter().chain(self.wakeups()).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if let Some(index) = self.in_flight.iter().position(|(at, ..)| *at <= self.now) {
                let (_, to_bridge, path, datagram) = self.in_flight.remove(index);
                if to_bridge {
                    self.reach_bridge(path, &datagram)
                } else {
                    self.reach_browser(path, &datagram)
                }
                continue;
            }
            self.transport.on_wakeup(self.now);
            self.browser.dtls.on_wakeup(self.now);
            if let Some(client) = &mut self.browser.sctp {
                client.association.handle_timeout(self.now);
            }
        }
        self.now = end;
    }
}

fn print_of(identity: &Identity, setup: Setup) -> Fingerprint {
    Fingerprint { hash: "sha-256".to_owned(), value: identity.fingerprint().to_owned(), setup: Some(setup) }
}

/// The usual course: signalled as active, the browser asks, then opens DTLS.
fn joined() -> World {
    let mut world = World::new();
    world.signal(Setup::Active);
    world.browser_knows(Setup::Passive);
    world.ask();
    world.run(Duration::from_millis(100));
    world.browser.dtls.start(world.now, None);
    world.run(Duration::from_secs(2));
    world
}

#[test]
fn a_browser_joins_and_talks() {
    let mut world = joined();
    assert_eq!((world.connected, world.opened), (1, 1));
    let theirs = world.browser.keys.clone().unwrap();
    let (at, ours) = world.keys[0].clone();
    assert_eq!((&ours.local, &ours.remote), (&theirs.remote, &theirs.local));
    // Three round trips of 40 ms for DTLS after the 100 ms of ICE.
    assert!(at <= world.start + Duration::from_millis(100 + 3 * 40));

    world.transport.send_text(world.now, "hello down").unwrap();
    let now = world.now;
    world.browser.sctp.as_mut().unwrap().say(now, 0, PayloadProtocolIdentifier::String, b"hello up");
    world.run(Duration::from_secs(1));
    assert_eq!(world.texts, ["hello up"]);
    assert_eq!(world.browser.sctp.as_ref().unwrap().received.last().unwrap().2, b"hello down");
    assert!(world.failures.is_empty());
    assert!(world.transport.last_activity().is_some());
}

#[test]
fn a_browser_that_says_passive_is_called_by_us() {
    let mut world = World::new();
    world.signal(Setup::Passive);
    world.browser_knows(Setup::Active);
    world.ask();
    world.run(Duration::from_secs(2));
    let (_, ours) = world.keys[0].clone();
    let theirs = world.browser.keys.clone().unwrap();
    assert_eq!((ours.local, ours.remote), (theirs.remote, theirs.local));
}

#[test]
fn everything_may_come_before_its_signalling() {
    let mut world = World::new();
    world.browser_knows(Setup::Passive);
    world.ask();
    world.run(Duration::from_millis(100));
    world.browser.dtls.start(world.now, None);
    world.run(Duration::from_secs(1));
    // The handshake is over on the browser's side, but nothing of it is used here.
    assert!(world.browser.keys.is_some());
    assert!(world.keys.is_empty() && world.opened == 0 && world.transport.selected().is_none());
    world.signal(Setup::Active);
    world.drain();
    assert_eq!(world.keys.len(), 1);
    world.run(Duration::from_secs(2));
    assert_eq!(world.transport.selected(), Some(world.path));
    assert_eq!((world.connected, world.opened), (1, 1));
}

#[test]
fn checklist_24_a_foreign_certificate_fails_the_transport_without_keys() {
    let mut world = World::new();
    let mut remote = world.signalled(Setup::Active);
    remote.fingerprints = vec![print_of(&Identity::generate().unwrap(), Setup::Active)];
    world.transport.set_remote(world.now, &remote);
    world.browser_knows(Setup::Passive);
    world.ask();
    world.run(Duration::from_millis(100));
    world.browser.dtls.start(world.now, None);
    world.run(Duration::from_secs(5));
    assert!(world.keys.is_empty() && world.opened == 0);
    assert_eq!(world.failures, [TransportFailure::Fingerprint]);
}

#[test]
fn checklist_25_an_update_without_fingerprints_keeps_the_known_ones() {
    let mut world = World::new();
    world.signal(Setup::Active);
    let bare = world.browser.peer.signalled();
    world.transport.set_remote(world.now, &bare);
    world.browser_knows(Setup::Passive);
    world.ask();
    world.run(Duration::from_millis(100));
    world.browser.dtls.start(world.now, None);
    world.run(Duration::from_secs(1));
    assert_eq!(world.keys.len(), 1);
}

#[test]
fn thirty_percent_loss_on_the_whole_way_ends_in_an_open_channel() {
    for seed in 1..=20 {
        let mut world = World::new();
        (world.dice, world.loss) = (seed, 30);
        world.signal(Setup::Active);
        world.browser_knows(Setup::Passive);
        let mut started = false;
        while world.opened == 0 {
            world.ask();
            world.run(Duration::from_millis(100));
            if world.transport.selected().is_some() && !started {
                started = true;
                world.browser.dtls.start(world.now, Some(Duration::from_millis(40)));
            }
            if world.now > world.start + Duration::from_secs(10) {
                world.loss = 0;
            }
            assert!(world.now < world.start + Duration::from_secs(80), "seed {seed}");
        }
        assert!(world.failures.is_empty(), "seed {seed}: {:?}", world.failures);
        for number in 0..10 {
            world.transport.send_text(world.now, &number.to_string()).unwrap();
        }
        world.run(Duration::from_secs(20));
        let received = &world.browser.sctp.as_ref().unwrap().received;
        let texts = received.iter().filter(|(_, ppi, _)| *ppi == PayloadProtocolIdentifier::String).count();
        assert_eq!(texts, 10, "seed {seed}");
    }
}

#[test]
fn a_network_change_takes_dtls_and_the_channel_along() {
    let mut world = joined();
    let old = world.path;
    world.path = path(1, 2000);
    world.run(Duration::from_millis(1500));
    world.ask();
    world.run(Duration::from_secs(2));
    assert_eq!(world.transport.selected(), Some(world.path));
    world.protected.clear();
    world.transport.send_text(world.now, "over here").unwrap();
    world.run(Duration::from_secs(1));
    assert_eq!(world.browser.sctp.as_ref().unwrap().received.last().unwrap().2, b"over here");
    assert!(world.protected.iter().all(|path| *path == world.path));
    world.run(Duration::from_secs(40));
    assert_eq!(world.gone, [old]);
    assert!(world.failures.is_empty());
    assert_eq!(world.keys.len(), 1);
}

#[test]
fn nothing_is_sent_to_a_peer_without_consent() {
    let mut world = joined();
    world.loss = 100;
    world.run(Duration::from_secs(31));
    assert_eq!(world.failures, [TransportFailure::Consent]);
    assert!(world.transport.selected().is_none());
    world.protected.clear();
    let _ = world.transport.send_text(world.now, "hello?");
    world.run(Duration::from_secs(30));
    assert!(world.protected.is_empty());
}

#[test]
fn closing_says_goodbye() {
    let mut world = joined();
    world.protected.clear();
    world.transport.close(world.now);
    world.run(Duration::from_secs(1));
    // SCTP's ABORT and DTLS' close_notify.
    assert_eq!(world.protected.len(), 2);
    assert!(!world.browser.dtls.is_verified());
    assert_eq!(world.opened, 0);
}

/// New credentials of the bridge, and what the browser made of them for the path.
fn restart(world: &mut World, ufrag: &str, path: Path) -> u32 {
    let params = LocalParams { ufrag: ufrag.to_owned(), pwd: "bridge-password-after-restart".to_owned() };
    let identity = world.identity.clone();
    let rng = ChaCha8Rng::from_seed([3; 32]);
    let generation = world.transport.restart_ice(world.now, &identity, params.clone(), rng);
    let mut peer = Peer::new();
    peer.ufrag = "again".to_owned();
    peer.pwd = "peer-password-after-restart".to_owned();
    peer.bridge = params;
    world.browser.restarted = Some((path, peer));
    generation
}

/// The browser checks its new path and tells its new credentials.
fn follow(world: &mut World, generation: u32) {
    let (path, mut peer) = world.browser.restarted.take().unwrap();
    let request = peer.request();
    let remote = IceUdpTransport { ice_generation: Some(generation), ..peer.signalled() };
    world.browser.restarted = Some((path, peer));
    world.send(true, path, Bytes::from(request));
    world.transport.set_remote(world.now, &remote);
}

#[test]
fn checklist_11_14_an_ice_restart_moves_media_when_the_new_pair_is_nominated_and_keeps_keys_and_channel() {
    let mut world = joined();
    let (old, new) = (world.path, path(2, 3000));
    let generation = restart(&mut world, "bridge02", new);
    world.run(Duration::from_secs(3));
    assert_eq!(world.transport.selected(), Some(old), "the old path carries on");
    world.transport.send_text(world.now, "meanwhile").unwrap();
    world.run(Duration::from_millis(100));
    assert_eq!(world.browser.sctp.as_ref().unwrap().received.last().unwrap().2, b"meanwhile");
    follow(&mut world, generation);
    world.run(Duration::from_millis(200));
    assert_eq!(world.transport.selected(), Some(new));
    assert!(world.gone.is_empty() && world.ufrags_gone.is_empty(), "what is under way still arrives");
    world.protected.clear();
    world.transport.send_text(world.now, "over here").unwrap();
    world.run(Duration::from_secs(1));
    assert_eq!(world.browser.sctp.as_ref().unwrap().received.last().unwrap().2, b"over here");
    assert!(world.protected.iter().all(|path| *path == new));
    // The browser has forgotten the old path.
    world.path = new;
    world.run(Duration::from_millis(1800));
    assert!(world.ufrags_gone.is_empty(), "for three seconds the old one is answered");
    world.run(Duration::from_millis(200));
    assert_eq!(world.ufrags_gone, ["bridge01"]);
    world.run(Duration::from_secs(58));
    assert_eq!((world.gone.as_slice(), world.ufrags_gone.as_slice()), (&[old][..], &["bridge01".to_owned()][..]));
    assert_eq!(world.transport.selected(), Some(new));
    assert_eq!((world.keys.len(), world.opened, world.failures.len(), world.connected), (1, 1, 0, 1));
}

#[test]
fn an_ice_restart_revives_a_transport_that_lost_its_path() {
    let mut world = joined();
    world.loss = 100;
    world.run(Duration::from_secs(31));
    assert_eq!(world.transport.selected(), None);
    world.loss = 0;
    let new = path(2, 3000);
    let generation = restart(&mut world, "bridge02", new);
    follow(&mut world, generation);
    world.run(Duration::from_millis(200));
    assert_eq!(world.transport.selected(), Some(new));
    assert_eq!(world.keys.len(), 1);
}

#[test]
fn checklist_11_a_restart_that_nobody_follows_is_forgotten_and_a_newer_one_replaces_it() {
    let mut world = joined();
    let old = world.path;
    let first = restart(&mut world, "bridge02", path(2, 3000));
    let second = restart(&mut world, "bridge03", path(2, 3001));
    assert_eq!((first, second), (1, 2));
    world.run(Duration::from_secs(1));
    assert_eq!(world.ufrags_gone, ["bridge02"]);
    // An answer to the first one comes too late.
    let stale =
        IceUdpTransport { ice_generation: Some(first), ..world.browser.restarted.as_ref().unwrap().1.signalled() };
    world.transport.set_remote(world.now, &stale);
    for _ in 0..18 {
        world.ask();
        world.run(Duration::from_secs(1));
    }
    assert_eq!(world.ufrags_gone, ["bridge02"], "the second one is waited for");
    for _ in 0..20 {
        world.ask();
        world.run(Duration::from_secs(1));
    }
    assert_eq!(world.ufrags_gone, ["bridge02", "bridge03"]);
    assert_eq!(world.transport.selected(), Some(old));
}

#[test]
fn checklist_12_an_update_is_for_the_agent_of_its_generation() {
    let mut world = joined();
    let (old, new) = (world.path, path(2, 3000));
    let generation = restart(&mut world, "bridge02", new);
    let (_, mut peer) = world.browser.restarted.take().unwrap();
    let tagged = |generation| IceUdpTransport { ice_generation: Some(generation), ..peer.signalled() };
    world.transport.set_remote(world.now, &tagged(generation + 1));
    let bare = world.browser.peer.signalled();
    world.transport.set_remote(world.now, &bare);
    // The new agent knows nobody: it answers and asks nothing.
    let request = peer.request();
    world.browser.restarted = Some((new, peer));
    world.send(true, new, Bytes::from(request));
    world.run(Duration::from_secs(2));
    assert_eq!(world.transport.selected(), Some(old));
    assert!(
        matches!(world.transport.restart_state(), RestartState::Pending(_, 1)),
        "asked again, it is the same restart"
    );
    follow(&mut world, generation);
    world.run(Duration::from_millis(200));
    assert_eq!(world.transport.selected(), Some(new));
    assert!(matches!(world.transport.restart_state(), RestartState::Possible));
}

#[test]
fn checklist_13_nothing_is_restarted_before_there_is_a_connection_or_after_its_end() {
    let mut world = World::new();
    assert!(
        matches!(world.transport.restart_state(), RestartState::NotEstablished(local) if local.ufrag == "bridge01")
    );
    world = joined();
    assert!(matches!(world.transport.restart_state(), RestartState::Possible));
    let now = world.now;
    world.browser.dtls.close(now);
    world.run(Duration::from_secs(1));
    assert!(matches!(world.transport.restart_state(), RestartState::Impossible));
}

#[test]
fn checklist_20_the_bridge_waits_for_whoever_says_active_or_nothing_and_calls_who_says_passive() {
    for (setup, calls) in [(Some(Setup::Active), false), (Some(Setup::Passive), true), (None, false)] {
        let mut world = World::new();
        let mut remote = world.signalled(Setup::Active);
        remote.fingerprints[0].setup = setup;
        world.transport.set_remote(world.now, &remote);
        world.ask();
        world.run(Duration::from_millis(300));
        assert_eq!(!world.protected.is_empty(), calls, "{setup:?}: a hello is sent only to who waits for it");
    }
}

#[test]
fn checklist_15_a_restart_over_the_same_path_keeps_the_path() {
    let mut world = joined();
    let same = world.path;
    let generation = restart(&mut world, "bridge02", same);
    follow(&mut world, generation);
    world.run(Duration::from_secs(40));
    assert_eq!(world.transport.selected(), Some(same));
    assert!(world.gone.is_empty(), "{:?}", world.gone);
    assert_eq!(world.ufrags_gone, ["bridge01"]);
}
