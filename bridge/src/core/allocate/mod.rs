//! Who gets which encoding.
//!
//! [`constraints`] says what each receiver asks for, [`targets`] turns that into one encoding of each source: the highest that
//! is alive and fits the height asked, as far as the receiver's budget reaches. What stands on stage is fed first.

pub mod budget;
pub mod constraints;
pub mod estimate;

pub use budget::Budget;
pub use constraints::{Candidate, Settings, Wanted, larger};

/// Most encodings that one source can have.
pub const MAX_ENCODINGS: usize = 4;
/// Bits per second.
const MAX_OVERSEND: u64 = 500_000;

/// One encoding of a source as the allocation sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rung {
    /// Pixels of the smaller side.
    pub height: u16,
    /// What it was measured to cost lately, in bits per second.
    pub bps: u64,
    /// Packets came lately.
    pub active: bool,
}

/// The encodings of a source, ascending quality.
pub type Ladder = heapless::Vec<Rung, MAX_ENCODINGS>;

/// Target encoding of each entry of `wanted`, in that order; `None`: nothing of it is sent. `ladders` is by candidate.
pub fn targets(wanted: &[Wanted], ladders: &[Ladder], budget_bps: u64) -> Vec<Option<u8>> {
    let mut plan = Plan {
        left: i128::from(budget_bps),
        chosen: vec![None; wanted.len()],
        choices: wanted.iter().map(|w| choices(ladders.get(w.candidate), w.max_height)).collect(),
        ladders: wanted.iter().map(|w| ladders.get(w.candidate)).collect(),
    };
    let stage = |w: &Wanted| w.on_stage;
    for index in (0..wanted.len()).filter(|i| wanted.get(*i).is_some_and(stage)) {
        plan.show(index);
        plan.climb(index);
    }
    for index in 0..wanted.len() {
        plan.show(index);
    }
    for index in 0..wanted.len() {
        plan.climb(index);
    }
    plan.chosen
}

struct Plan<'a> {
    left: i128,
    chosen: Vec<Option<u8>>,
    choices: Vec<heapless::Vec<u8, MAX_ENCODINGS>>,
    ladders: Vec<Option<&'a Ladder>>,
}

impl Plan<'_> {
    fn cost(&self, index: usize, encoding: Option<u8>) -> i128 {
        let rung = encoding.and_then(|encoding| self.ladders.get(index).copied().flatten()?.get(usize::from(encoding)));
        rung.map_or(0, |rung| i128::from(rung.bps))
    }

    /// Gives a source that has nothing its lowest encoding.
    fn show(&mut self, index: usize) {
        let lowest = self.choices.get(index).and_then(|choices| choices.first().copied());
        let cost = self.cost(index, lowest);
        if let Some(chosen) = self.chosen.get_mut(index)
            && chosen.is_none()
            && cost <= self.left
        {
            *chosen = lowest;
            self.left -= if lowest.is_some() { cost } else { 0 };
        }
    }

    /// Raises a source to the highest encoding that the budget allows.
    fn climb(&mut self, index: usize) {
        let Some(current) = self.chosen.get(index).copied().flatten() else {
            return;
        };
        let spare = self.left + self.cost(index, Some(current));
        let better = self.choices.get(index).and_then(|choices| {
            let mut affordable =
                choices.iter().copied().filter(|c| *c > current && self.cost(index, Some(*c)) <= spare);
            affordable.next_back()
        });
        if let (Some(better), Some(chosen)) = (better, self.chosen.get_mut(index)) {
            *chosen = Some(better);
            self.left = spare - self.cost(index, Some(better));
        }
    }
}

/// The shared screen on stage is rather sent beyond the budget, by so much at most, than not at all (jitsi-videobridge
/// `max-oversend-bitrate`): the highest encoding that this allows, if that is more than `chosen`.
pub fn oversent(wanted: &Wanted, ladder: &Ladder, chosen: Option<u8>, budget_bps: u64) -> Option<u8> {
    let within = |encoding: &u8| {
        ladder.get(usize::from(*encoding)).is_some_and(|rung| rung.bps <= budget_bps.saturating_add(MAX_OVERSEND))
    };
    choices(Some(ladder), wanted.max_height).into_iter().rfind(within).max(chosen)
}

/// What the chosen encodings cost together, in bits per second.
pub fn cost(wanted: &[Wanted], ladders: &[Ladder], chosen: &[Option<u8>]) -> u64 {
    let one = |(wanted, encoding): (&Wanted, &Option<u8>)| {
        Some(ladders.get(wanted.candidate)?.get(usize::from((*encoding)?))?.bps)
    };
    wanted.iter().zip(chosen).filter_map(one).sum()
}

/// Encodings that may be sent to somebody who wants `max_height`, ascending: the living ones that fit; if none fits the lowest
/// living one. While none lives (the source has just come) all count as living.
fn choices(ladder: Option<&Ladder>, max_height: i32) -> heapless::Vec<u8, MAX_ENCODINGS> {
    let Some(ladder) = ladder.filter(|_| max_height != 0) else {
        return heapless::Vec::new();
    };
    let none_lives = !ladder.iter().any(|rung| rung.active);
    let living = || (0_u8..).zip(ladder).filter(move |(_, rung)| rung.active || none_lives);
    let fits = |rung: &Rung| max_height < 0 || i32::from(rung.height) <= max_height;
    let fitting: heapless::Vec<u8, MAX_ENCODINGS> =
        living().filter(|(_, rung)| fits(rung)).map(|(index, _)| index).collect();
    if fitting.is_empty() { living().take(1).map(|(index, _)| index).collect() } else { fitting }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simulcast(active: [bool; 3]) -> Ladder {
        let rung = |height, bps, active| Rung { height, bps, active };
        let [low, middle, high] = active;
        Ladder::from_slice(&[rung(180, 150_000, low), rung(360, 500_000, middle), rung(720, 2_000_000, high)]).unwrap()
    }

    fn wanted(heights: &[i32]) -> Vec<Wanted> {
        let one = |(candidate, &max_height)| Wanted { candidate, max_height, on_stage: false };
        heights.iter().enumerate().map(one).collect()
    }

    const ALL: [bool; 3] = [true; 3];
    const PLENTY: u64 = 1_000_000_000;

    #[test]
    fn the_highest_encoding_that_fits_is_sent() {
        let asked = wanted(&[0, 90, 180, 200, 360, 719, 720, -1]);
        let ladders = vec![simulcast(ALL); asked.len()];
        let chosen = targets(&asked, &ladders, PLENTY);
        assert_eq!(chosen, [None, Some(0), Some(0), Some(0), Some(1), Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn silent_encodings_are_passed_over() {
        let each = [[true, true, false], [true, false, true], [false, false, true], [false, false, false]];
        let ladders: Vec<Ladder> = each.into_iter().map(simulcast).collect();
        let best = targets(&wanted(&[720; 4]), &ladders, PLENTY);
        assert_eq!(best, [Some(1), Some(2), Some(2), Some(2)]);
        let least = targets(&wanted(&[180; 4]), &ladders, PLENTY);
        assert_eq!(least, [Some(0), Some(0), Some(2), Some(0)], "the lowest that lives, although it is too tall");
    }

    #[test]
    fn the_stage_is_fed_before_any_thumbnail() {
        let mut asked = wanted(&[180, 180, 720]);
        asked.iter_mut().for_each(|w| w.on_stage = w.candidate == 2);
        asked.rotate_right(1);
        let ladders = vec![simulcast(ALL); 3];
        assert_eq!(targets(&asked, &ladders, 2_000_000), [Some(2), None, None]);
        assert_eq!(targets(&asked, &ladders, 2_150_000), [Some(2), Some(0), None]);
        assert_eq!(targets(&asked, &ladders, 600_000), [Some(1), None, None]);
    }

    #[test]
    fn everybody_is_shown_before_anybody_climbs_in_tile_view() {
        let ladders = vec![simulcast(ALL); 3];
        assert_eq!(targets(&wanted(&[360; 3]), &ladders, 800_000), [Some(1), Some(0), Some(0)]);
        assert_eq!(targets(&wanted(&[360; 3]), &ladders, 450_000), [Some(0); 3]);
        assert_eq!(targets(&wanted(&[360; 3]), &ladders, 300_000), [Some(0), Some(0), None]);
    }

    #[test]
    fn nothing_is_sent_that_does_not_fit_but_the_screen_on_stage() {
        let ladders = vec![simulcast(ALL); 2];
        let asked = wanted(&[720; 2]);
        assert_eq!(targets(&asked, &ladders, 10), [None, None]);
        assert_eq!(oversent(&asked[0], &ladders[0], None, 0), Some(1));
        assert_eq!(oversent(&asked[0], &ladders[0], Some(1), 1_500_000), Some(2));
        assert_eq!(oversent(&asked[0], &ladders[0], Some(2), 0), Some(2));
    }

    #[test]
    fn the_ideal_is_what_an_endless_line_would_carry() {
        let ladders = vec![simulcast(ALL); 2];
        let asked = wanted(&[720, 180]);
        assert_eq!(cost(&asked, &ladders, &targets(&asked, &ladders, PLENTY)), 2_150_000);
        assert_eq!(cost(&asked, &ladders, &targets(&asked, &ladders, 200_000)), 150_000);
    }
}
