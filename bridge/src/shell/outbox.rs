//! Outgoing datagrams of one turn, collected so that they go out in few system calls, and those to one peer as one message.
//!
//! A frame of several packets is forwarded packet by packet, each to everybody: what goes to one peer lies scattered in the
//! buffer. Datagrams to different peers may overtake each other, those to one peer stay in order.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use super::burst::Message;
use super::metrics::Counters;
use super::udp::Sockets;
use crate::core::{Path, Sink};

/// Most a core may write into one slot.
const SLOT: usize = 2048;
/// Bytes and datagrams that are collected before they are sent: six packets of a frame for fifty receivers fit.
/// Memory that is never filled is never taken.
const BYTES: usize = 448 * 1024;
const DATAGRAMS: usize = 384;
/// Largest payload of one message with segmentation: what an IP packet can name.
const MAX_RUN_BYTES: usize = 65_000;

/// As long as packets of speech are.
const SHORT: usize = 300;

/// The batching [`Sink`]. Allocated once.
pub(super) struct Outbox {
    sockets: Arc<Sockets>,
    bytes: Box<[u8]>,
    used: usize,
    queue: Vec<Queued>,
    runs: Vec<Run>,
    max_segments: usize,
    pub(super) counters: Counters,
}

impl Outbox {
    pub(super) fn new(sockets: Arc<Sockets>) -> Self {
        Self {
            max_segments: sockets.max_segments(),
            sockets,
            bytes: vec![0; BYTES].into_boxed_slice(),
            used: 0,
            queue: Vec::with_capacity(DATAGRAMS),
            runs: Vec::with_capacity(DATAGRAMS),
            counters: Counters::default(),
        }
    }

    pub(super) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Sends all that was committed.
    pub(super) fn flush(&mut self) {
        if self.max_segments > 1 {
            gather(&mut self.queue, &self.bytes);
        }
        self.cut();
        let runs = std::mem::take(&mut self.runs);
        let mut rest = runs.as_slice();
        while !rest.is_empty() {
            rest = rest.get(self.send(rest)..).unwrap_or_default();
        }
        self.runs = runs;
        self.runs.clear();
        self.queue.clear();
        self.used = 0;
    }

    /// What goes out as one message each.
    fn cut(&mut self) {
        let mut first = 0;
        while let Some(rest) = self.queue.get(first..).filter(|rest| !rest.is_empty()) {
            let (count, path) = (run(rest, self.max_segments), rest.first().map(|queued| queued.path));
            match path.and_then(|path| self.sockets.sender(path)) {
                Some(socket) => self.runs.push(Run { socket, first, count }),
                None => self.counters.dropped_unroutable += whole(count),
            }
            first += count;
        }
    }

    /// Sends what stands in front, as far as it leaves from one socket. Answers for how many runs no more can be done.
    fn send(&mut self, runs: &[Run]) -> usize {
        let Some(first) = runs.first() else { return 0 };
        let together = runs.iter().take_while(|run| run.socket == first.socket);
        let messages = together.filter_map(|run| message(self.queue.get(run.range())?, &self.bytes));
        self.counters.send_calls += 1;
        match self.sockets.send(first.socket, messages) {
            Ok(sent) => {
                self.counters.sent += runs.iter().take(sent).map(|run| whole(run.count)).sum::<u64>();
                // The kernel takes one or says why not; whatever it did, this comes to an end.
                sent.max(1)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) if first.count > 1 && error.kind() != io::ErrorKind::WouldBlock => {
                self.send_apart(*first, &error);
                1
            }
            Err(error) => {
                self.count_error(first.count, &error);
                1
            }
        }
    }

    /// The way there takes no segments: an adapter without checksums, or packets that are larger than its MTU.
    fn send_apart(&mut self, run: Run, error: &io::Error) {
        if error.raw_os_error() == Some(nix::libc::EIO) {
            // The adapter will not learn it.
            self.max_segments = 1;
        }
        for index in run.range() {
            let messages = self.queue.get(index..=index).and_then(|one| message(one, &self.bytes));
            self.counters.send_calls += 1;
            match self.sockets.send(run.socket, messages.into_iter()) {
                Ok(sent) => self.counters.sent += whole(sent),
                Err(error) => self.count_error(1, &error),
            }
        }
    }

    fn count_error(&mut self, datagrams: usize, error: &io::Error) {
        let full = error.kind() == io::ErrorKind::WouldBlock;
        let counter = if full { &mut self.counters.dropped_full } else { &mut self.counters.send_errors };
        *counter += whole(datagrams);
    }
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
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

/// Datagrams of the queue that go out as one message.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    /// Which one sends it.
    socket: usize,
    first: usize,
    count: usize,
}

impl Run {
    fn range(&self) -> Range<usize> {
        self.first..self.first + self.count
    }
}

/// The datagrams of a run, wherever they lie in the buffer.
fn message<'a>(run: &'a [Queued], bytes: &'a [u8]) -> Option<Message<impl ExactSizeIterator<Item = IoSlice<'a>>>> {
    let first = run.first()?;
    let segment = if run.len() > 1 { Some(u16::try_from(first.len).ok()?) } else { None };
    let datagram = |queued: &Queued| IoSlice::new(bytes.get(queued.at..queued.at + queued.len).unwrap_or_default());
    Some(Message { to: first.path.remote, from: Some(first.path.local), segment, datagrams: run.iter().map(datagram) })
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

/// How many datagrams at the front go out together: same path, same size, the last may be shorter.
fn run(queue: &[Queued], max_segments: usize) -> usize {
    let Some(first) = queue.first() else { return 0 };
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
    count
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
        assert_eq!(run(&[(1, 10), (1, 10), (2, 10)], 64), 2);
        assert_eq!(run(&[(1, 10), (1, 11)], 64), 1);
        assert_eq!(run(&[(1, 10), (1, 4), (1, 4)], 64), 2);
        assert_eq!(run(&[(1, 10), (1, 10), (1, 10)], 2), 2);
        assert_eq!(run(&[(1, 1200); 128], 128), 54);
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
    fn what_goes_to_one_peer_is_gathered_in_order() {
        let mut queue = queue(&[(1, 2), (2, 2), (3, 1), (1, 2), (2, 2), (1, 1)]);
        gather(&mut queue, &[]);
        let found: Vec<_> = queue.iter().map(|queued| (queued.path.remote.port(), queued.at)).collect();
        assert_eq!(found, [(1, 0), (1, 5), (1, 9), (2, 2), (2, 7), (3, 4)]);
        let pieces = message(&queue[..run(&queue, 64)], b"AA__.BB__C").unwrap();
        assert_eq!(
            (pieces.segment, pieces.datagrams.map(|piece| piece.to_vec()).collect::<Vec<_>>().concat()),
            (Some(2), b"AABBC".to_vec())
        );
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
    fn six_packets_for_fifty_peers_are_one_call() {
        let peers: Vec<UdpSocket> = (0..50).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let mut outbox = Outbox::new(Arc::new(Sockets::bind(&["127.0.0.1".parse().unwrap()], 0).unwrap()));
        for packet in 0..6 {
            for peer in &peers {
                outbox.slot()[..1200].fill(packet);
                outbox.commit(path(peer.local_addr().unwrap().port()), 1200);
            }
        }
        outbox.flush();
        assert_eq!((outbox.counters.sent, outbox.counters.send_calls), (300, 1));
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
