//! What of the estimate of one path the allocation last went by: it is decided anew when that changes enough to matter.

/// An estimate lower by this share matters.
const LOWER: f64 = 0.95;
/// And one higher by this share.
const HIGHER: f64 = 1.10;

/// The budget of one receiver.
#[derive(Debug, Default)]
pub struct Budget {
    bps: Option<u64>,
}

impl Budget {
    /// Bits per second; `None` before anything was estimated.
    pub fn bps(&self) -> Option<u64> {
        self.bps
    }

    /// There is a new estimate. True if that changes the budget.
    pub fn update(&mut self, estimate: u64) -> bool {
        let matters = self.bps.is_none_or(|bps| {
            let ratio = estimate as f64 / bps.max(1) as f64;
            !(LOWER..HIGHER).contains(&ratio)
        });
        if matters {
            self.bps = Some(estimate);
        }
        matters
    }

    /// The allocation is decided anew for other reasons: with what is known now.
    pub fn refresh(&mut self, estimate: u64) {
        self.bps = Some(estimate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_changes_are_nothing() {
        let mut budget = Budget::default();
        assert!(budget.update(1_000_000));
        assert!(!budget.update(1_090_000));
        assert!(!budget.update(960_000));
        assert!(budget.update(940_000));
        assert!(budget.update(1_040_000));
        budget.refresh(1_000_000);
        assert_eq!(budget.bps(), Some(1_000_000));
    }
}
