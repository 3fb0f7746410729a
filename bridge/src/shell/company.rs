//! The workers behind one media port, as letters find them and as they know of each other. A conference lives on one of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jitsi_wire::colibri2::ConferenceModify;

use super::mailbox::Letterbox;
use super::parcel::{Inlet, Parcel};
use super::routes::{News, by_tag};
use super::waker::Waker;
use crate::core::ChannelId;

/// All of them.
pub(super) struct Company {
    members: Box<[Member]>,
    pub(super) news: News,
    directory: Mutex<Directory>,
    /// Those that have not ended.
    alive: AtomicUsize,
}

struct Member {
    letters: Letterbox,
    inlet: Inlet,
    /// As it last told.
    participants: AtomicUsize,
}

/// What lives where. With one worker it stays empty.
#[derive(Default)]
struct Directory {
    meetings: HashMap<String, usize>,
    channels: HashMap<ChannelId, usize>,
}

impl Company {
    pub(super) fn new(wakers: &[Arc<Waker>]) -> Self {
        let member = |waker: &Arc<Waker>| Member {
            letters: Letterbox::new(Arc::clone(waker)),
            inlet: Inlet::default(),
            participants: AtomicUsize::new(0),
        };
        Self {
            members: wakers.iter().map(member).collect(),
            news: News::default(),
            directory: Mutex::default(),
            alive: AtomicUsize::new(wakers.len()),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_single(&self) -> bool {
        self.size() == 1
    }

    /// One has ended. True if it was the last.
    pub(super) fn ends(&self) -> bool {
        self.alive.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn letters(&self, worker: usize) -> &Letterbox {
        &self.member(worker).letters
    }

    pub(super) fn all_letters(&self) -> impl Iterator<Item = &Letterbox> {
        self.members.iter().map(|member| &member.letters)
    }

    /// The worker that carries out this order. A conference that is new goes to the one with the fewest participants.
    pub(super) fn worker_for(&self, request: &ConferenceModify) -> usize {
        if self.is_single() {
            return 0;
        }
        let mut directory = self.directory();
        if let Some(worker) = directory.meetings.get(&request.meeting_id) {
            return *worker;
        }
        if !request.create {
            // Nobody knows it, which the first one says.
            return 0;
        }
        let worker = self.idlest(&directory);
        directory.meetings.insert(request.meeting_id.clone(), worker);
        worker
    }

    /// The worker of a conference, by the focus' name for it; if nobody knows it the first, who says so.
    pub(super) fn worker_of(&self, meeting_id: &str) -> usize {
        if self.is_single() { 0 } else { self.directory().meetings.get(meeting_id).copied().unwrap_or(0) }
    }

    /// Participants come after their conference, so that of several that are equal the one with the fewest conferences is taken.
    fn idlest(&self, directory: &Directory) -> usize {
        let conferences = |worker| directory.meetings.values().filter(|other| **other == worker).count();
        let load = |worker: &usize| (self.participants(*worker), conferences(*worker));
        (0..self.size()).min_by_key(load).unwrap_or(0)
    }

    pub(super) fn forget_meeting(&self, meeting_id: &str) {
        if !self.is_single() {
            self.directory().meetings.remove(meeting_id);
        }
    }

    /// The worker of a conference, by the name that the worker gave it; remembered for what comes over this channel.
    pub(super) fn open_channel(&self, conference: &str, id: ChannelId) -> usize {
        let worker = by_tag(conference).filter(|worker| *worker < self.size()).unwrap_or(0);
        if !self.is_single() {
            self.directory().channels.insert(id, worker);
        }
        worker
    }

    pub(super) fn channel(&self, id: ChannelId) -> usize {
        if self.is_single() {
            return 0;
        }
        self.directory().channels.get(&id).copied().unwrap_or(0)
    }

    /// Answers whose it was.
    pub(super) fn close_channel(&self, id: ChannelId) -> usize {
        if self.is_single() {
            return 0;
        }
        self.directory().channels.remove(&id).unwrap_or(0)
    }

    /// Hands datagrams to a worker. Answers how many found no room.
    pub(super) fn deliver(&self, worker: usize, parcel: &mut Parcel) -> u64 {
        let member = self.member(worker);
        let dropped = member.inlet.deliver(parcel);
        member.letters.wake();
        dropped
    }

    pub(super) fn collect(&self, worker: usize, parcel: &mut Parcel) {
        self.member(worker).inlet.collect(parcel);
    }

    /// A worker tells how many participants it has. Answers how many the others have.
    pub(super) fn tell(&self, worker: usize, participants: usize) -> usize {
        self.member(worker).participants.store(participants, Ordering::Relaxed);
        (0..self.size()).filter(|other| *other != worker).map(|other| self.participants(other)).sum()
    }

    fn participants(&self, worker: usize) -> usize {
        self.member(worker).participants.load(Ordering::Relaxed)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "numbers of workers come from this list, which has at least one and never changes"
    )]
    fn member(&self, worker: usize) -> &Member {
        &self.members[worker]
    }

    /// A map is never half changed, so a poisoned lock holds a good one.
    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(size: usize) -> Company {
        let wakers: Vec<_> = (0..size).map(|_| Arc::new(Waker::new().unwrap())).collect();
        Company::new(&wakers)
    }

    fn order(meeting_id: &str, create: bool) -> ConferenceModify {
        ConferenceModify { meeting_id: meeting_id.to_owned(), create, ..ConferenceModify::default() }
    }

    #[test]
    fn a_new_conference_goes_to_who_has_least_and_stays_there() {
        let company = company(3);
        let placed: Vec<_> = ["a", "b", "c", "d"].map(|id| company.worker_for(&order(id, true))).to_vec();
        assert_eq!(placed, [0, 1, 2, 0]);
        assert_eq!((company.tell(0, 9), company.tell(1, 2), company.tell(2, 4)), (0, 9, 11));
        assert_eq!(company.worker_for(&order("e", true)), 1);
        assert_eq!(company.worker_for(&order("c", false)), 2);
        company.forget_meeting("c");
        assert_eq!((company.worker_for(&order("c", false)), company.worker_for(&order("c", true))), (0, 1));
    }

    #[test]
    fn what_comes_over_a_channel_goes_where_its_conference_is() {
        let company = company(3);
        assert_eq!((company.open_channel("cXYZ", ChannelId(5)), company.channel(ChannelId(5))), (2, 2));
        assert_eq!(company.close_channel(ChannelId(5)), 2);
        assert_eq!(company.channel(ChannelId(5)), 0);
        assert_eq!(company.open_channel("pXYZ", ChannelId(6)), 0, "there are but three");
    }

    #[test]
    fn one_worker_keeps_no_books() {
        let company = company(1);
        assert_eq!((company.worker_for(&order("a", true)), company.open_channel("bXYZ", ChannelId(1))), (0, 0));
        let directory = company.directory();
        assert_eq!((directory.meetings.len(), directory.channels.len()), (0, 0));
        drop(directory);
        assert!(company.ends());
    }
}
