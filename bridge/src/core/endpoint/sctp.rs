//! The data channel of one endpoint as bridge channel: SCTP over DTLS (RFC 8831, RFC 8832) over `rtc-sctp`.
//!
//! The browser opens everything; one channel is the bridge channel, a second one is refused. Text goes both ways, everything else
//! is ignored.

mod check;
mod dcep;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_sctp::{
    Association, AssociationHandle, DatagramEvent, Endpoint, EndpointConfig, Event, Payload, PayloadProtocolIdentifier,
    ServerConfig, StreamEvent, StreamId, TimerConfig, TransportConfig, max_payload_size_for_mtu,
};
use rtc_shared::TransportProtocol;

use super::dtls::MAX_PAYLOAD;
use super::earliest::Earliest;
use super::transport::{ChannelFull, Wake};

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);
/// Text that waits for the peer. A client that reads nothing costs this and no more.
pub const MAX_QUEUED: usize = 256 * 1024;
/// Longest text that a client may send.
const MAX_MESSAGE: usize = 64 * 1024;
const RECEIVE_WINDOW: u32 = 128 * 1024;
const MAX_STREAMS: u16 = 1024;
/// Streams that a client may touch; it needs one.
const MAX_TOUCHED: usize = 16;
/// Longest wait of a retransmission timer, as in dcSCTP: loss at the start must not cost a minute.
const MAX_BACKOFF: Duration = Duration::from_secs(3);

/// What the data channel hands out.
#[derive(Debug)]
pub enum SctpOutput {
    /// One SCTP packet for DTLS.
    Transmit(Bytes),
    Open,
    Text(String),
    Closed,
}

/// An answered INIT: the same question gets the same answer.
struct Initiation {
    tag: [u8; 4],
    answer: Vec<Bytes>,
}

/// Association and channel.
pub struct Sctp {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    established: bool,
    initiation: Option<Initiation>,
    channel: Option<StreamId>,
    touched: heapless::Vec<StreamId, MAX_TOUCHED>,
    /// How far the association's clock runs ahead, see [`Self::on_wakeup`].
    ahead: Duration,
    /// The deadline that the association named, and when it did.
    timer: Option<(Instant, Instant)>,
    outputs: VecDeque<SctpOutput>,
}

impl Default for Sctp {
    fn default() -> Self {
        Self {
            endpoint: new_endpoint(),
            association: None,
            established: false,
            initiation: None,
            channel: None,
            touched: heapless::Vec::new(),
            ahead: Duration::ZERO,
            timer: None,
            outputs: VecDeque::new(),
        }
    }
}

impl Sctp {
    /// A packet that DTLS has opened.
    pub fn handle(&mut self, now: Instant, packet: &[u8]) {
        if !check::is_sound(packet) {
            return;
        }
        if let Some(tag) = init_tag(packet) {
            self.on_init(now, packet, tag);
        } else if self.may_touch(packet)
            && let Some((_, DatagramEvent::AssociationEvent(event))) =
                self.endpoint.handle(now + self.ahead, PEER, None, Bytes::copy_from_slice(packet))
            && let Some((_, association)) = &mut self.association
        {
            association.handle_event(event);
        }
        self.drive(now);
    }

    /// `rtc-sctp` makes an association for each INIT, also for a repeated one; then one side waits for an answer that the other
    /// side's old association cannot give.
    fn on_init(&mut self, now: Instant, packet: &[u8], tag: [u8; 4]) {
        if let Some(initiation) = &self.initiation
            && initiation.tag == tag
        {
            self.outputs.extend(initiation.answer.iter().cloned().map(SctpOutput::Transmit));
            return;
        }
        if self.established {
            return;
        }
        self.forget();
        let data = Bytes::copy_from_slice(packet);
        let Some((handle, DatagramEvent::NewAssociation(mut association))) =
            self.endpoint.handle(now + self.ahead, PEER, None, data)
        else {
            return;
        };
        let mut answer = Vec::new();
        while let Some(packets) = take_transmit(&mut association, now + self.ahead) {
            answer.extend(packets);
        }
        self.outputs.extend(answer.iter().cloned().map(SctpOutput::Transmit));
        self.initiation = Some(Initiation { tag, answer });
        self.association = Some((handle, association));
    }

    /// Every stream that a peer names costs memory, so it may name only a few.
    fn may_touch(&mut self, packet: &[u8]) -> bool {
        let data = check::chunks(packet).filter(|chunk| chunk.kind == check::DATA);
        data.filter_map(|chunk| chunk.value.get(4..6)?.try_into().ok())
            .map(u16::from_be_bytes)
            .all(|stream| self.touched.contains(&stream) || self.touched.push(stream).is_ok())
    }

    /// Queues a text for the peer.
    pub(crate) fn send_text(&mut self, now: Instant, text: &str) -> Result<(), ChannelFull> {
        let (Some(channel), Some((_, association))) = (self.channel, &mut self.association) else {
            return Err(ChannelFull);
        };
        let mut stream = association.stream(channel).map_err(|_| ChannelFull)?;
        let queued = stream.buffered_amount().map_err(|_| ChannelFull)?;
        if queued.saturating_add(text.len()) > MAX_QUEUED || text.len() > MAX_QUEUED {
            return Err(ChannelFull);
        }
        // An empty text cannot be sent as such; one byte stands for it (RFC 8831, 6.6).
        let (body, identifier) = if text.is_empty() {
            (&[0][..], PayloadProtocolIdentifier::StringEmpty)
        } else {
            (text.as_bytes(), PayloadProtocolIdentifier::String)
        };
        stream.write_with_ppi(now + self.ahead, body, identifier).map_err(|_| ChannelFull)?;
        self.drive(now);
        Ok(())
    }

    /// Bytes that wait for the peer.
    pub fn queued(&mut self) -> usize {
        let stream = self.channel.zip(self.association.as_mut());
        let stream = stream.and_then(|(channel, (_, association))| association.stream(channel).ok());
        stream.and_then(|stream| stream.buffered_amount().ok()).unwrap_or(0)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.channel.is_some()
    }

    /// The peer is to know that the association ends.
    pub(crate) fn close(&mut self, now: Instant) {
        if let Some((_, association)) = &mut self.association
            && association.abort().is_ok()
        {
            self.drive(now);
        }
        self.forget();
    }

    pub fn poll(&mut self) -> Option<SctpOutput> {
        self.outputs.pop_front()
    }

    /// Deadlines farther away than [`MAX_BACKOFF`] are reached by setting the association's clock forward. That happens only while
    /// something is being sent again, which is not used to measure round trips, so its estimate stays true.
    pub fn on_wakeup(&mut self, now: Instant) {
        let Some((deadline, named)) = self.timer else { return };
        let due = (deadline - self.ahead).min(named + MAX_BACKOFF);
        if due > now {
            return;
        }
        let time = (now + self.ahead).max(deadline);
        self.ahead = time - now;
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(time);
        }
        self.timer = None;
        self.drive(now);
    }

    pub(crate) fn next_wakeup(&self, next: &mut Earliest) {
        if let Some((deadline, named)) = self.timer {
            next.offer((deadline - self.ahead).min(named + MAX_BACKOFF), Wake::Sctp);
        }
    }

    /// Takes everything that the association has to say.
    fn drive(&mut self, now: Instant) {
        let time = now + self.ahead;
        while let Some((_, association)) = &mut self.association {
            if let Some(event) = association.poll() {
                self.on_event(now, event);
            } else if let Some(packets) = take_transmit(association, time) {
                self.outputs.extend(packets.into_iter().map(SctpOutput::Transmit));
            } else {
                break;
            }
        }
        if self.established && self.association.as_ref().is_some_and(|(_, association)| association.is_closed()) {
            self.forget();
        }
        let deadline = self.association.as_ref().and_then(|(_, association)| association.poll_timeout());
        if self.timer.map(|(known, _)| known) != deadline {
            self.timer = deadline.map(|deadline| (deadline, now));
        }
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected => self.established = true,
            Event::Stream(StreamEvent::Readable { id }) => self.read(now, id),
            // Comes for each stream, whether that was reset or the association ended.
            Event::AssociationLost { id, .. } if self.channel == Some(id) => {
                self.channel = None;
                self.outputs.push_back(SctpOutput::Closed);
            }
            _ => {}
        }
    }

    fn forget(&mut self) {
        self.endpoint = new_endpoint();
        self.association = None;
        self.established = false;
        self.initiation = None;
        self.channel = None;
        self.touched.clear();
        self.timer = None;
    }

    fn read(&mut self, now: Instant, id: StreamId) {
        while let Some((_, association)) = &mut self.association {
            let Ok(mut stream) = association.stream(id) else { return };
            let Ok(Some(message)) = stream.read_sctp() else { return };
            // Too long, or not text: as if it had not been said.
            let Ok(body) = message.to_payload(MAX_MESSAGE) else { continue };
            match message.ppi {
                PayloadProtocolIdentifier::Dcep => self.on_dcep(now, id, &body),
                PayloadProtocolIdentifier::String if self.channel == Some(id) => {
                    if let Ok(text) = String::from_utf8(body.to_vec()) {
                        self.outputs.push_back(SctpOutput::Text(text));
                    }
                }
                _ => {}
            }
        }
    }

    fn on_dcep(&mut self, now: Instant, id: StreamId, body: &[u8]) {
        if !dcep::is_open(body) {
            return;
        }
        let time = now + self.ahead;
        let Some((_, association)) = &mut self.association else { return };
        let Ok(mut stream) = association.stream(id) else { return };
        if self.channel.is_some_and(|channel| channel != id) {
            // Closing the stream is the refusal (RFC 8831, 6.7).
            if let Err(error) = stream.close(time) {
                tracing::debug!(%error, "second data channel not reset");
            }
            return;
        }
        let acknowledged = stream.write_with_ppi(time, &dcep::ACK, PayloadProtocolIdentifier::Dcep).is_ok();
        if acknowledged && self.channel.is_none() {
            self.channel = Some(id);
            self.outputs.push_back(SctpOutput::Open);
        }
    }
}

fn new_endpoint() -> Endpoint {
    let mut endpoint = EndpointConfig::new();
    endpoint.max_payload_size(max_payload_size_for_mtu(MAX_PAYLOAD));
    // ICE says when a peer is gone; until then nothing is given up.
    let timers = TimerConfig {
        max_t1_init_retrans: usize::MAX,
        max_t1_cookie_retrans: usize::MAX,
        max_t2_shutdown_retrans: usize::MAX,
        max_t3_rtx_retrans: usize::MAX,
        max_reconfig_retrans: usize::MAX,
        max_ack_retrans: usize::MAX,
    };
    let transport = TransportConfig::default()
        .with_max_receive_buffer_size(RECEIVE_WINDOW)
        .with_max_num_inbound_streams(MAX_STREAMS)
        .with_max_num_outbound_streams(MAX_STREAMS)
        .with_timer_config(timers);
    Endpoint::new(PEER, TransportProtocol::UDP, Arc::new(endpoint), Some(Arc::new(ServerConfig::new(transport))))
}

fn take_transmit(association: &mut Association, now: Instant) -> Option<Vec<Bytes>> {
    match association.poll_transmit(now)?.message {
        Payload::RawEncode(packets) => Some(packets),
        _ => None,
    }
}

/// The initiate tag of a packet whose first chunk is an INIT.
fn init_tag(packet: &[u8]) -> Option<[u8; 4]> {
    let first = check::chunks(packet).next().filter(|chunk| chunk.kind == check::INIT)?;
    first.value.get(..4)?.try_into().ok()
}
