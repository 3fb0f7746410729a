//! Outgoing datagrams of one turn, one behind the other in one buffer, so that runs to one peer go out in one system call.

use std::io;

use super::metrics::Counters;
use super::udp::Sockets;
use crate::core::{Path, Sink};

/// Most a core may write into one slot.
const SLOT: usize = 2048;
/// Bytes and datagrams that are collected before they are sent.
const BYTES: usize = 128 * 1024;
const DATAGRAMS: usize = 128;
/// Largest payload of one system call with segmentation: what an IP packet can name.
const MAX_RUN_BYTES: usize = 65_000;

/// The batching [`Sink`]. Allocated once.
pub(super) struct Outbox {
    sockets: Sockets,
    bytes: Box<[u8]>,
    used: usize,
    queue: heapless::Vec<(Path, usize), DATAGRAMS>,
    pub(super) counters: Counters,
}

impl Outbox {
    pub(super) fn new(sockets: Sockets) -> Self {
        Self {
            sockets,
            bytes: vec![0; BYTES].into_boxed_slice(),
            used: 0,
            queue: heapless::Vec::new(),
            counters: Counters::default(),
        }
    }

    pub(super) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Sends all that was committed.
    pub(super) fn flush(&mut self) {
        let max_segments = self.sockets.max_segments();
        let mut rest = self.queue.as_slice();
        let mut bytes = &*self.bytes;
        while let Some((path, size)) = rest.first() {
            let (count, total) = run(rest, max_segments);
            let Some((now, later)) = bytes.split_at_checked(total) else { break };
            let segment = (count > 1).then_some(*size);
            let outcome = self.sockets.send(*path, now, segment);
            count_outcome(&mut self.counters, outcome, u64::try_from(count).unwrap_or(u64::MAX));
            rest = rest.get(count..).unwrap_or_default();
            bytes = later;
        }
        self.queue.clear();
        self.used = 0;
    }
}

impl Sink for Outbox {
    fn slot(&mut self) -> &mut [u8] {
        if self.queue.is_full() || self.used + SLOT > BYTES {
            self.flush();
        }
        let used = self.used;
        self.bytes.get_mut(used..used + SLOT).unwrap_or_default()
    }

    fn commit(&mut self, path: Path, len: usize) {
        let len = len.min(SLOT);
        // `slot` has made room; a commit without a slot is a commit of nothing.
        if len > 0 && self.queue.push((path, len)).is_ok() {
            self.used += len;
        }
    }
}

/// How many datagrams at the front go out together, and their bytes: same path, same size, the last may be shorter.
fn run(queue: &[(Path, usize)], max_segments: usize) -> (usize, usize) {
    let Some((path, size)) = queue.first() else { return (0, 0) };
    let mut total = *size;
    let mut count = 1;
    for (next_path, next_size) in queue.iter().skip(1).take(max_segments.saturating_sub(1)) {
        if next_path != path || next_size > size || total + next_size > MAX_RUN_BYTES {
            break;
        }
        total += next_size;
        count += 1;
        if next_size < size {
            break;
        }
    }
    (count, total)
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
        let (a, b) = (path(1), path(2));
        assert_eq!(run(&[(a, 10), (a, 10), (b, 10)], 64), (2, 20));
        assert_eq!(run(&[(a, 10), (a, 11)], 64), (1, 10));
        assert_eq!(run(&[(a, 10), (a, 4), (a, 4)], 64), (2, 14));
        assert_eq!(run(&[(a, 10), (a, 10), (a, 10)], 2), (2, 20));
        assert_eq!(run(&[(a, 1200); 128], 128).1, 64_800);
    }

    #[test]
    fn more_than_fits_is_sent_on_the_way_and_nothing_is_mixed_up() {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut outbox = Outbox::new(Sockets::bind(&["127.0.0.1".parse().unwrap()], 0).unwrap());
        for n in 0..200_u8 {
            let target = if n % 3 == 0 { &other } else { &peer };
            let len = 100 + usize::from(n % 7);
            outbox.slot()[..len].fill(n);
            outbox.commit(path(target.local_addr().unwrap().port()), len);
        }
        outbox.flush();
        assert_eq!((outbox.counters.sent, outbox.counters.dropped_full), (200, 0));
        let mut buffer = [0; 2048];
        for n in 0..200_u8 {
            let target = if n % 3 == 0 { &other } else { &peer };
            let len = target.recv(&mut buffer).unwrap();
            assert_eq!(len, 100 + usize::from(n % 7));
            assert!(buffer[..len].iter().all(|b| *b == n));
        }
    }
}
