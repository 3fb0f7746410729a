//! The smallest of what was measured lately.

use std::collections::VecDeque;

use super::Micros;

/// Measurements kept. A report comes every one to five seconds from each stream: some minutes, in which two clocks that
/// differ by 100 millionths move apart by less than a frame.
const KEPT: usize = 32;

/// The last measurements.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    values: VecDeque<Micros>,
}

impl Window {
    pub(super) fn add(&mut self, value: Micros) {
        if self.values.len() == KEPT {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    pub(super) fn smallest(&self) -> Option<Micros> {
        self.values.iter().copied().min()
    }

    /// Makes the newest smaller, if this is.
    pub(super) fn lower_last(&mut self, value: Micros) {
        match self.values.back_mut() {
            Some(last) => *last = value.min(*last),
            None => self.add(value),
        }
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
    }
}
