//! Figures of one run, and what several runs of the same say together.

use super::cost::Used;
use super::scene::Scene;
use super::session::System;
use crate::measure::Memory;
use std::collections::BTreeMap;
use std::time::Duration;

/// Of a processor: from here on a load generator may be what was measured.
pub const GENERATOR_LIMIT: f64 = 0.9;
/// Of a processor: a server that takes more has no more to give, and packets wait or are lost.
pub const SERVER_LIMIT: f64 = 0.95;
/// Of the time: with more, other programs are measured as well.
pub const DISTURBANCE_LIMIT: f64 = 0.02;
/// Of what should have come: more is missing only where something waits too long.
pub const LOSS_LIMIT: f64 = 0.01;

/// What one run of a scene gave.
#[derive(Debug, Clone)]
pub struct Run {
    pub lasted: Duration,
    pub server: Used,
    pub generator: Used,
    /// Packets that came to a receiver.
    pub delivered: u64,
    /// Packets that should have come.
    pub expected: u64,
    pub lost: u64,
    /// From a publisher's stamp until the kernel has it for the receiver.
    pub p50: Duration,
    pub p99: Duration,
    /// Before anybody came, and at the end.
    pub idle: Memory,
    pub busy: Memory,
}

/// Medians over the runs of one system and scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Microseconds of the server's processor for each delivered packet.
    pub micros: f64,
    pub user: f64,
    pub system: f64,
    /// Share of what was expected.
    pub lost: f64,
    /// Microseconds.
    pub p50: f64,
    pub p99: f64,
    /// KiB resident before anybody came, more than that for each person, and what of this is no program text.
    pub idle: f64,
    pub each: f64,
    pub data: f64,
    /// Shares of one processor.
    pub server: f64,
    pub generator: f64,
    /// How often a thread of the server went to sleep, and so was woken, in a second.
    pub wakes: f64,
    /// Of the time, in which the load generator wanted to run and something else did.
    pub disturbed: f64,
    pub runs: usize,
}

/// Everything measured.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<(Scene, System), Vec<Run>>);

impl Figures {
    pub fn add(&mut self, system: System, scene: Scene, run: Run) {
        self.0.entry((scene, system)).or_default().push(run);
    }

    /// In the order of the scenes.
    pub fn scenes(&self) -> Vec<Scene> {
        let mut scenes: Vec<Scene> = self.0.keys().map(|(scene, _)| *scene).collect();
        scenes.dedup();
        scenes
    }

    pub fn of(&self, system: System, scene: Scene) -> Option<Summary> {
        self.0.get(&(scene, system)).map(|runs| Summary::of(runs, scene.people.count()))
    }

    /// How much of one figure ours takes of another's.
    pub fn ratio(&self, scene: Scene, other: System, figure: impl Fn(&Summary) -> f64) -> Option<f64> {
        let (ours, other) = (self.of(System::Moothall, scene)?, self.of(other, scene)?);
        Some(figure(&ours) / figure(&other))
    }
}

impl Summary {
    fn of(runs: &[Run], people: u32) -> Self {
        let middle = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let micros = middle(&|run| run.server.nanos as f64 / 1000.0 / run.delivered.max(1) as f64);
        let share = |used: Used, run: &Run| used.nanos as f64 / run.lasted.as_nanos() as f64;
        // Ticks are coarse: their parts are taken over all runs.
        let ticks = |part: fn(&Used) -> u64| runs.iter().map(|run| part(&run.server)).sum::<u64>() as f64;
        let user = ticks(|used| used.user) / (ticks(|used| used.user) + ticks(|used| used.system)).max(1.0);
        Self {
            micros,
            user: micros * user,
            system: micros * (1.0 - user),
            lost: middle(&|run| run.lost as f64 / run.expected.max(1) as f64),
            p50: middle(&|run| run.p50.as_secs_f64() * 1e6),
            p99: middle(&|run| run.p99.as_secs_f64() * 1e6),
            idle: middle(&|run| run.idle.resident as f64),
            each: middle(&|run| run.busy.resident.saturating_sub(run.idle.resident) as f64) / f64::from(people),
            data: middle(&|run| run.busy.anonymous.saturating_sub(run.idle.anonymous) as f64) / f64::from(people),
            server: middle(&|run| share(run.server, run)),
            generator: middle(&|run| share(run.generator, run)),
            wakes: middle(&|run| run.server.sleeps as f64 / run.lasted.as_secs_f64()),
            disturbed: middle(&|run| run.generator.waited as f64 / run.lasted.as_nanos() as f64),
            runs: runs.len(),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

/// The smallest value that so many of a hundred do not exceed (nearest rank).
pub fn percentile(sorted: &[Duration], of_hundred: usize) -> Duration {
    let rank = (sorted.len() * of_hundred).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::peers::scene::{People, Shape};

    pub(crate) fn run(nanos: u64, delivered: u64, p99: u64) -> Run {
        Run {
            lasted: Duration::from_secs(1),
            server: Used { nanos, user: 1, system: 3, ..Used::default() },
            generator: Used { nanos: 500_000_000, ..Used::default() },
            delivered,
            expected: 1000,
            lost: 1000 - delivered,
            p50: Duration::from_micros(p99 / 2),
            p99: Duration::from_micros(p99),
            idle: Memory { resident: 8000, anonymous: 900, proportional: 7000 },
            busy: Memory { resident: 8110, anonymous: 955, proportional: 7100 },
        }
    }

    const SCENE: Scene = Scene { people: People::OneTo(10), shape: Shape::Singles };

    #[test]
    fn a_percentile_is_a_value_that_occurred() {
        let values: Vec<Duration> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!(percentile(&values, 50), Duration::from_micros(100));
        assert_eq!(percentile(&values, 99), Duration::from_micros(198));
        assert_eq!(percentile(&values[..1], 99), Duration::from_micros(1));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn one_run_that_was_disturbed_does_not_count() {
        let mut figures = Figures::default();
        for (nanos, p99) in [(5_000_000, 400), (50_000_000, 90_000), (6_000_000, 300)] {
            figures.add(System::Moothall, SCENE, run(nanos, 1000, p99));
        }
        let summary = figures.of(System::Moothall, SCENE).unwrap();
        assert_eq!((summary.micros, summary.p99, summary.runs), (6.0, 400.0, 3));
        assert_eq!((summary.user, summary.system), (1.5, 4.5));
        assert_eq!((summary.each, summary.data), (10.0, 5.0));
    }

    #[test]
    fn cost_is_for_each_packet_that_was_delivered() {
        let mut figures = Figures::default();
        figures.add(System::Moothall, SCENE, run(2_000_000, 1000, 100));
        figures.add(System::Janus, SCENE, run(5_000_000, 500, 100));
        assert_eq!(figures.ratio(SCENE, System::Janus, |summary| summary.micros), Some(0.2));
        assert_eq!(figures.of(System::Janus, SCENE).unwrap().lost, 0.5);
        assert_eq!(figures.ratio(SCENE, System::Floor, |summary| summary.micros), None);
    }
}
