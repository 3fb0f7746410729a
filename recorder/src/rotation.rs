//! Which recordings are deleted so that there is room for others. Pure.

use std::time::Duration;

/// What may be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// Bytes that all recordings may take together.
    pub quota: Option<u64>,
    /// Older recordings are deleted.
    pub age: Option<Duration>,
    /// The oldest recordings are deleted where there is no room for a new one.
    pub oldest_goes: bool,
}

/// A recording that is not written to any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Old {
    /// Of its folder.
    pub(crate) name: String,
    /// Since 1970.
    pub(crate) ended: Duration,
    pub(crate) bytes: u64,
}

/// How full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Bytes of all recordings, those that are written to included.
    pub(crate) used: u64,
    /// Bytes of the disk that nobody uses.
    pub(crate) free: u64,
}

impl Keep {
    /// Whether anything is to be counted.
    pub(crate) fn is_bounded(&self) -> bool {
        *self != Self::default()
    }

    /// Bytes that the quota leaves.
    pub(crate) fn left(&self, used: u64) -> Option<u64> {
        self.quota.map(|quota| quota.saturating_sub(used))
    }

    /// The recordings that go, of all there are. `wanted`: bytes of the disk that are to be free.
    pub(crate) fn goes(&self, now: Duration, fill: Fill, wanted: u64, mut all: Vec<Old>) -> Vec<Old> {
        all.sort_by(|a, b| (a.ended, &a.name).cmp(&(b.ended, &b.name)));
        let Fill { mut used, mut free } = fill;
        all.retain(|old| {
            let is_too_old = self.age.is_some_and(|age| old.ended + age < now);
            let goes = is_too_old || self.oldest_goes && (free < wanted || self.is_nearly_used(used));
            if goes {
                used = used.saturating_sub(old.bytes);
                free = free.saturating_add(old.bytes);
            }
            goes
        });
        all
    }

    /// A tenth is for the one that is recorded.
    fn is_nearly_used(&self, used: u64) -> bool {
        self.quota.is_some_and(|quota| used > quota / 10 * 9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn old(name: &str, day: u32, bytes: u64) -> Old {
        Old { name: name.to_owned(), ended: DAY * day, bytes }
    }

    fn names(keep: Keep, fill: Fill) -> Vec<String> {
        let all = vec![old("c", 3, 10), old("a", 1, 10), old("b", 2, 10)];
        keep.goes(DAY * 10, fill, 20, all).into_iter().map(|old| old.name).collect()
    }

    const SCARCE: Fill = Fill { used: 30, free: 5 };
    const AMPLE: Fill = Fill { used: 30, free: 1000 };

    #[test]
    fn nothing_is_deleted_that_nobody_wants_deleted() {
        assert!(names(Keep::default(), SCARCE).is_empty());
        assert!(names(Keep { quota: Some(1), ..Keep::default() }, SCARCE).is_empty());
    }

    #[test]
    fn what_is_older_than_it_may_be_goes() {
        let keep = Keep { age: Some(DAY * 7 + DAY / 2), ..Keep::default() };
        assert_eq!(names(keep, AMPLE), ["a", "b"]);
    }

    #[test]
    fn the_oldest_go_until_there_is_room() {
        let keep = Keep { oldest_goes: true, ..Keep::default() };
        assert_eq!(names(keep, SCARCE), ["a", "b"]);
        assert!(names(keep, AMPLE).is_empty());
        let keep = Keep { quota: Some(30), ..keep };
        assert_eq!(names(keep, AMPLE), ["a"], "a tenth of the quota is for the next one");
        assert_eq!(names(keep, Fill { used: 300, free: 1000 }), ["a", "b", "c"], "more cannot be done");
    }

    #[test]
    fn a_quota_leaves_what_is_not_used() {
        let keep = Keep { quota: Some(100), ..Keep::default() };
        assert_eq!((keep.left(30), keep.left(200)), (Some(70), Some(0)));
        assert_eq!(Keep::default().left(30), None);
    }
}
