//! A panel in the process itself: for development on any machine, and for tests.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::{LineError, Lines};

/// A panel, and whoever stands in front of it.
pub fn panel() -> (Sim, Hand) {
    let shared = Arc::<Shared>::default();
    (Sim(Arc::clone(&shared)), Hand(shared))
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Button or light.
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    pressed: bool,
    lit: bool,
    /// The lines are gone, as when a USB adapter is unplugged.
    broken: bool,
    /// The contact has changed since it was waited for.
    edge: bool,
}

impl Shared {
    fn read(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

/// The lines of a simulated panel.
#[derive(Debug)]
pub struct Sim(Arc<Shared>);

impl Sim {
    fn state(&self) -> Result<State, LineError> {
        let state = self.0.read();
        if state.broken { Err(LineError::NoChip("sim".to_owned())) } else { Ok(state) }
    }
}

impl Lines for Sim {
    fn contact(&mut self) -> Result<bool, LineError> {
        Ok(self.state()?.pressed)
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), LineError> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_timeout_while(state, at_most, |state| !state.edge && !state.broken);
        waited.unwrap_or_else(PoisonError::into_inner).0.edge = false;
        Ok(())
    }

    fn light(&mut self, on: bool) -> Result<(), LineError> {
        self.state()?;
        self.0.change(|state| state.lit = on);
        Ok(())
    }
}

/// Presses the button and sees the light of a simulated panel.
#[derive(Debug, Clone)]
pub struct Hand(Arc<Shared>);

impl Hand {
    pub fn press(&self) {
        self.move_to(true);
    }

    pub fn release(&self) {
        self.move_to(false);
    }

    fn move_to(&self, pressed: bool) {
        self.0.change(|state| (state.pressed, state.edge) = (pressed, true));
    }

    /// Takes the lines away.
    pub fn unplug(&self) {
        self.0.change(|state| state.broken = true);
    }

    pub fn lit(&self) -> bool {
        self.0.read().lit
    }

    /// Whether the light is as expected within this time.
    pub fn sees(&self, lit: bool, within: Duration) -> bool {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.0.changed.wait_timeout_while(state, within, |state| state.lit != lit);
        seen.unwrap_or_else(PoisonError::into_inner).0.lit == lit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_woken_by_a_press() {
        let (mut lines, hand) = panel();
        hand.press();
        // Later than any test may take.
        lines.wait(Duration::from_secs(3600)).unwrap();
        assert!(lines.contact().unwrap());
        lines.wait(Duration::from_millis(1)).unwrap();
        hand.unplug();
        lines.wait(Duration::from_secs(3600)).unwrap();
        assert!(lines.contact().is_err() && lines.light(true).is_err());
    }
}
