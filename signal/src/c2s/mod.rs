//! Clients' streams: framing (RFC 7395), SASL ANONYMOUS, resource binding, stream management with resumption (XEP-0198),
//! limits, and the client's own view of our domain. Pure.
//!
//! [`Sessions`] holds them all: connections and frames go in, [`SessionOutput`]s come out of [`Sessions::poll`] in order.

mod alias;
mod bosh;
mod ledger;
mod rate;
mod sessions;
mod stream;

use std::net::{IpAddr, Ipv6Addr};

pub use alias::Alias;
pub use bosh::{Bosh, BoshOutput, Ticket};
pub use ledger::ResumeLimits;
pub use rate::{Bucket, RateLimits};
pub use sessions::{SessionOutput, SessionWake, Sessions, SessionsConfig};
pub(crate) use stream::uuid;
pub use stream::{Stream, StreamError, StreamLimits};

/// Names a connection of a client, and the XMPP stream that begins on it; the stream keeps the name when it is resumed on
/// another connection. Chosen by the shell, never used twice in the life of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// How a client came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Node of the room in the URL (`?room=`), lower case, percent-decoded. Messages to service components name no room.
    pub room: Option<String>,
    /// `host[:port]` that this client used in its URL.
    pub authority: String,
    /// The client came by https or wss.
    pub secure: bool,
    /// Where it is, as far as its address says whose it is; unknown when a proxy does not say.
    pub address: Option<IpAddr>,
    /// By a WebSocket. A stream in HTTP requests survives their connections anyway, and cannot be resumed.
    pub websocket: bool,
}

impl Connection {
    pub(crate) fn network(&self) -> Option<IpAddr> {
        self.address.map(network)
    }
}

/// The network that an address is in: itself, or the IPv6 /48 that one subscriber may have.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 80 << 80).into(),
        IpAddr::V4(_) => address,
    }
}
