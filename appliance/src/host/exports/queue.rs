//! What waits to go out to somebody who may be slow.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use media_tap::Note;
use tokio::sync::Notify;

/// As with jitsi-videobridge: four seconds of five people who speak at once. Beyond it the oldest are lost.
const MAX_PACKETS: usize = 1024;
/// What else waits: beyond it nobody reads any more.
const MAX_OTHERS: usize = 4096;

/// One thing that waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Note(Note),
    /// An RTP packet, and when it came, since the connection was opened.
    Packet(Duration, Box<[u8]>),
    /// To be asked whether it lives.
    Ping(u32),
}

/// In the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Waiting>,
    packets: usize,
    dropped: u64,
}

/// Nobody takes anything out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stuck;

impl Queue {
    pub(super) fn push(&self, new: Waiting) -> Result<(), Stuck> {
        let mut inner = self.lock();
        if matches!(new, Waiting::Packet(..)) {
            inner.make_room();
            inner.packets += 1;
        } else if inner.waiting.len() - inner.packets >= MAX_OTHERS {
            return Err(Stuck);
        }
        inner.waiting.push_back(new);
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for the next.
    pub(super) async fn pop(&self) -> Waiting {
        loop {
            let filled = self.filled.notified();
            if let Some(next) = self.lock().pop() {
                return next;
            }
            filled.await;
        }
    }

    /// Packets that were lost so far, because there was no room.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// What is inside is never half changed, so a poisoned lock holds a good one.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn make_room(&mut self) {
        if self.packets < MAX_PACKETS {
            return;
        }
        let oldest = self.waiting.iter().position(|waiting| matches!(waiting, Waiting::Packet(..)));
        if let Some(oldest) = oldest {
            self.waiting.remove(oldest);
            self.packets -= 1;
            self.dropped += 1;
        }
    }

    fn pop(&mut self) -> Option<Waiting> {
        let next = self.waiting.pop_front()?;
        self.packets -= usize::from(matches!(next, Waiting::Packet(..)));
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: usize) -> Waiting {
        Waiting::Packet(Duration::from_millis(number as u64), Box::from(&b"x"[..]))
    }

    #[tokio::test]
    async fn the_oldest_packets_are_lost_and_counted_and_notes_are_not() {
        let queue = Queue::default();
        let note = || Waiting::Note(Note::StreamEnded { ssrc: 7 });
        queue.push(note()).unwrap();
        for number in 0..MAX_PACKETS + 10 {
            queue.push(packet(number)).unwrap();
        }
        assert_eq!(queue.dropped(), 10);
        assert_eq!(queue.pop().await, note());
        assert_eq!(queue.pop().await, packet(10));
        for _ in 0..MAX_OTHERS {
            queue.push(note()).unwrap();
        }
        assert_eq!(queue.push(note()), Err(Stuck));
        queue.push(packet(0)).unwrap();
        assert_eq!(queue.dropped(), 10, "there was room");
    }

    #[tokio::test]
    async fn whoever_waits_gets_what_comes() {
        let queue = Queue::default();
        let (got, pushed) = tokio::join!(queue.pop(), async { queue.push(Waiting::Ping(7)) });
        assert_eq!((got, pushed), (Waiting::Ping(7), Ok(())));
    }
}
