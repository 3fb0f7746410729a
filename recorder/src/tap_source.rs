//! The socket of the tap.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use media_tap::{Answer, MAX_MESSAGE, Message};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, SockType, getsockopt, recv, send, shutdown, sockopt};

/// Answers that wait for a bridge that does not read. More wishes are left out; nothing else is ever so much.
const MAX_WAITING: usize = 256;
/// The first descriptor that systemd hands over (`sd_listen_fds(3)`).
const LISTEN_FDS_START: i32 = 3;

/// The recorder's end of the tap.
#[derive(Debug)]
pub(crate) struct TapSource {
    socket: OwnedFd,
    waiting: VecDeque<Answer>,
}

/// What there was to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// A message of so many bytes.
    Message(usize),
    /// Longer than a message may be.
    TooLong,
    Nothing,
    /// The bridge's side closed.
    Closed,
}

impl TapSource {
    /// The socket that we were started with: standard input, or the one that systemd accepted.
    pub(crate) fn inherited() -> io::Result<Self> {
        let socket = match handed_over() {
            Some(socket) => socket?,
            None => io::stdin().as_fd().try_clone_to_owned()?,
        };
        if getsockopt(&socket, sockopt::SockType).ok() != Some(SockType::SeqPacket) {
            return Err(io::Error::other("it is no socket of type SOCK_SEQPACKET"));
        }
        Ok(Self { socket, waiting: VecDeque::new() })
    }

    /// Reads a message, if there is one.
    pub(crate) fn read(&self, buffer: &mut [u8; MAX_MESSAGE]) -> io::Result<Read> {
        // With MSG_TRUNC, the length is the message's own.
        match recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC) {
            Ok(0) | Err(Errno::ECONNRESET) => Ok(Read::Closed),
            Ok(length) if length > buffer.len() => Ok(Read::TooLong),
            Ok(length) => Ok(Read::Message(length)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(Read::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Says something, now or when the bridge reads again.
    pub(crate) fn say(&mut self, answer: Answer) {
        if self.waiting.len() < MAX_WAITING || !matches!(answer, Answer::Wish(_)) {
            self.waiting.push_back(answer);
        }
        self.flush();
    }

    /// Hears nothing more. What was not read is thrown away, for else the bridge's side would hear of a reset instead of what was
    /// said last.
    pub(crate) fn deafen(&self, buffer: &mut [u8; MAX_MESSAGE]) {
        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Read);
        while matches!(self.read(buffer), Ok(Read::Message(_) | Read::TooLong)) {}
    }

    /// Says what waits.
    pub(crate) fn flush(&mut self) {
        while let Some(answer) = self.waiting.front() {
            let mut message = Message::default();
            message.push_note(Duration::ZERO, answer);
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            if send(self.socket.as_raw_fd(), message.as_bytes(), flags) == Err(Errno::EAGAIN) {
                return;
            }
            // Said, or nobody is there to hear it.
            self.waiting.pop_front();
        }
    }
}

impl AsFd for TapSource {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The socket of a service with `Accept=yes`, if systemd started us.
fn handed_over() -> Option<io::Result<OwnedFd>> {
    let count: u32 = std::env::var("LISTEN_FDS").ok()?.parse().ok()?;
    let ours = std::env::var("LISTEN_PID").ok()?.parse() == Ok(std::process::id());
    (ours && count == 1).then(descriptor)
}

#[expect(unsafe_code, reason = "a number that systemd tells becomes a descriptor")]
fn descriptor() -> io::Result<OwnedFd> {
    // SAFETY: systemd opened it for this process before it began; it is copied here, and the number itself is never closed.
    let borrowed = unsafe { BorrowedFd::borrow_raw(LISTEN_FDS_START) };
    borrowed.try_clone_to_owned()
}
