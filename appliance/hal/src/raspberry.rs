//! Lines of a Raspberry Pi, by its registers.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use board_config::{Active, Bias, Gpio, Line};
use rppal::gpio::{Error, InputPin, Level, OutputPin, Pin, Trigger};

use crate::{LineError, Lines};

/// Both lines of a panel. They are inputs again when they are dropped.
#[derive(Debug)]
pub(crate) struct Raspberry {
    button: InputPin,
    light: OutputPin,
    gpio: Gpio,
}

impl Raspberry {
    pub(crate) fn open(gpio: &Gpio) -> Result<Self, LineError> {
        let chip = rppal::gpio::Gpio::new().map_err(|error| why(&gpio.chip, 0, error))?;
        let pin = |line: u32| -> Result<Pin, LineError> {
            let number = u8::try_from(line).map_err(|_| LineError::NoLine { chip: gpio.chip.clone(), line })?;
            chip.get(number).map_err(|error| why(&gpio.chip, line, error))
        };
        let button = pin(gpio.button.line)?;
        let mut button = match gpio.button.bias {
            Some(Bias::PullUp) => button.into_input_pullup(),
            Some(Bias::PullDown) => button.into_input_pulldown(),
            None => button.into_input(),
        };
        // By the kernel, which knows whether somebody else has the line.
        button.set_interrupt(Trigger::Both, None).map_err(|error| why(&gpio.chip, gpio.button.line, error))?;
        let light = pin(gpio.light.line)?;
        let light = match level(&gpio.light, false) {
            Level::Low => light.into_output_low(),
            Level::High => light.into_output_high(),
        };
        Ok(Self { button, light, gpio: gpio.clone() })
    }
}

/// The level of a line that is pressed or lit, or not.
fn level(line: &Line, active: bool) -> Level {
    Level::from(active == (line.active == Active::High))
}

fn why(chip: &str, line: u32, error: Error) -> LineError {
    let chip = chip.to_owned();
    match error {
        Error::UnknownModel => LineError::NotRaspberry,
        Error::PinNotAvailable(_) => LineError::NoLine { chip, line },
        Error::PinUsed(_) => LineError::Taken { chip, line, consumer: String::new() },
        Error::PermissionDenied(path) => LineError::Denied(PathBuf::from(path)),
        Error::Io(error) if error.kind() == io::ErrorKind::NotFound => LineError::NoChip(chip),
        Error::Io(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            LineError::Taken { chip, line, consumer: String::new() }
        }
        error => LineError::Failed { chip, source: Box::new(error) },
    }
}

impl Lines for Raspberry {
    fn contact(&mut self) -> Result<bool, LineError> {
        Ok(self.button.read() == level(&self.gpio.button, true))
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), LineError> {
        let woken = self.button.poll_interrupt(false, Some(at_most));
        woken.map(|_| ()).map_err(|error| why(&self.gpio.chip, self.gpio.button.line, error))
    }

    fn light(&mut self, on: bool) -> Result<(), LineError> {
        self.light.write(level(&self.gpio.light, on));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_active_low_is_low_when_it_is_lit() {
        let line = |active| Line { line: 4, active, bias: None };
        assert_eq!((level(&line(Active::Low), true), level(&line(Active::Low), false)), (Level::Low, Level::High));
        assert_eq!((level(&line(Active::High), true), level(&line(Active::High), false)), (Level::High, Level::Low));
    }

    #[test]
    fn what_goes_wrong_is_told_apart() {
        let io = |kind| why("pinctrl-rp1", 17, Error::Io(io::Error::from(kind)));
        assert!(matches!(io(io::ErrorKind::NotFound), LineError::NoChip(_)));
        assert!(matches!(io(io::ErrorKind::ResourceBusy), LineError::Taken { line: 17, .. }));
        assert!(matches!(io(io::ErrorKind::TimedOut), LineError::Failed { .. }));
        let denied = why("pinctrl-rp1", 0, Error::PermissionDenied("/dev/gpiomem0".to_owned()));
        assert!(denied.to_string().starts_with("no permission for /dev/gpiomem0: "));
    }
}
