//! What most simulated meetings begin with.

use crate::bot::Bot;
use crate::bot::keys::Offer;
use crate::bot::sender::Load;
use crate::netem::Link;
use crate::world::World;
use bridge::core::{BridgeConfig, CandidateKind, ChannelId, LocalCandidate};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const BRIDGE: &str = "192.0.2.1:10000";

/// A bridge that can be reached at one address.
pub fn world(seed: u64, link: Link) -> World {
    let addr: SocketAddr = BRIDGE.parse().expect("address");
    let candidate = LocalCandidate { ip: addr.ip(), port: addr.port(), kind: CandidateKind::Host, loopback: false };
    World::new(seed, addr, BridgeConfig { candidates: vec![candidate], ..BridgeConfig::default() }, link)
}

/// A line of 20 ms there and back.
pub fn good() -> Link {
    Link { delay: Duration::from_millis(10), ..Link::default() }
}

pub fn bot(number: u32, load: Load, offer: Offer) -> Bot {
    let host = u8::try_from(number).expect("few bots");
    Bot::new(number, SocketAddr::from(([203, 0, 113, host], 40_000)), load, offer)
}

/// Asks for the same height of everything.
pub fn ask(height: i32) -> Value {
    json!({"colibriClass": "ReceiverVideoConstraints", "lastN": -1, "defaultConstraints": {"maxHeight": height}})
}

/// Joins `count` bots that ask for 720p; their channels.
pub fn join(world: &mut World, count: u32, load: Load) -> Vec<ChannelId> {
    let one = |number| {
        let index = world.join(bot(number, load, if number % 2 == 0 { Offer::CmSha1 } else { Offer::Gcm }));
        let channel = world.open_channel(index);
        world.say(channel, &ask(720));
        channel
    };
    let channels = (1..=count).map(one).collect();
    let end = world.now + Duration::from_secs(5);
    assert!(world.run_until(end, |world| world.bots.iter().all(Bot::connected)), "everybody connects");
    channels
}

/// What people do by chance; the network has a generator of its own.
pub struct Whims(pub u64);

impl Whims {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}
