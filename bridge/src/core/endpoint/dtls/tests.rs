use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::*;

/// One end of a handshake.
trait End {
    fn handle(&mut self, now: Instant, datagram: &[u8]);
    fn poll(&mut self) -> Option<BytesMut>;
    fn next(&self) -> Option<Instant>;
    fn wake(&mut self, now: Instant);
    fn ready(&self) -> bool;
}

/// Our association, with everything but datagrams collected.
struct Ours {
    dtls: Dtls,
    keys: Vec<Keys>,
    data: Vec<BytesMut>,
    failures: Vec<TransportFailure>,
    closed: bool,
}

impl Ours {
    fn new(profiles: &[Profile]) -> Self {
        let identity = Arc::new(Identity::generate().unwrap());
        Self {
            dtls: Dtls::new(identity, profiles.to_vec()),
            keys: Vec::new(),
            data: Vec::new(),
            failures: Vec::new(),
            closed: false,
        }
    }

    fn fingerprint(&self) -> String {
        self.dtls.identity.fingerprint().to_owned()
    }

    fn collect(&mut self) -> Option<BytesMut> {
        while let Some(output) = self.dtls.poll() {
            match output {
                DtlsOutput::Transmit(datagram) => return Some(datagram),
                DtlsOutput::Keys(keys) => self.keys.push(keys),
                DtlsOutput::Data(data) => self.data.push(data),
                DtlsOutput::Closed => self.closed = true,
                DtlsOutput::Failed(failure) => self.failures.push(failure),
            }
        }
        None
    }
}

impl End for Ours {
    fn handle(&mut self, now: Instant, datagram: &[u8]) {
        self.dtls.handle(now, datagram, Some(RTT));
    }
    fn poll(&mut self) -> Option<BytesMut> {
        self.collect()
    }
    fn next(&self) -> Option<Instant> {
        let mut next = Earliest::default();
        self.dtls.next_wakeup(&mut next);
        next.0.map(|(at, _)| at)
    }
    fn wake(&mut self, now: Instant) {
        self.dtls.on_wakeup(now);
    }
    fn ready(&self) -> bool {
        !self.keys.is_empty()
    }
}

/// A bare `rtc_dtls` client, as `webrtc` has it.
struct Bare {
    endpoint: Endpoint,
    fingerprint: String,
    complete: bool,
    data: Vec<BytesMut>,
}

impl Bare {
    fn new(now: Instant, suite: Option<CipherSuiteId>, profiles: &[Profile], certificate: bool) -> Self {
        let identity = Identity::generate().unwrap();
        let mut config = ConfigBuilder::default()
            .with_crypto_provider(identity.crypto.clone())
            .with_srtp_protection_profiles(profiles.iter().copied().map(wire_profile).collect())
            .with_insecure_skip_verify(true)
            .with_flight_interval(Duration::from_millis(400));
        if certificate {
            config = config.with_certificates(vec![identity.certificate.clone()]);
        }
        if let Some(suite) = suite {
            config = config.with_cipher_suites(vec![suite]);
        }
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
        endpoint.connect(now, PEER, Arc::new(config.build(true, Some(PEER)).unwrap()), None).unwrap();
        Self { endpoint, fingerprint: identity.fingerprint().to_owned(), complete: false, data: Vec::new() }
    }

    fn keys(&self) -> Keys {
        let state = self.endpoint.get_connection_state(PEER).unwrap();
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::AeadAes128Gcm,
            _ => Profile::Aes128CmHmacSha1_80,
        };
        let block = state.export_keying_material(EXPORTER_LABEL, &[], profile.exporter_len()).unwrap();
        Keys::from_exporter(profile, block.as_ref(), true).unwrap()
    }
}

impl End for Bare {
    fn handle(&mut self, now: Instant, datagram: &[u8]) {
        for event in self.endpoint.read(now, PEER, None, BytesMut::from(datagram)).unwrap_or_default() {
            match event {
                EndpointEvent::HandshakeComplete => self.complete = true,
                EndpointEvent::ApplicationData(data) => self.data.push(data),
                _ => {}
            }
        }
    }
    fn poll(&mut self) -> Option<BytesMut> {
        Some(self.endpoint.poll_transmit()?.message)
    }
    fn next(&self) -> Option<Instant> {
        self.endpoint.poll_timeout(&PEER)
    }
    fn wake(&mut self, now: Instant) {
        let _ = self.endpoint.handle_timeout(PEER, now);
    }
    fn ready(&self) -> bool {
        self.complete
    }
}

const RTT: Duration = Duration::from_millis(100);
const BOTH: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80];

/// A line of 100 ms round trip that loses the datagrams whose numbers `lose` names.
struct Line {
    start: Instant,
    now: Instant,
    in_flight: Vec<(Instant, bool, BytesMut)>,
    count: usize,
    seen: Vec<BytesMut>,
}

impl Line {
    fn new() -> Self {
        let start = Instant::now();
        Self { start, now: start, in_flight: Vec::new(), count: 0, seen: Vec::new() }
    }

    fn carry(&mut self, client: &mut dyn End, server: &mut dyn End, lose: &dyn Fn(usize) -> bool) {
        for (to_server, from) in [(true, &mut *client as &mut dyn End), (false, &mut *server)] {
            while let Some(datagram) = from.poll() {
                assert!(datagram.len() <= 1200, "{}", datagram.len());
                self.seen.push(datagram.clone());
                if !lose(self.count) {
                    self.in_flight.push((self.now + RTT / 2, to_server, datagram));
                }
                self.count += 1;
            }
        }
    }

    /// Runs until both are ready or nothing is left to happen; how long it took.
    fn run(
        &mut self,
        client: &mut dyn End,
        server: &mut dyn End,
        lose: &dyn Fn(usize) -> bool,
        limit: Duration,
    ) -> Duration {
        loop {
            self.carry(client, server, lose);
            if client.ready() && server.ready() {
                break;
            }
            let arrival = self.in_flight.iter().map(|(at, _, _)| *at).min();
            let next = arrival.into_iter().chain(client.next()).chain(server.next()).min();
            let Some(next) = next.filter(|next| *next <= self.start + limit) else {
                self.now = self.start + limit;
                break;
            };
            self.now = self.now.max(next);
            if let Some(index) = self.in_flight.iter().position(|(at, _, _)| *at <= self.now) {
                let (_, to_server, datagram) = self.in_flight.remove(index);
                if to_server { server.handle(self.now, &datagram) } else { client.handle(self.now, &datagram) }
            }
            if client.next().is_some_and(|at| at <= self.now) {
                client.wake(self.now);
            }
            if server.next().is_some_and(|at| at <= self.now) {
                server.wake(self.now);
            }
        }
        self.now - self.start
    }
}

fn sha256(value: &str, setup: Setup) -> Vec<Fingerprint> {
    vec![Fingerprint { hash: "sha-256".to_owned(), value: value.to_owned(), setup: Some(setup) }]
}

const LIMIT: Duration = Duration::from_secs(40);

fn lossless(_: usize) -> bool {
    false
}

/// Our server and our client, each knowing the other.
fn pair() -> (Ours, Ours) {
    let (mut client, mut server) = (Ours::new(&BOTH), Ours::new(&BOTH));
    let now = Instant::now();
    client.dtls.set_remote(now, &sha256(&server.fingerprint(), Setup::Passive));
    server.dtls.set_remote(now, &sha256(&client.fingerprint(), Setup::Active));
    (client, server)
}

fn handshake(client: &mut Ours, server: &mut Ours, lose: &dyn Fn(usize) -> bool) -> Duration {
    let mut line = Line::new();
    client.dtls.start(line.now, Some(RTT));
    line.run(client, server, lose, LIMIT)
}

fn bare_handshake(client: &mut Bare, server: &mut Ours, lose: &dyn Fn(usize) -> bool) -> Duration {
    server.dtls.set_remote(Instant::now(), &sha256(&client.fingerprint, Setup::Active));
    Line::new().run(client, server, lose, LIMIT)
}

#[test]
fn both_ends_get_the_same_keys() {
    let (mut client, mut server) = pair();
    let took = handshake(&mut client, &mut server, &lossless);
    assert!(took <= RTT * 3, "{took:?}");
    assert_eq!(client.keys.len(), 1);
    assert_eq!(client.keys[0].local, server.keys[0].remote);
    assert_eq!(client.keys[0].remote, server.keys[0].local);
    assert_ne!(client.keys[0].local, client.keys[0].remote);
}

#[test]
fn checklist_26_the_servers_order_decides_about_the_profile() {
    for profiles in [BOTH, [BOTH[1], BOTH[0]]] {
        let mut client = Bare::new(Instant::now(), None, &BOTH, true);
        let mut server = Ours::new(&profiles);
        bare_handshake(&mut client, &mut server, &lossless);
        assert_eq!(server.keys[0].profile, profiles[0]);
        assert_eq!(client.keys().local, server.keys[0].remote);
        assert_eq!(client.keys().profile, profiles[0]);
    }
}

#[test]
fn checklist_26_a_client_with_one_profile_gets_that_one_and_one_without_ours_gets_none() {
    for profile in BOTH {
        let mut client = Bare::new(Instant::now(), None, &[profile], true);
        let mut server = Ours::new(&BOTH);
        bare_handshake(&mut client, &mut server, &lossless);
        assert_eq!(server.keys[0].profile, profile);
    }
    let mut client = Bare::new(Instant::now(), None, &[BOTH[1]], true);
    let mut server = Ours::new(&[BOTH[0]]);
    bare_handshake(&mut client, &mut server, &lossless);
    assert!(server.keys.is_empty());
    assert_eq!(server.failures, [TransportFailure::Handshake]);
}

#[test]
fn both_cipher_suites_work_and_cbc_is_refused() {
    use CipherSuiteId as Id;
    let outcome = |suite| {
        let mut client = Bare::new(Instant::now(), Some(suite), &BOTH, true);
        let mut server = Ours::new(&BOTH);
        bare_handshake(&mut client, &mut server, &lossless);
        server.keys.len()
    };
    assert_eq!(outcome(Id::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256), 1);
    assert_eq!(outcome(Id::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256), 1);
    assert_eq!(outcome(Id::Tls_Ecdhe_Ecdsa_With_Aes_256_Cbc_Sha), 0);
}

#[test]
fn checklist_24_a_client_without_certificate_gets_no_keys() {
    let mut client = Bare::new(Instant::now(), None, &BOTH, false);
    let mut server = Ours::new(&BOTH);
    bare_handshake(&mut client, &mut server, &lossless);
    assert!(server.keys.is_empty());
    assert_eq!(server.failures, [TransportFailure::Handshake]);
}

/// As many datagrams as a handshake has, and some of the repeated ones.
const POSITIONS: usize = 12;

#[test]
fn checklist_21_22_chapter_9_22_the_handshake_survives_the_loss_of_any_datagram_and_of_any_two() {
    for first in 0..POSITIONS {
        for second in first..POSITIONS {
            let (mut client, mut server) = pair();
            let took = handshake(&mut client, &mut server, &|number| number == first || number == second);
            assert!(client.ready() && server.ready(), "without {first} and {second}");
            assert!(took < Duration::from_secs(3), "without {first} and {second}: {took:?}");
        }
    }
}

#[test]
fn checklist_21_22_chapter_9_22_a_bare_client_survives_the_loss_of_any_datagram_and_of_any_two() {
    for first in 0..POSITIONS {
        for second in first..POSITIONS {
            let mut client = Bare::new(Instant::now(), None, &BOTH, true);
            let mut server = Ours::new(&BOTH);
            let took = bare_handshake(&mut client, &mut server, &|number| number == first || number == second);
            assert!(client.ready() && server.ready(), "without {first} and {second}");
            assert!(took < Duration::from_secs(3), "without {first} and {second}: {took:?}");
        }
    }
}

#[test]
fn checklist_24_a_wrong_fingerprint_never_yields_keys() {
    let (mut client, mut server) = pair();
    let other = Identity::generate().unwrap();
    server.dtls.set_remote(Instant::now(), &sha256(other.fingerprint(), Setup::Active));
    handshake(&mut client, &mut server, &lossless);
    assert!(server.keys.is_empty() && server.data.is_empty());
    assert_eq!(server.failures, [TransportFailure::Fingerprint]);
    // Not even when the right one comes afterwards.
    server.dtls.set_remote(Instant::now(), &sha256(&client.fingerprint(), Setup::Active));
    assert!(server.collect().is_none() && server.keys.is_empty());
}

#[test]
fn keys_and_data_wait_for_a_late_fingerprint() {
    let now = Instant::now();
    let mut server = Ours::new(&BOTH);
    let mut client = Bare::new(now, None, &BOTH, true);
    let mut line = Line::new();
    line.run(&mut client, &mut server, &lossless, Duration::from_secs(1));
    assert!(client.complete && server.keys.is_empty());
    client.endpoint.write(line.now, PEER, b"early").unwrap();
    line.run(&mut client, &mut server, &lossless, Duration::from_secs(2));
    assert!(server.data.is_empty());
    // An update without fingerprints changes nothing.
    server.dtls.set_remote(line.now, &[]);
    assert!(server.collect().is_none() && server.keys.is_empty());
    server.dtls.set_remote(line.now, &sha256(&client.fingerprint, Setup::Active));
    assert!(server.collect().is_none());
    assert_eq!(server.keys.len(), 1);
    assert_eq!(server.data, [&b"early"[..]]);
    assert_eq!(client.keys().local, server.keys[0].remote);
}

#[test]
fn the_strongest_signalled_hash_counts_and_sha_1_does_not() {
    let identity = Identity::generate().unwrap();
    let der = &identity.certificate.certificate[0];
    let print = |hash: &str, value: String| Fingerprint { hash: hash.to_owned(), value, setup: None };
    let sha256 = fingerprint(&digest::SHA256, der);
    let sha512 = fingerprint(&digest::SHA512, der);
    let sha1 = fingerprint(&digest::SHA1_FOR_LEGACY_USE_ONLY, der);
    assert!(matches_fingerprint(der, &[print("SHA-256", sha256.to_lowercase())]));
    assert!(matches_fingerprint(der, &[print("sha-256", "00".to_owned()), print("sha-256", sha256.clone())]));
    assert!(matches_fingerprint(der, &[print("sha-256", "00".to_owned()), print("sha-512", sha512.clone())]));
    assert!(matches_fingerprint(der, &[print("sha-384", fingerprint(&digest::SHA384, der))]));
    assert!(!matches_fingerprint(der, &[print("sha-256", sha256.clone()), print("sha-512", "00".to_owned())]));
    assert!(!matches_fingerprint(der, &[print("sha-1", sha1)]));
    assert!(!matches_fingerprint(der, &[print("md5", sha256)]));
    assert!(!matches_fingerprint(der, &[]));
}

#[test]
fn checklist_23_the_last_flight_is_repeated_when_the_peer_repeats_its_own() {
    let (mut client, mut server) = pair();
    let mut line = Line::new();
    client.dtls.start(line.now, Some(RTT));
    line.run(&mut client, &mut server, &lossless, LIMIT);
    let last = line.seen.last().unwrap().clone();
    // The client's last flight is the datagram before the server's.
    let repeated = line.seen[line.seen.len() - 2].clone();
    server.handle(line.now + Duration::from_secs(30), &repeated);
    assert_eq!(server.collect(), Some(last));
    // Not at every datagram, and not for ever.
    server.handle(line.now + Duration::from_secs(30), &repeated);
    assert!(server.collect().is_none());
    server.handle(line.now + Duration::from_secs(90), &repeated);
    assert!(server.collect().is_none());
}

#[test]
fn data_goes_both_ways_and_close_notify_is_said_once() {
    let (mut client, mut server) = pair();
    let mut line = Line::new();
    client.dtls.start(line.now, Some(RTT));
    line.run(&mut client, &mut server, &lossless, LIMIT);
    client.dtls.write(line.now, b"to the server");
    server.dtls.write(line.now, &[7; MAX_PAYLOAD as usize]);
    client.keys.clear();
    line.run(&mut client, &mut server, &lossless, Duration::from_secs(1));
    assert_eq!(server.data, [&b"to the server"[..]]);
    assert_eq!(client.data[0].len(), MAX_PAYLOAD as usize);

    server.dtls.close(line.now);
    let farewell = server.collect().unwrap();
    assert!(server.collect().is_none());
    client.handle(line.now, &farewell);
    while client.collect().is_some() {}
    assert!(client.closed);
    assert!(client.failures.is_empty());
}

#[test]
fn a_handshake_that_is_not_finished_fails_after_thirty_seconds() {
    let (mut client, mut server) = pair();
    let took = handshake(&mut client, &mut server, &|number| number >= 3);
    assert_eq!(took, LIMIT);
    assert_eq!(server.failures, [TransportFailure::HandshakeTimeout]);
    assert_eq!(client.failures, [TransportFailure::HandshakeTimeout]);
    assert!(server.next().is_none() && client.next().is_none());
}

#[test]
fn garbage_neither_ends_the_handshake_nor_the_association() {
    let (mut client, mut server) = pair();
    let mut line = Line::new();
    let now = line.now;
    let fatal_alert = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 2, 40];
    let garbage: [&[u8]; 5] =
        [&[], &[22], &[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 1], &[20; 40], &fatal_alert];
    let shower = |server: &mut Ours| garbage.iter().for_each(|datagram| server.handle(now, datagram));
    shower(&mut server);
    client.dtls.start(line.now, Some(RTT));
    line.run(&mut client, &mut server, &|number| number >= 3, Duration::from_millis(250));
    shower(&mut server);
    line.run(&mut client, &mut server, &lossless, LIMIT);
    shower(&mut server);
    assert!(server.ready() && server.failures.is_empty() && !server.closed);
}

#[test]
fn mutated_handshakes_do_no_harm() {
    let mut dice = ChaCha8Rng::from_seed([1; 32]);
    for _ in 0..MUTATED_HANDSHAKES {
        let mut line = Line::new();
        let mut client = Bare::new(line.now, None, &BOTH, true);
        let mut server = Ours::new(&BOTH);
        // How many datagrams arrive unharmed before the harm begins.
        let unharmed = dice.next_u32() % 3;
        for number in 0..6 {
            while let Some(datagram) = client.poll() {
                let mut datagram = datagram.to_vec();
                for _ in 0..(if number < unharmed { 0 } else { 1 + dice.next_u32() % 3 }) {
                    let at = usize::try_from(dice.next_u32()).unwrap() % datagram.len();
                    datagram[at] = [0, 1, 0xFF, datagram[at].wrapping_add(1), dice.next_u32().to_le_bytes()[0]]
                        [usize::try_from(dice.next_u32() % 5).unwrap()];
                }
                server.handle(line.now, &datagram);
            }
            while let Some(datagram) = server.poll() {
                client.handle(line.now, &datagram);
            }
            line.now += Duration::from_millis(500);
            client.wake(line.now);
            server.wake(line.now);
        }
    }
}

const MUTATED_HANDSHAKES: usize = 300;
