//! The other side of a bridge's tap: all speech of a meeting.

use std::io;
use std::os::fd::AsRawFd;

use bridge::core::taps::{Extent, TapId, TapRefusal};
use bridge::shell::mailbox::{Letter, Mailbox};
use media_tap::{Body, Frames, MAX_MESSAGE, Message};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socketpair};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use super::queue::{Queue, Waiting};

/// Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Tap {
    /// It keeps messages whole; that it is called a stream here means nothing for how it is waited for.
    socket: UnixStream,
    mailbox: Mailbox,
    id: TapId,
}

/// Why there is no tap, or no more.
#[derive(Debug, thiserror::Error)]
pub(super) enum TapError {
    #[error(transparent)]
    Refused(#[from] TapRefusal),
    #[error("the bridge gives no more of the meeting")]
    Over,
    #[error("too much waits")]
    Stuck,
    #[error(transparent)]
    Socket(#[from] io::Error),
}

impl Tap {
    /// Its times count from when this is answered.
    pub(super) async fn open(mailbox: &Mailbox, meeting_id: &str, id: TapId) -> Result<Self, TapError> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).map_err(io::Error::from)?;
        let ours = std::os::unix::net::UnixStream::from(ours);
        ours.set_nonblocking(true)?;
        let socket = UnixStream::from_std(ours)?;
        let (answer, answered) = oneshot::channel();
        mailbox.post(Letter::Tap {
            meeting_id: meeting_id.to_owned(),
            id,
            wanted: Extent::Speech,
            socket: theirs,
            first: Message::default(),
            answer: Box::new(move |outcome| {
                let _ = answer.send(outcome);
            }),
        });
        // No answer means that the bridge has ended.
        answered.await.map_err(|_| TapError::Over)??;
        Ok(Self { socket, mailbox: mailbox.clone(), id })
    }

    /// Everything goes into the queue, until nothing more comes.
    pub(super) async fn fill(&self, queue: &Queue) -> TapError {
        let mut buffer = vec![0; MAX_MESSAGE];
        loop {
            let receive = || Ok(recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT)?);
            let message = match self.socket.async_io(Interest::READABLE, receive).await {
                Ok(0) => return TapError::Over,
                Ok(len) => buffer.get(..len).unwrap_or_default(),
                Err(error) => return error.into(),
            };
            let waiting = Frames::new(message).flatten().filter_map(|frame| match frame.body {
                Body::Rtp(packet) => Some(Waiting::Packet(frame.at, packet.into())),
                // One that cannot be read is of another version.
                Body::Note(json) => serde_json::from_slice(json).ok().map(Waiting::Note),
                Body::Report(_) => None,
            });
            for one in waiting {
                if queue.push(one).is_err() {
                    return TapError::Stuck;
                }
            }
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.mailbox.post(Letter::Untap { id: self.id, answer: Box::new(|()| {}) });
    }
}
