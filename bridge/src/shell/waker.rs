//! How the worker sleeps: one system call, until a socket is readable, somebody wakes it, or a time has come.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;

use super::udp::{MAX_SOCKETS, Sockets};

/// Wakes the worker, from any thread.
#[derive(Debug)]
pub(super) struct Waker(EventFd);

/// Which sockets are readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ready(u32);

impl Ready {
    /// It was not looked.
    pub(super) fn all() -> Self {
        Self(u32::MAX)
    }

    pub(super) fn has(self, socket: usize) -> bool {
        u32::try_from(socket).is_ok_and(|socket| self.0 & 1_u32.checked_shl(socket).unwrap_or(0) != 0)
    }
}

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?))
    }

    /// Ends the sleep that goes on, or else the next one.
    pub(super) fn wake(&self) {
        // Fails only when nobody has listened to 2^64 calls.
        let _ = self.0.write(1);
    }

    /// Sleeps; no longer than `timeout`, if there is one, and until a socket is readable, if there are any. A signal ends it as well.
    pub(super) fn sleep(&self, sockets: Option<&Sockets>, timeout: Option<Duration>) -> io::Result<Ready> {
        let mut list = heapless::Vec::<PollFd<'_>, { MAX_SOCKETS + 1 }>::new();
        for (_, udp) in sockets.iter().flat_map(|sockets| sockets.sources()) {
            let _ = list.push(PollFd::new(udp.as_fd(), PollFlags::POLLIN));
        }
        let _ = list.push(PollFd::new(self.0.as_fd(), PollFlags::POLLIN));
        match ppoll(&mut list, timeout.map(TimeSpec::from), None) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Ready(0)),
            Err(error) => return Err(error.into()),
        }
        let woken = list.pop();
        if woken.is_some_and(|waker| waker.any().unwrap_or(false)) {
            let _ = self.0.read();
        }
        // An error of a socket is read from it like a datagram.
        let readable = (0_u32..).zip(&list).filter(|(_, socket)| socket.any().unwrap_or(true));
        Ok(Ready(readable.map(|(number, _)| 1 << number).sum()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};
    use std::sync::Arc;

    #[test]
    fn a_datagram_a_call_and_a_time_end_the_sleep() {
        let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))];
        let sockets = Sockets::bind(&both, 0).unwrap();
        let waker = Arc::new(Waker::new().unwrap());
        assert_eq!(waker.sleep(Some(&sockets), Some(Duration::ZERO)).unwrap(), Ready(0));
        waker.wake();
        waker.wake();
        assert_eq!(waker.sleep(Some(&sockets), None).unwrap(), Ready(0), "without the call this would be for ever");
        assert_eq!(
            waker.sleep(Some(&sockets), Some(Duration::from_micros(100))).unwrap(),
            Ready(0),
            "calls are heard once"
        );
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.send_to(b"hello", ("127.0.0.2", sockets.port())).unwrap();
        let ready = waker.sleep(Some(&sockets), None).unwrap();
        assert!(ready.has(1) && !ready.has(0) && !ready.has(99));
        let other = Arc::clone(&waker);
        let thread = std::thread::spawn(move || other.wake());
        let mut inbox = super::super::udp::Inbox::new();
        while sockets.receive(1, &mut inbox).unwrap() {}
        assert_eq!(waker.sleep(Some(&sockets), None).unwrap(), Ready(0));
        thread.join().unwrap();
    }
}
