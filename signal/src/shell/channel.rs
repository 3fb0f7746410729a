//! The bridge's side of `/colibri-ws`: the shell carries frames, the bridge decides who may talk.

use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

/// Names one open channel towards the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub u64);

/// A client that wants its channel: the parts of `/colibri-ws/SERVER/CONFERENCE/ENDPOINT?pwd=PWD`, percent-decoded.
#[derive(Debug)]
pub struct ChannelRequest {
    pub server: String,
    pub conference: String,
    pub endpoint: String,
    pub pwd: String,
    /// Frames for the client, bounded: use `try_send` and give the channel up when it is full. Dropping it closes the
    /// socket with 1011, after which clients redial.
    pub to_client: mpsc::Sender<ToClient>,
}

/// What the bridge sends down a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToClient {
    Text(Arc<str>),
    /// 1000 `replaced`: a newer socket of the same endpoint has taken over. 1001 `endpoint closed`: it is gone.
    Close {
        code: u16,
        reason: &'static str,
    },
}

/// Why a channel is not opened. Unknown conference, unknown endpoint and wrong password must all be `Forbidden`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelRefusal {
    /// Not this server's id: 404.
    NotFound,
    /// 403.
    Forbidden,
}

/// Implemented over the bridge's mailbox. Calls come from the shell's thread and must not wait.
pub trait ChannelGate {
    /// Answered once. If the receiver is gone by then (the client left), the channel counts as closed without
    /// [`closed`](Self::closed).
    fn open(&self, request: ChannelRequest) -> oneshot::Receiver<Result<ChannelId, ChannelRefusal>>;
    /// One frame from the client, in order, at most 64 KiB.
    fn text(&self, id: ChannelId, text: String);
    /// The socket is gone. Called exactly once per opened channel, also after the bridge closed it.
    fn closed(&self, id: ChannelId);
}

/// Frames that may wait for one client.
pub(super) const QUEUE: usize = 128;

/// An open channel; says `closed` when dropped, wherever the connection fails.
pub(super) struct Lease {
    gate: Rc<dyn ChannelGate>,
    id: ChannelId,
}

impl Lease {
    pub(super) fn new(gate: Rc<dyn ChannelGate>, id: ChannelId) -> Self {
        Self { gate, id }
    }

    pub(super) fn text(&self, text: String) {
        self.gate.text(self.id, text);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.gate.closed(self.id);
    }
}
