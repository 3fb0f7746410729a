//! The sockets over which media go out in the clear: see [`media_tap`].

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use media_tap::{Body, Frames, Message, Note};
use nix::errno::Errno;
use nix::sys::socket::sockopt::SndBuf;
use nix::sys::socket::{MsgFlags, send, setsockopt};

use crate::core::taps::{TapId, Tapped};

/// What may wait for one that does not read, in bytes: two seconds of a large meeting. Media beyond it are lost, and counted.
const WAITING: usize = 4 * 1024 * 1024;
/// Of the socket: key frames of everybody at once fit while a recorder sleeps.
const KERNEL_BUFFER: usize = 1024 * 1024;
/// Notes beyond it mean that nobody reads any more.
const MAX_WAITING: usize = 2 * WAITING;

/// All sockets of a worker.
#[derive(Debug, Default)]
pub(super) struct Taps {
    list: Vec<Tap>,
}

#[derive(Debug)]
struct Tap {
    id: TapId,
    socket: OwnedFd,
    began: Instant,
    waiting: VecDeque<Box<[u8]>>,
    bytes: usize,
    lost: u64,
}

impl Taps {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn add(&mut self, now: Instant, id: TapId, socket: OwnedFd) {
        // The kernel may give less (net.core.wmem_max); what does not fit waits here.
        let _ = setsockopt(&socket, SndBuf, &KERNEL_BUFFER);
        self.list.push(Tap { id, socket, began: now, waiting: VecDeque::new(), bytes: 0, lost: 0 });
    }

    /// What waits is sent as far as it fits, and the socket is closed on this side.
    pub(super) fn remove(&mut self, id: TapId) {
        if let Some(index) = self.list.iter().position(|tap| tap.id == id) {
            let _ = self.list.remove(index).flush();
        }
    }

    pub(super) fn put(&mut self, id: TapId, tapped: Tapped<'_>) {
        if let Some(tap) = self.list.iter_mut().find(|tap| tap.id == id) {
            tap.put(tapped);
        }
    }

    /// Sends what waits. Answers those whose other side is gone.
    pub(super) fn flush(&mut self, now: Instant) -> Vec<TapId> {
        let gone: Vec<TapId> = self.list.iter_mut().filter_map(|tap| tap.turn(now).err().map(|_| tap.id)).collect();
        self.list.retain(|tap| !gone.contains(&tap.id));
        gone
    }
}

impl Tap {
    fn put(&mut self, tapped: Tapped<'_>) {
        let bytes = match tapped {
            Tapped::Notes(bytes) => bytes,
            Tapped::Media(bytes) if self.bytes + bytes.len() <= WAITING => bytes,
            Tapped::Media(bytes) => {
                let packets = Frames::new(bytes).flatten().filter(|frame| matches!(frame.body, Body::Rtp(_)));
                self.lost += packets.count() as u64;
                return;
            }
        };
        self.bytes += bytes.len();
        self.waiting.push_back(bytes.into());
    }

    fn turn(&mut self, now: Instant) -> io::Result<()> {
        if self.lost > 0 && self.bytes <= WAITING / 2 {
            self.tell_lost(now.saturating_duration_since(self.began));
        }
        if self.bytes > MAX_WAITING {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.flush()
    }

    fn tell_lost(&mut self, at: Duration) {
        let mut message = Message::default();
        if message.push_note(at, &Note::Lost { packets: std::mem::take(&mut self.lost) }) {
            self.put(Tapped::Notes(message.as_bytes()));
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(bytes) = self.waiting.front() {
            match send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                Ok(_) => {
                    self.bytes -= bytes.len();
                    self.waiting.pop_front();
                }
                Err(Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, recv, socketpair};

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap()
    }

    fn media(packets: usize) -> Message {
        let mut message = Message::default();
        for _ in 0..packets {
            assert!(message.push_rtp(Duration::ZERO, &[0x80; 12], &[7; 1000]));
        }
        message
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test may begin now")]
    fn whoever_does_not_read_loses_media_and_is_told_and_nobody_waits() {
        let (ours, theirs) = pair();
        let (mut taps, now) = (Taps::default(), Instant::now());
        taps.add(now, TapId(1), ours);
        let message = media(60);
        let sent = 200;
        for _ in 0..sent {
            taps.put(TapId(1), Tapped::Media(message.as_bytes()));
            assert_eq!(taps.flush(now), []);
        }
        let (mut got, mut lost) = (0, 0);
        let mut buffer = vec![0; media_tap::MAX_MESSAGE];
        while got + lost < sent * 60 {
            assert_eq!(taps.flush(now), []);
            let len = recv(theirs.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).unwrap();
            for frame in Frames::new(&buffer[..len]).flatten() {
                match frame.body {
                    Body::Rtp(_) => got += 1,
                    Body::Note(json) => match serde_json::from_slice(json).unwrap() {
                        Note::Lost { packets } => lost += packets,
                        other => panic!("{other:?}"),
                    },
                    Body::Report(_) => panic!("a report"),
                }
            }
        }
        assert!(got * 1000 > WAITING as u64 / 2 && lost > 0, "{got} {lost}");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test may begin now")]
    fn a_side_that_is_gone_is_told() {
        let (ours, theirs) = pair();
        let (mut taps, now) = (Taps::default(), Instant::now());
        taps.add(now, TapId(1), ours);
        drop(theirs);
        taps.put(TapId(1), Tapped::Media(media(1).as_bytes()));
        assert_eq!((taps.flush(now), taps.is_empty()), (vec![TapId(1)], true));
    }
}
