//! The conferences of a bridge, and when the first of them wants to be woken.
//!
//! That is asked several times in each turn, and hundreds of people have hundreds of deadlines: what a conference answered is kept
//! until somebody gets hold of it to change it.

use std::time::Instant;

use super::Wake;
use super::conference::Conference;

/// By place; a place that was left is taken again.
#[derive(Debug, Default)]
pub(super) struct Conferences {
    list: Vec<Option<Conference>>,
    /// What each wants, but for the one that was touched.
    wakeups: Vec<Option<(Instant, Wake)>>,
    /// Who may have changed.
    touched: Option<usize>,
}

impl Conferences {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Option<Conference>> {
        self.list.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<&Option<Conference>> {
        self.list.get(place)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Option<Conference>> {
        self.touch(place);
        self.list.get_mut(place)
    }

    pub(super) fn push(&mut self, conference: Option<Conference>) {
        self.touch(self.list.len());
        self.list.push(conference);
        self.wakeups.push(None);
    }

    /// When the first one wants to be woken.
    pub(super) fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        (0..self.list.len()).filter_map(|place| self.wakeup(place)).min_by_key(|(at, _)| *at)
    }

    /// When this one wants to be woken.
    pub(super) fn wakeup(&self, place: usize) -> Option<(Instant, Wake)> {
        if self.touched == Some(place) {
            return self.list.get(place)?.as_ref()?.next_wakeup();
        }
        self.wakeups.get(place).copied().flatten()
    }

    fn touch(&mut self, place: usize) {
        if self.touched == Some(place) {
            return;
        }
        if let Some(before) = self.touched {
            let wakeup = self.wakeup(before);
            if let Some(kept) = self.wakeups.get_mut(before) {
                *kept = wakeup;
            }
        }
        self.touched = Some(place);
    }
}
