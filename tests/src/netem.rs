//! A network on virtual time: every link loses, delays, reorders and duplicates by a seed.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What a link does to datagrams. Ratios are per thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Link {
    pub delay: Duration,
    /// Added to the delay, uniformly: reorders when larger than the gap between datagrams.
    pub jitter: Duration,
    pub loss: u32,
    pub duplicate: u32,
    /// Nothing overtakes: jitter is then a queue elsewhere that fills and empties.
    pub in_order: bool,
    /// Towards the participant only: lines at home are narrow.
    pub down: Option<Bottleneck>,
    /// Losses that come together.
    pub bursts: Option<Bursts>,
}

/// Spans of time in which nearly everything is lost, as when somebody walks between a phone and its access point.
#[derive(Debug, Clone, Copy)]
pub struct Bursts {
    /// That a datagram begins one, per ten thousand.
    pub chance: u32,
    pub longest: Duration,
}

/// Of a thousand datagrams in a burst.
const LOST_IN_BURST: u32 = 800;

/// A queue before a line that carries so much and no more.
#[derive(Debug, Clone, Copy)]
pub struct Bottleneck {
    pub bits_per_second: u64,
    /// What would stay longer is dropped.
    pub longest: Duration,
}

/// A datagram that has arrived.
#[derive(Debug)]
pub struct Arrival {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub datagram: Vec<u8>,
}

/// All datagrams in flight, ordered by the time of their arrival.
pub struct Network {
    rng: ChaCha8Rng,
    in_flight: BTreeMap<(Instant, u64), Arrival>,
    sent: u64,
    pub lost: u64,
    /// By receiver: when its line is free again.
    free: HashMap<SocketAddr, Instant>,
    /// By receiver: the longest stay in the queue before its line.
    pub stays: HashMap<SocketAddr, Duration>,
    /// By receiver: when the last datagram arrives.
    last: HashMap<SocketAddr, Instant>,
    /// By sender and receiver: when the newest burst of losses ends.
    bursts: HashMap<(SocketAddr, SocketAddr), Instant>,
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            in_flight: BTreeMap::new(),
            sent: 0,
            lost: 0,
            free: HashMap::new(),
            stays: HashMap::new(),
            last: HashMap::new(),
            bursts: HashMap::new(),
        }
    }

    fn chance(&mut self, per_thousand: u32) -> bool {
        self.rng.next_u32() % 1000 < per_thousand
    }

    /// Puts a datagram on the wire.
    pub fn send(&mut self, now: Instant, link: &Link, arrival: Arrival) {
        if self.chance(link.loss) || self.burst(now, link, &arrival) {
            self.lost += 1;
            return;
        }
        if self.chance(link.duplicate) {
            let copy = Arrival { from: arrival.from, to: arrival.to, datagram: arrival.datagram.clone() };
            self.put(now, link, copy);
        }
        self.put(now, link, arrival);
    }

    /// Whether a burst takes this datagram.
    fn burst(&mut self, now: Instant, link: &Link, arrival: &Arrival) -> bool {
        let Some(bursts) = link.bursts else { return false };
        let way = (arrival.from, arrival.to);
        if self.rng.next_u32() % 10_000 < bursts.chance {
            let longest = bursts.longest.as_micros() as u64;
            self.bursts.insert(way, now + Duration::from_micros(self.rng.next_u64() % longest));
        }
        self.bursts.get(&way).is_some_and(|end| now < *end) && self.chance(LOST_IN_BURST)
    }

    /// Towards a participant: through the queue before its line, if it has one.
    pub fn send_down(&mut self, now: Instant, link: &Link, arrival: Arrival) {
        let Some(line) = link.down else {
            return self.send(now, link, arrival);
        };
        let free = self.free.get(&arrival.to).copied().unwrap_or(now).max(now);
        let stay = free - now;
        if stay > line.longest {
            self.lost += 1;
            return;
        }
        let longest = self.stays.entry(arrival.to).or_default();
        *longest = stay.max(*longest);
        let bits = weight(&arrival.datagram) as f64 * 8.0;
        let free = free + Duration::from_secs_f64(bits / line.bits_per_second as f64);
        self.free.insert(arrival.to, free);
        self.send(free, link, arrival);
    }

    fn put(&mut self, now: Instant, link: &Link, arrival: Arrival) {
        let jitter = link.jitter.as_micros() as u64;
        let extra = if jitter == 0 { 0 } else { self.rng.next_u64() % jitter };
        self.sent += 1;
        let mut at = now + link.delay + Duration::from_micros(extra);
        if link.in_order {
            let last = self.last.entry(arrival.to).or_insert(at);
            at = at.max(*last);
            *last = at;
        }
        self.in_flight.insert((at, self.sent), arrival);
    }

    /// When the next datagram arrives.
    pub fn next_arrival(&self) -> Option<Instant> {
        self.in_flight.keys().next().map(|(at, _)| *at)
    }

    /// The next datagram that has arrived by `now`.
    pub fn arrived(&mut self, now: Instant) -> Option<Arrival> {
        let key = *self.in_flight.keys().next()?;
        if key.0 > now {
            return None;
        }
        self.in_flight.remove(&key)
    }
}

/// Bytes that a datagram takes of a line. Signatures are now a byte longer and now shorter, whatever the seed: handshakes count as
/// full.
fn weight(datagram: &[u8]) -> usize {
    const HANDSHAKE: u8 = 22;
    if datagram.first() == Some(&HANDSHAKE) { datagram.len().max(1200) } else { datagram.len() }
}
