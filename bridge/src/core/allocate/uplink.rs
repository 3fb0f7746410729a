//! The line of the bridge itself, which all receivers share.
//!
//! Estimators that meet on one bottleneck fight. So the bottleneck is configured, and whoever could take more than an equal part of
//! it is held to that part; what some do not need, the others get.

use std::collections::BTreeMap;

/// So much is used, in bits per second of all that goes out: key frames and retransmissions come in bursts.
const USED: f64 = 0.9;
/// A receiver whose own line carries less than this share of its part leaves the rest to the others.
const NARROW: f64 = 0.8;

/// Who takes how much.
#[derive(Debug, Default)]
pub struct Uplink {
    /// Bits per second to share; `None`: the line is endless.
    shared: Option<u64>,
    /// By receiver.
    demands: BTreeMap<u64, u64>,
    /// Nobody gets more than this.
    level: Option<u64>,
}

impl Uplink {
    /// `bps`: what the line carries.
    pub fn new(bps: Option<u64>) -> Self {
        Self { shared: bps.map(used), ..Self::default() }
    }

    /// The line, or our part of it, carries so much now.
    pub fn set_line(&mut self, bps: Option<u64>) {
        let shared = bps.map(used);
        if shared != self.shared {
            self.shared = shared;
            self.fill();
        }
    }

    /// What nobody may exceed; `None` while all get what they can take.
    pub fn level(&self) -> Option<u64> {
        self.level
    }

    /// A receiver would be sent `wanted` if its own line, which carries `estimate`, did. Answers the level.
    pub fn demand(&mut self, receiver: u64, wanted: u64, estimate: Option<u64>) -> Option<u64> {
        self.shared?;
        let narrow = estimate.filter(|bps| self.level.is_none_or(|level| *bps as f64 <= level as f64 * NARROW));
        let demand = narrow.map_or(wanted, |bps| wanted.min(bps + bps / 4));
        if self.demands.insert(receiver, demand) != Some(demand) {
            self.fill();
        }
        self.level
    }

    /// A receiver is gone.
    pub fn remove(&mut self, receiver: u64) {
        if self.demands.remove(&receiver).is_some() {
            self.fill();
        }
    }

    /// Fills the demands evenly until the line is full.
    fn fill(&mut self) {
        let Some(shared) = self.shared else {
            return;
        };
        let mut demands: Vec<u64> = self.demands.values().copied().collect();
        demands.sort_unstable();
        let (mut left, mut count) = (shared, demands.len() as u64);
        self.level = None;
        for demand in demands {
            let part = left / count.max(1);
            if demand > part {
                self.level = Some(part);
                return;
            }
            left -= demand;
            count -= 1;
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is less than the argument")]
fn used(bps: u64) -> u64 {
    (bps as f64 * USED) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_which_others_take_more_carries_less_for_us() {
        let mut uplink = Uplink::new(Some(10_000_000));
        assert_eq!(uplink.demand(1, 6_000_000, None), None, "all of it is ours");
        uplink.set_line(Some(5_000_000));
        assert_eq!(uplink.level(), Some(4_500_000));
        uplink.set_line(Some(10_000_000));
        assert_eq!(uplink.level(), None);
    }

    #[test]
    fn what_some_do_not_need_the_others_get() {
        let mut uplink = Uplink::new(Some(1_000_000));
        assert_eq!(uplink.demand(1, 300_000, None), None);
        assert_eq!(uplink.demand(2, 500_000, None), None);
        assert_eq!(uplink.demand(3, 500_000, None), Some(300_000));
        assert_eq!(uplink.demand(1, 100_000, None), Some(400_000));
        uplink.remove(2);
        assert_eq!(uplink.level(), None);
    }

    #[test]
    fn a_narrow_line_takes_no_more_than_it_carries() {
        let mut uplink = Uplink::new(Some(1_000_000));
        uplink.demand(1, 2_000_000, Some(450_000));
        assert_eq!(uplink.demand(2, 2_000_000, Some(450_000)), Some(450_000), "both may carry more");
        assert_eq!(uplink.demand(1, 2_000_000, Some(200_000)), None, "one of them does not");
        assert_eq!(uplink.demand(1, 2_000_000, Some(560_000)), Some(450_000));
    }

    #[test]
    fn an_endless_line_is_not_shared() {
        let mut uplink = Uplink::new(None);
        assert_eq!(uplink.demand(1, u64::MAX, None), None);
    }
}
