//! Outgoing datagrams of one turn, collected so that those to one peer go out in one system call.
//!
//! A frame of several packets is forwarded packet by packet, each to everybody: what goes to one peer lies scattered in the
//! buffer. Datagrams to different peers may overtake each other, those to one peer stay in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::metrics::Counters;
use super::udp::Sockets;
use crate::core::{Path, Sink};

/// Most a core may write into one slot.
const SLOT: usize = 2048;
/// Bytes and datagrams that are collected before they are sent: six packets of a frame for fifty receivers go out in fifty calls.
/// Memory that is never filled is never taken.
const BYTES: usize = 448 * 1024;
const DATAGRAMS: usize = 384;
/// Largest payload of one system call with segmentation: what an IP packet can name.
const MAX_RUN_BYTES: usize = 65_000;

/// As long as packets of speech are.
const SHORT: usize = 300;

/// The batching [`Sink`]. Allocated once.
pub(super) struct Outbox {
    sockets: Arc<Sockets>,
    bytes: Box<[u8]>,
    used: usize,
    queue: Vec<Queued>,
    /// A run that is not in one piece is put together here.
    joined: Box<[u8]>,
    pub(super) counters: Counters,
}

impl Outbox {
    pub(super) fn new(sockets: Arc<Sockets>) -> Self {
        Self {
            sockets,
            bytes: vec![0; BYTES].into_boxed_slice(),
            used: 0,
            queue: Vec::with_capacity(DATAGRAMS),
            joined: vec![0; MAX_RUN_BYTES].into_boxed_slice(),
            counters: Counters::default(),
        }
    }

    pub(super) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Sends all that was committed.
    pub(super) fn flush(&mut self) {
        let max_segments = self.sockets.max_segments();
        if max_segments > 1 {
            gather(&mut self.queue, &self.bytes);
        }
        let mut rest = self.queue.as_slice();
        while let Some(first) = rest.first() {
            let (count, total) = run(rest, max_segments);
            let (now, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            let contents = if is_one_piece(now) {
                self.bytes.get(first.at..first.at + total).unwrap_or_default()
            } else {
                join(now, &self.bytes, &mut self.joined)
            };
            let segment = (count > 1).then_some(first.len);
            let outcome = self.sockets.send(first.path, contents, segment);
            if outcome.as_ref().is_err_and(|error| segment.is_some() && error.kind() != io::ErrorKind::WouldBlock) {
                // The way there takes no segments: an adapter without checksums, or packets that are larger than its MTU.
                for datagram in contents.chunks(first.len) {
                    let outcome = self.sockets.send(first.path, datagram, None);
                    count_outcome(&mut self.counters, outcome, 1);
                }
            } else {
                count_outcome(&mut self.counters, outcome, u64::try_from(count).unwrap_or(u64::MAX));
            }
            rest = later;
        }
        self.queue.clear();
        self.used = 0;
    }
}

impl Sink for Outbox {
    fn slot(&mut self) -> &mut [u8] {
        if self.queue.len() == DATAGRAMS || self.used + SLOT > BYTES {
            self.flush();
        }
        let used = self.used;
        self.bytes.get_mut(used..used + SLOT).unwrap_or_default()
    }

    fn commit(&mut self, path: Path, len: usize) {
        let len = len.min(SLOT);
        // `slot` has made room; a commit without a slot is a commit of nothing.
        if len > 0 && self.queue.len() < DATAGRAMS {
            self.queue.push(Queued::new(path, self.used, len));
            self.used += len;
        }
    }
}

/// A datagram in the buffer.
#[derive(Debug, Clone, Copy)]
struct Queued {
    path: Path,
    peer: u64,
    at: usize,
    len: usize,
}

impl Queued {
    fn new(path: Path, at: usize, len: usize) -> Self {
        Self { path, peer: peer(path.remote), at, len }
    }
}

/// A number that is quicker to compare than an address. Should two peers share one, their datagrams may lie between each other, and
/// go out in smaller runs.
fn peer(remote: SocketAddr) -> u64 {
    match remote {
        SocketAddr::V4(remote) => u64::from(remote.ip().to_bits()) << 16 | u64::from(remote.port()),
        SocketAddr::V6(remote) => {
            let [high, low] = [remote.ip().to_bits() >> 64, remote.ip().to_bits() & u128::from(u64::MAX)];
            u64::try_from(high ^ low).unwrap_or_default().rotate_left(16) ^ u64::from(remote.port())
        }
    }
}

/// Puts what goes to one peer side by side, in the order in which it was committed but for speech: a short packet ends what goes out
/// in one call, so it is put behind the longer packets of other streams that follow it.
fn gather(queue: &mut [Queued], bytes: &[u8]) {
    queue.sort_unstable_by_key(|queued| (queued.peer, queued.at));
    let mut rest = queue;
    while let [first, second, ..] = rest {
        let (short, long) = (*first, *second);
        let stream = ssrc(bytes, &short);
        let passes = |other: &Queued| other.peer == short.peer && other.len == long.len && ssrc(bytes, other) != stream;
        let run = rest.iter().skip(1).take_while(|other| passes(other)).count();
        let step = if short.len <= SHORT && short.len < long.len { run } else { 0 };
        if let Some(passed) = rest.get_mut(..=step) {
            passed.rotate_left(1.min(step));
        }
        rest = rest.split_at_mut_checked(step + 1).map_or(&mut [], |(_, later)| later);
    }
}

/// Of a packet of RTP (RFC 3550 5.1). Of others it is something else: their order does not matter.
fn ssrc(bytes: &[u8], queued: &Queued) -> Option<[u8; 4]> {
    bytes.get(queued.at + 8..queued.at + 12)?.try_into().ok()
}

/// How many datagrams at the front go out together, and their bytes: same path, same size, the last may be shorter.
fn run(queue: &[Queued], max_segments: usize) -> (usize, usize) {
    let Some(first) = queue.first() else { return (0, 0) };
    let mut total = first.len;
    let mut count = 1;
    for next in queue.iter().skip(1).take(max_segments.saturating_sub(1)) {
        if next.path != first.path || next.len > first.len || total + next.len > MAX_RUN_BYTES {
            break;
        }
        total += next.len;
        count += 1;
        if next.len < first.len {
            break;
        }
    }
    (count, total)
}

fn is_one_piece(run: &[Queued]) -> bool {
    run.windows(2).all(|pair| matches!(pair, [a, b] if a.at + a.len == b.at))
}

/// Copies a run into `to`, which has room for the longest.
fn join<'a>(run: &[Queued], bytes: &[u8], to: &'a mut [u8]) -> &'a [u8] {
    let mut used = 0;
    for datagram in run {
        let from = bytes.get(datagram.at..datagram.at + datagram.len);
        if let (Some(from), Some(to)) = (from, to.get_mut(used..used + datagram.len)) {
            to.copy_from_slice(from);
            used += datagram.len;
        }
    }
    to.get(..used).unwrap_or_default()
}

fn count_outcome(counters: &mut Counters, outcome: io::Result<bool>, datagrams: u64) {
    counters.send_calls += 1;
    match outcome {
        Ok(true) => counters.sent += datagrams,
        Ok(false) => counters.dropped_unroutable += datagrams,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => counters.dropped_full += datagrams,
        Err(_) => counters.send_errors += datagrams,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn path(port: u16) -> Path {
        Path { local: "127.0.0.1".parse().unwrap(), remote: ([127, 0, 0, 1], port).into() }
    }

    #[test]
    fn a_run_ends_at_another_path_a_longer_datagram_or_behind_a_shorter_one() {
        let run = |sizes: &[(u16, usize)], max| run(&queue(sizes), max);
        assert_eq!(run(&[(1, 10), (1, 10), (2, 10)], 64), (2, 20));
        assert_eq!(run(&[(1, 10), (1, 11)], 64), (1, 10));
        assert_eq!(run(&[(1, 10), (1, 4), (1, 4)], 64), (2, 14));
        assert_eq!(run(&[(1, 10), (1, 10), (1, 10)], 2), (2, 20));
        assert_eq!(run(&[(1, 1200); 128], 128).1, 64_800);
    }

    fn queue(sizes: &[(u16, usize)]) -> Vec<Queued> {
        let mut at = 0;
        let queued = |(port, len): &(u16, usize)| {
            at += len;
            Queued::new(path(*port), at - len, *len)
        };
        sizes.iter().map(queued).collect()
    }

    #[test]
    fn what_goes_to_one_peer_is_gathered_in_order_and_put_together() {
        let mut queue = queue(&[(1, 2), (2, 2), (3, 1), (1, 2), (2, 2), (1, 1)]);
        gather(&mut queue, &[]);
        let found: Vec<_> = queue.iter().map(|queued| (queued.path.remote.port(), queued.at)).collect();
        assert_eq!(found, [(1, 0), (1, 5), (1, 9), (2, 2), (2, 7), (3, 4)]);
        assert_eq!(run(&queue, 64), (3, 5));
        assert!(!is_one_piece(&queue[..3]) && is_one_piece(&queue[..1]));
        assert_eq!(join(&queue[..3], b"AA__.AA__A", &mut [0; 16]), b"AAAAA");
    }

    #[test]
    fn speech_goes_out_behind_the_picture_that_follows_it_and_no_stream_is_mixed_up() {
        // Peer, length, stream.
        let gathered = |packets: &[(u16, usize, u8)]| {
            let mut queue = queue(&packets.iter().map(|(peer, len, _)| (*peer, *len)).collect::<Vec<_>>());
            let mut bytes = vec![0; 20_000];
            for (queued, (.., stream)) in queue.iter().zip(packets) {
                bytes[queued.at + 8..queued.at + 12].fill(*stream);
            }
            gather(&mut queue, &bytes);
            queue.iter().map(|queued| (queued.path.remote.port(), queued.len, bytes[queued.at + 8])).collect::<Vec<_>>()
        };
        let mixed = [(1, 100, 7), (2, 100, 7), (1, 900, 8), (2, 900, 8), (1, 900, 8), (2, 900, 8)];
        let expected = [(1, 900, 8), (1, 900, 8), (1, 100, 7), (2, 900, 8), (2, 900, 8), (2, 100, 7)];
        assert_eq!(gathered(&mixed), expected);
        let kept: [&[(u16, usize, u8)]; 4] = [
            &[(1, 100, 8), (1, 900, 8)],
            &[(1, 400, 7), (1, 900, 8)],
            &[(1, 100, 7), (2, 900, 8)],
            &[(1, 900, 8), (1, 100, 7), (1, 90, 6)],
        ];
        for packets in kept {
            assert_eq!(gathered(packets), packets);
        }
        assert_eq!(gathered(&[(1, 90, 7), (1, 120, 8), (1, 120, 7)]), [(1, 120, 8), (1, 90, 7), (1, 120, 7)]);
    }

    #[test]
    fn six_packets_for_fifty_peers_are_fifty_calls() {
        let peers: Vec<UdpSocket> = (0..50).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let mut outbox = Outbox::new(Arc::new(Sockets::bind(&["127.0.0.1".parse().unwrap()], 0).unwrap()));
        for packet in 0..6 {
            for peer in &peers {
                outbox.slot()[..1200].fill(packet);
                outbox.commit(path(peer.local_addr().unwrap().port()), 1200);
            }
        }
        outbox.flush();
        assert_eq!((outbox.counters.sent, outbox.counters.send_calls), (300, 50));
        let mut buffer = [0; 2048];
        for peer in &peers {
            let packets: Vec<u8> =
                (0..6).map(|_| (peer.recv(&mut buffer).unwrap() == 1200).then_some(buffer[7]).unwrap()).collect();
            assert_eq!(packets, [0, 1, 2, 3, 4, 5]);
        }
    }

    #[test]
    fn more_than_fits_is_sent_on_the_way_and_nothing_is_mixed_up() {
        let peers = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut outbox = Outbox::new(Arc::new(Sockets::bind(&["127.0.0.1".parse().unwrap()], 0).unwrap()));
        let all = DATAGRAMS + 36;
        let (of, len) = (|n: usize| u8::try_from(n % 251).unwrap(), |n: usize| 100 + n % 7);
        for n in 0..all {
            outbox.slot()[..len(n)].fill(of(n));
            // One stream for each peer.
            outbox.slot()[8..12].fill(0);
            outbox.commit(path(peers[n % 3].local_addr().unwrap().port()), len(n));
        }
        assert_eq!(outbox.counters.sent, DATAGRAMS as u64);
        outbox.flush();
        assert_eq!((outbox.counters.sent, outbox.counters.dropped_full), (all as u64, 0));
        let mut buffer = [0; 2048];
        for n in 0..all {
            assert_eq!(peers[n % 3].recv(&mut buffer).unwrap(), len(n));
            assert!(buffer[12..len(n)].iter().all(|b| *b == of(n)));
        }
    }
}
