//! A sliding window over indices that were already taken (RFC 3711 3.3.2).

/// What a window says of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not seen, within reach.
    Fresh,
    Seen,
    /// Behind the window: nobody knows.
    TooOld,
}

/// `WORDS * 64` indices back from the newest.
#[derive(Debug, Clone)]
pub(super) struct Window<const WORDS: usize> {
    newest: u64,
    /// A ring: the bit of index i is bit i mod 64 of word (i / 64) mod `WORDS`.
    bits: [u64; WORDS],
}

impl<const WORDS: usize> Window<WORDS> {
    /// A window whose first index is `first`; it is already taken.
    pub(super) fn starting_at(first: u64) -> Self {
        let mut window = Self { newest: first, bits: [0; WORDS] };
        window.set(first);
        window
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    pub(super) fn check(&self, index: u64) -> Verdict {
        if index > self.newest {
            Verdict::Fresh
        } else if self.reach() <= self.newest - index {
            Verdict::TooOld
        } else if self.word(index).is_some_and(|word| word & bit(index) != 0) {
            Verdict::Seen
        } else {
            Verdict::Fresh
        }
    }

    /// Marks an index that [`Self::check`] called fresh.
    pub(super) fn take(&mut self, index: u64) {
        if index > self.newest {
            let steps = (index / 64 - self.newest / 64).min(WORDS as u64);
            for step in 0..steps {
                if let Some(word) = self.word_mut((index / 64 - step) * 64) {
                    *word = 0;
                }
            }
            self.newest = index;
        }
        self.set(index);
    }

    /// The word that the newest index shares with stale bits costs up to 64 of the reach.
    fn reach(&self) -> u64 {
        (WORDS as u64 - 1) * 64
    }

    fn set(&mut self, index: u64) {
        if let Some(word) = self.word_mut(index) {
            *word |= bit(index);
        }
    }

    fn word(&self, index: u64) -> Option<&u64> {
        self.bits.get(Self::slot(index))
    }

    fn word_mut(&mut self, index: u64) -> Option<&mut u64> {
        self.bits.get_mut(Self::slot(index))
    }

    fn slot(index: u64) -> usize {
        usize::try_from(index / 64 % WORDS as u64).unwrap_or(0)
    }
}

fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn a_window_agrees_with_a_set() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut window = Window::<17>::starting_at(5000);
        let mut seen = BTreeSet::from([5000u64]);
        for _ in 0..200_000 {
            let newest = window.newest();
            let index = match rng.next_u32() % 20 {
                0 => newest + u64::from(rng.next_u32() % 3000),
                1..=9 => newest + 1 + u64::from(rng.next_u32() % 3),
                _ => newest - u64::from(rng.next_u32() % 1400),
            };
            let expected = if index <= newest && newest - index >= 1024 {
                Verdict::TooOld
            } else if seen.contains(&index) {
                Verdict::Seen
            } else {
                Verdict::Fresh
            };
            assert_eq!(window.check(index), expected, "index {index} at {newest}");
            if expected == Verdict::Fresh {
                window.take(index);
                seen.insert(index);
            }
        }
    }
}
