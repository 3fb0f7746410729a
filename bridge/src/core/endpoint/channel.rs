//! The bridge channel of one endpoint: a WebSocket, a data channel, or both.

use std::sync::Arc;
use std::time::Instant;

use super::limit::Bucket;
use crate::core::ChannelId;

/// Messages that one client may send: a burst on joining, then this many a second.
const MESSAGE_BURST: f64 = 200.0;
const MESSAGES_PER_SECOND: f64 = 50.0;
/// Bytes that one client may have relayed to all others.
const RELAYED_BURST: f64 = 512.0 * 1024.0;
const RELAYED_PER_SECOND: f64 = 256.0 * 1024.0;
/// Messages, and their bytes, that wait for a client whose first channel is about to open.
const WAITING: usize = 16;
const WAITING_BYTES: usize = 16 * 1024;

/// The carrier of the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    WebSocket(ChannelId),
    DataChannel,
}

/// State of one endpoint's channel.
#[derive(Debug)]
pub struct Channel {
    /// Part of the URL; the same for the endpoint's whole life, since clients redial it.
    pub password: String,
    websocket: Option<ChannelId>,
    data_channel: bool,
    /// Answers go where the newest message came from.
    prefers_data_channel: bool,
    /// The client has had a channel.
    opened: bool,
    /// The client could not be told how things stand: it is told everything as soon as it reads again.
    pub owes: bool,
    /// What others said to this client alone before its first channel: it joined the room, and they saw it there.
    waiting: Vec<Arc<str>>,
    messages: Bucket,
    relayed: Bucket,
}

impl Channel {
    pub fn new(password: String) -> Self {
        Self {
            password,
            websocket: None,
            data_channel: false,
            prefers_data_channel: false,
            opened: false,
            owes: false,
            waiting: Vec::new(),
            messages: Bucket::new(MESSAGE_BURST, MESSAGES_PER_SECOND),
            relayed: Bucket::new(RELAYED_BURST, RELAYED_PER_SECOND),
        }
    }

    /// Compares in constant time.
    pub fn is_password(&self, password: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.password.as_bytes(), password.as_bytes()).is_ok()
    }

    pub fn was_opened(&self) -> bool {
        self.opened
    }

    /// Keeps a message until the first channel opens; false if it has been open before, or too much waits.
    pub fn wait_with(&mut self, text: &Arc<str>) -> bool {
        let waiting: usize = self.waiting.iter().map(|text| text.len()).sum();
        let takes = !self.opened && self.waiting.len() < WAITING && waiting + text.len() <= WAITING_BYTES;
        if takes {
            self.waiting.push(text.clone());
        }
        takes
    }

    /// What has waited for the channel.
    pub fn take_waiting(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.waiting)
    }

    pub fn websocket(&self) -> Option<ChannelId> {
        self.websocket
    }

    /// A WebSocket takes over; the one before it, which is to be closed.
    pub fn open_websocket(&mut self, id: ChannelId) -> Option<ChannelId> {
        self.opened = true;
        self.prefers_data_channel = false;
        self.websocket.replace(id)
    }

    pub fn close_websocket(&mut self, id: ChannelId) {
        if self.websocket == Some(id) {
            self.websocket = None;
        }
    }

    pub fn set_data_channel(&mut self, open: bool) {
        self.opened |= open;
        self.data_channel = open;
        self.prefers_data_channel = open;
    }

    /// A message came; false if the client sends more than its share.
    pub fn on_message(&mut self, now: Instant, over_data_channel: bool) -> bool {
        self.prefers_data_channel = over_data_channel;
        self.messages.take(now, 1.0)
    }

    /// May the client have this many more bytes sent to `copies` others?
    pub fn may_relay(&mut self, now: Instant, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.relayed.take(now, f64::from(bytes))
    }

    pub fn carrier(&self) -> Option<Carrier> {
        match self.websocket {
            Some(id) if !(self.prefers_data_channel && self.data_channel) => Some(Carrier::WebSocket(id)),
            _ => self.data_channel.then_some(Carrier::DataChannel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checklist_40_answers_go_where_the_newest_message_came_from() {
        let now = Instant::now();
        let mut channel = Channel::new("secret".into());
        assert_eq!(channel.carrier(), None);
        channel.set_data_channel(true);
        assert_eq!(channel.carrier(), Some(Carrier::DataChannel));
        assert_eq!(channel.open_websocket(ChannelId(1)), None);
        assert_eq!(channel.carrier(), Some(Carrier::WebSocket(ChannelId(1))));
        channel.on_message(now, true);
        assert_eq!(channel.carrier(), Some(Carrier::DataChannel));
        channel.set_data_channel(false);
        assert_eq!(channel.carrier(), Some(Carrier::WebSocket(ChannelId(1))));
    }

    #[test]
    fn a_closed_websocket_that_was_replaced_changes_nothing() {
        let mut channel = Channel::new("secret".into());
        channel.open_websocket(ChannelId(1));
        assert_eq!(channel.open_websocket(ChannelId(2)), Some(ChannelId(1)));
        channel.close_websocket(ChannelId(1));
        assert_eq!(channel.carrier(), Some(Carrier::WebSocket(ChannelId(2))));
    }

    #[test]
    fn messages_wait_for_the_first_channel_alone_and_only_a_few() {
        let text: Arc<str> = Arc::from("x".repeat(WAITING_BYTES / WAITING));
        let mut channel = Channel::new("secret".into());
        assert_eq!((0..100).filter(|_| channel.wait_with(&text)).count(), WAITING);
        assert_eq!((channel.take_waiting().len(), channel.take_waiting().len()), (WAITING, 0));
        assert!(!channel.wait_with(&Arc::from("x".repeat(WAITING_BYTES + 1))));
        channel.open_websocket(ChannelId(1));
        channel.close_websocket(ChannelId(1));
        assert!(!channel.wait_with(&text));
    }

    #[test]
    fn more_messages_than_anybody_needs_are_dropped() {
        let now = Instant::now();
        let mut channel = Channel::new("secret".into());
        assert_eq!((0..1000).filter(|_| channel.on_message(now, false)).count(), 200);
        assert!(channel.is_password("secret") && !channel.is_password("secre"));
    }
}
