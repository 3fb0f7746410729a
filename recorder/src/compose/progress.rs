//! How far it is, for people and for programs.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::say::say;

const BAR: usize = 30;
/// How often the bar moves.
const TICK: Duration = Duration::from_millis(250);
/// Where there is no terminal, and as JSON, every so many per cent.
const STEP: u64 = 10;

/// Tells how far it is: a bar on a terminal, else lines.
#[derive(Debug)]
pub(super) struct Progress {
    mode: Mode,
    began: Instant,
    /// In milliseconds of the film.
    whole: u64,
    told: Option<(u64, Instant)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bar,
    Lines,
    Json,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct State {
    per_cent: u64,
    done_ms: u64,
    of_ms: u64,
    /// Times as fast as life.
    speed: f64,
    left_seconds: u64,
}

impl Progress {
    pub(super) fn new(whole_ms: u64, json: bool) -> Self {
        let mode = match json {
            true => Mode::Json,
            false if std::io::stderr().is_terminal() => Mode::Bar,
            false => Mode::Lines,
        };
        Self { mode, began: Instant::now(), whole: whole_ms.max(1), told: None }
    }

    /// So much of the film is made.
    pub(super) fn at(&mut self, done_ms: u64) {
        let now = Instant::now();
        let state = state(done_ms, self.whole, now.saturating_duration_since(self.began));
        let step = state.per_cent / STEP;
        let is_due = self.told.is_none_or(|(told, at)| match self.mode {
            Mode::Bar => now.saturating_duration_since(at) >= TICK,
            Mode::Lines | Mode::Json => step > told,
        });
        if is_due {
            self.told = Some((step, now));
            self.tell(&state);
        }
    }

    /// Something in between that people should know.
    pub(super) fn note(&self, text: &str) {
        let clear = if self.mode == Mode::Bar { "\r\x1b[K" } else { "" };
        let _ = writeln!(std::io::stderr().lock(), "{clear}{text}");
    }

    /// All begins again.
    pub(super) fn restart(&mut self) {
        self.began = Instant::now();
        self.told = None;
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if self.mode == Mode::Bar {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }

    fn tell(&self, state: &State) {
        let mut err = std::io::stderr().lock();
        let _ = match self.mode {
            Mode::Json => {
                drop(err);
                say(format_args!("{}", serde_json::to_string(state).unwrap_or_default()));
                return;
            }
            Mode::Lines => writeln!(err, "{}", words(state)),
            Mode::Bar => write!(err, "\r\x1b[K[{}] {}", bar(state.per_cent), words(state)).and_then(|()| err.flush()),
        };
    }
}

fn state(done_ms: u64, whole_ms: u64, elapsed: Duration) -> State {
    let done_ms = done_ms.min(whole_ms);
    let seconds = elapsed.as_secs_f64();
    let speed = if seconds > 0.0 { done_ms as f64 / 1000.0 / seconds } else { 0.0 };
    let left = if speed > 0.0 { (whole_ms - done_ms) as f64 / 1000.0 / speed } else { 0.0 };
    State {
        per_cent: done_ms * 100 / whole_ms.max(1),
        done_ms,
        of_ms: whole_ms,
        speed: (speed * 100.0).round() / 100.0,
        left_seconds: Duration::try_from_secs_f64(left).unwrap_or_default().as_secs(),
    }
}

fn words(state: &State) -> String {
    let State { per_cent, speed, left_seconds, .. } = state;
    if *per_cent == 0 {
        return format!("{per_cent:>3} %");
    }
    format!("{per_cent:>3} %, {speed:.1} times as fast as life, {}:{:02} left", left_seconds / 60, left_seconds % 60)
}

fn bar(per_cent: u64) -> String {
    let full = usize::try_from(per_cent).unwrap_or(0).min(100) * BAR / 100;
    format!("{}{}", "#".repeat(full), " ".repeat(BAR - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_how_fast_it_was() {
        let state = state(30_000, 120_000, Duration::from_secs(15));
        assert_eq!((state.per_cent, state.speed, state.left_seconds), (25, 2.0, 45));
        assert_eq!(words(&state), " 25 %, 2.0 times as fast as life, 0:45 left");
        assert_eq!(bar(50).matches('#').count(), 15);
    }

    #[test]
    fn the_beginning_and_the_end_are_no_reason_to_divide_by_zero() {
        assert_eq!(state(0, 0, Duration::ZERO).left_seconds, 0);
        assert_eq!(state(500, 400, Duration::from_secs(1)).per_cent, 100);
    }
}
