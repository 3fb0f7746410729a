//! What was measured, in words.

use super::idle::{self, Idle};
use super::{Series, derive};
use crate::peers::figures::{DISTURBANCE_LIMIT, Figures, GENERATOR_LIMIT, LOSS_LIMIT, SERVER_LIMIT, Summary};
use crate::peers::scene::{People, Scene, Shape};
use std::fmt::Write;

/// What the load is.
pub const LOAD: &str = "\
Everybody has a camera (three encodings) and a microphone. In each meeting three have them on: they talk (50 packets a second), and
are seen by all others in 180p (20 pictures of two packets a second; nobody asks for more, so no more is sent). The others are muted.";

/// Everything, and what did not go well.
pub fn text(figures: &Figures, idle: Option<&Idle>) -> String {
    let mut out = format!("{LOAD}\n\n");
    let _ = writeln!(
        out,
        "{:<18} {:>6} {:>9} {:>8} {:>9} {:>7} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7} {:>8}",
        "",
        "people",
        "packets/s",
        "us/s",
        "% of one",
        "us/packet",
        "kernel",
        "KiB each",
        "data each",
        "p50 us",
        "p99 us",
        "wakes/s",
        "lost %",
        "gener. %"
    );
    for series in Series::ALL {
        for (people, summary) in series.measured(figures) {
            let _ = writeln!(out, "{}", row(people, &summary));
        }
    }
    out.push('\n');
    if let Some(idle) = idle {
        out.push_str(&waiting(idle));
    }
    out.push_str(&doubts(figures));
    let _ = write!(out, "\n{}", derive::table());
    out
}

fn row(people: People, of: &Summary) -> String {
    let name = Scene { people, shape: Shape::Seen }.to_string();
    format!(
        "{name:<18} {:>6} {:>9.0} {:>8.0} {:>9.1} {:>9.1} {:>7.1} {:>9.0} {:>9.0} {:>8.0} {:>8.0} {:>8.0} {:>7.2} {:>8.0}",
        people.count(),
        of.server * 1e6 / of.micros,
        of.server * 1e6,
        of.server * 100.0,
        of.micros,
        of.system,
        of.each,
        of.data,
        of.p50,
        of.p99,
        of.wakes,
        of.lost * 100.0,
        of.generator * 100.0
    )
}

fn waiting(idle: &Idle) -> String {
    let (each, data) = idle.each();
    format!(
        "{} people in rooms of five who have muted everything: {:.1} % of one processor, {:.0} wake-ups a second;\n\
         {each:.0} KiB for each, of it {data:.0} KiB data\n",
        idle::PEOPLE.count(),
        idle.processor * 100.0,
        idle.wakes
    )
}

/// Figures that say less than they seem to.
fn doubts(figures: &Figures) -> String {
    let mut out = String::new();
    let mut disturbed = 0.0_f64;
    for (people, summary) in Series::ALL.into_iter().flat_map(|series| series.measured(figures)) {
        disturbed = disturbed.max(summary.disturbed);
        let people = people.count();
        if summary.generator > GENERATOR_LIMIT {
            let _ = writeln!(out, "The load generator was too slow for {people} people: it may be what was measured.");
        }
        if summary.lost > LOSS_LIMIT {
            let _ = writeln!(out, "{people} people: {:.1} % of the packets did not come.", summary.lost * 100.0);
        }
        if summary.server > SERVER_LIMIT {
            let _ = writeln!(out, "{people} people: the server had no processor time left.");
        }
    }
    if disturbed > DISTURBANCE_LIMIT {
        let percent = disturbed * 100.0;
        let _ = writeln!(
            out,
            "Other programs ran on this machine, up to {percent:.0} % of the time: latencies and losses are theirs as well."
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::figures;
    use super::*;

    #[test]
    fn each_point_has_a_row_and_each_fault_a_sentence() {
        let text = text(&figures(), None);
        assert!(text.contains("50 meetings of 4      200"), "{text}");
        assert!(text.contains("1 meeting of 2          2"), "{text}");
        assert!(!text.contains("no processor time left"), "{text}");
        assert!(!text.contains("people in rooms of five"), "{text}");
    }
}
