//! What was measured, in words.

use super::figures::{DISTURBANCE_LIMIT, Figures, GENERATOR_LIMIT, LOSS_LIMIT, SERVER_LIMIT, Summary};
use super::scene::{People, Scene, Shape};
use super::session::System;
use std::fmt::Write;

/// A share that ours may take of another's figure.
struct Aim {
    what: &'static str,
    scene: Scene,
    other: System,
    figure: fn(&Summary) -> f64,
    must: f64,
    goal: f64,
}

const fn one_to(receivers: u32, shape: Shape) -> Scene {
    Scene { people: People::OneTo(receivers), shape }
}

fn aims() -> Vec<Aim> {
    let meeting = Scene { people: People::Meeting(10), shape: Shape::Cameras };
    let processor = |scene, other, must, goal| Aim {
        what: "processor time for each packet",
        scene,
        other,
        figure: |summary| summary.micros,
        must,
        goal,
    };
    vec![
        processor(one_to(50, Shape::Singles), System::Janus, 1.0 / 4.0, 1.0 / 5.0),
        processor(one_to(50, Shape::Trains), System::Janus, 1.0 / 5.0, 1.0 / 6.0),
        processor(one_to(10, Shape::Singles), System::Janus, 1.0 / 3.0, 1.0 / 4.0),
        processor(one_to(10, Shape::Trains), System::Janus, 1.0 / 3.0, 1.0 / 4.0),
        processor(meeting, System::Janus, 1.0 / 3.0, 1.0 / 4.0),
        processor(one_to(50, Shape::Singles), System::Floor, 3.0, 2.0),
        processor(one_to(50, Shape::Trains), System::Floor, 3.0, 2.0),
        Aim {
            what: "added latency, p99",
            scene: one_to(50, Shape::Trains),
            other: System::Janus,
            figure: |summary| summary.p99,
            must: 1.0 / 2.0,
            goal: 1.0 / 3.0,
        },
    ]
}

/// Everything, and what did not go well.
pub fn text(figures: &Figures) -> String {
    let mut out = String::new();
    for scene in figures.scenes() {
        let _ = writeln!(out, "{scene}");
        let _ = writeln!(
            out,
            "  {:<9} {:>9} {:>7} {:>7} {:>7} {:>9} {:>9} {:>9} {:>9} {:>7} {:>9} {:>8}",
            "",
            "us/packet",
            "user",
            "system",
            "lost %",
            "p50 us",
            "p99 us",
            "idle MiB",
            "KiB each",
            "busy %",
            "gener. %",
            "wakes/s"
        );
        for system in System::ALL {
            if let Some(summary) = figures.of(system, scene) {
                let _ = writeln!(out, "  {}", row(system, &summary));
            }
        }
        out.push_str(&ratios(figures, scene));
        out.push('\n');
    }
    out.push_str(&verdicts(figures));
    out.push_str(&doubts(figures));
    out
}

fn row(system: System, of: &Summary) -> String {
    let percent = |share: f64| share * 100.0;
    format!(
        "{:<9} {:>9.1} {:>7.1} {:>7.1} {:>7.2} {:>9.0} {:>9.0} {:>9.1} {:>9.0} {:>7.1} {:>9.1} {:>8.0}",
        system.to_string(),
        of.micros,
        of.user,
        of.system,
        percent(of.lost),
        of.p50,
        of.p99,
        of.idle / 1024.0,
        of.each,
        percent(of.server),
        percent(of.generator),
        of.wakes
    )
}

fn ratios(figures: &Figures, scene: Scene) -> String {
    let mut out = String::new();
    for other in [System::Janus, System::Floor] {
        let of = |figure: fn(&Summary) -> f64| figures.ratio(scene, other, figure);
        if let (Some(micros), Some(p50), Some(p99)) = (of(|s| s.micros), of(|s| s.p50), of(|s| s.p99)) {
            let other = other.to_string();
            let _ =
                writeln!(out, "  Moothall / {other:<6} processor {micros:.2}, latency p50 {p50:.2} and p99 {p99:.2}");
        }
    }
    out
}

fn verdicts(figures: &Figures) -> String {
    let mut out = String::new();
    for aim in aims() {
        let Some(ratio) = figures.ratio(aim.scene, aim.other, aim.figure) else { continue };
        let verdict = match ratio {
            _ if ratio <= aim.goal => "goal met",
            _ if ratio <= aim.must => "met, goal not",
            _ => "NOT MET",
        };
        let what = format!("{}, {}, Moothall / {}", aim.what, aim.scene, aim.other);
        let _ = writeln!(out, "{what:<82} {ratio:>5.2}  (at most {:.2}, goal {:.2}): {verdict}", aim.must, aim.goal);
    }
    out
}

/// Figures that say less than they seem to.
fn doubts(figures: &Figures) -> String {
    let mut out = String::new();
    let all = figures.scenes().into_iter().flat_map(|scene| System::ALL.map(|system| figures.of(system, scene)));
    let disturbed = all.flatten().map(|summary| summary.disturbed).fold(0.0, f64::max);
    if disturbed > DISTURBANCE_LIMIT {
        let percent = disturbed * 100.0;
        let _ = writeln!(
            out,
            "Other programs ran on this machine, up to {percent:.0} % of the time: latencies and losses are theirs as well, and of the \
             ratios those of processor time alone say something."
        );
    }
    for scene in figures.scenes() {
        for (system, summary) in System::ALL.iter().filter_map(|system| Some((system, figures.of(*system, scene)?))) {
            if summary.generator > GENERATOR_LIMIT {
                let _ = writeln!(
                    out,
                    "The load generator was too slow for {system}, {scene}: it may be what was measured."
                );
            }
            if summary.lost > LOSS_LIMIT {
                let percent = summary.lost * 100.0;
                let _ = writeln!(
                    out,
                    "{system}, {scene}: {percent:.0} % did not come. Packets were lost, or held back because of a line that seemed full."
                );
            }
            if summary.server > SERVER_LIMIT {
                let _ = writeln!(out, "{system} had no processor time left, {scene}: packets waited or were lost.");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::run;
    use super::*;

    fn figures(ours: u64, janus: u64) -> Figures {
        let mut figures = Figures::default();
        let scene = one_to(50, Shape::Singles);
        figures.add(System::Moothall, scene, run(ours, 1000, 100));
        figures.add(System::Janus, scene, run(janus, 1000, 900));
        figures
    }

    #[test]
    fn a_must_a_goal_and_a_miss_are_told_apart() {
        let verdict = |ours| verdicts(&figures(ours, 10_000_000));
        assert!(verdict(1_900_000).contains("0.19  (at most 0.25, goal 0.20): goal met"));
        assert!(verdict(2_300_000).contains("met, goal not"));
        assert!(verdict(2_600_000).contains("NOT MET"));
        assert_eq!(verdict(1).lines().count(), 1, "what was not measured is not judged");
    }

    #[test]
    fn a_machine_that_had_other_things_to_do_is_told_of() {
        let mut figures = figures(1_000_000, 2_000_000);
        assert_eq!(doubts(&figures), "");
        let mut disturbed = run(1_000_000, 1000, 100);
        disturbed.generator.waited = 300_000_000;
        figures.add(System::Floor, one_to(50, Shape::Singles), disturbed);
        assert!(doubts(&figures).contains("up to 30 % of the time"));
    }

    #[test]
    fn a_server_without_time_left_is_named() {
        let text = text(&figures(1_000_000, 990_000_000));
        assert!(text.contains("Janus had no processor time left, 1 to 50, single packets"));
        assert!(!text.contains("Moothall had no"));
        assert!(text.contains("Moothall / Janus  processor 0.00, latency p50 0.11 and p99 0.11"), "{text}");
    }
}
