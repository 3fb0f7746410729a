//! One WebSocket: frames in, frames out, pings, and an end that never waits for the other side.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

use super::limits::Limits;
use super::outbox::{Outgoing, Outlet};
use super::unread::{Metered, Share};

/// Rules of one kind of socket.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) max_message: usize,
    /// Of a longer message that is not whole, what was read counts.
    pub(super) short_message: usize,
    pub(super) ping: Duration,
    pub(super) idle: Duration,
    pub(super) closing: Duration,
    /// Binary frames end the stream; otherwise they are ignored.
    pub(super) refuse_binary: bool,
    /// Messages per second, and how many may come at once. Faster clients are read no faster.
    pub(super) rate: f64,
    pub(super) burst: f64,
}

impl Rules {
    /// RFC 7395: text only. A browser that joins a large room answers dozens of stanzas in one breath.
    pub(super) fn xmpp(limits: &Limits) -> Self {
        Self {
            max_message: limits.xmpp_frame,
            idle: limits.stream_idle,
            refuse_binary: true,
            rate: 100.0,
            burst: 400.0,
            ..Self::channel(limits)
        }
    }

    /// The bridge channel.
    pub(super) fn channel(limits: &Limits) -> Self {
        Self {
            max_message: limits.channel_frame,
            short_message: limits.short_frame,
            ping: limits.ping,
            idle: limits.idle,
            closing: limits.closing,
            refuse_binary: false,
            rate: 50.0,
            burst: 200.0,
        }
    }
}

/// How a socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Closed by either side, in order.
    Closed,
    /// Closed by a browser that left the page: code 1001 (RFC 6455, 7.4.1).
    Left,
    /// The other side vanished.
    Lost,
    /// Silent for too long, or no answer to our close.
    Silent,
    /// It read too slowly, or wrote too much that is not whole.
    Overflow,
    /// It broke the protocol or a limit.
    Refused,
}

/// Small on purpose: the library's default is 128 KiB each way for every client.
const BUFFER: usize = 4 * 1024;

/// Wraps a connection whose handshake has been answered. `rest`: bytes that were read behind the request.
pub(super) async fn accept<S>(io: S, rest: Vec<u8>, rules: &Rules) -> WebSocketStream<Metered<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(rules.max_message))
        .max_frame_size(Some(rules.max_message));
    let io = Metered::new(io, rest.len());
    WebSocketStream::from_partially_read(io, rest, Role::Server, Some(config)).await
}

/// Carries frames until the socket ends. `stop` resolving closes it with 1001 and the given reason.
pub(super) async fn run<S>(
    socket: &mut WebSocketStream<Metered<S>>,
    mut outlet: impl Outlet,
    rules: &Rules,
    mut share: Share,
    stop: impl Future<Output = &'static str>,
    mut on_text: impl FnMut(Utf8Bytes),
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stop = pin!(stop);
    let mut clock = Clock::new(rules);
    let mut timer = pin!(sleep_until(clock.next()));
    let mut left = false;
    loop {
        if timer.deadline() != clock.next() {
            timer.as_mut().reset(clock.next());
        }
        let turn = poll_fn(|cx| {
            let step = turn(cx, socket, &mut outlet, &clock);
            let unread = socket.get_ref().unread();
            match step.is_pending() && unread > rules.short_message && !share.cover(unread) {
                true => Poll::Ready(Step::End(End::Overflow)),
                false => step,
            }
        });
        let step = tokio::select! {
            biased;
            step = turn => step,
            () = timer.as_mut() => clock.on_time(),
            reason = stop.as_mut(), if clock.closing.is_none() => Step::Close(1001, reason),
        };
        match step {
            Step::Received(message) => {
                clock.on_received();
                socket.get_mut().on_message(&message);
                if socket.get_ref().unread() == 0 {
                    share.give_back();
                }
                match message {
                    Message::Text(text) if clock.closing.is_none() => on_text(text),
                    Message::Binary(_) if rules.refuse_binary && clock.closing.is_none() => {
                        return refuse(socket, rules, 1003, "text only").await;
                    }
                    Message::Close(close) => {
                        left = close.is_some_and(|close| close.code == CloseCode::Away);
                        clock.close();
                    }
                    _ => {}
                }
            }
            Step::Close(code, reason) => {
                clock.close();
                if send(socket, closing(code, reason)).is_err() {
                    return End::Lost;
                }
            }
            Step::Ping => {
                if send(socket, Message::Ping(Bytes::new())).is_err() {
                    return End::Lost;
                }
            }
            Step::Resume => {}
            Step::Failed(error) => return failed(socket, rules, error).await,
            Step::End(End::Closed) if left => return End::Left,
            Step::End(end) => return end,
        }
    }
}

enum Step {
    Received(Message),
    Close(u16, &'static str),
    Ping,
    /// Reading may go on.
    Resume,
    Failed(Error),
    End(End),
}

/// Writes what can be written, then reads one message.
fn turn<S>(cx: &mut Context<'_>, socket: &mut WebSocketStream<S>, outlet: &mut impl Outlet, clock: &Clock) -> Poll<Step>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = Pin::new(socket);
    // Asked before the socket is: whoever never reads must be noticed while its socket is blocked.
    while clock.closing.is_none() {
        match socket.as_mut().poll_ready(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Step::Failed(error)),
            Poll::Pending => {
                if outlet.poll_overflow(cx) {
                    return Poll::Ready(Step::End(End::Overflow));
                }
                break;
            }
        }
        match outlet.poll_outgoing(cx) {
            Poll::Ready(Outgoing::Text(text)) => {
                if let Err(error) = socket.as_mut().start_send(Message::Text(text)) {
                    return Poll::Ready(Step::Failed(error));
                }
            }
            Poll::Ready(Outgoing::Close { code, reason }) => return Poll::Ready(Step::Close(code, reason)),
            Poll::Ready(Outgoing::Overflow) => return Poll::Ready(Step::End(End::Overflow)),
            Poll::Pending => break,
        }
    }
    if let Poll::Ready(Err(error)) = socket.as_mut().poll_flush(cx) {
        return Poll::Ready(Step::Failed(error));
    }
    if clock.paused.is_some() {
        return Poll::Pending;
    }
    match socket.as_mut().poll_next(cx) {
        Poll::Ready(Some(Ok(message))) => Poll::Ready(Step::Received(message)),
        Poll::Ready(Some(Err(error))) => Poll::Ready(Step::Failed(error)),
        Poll::Ready(None) => Poll::Ready(Step::End(if clock.closing.is_some() { End::Closed } else { End::Lost })),
        Poll::Pending => Poll::Pending,
    }
}

fn send<S>(socket: &mut WebSocketStream<S>, message: Message) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    Pin::new(socket).start_send(message)
}

fn closing(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) }))
}

/// Says why, if the client listens, and ends.
async fn refuse<S>(socket: &mut WebSocketStream<S>, rules: &Rules, code: u16, reason: &'static str) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if send(socket, closing(code, reason)).is_ok() {
        let flush = poll_fn(|cx| Pin::new(&mut *socket).poll_flush(cx));
        // Ends either way.
        let _ = tokio::time::timeout(rules.closing, flush).await;
    }
    End::Refused
}

async fn failed<S>(socket: &mut WebSocketStream<S>, rules: &Rules, error: Error) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => refuse(socket, rules, 1009, "message too long").await,
        Error::Utf8(_) => refuse(socket, rules, 1007, "not UTF-8").await,
        Error::ConnectionClosed | Error::AlreadyClosed => End::Closed,
        Error::Io(_)
        | Error::Protocol(tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            End::Lost
        }
        _ => refuse(socket, rules, 1002, "protocol error").await,
    }
}

/// When something is due on a socket by itself.
struct Clock {
    ping: Duration,
    idle: Duration,
    close_within: Duration,
    rate: f64,
    burst: f64,
    received: Instant,
    next_ping: Instant,
    /// Our or their close has been sent; the end comes by then at the latest.
    closing: Option<Instant>,
    /// Messages that may still come at once, as of `received`.
    tokens: f64,
    /// Reading rests until then.
    paused: Option<Instant>,
}

impl Clock {
    fn new(rules: &Rules) -> Self {
        let now = Instant::now();
        Self {
            ping: rules.ping,
            idle: rules.idle,
            close_within: rules.closing,
            rate: rules.rate,
            burst: rules.burst,
            received: now,
            next_ping: now + rules.ping,
            closing: None,
            tokens: rules.burst,
            paused: None,
        }
    }

    fn next(&self) -> Instant {
        match (self.closing, self.paused) {
            (Some(by), _) => by,
            (None, Some(until)) => until,
            (None, None) => self.next_ping.min(self.received + self.idle),
        }
    }

    fn on_time(&mut self) -> Step {
        let now = Instant::now();
        if self.closing.is_some() {
            return Step::End(End::Silent);
        }
        if self.paused.take().is_some() {
            // The silence was ours.
            self.tokens = (self.tokens + now.duration_since(self.received).as_secs_f64() * self.rate).min(self.burst);
            self.received = now;
            self.next_ping = now + self.ping;
            return Step::Resume;
        }
        if now >= self.received + self.idle {
            return Step::End(End::Silent);
        }
        self.next_ping = now + self.ping;
        Step::Ping
    }

    fn on_received(&mut self) {
        let now = Instant::now();
        let refill = now.duration_since(self.received).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + refill).min(self.burst) - 1.0;
        self.received = now;
        self.next_ping = now + self.ping;
        if self.tokens < 0.0 && self.closing.is_none() {
            // Long enough for a handful, so that a flooding client does not wake us for each of its messages.
            self.paused = Some(now + Duration::from_millis(100));
        }
    }

    fn close(&mut self) {
        self.paused = None;
        self.closing.get_or_insert(Instant::now() + self.close_within);
    }
}
