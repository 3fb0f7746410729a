//! When datagrams come thickly, the worker lets them gather.
//!
//! To fall asleep, to be woken and to send cost more than to forward a packet, and what goes to one peer in one turn goes out in one
//! call. Network adapters moderate their interrupts for the same reason, and by as much.

use std::time::{Duration, Instant};

use crate::core::demux::{self, Kind};

/// From one turn to the next, while they gather. A tenth of what clients wait for packets that are late.
const PAUSE: Duration = Duration::from_millis(2);
/// The same while nobody is heard or seen: what comes then are checks and reports.
const LONG_PAUSE: Duration = Duration::from_millis(10);
/// Nobody is, when no media came for so long.
const STILL: Duration = Duration::from_secs(1);
/// Turns that were worth it, at which pauses begin.
const ENOUGH: u8 = 8;
const MOST: u8 = 2 * ENOUGH;
/// A pause in which nothing came costs a turn of its own.
const IN_VAIN: u8 = 2;
/// More than this in one turn and there is work enough.
const BUSY: u32 = 64;

/// Whether to let datagrams gather.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// When the last turn with datagrams began.
    last: Option<Instant>,
    media: Option<Instant>,
    /// In this turn.
    datagrams: u32,
    worth: u8,
    busy: bool,
    paused: bool,
}

impl Pause {
    /// One came.
    pub(super) fn on_datagram(&mut self, now: Instant, datagram: &[u8]) {
        self.datagrams += 1;
        if demux::kind(datagram) == Some(Kind::Rtp) {
            self.media = Some(now);
        }
    }

    /// All that came was taken.
    pub(super) fn on_turn(&mut self, now: Instant) {
        let (datagrams, paused) = (std::mem::take(&mut self.datagrams), std::mem::take(&mut self.paused));
        if datagrams == 0 && !paused {
            // It was a timer's.
            return;
        }
        let is_soon = paused || self.last.is_some_and(|last| now <= last + self.length(now));
        let is_worth = datagrams > 0 && is_soon;
        self.worth = if is_worth { (self.worth + 1).min(MOST) } else { self.worth.saturating_sub(IN_VAIN) };
        self.busy = datagrams > BUSY;
        self.last = (datagrams > 0).then_some(now);
    }

    /// How long to wait before the next turn, whatever comes.
    pub(super) fn wanted(&self, now: Instant) -> Option<Duration> {
        let next = self.last? + self.length(now);
        (self.worth >= ENOUGH && !self.busy && next > now).then(|| next - now)
    }

    /// The turn that comes was waited for.
    pub(super) fn paused(&mut self) {
        self.paused = true;
    }

    fn length(&self, now: Instant) -> Duration {
        if self.media.is_some_and(|media| now <= media + STILL) { PAUSE } else { LONG_PAUSE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTP: [u8; 12] = [0x80; 12];
    const CHECK: [u8; 20] = [0; 20];

    struct World {
        pause: Pause,
        now: Instant,
    }

    impl World {
        #[expect(clippy::disallowed_methods, reason = "a test may begin now")]
        fn new() -> Self {
            Self { pause: Pause::default(), now: Instant::now() }
        }

        /// So many turns, from one to the next so long, each of which finds so many datagrams. Answers how many waited.
        fn turns(&mut self, count: u32, apart: Duration, datagrams: u32, datagram: &[u8]) -> u32 {
            (0..count).fold(0, |waited, _| {
                self.now += apart;
                (0..datagrams).for_each(|_| self.pause.on_datagram(self.now, datagram));
                self.pause.on_turn(self.now);
                let wait = self.pause.wanted(self.now);
                self.now += wait.unwrap_or_default();
                wait.inspect(|_| self.pause.paused());
                waited + u32::from(wait.is_some())
            })
        }
    }

    #[test]
    fn datagrams_gather_only_while_they_come_thickly() {
        let mut world = World::new();
        let (seldom, often) = (Duration::from_millis(20), Duration::from_micros(500));
        assert_eq!(world.turns(100, seldom, 1, &RTP), 0, "one person who speaks");
        assert!(world.turns(100, often, 2, &RTP) > 80, "a meeting");
        assert_eq!(world.turns(100, often, BUSY + 1, &RTP), 0, "turns that have enough to do");
        assert!(world.turns(100, often, 2, &RTP) > 80);
        assert!(world.turns(100, often, 0, &RTP) < 10, "it ended");
    }

    #[test]
    fn timers_say_nothing_of_what_comes() {
        let mut world = World::new();
        world.turns(100, Duration::from_micros(500), 2, &RTP);
        world.pause.on_turn(world.now);
        world.turns(1, Duration::from_micros(500), 0, &RTP);
        world.pause.on_datagram(world.now, &RTP);
        world.pause.on_turn(world.now);
        assert_eq!(world.pause.wanted(world.now), Some(PAUSE));
        assert_eq!(world.pause.wanted(world.now + PAUSE), None);
    }

    #[test]
    fn pauses_are_longer_while_nobody_is_heard_or_seen() {
        let mut world = World::new();
        assert!(world.turns(100, Duration::from_millis(4), 1, &CHECK) > 80);
        assert_eq!(world.pause.wanted(world.now - LONG_PAUSE), Some(LONG_PAUSE));
        world.pause.on_datagram(world.now, &RTP);
        world.pause.on_turn(world.now);
        assert_eq!(world.pause.wanted(world.now), Some(PAUSE));
    }
}
