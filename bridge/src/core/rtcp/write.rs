//! Writes RTCP packets one behind the other.

use super::{
    FIR, NACK, PAYLOAD_SPECIFIC, PLI, RECEIVER_REPORT, ReportBlock, SDES, SENDER_REPORT, SenderInfo, TRANSPORT_LAYER,
};
use crate::core::Discard;
use crate::core::packet::{Seq, Ssrc};

/// Report blocks that one packet can count.
pub(super) const MAX_REPORTS: usize = 31;

/// A compound in the making. A packet that does not fit is refused whole and leaves what is there as it was.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// Leave room for [`super::super::srtp::MAX_RTCP_OVERHEAD`] behind `buffer` if it is to be sealed in place.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes a sender report with up to 31 blocks; more are left out.
    pub fn sender_report(&mut self, ssrc: Ssrc, info: &SenderInfo, reports: &[ReportBlock]) -> Result<(), Discard> {
        let reports = reports.get(..MAX_REPORTS).unwrap_or(reports);
        self.packet(SENDER_REPORT, u8::try_from(reports.len()).unwrap_or(31), |body| {
            body.put(&ssrc.0.to_be_bytes())?;
            body.put(&info.ntp.0.to_be_bytes())?;
            body.put(&info.rtp_timestamp.to_be_bytes())?;
            body.put(&info.packets.to_be_bytes())?;
            body.put(&info.octets.to_be_bytes())?;
            reports.iter().try_for_each(|block| body.put(&block.bytes()))
        })
    }

    /// Writes a receiver report with up to 31 blocks; more are left out.
    pub fn receiver_report(&mut self, ssrc: Ssrc, reports: &[ReportBlock]) -> Result<(), Discard> {
        let reports = reports.get(..MAX_REPORTS).unwrap_or(reports);
        self.packet(RECEIVER_REPORT, u8::try_from(reports.len()).unwrap_or(31), |body| {
            body.put(&ssrc.0.to_be_bytes())?;
            reports.iter().try_for_each(|block| body.put(&block.bytes()))
        })
    }

    /// Writes an SDES with a CNAME: for peers that did not negotiate reduced-size RTCP.
    pub fn cname(&mut self, ssrc: Ssrc, cname: &str) -> Result<(), Discard> {
        let len = u8::try_from(cname.len()).map_err(|_| Discard::TooLarge)?;
        self.packet(SDES, 1, |body| {
            body.put(&ssrc.0.to_be_bytes())?;
            body.put(&[1, len])?;
            body.put(cname.as_bytes())?;
            // The item list ends with a zero byte, and then the chunk is filled up.
            body.put(&[0])?;
            body.fill_word()
        })
    }

    pub fn pli(&mut self, sender: Ssrc, media: Ssrc) -> Result<(), Discard> {
        self.packet(PAYLOAD_SPECIFIC, PLI, |body| body.pair(sender, media))
    }

    /// `sequence` counts the demands on `media`: a repetition keeps its number.
    pub fn fir(&mut self, sender: Ssrc, media: Ssrc, sequence: u8) -> Result<(), Discard> {
        self.packet(PAYLOAD_SPECIFIC, FIR, |body| {
            body.pair(sender, Ssrc(0))?;
            body.put(&media.0.to_be_bytes())?;
            body.put(&[sequence, 0, 0, 0])
        })
    }

    /// Writes a NACK for numbers in ascending order (around the wrap). Answers how many of them found room.
    pub fn nack(&mut self, sender: Ssrc, media: Ssrc, lost: &[Seq]) -> Result<usize, Discard> {
        let mut written = 0;
        self.packet(TRANSPORT_LAYER, NACK, |body| {
            body.pair(sender, media)?;
            let mut lost = lost;
            while let Some((pid, mask, count)) = next_pair(lost) {
                match body.put_pair(pid, mask) {
                    Ok(()) => written += count,
                    Err(full) if written == 0 => return Err(full),
                    Err(_) => break,
                }
                lost = lost.get(count..).unwrap_or_default();
            }
            if written == 0 { Err(Discard::NotWanted) } else { Ok(()) }
        })?;
        Ok(written)
    }

    /// Writes one packet: header, then whatever `body` puts, then padding with the P bit if that is not whole words.
    pub(super) fn packet(
        &mut self,
        packet_type: u8,
        count: u8,
        body: impl FnOnce(&mut Body<'_>) -> Result<(), Discard>,
    ) -> Result<(), Discard> {
        let start = self.len;
        let buffer = self.buffer.get_mut(start..).ok_or(Discard::TooLarge)?;
        let mut writing = Body { buffer, at: 0 };
        writing.put(&[0x80 | (count & 31), packet_type, 0, 0])?;
        body(&mut writing)?;
        let odd = writing.at % 4;
        let padded = odd != 0;
        if padded {
            let missing = u8::try_from(4 - odd).unwrap_or(4);
            writing.put([0, 0, 0].get(..usize::from(missing) - 1).unwrap_or_default())?;
            writing.put(&[missing])?;
        }
        let len = writing.at;
        let words = u16::try_from(len / 4 - 1).map_err(|_| Discard::TooLarge)?;
        let [first, _, l0, l1] = writing.buffer.first_chunk_mut::<4>().ok_or(Discard::TooLarge)?;
        *first |= u8::from(padded) << 5;
        [*l0, *l1] = words.to_be_bytes();
        self.len = start + len;
        Ok(())
    }
}

/// The first NACK pair of `lost`: base, mask of followers, and how many numbers it covers.
fn next_pair(lost: &[Seq]) -> Option<(Seq, u16, usize)> {
    let (&pid, rest) = lost.split_first()?;
    let mut mask = 0;
    let mut count = 1;
    for seq in rest {
        match seq.distance_from(pid) {
            distance @ 1..=16 => mask |= 1 << (distance - 1),
            0 => {}
            _ => break,
        }
        count += 1;
    }
    Some((pid, mask, count))
}

/// The body of one packet in the making.
pub(super) struct Body<'a> {
    buffer: &'a mut [u8],
    at: usize,
}

impl Body<'_> {
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Discard> {
        let end = self.at + bytes.len();
        self.buffer.get_mut(self.at..end).ok_or(Discard::TooLarge)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    pub(super) fn pair(&mut self, sender: Ssrc, media: Ssrc) -> Result<(), Discard> {
        self.put(&sender.0.to_be_bytes())?;
        self.put(&media.0.to_be_bytes())
    }

    fn put_pair(&mut self, pid: Seq, mask: u16) -> Result<(), Discard> {
        let ([p0, p1], [m0, m1]) = (pid.0.to_be_bytes(), mask.to_be_bytes());
        self.put(&[p0, p1, m0, m1])
    }

    fn fill_word(&mut self) -> Result<(), Discard> {
        while !self.at.is_multiple_of(4) {
            self.put(&[0])?;
        }
        Ok(())
    }
}
