//! RTCP: a tolerant walk over compound packets, and writers.
//!
//! [`Compound::iter`] yields what a forwarding unit acts on and skips the rest; [`Writer`] puts packets of our own into a buffer,
//! one after the other. Reduced-size packets (RFC 5506) are read and written as they come.

mod feedback;
mod report;
mod transport;
mod write;

pub use feedback::{FirEntries, FirEntry, MAX_NACKED, Nacked, Remb};
pub use report::{NtpTime, ReportBlock, Reports, SenderInfo, round_trip};
pub use transport::{Arrival, MAX_STATUSES, Statuses, TICK, TransportFeedback};
pub use write::Writer;

use super::packet::Ssrc;

pub(crate) const SENDER_REPORT: u8 = 200;
pub(crate) const RECEIVER_REPORT: u8 = 201;
pub(crate) const SDES: u8 = 202;
pub(crate) const BYE: u8 = 203;
pub(crate) const TRANSPORT_LAYER: u8 = 205;
pub(crate) const PAYLOAD_SPECIFIC: u8 = 206;

/// Formats within [`TRANSPORT_LAYER`] and [`PAYLOAD_SPECIFIC`].
pub(crate) const NACK: u8 = 1;
pub(crate) const TWCC: u8 = 15;
pub(crate) const PLI: u8 = 1;
pub(crate) const FIR: u8 = 4;
pub(crate) const REMB: u8 = 15;

/// One packet of a compound.
#[derive(Debug, Clone)]
pub enum Block<'a> {
    SenderReport {
        ssrc: Ssrc,
        info: SenderInfo,
        reports: Reports<'a>,
    },
    ReceiverReport {
        ssrc: Ssrc,
        reports: Reports<'a>,
    },
    /// The peer misses packets of a stream of ours.
    Nack {
        sender: Ssrc,
        media: Ssrc,
        lost: Nacked<'a>,
    },
    Pli {
        sender: Ssrc,
        media: Ssrc,
    },
    Fir {
        sender: Ssrc,
        entries: FirEntries<'a>,
    },
    Remb(Remb<'a>),
    TransportFeedback(TransportFeedback<'a>),
    /// Signaling decides who leaves: ignored.
    Bye,
    Sdes,
    /// Unknown, or known and malformed inside.
    Other {
        packet_type: u8,
    },
}

/// A datagram of one or more RTCP packets.
#[derive(Debug)]
pub struct Compound;

impl Compound {
    /// The packets in order, up to the first whose length does not fit.
    pub fn iter(datagram: &[u8]) -> Blocks<'_> {
        Blocks { rest: datagram }
    }
}

/// See [`Compound::iter`].
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let &[first, packet_type, l0, l1] = self.rest.first_chunk::<4>()?;
        let len = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let split = self.rest.split_at_checked(len);
        let (Some((packet, rest)), 2) = (split, first >> 6) else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        let mut body = packet.get(4..).unwrap_or_default();
        if first & 0x20 != 0 {
            let padding = usize::from(body.last().copied().unwrap_or(0));
            body = body.get(..body.len().saturating_sub(padding)).unwrap_or_default();
        }
        Some(Block::read(packet_type, first & 31, body).unwrap_or(Block::Other { packet_type }))
    }
}

impl<'a> Block<'a> {
    fn read(packet_type: u8, count: u8, body: &'a [u8]) -> Option<Self> {
        Some(match (packet_type, count) {
            (SENDER_REPORT, _) => {
                let (ssrc, rest) = take_ssrc(body)?;
                let (info, rest) = SenderInfo::read(rest)?;
                Self::SenderReport { ssrc, info, reports: Reports::new(rest, count) }
            }
            (RECEIVER_REPORT, _) => {
                let (ssrc, rest) = take_ssrc(body)?;
                Self::ReceiverReport { ssrc, reports: Reports::new(rest, count) }
            }
            (SDES, _) => Self::Sdes,
            (BYE, _) => Self::Bye,
            (TRANSPORT_LAYER, NACK) => {
                let (sender, media, rest) = take_pair(body)?;
                Self::Nack { sender, media, lost: Nacked::new(rest) }
            }
            (TRANSPORT_LAYER, TWCC) => {
                let (sender, media, rest) = take_pair(body)?;
                Self::TransportFeedback(TransportFeedback::read(sender, media, rest)?)
            }
            (PAYLOAD_SPECIFIC, PLI) => {
                let (sender, media, _) = take_pair(body)?;
                Self::Pli { sender, media }
            }
            (PAYLOAD_SPECIFIC, FIR) => {
                let (sender, _, rest) = take_pair(body)?;
                Self::Fir { sender, entries: FirEntries::new(rest) }
            }
            (PAYLOAD_SPECIFIC, REMB) => {
                let (sender, _, rest) = take_pair(body)?;
                Self::Remb(Remb::read(sender, rest)?)
            }
            _ => return None,
        })
    }
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*head), rest))
}

fn take_ssrc(bytes: &[u8]) -> Option<(Ssrc, &[u8])> {
    take_u32(bytes).map(|(value, rest)| (Ssrc(value), rest))
}

/// The two SSRCs that open every feedback packet.
fn take_pair(bytes: &[u8]) -> Option<(Ssrc, Ssrc, &[u8])> {
    let (sender, rest) = take_ssrc(bytes)?;
    let (media, rest) = take_ssrc(rest)?;
    Some((sender, media, rest))
}

#[cfg(test)]
mod tests;
