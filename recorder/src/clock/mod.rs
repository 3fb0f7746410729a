//! From a stream's clock to the tap's, so that what happened together is heard and seen together. Pure.
//!
//! A sender report ties a stream's clock to the sender's wall clock, which all streams of a participant share. The sender's
//! wall clock is tied to the tap's by the report that was under way for the shortest time. Before reports come, a stream is
//! tied to the tap's clock by its fastest packet.

mod sender;
mod timeline;
mod window;

pub use sender::SenderClock;
pub use timeline::Timeline;

use std::time::Duration;

/// Microseconds. Differences of times are of both signs.
pub type Micros = i64;

/// Saturates after 292,000 years.
pub fn micros(duration: Duration) -> Micros {
    Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX)
}

/// A time of the sender's wall clock in microseconds since 1900.
fn ntp_micros(ntp: u64) -> Micros {
    let fraction = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    ((ntp >> 32) * 1_000_000 + fraction).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_times_become_microseconds() {
        assert_eq!(ntp_micros((1 << 32) | (1 << 31)), 1_500_000);
        assert_eq!(ntp_micros(u64::MAX), 4_294_967_295_999_999);
    }
}
