//! State per SSRC, sorted by SSRC, with the last hit remembered.

/// A map from SSRC to `T`. A transport has a dozen SSRCs, in a large meeting some hundreds: binary search over one dense array.
#[derive(Debug)]
pub(super) struct Table<T> {
    ssrcs: Vec<u32>,
    states: Vec<Entry<T>>,
    last_hit: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<T> {
    state: T,
    used: u64,
}

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        Self { ssrcs: Vec::new(), states: Vec::new(), last_hit: 0, clock: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.ssrcs.len()
    }

    pub(super) fn get_mut(&mut self, ssrc: u32) -> Option<&mut T> {
        if self.ssrcs.get(self.last_hit) != Some(&ssrc) {
            self.last_hit = self.ssrcs.binary_search(&ssrc).ok()?;
        }
        self.clock += 1;
        let entry = self.states.get_mut(self.last_hit)?;
        entry.used = self.clock;
        Some(&mut entry.state)
    }

    /// Adds an SSRC that is not there yet.
    pub(super) fn insert(&mut self, ssrc: u32, state: T) {
        if let Err(at) = self.ssrcs.binary_search(&ssrc) {
            self.clock += 1;
            self.ssrcs.insert(at, ssrc);
            self.states.insert(at, Entry { state, used: self.clock });
            self.last_hit = at;
        }
    }

    /// Forgets the SSRC that was not asked for the longest.
    pub(super) fn evict_least_recent(&mut self) {
        let oldest = self.states.iter().enumerate().min_by_key(|(_, entry)| entry.used).map(|(at, _)| at);
        if let Some(at) = oldest {
            self.ssrcs.remove(at);
            self.states.remove(at);
            self.last_hit = 0;
        }
    }
}
