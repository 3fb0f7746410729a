//! Makes a plane of pixels larger or smaller. Pure.
//!
//! What is made smaller is averaged over the area that each new pixel covers, so that text on screens stays legible; what is made
//! larger is interpolated between its two neighbours.

/// Weights of a new pixel add up to this: with bytes, sums fit into 16 bits, of which a processor adds eight at a time.
const ONE: u16 = 128;

/// How one side of a plane is made longer or shorter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Axis {
    /// Old pixels to each new one.
    taps: usize,
    /// The first of them.
    starts: Vec<usize>,
    /// `taps` for each new pixel.
    weights: Vec<u16>,
    /// Nothing changes.
    same: bool,
}

impl Axis {
    /// From a stretch of an old side to a new one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not more than a side")]
    fn new(from: f64, length: f64, old: usize, new: usize) -> Self {
        let ratio = length / (new.max(1) as f64);
        // Larger: as if each new pixel covered one old one.
        let cover = ratio.max(1.0);
        let taps = (cover.ceil() as usize + 1).min(old.max(1));
        let same = from == 0.0 && length == old as f64 && old == new;
        let mut axis = Self { taps, starts: Vec::with_capacity(new), weights: Vec::with_capacity(new * taps), same };
        for index in 0..new {
            let middle = from + (index as f64 + 0.5) * ratio;
            axis.push(middle - cover / 2.0, cover, old);
        }
        axis
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they are clamped")]
    fn push(&mut self, from: f64, cover: f64, old: usize) {
        let last = old.saturating_sub(self.taps);
        let start = (from.floor().max(0.0) as usize).min(last);
        let part = |tap: usize| {
            let pixel = (start + tap) as f64;
            // Beyond the edge, the pixel at the edge goes on.
            let begin = if start + tap == 0 { f64::NEG_INFINITY } else { pixel };
            let end = if start + tap + 1 == old { f64::INFINITY } else { pixel + 1.0 };
            ((from + cover).min(end) - from.max(begin)).max(0.0) / cover
        };
        // Rounded where they end, not one by one: so their sum is exact.
        let (mut covered, mut given) = (0.0, 0);
        for tap in 0..self.taps {
            covered += part(tap);
            let until = ((covered * f64::from(ONE)).round() as u16).min(ONE);
            self.weights.push(until.saturating_sub(given));
            given = until;
        }
        self.starts.push(start);
    }
}

/// How planes of one size become planes of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaler {
    across: Axis,
    down: Axis,
    width: usize,
    sums: Vec<u16>,
    row: Vec<u8>,
}

/// The part of a plane that is used, in pixels, and how large the plane is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub plane: (usize, usize),
}

impl Scaler {
    /// To so many pixels across and down.
    pub fn new(crop: Crop, width: usize, height: usize) -> Self {
        let (old_width, old_height) = crop.plane;
        Self {
            across: Axis::new(crop.x, crop.width, old_width, width),
            down: Axis::new(crop.y, crop.height, old_height, height),
            width: old_width,
            sums: vec![0; old_width],
            row: vec![0; old_width],
        }
    }

    /// From rows of bytes to rows of bytes; both say how far a row is from the next. What does not fit is left as it is.
    pub fn run(&mut self, old: &[u8], old_stride: usize, new: &mut [u8], new_stride: usize, width: usize) {
        let Self { across, down, row, sums, .. } = self;
        let rows = new.chunks_mut(new_stride.max(1)).filter_map(|row| row.get_mut(..width));
        let weights = down.weights.chunks_exact(down.taps.max(1));
        for ((new_row, start), weights) in rows.zip(&down.starts).zip(weights) {
            let line = |tap: usize| old.get((start + tap) * old_stride..)?.get(..self.width);
            let mut used = weights.iter().enumerate().filter(|(_, weight)| **weight > 0);
            match (used.next(), used.next()) {
                (Some((tap, _)), None) => {
                    let Some(line) = line(tap) else { return };
                    horizontal(across, line, new_row);
                }
                (Some(_), Some(_)) => {
                    sums.fill(ONE / 2);
                    for (tap, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
                        let Some(line) = line(tap) else { return };
                        sums.iter_mut().zip(line).for_each(|(sum, pixel)| *sum += u16::from(*pixel) * weight);
                    }
                    row.iter_mut().zip(sums.iter()).for_each(|(pixel, sum)| *pixel = shifted(*sum));
                    horizontal(across, row, new_row);
                }
                _ => return,
            }
        }
    }
}

/// By [`ONE`].
fn shifted(sum: u16) -> u8 {
    (sum >> 7).to_le_bytes()[0]
}

fn horizontal(axis: &Axis, old: &[u8], new: &mut [u8]) {
    match axis.taps {
        _ if axis.same => new.iter_mut().zip(old).for_each(|(new, old)| *new = *old),
        2 => taps::<2>(axis, old, new),
        3 => taps::<3>(axis, old, new),
        4 => taps::<4>(axis, old, new),
        _ => any_taps(axis, old, new),
    }
}

/// The same as [`any_taps`], unrolled by the compiler.
fn taps<const N: usize>(axis: &Axis, old: &[u8], new: &mut [u8]) {
    let (weights, _) = axis.weights.as_chunks::<N>();
    for ((pixel, start), weights) in new.iter_mut().zip(&axis.starts).zip(weights) {
        let Some(covered) = old.get(*start..).and_then(|rest| rest.first_chunk::<N>()) else { return };
        let sum: u16 = covered.iter().zip(weights).map(|(pixel, weight)| u16::from(*pixel) * weight).sum();
        *pixel = shifted(sum + ONE / 2);
    }
}

fn any_taps(axis: &Axis, old: &[u8], new: &mut [u8]) {
    let weights = axis.weights.chunks_exact(axis.taps.max(1));
    for ((pixel, start), weights) in new.iter_mut().zip(&axis.starts).zip(weights) {
        let Some(covered) = old.get(*start..*start + axis.taps) else { return };
        let sum: u16 = covered.iter().zip(weights).map(|(pixel, weight)| u16::from(*pixel) * weight).sum();
        *pixel = shifted(sum + ONE / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(old: &[u8], size: (usize, usize), new: (usize, usize)) -> Vec<u8> {
        let crop = Crop { x: 0.0, y: 0.0, width: size.0 as f64, height: size.1 as f64, plane: size };
        let mut pixels = vec![0; new.0 * new.1];
        Scaler::new(crop, new.0, new.1).run(old, size.0, &mut pixels, new.0, new.0);
        pixels
    }

    #[test]
    fn what_is_of_one_colour_stays_so_at_all_sizes() {
        for new in [(1, 1), (2, 3), (7, 5), (16, 9), (33, 64), (204, 114)] {
            assert!(scaled(&[255; 16 * 9], (16, 9), new).iter().all(|pixel| *pixel == 255), "{new:?}");
            assert!(scaled(&[17; 16 * 9], (16, 9), new).iter().all(|pixel| *pixel == 17), "{new:?}");
        }
    }

    #[test]
    fn the_same_size_is_a_copy() {
        let old: Vec<u8> = (0..12 * 8).map(|pixel: u8| pixel * 2).collect();
        assert_eq!(scaled(&old, (12, 8), (12, 8)), old);
    }

    #[test]
    fn smaller_is_the_mean_of_what_is_covered() {
        assert_eq!(scaled(&[0, 100, 200, 100, 50, 50, 0, 0], (4, 2), (2, 1)), [50, 75]);
        // Columns of black and white become grey, not black or white.
        let columns: Vec<u8> = (0..40 * 4).map(|pixel| if pixel % 2 == 0 { 0 } else { 200 }).collect();
        assert!(scaled(&columns, (40, 4), (10, 2)).iter().all(|pixel| pixel.abs_diff(100) <= 2));
    }

    #[test]
    fn larger_goes_from_one_to_the_next() {
        let row = scaled(&[0, 200], (2, 1), (8, 1));
        assert!(row.is_sorted() && row[0] == 0 && row[7] == 200, "{row:?}");
        assert!(row.windows(2).all(|pair| pair[1] - pair[0] <= 60), "{row:?}");
    }

    #[test]
    fn a_crop_takes_what_is_in_it() {
        let old: Vec<u8> = (0..8 * 8).map(|pixel| if pixel % 8 < 4 { 10 } else { 90 }).collect();
        let crop = Crop { x: 4.0, y: 0.0, width: 4.0, height: 8.0, plane: (8, 8) };
        let mut new = vec![0; 16];
        Scaler::new(crop, 4, 4).run(&old, 8, &mut new, 4, 4);
        assert!(new.iter().all(|pixel| *pixel == 90), "{new:?}");
    }

    #[test]
    fn a_plane_that_is_shorter_than_said_is_no_reason_to_panic() {
        let crop = Crop { x: 0.0, y: 0.0, width: 8.0, height: 8.0, plane: (8, 8) };
        let mut new = vec![7; 16];
        Scaler::new(crop, 4, 4).run(&[1; 20], 8, &mut new, 4, 4);
        assert_eq!(new[15], 7);
    }
}
