//! How orders and bridge channels reach the worker's thread.
//!
//! Control is never dropped: there is little of it, and each order is answered. Text of bridge channels comes from clients and is
//! bounded; what is too much is refused to the sender.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::metrics::Counters;
use super::waker::Waker;
use crate::control::Command;
use crate::core::stats::{ConferenceReport, Gauges};
use crate::core::{ChannelId, ChannelRefusal, LocalCandidate, Stats};

/// Texts that may wait for the worker. It empties the queue every turn, so this many mean that it is far behind.
const MAX_TEXTS: usize = 4096;

/// Called on the worker's thread, once; must not wait.
pub type Answer<T> = Box<dyn FnOnce(T) + Send>;

/// Something for the worker to do.
pub enum Letter {
    /// An order of the focus; answered by an event.
    Apply(Command),
    /// A WebSocket wants to be a bridge channel.
    OpenChannel {
        conference: String,
        endpoint: String,
        pwd: String,
        id: ChannelId,
        answer: Answer<Result<(), ChannelRefusal>>,
    },
    ChannelText {
        id: ChannelId,
        text: String,
    },
    ChannelClosed {
        id: ChannelId,
    },
    /// Addresses to offer from now on.
    SetCandidates(Vec<LocalCandidate>),
    /// Refuse new conferences, or take them again.
    Drain(bool),
    /// Ask these STUN servers for the address that the internet sees.
    Discover(Vec<SocketAddr>),
    /// Copy out the numbers; also a sign of life.
    Report(Answer<Report>),
    /// Tell of everybody in all conferences.
    Describe(Answer<Vec<ConferenceReport>>),
    /// Tell all clients goodbye and end the thread.
    ShutDown,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply(_) => "Apply",
            Self::OpenChannel { .. } => "OpenChannel",
            Self::ChannelText { .. } => "ChannelText",
            Self::ChannelClosed { .. } => "ChannelClosed",
            Self::SetCandidates(_) => "SetCandidates",
            Self::Drain(_) => "Drain",
            Self::Discover(_) => "Discover",
            Self::Report(_) => "Report",
            Self::Describe(_) => "Describe",
            Self::ShutDown => "ShutDown",
        })
    }
}

/// Numbers of core and shell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Report {
    pub bridge: Stats,
    pub gauges: Gauges,
    pub shell: Counters,
}

/// Too many texts are waiting; this one was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bridge is behind with its channels")]
pub struct Behind;

/// The sending side; cheap to clone.
#[derive(Clone)]
pub struct Mailbox {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    waker: Arc<Waker>,
}

#[derive(Default)]
struct Queue {
    letters: VecDeque<Letter>,
    texts: usize,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

impl Mailbox {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        Self { shared: Arc::new(Shared { queue: Mutex::default(), waker }) }
    }

    /// Posts control; never dropped while the worker lives.
    pub fn post(&self, letter: Letter) {
        self.with(|queue| queue.letters.push_back(letter));
        self.wake();
    }

    /// Posts a text frame of a bridge channel.
    pub fn post_text(&self, id: ChannelId, text: String) -> Result<(), Behind> {
        let taken = self.with(|queue| {
            if queue.texts >= MAX_TEXTS {
                return false;
            }
            queue.texts += 1;
            queue.letters.push_back(Letter::ChannelText { id, text });
            true
        });
        if !taken {
            return Err(Behind);
        }
        self.wake();
        Ok(())
    }

    /// Moves everything that waits into `letters`, oldest first.
    pub(super) fn collect(&self, letters: &mut VecDeque<Letter>) {
        self.with(|queue| {
            letters.append(&mut queue.letters);
            queue.texts = 0;
        });
    }

    fn wake(&self) {
        self.shared.waker.wake();
    }

    /// A queue of letters is never half changed, so a poisoned lock holds good letters.
    fn with<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        change(&mut self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox() -> Mailbox {
        Mailbox::new(Arc::new(Waker::new().unwrap()))
    }

    #[test]
    fn letters_arrive_in_the_order_in_which_they_were_posted() {
        let mailbox = mailbox();
        mailbox.post(Letter::ChannelClosed { id: ChannelId(1) });
        mailbox.post_text(ChannelId(2), "two".to_owned()).unwrap();
        mailbox.post(Letter::ShutDown);
        let mut letters = VecDeque::new();
        mailbox.collect(&mut letters);
        let names: Vec<_> = letters.iter().map(|letter| format!("{letter:?}")).collect();
        assert_eq!(names, ["ChannelClosed", "ChannelText", "ShutDown"]);
    }

    #[test]
    fn chapter_9_28_too_many_texts_are_refused_and_control_still_gets_through() {
        let mailbox = mailbox();
        for _ in 0..MAX_TEXTS {
            mailbox.post_text(ChannelId(1), String::new()).unwrap();
        }
        assert_eq!(mailbox.post_text(ChannelId(1), String::new()), Err(Behind));
        mailbox.post(Letter::ShutDown);
        let mut letters = VecDeque::new();
        mailbox.collect(&mut letters);
        assert!(matches!(letters.back(), Some(Letter::ShutDown)));
        assert_eq!(mailbox.post_text(ChannelId(1), String::new()), Ok(()));
    }
}
