//! `moothall config boards` and `moothall config board`.

use std::fmt::Write;
use std::path::PathBuf;

use board_config::{Active, Bias, Board, BoardError, BoardName, Config, Flags, Line, Machine, boards};
use serde_json::{Map, Value, json};

use crate::exit::{Failure, Reason};
use crate::say::say;
use crate::{config, machine};

/// Every board with its name in words.
pub(crate) fn list(json: bool) -> Result<(), Failure> {
    let all: Vec<(BoardName, Board)> =
        boards().map(|name| Board::named(&name).map(|board| (name, board))).collect::<Result<_, _>>()?;
    if json {
        let list: Vec<Value> =
            all.iter().map(|(name, board)| json!({ "board": name.as_str(), "title": board.title })).collect();
        say(format_args!("{}", Value::Array(list)));
    } else {
        all.iter().for_each(|(name, board)| say(format_args!("{:15} {}", name.as_str(), board.title)));
    }
    Ok(())
}

/// Which board this is, what it has and what it carries.
pub(crate) fn show(files: &[PathBuf], board: Option<BoardName>, json: bool) -> Result<(), Failure> {
    let config = config::load(files, &Flags { board, ..Flags::default() })?;
    let here = Here::of(&config, machine::found())?;
    if json {
        say(format_args!("{}", here.json()?));
    } else {
        say(format_args!("{}", here.text().trim_end()));
    }
    Ok(())
}

impl From<BoardError> for Failure {
    fn from(error: BoardError) -> Self {
        Self::new(Reason::Unexpected, error)
    }
}

/// A board on a machine.
struct Here {
    name: BoardName,
    /// How it is known which board it is.
    origin: String,
    board: Board,
    machine: Machine,
}

impl Here {
    fn of(config: &Config, machine: Machine) -> Result<Self, Failure> {
        let name = config.board.clone().ok_or_else(|| {
            let sentence = "no board is known that is like this machine; say which one it is by --board NAME";
            Failure::new(Reason::Unexpected, sentence)
        })?;
        let board = Board::named(&name)?;
        Ok(Self { origin: config.origins.of("board").to_string(), name, board, machine })
    }

    fn json(&self) -> Result<Value, Failure> {
        let whole = |error| Failure::new(Reason::Unexpected, error);
        let mut facts = serde_json::to_value(&self.board).map_err(whole)?;
        // Rules, not facts: what they come to is below.
        for rule in ["budgets", "participants"] {
            facts.as_object_mut().and_then(|facts| facts.remove(rule));
        }
        let mut machine = serde_json::to_value(&self.machine).map_err(whole)?;
        if let (Some(machine), Some(memory)) = (machine.as_object_mut(), self.machine.memory) {
            machine.insert("memory".to_owned(), memory.bytes().into());
        }
        let mut answer = json!({
            "board": self.name.as_str(),
            "origin": self.origin,
            "machine": machine,
            "facts": facts,
            "participants": self.board.carries(&self.machine),
        });
        if let (Some(answer), Some(limits)) = (answer.as_object_mut(), self.board.limits(&self.machine)) {
            let limit = |(service, limit): (&str, board_config::Bytes)| (service.to_owned(), limit.bytes().into());
            answer.insert(
                "memory_max".to_owned(),
                Value::Object(limits.services().map(limit).into_iter().collect::<Map<_, _>>()),
            );
            answer.insert("memory_left".to_owned(), limits.left().bytes().into());
            answer.insert("memory_fits".to_owned(), limits.fit().into());
        }
        Ok(answer)
    }

    fn text(&self) -> String {
        let mut rows = Rows(String::new());
        rows.add("board", format_args!("{}: {} ({})", self.name, self.board.title, self.origin));
        if let Some(title) = self.machine.title() {
            rows.add("machine", format_args!("{title}"));
        }
        if let Some(cores) = self.machine.cores {
            rows.add("processor", format_args!("{}, {cores} cores", self.machine.architecture));
        }
        self.memory(&mut rows);
        rows.add("carries", format_args!("{} participants", self.board.carries(&self.machine)));
        self.facts(&mut rows);
        rows.0
    }

    fn memory(&self, rows: &mut Rows) {
        let Some(limits) = self.board.limits(&self.machine) else { return };
        rows.add("memory", format_args!("{} MiB", mebibytes(limits.memory)));
        for (service, limit) in limits.services() {
            rows.add("", format_args!("{} MiB at most for {service}", mebibytes(limit)));
        }
        let left = mebibytes(limits.left());
        rows.add(
            "",
            format_args!("{left} MiB are left to the system{}", if limits.fit() { "" } else { ": too little" }),
        );
    }

    fn facts(&self, rows: &mut Rows) {
        let board = &self.board;
        if let Some(gpio) = &board.gpio {
            rows.add("panel", format_args!("GPIO chip {}, by {}", gpio.chip, gpio.backend));
            rows.add("button", format_args!("{}", line(&gpio.button)));
            rows.add("light", format_args!("{}", line(&gpio.light)));
        }
        if let Some(audio) = &board.audio {
            rows.add("sound", format_args!("card {}", audio.card));
        }
        if let Some(display) = &board.display {
            rows.add("display", format_args!("{}, {}", display.driver, display.connectors.join(", ")));
        }
        if let Some(watchdog) = &board.watchdog {
            rows.add("watchdog", format_args!("{}, {} s at most", watchdog.device, watchdog.longest));
        }
        if let Some(update) = &board.update {
            rows.add("updates", format_args!("{:?}, bundles for {}", update.backend, update.compatible));
        }
        if let Some(storage) = &board.storage {
            let [a, b] = &storage.slots;
            rows.add("partitions", format_args!("{}, {a}, {b}, {}", storage.boot, storage.data));
        }
    }
}

/// Lines of a word and what it is about.
struct Rows(String);

impl Rows {
    fn add(&mut self, word: &str, what: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.0, "{word:11} {what}");
    }
}

fn line(line: &Line) -> String {
    let active = match line.active {
        Active::Low => "low",
        Active::High => "high",
    };
    let bias = match line.bias {
        Some(Bias::PullUp) => ", pulled up",
        Some(Bias::PullDown) => ", pulled down",
        None => "",
    };
    format!("line {}, active {active}{bias}", line.line)
}

fn mebibytes(amount: board_config::Bytes) -> u64 {
    amount.bytes() / (1024 * 1024)
}
