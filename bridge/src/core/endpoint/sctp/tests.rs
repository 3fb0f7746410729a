use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use rtc_sctp::ClientConfig;

use super::*;

/// A browser's half of the data channel.
pub(crate) struct Client {
    endpoint: Endpoint,
    handle: AssociationHandle,
    pub(crate) association: Association,
    pub(crate) connected: bool,
    pub(crate) received: Vec<(StreamId, PayloadProtocolIdentifier, Vec<u8>)>,
    pub(crate) lost: Vec<StreamId>,
}

impl Client {
    pub(crate) fn new(now: Instant) -> Self {
        let timers = TimerConfig {
            max_t1_init_retrans: usize::MAX,
            max_t1_cookie_retrans: usize::MAX,
            max_t3_rtx_retrans: usize::MAX,
            ..TimerConfig::default()
        };
        let config = ClientConfig::new(TransportConfig::default().with_timer_config(timers));
        let mut limits = EndpointConfig::new();
        limits.max_payload_size(max_payload_size_for_mtu(MAX_PAYLOAD));
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, Arc::new(limits), None);
        let (handle, association) = endpoint.connect(now, config, PEER).unwrap();
        Self { endpoint, handle, association, connected: false, received: Vec::new(), lost: Vec::new() }
    }

    pub(crate) fn handle(&mut self, now: Instant, packet: &[u8]) {
        if let Some((handle, DatagramEvent::AssociationEvent(event))) =
            self.endpoint.handle(now, PEER, None, Bytes::copy_from_slice(packet))
        {
            assert_eq!(handle, self.handle);
            self.association.handle_event(event);
        }
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Vec<Bytes> {
        while let Some(event) = self.association.poll() {
            match event {
                Event::Connected => self.connected = true,
                Event::Stream(StreamEvent::Readable { id }) => {
                    let mut stream = self.association.stream(id).unwrap();
                    while let Some(message) = stream.read_sctp().unwrap() {
                        let body = message.to_payload(usize::MAX).unwrap().to_vec();
                        self.received.push((id, message.ppi, body));
                    }
                }
                Event::AssociationLost { id, .. } => self.lost.push(id),
                _ => {}
            }
        }
        let mut packets = Vec::new();
        while let Some(more) = take_transmit(&mut self.association, now) {
            packets.extend(more);
        }
        packets
    }

    pub(crate) fn open(&mut self, now: Instant, id: StreamId) {
        let mut open = vec![3, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 34];
        open.extend(b"JVB data channel");
        open.extend(b"http://jitsi.org/protocols/colibri");
        self.association.open_stream(id, PayloadProtocolIdentifier::Dcep).unwrap();
        self.say(now, id, PayloadProtocolIdentifier::Dcep, &open);
    }

    pub(crate) fn say(&mut self, now: Instant, id: StreamId, ppi: PayloadProtocolIdentifier, body: &[u8]) {
        self.association.stream(id).unwrap().write_with_ppi(now, body, ppi).unwrap();
    }
}

/// Both ends on a line of 20 ms one way that loses what `lose` says.
struct World {
    client: Client,
    server: Sctp,
    start: Instant,
    now: Instant,
    in_flight: VecDeque<(Instant, bool, Bytes)>,
    texts: Vec<String>,
    opened: usize,
    closed: usize,
    dice: u32,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            client: Client::new(now),
            server: Sctp::default(),
            start: now,
            now,
            in_flight: VecDeque::new(),
            texts: Vec::new(),
            opened: 0,
            closed: 0,
            dice: 12345,
        }
    }

    fn open() -> Self {
        let mut world = Self::new();
        world.run(Duration::from_millis(500), 0);
        let now = world.now;
        world.client.open(now, 0);
        world.run(Duration::from_millis(500), 0);
        assert_eq!(world.opened, 1);
        assert_eq!(world.client.received, [(0, PayloadProtocolIdentifier::Dcep, vec![2])]);
        world.client.received.clear();
        world
    }

    fn lose(&mut self, percent: u32) -> bool {
        self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.dice >> 16) % 100 < percent
    }

    fn send(&mut self, to_server: bool, packet: Bytes, percent: u32) {
        assert!(packet.len() <= usize::try_from(MAX_PAYLOAD).unwrap());
        if !self.lose(percent) {
            self.in_flight.push_back((self.now + Duration::from_millis(20), to_server, packet));
        }
    }

    fn drain(&mut self, percent: u32) {
        for packet in self.client.poll(self.now) {
            self.send(true, packet, percent);
        }
        while let Some(output) = self.server.poll() {
            match output {
                SctpOutput::Transmit(packet) => self.send(false, packet, percent),
                SctpOutput::Open => self.opened += 1,
                SctpOutput::Text(text) => self.texts.push(text),
                SctpOutput::Closed => self.closed += 1,
            }
        }
    }

    fn run(&mut self, duration: Duration, percent: u32) {
        let end = self.now + duration;
        loop {
            self.drain(percent);
            let mut server = Earliest::default();
            self.server.next_wakeup(&mut server);
            let times = [
                self.in_flight.front().map(|(at, _, _)| *at),
                server.0.map(|(at, _)| at),
                self.client.association.poll_timeout(),
            ];
            let Some(next) = times.into_iter().flatten().min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while self.in_flight.front().is_some_and(|(at, _, _)| *at <= self.now) {
                let (_, to_server, packet) = self.in_flight.pop_front().unwrap();
                if to_server { self.server.handle(self.now, &packet) } else { self.client.handle(self.now, &packet) }
            }
            self.server.on_wakeup(self.now);
            self.client.association.handle_timeout(self.now);
        }
        self.now = end;
    }
}

const STRING: PayloadProtocolIdentifier = PayloadProtocolIdentifier::String;

#[test]
fn checklist_31_a_channel_opens_and_text_goes_both_ways_in_order() {
    let mut world = World::open();
    for number in 0..50 {
        let now = world.now;
        world.client.say(now, 0, STRING, format!("up {number}").as_bytes());
        world.server.send_text(now, &format!("down {number}")).unwrap();
    }
    let long = "x".repeat(60_000);
    let now = world.now;
    world.client.say(now, 0, STRING, long.as_bytes());
    world.server.send_text(now, &long).unwrap();
    world.run(Duration::from_secs(5), 0);
    assert_eq!(world.texts.len(), 51);
    assert!((0..50).all(|number| world.texts[number] == format!("up {number}")));
    assert_eq!(world.texts[50], long);
    assert!((0..50).all(|number| world.client.received[number].2 == format!("down {number}").as_bytes()));
    assert!(world.client.received.iter().all(|(id, ppi, _)| *id == 0 && *ppi == STRING));
    assert_eq!(world.client.received[50].2, long.as_bytes());
}

#[test]
fn checklist_31_a_second_channel_is_refused_and_the_first_one_lives_on() {
    let mut world = World::open();
    let now = world.now;
    world.client.open(now, 2);
    world.run(Duration::from_secs(5), 0);
    assert_eq!((world.opened, world.closed), (1, 0));
    assert_eq!(world.client.lost, [2]);
    assert!(world.client.received.is_empty());
    world.server.send_text(world.now, "still here").unwrap();
    world.run(Duration::from_secs(1), 0);
    assert_eq!(world.client.received[0].2, b"still here");
}

#[test]
fn binary_and_overlong_messages_and_bad_text_are_ignored() {
    let mut world = World::open();
    let now = world.now;
    world.client.say(now, 0, PayloadProtocolIdentifier::Binary, b"binary");
    world.client.say(now, 0, STRING, &vec![b'x'; MAX_MESSAGE + 1]);
    world.client.say(now, 0, STRING, &[0xFF, 0xFE]);
    world.client.say(now, 0, STRING, &vec![b'y'; MAX_MESSAGE]);
    world.run(Duration::from_secs(10), 0);
    assert_eq!(world.texts, ["y".repeat(MAX_MESSAGE)]);
}

#[test]
fn the_queue_is_bounded_when_the_client_reads_nothing() {
    let mut world = World::open();
    let text = "z".repeat(1000);
    let mut taken = 0;
    while world.server.send_text(world.now, &text).is_ok() {
        taken += 1;
        assert!(taken <= MAX_QUEUED / 1000);
        world.run(Duration::from_millis(10), 100);
    }
    assert!(taken > 200);
    // The line recovers, and so does the queue.
    world.run(Duration::from_secs(30), 0);
    assert_eq!(world.client.received.len(), taken);
    assert!(world.server.send_text(world.now, &text).is_ok());
}

#[test]
fn without_a_channel_nothing_is_taken() {
    let mut world = World::new();
    assert_eq!(world.server.send_text(world.now, "x"), Err(ChannelFull));
    world.run(Duration::from_secs(1), 0);
    assert!(world.client.connected);
    assert_eq!(world.server.send_text(world.now, "x"), Err(ChannelFull));
}

#[test]
fn a_client_that_names_too_many_streams_is_not_listened_to() {
    let mut world = World::open();
    for id in 1..100 {
        let now = world.now;
        world.client.association.open_stream(id, STRING).unwrap();
        world.client.say(now, id, STRING, b"x");
    }
    world.run(Duration::from_secs(10), 0);
    let (_, association) = world.server.association.as_ref().unwrap();
    assert!(association.stream_ids().len() <= MAX_TOUCHED);
}

#[test]
fn a_closed_channel_is_reported_once() {
    let mut world = World::open();
    let now = world.now;
    world.client.association.stream(0).unwrap().close(now).unwrap();
    world.run(Duration::from_secs(5), 0);
    assert_eq!(world.closed, 1);
    assert_eq!(world.server.send_text(world.now, "x"), Err(ChannelFull));
}

#[test]
fn an_aborted_association_is_reported_and_a_new_one_can_follow() {
    let mut world = World::open();
    world.client.association.abort().unwrap();
    world.run(Duration::from_secs(1), 0);
    assert_eq!(world.closed, 1);
    world.client = Client::new(world.now);
    world.run(Duration::from_millis(500), 0);
    let now = world.now;
    world.client.open(now, 0);
    world.run(Duration::from_millis(500), 0);
    assert_eq!(world.opened, 2);
}

#[test]
fn a_repeated_init_gets_the_same_answer() {
    let mut client = Client::new(Instant::now());
    let now = Instant::now();
    let init = client.poll(now).remove(0);
    let mut server = Sctp::default();
    let answer = |server: &mut Sctp| {
        server.handle(now, &init);
        match server.poll() {
            Some(SctpOutput::Transmit(packet)) => packet,
            other => panic!("{other:?}"),
        }
    };
    let first = answer(&mut server);
    assert_eq!(answer(&mut server), first);
}

#[test]
fn chapter_9_29_thirty_percent_loss_delays_the_channel_and_does_not_prevent_it() {
    for seed in 0..20 {
        let mut world = World::new();
        world.dice = seed;
        let mut asked = false;
        while world.client.received.is_empty() {
            if world.client.connected && !asked {
                let now = world.now;
                world.client.open(now, 0);
                asked = true;
            }
            world.run(Duration::from_millis(50), 30);
            // The client of `rtc-sctp` backs off up to a minute.
            assert!(world.now < world.start + Duration::from_secs(300), "seed {seed}");
        }
        assert_eq!(world.opened, 1);
        for number in 0..20 {
            world.server.send_text(world.now, &format!("{number}")).unwrap();
            world.run(Duration::from_millis(50), 30);
        }
        world.run(Duration::from_secs(60), 30);
        let texts: Vec<_> =
            world.client.received[1..].iter().map(|(_, _, body)| String::from_utf8_lossy(body).into_owned()).collect();
        assert_eq!(texts, (0..20).map(|number| number.to_string()).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn the_backoff_of_retransmissions_ends_at_three_seconds() {
    let mut world = World::open();
    world.server.send_text(world.now, "hello").unwrap();
    let mut last = world.now;
    let mut gaps = Vec::new();
    for _ in 0..6000 {
        world.run(Duration::from_millis(10), 100);
        let (deadline, named) = world.server.timer.unwrap();
        if named != last {
            gaps.push((deadline - world.server.ahead).min(named + MAX_BACKOFF) - named);
            last = named;
        }
    }
    assert!(gaps.len() > 15, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= MAX_BACKOFF), "{gaps:?}");
    world.run(Duration::from_secs(4), 0);
    assert_eq!(world.client.received[0].2, b"hello");
}

/// CRC-32C as SCTP wants it (RFC 9260, appendix A), so that a mutated packet is not refused at the door.
fn with_checksum(mut packet: Vec<u8>) -> Vec<u8> {
    if packet.len() >= 12 {
        packet[8..12].fill(0);
        let mut crc = u32::MAX;
        for byte in &packet {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
            }
        }
        packet[8..12].copy_from_slice(&(!crc).to_le_bytes());
    }
    packet
}

#[test]
fn mutated_packets_of_a_hostile_browser_do_no_harm() {
    let mut world = World::open();
    let mut dice = ChaCha8Rng::from_seed([MUTATION_SEED; 32]);
    for _ in 0..MUTATIONS {
        let now = world.now;
        if world.client.association.is_closed() || world.server.channel.is_none() {
            world = World::open();
        }
        let body = vec![b'm'; usize::try_from(dice.next_u32() % 3000 + 1).unwrap()];
        world.client.say(now, 0, STRING, &body);
        for packet in world.client.poll(now) {
            let mut packet = packet.to_vec();
            for _ in 0..=dice.next_u32() % 4 {
                // The verification tag stays, or the packet goes nowhere.
                let at = 12 + usize::try_from(dice.next_u32()).unwrap() % (packet.len() - 12).min(60);
                packet[at] = [0, 1, 4, 0xFF, 0x80, packet[at].wrapping_add(1), dice.next_u32().to_le_bytes()[0]]
                    [usize::try_from(dice.next_u32() % 7).unwrap()];
            }
            if dice.next_u32() % 8 == 0 {
                packet.truncate(12 + usize::try_from(dice.next_u32()).unwrap() % (packet.len() - 12));
            }
            world.server.handle(now, &with_checksum(packet));
        }
        world.run(Duration::from_millis(200), 0);
        world.texts.clear();
    }
}

const MUTATION_SEED: u8 = 1;
const MUTATIONS: usize = 3000;
