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

    /// So many bytes are free, at this time.
    pub(crate) fn look(&mut self, now: Duration, free: u64) -> Option<Verdict> {
        if free < self.least {
            let text = "The recording ended because the disk is nearly full: {} are free, and {} must remain. \
                        Delete or move older recordings, then start again.";
            return Some(Verdict::Stop(text.replacen("{}", &bytes(free), 1).replacen("{}", &bytes(self.least), 1)));
        }
        let left = self.left(now, free);
        let scarce = free < self.least.saturating_mul(WARN_TIMES) || left.is_some_and(|left| left < WARN_AHEAD);
        if self.warned || !scarce {
            return None;
        }
        self.warned = true;
        let usable = bytes(free - self.least);
        Some(Verdict::Warn(match left {
            Some(left) => format!(
                "The disk has room for about {} more minutes of this recording ({usable}).",
                left.as_secs().div_ceil(60)
            ),
            None => format!("The disk has little room left for this recording: {usable}."),
        }))
    }

    /// How long it lasts, if the disk goes on to fill like this.
    fn left(&mut self, now: Duration, free: u64) -> Option<Duration> {
        let (since, before) = *self.first.get_or_insert((now, free));
        let elapsed = now.saturating_sub(since);
        let used = before.saturating_sub(free);
        if elapsed < MEASURE || used == 0 {
            return None;
        }
        let millis = u128::from(free - self.least) * elapsed.as_millis() / u128::from(used);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

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

    #[test]
    fn people_are_warned_once_and_early_and_it_ends_before_the_disk_is_full() {
        let mut room = Room::new(500 * MB);
        let at = Duration::from_secs;
        assert_eq!(room.look(at(0), 3_000 * MB), None);
        assert_eq!(room.look(at(10), 2_990 * MB), None, "too early to tell");
        let warning = "The disk has room for about 15 more minutes of this recording (2.2 GB).".to_owned();
        assert_eq!(room.look(at(120), 2_700 * MB), Some(Verdict::Warn(warning)));
        assert_eq!(room.look(at(200), 2_400 * MB), None);
        let Some(Verdict::Stop(text)) = room.look(at(900), 499 * MB) else { panic!() };
        assert!(text.contains("499.0 MB are free, and 500.0 MB must remain"), "{text}");
    }

    #[test]
    fn little_room_is_worth_a_warning_at_once() {
        let mut room = Room::new(500 * MB);
        assert!(matches!(room.look(Duration::ZERO, 900 * MB), Some(Verdict::Warn(_))));
        assert_eq!(Room::new(0).look(Duration::ZERO, 0), None);
    }
}
