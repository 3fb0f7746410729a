//! Where tiles are. Pure geometry; all sides and places are even, for colours are kept for four pixels at a time.

/// Height of a strip's tiles is 9 to 16, as cameras' pictures are.
const ASPECT: (u32, u32) = (16, 9);
/// A tile's narrow side that is still of use.
const LEAST: u32 = 16;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Rect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// Width and height of the whole picture, in pixels; even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    /// Between tiles, and around them.
    pub fn gap(self) -> u32 {
        even(self.height / 90).max(2)
    }

    fn whole(self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }
}

/// So many tiles of one size in rows, as large as possible; a last row that is not full is in the middle.
pub fn grid(size: Size, tiles: u32) -> Vec<Rect> {
    match tiles {
        0 => Vec::new(),
        1 => vec![size.whole()],
        _ => rows(size, tiles),
    }
}

fn rows(size: Size, tiles: u32) -> Vec<Rect> {
    let gap = size.gap();
    let tile = |columns: u32| {
        let rows = tiles.div_ceil(columns);
        let width = size.width.saturating_sub(gap * (columns + 1)) / columns;
        let height = size.height.saturating_sub(gap * (rows + 1)) / rows;
        (columns, fit(ASPECT, width, height))
    };
    let best = (1..=tiles).map(tile).max_by_key(|(columns, (width, height))| (width * height, u32::MAX - columns));
    let Some((columns, (width, height))) = best else { return Vec::new() };
    let rows = tiles.div_ceil(columns);
    let top = even((size.height - rows * height - (rows - 1) * gap) / 2);
    let place = |tile: u32| {
        let (row, column) = (tile / columns, tile % columns);
        let in_row = columns.min(tiles - row * columns);
        let left = even((size.width - in_row * width - (in_row - 1) * gap) / 2);
        Rect { x: left + column * (width + gap), y: top + row * (height + gap), width, height }
    };
    (0..tiles).map(place).collect()
}

/// A large place, and beside it a strip from top to bottom for so many tiles, or for fewer if there is no room for more.
pub fn stage(size: Size, tiles: u32) -> (Rect, Vec<Rect>) {
    if tiles == 0 {
        return (size.whole(), Vec::new());
    }
    let gap = size.gap();
    let width = even(size.width * 4 / 25).max(LEAST);
    let height = even(width * ASPECT.1 / ASPECT.0).max(LEAST);
    let x = size.width.saturating_sub(width + gap);
    let main = Rect { x: gap, y: gap, width: x.saturating_sub(2 * gap), height: size.height - 2 * gap };
    let room = (size.height - gap) / (height + gap);
    let place = |tile: u32| Rect { x, y: gap + tile * (height + gap), width, height };
    (main, (0..tiles.min(room)).map(place).collect())
}

/// The largest of this shape that has room; even.
pub fn fit(shape: (u32, u32), width: u32, height: u32) -> (u32, u32) {
    let (across, down) = (u64::from(shape.0.max(1)), u64::from(shape.1.max(1)));
    let (w, h) = (u64::from(width), u64::from(height));
    let narrow = |value: u64| even(u32::try_from(value).unwrap_or(u32::MAX)).max(2);
    if w * down <= h * across {
        (even(width), narrow(w * down / across))
    } else {
        (narrow(h * across / down), even(height))
    }
}

/// Not odd, and not more.
pub fn even(value: u32) -> u32 {
    value & !1
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Size = Size { width: 1280, height: 720 };

    fn is_inside(rect: &Rect, size: Size) -> bool {
        let even = [rect.x, rect.y, rect.width, rect.height].iter().all(|side| side % 2 == 0);
        even && rect.x + rect.width <= size.width && rect.y + rect.height <= size.height && rect.width > 0
    }

    fn apart(rects: &[Rect]) -> bool {
        let apart = |a: &Rect, b: &Rect| {
            a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
        };
        rects.iter().enumerate().all(|(index, a)| rects[index + 1..].iter().all(|b| apart(a, b)))
    }

    #[test]
    fn one_fills_the_picture_and_four_are_two_by_two() {
        assert_eq!(grid(HD, 1), [Rect { x: 0, y: 0, width: 1280, height: 720 }]);
        let four = grid(HD, 4);
        assert_eq!(four[0], Rect { x: 18, y: 8, width: 618, height: 348 });
        assert_eq!((four[3].x, four[3].y), (644, 364));
        let three = grid(HD, 3);
        assert_eq!(three[2].x, 330, "the third is in the middle");
    }

    #[test]
    fn tiles_are_inside_apart_and_even_at_all_sizes() {
        for (width, height) in [(1280, 720), (1920, 1080), (640, 360), (426, 240), (720, 1280), (160, 90)] {
            let size = Size { width, height };
            for tiles in 0..=25 {
                let all = grid(size, tiles);
                assert_eq!(all.len(), tiles as usize);
                assert!(all.iter().all(|rect| is_inside(rect, size)) && apart(&all), "{size:?} {tiles}: {all:?}");
                let (main, mut strip) = stage(size, tiles);
                assert!(!strip.is_empty() || tiles == 0, "{size:?}");
                strip.push(main);
                assert!(strip.iter().all(|rect| is_inside(rect, size)) && apart(&strip), "{size:?} {strip:?}");
            }
        }
    }

    #[test]
    fn a_strip_takes_as_many_as_there_is_room_for() {
        let (main, strip) = stage(HD, 9);
        assert_eq!(main, Rect { x: 8, y: 8, width: 1052, height: 704 });
        assert_eq!((strip.len(), strip[0]), (5, Rect { x: 1068, y: 8, width: 204, height: 114 }));
    }

    #[test]
    fn what_fits_keeps_its_shape() {
        assert_eq!(fit((4, 3), 1280, 720), (960, 720));
        assert_eq!(fit((9, 16), 1280, 720), (404, 720));
        assert_eq!(fit((16, 9), 400, 400), (400, 224));
    }
}
