//! How one receiver's budget is shared among what it asks for (jitsi-videobridge `BandwidthAllocator`).

use super::ladder::{Ladder, Rung};
use super::{Layer, Wanted};

/// A shared screen on stage is sent beyond the budget by so much at most, in bits per second (jitsi-videobridge
/// `max-oversend-bitrate`).
const MAX_OVERSEND: i128 = 500_000;

/// One source that a receiver asks for, most important first.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    pub wanted: Wanted,
    pub desktop: bool,
    pub layers: &'a [Rung],
    pub most: Most,
}

/// How far a source may climb, whatever the budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Most {
    #[default]
    All,
    UpTo(Layer),
    Nothing,
}

impl From<Option<Layer>> for Most {
    fn from(layer: Option<Layer>) -> Self {
        layer.map_or(Self::Nothing, Self::UpTo)
    }
}

/// What it gets of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    pub target: Option<Layer>,
    /// What an endless line would carry.
    pub ideal: Option<Layer>,
    /// Of the target, in bits per second.
    pub bps: u64,
}

/// Shares the budget, in bits per second. One grant for each ask, in their order.
pub fn share(asks: &[Ask<'_>], budget: u64) -> Vec<Grant> {
    let mut climbers: Vec<Climber> = asks.iter().map(Climber::new).collect();
    let mut left = i128::from(budget);
    loop {
        let before = left;
        for (index, climber) in climbers.iter_mut().enumerate().filter(|(_, climber)| !climber.ladder.rungs.is_empty())
        {
            left -= climber.improve(left, index == 0);
            if climber.on_stage && climber.at < climber.ladder.preferred {
                // No thumbnail is fed before the stage is satisfied.
                break;
            }
        }
        if left == before {
            return climbers.iter().map(Climber::grant).collect();
        }
    }
}

/// A source on its way up its ladder.
struct Climber {
    ladder: Ladder,
    on_stage: bool,
    at: Option<usize>,
    ideal: Option<Layer>,
}

impl Climber {
    fn new(ask: &Ask<'_>) -> Self {
        let mut ladder = Ladder::new(ask.layers, &ask.wanted, ask.desktop);
        let ideal = ladder.rungs.last().map(|rung| rung.layer);
        match ask.most {
            Most::All => {}
            Most::UpTo(layer) => ladder.end_at(layer),
            Most::Nothing => ladder = Ladder::default(),
        }
        Self { ladder, on_stage: ask.wanted.on_stage, at: None, ideal }
    }

    fn cost(&self, at: Option<usize>) -> i128 {
        at.and_then(|at| self.ladder.rungs.get(at)).map_or(0, |rung| i128::from(rung.bps))
    }

    /// Climbs as far as is this source's turn. Answers what that costs.
    fn improve(&mut self, left: i128, may_oversend: bool) -> i128 {
        let before = self.cost(self.at);
        let most = left + before;
        let preferred = self.ladder.preferred.filter(|_| self.at.is_none() && self.on_stage);
        if let Some(preferred) = preferred {
            let affordable = (0..=preferred).take_while(|at| self.cost(Some(*at)) <= most);
            self.at = affordable.last();
        } else {
            let next = self.at.map_or(0, |at| at + 1);
            if next < self.ladder.rungs.len() && self.cost(Some(next)) < most {
                self.at = Some(next);
            }
        }
        self.skip();
        if let Some(oversend) = self.ladder.oversend.filter(|_| may_oversend) {
            let first = self.at.map_or(0, |at| at + 1);
            let mut above = first..=oversend;
            if let Some(at) = above.find(|at| self.cost(Some(*at)) <= most + MAX_OVERSEND) {
                self.at = Some(at);
            }
        }
        self.cost(self.at) - before
    }

    /// Whatever is better and costs no more is taken instead.
    fn skip(&mut self) {
        let Some(at) = self.at else {
            return;
        };
        let cost = self.cost(Some(at));
        let better = (at + 1..self.ladder.rungs.len()).rev().find(|higher| self.cost(Some(*higher)) <= cost);
        self.at = better.or(self.at);
    }

    fn grant(&self) -> Grant {
        let rung = self.at.and_then(|at| self.ladder.rungs.get(at));
        Grant { target: rung.map(|rung| rung.layer), ideal: self.ideal, bps: rung.map_or(0, |rung| rung.bps) }
    }
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
