//! A picture of the figures for people: bars on a logarithmic scale, in light and in dark.

use super::figures::{Figures, Summary};
use super::session::System;
use std::fmt::Write;

const WIDTH: f64 = 880.0;
const LABELS: f64 = 190.0;
/// Between two panels, and at the right edge: room for the number behind the longest bar.
const NUMBERS: f64 = 62.0;
const TOP: f64 = 76.0;
const BAR: f64 = 11.0;
const GAP: f64 = 15.0;
const BOTTOM: f64 = 44.0;
/// Of a character in relation to the size of the font: wider than most are.
const CHARACTER: f64 = 0.6;
pub(crate) const SIZE: f64 = 12.0;

/// Colours keep their distance for those who see red and green alike.
const STYLE: &str = "\
.page{fill:#fff}text{fill:#1f2328;font:12px system-ui,'DejaVu Sans',sans-serif}.quiet{fill:#59636e}.line{stroke:#d1d9e0}\
.moothall{fill:#0969da}.janus{fill:#d4691c}.floor{fill:#9aa4ae}\
@media(prefers-color-scheme:dark){.page{fill:#0d1117}text{fill:#f0f6fc}.quiet{fill:#9198a1}.line{stroke:#30363d}\
.moothall{fill:#4493f8}.janus{fill:#f0883e}.floor{fill:#6e7681}}";

struct Panel {
    title: &'static str,
    figure: fn(&Summary) -> f64,
    left: f64,
    /// Powers of ten.
    from: i32,
    to: i32,
}

impl Panel {
    fn new(figures: &Figures, title: &'static str, figure: fn(&Summary) -> f64, left: f64) -> Self {
        let values: Vec<f64> = figures
            .scenes()
            .into_iter()
            .flat_map(|scene| System::ALL.map(|system| figures.of(system, scene)))
            .flatten()
            .map(|summary| figure(&summary))
            .filter(|value| *value > 0.0)
            .collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min).min(1e9);
        let most = values.iter().copied().fold(least, f64::max);
        let (from, to) = (least.log10().floor() as i32, most.log10().ceil() as i32);
        Self { title, figure, left, from, to: to.max(from + 1) }
    }

    fn width() -> f64 {
        (WIDTH - LABELS) / 2.0 - NUMBERS
    }

    fn x(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        self.left + Self::width() * share.clamp(0.0, 1.0)
    }
}

/// The picture as SVG.
pub fn svg(figures: &Figures) -> String {
    let second = LABELS + (WIDTH - LABELS) / 2.0;
    let panels = [
        Panel::new(figures, "processor time for each packet delivered", |summary| summary.micros, LABELS),
        Panel::new(figures, "added latency, 99 of 100 packets within", |summary| summary.p99, second),
    ];
    let (rows, height) = rows(figures, &panels);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\
         <title>Cost of forwarding: Moothall, Janus and the floor</title><style>{STYLE}</style>\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>"
    );
    legend(&mut out);
    panels.iter().for_each(|panel| axis(&mut out, panel, height - BOTTOM));
    out.push_str(&rows);
    let note = "microseconds, logarithmic; less is better";
    text(&mut out, LABELS, height - 12.0, "start", "quiet", note);
    out.push_str("</svg>\n");
    out
}

fn legend(out: &mut String) {
    let mut x = LABELS;
    for system in System::ALL {
        let name = match system {
            System::Floor => "floor: receive, decrypt, encrypt, send".to_owned(),
            System::Janus => "Janus VideoRoom".to_owned(),
            System::Moothall => "Moothall".to_owned(),
        };
        let _ = write!(out, "<rect class=\"{}\" x=\"{x}\" y=\"14\" width=\"12\" height=\"12\"/>", class(system));
        text(out, x + 18.0, 24.0, "start", "", &name);
        x += 18.0 + width(&name) + 22.0;
    }
}

fn axis(out: &mut String, panel: &Panel, bottom: f64) {
    text(out, panel.left, 50.0, "start", "", panel.title);
    for power in panel.from..=panel.to {
        let x = panel.x(10f64.powi(power));
        let top = TOP - 8.0;
        let _ = write!(out, "<path class=\"line\" d=\"M{x:.1} {top}V{bottom}\"/>");
        text(out, x, bottom + 14.0, "middle", "quiet", &number(10f64.powi(power)));
    }
}

/// All bars, and where they end.
fn rows(figures: &Figures, panels: &[Panel]) -> (String, f64) {
    let (mut out, mut y) = (String::new(), TOP);
    for scene in figures.scenes() {
        let present: Vec<_> = System::ALL.iter().filter_map(|s| Some((*s, figures.of(*s, scene)?))).collect();
        let tall = present.len() as f64 * BAR;
        text(&mut out, LABELS - 12.0, y + tall / 2.0 + 4.0, "end", "", &scene.to_string());
        for (system, summary) in present {
            panels.iter().for_each(|panel| bar(&mut out, panel, system, (panel.figure)(&summary), y));
            y += BAR;
        }
        y += GAP;
    }
    (out, y + BOTTOM - GAP / 2.0)
}

fn bar(out: &mut String, panel: &Panel, system: System, value: f64, y: f64) {
    let end = panel.x(value);
    let (class, left, wide, tall) = (class(system), panel.left, (end - panel.left).max(1.0), BAR - 1.0);
    let _ = write!(out, "<rect class=\"{class}\" x=\"{left}\" y=\"{y}\" width=\"{wide:.1}\" height=\"{tall}\"/>");
    let _ = write!(
        out,
        "<text x=\"{:.1}\" y=\"{}\" style=\"font-size:10.5px\">{}</text>",
        left + wide + 4.0,
        y + BAR - 2.0,
        number(value)
    );
}

pub(crate) fn text(out: &mut String, x: f64, y: f64, anchor: &str, class: &str, words: &str) {
    let _ = write!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn class(system: System) -> &'static str {
    match system {
        System::Moothall => "moothall",
        System::Janus => "janus",
        System::Floor => "floor",
    }
}

pub(crate) fn width(words: &str) -> f64 {
    words.chars().count() as f64 * SIZE * CHARACTER
}

/// Two digits that mean something.
pub(crate) fn number(value: f64) -> String {
    match value {
        _ if value >= 1_000_000.0 => format!("{:.0}M", value / 1e6),
        _ if value >= 10_000.0 => format!("{:.0}k", value / 1000.0),
        _ if value >= 10.0 || value == 0.0 => format!("{value:.0}"),
        _ if value >= 1.0 && value.fract() != 0.0 => format!("{value:.1}"),
        _ if value >= 1.0 => format!("{value:.0}"),
        _ => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::run;
    use super::super::scene::People;
    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::default();
        for people in [People::OneTo(1), People::OneTo(50), People::Meeting(10)] {
            for scene in people.scenes() {
                for (system, nanos) in System::ALL.into_iter().zip([4_000_000, 250_000_000, 2_500_000]) {
                    if system.can(people) {
                        figures.add(system, scene, run(nanos, 1000, nanos / 10_000));
                    }
                }
            }
        }
        figures
    }

    fn attribute(element: &str, name: &str) -> f64 {
        let after = element.split_once(&format!(" {name}=\"")).expect("there").1;
        after.split('"').next().unwrap().parse().unwrap()
    }

    #[test]
    fn no_text_is_cut_off() {
        let svg = svg(&figures());
        let height = attribute(&svg, "height");
        let mut count = 0;
        for element in svg.split("<text ").skip(1) {
            let element = format!(" {element}");
            let words = element.split_once('>').unwrap().1.split('<').next().unwrap();
            let (x, y, wide) = (attribute(&element, "x"), attribute(&element, "y"), width(words));
            let (left, right) = match () {
                () if element.contains("\"end\"") => (x - wide, x),
                () if element.contains("\"middle\"") => (x - wide / 2.0, x + wide / 2.0),
                () => (x, x + wide),
            };
            assert!(
                left >= 0.0 && right <= WIDTH && y >= SIZE && y <= height - 4.0,
                "{words} at {left} to {right}, {y}"
            );
            count += 1;
        }
        assert!(count > 40, "{count}");
    }

    #[test]
    fn bars_end_where_their_values_are() {
        let panel = Panel::new(&figures(), "", |summary| summary.micros, 100.0);
        assert_eq!((panel.from, panel.to), (0, 3));
        assert_eq!(panel.x(1.0), 100.0);
        assert!((panel.x(1000.0) - 100.0 - Panel::width()).abs() < 1e-9);
        assert!((panel.x(10.0) - 100.0 - Panel::width() / 3.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        assert!(svg(&Figures::default()).ends_with("</svg>\n"));
    }

    #[test]
    fn numbers_are_short() {
        let all = [0.1, 1.0, 3.46, 9.96, 58.2, 4242.0, 24_000.0, 1e6].map(number);
        assert_eq!(all, ["0.1", "1", "3.5", "10.0", "58", "4242", "24k", "1M"]);
    }
}
