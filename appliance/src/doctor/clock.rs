//! Is it today, and will it stay so?

use super::check::Check;
use crate::dates;

/// Nothing of ours was made before.
const FIRST_YEAR: u64 = 2025;
/// Clocks of small boards that lost their battery now and then come up in the far future.
const LAST_YEAR: u64 = 2100;

pub(super) fn check() -> Check {
    judge(dates::now(), synchronized())
}

fn judge(now: u64, synchronized: Option<bool>) -> Check {
    let (year, ..) = dates::date(now);
    let time = dates::minute(now);
    if !(FIRST_YEAR..LAST_YEAR).contains(&year) {
        return Check::bad(
            "clock",
            format!("says {time}: browsers refuse certificates at such a date"),
            "set it (`timedatectl set-time`), or let it reach a time server (NTP)",
        );
    }
    match synchronized {
        Some(false) => Check::warning(
            "clock",
            format!(
                "says {time} and is not set by a time server: it will go wrong, and after a power cut it may be far off"
            ),
            "if that is not the time, set it (`timedatectl set-time`); with a network to a time server: `timedatectl set-ntp true`",
        ),
        Some(true) => Check::good("clock", format!("says {time}, set by a time server")),
        None => Check::good("clock", format!("says {time}")),
    }
}

/// What the kernel knows (adjtimex(2)); `None` where it does not say.
#[expect(
    unsafe_code,
    reason = "the call has no safe face; it fills a structure that is ours, and changes nothing with modes 0"
)]
fn synchronized() -> Option<bool> {
    // SAFETY: all fields are integers, for which zero is a value.
    let mut state: nix::libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `state` lives as long as the call.
    let answer = unsafe { nix::libc::adjtimex(&raw mut state) };
    (answer >= 0).then_some(state.status & nix::libc::STA_UNSYNC == 0)
}

#[cfg(test)]
mod tests {
    use super::super::check::Verdict;
    use super::*;

    #[test]
    fn a_wrong_year_is_bad_and_a_clock_that_nobody_sets_a_warning() {
        const TODAY: u64 = 1_795_817_640;
        for (now, synchronized, verdict) in [
            (0, Some(true), Verdict::Bad),
            (4_200_000_000, None, Verdict::Bad),
            (TODAY, Some(false), Verdict::Warning),
            (TODAY, Some(true), Verdict::Good),
            (TODAY, None, Verdict::Good),
        ] {
            assert_eq!(judge(now, synchronized).verdict, verdict, "{now} {synchronized:?}");
        }
        assert!(synchronized().is_some());
    }
}
