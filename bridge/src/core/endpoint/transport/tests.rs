use std::time::Duration;

use bytes::Bytes;
use jitsi_wire::jingle::{Fingerprint, Setup};
use rand_core::SeedableRng;
use rtc_sctp::PayloadProtocolIdentifier;
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
        let options = Options { profiles: dtls_profiles(), sctp: true };
        let transport = Transport::new(start, &identity, bridge_params(), ChaCha8Rng::from_seed([9; 32]), options);
        let browser = Browser {
            peer: Peer::new(),
            dtls: Dtls::new(theirs.clone(), dtls_profiles()),
            identity: theirs,
            keys: None,
            sctp: None,
            said_open: false,
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
        if path != self.path {
            return;
        }
        if datagram[0] < 4 {
            if decode(datagram).typ == BINDING_REQUEST {
                let answer = self.browser.peer.answer(datagram, path.remote);
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
fn a_foreign_certificate_fails_the_transport_without_keys() {
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
fn an_update_without_fingerprints_keeps_the_known_ones() {
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
