//! The media port: one UDP socket for each address family (or listed address), batches in, replies from the address that the peer
//! used.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{ReceiveTimestampns, UdpGroSegment};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};

use super::burst::{self, Message};
use crate::core::Path;

/// Room for one incoming datagram. Clients send at most 1500 bytes; what fills a slot to the brim was cut off.
const SLOT: usize = 2048;

/// Slots that every batch has.
const LEAST_ROOM: usize = 4;

/// Addresses that the media port may be bound to.
pub(super) const MAX_SOCKETS: usize = 31;

/// Kernel buffers: a key frame for twenty receivers must fit while the thread sleeps. The kernel may give less
/// (net.core.rmem_max, net.core.wmem_max).
const KERNEL_BUFFER: usize = 2 * 1024 * 1024;

/// Why the media port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("UDP port {} on {} is in use by another program", .0.port(), .0.ip())]
    Occupied(SocketAddr),
    #[error("no right to use UDP port {} on {}", .0.port(), .0.ip())]
    Forbidden(SocketAddr),
    #[error("{} is no address of this machine", .0.ip())]
    ForeignAddress(SocketAddr),
    #[error("cannot open UDP port {} on {}: {source}", address.port(), address.ip())]
    Other { address: SocketAddr, source: io::Error },
    #[error("the media port can be bound to {MAX_SOCKETS} addresses, not to {0}")]
    TooMany(usize),
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Occupied(address),
            io::ErrorKind::PermissionDenied => Self::Forbidden(address),
            io::ErrorKind::AddrNotAvailable => Self::ForeignAddress(address),
            _ => Self::Other { address, source },
        }
    }
}

/// All sockets of the media port.
#[derive(Debug)]
pub struct Sockets {
    list: Vec<Socket>,
    port: u16,
}

#[derive(Debug)]
struct Socket {
    udp: UdpSocket,
    state: UdpSocketState,
    /// May be the unspecified address.
    bound: IpAddr,
}

impl Sockets {
    /// One socket for each address, all on one port; port 0 takes any free one. A machine without IPv6 does without `::`.
    pub fn bind(addresses: &[IpAddr], port: u16) -> Result<Self, BindError> {
        if addresses.len() > MAX_SOCKETS {
            return Err(BindError::TooMany(addresses.len()));
        }
        let mut sockets = Self { list: Vec::with_capacity(addresses.len()), port };
        for ip in addresses {
            let address = SocketAddr::new(*ip, sockets.port);
            match Socket::open(address) {
                Ok(socket) => {
                    let local = socket.udp.local_addr().map_err(|source| BindError::new(address, source))?;
                    sockets.port = local.port();
                    sockets.list.push(socket);
                }
                Err(source) if ip.is_unspecified() && ip.is_ipv6() && lacks_ipv6(&source) => {
                    tracing::info!("this machine has no IPv6; audio and video use IPv4 alone");
                }
                Err(source) => return Err(BindError::new(address, source)),
            }
        }
        Ok(sockets)
    }

    /// The port that all sockets share.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The addresses that the sockets are bound to.
    pub fn bound(&self) -> impl Iterator<Item = IpAddr> {
        self.list.iter().map(|socket| socket.bound)
    }

    /// The sockets to wait for, numbered as [`Self::receive`] wants them.
    pub(super) fn sources(&self) -> impl Iterator<Item = (usize, &UdpSocket)> {
        self.list.iter().map(|socket| &socket.udp).enumerate()
    }

    /// Takes one batch from a socket into the inbox. `Ok(false)`: there was nothing.
    pub(super) fn receive(&self, socket: usize, inbox: &mut Inbox) -> io::Result<bool> {
        (inbox.count, inbox.full) = (0, false);
        let Some(socket) = self.list.get(socket) else { return Ok(false) };
        match inbox.fill(socket) {
            Ok(()) => Ok(inbox.count > 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How many equal datagrams one message may carry.
    pub(super) fn max_segments(&self) -> usize {
        self.list.iter().map(|socket| socket.state.max_gso_segments()).min().unwrap_or(1)
    }

    /// Sends messages from one socket in their order. Answers how many left; an error is that of the first: see [`burst::send`].
    pub(super) fn send<'a, P>(&self, from: usize, messages: impl Iterator<Item = Message<P>>) -> io::Result<usize>
    where
        P: ExactSizeIterator<Item = IoSlice<'a>>,
    {
        let Some(socket) = self.list.get(from) else { return Err(io::ErrorKind::NotFound.into()) };
        // What leaves from the one address that the socket has need not say so.
        let says = |ip: &IpAddr| !ip.is_unspecified() && *ip != socket.bound;
        let leave = |message: Message<P>| Message { from: message.from.filter(says), ..message };
        burst::send(socket.udp.as_fd(), messages.map(leave))
    }

    /// The socket bound to the local address itself, else one that is bound to every address of the family; where the path
    /// names no local address, any of the family.
    pub(super) fn sender(&self, path: Path) -> Option<usize> {
        let exact = self.list.iter().position(|socket| socket.bound == path.local);
        let fits = |socket: &Socket| {
            socket.bound.is_ipv4() == path.remote.is_ipv4()
                && (socket.bound.is_unspecified() || path.local.is_unspecified())
        };
        exact.or_else(|| self.list.iter().position(fits))
    }
}

impl Socket {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        // Best effort: a smaller buffer loses packets under load, it does not fail.
        let _ = raw.set_recv_buffer_size(KERNEL_BUFFER);
        let _ = raw.set_send_buffer_size(KERNEL_BUFFER);
        raw.bind(&address.into())?;
        let udp = UdpSocket::from(raw);
        let state = UdpSocketState::new((&udp).into())?;
        // Off: joined datagrams would need slots of 64 KiB, and clients send too little for it to pay. Kernels before 5.0 lack it.
        let _ = setsockopt(&udp, UdpGroSegment, &false);
        // Nobody reads when the kernel got a datagram, and to note it costs every datagram of the machine.
        let _ = setsockopt(&udp, ReceiveTimestampns, &false);
        Ok(Self { udp, state, bound: address.ip() })
    }
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(code) if code == nix::libc::EAFNOSUPPORT || code == nix::libc::EADDRNOTAVAIL)
}

/// Slots for one batch of incoming datagrams, allocated once.
pub(super) struct Inbox {
    slots: Box<[u8]>,
    meta: [RecvMeta; BATCH_SIZE],
    /// Slots that the next batch gets: preparing all of them costs more than a packet that comes alone.
    room: usize,
    count: usize,
    full: bool,
    bound: IpAddr,
}

/// A datagram in its slot.
pub(super) enum Incoming<'a> {
    Datagram(Path, &'a mut [u8]),
    Oversized,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![0; SLOT * BATCH_SIZE].into_boxed_slice(),
            meta: [RecvMeta::default(); BATCH_SIZE],
            room: LEAST_ROOM,
            count: 0,
            full: false,
            bound: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        }
    }

    /// For whoever receives nothing.
    pub(super) fn none() -> Self {
        Self { slots: Box::default(), ..Self::new() }
    }

    fn fill(&mut self, socket: &Socket) -> io::Result<()> {
        let chunks = self.slots.chunks_exact_mut(SLOT).take(self.room);
        let mut slots: heapless::Vec<IoSliceMut<'_>, BATCH_SIZE> = chunks.map(IoSliceMut::new).collect();
        self.count = socket.state.recv((&socket.udp).into(), &mut slots, &mut self.meta)?;
        self.full = self.count == self.room;
        match self.count {
            count if count == self.room => self.room = (self.room * 2).min(BATCH_SIZE),
            count if count < self.room / 4 => self.room = (self.room / 2).max(LEAST_ROOM),
            _ => {}
        }
        self.bound = socket.bound;
        Ok(())
    }

    /// True when the batch was full, so that more may be waiting.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// The datagrams of the last batch.
    pub(super) fn datagrams(&mut self) -> impl Iterator<Item = Incoming<'_>> {
        let bound = self.bound;
        self.slots.chunks_exact_mut(SLOT).zip(&self.meta).take(self.count).map(move |(slot, meta)| {
            match slot.get_mut(..meta.len) {
                Some(datagram) if datagram.len() < SLOT => {
                    let path = Path { local: meta.dst_ip.unwrap_or(bound), remote: without_flow(meta.addr) };
                    Incoming::Datagram(path, datagram)
                }
                _ => Incoming::Oversized,
            }
        })
    }
}

/// The flow label changes from packet to packet and is no part of an address.
fn without_flow(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(mut v6) => {
            v6.set_flowinfo(0);
            SocketAddr::V6(v6)
        }
        v4 @ SocketAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// Waits in the kernel, not in a loop.
    fn wait(sockets: &Sockets, socket: usize) {
        let (_, udp) = sockets.sources().nth(socket).unwrap();
        udp.set_nonblocking(false).unwrap();
        udp.peek_from(&mut [0]).unwrap();
        udp.set_nonblocking(true).unwrap();
    }

    fn receive_one(sockets: &Sockets, socket: usize) -> (Path, Vec<u8>) {
        wait(sockets, socket);
        let mut inbox = Inbox::new();
        assert!(sockets.receive(socket, &mut inbox).unwrap());
        match inbox.datagrams().next() {
            Some(Incoming::Datagram(path, datagram)) => (path, datagram.to_vec()),
            _ => panic!("no datagram"),
        }
    }

    fn send(sockets: &Sockets, path: Path, bytes: &[u8], segment: Option<u16>) -> usize {
        let datagrams = bytes.chunks(segment.map_or(bytes.len(), usize::from)).map(IoSlice::new);
        let message = Message { to: path.remote, from: Some(path.local), segment, datagrams };
        sockets.send(sockets.sender(path).unwrap(), [message].into_iter()).unwrap()
    }

    #[test]
    fn a_reply_leaves_from_the_address_that_the_peer_used() {
        let sockets = Sockets::bind(&[IpAddr::V4(Ipv4Addr::UNSPECIFIED)], 0).unwrap();
        // 127.0.0.2 is this machine as well; a reply from 127.0.0.1 would be a stranger's.
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.connect(("127.0.0.2", sockets.port())).unwrap();
        peer.send(b"hello").unwrap();
        let (path, datagram) = receive_one(&sockets, 0);
        assert_eq!(datagram, b"hello");
        assert_eq!(path, Path { local: "127.0.0.2".parse().unwrap(), remote: peer.local_addr().unwrap() });
        assert_eq!(send(&sockets, path, b"welcome", None), 1);
        let mut buffer = [0; 16];
        let len = peer.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"welcome");
    }

    #[test]
    fn both_families_share_one_port() {
        let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let sockets = Sockets::bind(&both, 0).unwrap();
        let peer = UdpSocket::bind("[::1]:0").unwrap();
        peer.send_to(b"six", (Ipv6Addr::LOCALHOST, sockets.port())).unwrap();
        let (path, datagram) = receive_one(&sockets, 1);
        assert_eq!((path.local, datagram.as_slice()), (both[1], b"six".as_slice()));
    }

    #[test]
    fn a_run_of_equal_datagrams_arrives_one_by_one() {
        let sockets = Sockets::bind(&[LOCALHOST], 0).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let path = Path { local: LOCALHOST, remote: peer.local_addr().unwrap() };
        assert_eq!(send(&sockets, path, &[7; 250], Some(100)), 1);
        let mut buffer = [0; 300];
        let sizes: Vec<usize> = (0..3).map(|_| peer.recv(&mut buffer).unwrap()).collect();
        assert_eq!(sizes, [100, 100, 50]);
    }

    #[test]
    fn a_datagram_that_does_not_fit_is_told_apart() {
        let sockets = Sockets::bind(&[LOCALHOST], 0).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.send_to(&[1; 5000], (Ipv4Addr::LOCALHOST, sockets.port())).unwrap();
        wait(&sockets, 0);
        let mut inbox = Inbox::new();
        assert!(sockets.receive(0, &mut inbox).unwrap());
        assert!(matches!(inbox.datagrams().next(), Some(Incoming::Oversized)));
    }

    #[test]
    fn an_occupied_port_is_named() {
        let first = Sockets::bind(&[LOCALHOST], 0).unwrap();
        let error = Sockets::bind(&[LOCALHOST], first.port()).unwrap_err();
        assert_eq!(error.to_string(), format!("UDP port {} on 127.0.0.1 is in use by another program", first.port()));
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        let error = Sockets::bind(&["192.0.2.1".parse().unwrap()], 0).unwrap_err();
        assert_eq!(error.to_string(), "192.0.2.1 is no address of this machine");
    }

    #[test]
    fn more_addresses_than_can_be_waited_for_are_refused() {
        let error = Sockets::bind(&[LOCALHOST; MAX_SOCKETS + 1], 0).unwrap_err();
        assert_eq!(error.to_string(), "the media port can be bound to 31 addresses, not to 32");
    }

    #[test]
    fn there_may_be_nothing_to_send_from() {
        let sockets = Sockets::bind(&[LOCALHOST], 0).unwrap();
        let path = Path { local: IpAddr::V6(Ipv6Addr::LOCALHOST), remote: "[::1]:9".parse().unwrap() };
        assert_eq!(sockets.sender(path), None);
    }
}
