//! The pure bridge.
pub mod allocate;
pub mod codec;
pub mod conference;
pub mod demux;
pub mod egress;
pub mod endpoint;
pub mod ingress;
pub mod packet;
pub mod rtcp;
pub mod speaker;
pub mod srtp;

use std::net::{IpAddr, SocketAddr};

/// Where a datagram travelled: our own address and the peer's. Two paths of one peer differ in either part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    pub local: IpAddr,
    pub remote: SocketAddr,
}

/// Where outgoing datagrams go: fill the slot, then commit it. The shell batches, tests collect.
pub trait Sink {
    /// Room for one datagram, at least 1500 bytes.
    fn slot(&mut self) -> &mut [u8];
    /// The first `len` bytes of the slot are a datagram for `path`.
    fn commit(&mut self, path: Path, len: usize);
}

/// Why a packet went no further; counted for each endpoint, never text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discard {
    Malformed,
    UnknownPath,
    UnknownSsrc,
    NoKeys,
    BadTag,
    Replay,
    TooOld,
    NotWanted,
    Muted,
    TooLarge,
}
