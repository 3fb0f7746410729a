//! Lines and clock of the panel: a thread of its own, since lines are waited for in their own ways.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use board_config::Gpio;
use room_hal::{LineError, Lines};

use super::{Event, Input, Output, Panel};

/// How soon a change of health is seen. The contact wakes the thread itself.
const LOOK: Duration = Duration::from_millis(200);
/// Until lines are looked for again: a driver may be loaded late, and what has the lines may let them go.
const RETRY: Duration = Duration::from_secs(10);

/// Serves a board's panel until `health` is closed. A panel whose lines cannot be had is a warning in the log, once.
pub(crate) fn start(
    gpio: Gpio,
    health: Receiver<bool>,
    mut tell: impl FnMut(Event) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let open = move || room_hal::open(&gpio);
    thread::Builder::new().name("panel".to_owned()).spawn(move || serve(open, &health, &mut tell, RETRY))
}

fn serve(
    mut open: impl FnMut() -> Result<Box<dyn Lines>, LineError>,
    health: &Receiver<bool>,
    tell: &mut impl FnMut(Event),
    retry: Duration,
) {
    let mut healthy = false;
    let mut warned = false;
    loop {
        let Err(error) = open().and_then(|mut lines| attend(&mut *lines, &mut healthy, health, tell)) else { return };
        if !warned {
            tracing::warn!(%error, "button and light cannot be used; they are looked for from time to time");
            warned = true;
        }
        let again = Instant::now() + retry;
        while let Some(left) = again.checked_duration_since(Instant::now()) {
            match health.recv_timeout(left) {
                Ok(now) => healthy = now,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Returns once `health` is closed, with the light off.
fn attend(
    lines: &mut dyn Lines,
    healthy: &mut bool,
    health: &Receiver<bool>,
    tell: &mut impl FnMut(Event),
) -> Result<(), LineError> {
    let mut panel = Panel::default();
    loop {
        match latest(health) {
            Ok(latest) => *healthy = latest.unwrap_or(*healthy),
            Err(Closed) => return lines.light(false),
        }
        let now = Instant::now();
        panel.handle(now, Input::Health(*healthy));
        panel.handle(now, Input::Contact(lines.contact()?));
        while let Some(output) = panel.poll(now) {
            match output {
                Output::Light(on) => lines.light(on)?,
                Output::Event(event) => tell(event),
            }
        }
        let left = panel.next_wakeup().map_or(LOOK, |(at, _)| at.saturating_duration_since(now));
        lines.wait(left.min(LOOK))?;
    }
}

struct Closed;

/// What was said last, if anything was said.
fn latest(health: &Receiver<bool>) -> Result<Option<bool>, Closed> {
    let mut latest = None;
    loop {
        match health.try_recv() {
            Ok(healthy) => latest = Some(healthy),
            Err(TryRecvError::Empty) => return Ok(latest),
            Err(TryRecvError::Disconnected) => return Err(Closed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use room_hal::sim;
    use std::sync::mpsc;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn light_and_button_of_a_board_are_served_until_nobody_says_how_the_host_is() {
        let (lines, hand) = sim::panel();
        let (well, health) = mpsc::channel();
        let (told, events) = mpsc::channel();
        let mut lines: Option<Box<dyn Lines>> = Some(Box::new(lines));
        let thread = thread::spawn(move || {
            serve(|| Ok(lines.take().unwrap()), &health, &mut |event| told.send(event).unwrap(), RETRY);
        });
        well.send(true).unwrap();
        assert!(hand.sees(true, PATIENCE));
        well.send(false).unwrap();
        assert!(hand.sees(false, PATIENCE));
        well.send(true).unwrap();
        assert!(hand.sees(true, PATIENCE));
        // On a slow machine a press may be over before anybody looks.
        let moment = Duration::from_millis(60);
        let announced = (0..500).find_map(|_| {
            hand.press();
            let early = events.recv_timeout(moment).ok();
            hand.release();
            early.or_else(|| events.recv_timeout(moment).ok())
        });
        assert_eq!(announced, Some(Event::Announce));
        drop(well);
        thread.join().unwrap();
        assert!(!hand.lit());
    }

    #[test]
    fn lines_that_come_late_or_go_away_are_looked_for_again() {
        let (well, health) = mpsc::channel();
        well.send(true).unwrap();
        let (first, unplugged) = sim::panel();
        let (second, hand) = sim::panel();
        unplugged.unplug();
        let mut answers: Vec<Result<Box<dyn Lines>, LineError>> =
            vec![Ok(Box::new(second)), Ok(Box::new(first)), Err(LineError::NotRaspberry)];
        let thread = thread::spawn(move || {
            serve(|| answers.pop().unwrap(), &health, &mut |_| (), Duration::from_millis(1));
        });
        assert!(hand.sees(true, PATIENCE));
        drop(well);
        thread.join().unwrap();
    }

    #[test]
    fn a_panel_that_is_not_there_holds_nobody_up() {
        let (well, health) = mpsc::channel();
        drop(well);
        serve(|| Err(LineError::NotRaspberry), &health, &mut |_| (), PATIENCE);
    }
}
