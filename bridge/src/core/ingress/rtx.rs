//! Retransmissions from senders (RFC 4588): back to the packet they stand for.

use crate::core::Discard;
use crate::core::packet::{RtpHeader, Seq, Ssrc};

/// What an RTX packet turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// The buffer's first `len` bytes are the original packet.
    Packet { len: usize },
    /// It carries nothing: the sender probes its path. Never unwrap such a packet.
    Probe,
}

/// Turns the RTX packet in `packet` into the original, in place. `header` describes it; padding is dropped.
pub fn restore(
    packet: &mut [u8],
    header: &RtpHeader,
    media_ssrc: Ssrc,
    media_payload_type: u8,
) -> Result<Restored, Discard> {
    let payload = header.payload_range();
    if payload.len() < 2 {
        return Ok(Restored::Probe);
    }
    let original = header.payload(packet).first_chunk::<2>().copied().ok_or(Discard::Malformed)?;
    let original = Seq(u16::from_be_bytes(original));
    packet.get(payload.clone()).ok_or(Discard::Malformed)?;
    packet.copy_within(payload.start + 2..payload.end, payload.start);
    let head = packet.first_chunk_mut::<12>().ok_or(Discard::Malformed)?;
    let [first, second, s0, s1, _, _, _, _, ssrc @ ..] = head;
    *first &= !0x20;
    *second = (*second & 0x80) | (media_payload_type & 0x7f);
    [*s0, *s1] = original.0.to_be_bytes();
    *ssrc = media_ssrc.0.to_be_bytes();
    Ok(Restored::Packet { len: payload.end - 2 })
}

#[cfg(test)]
mod tests;
