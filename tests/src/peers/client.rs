//! The media of a person once it is connected, over one socket, with little work for each packet: what is measured is the server.

use super::media::{Kind, Track};
use super::scene::Shape;
use super::stamp::{self, Nanos, Stamp};
use crate::bot::Bot;
use crate::bot::arrivals::Arrivals;
use crate::bot::ice::Ice;
use crate::bot::keys::Srtp;
use crate::bot::sender::TRANSPORT_CC;
use anyhow::{Context, Result};
use bytes::BytesMut;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, recvmmsg, sendmmsg, setsockopt,
};
use nix::sys::time::TimeSpec;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtp::header::Header;
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::{Marshal, MarshalSize, Unmarshal};
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Datagrams of one system call.
const BATCH: usize = 16;
const SLOT: usize = 2048;

/// A connected person.
pub struct Client {
    pub socket: UdpSocket,
    /// None towards the floor, which has neither ICE nor RTCP.
    ice: Option<Ice>,
    remote: SocketAddr,
    srtp: Srtp,
    numbers: Numbers,
    transport_sequence: u16,
    pub tracks: Vec<Track>,
    ssrc: u32,
    arrivals: Arrivals,
    next_report: Instant,
}

/// What was agreed on for what comes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Numbers {
    /// Extension with the number for transport-wide feedback.
    pub transport_cc: Option<u8>,
    /// Payload type of what is sent again, or as a probe.
    pub rtx: Option<u8>,
}

/// A media packet that came.
pub struct Arrived {
    pub stamp: Stamp,
    pub at: Nanos,
}

impl Client {
    /// A bot that has connected over a socket.
    pub fn new(bot: Bot, socket: UdpSocket, numbers: Numbers) -> Result<Self> {
        let tracks = tracks(&bot);
        let ssrc = bot.sender.audio_ssrc;
        let (ice, srtp) = bot.into_media().context("connected")?;
        let remote = ice.remote_addr().context("an address")?;
        Self::over(socket, Some(ice), remote, srtp, ssrc, tracks, numbers)
    }

    /// Keys that were agreed on in some other way.
    pub fn with_keys(socket: UdpSocket, remote: SocketAddr, srtp: Srtp, tracks: Vec<Track>) -> Result<Self> {
        Self::over(socket, None, remote, srtp, 0, tracks, Numbers::default())
    }

    fn over(
        socket: UdpSocket,
        ice: Option<Ice>,
        remote: SocketAddr,
        srtp: Srtp,
        ssrc: u32,
        tracks: Vec<Track>,
        numbers: Numbers,
    ) -> Result<Self> {
        socket.set_nonblocking(true)?;
        socket.connect(remote)?;
        // The kernel tells when a packet came, however late we look.
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        Ok(Self {
            socket,
            ice,
            remote,
            srtp,
            numbers,
            transport_sequence: 1,
            tracks,
            ssrc,
            arrivals: Arrivals::default(),
            next_report: Instant::now(),
        })
    }

    /// All streams begin: the encodings of a picture leave one behind the other, as from a browser.
    pub fn begin(&mut self, shape: Shape, at: Instant) {
        let sent = self.tracks.iter_mut().filter(|track| shape != Shape::Seen || track.wanted());
        sent.for_each(|track| track.begin(shape, at));
    }

    /// When something is to be sent.
    pub fn due(&self) -> Option<Instant> {
        self.tracks.iter().filter_map(Track::due).min()
    }

    /// Sends what is due; how many packets that everybody wants went out, by when they were sent.
    pub fn send_due(&mut self, now: Instant, mut sent: impl FnMut(Stamp)) -> Result<()> {
        for track in self.tracks.iter_mut().filter(|track| track.due().is_some_and(|due| due <= now)) {
            let packets = track.burst(TRANSPORT_CC, &mut self.transport_sequence);
            let sealed = packets.iter().map(|packet| seal(&mut self.srtp, packet)).collect::<Result<Vec<_>>>()?;
            send_all(&self.socket, &sealed)?;
            packets.iter().filter_map(|packet| Stamp::read(&packet.payload)).for_each(&mut sent);
        }
        Ok(())
    }

    /// What is due beside the media: checks, feedback, reports.
    pub fn housekeeping(&mut self, now: Instant) -> Result<()> {
        let Some(ice) = &mut self.ice else { return Ok(()) };
        if let Some((_, check)) = ice.poll_check(now) {
            send(&self.socket, &check)?;
        }
        if let Some(feedback) = self.arrivals.poll(now, self.ssrc, self.ssrc) {
            self.send_rtcp(&feedback.marshal()?)?;
        }
        if self.next_report <= now {
            self.next_report = now + REPORT_EVERY;
            let report = ReceiverReport { ssrc: self.ssrc, ..ReceiverReport::default() };
            self.send_rtcp(&report.marshal()?)?;
            let reports: Vec<_> = self.tracks.iter().map(Track::report).collect();
            reports.iter().try_for_each(|report| self.send_rtcp(report))?;
        }
        Ok(())
    }

    fn send_rtcp(&mut self, plain: &[u8]) -> Result<()> {
        let sealed = self.srtp.local.encrypt_rtcp(plain)?;
        send(&self.socket, &sealed)
    }

    /// Takes one batch of what has come.
    pub fn receive(&mut self, inbox: &mut Inbox, arrived: impl FnMut(Arrived)) -> Result<()> {
        let socket = self.socket.as_raw_fd();
        inbox.receive(socket, |datagram, at, clock| self.handle(datagram, at, clock), arrived)
    }

    fn handle(&mut self, datagram: &[u8], at: Nanos, clock: &Clock) -> Result<Option<Arrived>> {
        match (datagram.first(), datagram.get(1)) {
            (Some(0..=3), _) => {
                let answer = self.ice.as_mut().and_then(|ice| ice.handle(self.remote, datagram));
                answer.map_or(Ok(()), |answer| send(&self.socket, &answer))?;
                Ok(None)
            }
            (Some(128..=191), Some(192..=223)) => {
                self.handle_rtcp(datagram);
                Ok(None)
            }
            (Some(128..=191), _) => Ok(self.handle_rtp(datagram, at, clock)),
            _ => Ok(None),
        }
    }

    fn handle_rtp(&mut self, datagram: &[u8], at: Nanos, clock: &Clock) -> Option<Arrived> {
        let header = Header::unmarshal(&mut &*datagram).ok()?;
        let plain = self.srtp.remote.decrypt_rtp_with_header(datagram, &header).ok()?;
        let number = self.numbers.transport_cc.and_then(|id| header.get_extension(id)?.first_chunk().copied());
        if let Some(number) = number {
            self.arrivals.on_packet(clock.instant(at), u16::from_be_bytes(number));
        }
        let stamp = Stamp::read(plain.get(header.marshal_size()..)?)?;
        (Some(header.payload_type) != self.numbers.rtx).then_some(Arrived { stamp, at })
    }

    /// Only requests for key frames mean something to those who send.
    fn handle_rtcp(&mut self, datagram: &[u8]) {
        if self.tracks.is_empty() {
            return;
        }
        let Ok(plain) = self.srtp.remote.decrypt_rtcp(datagram) else { return };
        if blocks(&plain).any(|block| matches!((block[0] & 31, block[1]), (1 | 4, 206))) {
            self.tracks.iter_mut().for_each(Track::key_frame_wanted);
        }
    }
}

/// The parts of a compound RTCP packet.
fn blocks(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let words = u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]);
        let (block, after) = rest.split_at_checked(4 * (usize::from(words) + 1))?;
        rest = after;
        Some(block)
    })
}

fn tracks(bot: &Bot) -> Vec<Track> {
    let load = bot.sender.load;
    let audio = load.audio.then(|| Track::new(bot.sender.audio_ssrc, Kind::Audio));
    let video = bot.sender.video_ssrcs().into_iter().enumerate();
    audio.into_iter().chain(video.map(|(encoding, (ssrc, _))| Track::new(ssrc, Kind::Video(encoding)))).collect()
}

fn seal(srtp: &mut Srtp, packet: &Packet) -> Result<BytesMut> {
    let plain = packet.marshal()?;
    Ok(srtp.local.encrypt_rtp_with_header(&plain, &packet.header)?)
}

/// A full buffer and a server that is gone are losses, which are counted elsewhere.
fn send(socket: &UdpSocket, datagram: &[u8]) -> Result<()> {
    match socket.send(datagram) {
        Err(error) if !is_loss(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

fn is_loss(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, WouldBlock};
    matches!(error.kind(), WouldBlock | ConnectionRefused)
}

/// Several in one call, as they would come from a network: one behind the other, not joined.
fn send_all(socket: &UdpSocket, datagrams: &[BytesMut]) -> Result<()> {
    if let [datagram] = datagrams {
        return send(socket, datagram);
    }
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(datagrams.len(), None);
    let slices: Vec<_> = datagrams.iter().map(|datagram| [IoSlice::new(datagram)]).collect();
    let to = vec![None; datagrams.len()];
    match sendmmsg(socket.as_raw_fd(), &mut headers, &slices, &to, [], MsgFlags::empty()) {
        Err(errno) if !is_loss(&errno.into()) => Err(errno.into()),
        _ => Ok(()),
    }
}

/// The clock of the kernel's stamps, and the one that never goes back.
pub struct Clock {
    instant: Instant,
    nanos: Nanos,
}

impl Clock {
    fn new() -> Self {
        Self { instant: Instant::now(), nanos: stamp::now() }
    }

    fn instant(&self, at: Nanos) -> Instant {
        self.instant + Duration::from_nanos(at.saturating_sub(self.nanos))
    }
}

/// Room for one batch.
pub struct Inbox {
    slots: Vec<u8>,
    headers: MultiHeaders<SockaddrIn>,
    clock: Clock,
}

impl Default for Inbox {
    fn default() -> Self {
        let headers = MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(TimeSpec)));
        Self { slots: vec![0; BATCH * SLOT], headers, clock: Clock::new() }
    }
}

impl Inbox {
    fn receive(
        &mut self,
        socket: i32,
        mut handle: impl FnMut(&[u8], Nanos, &Clock) -> Result<Option<Arrived>>,
        mut arrived: impl FnMut(Arrived),
    ) -> Result<()> {
        let mut slots: Vec<_> = self.slots.chunks_exact_mut(SLOT).map(|slot| [IoSliceMut::new(slot)]).collect();
        let received = match recvmmsg(socket, &mut self.headers, slots.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Err(errno) if is_loss(&errno.into()) => return Ok(()),
            received => received?,
        };
        for message in received {
            let at = arrival(&message);
            for datagram in message.iovs() {
                if let Some(packet) = handle(datagram, at, &self.clock)? {
                    arrived(packet);
                }
            }
        }
        Ok(())
    }
}

fn arrival(message: &RecvMsg<'_, '_, SockaddrIn>) -> Nanos {
    let stamped = message.cmsgs().ok().into_iter().flatten().find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at).as_nanos() as Nanos),
        _ => None,
    });
    stamped.unwrap_or_else(stamp::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compound_is_taken_apart_and_what_is_cut_off_is_left() {
        let compound = [&[0x80, 201, 0, 1, 0, 0, 0, 7][..], &[0x81, 206, 0, 2], &[0; 8], &[0x80, 200, 0, 6]].concat();
        let kinds: Vec<u8> = blocks(&compound).map(|block| block[1]).collect();
        assert_eq!(kinds, [201, 206]);
    }
}
