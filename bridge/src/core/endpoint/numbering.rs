//! Closes the gaps that packets leave which are never forwarded to anybody.
//!
//! Padding, silence and muted media are dropped before the fan-out. If their numbers stayed empty every receiver would take
//! them for losses; so each stream is renumbered once, here. A real loss keeps its number.

use crate::core::packet::ExtSeq;

/// Gaps that are remembered, for packets that come late.
const REMEMBERED: usize = 16;
/// A jump this long is a restart of the stream, not a loss.
const MAX_GAP: u64 = 1000;

/// Dense numbers of one stream.
#[derive(Debug, Clone)]
pub struct Numbering {
    /// Where each shift begins, ascending.
    shifts: heapless::Deque<Shift, REMEMBERED>,
    newest: Option<ExtSeq>,
    newest_dense: ExtSeq,
    skipping: bool,
}

#[derive(Debug, Clone, Copy)]
struct Shift {
    from: ExtSeq,
    /// What is subtracted from the stream's own number; negative while that is the smaller one.
    by: i64,
}

impl Default for Numbering {
    fn default() -> Self {
        Self { shifts: heapless::Deque::new(), newest: None, newest_dense: ExtSeq(1 << 20), skipping: false }
    }
}

impl Numbering {
    /// Newest dense number.
    pub fn newest(&self) -> ExtSeq {
        self.newest_dense
    }

    /// The dense number of a packet that is forwarded; nothing for one that is too late to have a place.
    pub fn accept(&mut self, sequence: ExtSeq) -> Option<ExtSeq> {
        match self.newest {
            None => self.restart(sequence),
            Some(newest) if is_jump(newest, sequence) => self.restart(sequence),
            Some(newest) if newest.since(sequence) > MAX_GAP => return None,
            Some(newest) if sequence > newest => self.newest = Some(sequence),
            Some(_) => {}
        }
        let dense = self.dense(sequence)?;
        self.newest_dense = self.newest_dense.max(dense);
        Some(dense)
    }

    /// Like [`Self::accept`], but if packets were skipped just before, whatever lies between counts as skipped: for audio, where
    /// nothing that was lost in a silence is worth a gap. The flag says that this is the first packet after such a run.
    pub fn accept_closing(&mut self, sequence: ExtSeq) -> Option<(ExtSeq, bool)> {
        let closes = self.skipping && self.newest.is_none_or(|newest| sequence > newest);
        if closes {
            self.skipping = false;
            self.restart(sequence);
        }
        Some((self.accept(sequence)?, closes))
    }

    /// The packet is not forwarded and leaves no gap. One that comes late leaves its gap: the numbers behind it are out.
    pub fn skip(&mut self, sequence: ExtSeq) {
        let Some(newest) = self.newest else {
            return;
        };
        if is_jump(newest, sequence) {
            self.skipping = true;
            return;
        }
        if sequence <= newest {
            return;
        }
        self.newest = Some(sequence);
        self.skipping = true;
        let by = self.shifts.back().map_or(0, |shift| shift.by) + 1;
        let next = Shift { from: sequence.next(), by };
        match self.shifts.back_mut().filter(|last| last.from == sequence) {
            Some(last) => *last = next,
            None => self.push(next),
        }
    }

    /// The dense number of a packet that is already known.
    pub fn dense(&self, sequence: ExtSeq) -> Option<ExtSeq> {
        let shift = self.shifts.iter().rev().find(|shift| shift.from <= sequence)?;
        Some(ExtSeq(sequence.0.checked_add_signed(-shift.by)?))
    }

    fn restart(&mut self, sequence: ExtSeq) {
        let dense = self.newest_dense.next();
        let by = i64::try_from(i128::from(sequence.0) - i128::from(dense.0)).unwrap_or(0);
        // What came before the first packet still has a place before it; after a restart it has none.
        let from = if self.newest.is_none() { sequence.minus(MAX_GAP) } else { sequence };
        self.push(Shift { from, by });
        self.newest = Some(sequence);
    }

    fn push(&mut self, shift: Shift) {
        if self.shifts.is_full() {
            self.shifts.pop_front();
        }
        // There is room: the line before made it.
        let _ = self.shifts.push_back(shift);
    }
}

/// A restart: extended numbers rise over every one, see [`crate::core::ingress::stream::Reception`].
fn is_jump(newest: ExtSeq, sequence: ExtSeq) -> bool {
    sequence.since(newest) > MAX_GAP
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 70_000;

    fn accept(numbering: &mut Numbering, offset: u64) -> Option<i64> {
        numbering.accept(ExtSeq(BASE + offset)).map(|dense| dense.0 as i64 - (1 << 20))
    }

    #[test]
    fn checklist_78_padding_leaves_no_gap_and_losses_keep_theirs() {
        let mut numbering = Numbering::default();
        assert_eq!(accept(&mut numbering, 0), Some(1));
        numbering.skip(ExtSeq(BASE + 1));
        numbering.skip(ExtSeq(BASE + 2));
        assert_eq!(accept(&mut numbering, 3), Some(2));
        assert_eq!(accept(&mut numbering, 5), Some(4));
        numbering.skip(ExtSeq(BASE + 6));
        assert_eq!(accept(&mut numbering, 7), Some(5));
        assert_eq!(accept(&mut numbering, 4), Some(3), "late, between gaps that were closed");
    }

    #[test]
    fn what_came_before_the_first_packet_has_a_place() {
        let mut numbering = Numbering::default();
        assert_eq!(accept(&mut numbering, 10), Some(1));
        assert_eq!(accept(&mut numbering, 8), Some(-1));
    }

    #[test]
    fn audio_after_silence_goes_on_densely_whatever_was_lost_in_it() {
        let mut numbering = Numbering::default();
        let next =
            |n: &mut Numbering, offset: u64| n.accept_closing(ExtSeq(BASE + offset)).map(|(d, m)| (d.0 - (1 << 20), m));
        assert_eq!(next(&mut numbering, 0), Some((1, false)));
        for offset in [1, 2, 5, 6] {
            numbering.skip(ExtSeq(BASE + offset));
        }
        assert_eq!(next(&mut numbering, 9), Some((2, true)));
        assert_eq!(next(&mut numbering, 10), Some((3, false)));
    }

    #[test]
    fn silence_longer_than_a_jump_still_ends_densely() {
        let mut numbering = Numbering::default();
        numbering.accept_closing(ExtSeq(BASE));
        for offset in 1..5000 {
            numbering.skip(ExtSeq(BASE + offset));
        }
        let dense = numbering.accept_closing(ExtSeq(BASE + 5000)).unwrap().0;
        assert_eq!(dense, ExtSeq((1 << 20) + 2));
    }

    #[test]
    fn a_restart_goes_on_with_the_next_number_and_nothing_comes_back_from_before() {
        let mut numbering = Numbering::default();
        assert_eq!(accept(&mut numbering, 0), Some(1));
        assert_eq!(accept(&mut numbering, 40_000), Some(2));
        assert_eq!(accept(&mut numbering, 40_002), Some(4));
        assert_eq!(accept(&mut numbering, 100), None, "from before the restart");
        assert_eq!(accept(&mut numbering, 40_003), Some(5), "an old retransmission moves nothing");
    }

    #[test]
    fn more_gaps_than_are_remembered_only_cost_late_packets() {
        let mut numbering = Numbering::default();
        accept(&mut numbering, 0);
        for pair in 0..100 {
            numbering.skip(ExtSeq(BASE + 2 * pair + 1));
            assert_eq!(accept(&mut numbering, 2 * pair + 2), Some(pair as i64 + 2));
        }
        assert_eq!(accept(&mut numbering, 3), None);
    }
}
