//! The picture that is put together: three planes of bytes (I420), and what is laid over. Pure.

use super::layout::{Rect, Size, even, fit};
use super::scale::{Crop, Scaler};

/// A camera's picture that would lose more than this of itself is not cut to its tile's shape, but shown whole.
const MOST_LOST: f64 = 0.3;

/// A colour as brightness and two differences (ITU-R BT.601, limited range).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// Of red, green and blue.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        let (r, g, b) = (red as i32, green as i32, blue as i32);
        let y = 16 + ((66 * r + 129 * g + 25 * b + 128) >> 8);
        let u = 128 + ((-38 * r - 74 * g + 112 * b + 128) >> 8);
        let v = 128 + ((112 * r - 94 * g - 18 * b + 128) >> 8);
        Self([y.to_le_bytes()[0], u.to_le_bytes()[0], v.to_le_bytes()[0]])
    }
}

/// A plane of somebody else's picture.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    pub bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// The whole picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    size: Size,
    bytes: Vec<u8>,
}

/// Where a plane is: its offset, its width, and by how much it is smaller.
struct Layout {
    offset: usize,
    width: usize,
    height: usize,
    shift: u32,
}

fn layout(size: Size, plane: usize) -> Layout {
    let (width, height) = (size.width as usize, size.height as usize);
    let half = (width / 2) * (height / 2);
    match plane {
        0 => Layout { offset: 0, width, height, shift: 0 },
        _ => Layout { offset: width * height + (plane - 1) * half, width: width / 2, height: height / 2, shift: 1 },
    }
}

impl Canvas {
    /// Even width and height.
    pub fn new(size: Size, colour: Colour) -> Self {
        let pixels = size.width as usize * size.height as usize;
        let mut canvas = Self { size, bytes: vec![0; pixels * 3 / 2] };
        canvas.fill(Rect { x: 0, y: 0, width: size.width, height: size.height }, colour);
        canvas
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// Planes one after another.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn fill(&mut self, rect: Rect, Colour(colour): Colour) {
        for (plane, value) in colour.into_iter().enumerate() {
            let (rows, stride, width) = self.part(rect, plane);
            rows.chunks_mut(stride).filter_map(|row| row.get_mut(..width)).for_each(|row| row.fill(value));
        }
    }

    /// Bytes from the rectangle's first on, the distance of rows, and how many of each row belong to it.
    fn part(&mut self, rect: Rect, plane: usize) -> (&mut [u8], usize, usize) {
        let Layout { offset, width, height, shift } = layout(self.size, plane);
        let (x, y) = ((rect.x >> shift) as usize, (rect.y >> shift) as usize);
        let across = ((rect.width >> shift) as usize).min(width.saturating_sub(x));
        let down = ((rect.height >> shift) as usize).min(height.saturating_sub(y));
        let begin = offset + y * width + x;
        let end = begin + (down * width).saturating_sub(width - across);
        let end = if down == 0 { begin } else { end };
        (self.bytes.get_mut(begin..end).unwrap_or_default(), width.max(1), across)
    }

    /// Draws a picture with what is prepared for its size.
    pub fn draw(&mut self, placing: &mut Placing, planes: [Plane<'_>; 3]) {
        let rect = placing.picture;
        for ((plane, source), scaler) in planes.into_iter().enumerate().zip([0, 1, 1]) {
            let Some(scaler) = placing.scalers.get_mut(scaler) else { return };
            let (rows, stride, width) = self.part(rect, plane);
            scaler.run(source.bytes, source.stride, rows, stride, width);
        }
    }

    /// Lays something over.
    pub fn lay(&mut self, overlay: &Overlay, x: u32, y: u32) {
        for (plane, runs) in overlay.planes.iter().enumerate() {
            let Layout { offset, width, shift, .. } = layout(self.size, plane);
            let corner = offset + (y >> shift) as usize * width + (x >> shift) as usize;
            for run in runs {
                let begin = corner + run.row * width + run.column;
                let Some(under) = self.bytes.get_mut(begin..begin + run.values.len()) else { return };
                run.lay(under);
            }
        }
    }
}

/// How pictures of one size go into a tile.
#[derive(Debug, Clone)]
pub struct Placing {
    /// Of what is placed.
    pub source: (u32, u32),
    /// Where it comes to be; the rest of the tile stays empty.
    pub picture: Rect,
    /// For brightness and for colours.
    scalers: [Scaler; 2],
}

impl Placing {
    /// Shows all of it, or, if `cut` and little is lost, fills the tile.
    pub fn new(source: (u32, u32), tile: Rect, cut: bool) -> Self {
        let (width, height) = (f64::from(source.0.max(1)), f64::from(source.1.max(1)));
        let (across, down) = (f64::from(tile.width.max(1)), f64::from(tile.height.max(1)));
        let scale = (across / width).max(down / height);
        let (used_width, used_height) = ((across / scale).min(width), (down / scale).min(height));
        let lost = 1.0 - used_width * used_height / (width * height);
        if cut && lost <= MOST_LOST {
            let crop = ((width - used_width) / 2.0, (height - used_height) / 2.0, used_width, used_height);
            return Self::part(source, crop, tile);
        }
        let (inner_width, inner_height) = fit(source, tile.width, tile.height);
        let x = tile.x + even((tile.width - inner_width) / 2);
        let y = tile.y + even((tile.height - inner_height) / 2);
        Self::part(source, (0.0, 0.0, width, height), Rect { x, y, width: inner_width, height: inner_height })
    }

    fn part(source: (u32, u32), crop: (f64, f64, f64, f64), picture: Rect) -> Self {
        let scaler = |shift: u32| {
            let (x, y, width, height) = crop;
            // Planes of colours are half as large, rounded up.
            let plane = ((source.0.div_ceil(1 << shift)) as usize, source.1.div_ceil(1 << shift) as usize);
            let by = f64::from(1_u32 << shift);
            let crop = Crop { x: x / by, y: y / by, width: width / by, height: height / by, plane };
            Scaler::new(crop, (picture.width >> shift) as usize, (picture.height >> shift) as usize)
        };
        Self { source, picture, scalers: [scaler(0), scaler(1)] }
    }
}

/// Pixels that are laid over a tile; those that nothing is laid over are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overlay {
    planes: [Vec<Run>; 3],
}

/// Neighbours in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    row: usize,
    column: usize,
    values: Vec<u8>,
    /// How much of each value counts; None: all of it.
    cover: Option<Vec<u8>>,
}

impl Run {
    fn lay(&self, under: &mut [u8]) {
        let Some(cover) = &self.cover else {
            under.copy_from_slice(&self.values);
            return;
        };
        for ((under, value), cover) in under.iter_mut().zip(&self.values).zip(cover) {
            let (cover, over) = (u16::from(*cover), u16::from(*value));
            let mixed = over * cover + u16::from(*under) * (255 - cover) + 127;
            *under = u8::try_from(mixed / 255).unwrap_or(u8::MAX);
        }
    }
}

/// A pixel as brightness, differences and cover.
type Pixel = ([u8; 3], u8);

impl Overlay {
    /// Of pixels with blue, green, red and cover, row by row; what is covered in part has its whole colour. Even width and height.
    pub fn new(bgra: &[u8], width: usize) -> Self {
        let (pixels, _) = bgra.as_chunks::<4>();
        let pixels: Vec<Pixel> = pixels.iter().map(|[b, g, r, a]| (Colour::rgb(*r, *g, *b).0, *a)).collect();
        let rows: Vec<&[Pixel]> = pixels.chunks_exact(width.max(1)).collect();
        let mut overlay = Self::default();
        let [brightness, first, second] = &mut overlay.planes;
        for (index, row) in rows.iter().enumerate() {
            add_runs(brightness, index, row.iter().map(|([y, ..], cover)| (*y, *cover)));
        }
        for (index, pair) in rows.chunks_exact(2).enumerate() {
            let [upper, lower] = pair else { continue };
            let fours: Vec<Pixel> =
                upper.chunks_exact(2).zip(lower.chunks_exact(2)).map(|(upper, lower)| mean([upper, lower])).collect();
            add_runs(first, index, fours.iter().map(|([_, u, _], cover)| (*u, *cover)));
            add_runs(second, index, fours.iter().map(|([_, _, v], cover)| (*v, *cover)));
        }
        overlay
    }
}

/// Of four pixels; each counts as much as it covers.
fn mean(pairs: [&[Pixel]; 2]) -> Pixel {
    let pixels = || pairs.iter().copied().flatten();
    let cover: u32 = pixels().map(|(_, cover)| u32::from(*cover)).sum();
    let of = |value: fn(&[u8; 3]) -> u8| {
        let sum: u32 = pixels().map(|(colour, cover)| u32::from(value(colour)) * u32::from(*cover)).sum();
        u8::try_from(sum.checked_div(cover).unwrap_or(128)).unwrap_or(128)
    };
    ([0, of(|[_, u, _]| *u), of(|[_, _, v]| *v)], u8::try_from(cover / 4).unwrap_or(u8::MAX))
}

fn add_runs(runs: &mut Vec<Run>, row: usize, values: impl Iterator<Item = (u8, u8)>) {
    let mut goes_on = false;
    for (column, (value, cover)) in values.enumerate() {
        let whole = cover == u8::MAX;
        match runs.last_mut().filter(|last| goes_on && last.cover.is_none() == whole) {
            _ if cover == 0 => {
                goes_on = false;
                continue;
            }
            Some(run) => {
                run.values.push(value);
                run.cover.iter_mut().for_each(|covers| covers.push(cover));
            }
            None => {
                let covers = (!whole).then(|| vec![cover]);
                runs.push(Run { row, column, values: vec![value], cover: covers });
            }
        }
        goes_on = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 16, height: 8 };
    const BLACK: Colour = Colour::rgb(0, 0, 0);

    fn pixel(canvas: &Canvas, x: usize, y: usize) -> [u8; 3] {
        [0, 1, 2].map(|plane| {
            let Layout { offset, width, shift, .. } = layout(SIZE, plane);
            canvas.bytes()[offset + (y >> shift) * width + (x >> shift)]
        })
    }

    #[test]
    fn colours_are_those_of_the_standard() {
        assert_eq!(Colour::rgb(0, 0, 0).0, [16, 128, 128]);
        assert_eq!(Colour::rgb(255, 255, 255).0, [235, 128, 128]);
        assert_eq!(Colour::rgb(255, 0, 0).0, [82, 90, 240]);
    }

    #[test]
    fn a_fill_stays_in_its_rectangle() {
        let mut canvas = Canvas::new(SIZE, BLACK);
        canvas.fill(Rect { x: 4, y: 2, width: 6, height: 4 }, Colour::rgb(255, 255, 255));
        let white = (0..8).flat_map(|y| (0..16).map(move |x| (x, y))).filter(|(x, y)| pixel(&canvas, *x, *y)[0] == 235);
        assert!(white.clone().all(|(x, y)| (4..10).contains(&x) && (2..6).contains(&y)));
        assert_eq!(white.count(), 24);
        canvas.fill(Rect { x: 14, y: 6, width: 60, height: 40 }, BLACK);
    }

    #[test]
    fn a_picture_fills_its_tile_or_is_seen_whole() {
        let wide = Rect { x: 0, y: 0, width: 160, height: 90 };
        assert_eq!(Placing::new((640, 480), wide, true).picture, wide, "a quarter is cut off");
        assert_eq!(Placing::new((360, 640), wide, true).picture, Rect { x: 54, y: 0, width: 50, height: 90 });
        assert_eq!(Placing::new((640, 480), wide, false).picture, Rect { x: 20, y: 0, width: 120, height: 90 });
    }

    #[test]
    fn a_picture_of_any_size_comes_to_its_place() {
        for (width, height) in [(2, 2), (3, 5), (16, 8), (31, 17), (160, 90)] {
            let mut canvas = Canvas::new(SIZE, BLACK);
            let place = Rect { x: 4, y: 2, width: 8, height: 4 };
            let mut placing = Placing::new((width, height), place, false);
            let [luma, chroma] = [vec![200; (width * height) as usize], vec![90; (width * height) as usize]];
            let plane = |bytes, stride: u32| Plane { bytes, stride: stride as usize };
            let half = width.div_ceil(2);
            canvas.draw(&mut placing, [plane(&luma, width), plane(&chroma, half), plane(&chroma, half)]);
            let middle = (placing.picture.x + placing.picture.width / 2) as usize;
            assert_eq!(pixel(&canvas, middle, 4), [200, 90, 90], "{width}x{height}");
            assert_eq!((pixel(&canvas, 2, 4), pixel(&canvas, 6, 0), pixel(&canvas, 6, 6)), (BLACK.0, BLACK.0, BLACK.0));
        }
    }

    #[test]
    fn an_overlay_covers_what_it_covers() {
        let mut canvas = Canvas::new(SIZE, BLACK);
        let clear = [0, 0, 0, 0];
        let (white, half) = ([255, 255, 255, 255], [255, 255, 255, 128]);
        let bgra = [clear, clear, white, white, half, half, clear, clear].as_flattened().repeat(2);
        canvas.lay(&Overlay::new(&bgra, 8), 4, 2);
        let row: Vec<u8> = (4..12).map(|x| pixel(&canvas, x, 3)[0]).collect();
        assert_eq!(row, [16, 16, 235, 235, 126, 126, 16, 16]);
        assert_eq!(pixel(&canvas, 6, 4), BLACK.0);
    }
}
