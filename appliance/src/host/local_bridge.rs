//! The bridge next door: focus and bridge channels reach it through its mailbox, its answers come back from its thread.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bridge::control;
use bridge::core::{self, Event, Importance};
use bridge::shell::candidates::Mapping;
use bridge::shell::mailbox::{Letter, Mailbox};
use bridge::shell::worker::{Listener, Notice};
use signal::focus::bridge_port::{BridgePort, Order, OrderId, Reply};
use signal::shell::{ChannelGate, ChannelId, ChannelRefusal, ChannelRequest, ToClient};
use tokio::sync::{mpsc, oneshot, watch};

use super::exports::ExportOrder;

/// Clients' ends of the open bridge channels. The lock is held for a look-up, never while waiting.
type Clients = Arc<Mutex<HashMap<u64, mpsc::Sender<ToClient>>>>;

/// Everything that comes out of the bridge's thread.
#[derive(Debug)]
pub(crate) struct Outlets {
    /// For the focus.
    pub(crate) replies: mpsc::UnboundedReceiver<Reply>,
    /// Where meetings are exported to.
    pub(crate) exports: mpsc::UnboundedReceiver<ExportOrder>,
    /// What STUN servers said.
    pub(crate) mappings: mpsc::UnboundedReceiver<Mapping>,
    /// `Some(crashed)` once the thread has ended.
    pub(crate) ended: watch::Receiver<Option<bool>>,
    pub(crate) clients: ClientsHandle,
}

/// Shared between the bridge's thread and the gate.
#[derive(Debug, Clone)]
pub(crate) struct ClientsHandle(Clients);

/// The listener for the bridge's thread, and where what it hears comes out.
pub(crate) fn outlets() -> (Listener, Outlets) {
    let (replies_in, replies) = mpsc::unbounded_channel();
    let (exports_in, exports) = mpsc::unbounded_channel();
    let (mappings_in, mappings) = mpsc::unbounded_channel();
    let (ended_in, ended) = watch::channel(None);
    let clients: Clients = Arc::default();
    let to_clients = Arc::clone(&clients);
    // Receivers that are gone mean that the process is ending: nothing is lost then.
    let listener = move |notice| match notice {
        Notice::Bridge(Event::ChannelText { id, text, importance }) => send_text(&to_clients, id, text, importance),
        Notice::Bridge(Event::ChannelClose { id, code, reason }) => close(&to_clients, id, code, reason),
        Notice::Bridge(Event::Reply(reply)) => drop(replies_in.send(to_focus(reply))),
        Notice::Bridge(Event::EndpointGone { meeting_id, endpoint }) => {
            drop(replies_in.send(Reply::EndpointGone { meeting_id, endpoint }));
        }
        Notice::Bridge(Event::Connect { meeting_id, change }) => {
            drop(exports_in.send(ExportOrder::Change { meeting_id, change }));
        }
        // The focus ordered it, or asks again.
        Notice::Bridge(Event::ConferenceOver { meeting_id }) => drop(exports_in.send(ExportOrder::Over { meeting_id })),
        Notice::Mapped(mapping) => drop(mappings_in.send(mapping)),
        Notice::Ended { crashed } => drop(ended_in.send_replace(Some(crashed))),
    };
    (Arc::new(listener), Outlets { replies, exports, mappings, ended, clients: ClientsHandle(clients) })
}

fn to_focus(reply: control::Reply) -> Reply {
    match reply {
        control::Reply::Done { id, answer } => Reply::Done { id: OrderId(id), answer },
        control::Reply::Refused { id, refusal } => Reply::Refused { id: OrderId(id), refusal },
    }
}

/// A client that does not read loses what matters least first. In the end it loses its channel, which is how it learns that it must
/// dial again.
fn send_text(clients: &Clients, id: core::ChannelId, text: Arc<str>, importance: Importance) {
    let mut clients = lock(clients);
    let delivered = clients.get(&id.0).is_none_or(|client| {
        let waiting = client.max_capacity() - client.capacity();
        let room = importance.share_of(client.max_capacity());
        (waiting >= room && importance != Importance::State) || client.try_send(ToClient::Text(text)).is_ok()
    });
    if !delivered {
        clients.remove(&id.0);
    }
}

fn close(clients: &Clients, id: core::ChannelId, code: u16, reason: &'static str) {
    if let Some(client) = lock(clients).remove(&id.0) {
        // If its queue is full it is cut off without a reason.
        let _ = client.try_send(ToClient::Close { code, reason });
    }
}

/// A map of senders is never half changed, so a poisoned lock holds a good one.
fn lock(clients: &Clients) -> std::sync::MutexGuard<'_, HashMap<u64, mpsc::Sender<ToClient>>> {
    clients.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the orders of the focus.
#[derive(Debug)]
pub(crate) struct LocalBridge(pub(crate) Mailbox);

impl BridgePort for LocalBridge {
    fn order(&mut self, order: Order) {
        let Order { id: OrderId(id), client_is_local, request } = order;
        self.0.post(Letter::Apply(control::Command { id, request, client_is_local }));
    }
}

/// Takes the bridge channels that clients open.
#[derive(Debug)]
pub(crate) struct LocalGate {
    mailbox: Mailbox,
    clients: Clients,
    server_id: String,
    next: AtomicU64,
}

impl LocalGate {
    pub(crate) fn new(mailbox: Mailbox, clients: &ClientsHandle, server_id: String) -> Self {
        Self { mailbox, clients: Arc::clone(&clients.0), server_id, next: AtomicU64::new(1) }
    }
}

impl ChannelGate for LocalGate {
    fn open(&self, request: ChannelRequest) -> oneshot::Receiver<Result<ChannelId, ChannelRefusal>> {
        let (answer, receiver) = oneshot::channel();
        if request.server != self.server_id {
            // The receiver is in our hands.
            let _ = answer.send(Err(ChannelRefusal::NotFound));
            return receiver;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Before the bridge knows of it: it greets at once.
        lock(&self.clients).insert(number, request.to_client);
        let (clients, mailbox) = (Arc::clone(&self.clients), self.mailbox.clone());
        let answer = move |outcome: Result<(), core::ChannelRefusal>| {
            let opened = outcome.is_ok();
            let outcome = outcome.map(|()| ChannelId(number)).map_err(|_| ChannelRefusal::Forbidden);
            let client_left = answer.send(outcome).is_err();
            if !opened || client_left {
                lock(&clients).remove(&number);
            }
            if opened && client_left {
                mailbox.post(Letter::ChannelClosed { id: core::ChannelId(number) });
            }
        };
        self.mailbox.post(Letter::OpenChannel {
            conference: request.conference,
            endpoint: request.endpoint,
            pwd: request.pwd,
            id: core::ChannelId(number),
            answer: Box::new(answer),
        });
        receiver
    }

    fn text(&self, id: ChannelId, text: String) {
        if let Err(error) = self.mailbox.post_text(core::ChannelId(id.0), text) {
            tracing::debug!(channel = id.0, %error, "text of a client dropped");
        }
    }

    fn closed(&self, id: ChannelId) {
        lock(&self.clients).remove(&id.0);
        self.mailbox.post(Letter::ChannelClosed { id: core::ChannelId(id.0) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(outlets: &Outlets, id: u64, queue: usize) -> mpsc::Receiver<ToClient> {
        let (to_client, from_bridge) = mpsc::channel(queue);
        lock(&outlets.clients.0).insert(id, to_client);
        from_bridge
    }

    fn text(id: u64, text: &str) -> Notice {
        Notice::Bridge(Event::ChannelText { id: core::ChannelId(id), text: text.into(), importance: Importance::State })
    }

    #[test]
    fn texts_reach_the_client_of_their_channel() {
        let (listener, outlets) = outlets();
        let (mut one, mut two) = (client(&outlets, 1, 4), client(&outlets, 2, 4));
        listener(text(2, "hello"));
        listener(Notice::Bridge(Event::ChannelClose { id: core::ChannelId(2), code: 1001, reason: "endpoint closed" }));
        listener(text(2, "too late"));
        assert_eq!(two.try_recv(), Ok(ToClient::Text("hello".into())));
        assert_eq!(two.try_recv(), Ok(ToClient::Close { code: 1001, reason: "endpoint closed" }));
        assert_eq!(two.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        assert_eq!(one.try_recv(), Err(mpsc::error::TryRecvError::Empty));
    }

    #[test]
    fn a_client_that_does_not_read_loses_its_channel_and_nobody_else_does() {
        let (listener, outlets) = outlets();
        let (mut lazy, mut other) = (client(&outlets, 1, 1), client(&outlets, 2, 1));
        listener(text(1, "a"));
        listener(text(1, "b"));
        listener(text(2, "c"));
        assert_eq!(lazy.try_recv(), Ok(ToClient::Text("a".into())));
        assert_eq!(lazy.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        assert_eq!(other.try_recv(), Ok(ToClient::Text("c".into())));
    }

    #[test]
    fn checklist_32_a_full_queue_loses_statistics_first_then_messages_and_never_how_things_stand() {
        let (listener, outlets) = outlets();
        let mut lazy = client(&outlets, 1, 8);
        let say = |importance, what: &str| {
            listener(Notice::Bridge(Event::ChannelText { id: core::ChannelId(1), text: what.into(), importance }));
        };
        for _ in 0..20 {
            say(Importance::Statistics, "numbers");
        }
        for _ in 0..20 {
            say(Importance::Message, "hello");
        }
        say(Importance::State, "map");
        let queued = std::iter::from_fn(|| lazy.try_recv().ok());
        let queued: Vec<String> =
            queued.map(|what| if let ToClient::Text(text) = what { text.to_string() } else { String::new() }).collect();
        assert_eq!(queued, ["numbers", "numbers", "numbers", "numbers", "hello", "hello", "map"]);
    }

    #[test]
    fn answers_keep_the_number_of_their_order() {
        let (listener, mut outlets) = outlets();
        let refusal = jitsi_wire::colibri2::Refusal::ConferenceNotFound;
        listener(Notice::Bridge(Event::Reply(control::Reply::Refused { id: 7, refusal: refusal.clone() })));
        assert_eq!(outlets.replies.try_recv(), Ok(Reply::Refused { id: OrderId(7), refusal }));
        listener(Notice::Ended { crashed: true });
        assert_eq!(*outlets.ended.borrow(), Some(true));
    }
}
