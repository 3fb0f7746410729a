//! Sequence numbers: the only place where their 16-bit arithmetic happens.

/// A sequence number as the wire carries it.
///
/// Deliberately not `Ord`: 16-bit numbers have no order, only a distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Seq(pub u16);

impl Seq {
    /// How far `self` is ahead of `other`, by the shorter way round; negative when behind.
    pub fn distance_from(self, other: Seq) -> i16 {
        self.0.wrapping_sub(other.0) as i16
    }

    pub fn is_newer_than(self, other: Seq) -> bool {
        self.distance_from(other) > 0
    }

    pub fn next(self) -> Seq {
        Seq(self.0.wrapping_add(1))
    }

    /// Moved forward by `count`, around the wrap if need be.
    pub fn plus(self, count: u16) -> Seq {
        Seq(self.0.wrapping_add(count))
    }
}

/// A sequence number with its cycles: totally ordered, never wraps in practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ExtSeq(pub u64);

impl ExtSeq {
    /// Where a stream's first number lands: in cycle 1, so that packets from before it still have a place.
    pub fn first(seq: Seq) -> ExtSeq {
        ExtSeq((1 << 16) | u64::from(seq.0))
    }

    /// The part that travels.
    pub fn seq(self) -> Seq {
        let [.., high, low] = self.0.to_be_bytes();
        Seq(u16::from_be_bytes([high, low]))
    }

    /// The extended number nearest to `self` that travels as `seq`.
    pub fn nearest(self, seq: Seq) -> ExtSeq {
        ExtSeq(self.0.saturating_add_signed(i64::from(seq.distance_from(self.seq()))))
    }

    pub fn next(self) -> ExtSeq {
        ExtSeq(self.0.saturating_add(1))
    }

    pub fn plus(self, count: u64) -> ExtSeq {
        ExtSeq(self.0.saturating_add(count))
    }

    pub fn minus(self, count: u64) -> ExtSeq {
        ExtSeq(self.0.saturating_sub(count))
    }

    /// How many numbers lie from `earlier` to `self`; 0 when `earlier` is not earlier.
    pub fn since(self, earlier: ExtSeq) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Extends the numbers of one stream, each relative to the newest seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwrapper {
    newest: Option<ExtSeq>,
}

impl Unwrapper {
    /// An unwrapper whose newest number is `newest`.
    pub fn starting_at(newest: ExtSeq) -> Self {
        Self { newest: Some(newest) }
    }

    pub fn newest(&self) -> Option<ExtSeq> {
        self.newest
    }

    /// Extends `seq` and remembers it if it is the newest.
    pub fn unwrap_seq(&mut self, seq: Seq) -> ExtSeq {
        let extended = self.peek(seq);
        self.newest = Some(self.newest.map_or(extended, |newest| newest.max(extended)));
        extended
    }

    /// Extends `seq` and remembers nothing: for numbers that a peer merely mentions (a NACK must never move the extension).
    pub fn peek(&self, seq: Seq) -> ExtSeq {
        self.newest.map_or_else(|| ExtSeq::first(seq), |newest| newest.nearest(seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_goes_the_shorter_way_round() {
        assert_eq!(Seq(2).distance_from(Seq(65534)), 4);
        assert_eq!(Seq(65534).distance_from(Seq(2)), -4);
        assert!(Seq(0).is_newer_than(Seq(65535)));
        assert!(!Seq(7).is_newer_than(Seq(7)));
    }

    #[test]
    fn unwrapping_follows_wraps_and_takes_stragglers_back() {
        let mut unwrapper = Unwrapper::default();
        let first = unwrapper.unwrap_seq(Seq(65530));
        assert_eq!(unwrapper.unwrap_seq(Seq(3)), first.plus(9));
        assert_eq!(unwrapper.unwrap_seq(Seq(65529)), first.minus(1));
        assert_eq!(unwrapper.newest(), Some(first.plus(9)));
        assert_eq!(unwrapper.peek(Seq(65535)), first.plus(5));
    }

    #[test]
    fn a_number_before_the_first_keeps_its_place() {
        let mut unwrapper = Unwrapper::default();
        let first = unwrapper.unwrap_seq(Seq(1));
        assert_eq!(unwrapper.unwrap_seq(Seq(65535)), first.minus(2));
        assert_eq!(unwrapper.unwrap_seq(Seq(65535)).seq(), Seq(65535));
    }
}
