//! What must be: of each participant what others may expect of it, and what it wants to see.

use super::line::Line;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::bot::sender::Load;

/// Heights of the encodings of a camera with three; one encoding is the lowest.
pub(crate) fn height_of(encoding: usize) -> i32 {
    180 << encoding
}

/// What somebody wants to see.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) last_n: i32,
    pub(crate) height: i32,
    /// One on the stage, and how tall.
    pub(crate) stage: Option<(usize, i32)>,
}

impl Wish {
    pub(crate) const ALL: Self = Self { last_n: -1, height: 720, stage: None };

    pub(crate) fn message(&self, name_of: impl Fn(usize) -> String) -> Value {
        // What is not said stays as it was.
        let stage: Vec<String> = self.stage.iter().map(|(of, _)| name_of(*of)).collect();
        let constraints =
            self.stage.map_or_else(|| json!({}), |(of, height)| json!({ name_of(of): {"maxHeight": height} }));
        json!({
            "colibriClass": "ReceiverVideoConstraints", "lastN": self.last_n, "defaultConstraints": {"maxHeight": self.height},
            "onStageSources": stage, "constraints": constraints,
        })
    }

    pub(crate) fn height(&self, of: usize) -> i32 {
        self.stage.filter(|(stage, _)| *stage == of).map_or(self.height, |(_, height)| height)
    }
}

/// One participant, as far as the model knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) load: Load,
    pub(crate) line: Line,
    pub(crate) wish: Wish,
    pub(crate) camera: bool,
    pub(crate) microphone: bool,
    /// What happened to this one alone has been overcome by then.
    pub(crate) calm: Instant,
    /// Its wish has been granted by then.
    pub(crate) granted: Instant,
}

impl Person {
    pub(crate) fn disturbed(&mut self, now: Instant, for_how_long: Duration) {
        self.calm = self.calm.max(now + for_how_long);
    }

    /// The tallest encoding that its camera makes.
    pub(crate) fn tallest(&self) -> i32 {
        self.load.encodings.checked_sub(1).map_or(0, height_of)
    }
}
