//! One export, from its order until it is ended: opens the WebSocket, and opens it again when it closes, by the rules of
//! jitsi-videobridge's `Exporter`.

use std::sync::Arc;
use std::time::Duration;

use bridge::core::taps::TapId;
use bridge::shell::mailbox::{Letter, Mailbox};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use jitsi_wire::colibri2::{Connect, ConnectPing};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::mediajson::{Event, Said};
use super::queue::{Queue, Waiting};
use super::socket::{self, Socket};
use super::tap::{Tap, TapError};
use super::transcript::Transcript;
use crate::host::compose;

/// Between the second and the third attempt to connect; the first is repeated at once, and later ones take twice as long each.
const BASE_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(30);
/// A connection that lasted so long was a good one: the next attempt counts as the first.
const STABLE: Duration = Duration::from_secs(30);
/// For the last words.
const FAREWELL: Duration = Duration::from_secs(2);
/// Longest result of a transcriber that goes to clients, in bytes: as much as they may send each other.
const MAX_RESULT: usize = 32 * 1024;

/// An export.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) mailbox: Mailbox,
    pub(super) meeting_id: String,
    pub(super) connect: Connect,
    pub(super) tap: TapId,
}

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Socket(#[from] socket::SocketError),
    #[error("it closed the connection")]
    Closed,
    #[error("it does not answer")]
    Silent,
    #[error("{0}")]
    Tap(#[from] TapError),
}

/// Waits between attempts to connect.
#[derive(Debug, Default)]
struct Patience {
    attempts: u32,
}

impl Patience {
    fn after(&mut self, lasted: Duration) -> Duration {
        self.attempts = if lasted > STABLE { 1 } else { self.attempts.saturating_add(1) };
        match self.attempts {
            1 => Duration::ZERO,
            attempts => BASE_DELAY.saturating_mul(1 << (attempts - 2).min(16)).min(MAX_DELAY),
        }
    }
}

impl Session {
    /// Until the sender of `stop` is dropped.
    pub(super) async fn run(self, mut stop: oneshot::Receiver<()>) {
        let (mut patience, mut pings) = (Patience::default(), 0);
        let meeting = &self.meeting_id;
        loop {
            let mut opened = None;
            let failure = tokio::select! {
                ended = self.export(&mut opened, &mut pings) => ended,
                _ = &mut stop => return self.farewell(opened).await,
            };
            if let (Failure::Silent, Some(line)) = (&failure, &mut opened) {
                // Should it hear this after all.
                let _ = timeout(FAREWELL, line.close(CloseCode::Normal, "Ping timeout")).await;
            }
            let lasted = opened.map_or(Duration::ZERO, |line| line.since.elapsed());
            let delay = patience.after(lasted);
            tracing::warn!(meeting, export = self.connect.id, %failure, ?delay, "cannot export the meeting's audio; trying again");
            tokio::select! {
                () = sleep(delay) => {}
                _ = &mut stop => return,
            }
        }
    }

    /// One connection, until it fails. It lies with the caller, who may have something more to say over it.
    async fn export(&self, opened: &mut Option<Line>, pings: &mut u32) -> Failure {
        let socket = match socket::open(&self.connect).await {
            Ok(socket) => socket,
            Err(error) => return error.into(),
        };
        let (sink, mut heard) = socket.split();
        let line = opened.insert(Line { sink, since: Instant::now() });
        tracing::info!(meeting = self.meeting_id, export = self.connect.id, "the meeting's audio is exported");
        let info = Event::Info { application: "moothall", version: &compose::version() };
        if line.say(info.to_json()).await.is_err() {
            return Failure::Closed;
        }
        let tap = match Tap::open(&self.mailbox, &self.meeting_id, self.tap).await {
            Ok(tap) => tap,
            Err(error) => return error.into(),
        };
        let (queue, pongs) = (Queue::default(), watch::Sender::new(0));
        let failure = tokio::select! {
            error = tap.fill(&queue) => error.into(),
            failure = line.transcribe(&queue) => failure,
            failure = self.hear(&mut heard, &pongs) => failure,
            failure = keep_alive(self.connect.ping, &queue, pings, &pongs) => failure,
        };
        let packets = queue.dropped();
        if packets > 0 {
            tracing::warn!(
                meeting = self.meeting_id,
                export = self.connect.id,
                packets,
                "it read too slowly and missed some"
            );
        }
        failure
    }

    /// Until there is no more to hear.
    async fn hear(&self, heard: &mut SplitStream<Socket>, pongs: &watch::Sender<u32>) -> Failure {
        while let Some(Ok(message)) = heard.next().await {
            let Message::Text(text) = message else {
                continue;
            };
            match Said::parse(&text) {
                Some(Said::Pong { id }) => drop(pongs.send_replace(id)),
                Some(Said::TranscriptionResult(result)) if text.len() <= MAX_RESULT => self.announce(result),
                Some(Said::TranscriptionResult(_)) | None => {}
            }
        }
        Failure::Closed
    }

    /// Clients take it for what a transcriber in the meeting would tell them.
    fn announce(&self, result: Value) {
        let message =
            json!({ "colibriClass": "EndpointMessage", "from": "transcriber", "to": "", "msgPayload": result });
        let (meeting_id, text) = (self.meeting_id.clone(), Arc::from(message.to_string()));
        self.mailbox.post(Letter::Announce { meeting_id, text });
    }

    /// Tells the other side that nobody comes back.
    async fn farewell(&self, opened: Option<Line>) {
        if let Some(mut line) = opened {
            // Whoever does not read it sees the connection close.
            let _ = timeout(FAREWELL, line.end()).await;
        }
        tracing::info!(
            meeting = self.meeting_id,
            export = self.connect.id,
            "the meeting's audio is no longer exported"
        );
    }
}

/// An open connection.
#[derive(Debug)]
struct Line {
    sink: SplitSink<Socket, Message>,
    since: Instant,
}

impl Line {
    async fn say(&mut self, text: String) -> Result<(), Failure> {
        self.sink.send(Message::text(text)).await.map_err(|_| Failure::Closed)
    }

    /// What waits, as fast as the other side takes it.
    async fn transcribe(&mut self, queue: &Queue) -> Failure {
        let mut transcript = Transcript::default();
        loop {
            let said = match queue.pop().await {
                Waiting::Note(note) => {
                    transcript.on_note(note);
                    Vec::new()
                }
                Waiting::Packet(at, packet) => transcript.on_packet(at, &packet),
                Waiting::Ping(id) => vec![Event::Ping { id }.to_json()],
            };
            for text in said {
                if let Err(failure) = self.say(text).await {
                    return failure;
                }
            }
        }
    }

    async fn end(&mut self) -> Result<(), Failure> {
        self.say(Event::SessionEnd.to_json()).await?;
        self.close(CloseCode::Away, "closing").await
    }

    async fn close(&mut self, code: CloseCode, reason: &'static str) -> Result<(), Failure> {
        let frame = CloseFrame { code, reason: reason.into() };
        self.sink.send(Message::Close(Some(frame))).await.map_err(|_| Failure::Closed)
    }
}

/// Asks now and then whether the other side lives. Ends when it does not say so in time.
async fn keep_alive(ping: Option<ConnectPing>, queue: &Queue, last: &mut u32, pongs: &watch::Sender<u32>) -> Failure {
    let Some(ping) = ping.filter(|ping| ping.interval > 0) else {
        return std::future::pending().await;
    };
    let millis = |millis: u32| Duration::from_millis(u64::from(millis));
    let mut ticks = interval_at(Instant::now() + millis(ping.interval), millis(ping.interval));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = pongs.subscribe();
    loop {
        ticks.tick().await;
        *last = last.wrapping_add(1) & u32::MAX >> 1;
        let answered = heard.wait_for(|id| id == last);
        if queue.push(Waiting::Ping(*last)).is_err() || timeout(millis(ping.timeout), answered).await.is_err() {
            return Failure::Silent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_is_repeated_at_once_and_the_others_after_more_and_more() {
        let mut patience = Patience::default();
        let mut waits = |lasted: u64| patience.after(Duration::from_secs(lasted)).as_secs();
        assert_eq!([0; 9].map(&mut waits), [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!([31, 1, 0].map(&mut waits), [0, 1, 2], "after a good one it begins anew");
    }
}
