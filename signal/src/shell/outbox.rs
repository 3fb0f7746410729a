//! Frames on their way to one client, bounded.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::channel::ToClient;

/// What a socket does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outgoing {
    Text(Utf8Bytes),
    Close {
        code: u16,
        reason: &'static str,
    },
    /// The client reads too slowly: drop it at once.
    Overflow,
}

/// Where a socket's frames come from.
pub(super) trait Outlet {
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<Outgoing>;
    /// For a socket that cannot be written to now: has the queue overflowed behind it? Wakes when it does.
    fn poll_overflow(&mut self, cx: &mut Context<'_>) -> bool;
}

/// Queue of one XMPP session: filled by the hub, emptied by the session's own task.
pub(super) struct Outbox {
    state: RefCell<State>,
    pool: Rc<Pool>,
    max_bytes: usize,
    max_frames: usize,
}

/// What waits for all clients together.
pub(super) struct Pool {
    bytes: Cell<usize>,
    max: usize,
}

/// A queue of this size is nobody's fault: it is spared when too much waits for all together.
const FAIR: usize = 64 * 1024;

impl Pool {
    pub(super) fn new(max: usize) -> Rc<Self> {
        Rc::new(Self { bytes: Cell::new(0), max })
    }

    fn add(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
    }

    fn remove(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
    }
}

#[derive(Default)]
struct State {
    frames: VecDeque<Utf8Bytes>,
    bytes: usize,
    close: Option<(u16, &'static str)>,
    overflow: bool,
    waker: Option<Waker>,
}

impl Outbox {
    pub(super) fn new(max_bytes: usize, max_frames: usize, pool: &Rc<Pool>) -> Self {
        Self { state: RefCell::default(), pool: Rc::clone(pool), max_bytes, max_frames }
    }

    /// Appends a frame, unless the client is being closed. What does not fit condemns the client: a stream with a hole
    /// in it is worse than none.
    pub(super) fn push(&self, text: String) {
        let mut state = self.state.borrow_mut();
        if state.close.is_some() || state.overflow {
            return;
        }
        let bytes = state.bytes.saturating_add(text.len());
        let crowded = self.pool.bytes.get().saturating_add(text.len()) > self.pool.max && bytes > FAIR;
        if bytes > self.max_bytes || state.frames.len() >= self.max_frames || crowded {
            state.overflow = true;
            state.frames = VecDeque::new();
            self.pool.remove(std::mem::take(&mut state.bytes));
        } else {
            state.bytes = bytes;
            self.pool.add(text.len());
            state.frames.push_back(text.into());
        }
        state.wake();
    }

    /// Closes the socket once everything queued has been sent.
    pub(super) fn close(&self, code: u16, reason: &'static str) {
        let mut state = self.state.borrow_mut();
        state.close.get_or_insert((code, reason));
        state.wake();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.pool.remove(self.state.get_mut().bytes);
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Outlet for &Outbox {
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<Outgoing> {
        let mut state = self.state.borrow_mut();
        if state.overflow {
            return Poll::Ready(Outgoing::Overflow);
        }
        if let Some(frame) = state.frames.pop_front() {
            state.bytes = state.bytes.saturating_sub(frame.len());
            self.pool.remove(frame.len());
            if state.frames.is_empty() {
                // A burst (a large room's first presences) must not be paid for until the client leaves.
                state.frames.shrink_to(8);
            }
            return Poll::Ready(Outgoing::Text(frame));
        }
        if let Some((code, reason)) = state.close {
            return Poll::Ready(Outgoing::Close { code, reason });
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_overflow(&mut self, cx: &mut Context<'_>) -> bool {
        let mut state = self.state.borrow_mut();
        state.waker = Some(cx.waker().clone());
        state.overflow
    }
}

impl Outlet for &mut mpsc::Receiver<ToClient> {
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<Outgoing> {
        self.poll_recv(cx).map(|message| match message {
            Some(ToClient::Text(text)) => Outgoing::Text((&*text).into()),
            Some(ToClient::Close { code, reason }) => Outgoing::Close { code, reason },
            None => Outgoing::Close { code: 1011, reason: "channel lost" },
        })
    }

    /// The bridge notices by itself that its queue is full.
    fn poll_overflow(&mut self, _: &mut Context<'_>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(mut outbox: &Outbox) -> Poll<Outgoing> {
        outbox.poll_outgoing(&mut Context::from_waker(Waker::noop()))
    }

    fn outbox(max_bytes: usize, max_frames: usize) -> Outbox {
        Outbox::new(max_bytes, max_frames, &Pool::new(usize::MAX))
    }

    #[test]
    fn when_too_much_waits_for_all_those_who_do_not_read_go_first() {
        let pool = Pool::new(10 * FAIR);
        let lazy: Vec<Outbox> = (0..12).map(|_| Outbox::new(usize::MAX, 100, &pool)).collect();
        for _ in 0..2 {
            lazy.iter().for_each(|outbox| outbox.push("x".repeat(FAIR)));
        }
        assert!(pool.bytes.get() <= 10 * FAIR, "{}", pool.bytes.get());
        let reading = Outbox::new(usize::MAX, 100, &pool);
        reading.push("x".repeat(FAIR));
        assert!(matches!(next(&reading), Poll::Ready(Outgoing::Text(_))));
        drop((lazy, reading));
        assert_eq!(pool.bytes.get(), 0);
    }

    #[test]
    fn frames_leave_in_order_and_the_close_comes_last() {
        let outbox = outbox(100, 10);
        outbox.push("a".into());
        outbox.push("b".into());
        outbox.close(1000, "bye");
        outbox.push("late".into());
        assert_eq!(next(&outbox), Poll::Ready(Outgoing::Text("a".into())));
        assert_eq!(next(&outbox), Poll::Ready(Outgoing::Text("b".into())));
        assert_eq!(next(&outbox), Poll::Ready(Outgoing::Close { code: 1000, reason: "bye" }));
    }

    #[test]
    fn too_many_bytes_or_frames_condemn_the_client() {
        let bytes = outbox(100, 10);
        bytes.push("x".repeat(60));
        bytes.push("x".repeat(60));
        assert_eq!(next(&bytes), Poll::Ready(Outgoing::Overflow));
        let frames = outbox(100, 2);
        (0..3).for_each(|_| frames.push("x".into()));
        assert_eq!(next(&frames), Poll::Ready(Outgoing::Overflow));
    }

    #[test]
    fn what_was_sent_no_longer_counts() {
        let outbox = outbox(100, 10);
        for _ in 0..50 {
            outbox.push("x".repeat(60));
            assert!(matches!(next(&outbox), Poll::Ready(Outgoing::Text(_))));
        }
        assert_eq!(next(&outbox), Poll::Pending);
    }
}
