//! A panel on the command line: `panel BACKEND CHIP BUTTON LIGHT` takes the lines as those of a board (both active high), obeys the words
//! `on`, `off` and `contact` on standard input, and answers each with a line.
#![expect(clippy::print_stdout, reason = "its answers")]

use std::io::{BufRead, stdin};

use board_config::{Active, Gpio, GpioBackend, Line};
use room_hal::{LineError, Lines};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [backend, chip, button, light] = words.as_slice() else {
        return Err("usage: panel cdev|rppal|sim CHIP BUTTON LIGHT".into());
    };
    let backend = match backend.as_str() {
        "cdev" => GpioBackend::Cdev,
        "rppal" => GpioBackend::Rppal,
        _ => GpioBackend::Sim,
    };
    let line = |number: &str| number.parse().map(|line| Line { line, active: Active::High, bias: None });
    let gpio = Gpio { backend, chip: chip.clone(), button: line(button)?, light: line(light)? };
    let mut lines = room_hal::open(&gpio)?;
    println!("ready");
    for word in stdin().lock().lines() {
        println!("{}", obey(&mut *lines, word?.trim())?);
    }
    Ok(())
}

fn obey(lines: &mut dyn Lines, word: &str) -> Result<&'static str, LineError> {
    match word {
        "on" => lines.light(true).map(|()| "lit"),
        "off" => lines.light(false).map(|()| "dark"),
        "contact" => Ok(if lines.contact()? { "closed" } else { "open" }),
        _ => Ok("on, off or contact"),
    }
}
