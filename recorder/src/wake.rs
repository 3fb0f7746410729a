//! What the recorder waits for: the tap, a signal, other threads, and time.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

const TAP: u64 = 0;
const SIGNAL: u64 = 1;
const OTHERS: u64 = 2;

/// Why the recorder woke up. Several at once are told one after another.
#[derive(Debug)]
pub(crate) enum Wake<E> {
    /// There is something to read.
    Tap,
    /// SIGTERM or SIGINT.
    Signal,
    /// Another thread says something.
    Event(E),
    Tick,
}

/// A plain thread over epoll: a runtime would wake up as often as all the rest of this process together.
#[derive(Debug)]
pub(crate) struct Sources<E> {
    epoll: Epoll,
    signal: SignalFd,
    bell: Arc<EventFd>,
    inbox: Receiver<E>,
    outbox: Outbox<E>,
    every: Duration,
    next_tick: Instant,
}

/// Where other threads say something.
#[derive(Debug)]
pub(crate) struct Outbox<E> {
    sender: Sender<E>,
    bell: Arc<EventFd>,
}

impl<E> Clone for Outbox<E> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), bell: self.bell.clone() }
    }
}

impl<E> Outbox<E> {
    pub(crate) fn say(&self, event: E) {
        // Nobody listens any more when it ends.
        let _ = self.sender.send(event);
        let _ = self.bell.write(1);
    }
}

impl<E> Sources<E> {
    /// Takes signals for itself: call it before any other thread is started, so that none of them takes one. Ticks come so often.
    pub(crate) fn new(tap: &impl AsFd, every: Duration) -> io::Result<Self> {
        let mut ends = SigSet::empty();
        ends.add(Signal::SIGTERM);
        ends.add(Signal::SIGINT);
        ends.thread_block()?;
        let signal = SignalFd::with_flags(&ends, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(tap, EpollEvent::new(EpollFlags::EPOLLIN, TAP))?;
        epoll.add(&signal, EpollEvent::new(EpollFlags::EPOLLIN, SIGNAL))?;
        epoll.add(&*bell, EpollEvent::new(EpollFlags::EPOLLIN, OTHERS))?;
        let (sender, inbox) = channel();
        let outbox = Outbox { sender, bell: bell.clone() };
        Ok(Self { epoll, signal, bell, inbox, outbox, every, next_tick: Instant::now() + every })
    }

    pub(crate) fn outbox(&self) -> Outbox<E> {
        self.outbox.clone()
    }

    /// The tap is not looked at any more: what comes after the end does not matter, and a closed socket can always be read.
    pub(crate) fn forget_tap(&self, tap: &impl AsFd) {
        let _ = self.epoll.delete(tap);
    }

    /// Waits. What comes from other threads goes first.
    pub(crate) fn wait(&mut self) -> io::Result<Wake<E>> {
        loop {
            if let Ok(event) = self.inbox.try_recv() {
                return Ok(Wake::Event(event));
            }
            let left = self.next_tick.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.next_tick = Instant::now() + self.every;
                return Ok(Wake::Tick);
            }
            let millis = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
            let mut event = [EpollEvent::empty()];
            match self.epoll.wait(&mut event, EpollTimeout::from(millis)) {
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            match event.first().map(EpollEvent::data) {
                Some(TAP) => return Ok(Wake::Tap),
                Some(SIGNAL) => {
                    let _ = self.signal.read_signal();
                    return Ok(Wake::Signal);
                }
                _ => {
                    let _ = self.bell.read();
                }
            }
        }
    }
}
