//! A browser without a screen: ICE, DTLS, SRTP, camera, microphone, jitter buffer and decoder model, pure.
//!
//! Its cryptography is the `rtc-*` family's, so that what the bridge does is checked by code that the bridge does not use.

pub mod arrivals;
pub mod ice;
pub mod keys;
pub mod receiver;
pub mod reports;
pub mod sender;

use arrivals::Arrivals;
use bytes::{Buf, Bytes};
use ice::Ice;
use jitsi_wire::colibri2::MediaSource;
use jitsi_wire::jingle::{Fingerprint, IceUdpTransport, MediaKind, Semantics, Setup, SsrcGroup};
use keys::{Dtls, Offer, Srtp};
use receiver::{Ask, Receiver};
use reports::Reports;
use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::{Marshal, Unmarshal};
use sender::{Load, Sender, TRANSPORT_CC};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Counters of RTCP that came from the bridge.
#[derive(Debug, Default, Clone)]
pub struct Rtcp {
    pub nacks: u32,
    pub key_frame_requests: u32,
    pub transport_feedback: u32,
    pub receiver_reports: u32,
    /// Sender reports by SSRC: how many, and the last pair of RTP timestamp and NTP time.
    pub sender_reports: HashMap<u32, (u32, u32, u64)>,
}

/// What becomes of the transport-wide feedback of a bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Feedback {
    #[default]
    Sent,
    Withheld,
    /// It tells of numbers that were never given out.
    Mistaken,
}

/// One participant.
pub struct Bot {
    pub id: String,
    pub addr: SocketAddr,
    pub ice: Ice,
    pub dtls: Dtls,
    srtp: Option<Srtp>,
    pub sender: Sender,
    pub receiver: Receiver,
    pub rtcp: Rtcp,
    pub connected_at: Option<Instant>,
    /// SRTP that did not decrypt: always a fault of the bridge.
    pub undecryptable: u64,
    pub feedback: Feedback,
    arrivals: Arrivals,
    reports: Reports,
    next_report: Option<Instant>,
    outbox: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Bot {
    /// `number` makes addresses, SSRCs and credentials of this bot unique.
    pub fn new(number: u32, addr: SocketAddr, load: Load, offer: Offer) -> Self {
        let crypto = rtc_crypto::default_provider().expect("crypto provider");
        Self {
            id: format!("{number:08x}"),
            addr,
            ice: Ice::new(format!("bot{number}"), format!("password-of-bot-{number:08}"), crypto.clone()),
            dtls: Dtls::new(addr, crypto, offer),
            srtp: None,
            sender: Sender::new(1000 + number * 100, load),
            receiver: Receiver::default(),
            rtcp: Rtcp::default(),
            connected_at: None,
            undecryptable: 0,
            feedback: Feedback::Sent,
            arrivals: Arrivals::default(),
            reports: Reports::default(),
            next_report: None,
            outbox: VecDeque::new(),
        }
    }

    /// What a client answers to an offer.
    pub fn answer(&self) -> IceUdpTransport {
        IceUdpTransport {
            ufrag: Some(self.ice.ufrag.clone()),
            pwd: Some(self.ice.pwd.clone()),
            fingerprints: vec![Fingerprint {
                hash: "sha-256".into(),
                value: self.dtls.fingerprint.clone(),
                setup: Some(Setup::Active),
            }],
            ..IceUdpTransport::default()
        }
    }

    /// The bot's sources as its client would signal them.
    pub fn sources(&self) -> Vec<MediaSource> {
        let mut sources = Vec::new();
        if self.sender.load.audio {
            sources.push(MediaSource {
                id: format!("{}-a0", self.id),
                kind: MediaKind::Audio,
                ssrcs: vec![self.sender.audio_ssrc],
                groups: Vec::new(),
                desktop: false,
                synthetic: false,
            });
        }
        let video = self.sender.video_ssrcs();
        if !video.is_empty() {
            let mut groups: Vec<SsrcGroup> = video
                .iter()
                .map(|(ssrc, rtx)| SsrcGroup { semantics: Semantics::Fid, ssrcs: vec![*ssrc, *rtx] })
                .collect();
            if video.len() > 1 {
                groups.push(SsrcGroup {
                    semantics: Semantics::Sim,
                    ssrcs: video.iter().map(|(ssrc, _)| *ssrc).collect(),
                });
            }
            sources.push(MediaSource {
                id: format!("{}-v0", self.id),
                kind: MediaKind::Video,
                ssrcs: video.iter().flat_map(|(ssrc, rtx)| [*ssrc, *rtx]).collect(),
                groups,
                desktop: false,
                synthetic: false,
            });
        }
        sources
    }

    /// The primary video SSRC, under which others see this bot.
    pub fn video_ssrc(&self) -> Option<u32> {
        self.sender.video_ssrcs().first().map(|(ssrc, _)| *ssrc)
    }

    /// Signaling told of another participant. Streams of an earlier one with the same numbers are forgotten, as a client does.
    pub fn learn(&mut self, other: &Bot) {
        for source in other.sources() {
            for ssrc in source.ssrcs {
                self.receiver.tracks.remove(&ssrc);
            }
        }
        if let Some((ssrc, rtx)) = other.sender.video_ssrcs().first() {
            self.receiver.rtx.insert(*rtx, *ssrc);
        }
    }

    pub fn connected(&self) -> bool {
        self.srtp.is_some()
    }

    /// What somebody else needs to go on with its media.
    pub fn into_media(self) -> Option<(Ice, Srtp)> {
        Some((self.ice, self.srtp?))
    }

    pub fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        match datagram.first() {
            Some(0..=3) => {
                if let Some(answer) = self.ice.handle(from, datagram) {
                    self.outbox.push_back((from, answer));
                }
                if self.ice.writable && !self.dtls.started() {
                    self.dtls.connect(now, from);
                }
            }
            Some(20..=63) => {
                if let Some(srtp) = self.dtls.handle(now, datagram) {
                    self.srtp = Some(srtp);
                    self.connected_at = Some(now);
                    self.next_report = Some(now + REPORT_EVERY);
                    self.sender.start(now);
                }
            }
            Some(128..=191) => self.handle_srtp(now, datagram),
            _ => {}
        }
        self.flush_dtls();
    }

    fn handle_srtp(&mut self, now: Instant, datagram: &[u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        let rtcp = matches!(datagram.get(1), Some(192..=223));
        let plain = if rtcp { srtp.remote.decrypt_rtcp(datagram) } else { srtp.remote.decrypt_rtp(datagram) };
        let plain = match plain {
            Ok(plain) => plain,
            Err(error) => {
                let repeated = error.to_string().contains("duplicated");
                self.undecryptable += u64::from(!repeated);
                return;
            }
        };
        let mut plain: Bytes = plain.freeze();
        if rtcp {
            self.handle_rtcp(now, plain);
        } else if let Ok(packet) = Packet::unmarshal(&mut plain) {
            if let Some(number) = packet.header.get_extension(TRANSPORT_CC).and_then(|e| e.first_chunk().copied()) {
                self.arrivals.on_packet(now, u16::from_be_bytes(number));
            }
            self.receiver.handle(now, packet);
        }
    }

    fn handle_rtcp(&mut self, now: Instant, plain: Bytes) {
        let mut rest = plain;
        while rest.remaining() >= 8 {
            let len = 4 * (usize::from(u16::from_be_bytes([rest[2], rest[3]])) + 1);
            if rest.remaining() < len {
                return;
            }
            let block = rest.split_to(len);
            self.handle_block(now, &block);
        }
    }

    fn handle_block(&mut self, now: Instant, block: &[u8]) {
        let word = |at: usize| u32::from_be_bytes(block[at..at + 4].try_into().expect("word"));
        match (block[1], block[0] & 31) {
            (200, _) if block.len() >= 28 => {
                let entry = self.rtcp.sender_reports.entry(word(4)).or_default();
                let ntp = u64::from(word(8)) << 32 | u64::from(word(12));
                *entry = (entry.0 + 1, word(16), ntp);
                self.reports.on_sender_report(now, word(4), ntp);
                self.handle_report_blocks(now, &block[28..]);
            }
            (201, _) => {
                self.rtcp.receiver_reports += 1;
                self.handle_report_blocks(now, &block[8..]);
            }
            (205, 1) => {
                self.rtcp.nacks += 1;
                let mut raw = Bytes::copy_from_slice(block);
                if let Ok(nack) = TransportLayerNack::unmarshal(&mut raw) {
                    for sequence in nack.nacks.iter().flat_map(|pair| pair.packet_list()) {
                        self.sender.retransmit(nack.media_ssrc, sequence);
                    }
                }
            }
            (205, 15) => self.rtcp.transport_feedback += 1,
            (206, 1) => {
                self.rtcp.key_frame_requests += 1;
                self.sender.key_frame_wanted(word(8));
            }
            (206, 4) if block.len() >= 20 => {
                self.rtcp.key_frame_requests += 1;
                self.sender.key_frame_wanted(word(12));
            }
            _ => {}
        }
    }

    fn handle_report_blocks(&mut self, now: Instant, blocks: &[u8]) {
        if let Some(ntp) = self.sender.ntp(now) {
            self.reports.on_blocks(ntp, blocks);
        }
    }

    pub fn next_wakeup(&self, now: Instant) -> Option<Instant> {
        [
            self.ice.next_wakeup(),
            self.dtls.next_wakeup(),
            self.sender.next_wakeup(),
            self.receiver.next_wakeup(now),
            self.next_report,
            self.arrivals.next_wakeup(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub fn on_wakeup(&mut self, now: Instant) {
        if let Some(check) = self.ice.poll_check(now) {
            self.outbox.push_back(check);
        }
        if self.dtls.next_wakeup().is_some_and(|at| at <= now) {
            self.dtls.on_wakeup(now);
        }
        self.flush_dtls();
        if self.srtp.is_none() {
            return;
        }
        self.sender.on_wakeup(now);
        for ask in self.receiver.asks(now, self.reports.rtt) {
            self.ask(&ask);
        }
        let own = self.sender.audio_ssrc;
        if let Some(mut feedback) = self.arrivals.poll(now, own, own).filter(|_| self.feedback != Feedback::Withheld) {
            if self.feedback == Feedback::Mistaken {
                feedback.base_sequence_number = feedback.base_sequence_number.wrapping_add(1 << 14);
            }
            self.push_rtcp(&feedback.marshal().expect("RTCP"));
        }
        if self.next_report.is_some_and(|at| at <= now) {
            self.next_report = Some(now + REPORT_EVERY);
            self.report(now);
        }
    }

    /// Sends what a receiver asks for.
    pub fn ask(&mut self, ask: &Ask) {
        let sender_ssrc = self.sender.audio_ssrc;
        let packet = match ask {
            Ask::Nack { ssrc, sequences } => TransportLayerNack {
                sender_ssrc,
                media_ssrc: *ssrc,
                nacks: nack_pairs_from_sequence_numbers(sequences),
            }
            .marshal(),
            Ask::KeyFrame { ssrc } => PictureLossIndication { sender_ssrc, media_ssrc: *ssrc }.marshal(),
        };
        self.push_rtcp(&packet.expect("RTCP"));
    }

    fn report(&mut self, now: Instant) {
        for report in self.sender.reports(now) {
            self.push_rtcp(&report.marshal().expect("RTCP"));
        }
        let (ssrc, reports) = (self.sender.audio_ssrc, self.reports.blocks(now));
        let report = rtc_rtcp::receiver_report::ReceiverReport { ssrc, reports, ..Default::default() };
        self.push_rtcp(&report.marshal().expect("RTCP"));
    }

    /// A FIR instead of a PLI, as some clients send.
    pub fn full_intra_request(&mut self, ssrc: u32, sequence_number: u8) {
        let fir = FullIntraRequest {
            sender_ssrc: self.sender.audio_ssrc,
            media_ssrc: 0,
            fir: vec![rtc_rtcp::payload_feedbacks::full_intra_request::FirEntry { ssrc, sequence_number }],
        };
        self.push_rtcp(&fir.marshal().expect("RTCP"));
    }

    fn push_rtcp(&mut self, plain: &[u8]) {
        let (Some(srtp), Some(to)) = (&mut self.srtp, self.ice.remote_addr()) else {
            return;
        };
        if let Ok(sealed) = srtp.local.encrypt_rtcp(plain) {
            self.outbox.push_back((to, sealed.to_vec()));
        }
    }

    fn flush_dtls(&mut self) {
        while let Some(transmit) = self.dtls.poll() {
            self.outbox.push_back(transmit);
        }
    }

    /// The next datagram to send.
    pub fn poll(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        if let Some(datagram) = self.outbox.pop_front() {
            return Some(datagram);
        }
        let to = self.ice.remote_addr()?;
        let srtp = self.srtp.as_mut()?;
        let plain = self.sender.poll()?;
        let sealed = srtp.local.encrypt_rtp(&plain).expect("SRTP");
        Some((to, sealed.to_vec()))
    }
}
