//! Which number a receiver knows a packet by.
//!
//! Numbers run on in step with the source's own (its closed gaps apart, see [`crate::core::endpoint::numbering`]), so a number
//! that is missing at the source keeps its place here and a late packet fits in. What was sent before the latest switch is of no
//! more use to anybody, so only the current run is kept.

use crate::core::packet::{ExtSeq, Seq};

/// The current run of numbers towards one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeqMap {
    first_in: ExtSeq,
    newest_in: ExtSeq,
    first_out: ExtSeq,
}

impl SeqMap {
    /// The first packet ever: `input` becomes `output`.
    pub fn starting(input: ExtSeq, output: Seq) -> Self {
        Self { first_in: input, newest_in: input, first_out: ExtSeq::first(output) }
    }

    /// A new run that begins with `input`, after everything sent so far and `hole` numbers that are never sent.
    pub fn switched(&self, input: ExtSeq, hole: u64) -> Self {
        let first_out = self.newest_out().plus(1 + hole);
        Self { first_in: input, newest_in: input, first_out }
    }

    /// The receiver's number for `input`; nothing for packets from before this run.
    pub fn forward(&mut self, input: ExtSeq) -> Option<Seq> {
        let output = self.output(input)?;
        self.newest_in = self.newest_in.max(input);
        Some(output.seq())
    }

    /// True for a packet that is not behind one that was forwarded already.
    pub fn is_newest(&self, input: ExtSeq) -> bool {
        input >= self.newest_in
    }

    /// The source's number for a number that this receiver has seen or missed; nothing for numbers outside the run.
    pub fn locate(&self, output: Seq) -> Option<ExtSeq> {
        let output = self.newest_out().nearest(output);
        let within = output >= self.first_out && output <= self.newest_out();
        within.then(|| self.first_in.plus(output.since(self.first_out)))
    }

    fn output(&self, input: ExtSeq) -> Option<ExtSeq> {
        (input >= self.first_in).then(|| self.first_out.plus(input.since(self.first_in)))
    }

    /// The newest number that went out.
    pub fn newest_out(&self) -> ExtSeq {
        self.first_out.plus(self.newest_in.since(self.first_in))
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the numbers of tests are small")]
mod tests {
    use super::*;

    #[test]
    fn losses_keep_their_place_and_late_packets_find_it() {
        let mut map = SeqMap::starting(ExtSeq(70_000), Seq(9));
        assert_eq!(map.forward(ExtSeq(70_000)), Some(Seq(9)));
        assert_eq!(map.forward(ExtSeq(70_003)), Some(Seq(12)));
        assert_eq!(map.forward(ExtSeq(70_001)), Some(Seq(10)));
        assert_eq!(map.forward(ExtSeq(69_999)), None);
        assert_eq!(map.locate(Seq(11)), Some(ExtSeq(70_002)));
        assert_eq!(map.locate(Seq(8)), None, "before the run");
        assert_eq!(map.locate(Seq(13)), None, "not sent yet");
    }

    #[test]
    fn a_switch_goes_on_after_the_newest_and_closes_what_was() {
        let mut map = SeqMap::starting(ExtSeq(100), Seq(1));
        map.forward(ExtSeq(104));
        let mut plain = map.switched(ExtSeq(5_000), 0);
        assert_eq!(plain.forward(ExtSeq(5_000)), Some(Seq(6)));
        let mut holed = map.switched(ExtSeq(5_000), 1);
        assert_eq!(holed.forward(ExtSeq(5_000)), Some(Seq(7)));
        assert_eq!(holed.locate(Seq(6)), None);
        assert_eq!(holed.locate(Seq(5)), None);
    }

    #[test]
    fn both_sides_wrap_independently() {
        let mut map = SeqMap::starting(ExtSeq(65_530), Seq(65_000));
        for step in 0..200_000_u64 {
            let input = ExtSeq(65_530 + step);
            let output = map.forward(input).unwrap();
            assert_eq!(output, Seq((65_000 + step) as u16));
            assert_eq!(map.locate(output), Some(input));
        }
    }
}
