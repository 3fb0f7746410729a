//! Whether there is room for what comes. Pure.

use std::time::Duration;

/// People are told when it lasts for less than this …
const WARN_AHEAD: Duration = Duration::from_secs(15 * 60);
/// … or when there is less than so many times what must remain.
const WARN_TIMES: u64 = 2;
/// The rate is measured over this time at least.
const MEASURE: Duration = Duration::from_secs(30);

/// Watches how full the disk gets.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// In bytes.
    least: u64,
    first: Option<(Duration, u64)>,
    warned: bool,
}

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    /// Bytes of the disk that nobody uses.
    pub(crate) free: u64,
    /// Bytes that the quota leaves, if there is one.
    pub(crate) quota: Option<u64>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Tell people.
    Warn(String),
    /// End before the disk is full, and say this.
    Stop(String),
}

impl Room {
    /// So many bytes must remain free.
    pub(crate) fn new(least: u64) -> Self {
        Self { least, first: None, warned: false }
    }

    /// What there is at this time.
    pub(crate) fn look(&mut self, now: Duration, space: Space) -> Option<Verdict> {
        let Space { free, quota } = space;
        if free < self.least {
            return Some(Verdict::Stop(format!(
                "The recording ended because the disk is nearly full: {} are free, and {} must remain. {ADVICE}",
                bytes(free),
                bytes(self.least)
            )));
        }
        if quota == Some(0) {
            let why = "The recording ended because recordings take all the room that they may have.";
            return Some(Verdict::Stop(format!("{why} {ADVICE}")));
        }
        let usable = (free - self.least).min(quota.unwrap_or(u64::MAX));
        let left = self.left(now, usable);
        // A quota may be small, and lasts for long all the same: how long is what counts there.
        let is_little = free < self.least.saturating_mul(WARN_TIMES);
        if self.warned || !(is_little || left.is_some_and(|left| left < WARN_AHEAD)) {
            return None;
        }
        self.warned = true;
        let usable = bytes(usable);
        Some(Verdict::Warn(match left {
            Some(left) => {
                let minutes = left.as_secs().div_ceil(60);
                format!("There is room for about {minutes} more minutes of this recording ({usable}).")
            }
            None => format!("The disk has little room left for this recording: {usable}."),
        }))
    }

    /// How long it lasts, if it goes on to fill like this.
    fn left(&mut self, now: Duration, usable: u64) -> Option<Duration> {
        let (since, before) = *self.first.get_or_insert((now, usable));
        let elapsed = now.saturating_sub(since);
        let used = before.saturating_sub(usable);
        if elapsed < MEASURE || used == 0 {
            return None;
        }
        let millis = u128::from(usable) * elapsed.as_millis() / u128::from(used);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

const ADVICE: &str = "Delete or move older recordings, then start again.";

/// What to say when a write failed because there was no room at all.
pub(crate) const FULL: &str = "The recording ended because the disk is full. What was recorded before is kept. \
                        Delete or move older recordings, then start again.";

/// `1.4 GB`.
pub(crate) fn bytes(count: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        0..1_000_000 => format!("{} kB", count / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn free(megabytes: u64) -> Space {
        Space { free: megabytes * MB, quota: None }
    }

    #[test]
    fn people_are_warned_once_and_early_and_it_ends_before_the_disk_is_full() {
        let mut room = Room::new(500 * MB);
        let at = Duration::from_secs;
        assert_eq!(room.look(at(0), free(3_000)), None);
        assert_eq!(room.look(at(10), free(2_990)), None, "too early to tell");
        let warning = "There is room for about 15 more minutes of this recording (2.2 GB).".to_owned();
        assert_eq!(room.look(at(120), free(2_700)), Some(Verdict::Warn(warning)));
        assert_eq!(room.look(at(200), free(2_400)), None);
        let Some(Verdict::Stop(text)) = room.look(at(900), free(499)) else { panic!() };
        assert!(text.contains("499.0 MB are free, and 500.0 MB must remain"), "{text}");
    }

    #[test]
    fn little_room_is_worth_a_warning_at_once() {
        let mut room = Room::new(500 * MB);
        assert!(matches!(room.look(Duration::ZERO, free(900)), Some(Verdict::Warn(_))));
        assert_eq!(Room::new(0).look(Duration::ZERO, free(0)), None);
    }

    #[test]
    fn a_quota_ends_it_as_well() {
        let mut room = Room::new(500 * MB);
        let quota = |left| Space { quota: Some(left * MB), ..free(50_000) };
        assert_eq!(room.look(Duration::ZERO, quota(300)), None);
        assert!(matches!(room.look(Duration::from_secs(60), quota(200)), Some(Verdict::Warn(_))));
        let Some(Verdict::Stop(text)) = room.look(Duration::from_secs(180), quota(0)) else { panic!() };
        assert!(text.contains("all the room that they may have"), "{text}");
    }
}
