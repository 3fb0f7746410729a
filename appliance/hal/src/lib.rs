//! The hardware of a room behind traits: the panel's button and light.
//!
//! The supervisor opens the lines that the board file names, reads the contact of the button and switches the light; what a press means
//! it decides itself. Nothing here keeps time: whoever reads says what time it is.
//!
//! A feature makes a back-end available, and the board file chooses one: the same code runs on a laptop (`sim`), in the emulator
//! (`cdev`) and on a Raspberry Pi (`rppal`).
//!
//! ```
//! # fn main() -> Result<(), room_hal::LineError> {
//! let (mut lines, hand) = room_hal::sim::panel();
//! room_hal::Lines::light(&mut lines, true)?;
//! hand.press();
//! assert!(hand.lit() && room_hal::Lines::contact(&mut lines)?);
//! # Ok(())
//! # }
//! ```

#[cfg(all(feature = "gpiocdev", target_os = "linux"))]
mod cdev;
mod chips;
mod debounce;
mod error;
#[cfg(all(feature = "rppal", target_os = "linux"))]
mod raspberry;
pub mod sim;

use std::time::Duration;

use board_config::{Gpio, GpioBackend};

pub use chips::{Presence, presence};
pub use debounce::{Debounce, Edge};
pub use error::LineError;

/// The lines of a panel. Both levels of a line are meant as the board file says: pressed and lit, not high and low.
pub trait Lines: Send {
    /// Whether the contact of the button is closed at this moment. Contacts bounce: [`Debounce`] makes edges of what is read here.
    fn contact(&mut self) -> Result<bool, LineError>;

    /// Returns when the contact may have changed, at the latest after this time.
    fn wait(&mut self, at_most: Duration) -> Result<(), LineError>;

    /// Switches the light.
    fn light(&mut self, on: bool) -> Result<(), LineError>;
}

/// Takes the lines of a board's panel. They are free again when what is returned is dropped.
pub fn open(gpio: &Gpio) -> Result<Box<dyn Lines>, LineError> {
    match gpio.backend {
        GpioBackend::Sim => Ok(Box::new(sim::panel().0)),
        #[cfg(all(feature = "gpiocdev", target_os = "linux"))]
        GpioBackend::Cdev => Ok(Box::new(cdev::Cdev::open(gpio)?)),
        #[cfg(all(feature = "rppal", target_os = "linux"))]
        GpioBackend::Rppal => Ok(Box::new(raspberry::Raspberry::open(gpio)?)),
        #[allow(unreachable_patterns, reason = "not without all back-ends")]
        absent => Err(LineError::NoBackend(absent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use board_config::{Board, BoardName};

    #[test]
    fn the_simulated_board_has_a_panel() {
        let board = Board::named(&BoardName::try_from("sim".to_owned()).unwrap()).unwrap();
        let gpio = board.gpio.unwrap();
        let mut lines = open(&gpio).unwrap();
        lines.light(true).unwrap();
        assert!(!lines.contact().unwrap());
        assert_eq!(presence(&gpio), Presence::Present);
    }

    /// No machine that runs tests has a chip of this label.
    #[test]
    fn a_chip_that_is_not_there_is_an_error_that_says_what_to_do() {
        let board = Board::named(&BoardName::try_from("qemu-arm64".to_owned()).unwrap()).unwrap();
        let gpio = Gpio { chip: "no-such-chip".to_owned(), ..board.gpio.unwrap() };
        for backend in [GpioBackend::Cdev, GpioBackend::Rppal] {
            let error = open(&Gpio { backend, ..gpio.clone() }).err().unwrap().to_string();
            assert!(error.contains(": "), "{error}");
        }
        assert_ne!(presence(&gpio), Presence::Present);
    }
}
