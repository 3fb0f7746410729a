//! How large a picture an encoder keeps up with, measured.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::bounded::{Outcome, bounded};
use crate::encoder::{Encoder, Settings};
use crate::failure::Failure;
use crate::level::Format;
use crate::run::{Event, IN_FLIGHT, Limits, Run};

/// What is tried, from the largest. The bit rates are what Jitsi sends in H.264 at these sizes.
pub const LADDER: [Format; 5] = [
    Format { width: 1920, height: 1080, fps: 30, bitrate: 4_000_000 },
    Format { width: 1280, height: 720, fps: 30, bitrate: 2_000_000 },
    Format { width: 960, height: 540, fps: 30, bitrate: 1_300_000 },
    Format { width: 640, height: 360, fps: 30, bitrate: 800_000 },
    Format { width: 426, height: 240, fps: 30, bitrate: 400_000 },
];

/// A fast processor need not go on.
const ENOUGH: u32 = 240;

/// How fast an encoder is at one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    pub format: Format,
    /// Pictures a second when nothing else is to be done.
    pub fps: u32,
}

/// How much faster than wanted an encoder must be when it is alone, in per cent. While a meeting is recorded, the processor also
/// decodes everybody, puts the pictures together, and perhaps hosts the meeting: encoding may take half of it. A chip's own
/// encoder only has to be faster than what comes.
pub fn headroom(encoder: &Encoder) -> u32 {
    if encoder.family.is_hardware() { 125 } else { 200 }
}

/// Whether this is fast enough for what is wanted.
pub fn sustains(encoder: &Encoder, rung: &Rung, fps: u32) -> bool {
    u64::from(rung.fps) * 100 >= u64::from(fps) * u64::from(headroom(encoder))
}

/// Measures an encoder, from the largest size to the first that it keeps up with: what is smaller, it keeps up with as well.
///
/// An encoder that fails at a size has no rung there: hardware has limits that drivers do not tell.
pub fn benchmark(encoder: &Encoder, limits: &Limits) -> Result<Vec<Rung>, Failure> {
    let mut rungs = Vec::new();
    for format in LADDER {
        match measure(encoder, format, limits) {
            Ok(fps) => rungs.push(Rung { format, fps }),
            Err(failure) if failure.is_hang() => return Err(failure),
            Err(failure) => tracing::debug!(%encoder, %format, %failure, "no size for this encoder"),
        }
        if rungs.last().is_some_and(|rung| sustains(encoder, rung, format.fps)) {
            break;
        }
    }
    Ok(rungs)
}

/// Pictures a second at one size.
fn measure(encoder: &Encoder, format: Format, limits: &Limits) -> Result<u32, Failure> {
    let (its, mine) = (encoder.clone(), *limits);
    let outcome = bounded(limits.answer(), limits.release, move |answer| {
        let settings = Settings::new(format);
        let _ = match Run::new(&its, &settings) {
            Ok(mut run) => answer.send(run.start().and_then(|()| race(&mut run, &mine))),
            Err(failure) => answer.send(Err(failure)),
        };
    });
    match outcome {
        Outcome::Done(result) => result,
        Outcome::NotReleased(result) => result.and(Err(Failure::NotReleased)),
        Outcome::Hung => Err(Failure::NoAnswer),
    }
}

/// From the first picture, which has waited for everything to be set up.
fn race(run: &mut Run, limits: &Limits) -> Result<u32, Failure> {
    let mut came = 0;
    let mut first: Option<Instant> = None;
    loop {
        while run.pushed.saturating_sub(came) < IN_FLIGHT {
            run.push();
        }
        let patience = if first.is_some() { limits.silence } else { limits.start };
        let Some(Event::Picture(picture)) = run.next(Instant::now() + patience)? else {
            return Err(Failure::Stalled { after: came });
        };
        let took = picture.at.saturating_duration_since(*first.get_or_insert(picture.at));
        came += 1;
        if took >= limits.measure || came > ENOUGH {
            let pictures = u128::from(came - 1) * 1_000_000;
            return Ok(u32::try_from(pictures / took.as_micros().max(1)).unwrap_or(u32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;

    #[test]
    fn the_ladder_goes_down_and_every_rung_has_a_level() {
        assert!(LADDER.is_sorted_by_key(|format| std::cmp::Reverse(format.width)));
        assert!(LADDER.iter().all(|format| format.width * 9 <= format.height * 16 + 16));
        assert_eq!(LADDER.map(|format| Level::of(format).unwrap().0), [40, 31, 31, 30, 21]);
    }

    #[test]
    fn software_may_take_half_of_the_processor() {
        let software = Encoder::named("x264enc").unwrap();
        let hardware = Encoder::named("v4l2h264enc").unwrap();
        let rung = |fps| Rung { format: LADDER[1], fps };
        assert!(sustains(&software, &rung(60), 30) && !sustains(&software, &rung(59), 30));
        assert!(sustains(&hardware, &rung(38), 30) && !sustains(&hardware, &rung(37), 30));
    }
}
