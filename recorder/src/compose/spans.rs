//! Stretches of time.

/// Stretches of time in milliseconds, in order, apart from one another; the end of each does not belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// Of stretches in any order, which may overlap. Empty ones are left out.
    pub fn new(stretches: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut all: Vec<(u64, u64)> = stretches.into_iter().filter(|(begin, end)| begin < end).collect();
        all.sort_unstable();
        let mut apart: Vec<(u64, u64)> = Vec::new();
        for (begin, end) in all {
            match apart.last_mut() {
                Some(last) if begin <= last.1 => last.1 = last.1.max(end),
                _ => apart.push((begin, end)),
            }
        }
        Self(apart)
    }

    /// Of moments at which something begins (true) or ends, in order. What has not ended lasts until `end`.
    pub fn between(moments: impl IntoIterator<Item = (u64, bool)>, end: u64) -> Self {
        let (mut all, mut since) = (Vec::new(), None);
        for (at, begins) in moments {
            match (begins, since) {
                (true, None) => since = Some(at),
                (false, Some(begin)) => {
                    all.push((begin, at));
                    since = None;
                }
                _ => {}
            }
        }
        all.extend(since.map(|begin| (begin, end)));
        Self::new(all)
    }

    pub fn contains(&self, at: u64) -> bool {
        self.0.iter().any(|(begin, end)| (*begin..*end).contains(&at))
    }

    /// Whether there is something of it between the two.
    pub fn touches(&self, begin: u64, end: u64) -> bool {
        self.0.iter().any(|it| it.0 < end && begin < it.1)
    }

    /// What is in both.
    pub fn and(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|one| other.0.iter().map(move |two| (one.0.max(two.0), one.1.min(two.1))));
        Self::new(pairs)
    }

    /// What is in this and not in the other.
    pub fn without(&self, other: &Self) -> Self {
        let mut gaps = Vec::new();
        let mut from = 0;
        for (begin, end) in &other.0 {
            gaps.push((from, *begin));
            from = *end;
        }
        gaps.push((from, u64::MAX));
        self.and(&Self::new(gaps))
    }

    /// Begins and ends.
    pub fn edges(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|(begin, end)| [*begin, *end])
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the last ends.
    pub fn end(&self) -> u64 {
        self.0.last().map_or(0, |(_, end)| *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(stretches: &[(u64, u64)]) -> Spans {
        Spans::new(stretches.iter().copied())
    }

    #[test]
    fn what_overlaps_becomes_one() {
        assert_eq!(spans(&[(5, 9), (0, 3), (2, 4), (4, 5), (7, 7)]), spans(&[(0, 9)]));
        assert_eq!(spans(&[(5, 9), (0, 3)]).0, [(0, 3), (5, 9)]);
    }

    #[test]
    fn spans_are_cut_by_others() {
        let all = spans(&[(0, 10), (20, 30)]);
        assert_eq!(all.and(&spans(&[(5, 25)])), spans(&[(5, 10), (20, 25)]));
        assert_eq!(all.without(&spans(&[(2, 3), (9, 22)])), spans(&[(0, 2), (3, 9), (22, 30)]));
        assert_eq!(all.without(&Spans::default()), all);
    }

    #[test]
    fn moments_make_spans_whatever_is_missing_of_them() {
        let moments = [(1, true), (2, true), (4, false), (5, false), (7, true)];
        assert_eq!(Spans::between(moments, 9), spans(&[(1, 4), (7, 9)]));
        assert!(Spans::between([(3, false)], 9).is_empty());
    }
}
