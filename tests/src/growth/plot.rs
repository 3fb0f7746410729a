//! A picture of what grows, for people: lines on logarithmic scales, in light and in dark.

use super::Series;
use crate::peers::figures::{Figures, Summary};
use crate::peers::plot::{number, text, width};
use std::fmt::Write;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 560.0;
/// Of one panel.
const WIDE: f64 = 340.0;
const TALL: f64 = 180.0;
/// Where panels begin.
const LEFTS: [f64; 2] = [64.0, 490.0];
const TOPS: [f64; 2] = [76.0, 326.0];
/// People, at the edges of a panel.
const FEWEST: f64 = 2.0;
const MOST: f64 = 200.0;
const PEOPLE: [f64; 7] = [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];

/// Colours keep their distance for those who see red and green alike.
const STYLE: &str = "\
.page{fill:#fff}text{fill:#1f2328;font:12px system-ui,'DejaVu Sans',sans-serif}.quiet{fill:#59636e}.line{stroke:#d1d9e0}\
.curve{fill:none;stroke-width:2}.part{stroke-dasharray:4 3;stroke-width:1.5}\
.meeting{stroke:#0969da}.meetings{stroke:#d4691c}.meeting.dot{fill:#0969da}.meetings.dot{fill:#d4691c}\
@media(prefers-color-scheme:dark){.page{fill:#0d1117}text{fill:#f0f6fc}.quiet{fill:#9198a1}.line{stroke:#30363d}\
.meeting{stroke:#4493f8}.meetings{stroke:#f0883e}.meeting.dot{fill:#4493f8}.meetings.dot{fill:#f0883e}}";

type Figure = fn(&Summary) -> f64;

/// One picture: a figure, and another that is drawn with dashes.
struct Panel {
    title: &'static str,
    figure: Figure,
    part: Option<Figure>,
    left: f64,
    top: f64,
    /// Powers of ten.
    from: i32,
    to: i32,
}

impl Panel {
    fn new(figures: &Figures, index: usize, title: &'static str, figure: Figure, part: Option<Figure>) -> Self {
        let of = |summary: &Summary| [Some(figure), part].into_iter().flatten().map(|of| of(summary)).collect();
        let values: Vec<f64> = Series::ALL
            .into_iter()
            .flat_map(|series| series.measured(figures))
            .flat_map(|(_, summary)| -> Vec<f64> { of(&summary) })
            .filter(|value| *value > 0.0)
            .collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min).min(1e9);
        let most = values.iter().copied().fold(least, f64::max);
        let (from, to) = (least.log10().floor() as i32, most.log10().ceil() as i32);
        let (left, top) = (LEFTS[index % 2], TOPS[index / 2]);
        Self { title, figure, part, left, top, from, to: to.max(from + 1) }
    }

    fn x(&self, people: f64) -> f64 {
        self.left + WIDE * ((people / FEWEST).ln() / (MOST / FEWEST).ln()).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        self.top + TALL * (1.0 - share.clamp(0.0, 1.0))
    }
}

/// The picture as SVG.
pub fn svg(figures: &Figures) -> String {
    let panels = [
        Panel::new(figures, 0, "processor time, percent of one processor", |of| of.server * 100.0, None),
        Panel::new(figures, 1, "processor time for each packet delivered, µs", |of| of.micros, None),
        Panel::new(figures, 2, "memory for each person, KiB (dashes: data)", |of| of.each, Some(|of| of.data)),
        Panel::new(figures, 3, "added latency p99, µs (dashes: p50)", |of| of.p99, Some(|of| of.p50)),
    ];
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\
         <title>Cost against the number of people</title><style>{STYLE}</style>\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>"
    );
    legend(&mut out);
    for panel in &panels {
        axes(&mut out, panel);
        for series in Series::ALL {
            curve(&mut out, panel, series, figures, panel.figure, "");
            if let Some(part) = panel.part {
                curve(&mut out, panel, series, figures, part, " part");
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

fn legend(out: &mut String) {
    let mut x = LEFTS[0];
    for series in Series::ALL {
        let _ = write!(out, "<path class=\"curve {}\" d=\"M{x} 20h18\"/>", class(series));
        text(out, x + 24.0, 24.0, "start", "", series.name());
        x += 24.0 + width(series.name()) + 22.0;
    }
}

fn axes(out: &mut String, panel: &Panel) {
    let (left, right, bottom) = (panel.left, panel.left + WIDE, panel.top + TALL);
    text(out, left, panel.top - 12.0, "start", "", panel.title);
    for power in panel.from..=panel.to {
        let value = 10f64.powi(power);
        let y = panel.y(value);
        let _ = write!(out, "<path class=\"line\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>");
        text(out, left - 6.0, y + 4.0, "end", "quiet", &number(value));
    }
    for people in PEOPLE {
        text(out, panel.x(people), bottom + 16.0, "middle", "quiet", &number(people));
    }
    text(out, left + WIDE / 2.0, bottom + 34.0, "middle", "quiet", "people");
}

fn curve(out: &mut String, panel: &Panel, series: Series, figures: &Figures, figure: Figure, kind: &str) {
    let points: Vec<(f64, f64, f64)> = series
        .measured(figures)
        .iter()
        .map(|(people, summary)| (panel.x(f64::from(people.count())), figure(summary)))
        .filter(|(_, value)| *value > 0.0)
        .map(|(x, value)| (x, panel.y(value), value))
        .collect();
    let Some((x, y, value)) = points.last() else { return };
    let path: Vec<String> = points.iter().map(|(x, y, _)| format!("{x:.1} {y:.1}")).collect();
    let class = class(series);
    let _ = write!(out, "<path class=\"curve {class}{kind}\" d=\"M{}\"/>", path.join("L"));
    if kind.is_empty() {
        for (x, y, _) in &points {
            let _ = write!(out, "<circle class=\"{class} dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>");
        }
        text(out, x + 6.0, y + 4.0, "start", "", &number(*value));
    }
}

fn class(series: Series) -> &'static str {
    match series {
        Series::Meeting => "meeting",
        Series::Meetings => "meetings",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::figures;
    use super::*;

    #[test]
    fn a_curve_has_a_point_for_each_number_of_people() {
        let svg = svg(&figures());
        assert_eq!(svg.matches("<circle").count(), 4 * (7 + 6));
        assert_eq!(svg.matches("class=\"curve").count(), 2 + 4 * 2 + 2 * 2);
    }

    #[test]
    fn few_are_at_the_left_and_much_is_at_the_top() {
        let panel = Panel::new(&figures(), 0, "", |of| of.micros, None);
        assert_eq!((panel.x(2.0), panel.x(200.0)), (panel.left, panel.left + WIDE));
        assert!((panel.x(20.0) - panel.left - WIDE / 2.0).abs() < 1e-9);
        assert!(panel.y(2.0) < panel.y(1.0));
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        assert!(svg(&Figures::default()).ends_with("</svg>\n"));
    }
}
