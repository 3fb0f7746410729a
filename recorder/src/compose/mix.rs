//! Many voices into one sound that never clips. Pure.

/// Samples in each of the two channels a second.
pub const RATE: u64 = 48_000;
/// Left and right, one after the other.
pub const CHANNELS: usize = 2;
/// The loudest that there is; a little is left for what an encoder adds.
const CEILING: f32 = 0.95;
/// By how much it becomes louder again from one block to the next, after it was too loud: in a second, when blocks are of 40 ms.
const RECOVERY: f32 = 1.1;

/// Makes blocks quieter that would clip, from the block before the loud one on, so that nobody hears a step.
#[derive(Debug, Clone)]
pub struct Limiter {
    /// Waits for what comes after it.
    held: Option<(Vec<f32>, f32)>,
    /// At the beginning of the held block.
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { held: None, gain: 1.0 }
    }
}

impl Limiter {
    /// Takes a block and gives the one before, if there is one. Values beyond 1 are too loud.
    pub fn push(&mut self, block: Vec<f32>) -> Option<Vec<i16>> {
        let peak = block.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        let allowed = if peak > CEILING { CEILING / peak } else { 1.0 };
        let before = self.held.as_ref().map_or(1.0, |(_, most)| *most);
        let most = allowed.min(before * RECOVERY);
        if self.held.is_none() {
            self.gain = self.gain.min(most);
        }
        let ready = self.held.replace((block, most));
        ready.map(|(block, limit)| self.conclude(&block, limit.min(most)))
    }

    /// The last block.
    pub fn finish(&mut self) -> Option<Vec<i16>> {
        let (block, limit) = self.held.take()?;
        Some(self.conclude(&block, limit))
    }

    /// From the gain at its beginning to that at its end; neither is more than the block allows.
    fn conclude(&mut self, block: &[f32], end: f32) -> Vec<i16> {
        let begin = std::mem::replace(&mut self.gain, end);
        let step = (end - begin) / (block.len().max(1) as f32);
        block.iter().enumerate().map(|(index, sample)| whole(sample * (begin + step * index as f32))).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn whole(sample: f32) -> i16 {
    (sample * 32_767.0).round() as i16
}

/// Where samples of a voice come to be. Times that are off by less than this are taken for a jitter of clocks.
const TOLERANCE: u64 = RATE / 50;

/// Keeps a voice's pieces together: they follow one another without clicks unless something is missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seam {
    next: Option<u64>,
}

impl Seam {
    /// Where a piece of so many samples goes that should begin at a sample.
    pub fn place(&mut self, should: u64, samples: u64) -> u64 {
        let begin = self.next.filter(|next| next.abs_diff(should) <= TOLERANCE).unwrap_or(should);
        self.next = Some(begin + samples);
        begin
    }
}

/// Adds samples of a voice that begins at a sample to a block that begins at another.
pub fn add(block: &mut [f32], block_begin: u64, voice: &[i16], begin: u64) {
    let samples = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(CHANNELS);
    let skip = samples(block_begin.saturating_sub(begin));
    let from = samples(begin.saturating_sub(block_begin));
    let voice = voice.get(skip..).unwrap_or_default();
    let block = block.get_mut(from..).unwrap_or_default();
    block.iter_mut().zip(voice).for_each(|(sum, sample)| *sum += f32::from(*sample) / 32_768.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(blocks: &[Vec<f32>]) -> Vec<i16> {
        let mut limiter = Limiter::default();
        let mut all: Vec<i16> = blocks.iter().filter_map(|block| limiter.push(block.clone())).flatten().collect();
        all.extend(limiter.finish().unwrap());
        all
    }

    #[test]
    fn what_is_not_too_loud_stays_as_it_is() {
        let block: Vec<f32> = (0..100).map(|index| (index as f32 / 50.0 - 1.0) * 0.9).collect();
        let all = limited(&[block.clone(), block.clone()]);
        assert_eq!(all.len(), 200);
        assert!(
            all.iter().zip(block.iter().chain(&block)).all(|(is, was)| (f32::from(*is) / 32_767.0 - was).abs() < 1e-4)
        );
    }

    #[test]
    fn nothing_clips_and_no_step_is_heard() {
        let gains = [0.5, 0.5, 4.0, 0.5, 3.9, 0.2, 0.2];
        let tone = |sample: usize, gain: f32| (sample as f32 * 0.05).sin() * gain;
        let block = |(number, gain): (usize, &f32)| (0..1920).map(|it| tone(number * 1920 + it, *gain)).collect();
        let blocks: Vec<Vec<f32>> = gains.iter().enumerate().map(block).collect();
        let all = limited(&blocks);
        assert!(all.iter().all(|sample| sample.unsigned_abs() <= 31_150), "{:?}", all.iter().max());
        let rises =
            |samples: &[i16]| samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max();
        // What was loud from one sample to the next stays so; the limiter adds nothing of its own.
        assert!(all.chunks(1920).all(|block| rises(block) < Some(2_000)), "{:?}", rises(&all));
    }

    #[test]
    fn it_becomes_as_loud_as_before_after_a_while() {
        let block = |value: f32| vec![value; 1920];
        let blocks: Vec<Vec<f32>> = std::iter::once(block(4.0)).chain((0..30).map(|_| block(0.5))).collect();
        let all = limited(&blocks);
        assert!(all[2 * 1920] < 8_000 && *all.last().unwrap() > 16_000, "{} {:?}", all[2 * 1920], all.last());
    }

    #[test]
    fn voices_are_added_where_they_belong() {
        let mut block = vec![0.0; 8];
        add(&mut block, 100, &[16_384, -16_384, 8_192, 0], 101);
        add(&mut block, 100, &[16_384; 4], 99);
        add(&mut block, 100, &[1; 4], 200);
        add(&mut block, 100, &[1; 4], 0);
        assert_eq!(block, [0.5, 0.5, 0.5, -0.5, 0.25, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn pieces_follow_one_another_unless_something_is_missing() {
        let mut seam = Seam::default();
        assert_eq!(seam.place(1_000, 960), 1_000);
        assert_eq!(seam.place(1_965, 960), 1_960, "clocks are not exact");
        assert_eq!(seam.place(9_600, 960), 9_600, "a gap");
    }
}
