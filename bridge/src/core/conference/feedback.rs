//! RTCP: each part goes to the stream that it is about.

use std::time::Duration;

use jitsi_wire::jingle::MediaKind;

use super::Conference;
use crate::core::codec::Codec;
use crate::core::egress::Packet;
use crate::core::egress::project::Incoming;
use crate::core::endpoint::Endpoint;
use crate::core::endpoint::encoding::describe_video;
use crate::core::packet::{ExtSeq, Seq, Ssrc};
use crate::core::rtcp::{Block, Compound, Reports, SenderInfo};
use crate::core::turn::Turn;
use crate::core::{Discard, Path};

/// New round trip times weigh this much, as in TCP.
const RTT_WEIGHT: u32 = 8;
/// A longer one is a report that tells nonsense about its delay.
const MAX_RTT: Duration = Duration::from_secs(7);
/// Sender reports that are due this soon go out with those that are due now: streams that began apart share their compounds.
const REPORT_SLACK: Duration = Duration::from_millis(300);
/// Sender reports of one compound.
const MAX_REPORTS: usize = 40;

impl Conference {
    /// An encrypted RTCP compound of the endpoint at `place`.
    pub fn on_rtcp(&mut self, turn: &mut Turn<'_>, place: usize, path: Path, datagram: &mut [u8]) {
        let Some(endpoint) = self.get_mut(place) else {
            return;
        };
        let Ok(len) = endpoint.on_srtcp(turn.now, path, datagram) else {
            endpoint.discarded += 1;
            return;
        };
        for block in Compound::iter(datagram.get(..len).unwrap_or_default()) {
            self.on_block(turn, place, block);
        }
        self.on_sign_of_life(turn.now, place);
        self.drain(turn, place);
    }

    fn on_block(&mut self, turn: &mut Turn<'_>, place: usize, block: Block<'_>) {
        match block {
            Block::SenderReport { ssrc, info, reports } => {
                if let Some(endpoint) = self.get_mut(place) {
                    endpoint.on_sender_report(turn.now, ssrc, &info);
                }
                self.tap_report(turn.now, place, ssrc, &info);
                self.on_reports(turn, place, reports);
            }
            Block::ReceiverReport { reports, .. } => self.on_reports(turn, place, reports),
            Block::Pli { media, .. } => self.on_key_frame_request(turn, place, media),
            Block::Fir { entries, .. } => {
                for entry in entries {
                    self.on_key_frame_request(turn, place, entry.ssrc);
                }
            }
            Block::Nack { media, lost, .. } => self.on_nack(turn, place, media, lost),
            Block::TransportFeedback(feedback) => {
                if let Some(endpoint) = self.get_mut(place) {
                    let round_trip = endpoint.round_trip();
                    endpoint.leg.bandwidth.on_feedback(turn.now, round_trip, &feedback);
                }
                self.follow_estimate(turn, place);
            }
            Block::Remb(remb) => {
                if let Some(endpoint) = self.get_mut(place) {
                    endpoint.leg.bandwidth.on_remb(turn.now, remb.bitrate);
                }
                self.follow_estimate(turn, place);
            }
            Block::Bye | Block::Sdes | Block::Other { .. } => {}
        }
    }

    fn on_reports(&mut self, turn: &Turn<'_>, place: usize, reports: Reports<'_>) {
        let Some(endpoint) = self.get_mut(place) else {
            return;
        };
        for block in reports {
            let egress = endpoint.egress.iter().find(|egress| egress.names.ssrc == block.ssrc);
            let sample = egress.and_then(|egress| egress.round_trip(turn.now, &block));
            let Some(sample) = sample.filter(|sample| *sample <= MAX_RTT) else {
                continue;
            };
            endpoint.rtt = Some(endpoint.rtt.map_or(sample, |rtt| (rtt * (RTT_WEIGHT - 1) + sample) / RTT_WEIGHT));
        }
    }

    /// A receiver asks for a key frame of the stream that it knows by `media`.
    fn on_key_frame_request(&mut self, turn: &mut Turn<'_>, place: usize, media: Ssrc) {
        let Some(endpoint) = self.get_mut(place) else {
            return;
        };
        let rtt = endpoint.round_trip();
        let egress = endpoint.egress_by_ssrc(media).and_then(|index| endpoint.egress.get_mut(index));
        let Some(egress) = egress.filter(|egress| egress.names.kind == MediaKind::Video) else {
            return;
        };
        let encoding = egress.projection.wanted_key_frame().or(egress.projection.current());
        let (owner, source) = (egress.names.owner, egress.names.source);
        let Some(encoding) = encoding.or(egress.projection.target().map(|target| target.encoding)) else {
            return;
        };
        let serial = egress.names.serial;
        if !egress.may_request(turn.now, rtt) || !self.want_key_frame(turn, owner, source, encoding) {
            return;
        }
        let endpoint = self.get_mut(place);
        if let Some(egress) = endpoint.and_then(|e| e.egress_of(serial).and_then(|index| e.egress.get_mut(index))) {
            egress.count_request(turn.now);
        }
    }

    /// A receiver misses what cannot be sent again: a key frame instead.
    fn heal(&mut self, turn: &mut Turn<'_>, place: usize, media: Ssrc) {
        let Some(endpoint) = self.get_mut(place) else {
            return;
        };
        let rtt = endpoint.round_trip();
        let egress = endpoint.egress_by_ssrc(media).and_then(|index| endpoint.egress.get_mut(index));
        let Some(egress) = egress else {
            return;
        };
        let (owner, source, current) = (egress.names.owner, egress.names.source, egress.projection.current());
        if let Some(encoding) = current.filter(|_| egress.may_heal(turn.now, rtt)) {
            self.want_key_frame(turn, owner, source, encoding);
        }
    }

    /// A receiver misses packets: out of the history with them, if they are there and not under way.
    fn on_nack(&mut self, turn: &mut Turn<'_>, place: usize, media: Ssrc, lost: impl Iterator<Item = Seq>) {
        let Some(mut receiver) = self.endpoints.get_mut(place).and_then(Option::take) else {
            return;
        };
        let mut beyond_repair = false;
        if let Some(index) = receiver.egress_by_ssrc(media) {
            for sequence in lost {
                match self.resend(turn, &mut receiver, index, sequence) {
                    Ok(()) => turn.counters.retransmitted += 1,
                    Err(Discard::NoRepair) => beyond_repair = true,
                    // A number that never was, or is too old, is answered by nothing.
                    Err(_) => {}
                }
            }
        }
        if let Some(slot) = self.endpoints.get_mut(place) {
            *slot = Some(receiver);
        }
        if beyond_repair {
            self.heal(turn, place, media);
        }
    }

    fn resend(&self, turn: &mut Turn<'_>, receiver: &mut Endpoint, index: usize, sequence: Seq) -> Result<(), Discard> {
        let (rtt, queue) = (receiver.round_trip(), receiver.leg.bandwidth.queue());
        let egress = receiver.egress.get_mut(index).ok_or(Discard::UnknownSsrc)?;
        let (encoding, at) = egress.projection.locate(sequence).ok_or(Discard::TooOld)?;
        if egress.is_under_way(turn.now, sequence, rtt, queue) {
            return Err(Discard::NotWanted);
        }
        let owner = self.get(egress.names.owner).ok_or(Discard::UnknownSsrc)?;
        let Some(packet) = owner.stored(egress.names.source, encoding, at) else {
            let is_coming = owner.awaits(egress.names.source, encoding, at);
            let is_needed = egress.is_needed(encoding, at);
            return Err(if is_needed && !is_coming { Discard::NoRepair } else { Discard::TooOld });
        };
        if !egress.can_repair(&receiver.leg) {
            return Err(Discard::NoRepair);
        }
        let size = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
        if !receiver.resends.take(turn.now, f64::from(size)) {
            return Err(Discard::NotWanted);
        }
        egress.resend(turn.now, sequence, &packet, &mut receiver.leg, turn.sink).map(|_| ())
    }

    /// Sends the sender reports that are due to the endpoint at `place`.
    pub(super) fn send_sender_reports(&mut self, turn: &mut Turn<'_>, place: usize) {
        let is_due = self.get(place).and_then(Endpoint::next_sender_report).is_some_and(|at| at <= turn.now);
        if !is_due {
            return;
        }
        let Some(mut receiver) = self.endpoints.get_mut(place).and_then(Option::take) else {
            return;
        };
        let due =
            receiver.egress.iter_mut().filter(|egress| egress.is_report_due(turn.now + REPORT_SLACK)).take(MAX_REPORTS);
        let reports: Vec<(Ssrc, SenderInfo)> = due
            .filter_map(|egress| {
                let clocks = &self.source(egress.names.owner, egress.names.source)?.clocks;
                Some((egress.names.ssrc, egress.report(turn.now, clocks)?))
            })
            .collect();
        // What finds no room is left out: its next report is a second away.
        let _ = receiver.leg.send_rtcp(turn.sink, |writer| {
            reports.iter().try_for_each(|(ssrc, info)| writer.sender_report(*ssrc, info, &[]))
        });
        receiver.on_sender_reports(turn.now);
        if let Some(slot) = self.endpoints.get_mut(place) {
            *slot = Some(receiver);
        }
    }
}

impl Endpoint {
    /// A packet out of the history of one of this client's video encodings, as it was when it came.
    pub fn stored(&self, source: usize, encoding: u8, at: ExtSeq) -> Option<Packet<'_>> {
        let stream = self.sources.get(source)?.encodings.get(usize::from(encoding))?;
        let stored = stream.history.get(at)?;
        let header = stored.header;
        let codec = self.codec(header.payload_type);
        let mut incoming = Incoming {
            encoding,
            sequence: at,
            newest: stream.newest(),
            timestamp: header.timestamp,
            payload_type: header.payload_type,
            marker: header.marker,
            key_start: false,
            ..Incoming::default()
        };
        let descriptor = self.description.video.extensions.dependency_descriptor;
        let descriptor = descriptor.and_then(|id| header.element(stored.packet, id));
        describe_video(&mut incoming, codec, header.payload(stored.packet), descriptor);
        stream.replace(&mut incoming, codec, descriptor);
        Some(Packet { header, bytes: stored.packet, incoming, codec, frames: stream.dependencies() })
    }

    /// This client has been asked for that packet, and may yet send it.
    pub fn awaits(&self, source: usize, encoding: u8, at: ExtSeq) -> bool {
        let stream = self.sources.get(source).and_then(|source| source.encodings.get(usize::from(encoding)));
        stream.is_some_and(|stream| stream.losses.awaits(at))
    }

    /// The codec of one of this client's payload types.
    pub fn codec(&self, payload_type: u8) -> Codec {
        self.description.payload(payload_type).map_or(Codec::Unknown, |payload| payload.codec)
    }
}
