//! Whether an encoder does what a recording needs, found out by trying.
//!
//! That an element is registered proves nothing: drivers register encoders that fail when they are used, stop after the first
//! picture, or never make a key frame. So each encoder gets [`PROOF`] pictures of 640x360, and after the half of them a key frame
//! is asked for; then [`STEADY`] more, over which its bit rate is measured when the first, large picture and the forced one
//! are behind it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::bounded::{Outcome, bounded};
use crate::encoder::{Encoder, Settings};
use crate::failure::Failure;
use crate::h264::Sps;
use crate::level::{Format, HIGHEST};
use crate::run::{Event, IN_FLIGHT, Limits, Picture, Run};

/// Pictures that prove that it works: a second.
pub const PROOF: u32 = 30;
/// Pictures over which the bit rate is measured: two seconds.
pub const STEADY: u32 = 60;
/// What is encoded.
pub const TRIAL: Format = Format { width: 640, height: 360, fps: 30, bitrate: 1_000_000 };
/// A key frame is asked for before this picture.
const ASKED_BEFORE: u32 = PROOF / 2;
/// Within so many pictures a key frame comes that was asked for.
const KEY_WITHIN: u32 = 3;
/// Per cent that the bit rate may be off.
const TOLERANCE: u64 = 40;
/// An encoder that keeps pictures back does not give them within this time either.
const SETTLES: Duration = Duration::from_millis(200);

/// What was measured of an encoder that is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Pictures that came.
    pub pictures: u32,
    /// What its pictures say of themselves.
    pub sps: Sps,
    /// How many pictures after it was asked for the key frame came; 1: at once.
    pub key_frame_after: u32,
    /// Bits a second over the last [`STEADY`] pictures.
    pub bitrate: u32,
    /// Bits a second it was told to make.
    pub bitrate_asked: u32,
    /// How long all pictures took.
    pub milliseconds: u64,
}

/// Tries an encoder. It takes a second or less if the encoder is good, and never longer than the limits say.
pub fn dry_run(encoder: &Encoder, limits: &Limits) -> Result<Measured, Failure> {
    let (its, mine) = (encoder.clone(), *limits);
    let outcome = bounded(limits.answer(), limits.release, move |answer| {
        // No key frame comes unless it is asked for.
        let settings = Settings { key_interval: 10 * (PROOF + STEADY), ..Settings::new(TRIAL) };
        match Run::new(&its, &settings) {
            Ok(mut run) => {
                let seen = run.start().and_then(|()| Trial::new(mine).watch(&mut run));
                let _ = answer.send(seen.and_then(|seen| seen.judge(&settings)));
            }
            Err(failure) => {
                let _ = answer.send(Err(failure));
            }
        }
    });
    match outcome {
        Outcome::Done(result) => result,
        // What was wrong before explains more.
        Outcome::NotReleased(result) => result.and(Err(Failure::NotReleased)),
        Outcome::Hung => Err(Failure::NoAnswer),
    }
}

/// What was seen of an encoder.
#[derive(Debug)]
struct Trial {
    limits: Limits,
    began: Instant,
    pictures: Vec<Picture>,
    /// Pictures that had come, and that had been given, when the key frame was asked for.
    asked: Option<(u32, u32)>,
    ended: bool,
}

impl Trial {
    fn new(limits: Limits) -> Self {
        Self { limits, began: Instant::now(), pictures: Vec::new(), asked: None, ended: false }
    }

    fn came(&self) -> u32 {
        u32::try_from(self.pictures.len()).unwrap_or(u32::MAX)
    }

    fn watch(mut self, run: &mut Run) -> Result<Self, Failure> {
        self.began = Instant::now();
        self.feed(run, ASKED_BEFORE)?;
        self.settle(run)?;
        self.asked = Some((self.came(), run.pushed));
        run.stage.force_key_frame();
        self.feed(run, PROOF + STEADY)?;
        run.end();
        while !self.ended {
            self.wait(run)?;
        }
        Ok(self)
    }

    /// Gives it pictures until there were so many, never too many at once.
    fn feed(&mut self, run: &mut Run, until: u32) -> Result<(), Failure> {
        while run.pushed < until {
            while run.pushed.saturating_sub(self.came()) >= IN_FLIGHT {
                self.wait(run)?;
            }
            run.push();
        }
        Ok(())
    }

    /// Lets what it has been given come out, so that a key frame that was asked for later is not taken for an earlier one.
    fn settle(&mut self, run: &Run) -> Result<(), Failure> {
        while self.came() < run.pushed {
            // The first may take as long as it takes to start.
            let patience = if self.pictures.is_empty() { self.limits.start } else { SETTLES };
            match run.next(Instant::now() + patience)? {
                Some(event) => self.take(event, run)?,
                None => break,
            }
        }
        Ok(())
    }

    /// For one thing to come.
    fn wait(&mut self, run: &Run) -> Result<(), Failure> {
        let now = Instant::now();
        let patience = if self.pictures.is_empty() { self.limits.start } else { self.limits.silence };
        let whole = self.began + self.limits.whole;
        match run.next(whole.min(now + patience))? {
            Some(event) => self.take(event, run),
            None if Instant::now() >= whole => {
                Err(Failure::TooSlow { came: self.came(), of: PROOF + STEADY, seconds: self.limits.whole.as_secs() })
            }
            None if self.came() >= PROOF + STEADY => Err(Failure::NoEnd),
            None => Err(Failure::Stalled { after: self.came() }),
        }
    }

    fn take(&mut self, event: Event, run: &Run) -> Result<(), Failure> {
        match event {
            // No more than were given: an encoder that makes up pictures would fill the memory.
            Event::Picture(_) if self.came() >= run.pushed => {
                return Err(Failure::Refused { why: "it gives more pictures than it gets".to_owned() });
            }
            Event::Picture(picture) => self.pictures.push(picture),
            Event::End => self.ended = true,
            Event::Error(why) => return Err(Failure::Refused { why }),
        }
        Ok(())
    }

    fn judge(&self, settings: &Settings) -> Result<Measured, Failure> {
        let first = self.pictures.first().ok_or(Failure::Lost { came: 0, of: PROOF + STEADY })?;
        if !first.unit.idr {
            return Err(Failure::NoKeyFrameFirst);
        }
        let sps = first.unit.sps.ok_or(Failure::NoParameters)?;
        let needs = settings.level().unwrap_or(HIGHEST);
        if sps.level < needs {
            return Err(Failure::LevelTooLow { says: sps.level, needs });
        }
        let key_frame_after = self.key_frame_after().ok_or(Failure::NoForcedKeyFrame)?;
        // A driver may keep the last ones for itself; one in ten is more than that.
        if self.came() < (PROOF + STEADY) * 9 / 10 {
            return Err(Failure::Lost { came: self.came(), of: PROOF + STEADY });
        }
        let bitrate = self.bitrate(settings.format.fps);
        let asked = settings.format.bitrate;
        if u64::from(bitrate.abs_diff(asked)) * 100 > u64::from(asked) * TOLERANCE {
            return Err(Failure::BitrateOff { asked, got: bitrate });
        }
        let took = self.pictures.last().unwrap_or(first).at.saturating_duration_since(self.began);
        Ok(Measured {
            pictures: self.came(),
            sps,
            key_frame_after,
            bitrate,
            bitrate_asked: asked,
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn key_frame_after(&self) -> Option<u32> {
        let (came, given) = self.asked?;
        let mut numbered = (0u32..).zip(&self.pictures);
        // An encoder that kept pictures back may make the key frame of one of those.
        let key = numbered.find(|(number, picture)| *number >= came && picture.unit.idr)?.0;
        (key < given + KEY_WITHIN).then(|| key.saturating_sub(given) + 1)
    }

    fn bitrate(&self, fps: u32) -> u32 {
        let steady = || self.pictures.iter().skip(usize::try_from(PROOF).unwrap_or(0));
        let bits = steady().map(|picture| picture.bytes).sum::<usize>().saturating_mul(8);
        let bits = u64::try_from(bits).unwrap_or(u64::MAX);
        let number = u64::try_from(steady().count()).unwrap_or(u64::MAX).max(1);
        u32::try_from(bits.saturating_mul(u64::from(fps)) / number).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h264::AccessUnit;
    use crate::level::Level;

    const SPS: Sps = Sps { profile: 66, constraints: 0xc0, level: Level(30) };

    fn settings() -> Settings {
        Settings::new(TRIAL)
    }

    /// What an encoder gives that does everything right: key frames first and when asked, the bit rate to the byte.
    fn good() -> Trial {
        let now = Instant::now();
        let bytes = usize::try_from(TRIAL.bitrate / 8 / TRIAL.fps).unwrap();
        let picture = |number: u32| Picture {
            unit: AccessUnit {
                picture: true,
                idr: number == 0 || number == ASKED_BEFORE,
                sps: (number == 0).then_some(SPS),
            },
            bytes,
            at: now,
        };
        let pictures = (0..PROOF + STEADY).map(picture).collect();
        Trial { pictures, asked: Some((ASKED_BEFORE, ASKED_BEFORE)), ended: true, ..Trial::new(Limits::default()) }
    }

    #[test]
    fn an_encoder_that_does_everything_right_is_good() {
        let measured = good().judge(&settings()).unwrap();
        assert_eq!((measured.key_frame_after, measured.pictures), (1, 90));
        assert!(measured.bitrate.abs_diff(1_000_000) < 1000, "{}", measured.bitrate);
    }

    #[test]
    fn decoding_must_be_able_to_start_with_the_first_picture() {
        let mut trial = good();
        trial.pictures[0].unit.idr = false;
        assert_eq!(trial.judge(&settings()), Err(Failure::NoKeyFrameFirst));
        let mut trial = good();
        trial.pictures[0].unit.sps = None;
        assert_eq!(trial.judge(&settings()), Err(Failure::NoParameters));
    }

    #[test]
    fn a_level_below_what_the_pictures_need_is_found_out_and_one_above_is_fine() {
        for (level, good_enough) in [(10, false), (22, false), (30, true), (40, true)] {
            let mut trial = good();
            trial.pictures[0].unit.sps = Some(Sps { level: Level(level), ..SPS });
            assert_eq!(trial.judge(&settings()).is_ok(), good_enough, "{level}");
        }
    }

    #[test]
    fn a_key_frame_comes_within_three_pictures() {
        for (after, good_enough) in [(1, true), (3, true), (4, false), (60, false)] {
            let mut trial = good();
            let asked = usize::try_from(ASKED_BEFORE).unwrap();
            trial.pictures[asked].unit.idr = false;
            trial.pictures[asked + after - 1].unit.idr = true;
            let judged = trial.judge(&settings());
            if good_enough {
                assert_eq!(judged.unwrap().key_frame_after, u32::try_from(after).unwrap());
            } else {
                assert_eq!(judged, Err(Failure::NoForcedKeyFrame), "{after}");
            }
        }
    }

    #[test]
    fn a_key_frame_of_a_picture_that_was_kept_back_counts() {
        let mut trial = good();
        let asked = usize::try_from(ASKED_BEFORE).unwrap();
        trial.asked = Some((ASKED_BEFORE - 4, ASKED_BEFORE));
        trial.pictures[asked].unit.idr = false;
        trial.pictures[asked - 2].unit.idr = true;
        assert_eq!(trial.judge(&settings()).unwrap().key_frame_after, 1);
    }

    #[test]
    fn the_bit_rate_is_kept_within_forty_per_cent() {
        for (per_cent, good_enough) in [(50, false), (65, true), (100, true), (138, true), (145, false), (300, false)] {
            let mut trial = good();
            for picture in &mut trial.pictures {
                picture.bytes = picture.bytes * per_cent / 100;
            }
            assert_eq!(trial.judge(&settings()).is_ok(), good_enough, "{per_cent} %");
        }
    }

    #[test]
    fn pictures_may_not_get_lost() {
        let mut trial = good();
        trial.pictures.truncate(80);
        assert_eq!(trial.judge(&settings()), Err(Failure::Lost { came: 80, of: 90 }));
        let mut trial = good();
        trial.pictures.truncate(88);
        assert!(trial.judge(&settings()).is_ok());
        trial.pictures.clear();
        assert!(matches!(trial.judge(&settings()), Err(Failure::Lost { came: 0, .. })));
    }
}
