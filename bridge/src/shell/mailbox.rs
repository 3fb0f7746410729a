//! How orders and bridge channels reach the workers' threads.
//!
//! Control is never dropped: there is little of it, and each order is answered. Text of bridge channels comes from clients and is
//! bounded; what is too much is refused to the sender.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Add;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use media_tap::Message;

use super::company::Company;
use super::metrics::Counters;
use super::waker::Waker;
use crate::control::Command;
use crate::core::stats::{ConferenceReport, Gauges};
use crate::core::taps::{Extent, TapId, TapRefusal};
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
    /// Give this of a meeting to whoever holds the other side of this socket, which is of the type `SOCK_SEQPACKET`.
    Tap {
        meeting_id: String,
        id: TapId,
        wanted: Extent,
        socket: OwnedFd,
        /// What is said first, if anything.
        first: Message,
        answer: Answer<Result<(), TapRefusal>>,
    },
    /// Give no more of it: what was said last is on its way when this is answered.
    Untap {
        id: TapId,
        answer: Answer<()>,
    },
    /// Tell everybody in a meeting: a message of the bridge channel.
    Announce {
        meeting_id: String,
        text: Arc<str>,
    },
    /// A tap needs a key frame.
    TapWish {
        id: TapId,
        ssrc: u32,
    },
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
            Self::Tap { .. } => "Tap",
            Self::Untap { .. } => "Untap",
            Self::Announce { .. } => "Announce",
            Self::TapWish { .. } => "TapWish",
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

impl Add for Report {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bridge: self.bridge + other.bridge, gauges: self.gauges + other.gauges, shell: self.shell + other.shell }
    }
}

/// Too many texts are waiting; this one was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bridge is behind with its channels")]
pub struct Behind;

/// What waits for one worker.
pub(super) struct Letterbox {
    queue: Mutex<Queue>,
    waker: Arc<Waker>,
}

#[derive(Default)]
struct Queue {
    letters: VecDeque<Letter>,
    texts: usize,
}

impl Letterbox {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        Self { queue: Mutex::default(), waker }
    }

    /// Posts control; never dropped while the worker lives.
    fn post(&self, letter: Letter) {
        self.with(|queue| queue.letters.push_back(letter));
        self.waker.wake();
    }

    fn post_text(&self, id: ChannelId, text: String) -> Result<(), Behind> {
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
        self.waker.wake();
        Ok(())
    }

    /// Moves everything that waits into `letters`, oldest first.
    pub(super) fn collect(&self, letters: &mut VecDeque<Letter>) {
        self.with(|queue| {
            letters.append(&mut queue.letters);
            queue.texts = 0;
        });
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// A queue of letters is never half changed, so a poisoned lock holds good letters.
    fn with<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        change(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The sending side; cheap to clone. Letters find the worker whose conference they are about.
#[derive(Clone)]
pub struct Mailbox(Arc<Company>);

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

impl Mailbox {
    pub(super) fn new(company: Arc<Company>) -> Self {
        Self(company)
    }

    /// Posts control; never dropped while the workers live.
    pub fn post(&self, letter: Letter) {
        let company = &self.0;
        match letter {
            Letter::SetCandidates(list) => self.post_to_all(|| Letter::SetCandidates(list.clone())),
            Letter::Drain(on) => self.post_to_all(|| Letter::Drain(on)),
            Letter::ShutDown => self.post_to_all(|| Letter::ShutDown),
            Letter::Report(answer) => {
                let gathered = Gathered::new(company.size(), answer, |one, other| one + other);
                self.post_to_all(|| Letter::Report(Arc::clone(&gathered).part()));
            }
            Letter::Describe(answer) => {
                let gathered = Gathered::new(company.size(), answer, |one, other| [one, other].concat());
                self.post_to_all(|| Letter::Describe(Arc::clone(&gathered).part()));
            }
            Letter::Tap { ref meeting_id, .. } | Letter::Announce { ref meeting_id, .. } => {
                let worker = company.worker_of(meeting_id);
                company.letters(worker).post(letter);
            }
            Letter::Untap { id, answer } => {
                let gathered = Gathered::new(company.size(), answer, |(), ()| ());
                self.post_to_all(|| Letter::Untap { id, answer: Arc::clone(&gathered).part() });
            }
            Letter::TapWish { id, ssrc } => self.post_to_all(|| Letter::TapWish { id, ssrc }),
            Letter::Apply(command) => {
                company.letters(company.worker_for(&command.request)).post(Letter::Apply(command));
            }
            Letter::OpenChannel { conference, endpoint, pwd, id, answer } => {
                let worker = company.open_channel(&conference, id);
                let at = Arc::clone(company);
                let answer = Box::new(move |outcome: Result<(), ChannelRefusal>| {
                    if outcome.is_err() {
                        at.close_channel(id);
                    }
                    answer(outcome);
                });
                company.letters(worker).post(Letter::OpenChannel { conference, endpoint, pwd, id, answer });
            }
            Letter::ChannelText { id, .. } => company.letters(company.channel(id)).post(letter),
            Letter::ChannelClosed { id } => company.letters(company.close_channel(id)).post(letter),
            Letter::Discover(_) => company.letters(0).post(letter),
        }
    }

    /// Posts a text frame of a bridge channel.
    pub fn post_text(&self, id: ChannelId, text: String) -> Result<(), Behind> {
        self.0.letters(self.0.channel(id)).post_text(id, text)
    }

    fn post_to_all(&self, letter: impl Fn() -> Letter) {
        self.0.all_letters().for_each(|letters| letters.post(letter()));
    }
}

/// Answers of all workers, put together for the one who asked.
struct Gathered<T> {
    state: Mutex<Gathering<T>>,
    join: fn(T, T) -> T,
}

struct Gathering<T> {
    so_far: Option<T>,
    missing: usize,
    answer: Option<Answer<T>>,
}

impl<T: Send + 'static> Gathered<T> {
    fn new(count: usize, answer: Answer<T>, join: fn(T, T) -> T) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(Gathering { so_far: None, missing: count, answer: Some(answer) }), join })
    }

    /// One worker's part.
    fn part(self: Arc<Self>) -> Answer<T> {
        Box::new(move |part| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let sum = match state.so_far.take() {
                Some(sum) => (self.join)(sum, part),
                None => part,
            };
            state.missing = state.missing.saturating_sub(1);
            if state.missing > 0 {
                state.so_far = Some(sum);
            } else if let Some(answer) = state.answer.take() {
                answer(sum);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(workers: usize) -> Mailbox {
        let wakers: Vec<_> = (0..workers).map(|_| Arc::new(Waker::new().unwrap())).collect();
        Mailbox::new(Arc::new(Company::new(&wakers)))
    }

    fn collect(mailbox: &Mailbox, worker: usize) -> VecDeque<Letter> {
        let mut letters = VecDeque::new();
        mailbox.0.letters(worker).collect(&mut letters);
        letters
    }

    #[test]
    fn every_worker_is_asked_and_one_answer_comes() {
        let (mailbox, (said, told)) = (mailbox(3), std::sync::mpsc::channel());
        mailbox.post(Letter::Report(Box::new(move |report| said.send(report.bridge.endpoints).unwrap())));
        for (worker, endpoints) in [(2, 1), (0, 20), (1, 300)] {
            assert!(told.try_recv().is_err());
            let Some(Letter::Report(answer)) = collect(&mailbox, worker).pop_front() else { panic!("no letter") };
            answer(Report { bridge: Stats { endpoints, ..Stats::default() }, ..Report::default() });
        }
        assert_eq!(told.recv(), Ok(321));
        mailbox.post(Letter::ShutDown);
        assert!((0..3).all(|worker| collect(&mailbox, worker).len() == 1));
    }

    #[test]
    fn a_refused_channel_is_forgotten() {
        let mailbox = mailbox(2);
        let id = ChannelId(4);
        let open = Letter::OpenChannel {
            conference: "bXYZ".to_owned(),
            endpoint: "e".to_owned(),
            pwd: "p".to_owned(),
            id,
            answer: Box::new(|_| ()),
        };
        mailbox.post(open);
        mailbox.post_text(id, "early".to_owned()).unwrap();
        let mut letters = collect(&mailbox, 1);
        assert_eq!(letters.len(), 2);
        let Some(Letter::OpenChannel { answer, .. }) = letters.pop_front() else { panic!("no letter") };
        answer(Err(ChannelRefusal));
        assert_eq!(mailbox.0.channel(id), 0);
    }

    #[test]
    fn letters_arrive_in_the_order_in_which_they_were_posted() {
        let mailbox = mailbox(1);
        mailbox.post(Letter::ChannelClosed { id: ChannelId(1) });
        mailbox.post_text(ChannelId(2), "two".to_owned()).unwrap();
        mailbox.post(Letter::ShutDown);
        let letters = collect(&mailbox, 0);
        let names: Vec<_> = letters.iter().map(|letter| format!("{letter:?}")).collect();
        assert_eq!(names, ["ChannelClosed", "ChannelText", "ShutDown"]);
    }

    #[test]
    fn chapter_9_28_too_many_texts_are_refused_and_control_still_gets_through() {
        let mailbox = mailbox(1);
        for _ in 0..MAX_TEXTS {
            mailbox.post_text(ChannelId(1), String::new()).unwrap();
        }
        assert_eq!(mailbox.post_text(ChannelId(1), String::new()), Err(Behind));
        mailbox.post(Letter::ShutDown);
        let letters = collect(&mailbox, 0);
        assert!(matches!(letters.back(), Some(Letter::ShutDown)));
        assert_eq!(mailbox.post_text(ChannelId(1), String::new()), Ok(()));
    }
}
