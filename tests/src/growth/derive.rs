//! What a board can be expected to carry: derived from counted instructions and measured system calls, not measured there.
//!
//! A second of a meeting costs
//!
//! ```text
//! user   = (received · I_in + video copies · I_video + speech copies · I_speech + reports · I_report) / (clock · instructions per clock)
//! kernel = (sends · T_send + receives · T_receive + wake-ups · T_wake) · (clock here / clock there) · cycles there / cycles here
//! ```

use crate::peers::scene::HEARD;
use std::fmt::Write;

/// Of the machine on which the system calls were measured: GHz.
const CLOCK_HERE: f64 = 2.45;
/// System calls there, in microseconds: one datagram out, a picture of two as one call, one in, and going to sleep and on again.
/// The second lies on the line through what 4, 8 and 32 take; the last is assumed: on a virtual machine it is many times that.
const SEND: f64 = 3.5;
const SEND_TWO: f64 = 5.3;
const RECEIVE: f64 = 1.0;
const WAKE: f64 = 5.0;
/// Packets a second of speech and of a picture in 180p; the picture's go out two at a time.
const SPEECH: f64 = 50.0;
const VIDEO: f64 = 40.0;
/// Reports a second of each receiver.
const REPORTS: f64 = 16.0;
/// Of a processor: more is left to bad moments.
const FULL: f64 = 0.7;

/// A processor. Instructions per clock, and cycles of the kernel, are assumed.
pub struct Board {
    name: &'static str,
    gigahertz: f64,
    per_clock: f64,
    /// Cycles that the kernel needs there for what takes it one here.
    cycles: f64,
    /// More instructions for each packet of a picture that is opened or sealed, and for each of speech.
    software_aes: (f64, f64),
}

/// Without the processor's instructions for AES, a seal of 1100 bytes takes 28,200 instructions more (ring's and aws-lc's code for
/// 64-bit ARM, counted in an emulator), and one of speech in proportion.
pub const BOARDS: [Board; 3] = [
    Board { name: "Pi 4, 1.5 GHz", gigahertz: 1.5, per_clock: 1.0, cycles: 1.5, software_aes: (28_200.0, 2600.0) },
    Board { name: "Pi 5, 2.4 GHz", gigahertz: 2.4, per_clock: 2.0, cycles: 1.0, software_aes: (0.0, 0.0) },
    Board { name: "small x86, 3.4 GHz", gigahertz: 3.4, per_clock: 2.0, cycles: 1.0, software_aes: (0.0, 0.0) },
];

/// Who is heard and seen.
#[derive(Clone, Copy)]
pub enum Load {
    /// Three at a time.
    Few,
    Everybody,
}

/// Instructions for each packet.
pub struct Hops {
    received: f64,
    video: f64,
    speech: f64,
    report: f64,
}

impl Hops {
    /// As `make hops` keeps them.
    pub fn kept() -> Option<Self> {
        Self::parse(include_str!("../../../bridge/hops.txt"))
    }

    fn parse(kept: &str) -> Option<Self> {
        let count = |name: &str| -> Option<f64> {
            let line = kept.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let video = (count("video to nine")? - count("video to one")?) / 8.0;
        let received = count("video to one")? - video;
        // With its share of what opening it takes.
        let speech = count("speech to nine")? / 9.0;
        Some(Self { received, video, speech, report: count("feedback on ten")? })
    }
}

/// Share of one processor that a meeting of so many takes.
pub fn share(board: &Board, hops: &Hops, load: Load, people: u32) -> f64 {
    let talkers = f64::from(match load {
        Load::Few => people.min(HEARD),
        Load::Everybody => people,
    });
    let (people, others) = (f64::from(people), f64::from(people) - 1.0);
    let (video, speech) = (talkers * VIDEO, talkers * SPEECH);
    let reports = people * REPORTS.min(video * others / people);
    let (aes, aes_speech) = board.software_aes;
    let instructions = video * (hops.received + aes)
        + video * others * (hops.video + aes)
        + speech * (others * (hops.speech + aes_speech) + aes_speech)
        + reports * hops.report;
    let user = instructions / (board.gigahertz * 1e9 * board.per_clock);
    let calls = others * (video / 2.0 * SEND_TWO + speech * SEND);
    let receives = (video + speech + reports) * RECEIVE;
    let wakes = (video / 2.0 + speech + reports) * WAKE;
    user + (calls + receives + wakes) / 1e6 * CLOCK_HERE / board.gigahertz * board.cycles
}

/// How many may be in one meeting.
fn most(board: &Board, hops: &Hops, load: Load) -> u32 {
    (2..5000).take_while(|people| share(board, hops, load, *people) <= FULL).last().unwrap_or(1)
}

/// A table for people.
pub fn table() -> String {
    let Some(hops) = Hops::kept() else { return String::new() };
    let mut out = format!(
        "Derived, not measured: share of one processor, and people in one meeting until {:.0} % of it\n{:<20} {:>14} {:>14} {:>14} {:>14}\n",
        FULL * 100.0,
        "",
        "3 of 50 heard",
        "at most",
        "10 of 10 heard",
        "at most"
    );
    for board in &BOARDS {
        let percent = |load, people| share(board, &hops, load, people) * 100.0;
        let _ = writeln!(
            out,
            "{:<20} {:>12.1} % {:>14} {:>12.1} % {:>14}",
            board.name,
            percent(Load::Few, 50),
            most(board, &hops, Load::Few),
            percent(Load::Everybody, 10),
            most(board, &hops, Load::Everybody)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOPS: &str =
        "# kept\nvideo to one: 13000\nvideo to nine: 53000 # why\nspeech to nine: 27000\nfeedback on ten: 12000\n";

    #[test]
    fn copies_are_what_more_receivers_cost() {
        let hops = Hops::parse(HOPS).unwrap();
        assert_eq!((hops.received, hops.video, hops.speech, hops.report), (8000.0, 5000.0, 3000.0, 12_000.0));
        assert!(Hops::parse("video to one: 1\n").is_none());
        assert!(Hops::kept().is_some(), "what is kept has the names that are looked for");
    }

    #[test]
    fn more_people_cost_more_and_a_board_without_aes_carries_less() {
        let hops = Hops::parse(HOPS).unwrap();
        let [pi4, pi5, _] = &BOARDS;
        assert!(share(pi4, &hops, Load::Few, 20) < share(pi4, &hops, Load::Few, 21));
        assert!(share(pi4, &hops, Load::Few, 10) < share(pi4, &hops, Load::Everybody, 10));
        assert!(most(pi4, &hops, Load::Few) * 3 < most(pi5, &hops, Load::Few));
    }
}
