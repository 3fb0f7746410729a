//! What one peer gets: numbered by our own rollover counters, sealed in its slot.

use super::cipher::{RtcpCipher, RtpCipher};
use super::replay::{Verdict, Window};
use super::table::Table;
use super::{KeyMaterial, Profile};
use crate::core::Discard;
use crate::core::packet::{RtpHeader, Seq};

/// SSRCs that one receiver may ever be sent. Forgetting one would restart its rollover counter and reuse nonces, so the next
/// SSRC is refused instead. A hundred participants with two sources and their RTX make four hundred.
const MAX_SSRCS: usize = 4096;
/// Nine words reach back 512 packets: late packets of a gap are still sealed, once.
const SENT_WINDOW: usize = 9;
/// The SRTCP index has 31 bits and must not repeat under one key.
const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;
/// 48 bits of index: beyond it the key is used up.
const MAX_RTP_INDEX: u64 = (1 << 48) - 1;

/// Seals SRTP and SRTCP for one peer, in place.
///
/// A sequence number is sealed once per SSRC: sealing another packet under the same number would give GCM's authentication key
/// away, so with GCM a retransmission needs an RTX stream and a repeated number is answered [`Discard::Replay`]. With CM it is
/// allowed for packets whose payload is the same.
pub struct Outbound {
    rtp: Option<RtpCipher>,
    rtcp: Option<RtcpCipher>,
    streams: Table<Window<SENT_WINDOW>>,
    rtcp_index: u32,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("streams", &self.streams.len()).finish_non_exhaustive()
    }
}

impl Outbound {
    /// Should the crypto library refuse the key (it never does for 16 bytes), every packet is answered [`Discard::NoKeys`].
    pub fn new(profile: Profile, local: &KeyMaterial) -> Self {
        Self {
            rtp: RtpCipher::new(profile, local).ok(),
            rtcp: RtcpCipher::new(profile, local).ok(),
            streams: Table::new(),
            rtcp_index: 0,
        }
    }

    /// A sequence number may be sealed again, for a packet with the same payload.
    pub fn may_repeat(&self) -> bool {
        self.rtp.as_ref().is_some_and(RtpCipher::open_is_repeatable)
    }

    /// Seals the RTP packet in `buffer[..len]` and answers its new length; [`Discard::TooLarge`] if that does not fit.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Discard> {
        let cipher = self.rtp.as_ref().ok_or(Discard::NoKeys)?;
        let sealed_len = len + cipher.tag_len();
        let packet = buffer.get_mut(..sealed_len).ok_or(Discard::TooLarge)?;
        let header = RtpHeader::parse_sealed(packet.get(..len).unwrap_or_default())?;
        let may_repeat = cipher.open_is_repeatable();
        let index = next_index(&mut self.streams, header.ssrc.0, header.sequence, may_repeat)?;
        cipher.seal(packet, header.header_len(), header.ssrc.0, index).map_err(|_| Discard::Malformed)?;
        Ok(sealed_len)
    }

    /// Seals the compound RTCP packet in `buffer[..len]` and answers its new length; [`Discard::TooLarge`] if that does not fit.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Discard> {
        let cipher = self.rtcp.as_ref().ok_or(Discard::NoKeys)?;
        let sealed_len = len + cipher.overhead();
        let packet = buffer.get_mut(..sealed_len).ok_or(Discard::TooLarge)?;
        let ssrc =
            packet.get(4..8).filter(|_| len >= 8).and_then(|bytes| bytes.first_chunk()).ok_or(Discard::Malformed)?;
        let ssrc = u32::from_be_bytes(*ssrc);
        if self.rtcp_index >= MAX_RTCP_INDEX {
            return Err(Discard::NoKeys);
        }
        self.rtcp_index += 1;
        cipher.seal(packet, ssrc, self.rtcp_index).map_err(|_| Discard::Malformed)?;
        Ok(sealed_len)
    }
}

/// The index under which this packet is sealed; remembered as used.
fn next_index(streams: &mut Table<Window<SENT_WINDOW>>, ssrc: u32, seq: Seq, may_repeat: bool) -> Result<u64, Discard> {
    let Some(window) = streams.get_mut(ssrc) else {
        if streams.len() >= MAX_SSRCS {
            return Err(Discard::UnknownSsrc);
        }
        let index = u64::from(seq.0);
        streams.insert(ssrc, Window::starting_at(index));
        return Ok(index);
    };
    let newest = window.newest();
    let [.., high, low] = newest.to_be_bytes();
    let distance = seq.distance_from(Seq(u16::from_be_bytes([high, low])));
    let index = newest
        .checked_add_signed(i64::from(distance))
        .filter(|index| *index <= MAX_RTP_INDEX)
        .ok_or(Discard::TooOld)?;
    match window.check(index) {
        Verdict::Fresh => window.take(index),
        Verdict::Seen | Verdict::TooOld if may_repeat => {}
        Verdict::Seen => return Err(Discard::Replay),
        Verdict::TooOld => return Err(Discard::TooOld),
    }
    Ok(index)
}
