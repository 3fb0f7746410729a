//! The scenarios of jitsi-videobridge's `BitrateControllerTest`.

use super::*;
use crate::core::allocate::ladder::Layers;

const NAMES: [&str; 9] = ["l7", "l15", "l30", "s7", "s15", "s30", "h7", "h15", "h30"];
/// Kbit/s.
const COSTS: [f64; 9] = [49.5, 99.0, 150.0, 165.0, 330.0, 500.0, 660.0, 1320.0, 2000.0];

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they are small and positive")]
fn layers(active: impl Fn(&str) -> bool) -> Layers {
    let rung = |(index, (name, cost)): (u8, (&str, f64))| Rung {
        layer: Layer { encoding: index / 3, spatial: 0, temporal: index % 3 },
        height: 180 << (index / 3),
        fps: [7, 15, 30][usize::from(index % 3)],
        bps: if active(name) { (cost * 1000.0) as u64 } else { 0 },
        active: active(name),
    };
    (0..).zip(NAMES.into_iter().zip(COSTS)).map(rung).collect()
}

fn name(layer: Option<Layer>) -> &'static str {
    layer.map_or("-", |layer| NAMES[usize::from(layer.encoding * 3 + layer.temporal)])
}

fn given(asks: &[Ask<'_>], kbps: u64) -> String {
    let names: Vec<_> = share(asks, kbps * 1000).iter().map(|grant| name(grant.target)).collect();
    names.join(" ")
}

fn ask(layers: &[Rung], max_height: i32, on_stage: bool, desktop: bool) -> Ask<'_> {
    Ask { wanted: Wanted { candidate: 0, max_height, on_stage }, desktop, layers, most: Most::All }
}

/// Every row holds from its step on until the next row does, in steps of 10 kbit/s.
fn holds(asks: &[Ask<'_>], rows: &[(u64, &str)]) {
    let mut rows = rows.iter().peekable();
    let mut expected = "- - - -";
    for kbps in (0..=2600).step_by(10) {
        if let Some((_, row)) = rows.next_if(|(from, _)| *from == kbps) {
            expected = row;
        }
        assert_eq!(given(asks, kbps), expected, "at {kbps} kbit/s");
    }
    assert_eq!(rows.next(), None);
}

#[test]
fn checklist_94_95_stage_view() {
    let layers = layers(|_| true);
    let asks = [720, 180, 180, 180].map(|height| ask(&layers, height, height == 720, false));
    holds(
        &asks,
        &[
            (50, "l7 - - -"),
            (100, "l15 - - -"),
            (150, "l30 - - -"),
            (500, "s30 - - -"),
            (550, "s30 l7 - -"),
            (600, "s30 l7 l7 -"),
            (650, "s30 l7 l7 l7"),
            (700, "s30 l15 l7 l7"),
            (750, "s30 l15 l15 l7"),
            (800, "s30 l15 l15 l15"),
            (850, "s30 l30 l15 l15"),
            (900, "s30 l30 l30 l15"),
            (960, "s30 l30 l30 l30"),
            (2150, "h30 l7 l7 l7"),
            (2200, "h30 l15 l7 l7"),
            (2250, "h30 l15 l15 l7"),
            (2300, "h30 l15 l15 l15"),
            (2350, "h30 l30 l15 l15"),
            (2400, "h30 l30 l30 l15"),
            (2460, "h30 l30 l30 l30"),
        ],
    );
}

#[test]
fn checklist_94_96_a_screen_on_stage_is_oversent() {
    let layers = layers(|_| true);
    let asks = [720, 180, 180, 180].map(|height| ask(&layers, height, height == 720, height == 720));
    holds(
        &asks,
        &[
            (0, "s30 - - -"),
            (160, "h7 - - -"),
            (1320, "h15 - - -"),
            (2000, "h30 - - -"),
            (2050, "h30 l7 - -"),
            (2100, "h30 l7 l7 -"),
            (2150, "h30 l7 l7 l7"),
            (2200, "h30 l15 l7 l7"),
            (2250, "h30 l15 l15 l7"),
            (2300, "h30 l15 l15 l15"),
            (2350, "h30 l30 l15 l15"),
            (2400, "h30 l30 l30 l15"),
            (2460, "h30 l30 l30 l30"),
        ],
    );
    for kbps in 0..3000 {
        let sent: u64 = share(&asks, kbps * 1000).iter().map(|grant| grant.bps).sum();
        assert!(sent <= (kbps + 500) * 1000, "{sent} bit/s at {kbps} kbit/s");
    }
}

/// The first steps of tile view, whatever the tiles' height.
const TILES: [(u64, &str); 12] = [
    (50, "l7 - - -"),
    (100, "l7 l7 - -"),
    (150, "l7 l7 l7 -"),
    (200, "l7 l7 l7 l7"),
    (250, "l15 l7 l7 l7"),
    (300, "l15 l15 l7 l7"),
    (350, "l15 l15 l15 l7"),
    (400, "l15 l15 l15 l15"),
    (450, "l30 l15 l15 l15"),
    (500, "l30 l30 l15 l15"),
    (550, "l30 l30 l30 l15"),
    (610, "l30 l30 l30 l30"),
];

#[test]
fn checklist_94_tile_view() {
    let layers = layers(|_| true);
    holds(&[180; 4].map(|height| ask(&layers, height, false, false)), &TILES);
    let tall =
        [(960, "s30 l30 l30 l30"), (1310, "s30 s30 l30 l30"), (1660, "s30 s30 s30 l30"), (2010, "s30 s30 s30 s30")];
    holds(&[360; 4].map(|height| ask(&layers, height, false, false)), &[&TILES[..], &tall].concat());
}

#[test]
fn what_nobody_may_have_costs_nothing() {
    let layers = layers(|_| true);
    let asks = [720, 0, 0, 0].map(|height| ask(&layers, height, false, false));
    assert_eq!(given(&asks, 100_000), "h30 - - -", "last-n 1");
    let asks = [0; 4].map(|height| ask(&layers, height, false, false));
    assert_eq!(given(&asks, 100_000), "- - - -", "last-n 0");
}

#[test]
fn a_source_that_has_just_come_is_sent_whole() {
    let layers = layers(|_| false);
    assert_eq!(given(&[ask(&layers, 720, true, false), ask(&layers, 180, false, false)], 1000), "h30 l30");
}

#[test]
fn a_single_high_layer_is_sent_to_whoever_asks_for_less() {
    let layers = layers(|name| name == "h30");
    assert_eq!(given(&[ask(&layers, 180, false, false)], 2010), "h30");
    assert_eq!(given(&[ask(&layers, 180, false, false)], 1990), "-");
}

#[test]
fn nobody_gets_more_than_is_allowed() {
    let layers = layers(|_| true);
    let mut asks = [ask(&layers, 720, true, false), ask(&layers, 180, false, false)];
    asks[0].most = Most::UpTo(Layer { encoding: 1, spatial: 0, temporal: 2 });
    assert_eq!(given(&asks, 5000), "s30 l30", "and the others get what is left");
    asks[0].most = Most::UpTo(Layer { encoding: 1, spatial: 0, temporal: 1 });
    assert_eq!(given(&asks, 5000), "l30 l30", "what is no rung any more");
    asks[0].most = Most::Nothing;
    assert_eq!(given(&asks, 5000), "- l30");
    assert_eq!(share(&asks, 5_000_000)[0].ideal, Some(Layer { encoding: 2, spatial: 0, temporal: 2 }));
}
