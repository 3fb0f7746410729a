//! Points in time and spans of it in words.

use std::time::{SystemTime, UNIX_EPOCH};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Seconds since 1970 by the clock of this machine.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `2026-11-27`.
pub(crate) fn day(seconds: u64) -> String {
    let (year, month, day) = date(seconds);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-27 22:14 UTC`.
pub(crate) fn minute(seconds: u64) -> String {
    format!("{} {:02}:{:02} UTC", day(seconds), seconds % DAY / HOUR, seconds % HOUR / MINUTE)
}

/// `2026-11-27 22:14:05`, in UTC.
pub(crate) fn second(seconds: u64) -> String {
    format!("{} {:02}:{:02}:{:02}", day(seconds), seconds % DAY / HOUR, seconds % HOUR / MINUTE, seconds % MINUTE)
}

/// The two largest units.
pub(crate) fn span(seconds: u64) -> String {
    let two = |large: u64, large_name: &str, small: u64, small_name: &str| match small {
        0 => format!("{large} {large_name}"),
        small => format!("{large} {large_name} {small} {small_name}"),
    };
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        _ => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    }
}

/// Year, month and day in UTC. Counts in years that begin in March, so that the leap day is their last.
pub(crate) fn date(seconds: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = seconds / DAY + 719_468;
    let (era, of_era) = (days / ERA, days % ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (1_764_281_640, "2025-11-27"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(day(seconds), expected);
        }
        assert_eq!(minute(1_764_281_640), "2025-11-27 22:14 UTC");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (seconds, expected) in
            [(7, "7 s"), (125, "2 min"), (7200, "2 h"), (11_000, "3 h 3 min"), (200_000, "2 d 7 h")]
        {
            assert_eq!(span(seconds), expected);
        }
    }
}
