//! The layers of a source that serve what one receiver asks for (jitsi-videobridge `SingleSourceAllocation`).

use super::{Layer, MAX_LAYERS, Wanted};

/// On stage this height is preferred to more frames of less (jitsi-videobridge `onstage-preferred-height-px`).
const PREFERRED_HEIGHT: u16 = 360;
/// And so many frames a second (`onstage-preferred-framerate`).
const PREFERRED_FPS: u16 = 30;
/// Up to this height a constraint asks for a thumbnail: everything that fits serves, whatever its frame rate.
const THUMBNAIL: i32 = 180;

/// One layer as the allocation sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rung {
    pub layer: Layer,
    /// Pixels of the smaller side.
    pub height: u16,
    /// Frames per second.
    pub fps: u16,
    /// What it was measured to cost lately, in bits per second, with what it depends on.
    pub bps: u64,
    /// Packets came lately.
    pub active: bool,
}

/// All layers of a source, ascending quality.
pub type Layers = heapless::Vec<Rung, MAX_LAYERS>;

/// The layers that serve one receiver, ascending, and how the budget is spent on them.
#[derive(Debug, Clone, Default)]
pub struct Ladder {
    pub rungs: Layers,
    /// The receiver's stage is satisfied from here on.
    pub preferred: Option<usize>,
    /// Rather than nothing this is sent beyond the budget.
    pub oversend: Option<usize>,
}

impl Ladder {
    pub fn new(layers: &[Rung], wanted: &Wanted, desktop: bool) -> Self {
        if wanted.max_height == 0 || layers.is_empty() {
            return Self::default();
        }
        // While no layer lives the source has just come: all count.
        let none_lives = !layers.iter().any(|rung| rung.active);
        let living = layers.iter().filter(|rung| rung.active || none_lives).copied().collect::<Layers>();
        if desktop { Self::of_desktop(&living, wanted) } else { Self::of_camera(&living, wanted.max_height) }
    }

    /// Up to the preferred height any frame rate, above it only the full one: there more pixels help more than more frames.
    fn of_camera(living: &[Rung], max_height: i32) -> Self {
        let lowest = living.iter().map(|rung| rung.height).min().unwrap_or(0);
        let most = living.iter().map(|rung| rung.fps).max().unwrap_or(0);
        let is_large = !(1..=THUMBNAIL).contains(&max_height);
        let (height, fps) = if is_large { (PREFERRED_HEIGHT, PREFERRED_FPS.min(most)) } else { (0, 0) };
        let keeps =
            |rung: &&Rung| rung.height < height || (fits(rung, max_height) && rung.fps >= fps) || rung.height == lowest;
        let rungs: Layers = living.iter().filter(keeps).copied().collect();
        let preferred = rungs.iter().rposition(|rung| rung.height <= height.max(lowest));
        Self { rungs, preferred, oversend: None }
    }

    /// A screen is to be read: any resolution at any frame rate, and all of it preferred.
    fn of_desktop(living: &[Rung], wanted: &Wanted) -> Self {
        let fitting: Layers = living.iter().filter(|rung| fits(rung, wanted.max_height)).copied().collect();
        let lowest = living.iter().map(|rung| rung.height).min().unwrap_or(0);
        let rungs = if fitting.is_empty() {
            living.iter().filter(|rung| rung.height == lowest).copied().collect()
        } else {
            fitting
        };
        let highest = rungs.iter().map(|rung| rung.height).max();
        let of_highest = rungs.iter().enumerate().filter(|(_, rung)| Some(rung.height) == highest);
        let cheapest = of_highest.min_by_key(|(_, rung)| rung.bps).map(|(index, _)| index);
        let preferred = rungs.len().checked_sub(1);
        Self { rungs, preferred, oversend: cheapest.filter(|_| wanted.on_stage) }
    }

    /// Takes away what is higher than this layer.
    pub fn end_at(&mut self, layer: Layer) {
        let last = self.rungs.iter().rposition(|rung| rung.layer <= layer);
        self.rungs.truncate(last.map_or(0, |last| last + 1));
        self.preferred = self.preferred.min(last);
        self.oversend = self.oversend.min(last);
    }
}

fn fits(rung: &Rung, max_height: i32) -> bool {
    max_height < 0 || i32::from(rung.height) <= max_height
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(active: impl Fn(u16) -> bool) -> Layers {
        let heights = [180_u16, 360, 720];
        let of = |(encoding, height): (u8, u16)| {
            [7, 15, 30].into_iter().zip(0..).map(move |(fps, temporal)| (encoding, height, fps, temporal))
        };
        let rung = |(encoding, height, fps, temporal): (u8, u16, u16, u8)| Rung {
            layer: Layer { encoding, spatial: 0, temporal },
            height,
            fps,
            bps: u64::from(height) * u64::from(fps),
            active: active(height),
        };
        (0..).zip(heights).flat_map(of).map(rung).collect()
    }

    fn kept(max_height: i32, desktop: bool, active: impl Fn(u16) -> bool) -> Vec<(u16, u16)> {
        let wanted = Wanted { candidate: 0, max_height, on_stage: true };
        let ladder = Ladder::new(&layers(active), &wanted, desktop);
        ladder.rungs.iter().map(|rung| (rung.height, rung.fps)).collect()
    }

    const LOW: [(u16, u16); 3] = [(180, 7), (180, 15), (180, 30)];

    #[test]
    fn a_camera_is_thinned_only_where_it_is_small() {
        assert_eq!(kept(720, false, |_| true), [&LOW[..], &[(360, 30), (720, 30)]].concat());
        assert_eq!(kept(-1, false, |_| true), kept(720, false, |_| true));
        assert_eq!(kept(360, false, |_| true), [&LOW[..], &[(360, 30)]].concat());
        assert_eq!(kept(180, false, |_| true), LOW);
        assert_eq!(kept(0, false, |_| true), []);
    }

    #[test]
    fn the_lowest_that_lives_is_sent_although_it_is_too_tall() {
        assert_eq!(kept(180, false, |height| height == 720), [(720, 7), (720, 15), (720, 30)]);
        assert_eq!(kept(180, true, |height| height == 720), [(720, 7), (720, 15), (720, 30)]);
        assert_eq!(kept(90, false, |_| true), LOW);
    }

    #[test]
    fn silent_layers_are_passed_over_unless_all_are_silent() {
        assert_eq!(kept(720, false, |height| height != 360), [&LOW[..], &[(720, 30)]].concat());
        assert_eq!(kept(720, false, |_| false), kept(720, false, |_| true));
    }

    #[test]
    fn of_a_screen_every_layer_serves() {
        assert_eq!(kept(720, true, |_| true).len(), 9);
        assert_eq!(kept(360, true, |_| true).len(), 6);
    }

    #[test]
    fn what_has_no_temporal_layers_is_preferred_at_its_full_rate() {
        let mut single: Layers = layers(|_| true).into_iter().filter(|rung| rung.fps == 30).collect();
        single.iter_mut().for_each(|rung| rung.fps = 15);
        let ladder = Ladder::new(&single, &Wanted { candidate: 0, max_height: 720, on_stage: true }, false);
        assert_eq!((ladder.rungs.len(), ladder.preferred), (3, Some(1)));
    }
}
