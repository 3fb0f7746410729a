//! The panel of a box: a light that says whether the host is well, and a button.
//!
//! [`Panel`] decides and does nothing itself; [`shell`] has the lines and the clock.

mod shell;

use std::time::{Duration, Instant};

use room_hal::{Debounce, Edge};

pub(crate) use shell::start;

/// Nobody leans on a button for as long by accident.
const HOLD: Duration = Duration::from_secs(10);

/// What becomes known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// How the contact of the button was read, as often as one likes.
    Contact(bool),
    /// Whether people can meet.
    Health(bool),
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Light(bool),
    Event(Event),
}

/// What the person at the panel wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Pressed: the console says again where the box is, and its setup code.
    Announce,
    /// Held for ten seconds: whoever stands here may set the box up anew.
    ReopenSetup,
}

/// Why it wants to be polled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The contact has come to rest.
    Settled,
    /// The button has been held for long enough.
    Held,
}

/// Button and light. Call [`handle`](Self::handle) with what becomes known, then [`poll`](Self::poll) until there is nothing more, and
/// again at [`next_wakeup`](Self::next_wakeup).
#[derive(Debug, Default)]
pub(crate) struct Panel {
    debounce: Debounce,
    button: Button,
    healthy: bool,
    /// As it was last switched.
    lit: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Button {
    /// It has not been seen released yet. A line that nothing is connected to, or the wrong way round, must not count as somebody who
    /// holds the button, since it would open the setup at every start.
    #[default]
    Unproven,
    Released,
    Pressed {
        since: Instant,
    },
    /// Held for long enough, and not let go yet.
    Held,
}

impl Panel {
    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Contact(contact) => self.debounce.sample(now, contact),
            Input::Health(healthy) => self.healthy = healthy,
        }
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Option<Output> {
        let event = match self.debounce.poll(now) {
            Some(edge) => self.turn(edge),
            None => self.hold(now),
        };
        event.map(Output::Event).or_else(|| self.switch().map(Output::Light))
    }

    pub(crate) fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        let settled = self.debounce.settles_at().map(|at| (at, Wake::Settled));
        settled.or_else(|| match self.button {
            Button::Pressed { since } => Some((since + HOLD, Wake::Held)),
            _ => None,
        })
    }

    fn turn(&mut self, edge: Edge) -> Option<Event> {
        let before = self.button;
        self.button = match (before, edge.pressed) {
            (_, false) => Button::Released,
            (Button::Released, true) => Button::Pressed { since: edge.at },
            (same, true) => same,
        };
        match before {
            Button::Pressed { since } if edge.at >= since + HOLD => Some(Event::ReopenSetup),
            Button::Pressed { .. } => Some(Event::Announce),
            _ => None,
        }
    }

    fn hold(&mut self, now: Instant) -> Option<Event> {
        let (at, Wake::Held) = self.next_wakeup()? else { return None };
        if now < at {
            return None;
        }
        self.button = Button::Held;
        Some(Event::ReopenSetup)
    }

    /// Dark once the button was held for long enough, so that the person sees that it took.
    fn switch(&mut self) -> Option<bool> {
        let lit = self.healthy && self.button != Button::Held;
        (self.lit.replace(lit) != Some(lit)).then_some(lit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panel, its virtual clock, and what it wanted at which millisecond.
    struct World {
        panel: Panel,
        start: Instant,
        now: Instant,
        said: Vec<(u64, Output)>,
    }

    impl World {
        /// A healthy box whose button nobody touches.
        fn new() -> Self {
            let mut world = Self::with_contact(false);
            world.wait(100);
            assert_eq!(world.said(), [(0, Output::Light(true))]);
            world
        }

        fn with_contact(contact: bool) -> Self {
            let start = Instant::now();
            let mut world = Self { panel: Panel::default(), start, now: start, said: Vec::new() };
            world.panel.handle(start, Input::Health(true));
            world.contact(contact);
            world
        }

        fn contact(&mut self, contact: bool) {
            self.panel.handle(self.now, Input::Contact(contact));
            self.drain();
        }

        fn health(&mut self, healthy: bool) {
            self.panel.handle(self.now, Input::Health(healthy));
            self.drain();
        }

        /// Polls whenever the panel wants that, and never else.
        fn wait(&mut self, milliseconds: u64) {
            let end = self.now + Duration::from_millis(milliseconds);
            while let Some((at, _)) = self.panel.next_wakeup().filter(|(at, _)| *at <= end) {
                assert!(at > self.now, "it wants to be polled for what is over");
                self.now = at;
                self.drain();
            }
            self.now = end;
        }

        fn drain(&mut self) {
            while let Some(output) = self.panel.poll(self.now) {
                self.said.push((u64::try_from((self.now - self.start).as_millis()).unwrap(), output));
            }
        }

        fn said(&mut self) -> Vec<(u64, Output)> {
            std::mem::take(&mut self.said)
        }
    }

    const ANNOUNCE: Output = Output::Event(Event::Announce);
    const REOPEN: Output = Output::Event(Event::ReopenSetup);

    #[test]
    fn the_light_is_on_while_the_host_is_well() {
        let mut world = World::new();
        world.health(true);
        assert_eq!(world.said(), []);
        world.health(false);
        assert_eq!(world.said(), [(100, Output::Light(false))]);
        world.health(true);
        assert_eq!(world.said(), [(100, Output::Light(true))]);
    }

    #[test]
    fn a_light_is_switched_off_at_the_start_of_a_box_that_is_not_well() {
        let mut panel = Panel::default();
        assert_eq!(panel.poll(Instant::now()), Some(Output::Light(false)));
        assert_eq!(panel.poll(Instant::now()), None);
    }

    #[test]
    fn a_press_with_bouncing_contacts_announces_once_and_leaves_the_light() {
        let mut world = World::new();
        for contact in [true, false, true, false, true] {
            world.contact(contact);
            world.wait(3);
        }
        world.wait(300);
        assert_eq!(world.said(), []);
        for contact in [false, true, false, true, false] {
            world.contact(contact);
            world.wait(3);
        }
        world.wait(60_000);
        assert_eq!(world.said(), [(457, ANNOUNCE)]);
    }

    #[test]
    fn a_spark_is_no_press() {
        let mut world = World::new();
        world.contact(true);
        world.wait(20);
        world.contact(false);
        world.wait(60_000);
        assert_eq!(world.said(), []);
    }

    #[test]
    fn held_for_ten_seconds_it_reopens_the_setup_and_the_light_is_off_until_it_is_released() {
        let mut world = World::new();
        world.contact(true);
        world.wait(9_999);
        assert_eq!(world.said(), []);
        world.wait(1);
        assert_eq!(world.said(), [(10_100, REOPEN), (10_100, Output::Light(false))]);
        world.wait(30_000);
        assert_eq!(world.said(), []);
        world.contact(false);
        world.wait(30);
        assert_eq!(world.said(), [(40_130, Output::Light(true))]);
        world.contact(true);
        world.wait(200);
        world.contact(false);
        world.wait(200);
        assert_eq!(world.said(), [(40_360, ANNOUNCE)]);
    }

    #[test]
    fn released_just_before_ten_seconds_it_announces() {
        let mut world = World::new();
        world.contact(true);
        world.wait(9_990);
        world.contact(false);
        world.wait(60_000);
        assert_eq!(world.said(), [(10_120, ANNOUNCE)]);
    }

    #[test]
    fn held_for_ten_seconds_counts_even_if_nobody_looked_meanwhile() {
        let mut world = World::new();
        world.contact(true);
        world.wait(50);
        world.now += Duration::from_secs(11);
        world.panel.handle(world.now, Input::Contact(false));
        world.wait(30);
        assert_eq!(world.said(), [(11_180, REOPEN)]);
    }

    #[test]
    fn a_box_that_is_not_well_stays_dark_when_the_button_is_let_go() {
        let mut world = World::new();
        world.contact(true);
        world.wait(10_000);
        world.health(false);
        world.contact(false);
        world.wait(100);
        assert_eq!(world.said(), [(10_100, REOPEN), (10_100, Output::Light(false))]);
    }

    #[test]
    fn a_button_that_is_pressed_from_the_start_says_nothing_until_it_was_released() {
        let mut world = World::with_contact(true);
        world.wait(60_000);
        world.contact(false);
        world.wait(1_000);
        assert_eq!(world.said(), [(0, Output::Light(true))]);
        world.contact(true);
        world.wait(1_000);
        world.contact(false);
        world.wait(1_000);
        assert_eq!(world.said(), [(62_030, ANNOUNCE)]);
    }
}
