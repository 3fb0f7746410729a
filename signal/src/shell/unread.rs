//! What has been read of bodies and frames that are not whole: who never ends one must not hold memory for nothing.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::Message;

/// Bytes of a client's control frame beside what it says: two, and four of the mask (RFC 6455, 5.2).
const CONTROL: usize = 6;

/// Bytes of long bodies and frames that are being read.
pub(super) struct Pool {
    taken: Rc<Cell<usize>>,
    total: usize,
}

impl Pool {
    pub(super) fn new(total: usize) -> Self {
        Self { taken: Rc::default(), total }
    }

    pub(super) fn share(&self) -> Share {
        Share { taken: Rc::clone(&self.taken), total: self.total, bytes: 0 }
    }
}

/// Part of the [`Pool`], given back at the end.
pub(super) struct Share {
    taken: Rc<Cell<usize>>,
    total: usize,
    bytes: usize,
}

impl Share {
    /// Takes as much more as there has to be in all; false beyond what there is.
    pub(super) fn cover(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let taken = self.taken.get().saturating_add(more);
        let enough = taken <= self.total;
        if enough {
            self.taken.set(taken);
            self.bytes += more;
        }
        enough
    }

    pub(super) fn give_back(&mut self) {
        self.taken.set(self.taken.get().saturating_sub(std::mem::take(&mut self.bytes)));
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A connection that knows how much was read of a WebSocket message that is not whole.
#[derive(Debug)]
pub(super) struct Metered<S> {
    io: S,
    unread: usize,
}

impl<S> Metered<S> {
    /// `rest`: bytes that were read before.
    pub(super) fn new(io: S, rest: usize) -> Self {
        Self { io, unread: rest }
    }

    pub(super) fn unread(&self) -> usize {
        self.unread
    }

    /// A message is whole. Control frames come in between the parts of others.
    pub(super) fn on_message(&mut self, message: &Message) {
        self.unread = match message {
            Message::Ping(data) | Message::Pong(data) => self.unread.saturating_sub(data.len() + CONTROL),
            _ => 0,
        };
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        self.unread += buf.filled().len().saturating_sub(before);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_share_a_pool_and_give_back_what_they_took() {
        let pool = Pool::new(100);
        let (mut one, mut other) = (pool.share(), pool.share());
        assert!(one.cover(60) && one.cover(40), "what is covered is not taken twice");
        assert!(!other.cover(41) && other.cover(40));
        assert!(!one.cover(61));
        one.give_back();
        assert!(other.cover(100));
        drop(other);
        assert_eq!(pool.taken.get(), 0);
    }

    #[test]
    fn pings_within_a_message_make_it_no_shorter() {
        let mut meter = Metered::new((), 1000 + CONTROL + 4);
        meter.on_message(&Message::Ping("ping".into()));
        assert_eq!(meter.unread(), 1000);
        meter.on_message(&Message::Text("whole".into()));
        assert_eq!(meter.unread(), 0);
    }
}
