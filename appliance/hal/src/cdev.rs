//! Lines by the kernel's GPIO character device: any board, and gpio-sim.

use std::io;
use std::time::Duration;

use board_config::{Active, Bias, Gpio, Line};
use gpiocdev::line::{self, EdgeDetection, Value};
use gpiocdev::{Chip, Error, Request};

use crate::{LineError, Lines};

/// How often a contact is looked at that has no interrupt.
const LOOK: Duration = Duration::from_millis(20);
/// Whom others find as the user of the lines.
const CONSUMER: &str = "moothall";

/// Both lines of a panel.
#[derive(Debug)]
pub(crate) struct Cdev {
    request: Request,
    /// The kernel tells of changes of the contact.
    edges: bool,
    gpio: Gpio,
}

/// The chip with this label; unlike its number that is the same at every start.
pub(crate) fn find(label: &str) -> Result<Chip, LineError> {
    let mut error = LineError::NoChip(label.to_owned());
    for path in gpiocdev::chip::chips().unwrap_or_default() {
        match Chip::from_path(&path).and_then(|chip| Ok((chip.info()?, chip))) {
            Ok((info, chip)) if info.label == label => return Ok(chip),
            // Perhaps it is this one.
            Err(Error::Os(number)) if denied(number.0) => error = LineError::Denied(path),
            Ok(_) | Err(_) => {}
        }
    }
    Err(error)
}

fn denied(number: i32) -> bool {
    io::Error::from_raw_os_error(number).kind() == io::ErrorKind::PermissionDenied
}

impl Cdev {
    pub(crate) fn open(gpio: &Gpio) -> Result<Self, LineError> {
        let failed = |source: Error| LineError::Failed { chip: gpio.chip.clone(), source: Box::new(source) };
        let chip = find(&gpio.chip)?;
        let lines = chip.info().map_err(failed)?.num_lines;
        for line in [gpio.button.line, gpio.light.line] {
            let chip_name = || gpio.chip.clone();
            if line >= lines {
                return Err(LineError::NoLine { chip: chip_name(), line });
            }
            let info = chip.line_info(line).map_err(failed)?;
            if info.used {
                return Err(LineError::Taken { chip: chip_name(), line, consumer: info.consumer });
            }
        }
        let take = |edges: bool| take(&chip, gpio, edges).map(|request| Self { request, edges, gpio: gpio.clone() });
        // Not every chip has interrupts; what else is wrong is wrong without them, too.
        take(true).or_else(|_| take(false)).map_err(failed)
    }

    fn failed(&self, source: Error) -> LineError {
        LineError::Failed { chip: self.gpio.chip.clone(), source: Box::new(source) }
    }
}

fn take(chip: &Chip, gpio: &Gpio, edges: bool) -> gpiocdev::Result<Request> {
    let mut builder = Request::builder();
    builder.on_chip(chip.path()).with_consumer(CONSUMER);
    builder.with_line(gpio.button.line).from_line_config(&config(&gpio.button)).as_input();
    if edges {
        builder.with_edge_detection(EdgeDetection::BothEdges);
    }
    builder.with_line(gpio.light.line).from_line_config(&config(&gpio.light)).as_output(Value::Inactive);
    builder.request()
}

fn config(line: &Line) -> line::Config {
    let bias = line.bias.map(|bias| match bias {
        Bias::PullUp => line::Bias::PullUp,
        Bias::PullDown => line::Bias::PullDown,
    });
    line::Config { active_low: line.active == Active::Low, bias, ..line::Config::default() }
}

impl Lines for Cdev {
    fn contact(&mut self) -> Result<bool, LineError> {
        let value = self.request.value(self.gpio.button.line).map_err(|error| self.failed(error))?;
        Ok(value == Value::Active)
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), LineError> {
        if !self.edges {
            std::thread::sleep(at_most.min(LOOK));
            return Ok(());
        }
        let mut woken = self.request.wait_edge_event(at_most);
        // What they say is of no interest: the contact is read after them.
        while matches!(woken, Ok(true)) {
            woken = self.request.read_edge_event().and_then(|_| self.request.has_edge_event());
        }
        woken.map(|_| ()).map_err(|error| self.failed(error))
    }

    fn light(&mut self, on: bool) -> Result<(), LineError> {
        let value = if on { Value::Active } else { Value::Inactive };
        self.request.set_value(self.gpio.light.line, value).map_err(|error| self.failed(error))
    }
}
