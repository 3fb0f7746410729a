//! Exports of meetings: for each `connect` that a focus orders, the sound of everybody as mediajson over a WebSocket, for Jitsi's
//! multitrack recorder or a transcriber.
//!
//! [`Exports`] hears from the bridge what is to begin and to end; each export is a task ([`session`]) that holds one WebSocket
//! ([`socket`]) and, while it is open, a [`tap`] of the meeting's speech. What waits for the other side is bounded ([`queue`]): a
//! meeting never waits for it. The words are in [`mediajson`], and [`transcript`] makes them of packets.

mod mediajson;
mod queue;
mod session;
mod socket;
mod tap;
mod transcript;

use std::collections::BTreeMap;
use std::time::Duration;

use bridge::core::connects::ConnectChange;
use bridge::core::taps::TapId;
use bridge::shell::mailbox::Mailbox;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use session::Session;

/// Recordings count theirs from 1.
const FIRST_TAP: u64 = 1 << 32;
/// How long all together may take to say that it is over.
const FAREWELL: Duration = Duration::from_secs(3);

/// What the bridge tells.
#[derive(Debug)]
pub(crate) enum ExportOrder {
    /// Of one meeting.
    Change { meeting_id: String, change: ConnectChange },
    /// A meeting is no more.
    Over { meeting_id: String },
}

/// All exports.
#[derive(Debug)]
pub(super) struct Exports {
    mailbox: Mailbox,
    /// By meeting and id. An export ends when this is dropped.
    running: BTreeMap<(String, String), oneshot::Sender<()>>,
    tasks: JoinSet<()>,
    next: u64,
}

impl Exports {
    pub(super) fn new(mailbox: Mailbox) -> Self {
        Self { mailbox, running: BTreeMap::new(), tasks: JoinSet::new(), next: FIRST_TAP }
    }

    /// Carries out orders, until nobody gives any more.
    pub(super) async fn serve(&mut self, mut orders: mpsc::UnboundedReceiver<ExportOrder>) {
        while let Some(order) = orders.recv().await {
            self.carry_out(order);
            while self.tasks.try_join_next().is_some() {}
        }
        std::future::pending::<()>().await;
    }

    fn carry_out(&mut self, order: ExportOrder) {
        match order {
            ExportOrder::Change { meeting_id, change: ConnectChange::Created(connect) } => {
                let (run, stop) = oneshot::channel();
                let tap = TapId(self.next);
                self.next += 1;
                self.running.insert((meeting_id.clone(), connect.id.clone()), run);
                let session = Session { mailbox: self.mailbox.clone(), meeting_id, connect, tap };
                self.tasks.spawn(session.run(stop));
            }
            ExportOrder::Change { meeting_id, change: ConnectChange::Expired(id) } => {
                self.running.remove(&(meeting_id, id));
            }
            ExportOrder::Over { meeting_id } => self.running.retain(|(meeting, _), _| *meeting != meeting_id),
        }
    }

    /// Ends all, and waits a little for it.
    pub(super) async fn end(mut self) {
        self.running.clear();
        // Whatever is not said by then stays unsaid.
        let _ = timeout(FAREWELL, async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}
