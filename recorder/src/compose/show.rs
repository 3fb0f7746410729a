//! Draws one picture after another of what is to be seen.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::canvas::{Canvas, Colour, Overlay, Placing, Plane};
use super::label::{self, Style};
use super::layout::{Rect, Size};
use super::plan::{Caption, Plan, Tile};
use super::reel::Reels;
use crate::pipeline::decode::Picture;
use crate::pipeline::svg::{DrawError, draw};

/// Colours of the meeting page (dark).
const STAGE: Colour = Colour::rgb(0x0a, 0x0e, 0x0d);
const RAISED: Colour = Colour::rgb(0x23, 0x2d, 0x2a);
/// Drawings that are kept; those of whole tiles have as many pixels.
const MAX_DRAWINGS: usize = 48;
/// Attempts to make a name short enough.
const MAX_CUTS: usize = 8;

/// The picture at a moment, made out of the one before.
#[derive(Debug)]
pub(super) struct Show<'a> {
    plan: &'a Plan,
    reels: Reels,
    canvas: Canvas,
    /// How many scenes have begun.
    begun: usize,
    tiles: Vec<Shown>,
    labels: Labels,
}

/// A tile as it is on the canvas.
#[derive(Debug)]
struct Shown {
    tile: Tile,
    placing: Option<Placing>,
    /// The time of the picture that is drawn; the inner None: none is. The outer: nothing is drawn yet.
    drawn: Option<Option<Duration>>,
}

impl<'a> Show<'a> {
    pub(super) fn new(plan: &'a Plan, reels: Reels, size: Size) -> Self {
        let canvas = Canvas::new(size, STAGE);
        Self { plan, reels, canvas, begun: 0, tiles: Vec::new(), labels: Labels::default() }
    }

    /// The picture at this time, which is never before that of the last call.
    pub(super) fn at(&mut self, millis: f64) -> Result<&[u8], DrawError> {
        self.change_scene(millis);
        for shown in &mut self.tiles {
            let picture = shown.tile.file.and_then(|file| self.reels.at(file, millis));
            let now = Some(picture.map(|picture| picture.time));
            if shown.drawn != now {
                shown.draw(picture, &mut self.canvas, &mut self.labels)?;
                shown.drawn = now;
            }
        }
        Ok(self.canvas.bytes())
    }

    fn change_scene(&mut self, millis: f64) {
        let begun = self.plan.scenes.partition_point(|scene| scene.from as f64 <= millis);
        let scene = begun.checked_sub(1).and_then(|index| self.plan.scenes.get(index));
        let Some(scene) = scene.filter(|_| begun != self.begun) else { return };
        self.begun = begun;
        self.reels.close_before(scene.from);
        self.labels.make_room();
        // What stays where and as it was is not drawn anew, unless something else was there meanwhile.
        let places = |tiles: &mut dyn Iterator<Item = &Tile>| tiles.map(|tile| tile.place).collect::<Vec<Rect>>();
        let before = places(&mut self.tiles.iter().map(|shown| &shown.tile));
        if before != places(&mut scene.tiles.iter()) {
            let Size { width, height } = self.canvas.size();
            self.canvas.fill(Rect { x: 0, y: 0, width, height }, STAGE);
            self.tiles.clear();
        }
        let old = std::mem::take(&mut self.tiles);
        let mut old = old.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        let kept = |tile: &Tile| old.next().flatten().filter(|shown| shown.tile == *tile);
        let mut kept = kept;
        self.tiles = scene.tiles.iter().map(|tile| kept(tile).unwrap_or_else(|| Shown::new(tile))).collect();
    }
}

impl Shown {
    fn new(tile: &Tile) -> Self {
        Self { tile: tile.clone(), placing: None, drawn: None }
    }

    fn draw(&mut self, picture: Option<&Picture>, canvas: &mut Canvas, labels: &mut Labels) -> Result<(), DrawError> {
        if let Some(picture) = picture {
            self.draw_picture(picture, canvas);
        }
        let overlay = labels.of(&self.tile, picture.is_some(), canvas.size())?;
        canvas.lay(&overlay, self.tile.place.x, self.tile.place.y);
        Ok(())
    }

    fn draw_picture(&mut self, picture: &Picture, canvas: &mut Canvas) {
        let place = self.tile.place;
        let cut = matches!(self.tile.caption, Caption::Person { .. });
        let size = picture.size();
        let fitting = self.placing.take().filter(|placing| placing.source == size);
        let placing = self.placing.insert(fitting.unwrap_or_else(|| Placing::new(size, place, cut)));
        if placing.picture != place {
            canvas.fill(place, if cut { RAISED } else { STAGE });
        }
        if let Some(planes) = picture.planes() {
            canvas.draw(placing, planes.map(|(bytes, stride)| Plane { bytes, stride }));
        }
    }
}

/// What is drawn of a tile: whatever changes that is part of it.
type Key = (u32, u32, Caption, bool, bool);

/// Drawings of names and faces.
#[derive(Debug, Default)]
struct Labels(BTreeMap<Key, Rc<Overlay>>);

impl Labels {
    fn make_room(&mut self) {
        if self.0.len() > MAX_DRAWINGS {
            self.0.clear();
        }
    }

    fn of(&mut self, tile: &Tile, picture: bool, size: Size) -> Result<Rc<Overlay>, DrawError> {
        let key = (tile.place.width, tile.place.height, tile.caption.clone(), tile.alone, picture);
        if let Some(overlay) = self.0.get(&key) {
            return Ok(overlay.clone());
        }
        let style = Style::new(tile.place, size.height);
        let (text, length) = shortened(&label::words(&tile.caption), style.font, style.room(tile))?;
        let drawing = draw(&label::tile(tile, &style, picture, &text, length))?;
        let overlay = Rc::new(Overlay::new(&drawing.bgra, drawing.width));
        self.0.insert(key, overlay.clone());
        Ok(overlay)
    }
}

/// A text that is no longer than so many pixels, and its length. Fonts are not known before something is drawn with them.
fn shortened(text: &str, font: f64, room: f64) -> Result<(String, f64), DrawError> {
    let mut shown = text.to_owned();
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..MAX_CUTS {
        let length = length(&shown, font)?;
        if length <= room || letters.is_empty() {
            return Ok((shown, length));
        }
        let part = (room - font * 0.8).max(0.0) / length;
        letters.truncate(cut(letters.len(), part));
        shown = label::beginning(&letters);
    }
    let length = length(&shown, font)?.min(room);
    Ok((shown, length))
}

/// At least one letter less.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a part of a short length")]
fn cut(letters: usize, part: f64) -> usize {
    ((letters as f64 * part).ceil() as usize).min(letters.saturating_sub(1))
}

/// In pixels, as it comes out.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "names and letters have bounds")]
fn length(text: &str, font: f64) -> Result<f64, DrawError> {
    if text.is_empty() {
        return Ok(0.0);
    }
    let width = ((text.chars().count() as f64 + 2.0) * font * 2.0) as u32 & !1;
    let drawing = draw(&label::ruler(text, font, width, (font * 2.0) as u32))?;
    let (pixels, _) = drawing.bgra.as_chunks::<4>();
    let inked = |row: &[[u8; 4]]| {
        let first = row.iter().position(|[.., cover]| *cover > 0)?;
        Some((first, row.iter().rposition(|[.., cover]| *cover > 0)? + 1))
    };
    let edges = pixels.chunks_exact(drawing.width.max(1)).filter_map(inked);
    let (first, last) = edges.fold((usize::MAX, 0), |(a, b), (first, last)| (a.min(first), b.max(last)));
    Ok(last.saturating_sub(first) as f64)
}
