//! Lines that people have.

use std::time::Duration;
use tests::meeting::Whims;
use tests::netem::{Bottleneck, Bursts, Link};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A line, and what may be expected of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) link: Link,
    /// A picture may stand still for so long.
    pub(crate) picture: Duration,
    /// And speech be away for so long.
    pub(crate) speech: Duration,
}

impl Line {
    pub(crate) fn good() -> Self {
        Self { link: Link { delay: ms(10), ..Link::default() }, picture: ms(400), speech: ms(120) }
    }

    pub(crate) fn of_chance(whims: &mut Whims) -> Self {
        let delay = ms(5 + whims.below(60));
        let good = Self::good();
        let link = Link { delay, ..Link::default() };
        match whims.below(8) {
            0 => Self { link, ..good },
            1 => Self { link: Link { loss: 5 + whims.below(45) as u32, ..link }, picture: ms(1000), speech: ms(200) },
            2 => {
                let bursts = Bursts { chance: 10, longest: ms(150) };
                Self { link: Link { bursts: Some(bursts), ..link }, picture: ms(1000), speech: ms(500) }
            }
            3 => Self { link: Link { jitter: ms(5 + whims.below(30)), ..link }, speech: ms(200), ..good },
            4 => {
                Self { link: Link { jitter: ms(5 + whims.below(60)), in_order: true, ..link }, speech: ms(200), ..good }
            }
            5 => Self { link: Link { duplicate: 50 + whims.below(200) as u32, ..link }, ..good },
            6 => {
                let down = Bottleneck { bits_per_second: 700_000 + whims.below(2_000_000), longest: ms(300) };
                Self { link: Link { down: Some(down), ..link }, picture: ms(1500), speech: ms(500) }
            }
            _ => {
                let jitter = ms(whims.below(20));
                let loss = whims.below(20) as u32;
                Self { link: Link { jitter, loss, duplicate: 5, ..link }, picture: ms(1000), speech: ms(200) }
            }
        }
    }
}
