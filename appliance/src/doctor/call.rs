//! The self-call: two guests in a room of their own, each of whom must hear the other through the bridge.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bridge::core::caller::{Caller, CallerOutput};
use bridge::core::endpoint::identity::Identity;
use tokio::net::UdpSocket;
use tokio::time::{sleep_until, timeout};

use super::guest::Guest;
use super::line::Door;

/// From the first packet to the last; on a slow board with a meeting going on a call takes two seconds.
const PATIENCE: Duration = Duration::from_secs(9);
/// Leaving is a courtesy.
const FAREWELL: Duration = Duration::from_millis(500);
/// As often as a microphone sends.
const PACKET_EVERY: Duration = Duration::from_millis(20);
const MARK: usize = 16;
/// The numbers that the focus offers.
const OPUS: u8 = 111;
const AUDIO_LEVEL: u8 = 1;

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Nobody was let in, or nobody was invited.
    Signaling,
    /// The bridge offered its addresses, and none of its packets came back.
    NoPath,
    /// Packets come and go, and the handshake does not end.
    NoKeys,
    /// Nobody heard the other.
    NoMedia,
    /// Both heard each other.
    Heard,
}

/// Why it came no further.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) stage: Stage,
    pub(super) why: String,
}

/// Calls by way of `target`, one address of the bridge; how long it took until both heard each other.
pub(super) async fn call(door: Door, domain: &str, target: SocketAddr) -> Result<Duration, Broken> {
    let started = Instant::now();
    if let Err(error) = local_address(target) {
        return Err(Broken { stage: Stage::NoPath, why: format!("{error:#}") });
    }
    let stages = [Cell::new(Stage::Signaling), Cell::new(Stage::Signaling)];
    let outcome = timeout(PATIENCE, talk(door, domain, target, &stages)).await;
    let stage = stages[0].get().min(stages[1].get());
    match outcome {
        Ok(Ok(())) => Ok(started.elapsed()),
        Ok(Err(error)) => Err(Broken { stage, why: format!("{error:#}") }),
        Err(_) => Err(Broken { stage, why: format!("nothing more within {} s", PATIENCE.as_secs()) }),
    }
}

async fn talk(door: Door, domain: &str, target: SocketAddr, stages: &[Cell<Stage>; 2]) -> Result<()> {
    let identity = Arc::new(Identity::generate()?);
    let marks: [[u8; MARK]; 2] = [random()?, random()?];
    let room = format!("doctor-{:016x}", u64::from_be_bytes(random()?));
    let (first, second) = tokio::try_join!(Guest::enter(door, domain, &room), Guest::enter(door, domain, &room))?;
    let [stage, other_stage] = stages;
    let one = Side {
        guest: first,
        identity: Arc::clone(&identity),
        target,
        own: marks[0],
        expected: marks[1],
        stage,
        other_stage,
    };
    let two = Side {
        guest: second,
        identity,
        target,
        own: marks[1],
        expected: marks[0],
        stage: other_stage,
        other_stage: stage,
    };
    tokio::try_join!(one.talk(), two.talk())?;
    Ok(())
}

/// One of the two.
struct Side<'a> {
    guest: Guest,
    identity: Arc<Identity>,
    target: SocketAddr,
    /// What this side says, and what it must hear.
    own: [u8; MARK],
    expected: [u8; MARK],
    stage: &'a Cell<Stage>,
    other_stage: &'a Cell<Stage>,
}

impl Side<'_> {
    /// Ends when both have heard each other.
    async fn talk(mut self) -> Result<()> {
        let offer = self.guest.next_offer().await?;
        self.stage.set(Stage::NoPath);
        let udp = UdpSocket::bind((local_address(self.target)?, 0)).await?;
        let mut caller = Caller::new(Instant::now(), &self.identity, udp.local_addr()?.ip(), random()?);
        let mut microphone = Microphone::new(self.own)?;
        self.guest.accept(&offer, caller.description(), microphone.ssrc).await?;
        caller.set_remote(Instant::now(), &offer.transport, self.target);
        let mut datagram = [0; 2048];
        while self.stage.get() != Stage::Heard || self.other_stage.get() != Stage::Heard {
            self.drain(&mut caller, &udp).await?;
            let now = Instant::now();
            let wake = caller.next_wakeup().unwrap_or(now + PACKET_EVERY).min(microphone.next).max(now);
            tokio::select! {
                // A second offer would be another session; there is none in so short a time.
                offered = self.guest.next_offer() => drop(offered?),
                received = udp.recv_from(&mut datagram) => {
                    // An address that refuses is no reason to end before the deadline: the stage says what is wrong.
                    if let Ok((len, from)) = received
                        && let Some(datagram) = datagram.get_mut(..len)
                    {
                        caller.handle(Instant::now(), from, datagram);
                    }
                }
                () = sleep_until(wake.into()) => {
                    caller.on_wakeup(Instant::now());
                    if let Some(packet) = microphone.due(Instant::now()) {
                        caller.send(&packet);
                    }
                }
            }
        }
        // Packets that the other side still waits for have been heard, or it would not have said so.
        let _ = timeout(FAREWELL, self.guest.leave()).await;
        Ok(())
    }

    async fn drain(&self, caller: &mut Caller, udp: &UdpSocket) -> Result<()> {
        while let Some(output) = caller.poll() {
            match output {
                // Lost like any other where there is no route.
                CallerOutput::Transmit { to, datagram } => drop(udp.send_to(&datagram, to).await),
                CallerOutput::Connected => self.reach(Stage::NoKeys),
                CallerOutput::Secured => self.reach(Stage::NoMedia),
                CallerOutput::Media(packet) if packet.windows(MARK).any(|part| part == self.expected) => {
                    self.reach(Stage::Heard);
                }
                CallerOutput::Media(_) => {}
                CallerOutput::Failed(failure) => anyhow::bail!("the connection for media broke: {failure:?}"),
            }
        }
        Ok(())
    }

    fn reach(&self, stage: Stage) {
        self.stage.set(self.stage.get().max(stage));
    }
}

/// Sends a mark as if it were Opus.
struct Microphone {
    mark: [u8; MARK],
    ssrc: u32,
    sequence: u16,
    next: Instant,
}

impl Microphone {
    fn new(mark: [u8; MARK]) -> Result<Self> {
        // 0 is no SSRC.
        Ok(Self { mark, ssrc: u32::from_be_bytes(random()?) | 1, sequence: 0, next: Instant::now() })
    }

    fn due(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.next {
            return None;
        }
        self.next = now + PACKET_EVERY;
        self.sequence = self.sequence.wrapping_add(1);
        let timestamp = u32::from(self.sequence).wrapping_mul(960);
        let mut packet = vec![0x90, OPUS];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        // One-byte header extension with the level of a voice.
        packet.extend([0xbe, 0xde, 0, 1, AUDIO_LEVEL << 4, 0x80 | 30, 0, 0]);
        packet.extend(self.mark);
        packet.extend([0; 48]);
        Some(packet)
    }
}

/// The address from which this machine reaches another; asks the routing table, sends nothing.
fn local_address(target: SocketAddr) -> Result<IpAddr> {
    let any = if target.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(target).context("there is no way to this address")?;
    Ok(socket.local_addr()?.ip())
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).ok().context("the system gives no random numbers")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_microphone_sends_fifty_packets_a_second() {
        let mut microphone = Microphone::new([7; MARK]).unwrap();
        let start = microphone.next;
        let sent: Vec<Vec<u8>> = (0..1000).filter_map(|ms| microphone.due(start + Duration::from_millis(ms))).collect();
        assert_eq!(sent.len(), 50);
        assert_eq!((sent[49][3], sent[0].len()), (50, 84));
    }

    #[test]
    fn the_way_to_loopback_begins_there() {
        assert!(local_address("127.0.0.1:10000".parse().unwrap()).unwrap().is_loopback());
    }
}
