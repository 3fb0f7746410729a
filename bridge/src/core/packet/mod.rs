//! RTP packets: a checked view of what came, and a writer of what goes.
//!
//! [`RtpHeader`] holds offsets, not borrows, so that it can be stored beside the bytes that it describes; its accessors take
//! the packet again and answer nothing rather than panic when given another one.

pub mod extension;
pub mod seq;
mod write;

use std::ops::Range;

pub use extension::{AudioLevel, Elements, abs_send_time};
pub use seq::{ExtSeq, Seq, Unwrapper};
pub use write::{Rewrite, Written};

use super::Discard;
use extension::Form;

/// Bytes of an RTP header without CSRCs and extensions.
pub const FIXED_HEADER: usize = 12;

/// Synchronisation source: names one stream within one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ssrc(pub u32);

impl From<u32> for Ssrc {
    fn from(value: u32) -> Self {
        Self(value)
    }
}

impl From<Ssrc> for u32 {
    fn from(value: Ssrc) -> Self {
        value.0
    }
}

impl std::fmt::Display for Ssrc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A checked view of an RTP packet (RFC 3550 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: Seq,
    pub timestamp: u32,
    pub ssrc: Ssrc,
    /// Bytes of padding at the end; always 0 for a packet read by [`Self::parse_sealed`].
    pub padding: u8,
    extension: Option<(Form, u16, u16)>,
    payload_start: u16,
    payload_end: u16,
}

impl RtpHeader {
    /// Reads a decrypted packet.
    ///
    /// Refused: another version, a header, CSRC list, extension block or padding longer than the packet.
    pub fn parse(packet: &[u8]) -> Result<Self, Discard> {
        let mut header = Self::parse_sealed(packet)?;
        let has_padding = packet.first().is_some_and(|b| b & 0x20 != 0);
        if has_padding && header.payload_start < header.payload_end {
            let padding = packet.last().copied().unwrap_or(0);
            let room = header.payload_end.saturating_sub(header.payload_start);
            if u16::from(padding) > room {
                return Err(Discard::Malformed);
            }
            header.padding = padding;
            header.payload_end = header.payload_end.saturating_sub(u16::from(padding));
        }
        Ok(header)
    }

    /// Reads the clear part of a packet that is still encrypted: its payload ends with the packet, tag included, because the
    /// padding count cannot be read yet.
    pub fn parse_sealed(packet: &[u8]) -> Result<Self, Discard> {
        let payload_end = u16::try_from(packet.len()).map_err(|_| Discard::TooLarge)?;
        let Some(&[first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]) = packet.first_chunk::<FIXED_HEADER>()
        else {
            return Err(Discard::Malformed);
        };
        if first >> 6 != 2 {
            return Err(Discard::Malformed);
        }
        let mut start = FIXED_HEADER + usize::from(first & 15) * 4;
        let mut extension = None;
        if first & 0x10 != 0 {
            let head = packet.get(start..).and_then(|rest| rest.first_chunk::<4>()).ok_or(Discard::Malformed)?;
            let [p0, p1, l0, l1] = *head;
            let block = start + 4;
            start = block + usize::from(u16::from_be_bytes([l0, l1])) * 4;
            if let Some(form) = Form::from_profile(u16::from_be_bytes([p0, p1])) {
                extension = Some((form, narrow(block)?, narrow(start)?));
            }
        }
        if start > packet.len() {
            return Err(Discard::Malformed);
        }
        Ok(Self {
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            sequence: Seq(u16::from_be_bytes([s0, s1])),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: Ssrc(u32::from_be_bytes([c0, c1, c2, c3])),
            padding: 0,
            extension,
            payload_start: narrow(start)?,
            payload_end,
        })
    }

    /// Bytes before the payload: fixed header, CSRCs and extension block. SRTP leaves them in the clear.
    pub fn header_len(&self) -> usize {
        usize::from(self.payload_start)
    }

    /// Where the payload lies in the packet, padding excluded.
    pub fn payload_range(&self) -> Range<usize> {
        usize::from(self.payload_start)..usize::from(self.payload_end)
    }

    pub fn payload_len(&self) -> usize {
        usize::from(self.payload_end.saturating_sub(self.payload_start))
    }

    /// The payload without padding; empty for a packet that is not the one parsed.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.payload_range()).unwrap_or_default()
    }

    pub fn payload_mut<'a>(&self, packet: &'a mut [u8]) -> &'a mut [u8] {
        packet.get_mut(self.payload_range()).unwrap_or_default()
    }

    /// True for a packet that carries nothing but padding, or nothing at all: a bandwidth probe.
    pub fn is_padding_only(&self) -> bool {
        self.payload_start == self.payload_end
    }

    /// All extension elements, in order.
    pub fn elements<'a>(&self, packet: &'a [u8]) -> Elements<'a> {
        let (form, block) = match self.extension {
            Some((form, start, end)) => (form, packet.get(usize::from(start)..usize::from(end)).unwrap_or_default()),
            None => (Form::OneByte, Default::default()),
        };
        Elements::new(form, block)
    }

    /// The element with this id; the first one if a sender repeats it.
    pub fn element<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        self.elements(packet).find(|(found, _)| *found == id).map(|(_, element)| element)
    }

    /// Readable before decryption, too.
    pub fn audio_level(&self, packet: &[u8], id: u8) -> Option<AudioLevel> {
        self.element(packet, id).and_then(AudioLevel::from_element)
    }

    /// The transport-wide sequence number.
    pub fn transport_sequence(&self, packet: &[u8], id: u8) -> Option<Seq> {
        self.element(packet, id)?.first_chunk::<2>().map(|bytes| Seq(u16::from_be_bytes(*bytes)))
    }
}

fn narrow(offset: usize) -> Result<u16, Discard> {
    u16::try_from(offset).map_err(|_| Discard::Malformed)
}

#[cfg(test)]
mod tests;
