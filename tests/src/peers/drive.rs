//! The load generator: one thread that sends for all publishers, receives for all receivers, and counts.
//!
//! With a processor of its own it stays awake. Whoever sends over loopback also wakes the receiver, which on a virtual machine takes
//! longer than all else that is done to a packet: it would be charged to the servers, and in a network it is not theirs.

use super::client::{Arrived, Client, Inbox};
use super::cost::Used;
use super::figures::{Run, percentile};
use super::scene::Scene;
use super::session::Session;
use super::stamp::{self, Nanos, Stamp};
use anyhow::Result;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use std::ops::Range;
use std::time::{Duration, Instant};

/// How long each part of a run takes.
#[derive(Debug, Clone, Copy)]
pub struct Spans {
    /// Bandwidth is estimated and buffers are filled, until everything comes; no longer than this.
    pub warm: Duration,
    pub measured: Duration,
    /// At most; it ends when everything is there.
    pub drain: Duration,
}

const EVENTS: usize = 64;
/// Of warming up: so long everything has to come.
const SLICE: Duration = Duration::from_millis(500);
/// At least: it takes Moothall two seconds to see that a camera sends more than before, and a third to see whether a line carries it.
const SLICES: u32 = 7;
/// Of a hundred packets; some are still on their way.
const EVERYTHING: u64 = 98;
const HOUSEKEEPING_EVERY: Duration = Duration::from_millis(10);

/// Puts a load on a session. `awake`: this thread has a processor of its own.
pub fn run(session: &mut Session, scene: Scene, spans: Spans, awake: bool) -> Result<Run> {
    let process = session.server.id();
    let copies = u64::from(scene.people.copies());
    let mut drive = Drive::new(&mut session.clients, awake)?;
    drive.begin(scene);
    drive.warm_up(copies, Instant::now() + spans.warm)?;
    let before = (Used::of(process)?, Used::of(std::process::id())?, Instant::now());
    drive.count_for(spans.measured)?;
    let used = (Used::of(process)? - before.0, Used::of(std::process::id())? - before.1);
    let lasted = before.2.elapsed();
    let busy = drive.busy;
    drive.end();
    drive.until(Instant::now() + spans.drain, |tally| tally.arrived >= tally.sent * copies)?;
    let mut tally = drive.tally;
    tally.latencies.sort_unstable();
    let expected = tally.sent * copies;
    Ok(Run {
        lasted,
        server: used.0,
        generator: Used { nanos: u64::try_from(busy.as_nanos())?, ..used.1 },
        delivered: tally.delivered,
        expected,
        lost: expected.saturating_sub(tally.arrived),
        p50: percentile(&tally.latencies, 50),
        p99: percentile(&tally.latencies, 99),
        idle: session.idle,
        busy: session.server.memory()?,
    })
}

struct Drive<'a> {
    clients: &'a mut [Client],
    epoll: Epoll,
    inbox: Inbox,
    tally: Tally,
    next_housekeeping: Instant,
    awake: bool,
    /// For how long there was something to do, while it was counted.
    busy: Duration,
}

impl<'a> Drive<'a> {
    fn new(clients: &'a mut [Client], awake: bool) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::empty())?;
        for (index, client) in clients.iter().enumerate() {
            epoll.add(&client.socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
        }
        let tally = Tally::new(stamp::now(), Duration::ZERO);
        let (next_housekeeping, busy) = (Instant::now(), Duration::ZERO);
        Ok(Self { clients, epoll, inbox: Inbox::default(), tally, next_housekeeping, awake, busy })
    }

    /// Publishers begin one after the other, so that they do not send at the same moments.
    fn begin(&mut self, scene: Scene) {
        let at = Instant::now();
        let senders = (0..).zip(self.clients.iter_mut()).filter(|(index, _)| scene.people.sends(index + 1));
        for (index, client) in senders {
            client.begin(scene.shape, at + Duration::from_micros(1700) * index);
        }
    }

    fn end(&mut self) {
        self.clients.iter_mut().flat_map(|client| &mut client.tracks).for_each(super::media::Track::end);
    }

    fn warm_up(&mut self, copies: u64, end: Instant) -> Result<()> {
        for slice in 1.. {
            self.count_for(SLICE)?;
            let everything = self.tally.arrived * 100 >= self.tally.sent * copies * EVERYTHING;
            if Instant::now() >= end || (everything && slice >= SLICES) {
                break;
            }
        }
        Ok(())
    }

    /// Counts anew.
    fn count_for(&mut self, span: Duration) -> Result<()> {
        self.tally = Tally::new(stamp::now(), span);
        self.busy = Duration::ZERO;
        self.until(Instant::now() + span, |_| false)
    }

    /// Moves media until then, or until there is no need to wait.
    fn until(&mut self, end: Instant, done: impl Fn(&Tally) -> bool) -> Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let now = Instant::now();
            let sends = self.next(end) <= now;
            self.send(now)?;
            if now >= end || done(&self.tally) {
                return Ok(());
            }
            let sent = Instant::now();
            let wait = self.next(end).saturating_duration_since(sent);
            let millis =
                if self.awake { 0 } else { u16::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u16::MAX) };
            let count = self.epoll.wait(&mut events, millis)?;
            let woken = Instant::now();
            for event in &events[..count] {
                self.receive(event.data() as usize)?;
            }
            let before = if sends { sent - now } else { Duration::ZERO };
            let after = if count > 0 { woken.elapsed() } else { Duration::ZERO };
            self.busy += before + after;
        }
    }

    fn next(&self, end: Instant) -> Instant {
        let due = self.clients.iter().filter_map(Client::due).min();
        due.unwrap_or(end).min(end).min(self.next_housekeeping)
    }

    fn send(&mut self, now: Instant) -> Result<()> {
        for client in &mut *self.clients {
            client.send_due(now, |stamp| self.tally.on_sent(stamp))?;
        }
        if self.next_housekeeping <= now {
            self.next_housekeeping = now + HOUSEKEEPING_EVERY;
            self.clients.iter_mut().try_for_each(|client| client.housekeeping(now))?;
        }
        Ok(())
    }

    /// One batch: epoll tells again of what is left, when the others had their turn.
    fn receive(&mut self, index: usize) -> Result<()> {
        self.clients[index].receive(&mut self.inbox, |arrived| self.tally.on_arrived(&arrived))
    }
}

/// Counts what belongs to the time that is measured.
struct Tally {
    window: Range<Nanos>,
    sent: u64,
    /// Came within the time.
    delivered: u64,
    /// Was sent within the time, and came.
    arrived: u64,
    latencies: Vec<Duration>,
}

impl Tally {
    fn new(from: Nanos, lasts: Duration) -> Self {
        Self {
            window: from..from + lasts.as_nanos() as Nanos,
            sent: 0,
            delivered: 0,
            arrived: 0,
            latencies: Vec::new(),
        }
    }

    fn on_sent(&mut self, stamp: Stamp) {
        self.sent += u64::from(stamp.wanted && self.window.contains(&stamp.sent));
    }

    fn on_arrived(&mut self, packet: &Arrived) {
        self.delivered += u64::from(self.window.contains(&packet.at));
        if packet.stamp.wanted && self.window.contains(&packet.stamp.sent) {
            self.arrived += 1;
            self.latencies.push(Duration::from_nanos(packet.at.saturating_sub(packet.stamp.sent)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_within_the_time_can_be_lost_or_late() {
        let mut tally = Tally::new(1000, Duration::from_nanos(500));
        for (wanted, sent) in [(true, 999), (true, 1000), (true, 1499), (false, 1200), (true, 1500)] {
            tally.on_sent(Stamp { wanted, sent });
        }
        assert_eq!(tally.sent, 2);
        for (wanted, sent, at) in [(true, 999, 1001), (true, 1000, 1300), (true, 1499, 1600), (false, 1200, 1201)] {
            tally.on_arrived(&Arrived { stamp: Stamp { wanted, sent }, at });
        }
        assert_eq!((tally.arrived, tally.delivered), (2, 3));
        assert_eq!(tally.latencies, [Duration::from_nanos(300), Duration::from_nanos(101)]);
    }
}
