//! Where sessions and the state machine meet: inputs go in one at a time, outputs are handed out at once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use jitsi_wire::focus::ConferenceRequest;
use jitsi_wire::xmpp::Element;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

use super::limits::Limits;
use super::outbox::{Outbox, Pool};
use crate::focus::bridge_port::{BridgePort, Reply};
use crate::focus::recorder_port::{RecordRefusal, RecorderPort, RecorderReport};
use crate::router::{Connection, Input, Output, SessionId, Signal, Stats};

/// Owner of [`Signal`].
pub(super) struct Hub {
    signal: RefCell<Signal>,
    bridge: RefCell<Box<dyn BridgePort>>,
    recorder: Option<RefCell<Box<dyn RecorderPort>>>,
    sessions: RefCell<HashMap<SessionId, Rc<Outbox>>>,
    next_session: Cell<u64>,
    /// When the timer is set to go off.
    armed: Cell<Option<Instant>>,
    rearm: Notify,
    queued_bytes: usize,
    queued_frames: usize,
    queued: Rc<Pool>,
}

/// One XMPP stream; says that it is closed when dropped.
pub(super) struct Session {
    hub: Rc<Hub>,
    id: SessionId,
    for_good: Cell<bool>,
    pub(super) outbox: Rc<Outbox>,
}

impl Hub {
    pub(super) fn new(
        signal: Signal,
        bridge: Box<dyn BridgePort>,
        recorder: Option<Box<dyn RecorderPort>>,
        limits: &Limits,
    ) -> Self {
        Self {
            signal: RefCell::new(signal),
            bridge: RefCell::new(bridge),
            recorder: recorder.map(RefCell::new),
            sessions: RefCell::default(),
            next_session: Cell::new(1),
            armed: Cell::new(None),
            rearm: Notify::new(),
            queued_bytes: limits.queued_bytes,
            queued_frames: limits.queued_frames,
            queued: Pool::new(limits.queued_total),
        }
    }

    pub(super) fn open(self: &Rc<Self>, connection: Connection) -> Session {
        let id = SessionId(self.next_session.get());
        self.next_session.set(id.0.wrapping_add(1));
        let outbox = Rc::new(Outbox::new(self.queued_bytes, self.queued_frames, &self.queued));
        self.sessions.borrow_mut().insert(id, Rc::clone(&outbox));
        self.handle(Input::Opened { session: id, connection });
        Session { hub: Rc::clone(self), id, for_good: Cell::new(false), outbox }
    }

    pub(super) fn stats(&self) -> Stats {
        self.signal.borrow().stats()
    }

    /// Drives timers, the bridge's answers and what the recorder says; ends only by being dropped.
    pub(super) async fn drive(
        &self,
        mut replies: UnboundedReceiver<Reply>,
        mut reports: Option<UnboundedReceiver<RecorderReport>>,
    ) {
        let mut answering = true;
        loop {
            let armed = self.armed.get();
            let timer = async {
                match armed {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let report = async {
                match &mut reports {
                    Some(reports) => reports.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                reply = replies.recv(), if answering => match reply {
                    Some(reply) => {
                        self.handle(Input::Bridge(reply));
                    }
                    None => answering = false,
                },
                report = report => match report {
                    Some(report) => {
                        self.handle(Input::Recorder(report));
                    }
                    None => reports = None,
                },
                () = timer => {
                    let now = Instant::now();
                    self.signal.borrow_mut().on_wakeup(now, SystemTime::now());
                    self.drain(now);
                }
                () = self.rearm.notified() => {}
            }
        }
    }

    /// Tells everybody, then closes every socket behind what it was told.
    pub(super) fn shut_down(&self) {
        let now = Instant::now();
        self.signal.borrow_mut().shut_down(now, SystemTime::now());
        self.drain(now);
        for outbox in self.sessions.borrow().values() {
            outbox.close(1001, "shutting down");
        }
    }

    /// What the focus says to somebody who has no stream yet.
    pub(super) fn ask(&self, address: Option<IpAddr>, request: &ConferenceRequest) -> Option<Element> {
        self.handle(Input::Request { address, request })
    }

    /// Begins to record the meeting of a room, and names the session.
    pub(super) fn start_recording(&self, room: &str, initiator: &str) -> Result<String, RecordRefusal> {
        let now = Instant::now();
        let started = self.signal.borrow_mut().start_recording(now, SystemTime::now(), room, initiator);
        self.drain(now);
        started
    }

    /// What comes of it is said to everybody in the room.
    pub(super) fn stop_recording(&self, session: &str) {
        let now = Instant::now();
        self.signal.borrow_mut().stop_recording(now, SystemTime::now(), session);
        self.drain(now);
    }

    fn handle(&self, input: Input<'_>) -> Option<Element> {
        let now = Instant::now();
        self.signal.borrow_mut().handle(now, SystemTime::now(), input);
        self.drain(now)
    }

    /// Hands out what is to be done; what is left is the answer to whoever asked.
    fn drain(&self, now: Instant) -> Option<Element> {
        let mut answer = None;
        loop {
            let output = self.signal.borrow_mut().poll(now);
            match output {
                Some(Output::Frame { session, text }) => {
                    if let Some(outbox) = self.sessions.borrow().get(&session) {
                        outbox.push(text);
                    }
                }
                Some(Output::Close { session }) => {
                    if let Some(outbox) = self.sessions.borrow().get(&session) {
                        outbox.close(1000, "");
                    }
                }
                Some(Output::Answer(said)) => answer = Some(said),
                Some(Output::Bridge(order)) => self.bridge.borrow_mut().order(order),
                Some(Output::Record(order)) => {
                    if let Some(recorder) = &self.recorder {
                        recorder.borrow_mut().order(order);
                    }
                }
                None => break,
            }
        }
        let wakeup = self.signal.borrow().next_wakeup().map(|(at, _)| at);
        if self.armed.replace(wakeup) != wakeup {
            self.rearm.notify_one();
        }
        answer
    }
}

impl Session {
    pub(super) fn frame(&self, text: &str) {
        self.hub.handle(Input::Frame { session: self.id, text });
    }

    /// Nobody will come back to it.
    pub(super) fn leave(&self) {
        self.for_good.set(true);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.hub.sessions.borrow_mut().remove(&self.id);
        self.hub.handle(Input::Closed { session: self.id, for_good: self.for_good.get() });
    }
}
