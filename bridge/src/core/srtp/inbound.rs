//! What one peer sends: authenticated, decrypted, taken once.

use super::cipher::{RtcpCipher, RtpCipher};
use super::replay::{Verdict, Window};
use super::table::Table;
use super::{KeyMaterial, Profile};
use crate::core::Discard;
use crate::core::packet::{RtpHeader, Seq};

/// SSRCs with a context per session; beyond it the least recently used one is forgotten (upstream: 1024).
const MAX_SSRCS: usize = 256;
/// Seventeen words reach back 1024 packets: bursts of retransmissions on the media SSRC still pass.
const RTP_WINDOW: usize = 17;
const RTCP_WINDOW: usize = 3;
/// The largest datagram that gets a second chance with another rollover counter.
const SCRATCH: usize = 2048;

struct RtpStream {
    window: Window<RTP_WINDOW>,
    /// The last packet failed: the next one is tried on a copy, since the rollover counter may be the reason.
    doubtful: bool,
}

/// Opens SRTP and SRTCP of one peer, in place.
pub struct Inbound {
    rtp: Option<RtpCipher>,
    rtcp: Option<RtcpCipher>,
    rtp_streams: Table<RtpStream>,
    rtcp_streams: Table<Window<RTCP_WINDOW>>,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound").field("streams", &self.rtp_streams.len()).finish_non_exhaustive()
    }
}

impl Inbound {
    /// Should the crypto library refuse the key (it never does for 16 bytes), every packet is answered [`Discard::NoKeys`].
    pub fn new(profile: Profile, remote: &KeyMaterial) -> Self {
        Self {
            rtp: RtpCipher::new(profile, remote).ok(),
            rtcp: RtcpCipher::new(profile, remote).ok(),
            rtp_streams: Table::new(),
            rtcp_streams: Table::new(),
        }
    }

    /// Opens an RTP packet and answers its plain length. After an error the bytes are worthless.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Discard> {
        let cipher = self.rtp.as_ref().ok_or(Discard::NoKeys)?;
        let header = RtpHeader::parse_sealed(packet)?;
        let plain_len = packet
            .len()
            .checked_sub(cipher.tag_len())
            .filter(|len| *len >= header.header_len())
            .ok_or(Discard::Malformed)?;
        let ssrc = header.ssrc.0;
        match self.rtp_streams.get_mut(ssrc) {
            Some(stream) => open_known(cipher, packet, &header, stream)?,
            None => {
                // A sender may have wrapped before its first packet reached us (bridge start in mid-call, loss at the start).
                let first = u64::from(header.sequence.0);
                let index = open_either(cipher, packet, &header, [Some(first), Some(first + CYCLE)])?;
                if self.rtp_streams.len() >= MAX_SSRCS {
                    self.rtp_streams.evict_least_recent();
                }
                self.rtp_streams.insert(ssrc, RtpStream { window: Window::starting_at(index), doubtful: false });
            }
        }
        Ok(plain_len)
    }

    /// Opens a compound RTCP packet and answers its plain length. After an error the bytes are worthless.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Discard> {
        let cipher = self.rtcp.as_ref().ok_or(Discard::NoKeys)?;
        let plain_len =
            packet.len().checked_sub(cipher.overhead()).filter(|len| *len >= 8).ok_or(Discard::Malformed)?;
        let ssrc = packet.get(4..8).and_then(|bytes| bytes.first_chunk()).ok_or(Discard::Malformed)?;
        let ssrc = u32::from_be_bytes(*ssrc);
        let (index, encrypted) = cipher.read_index(packet).ok_or(Discard::Malformed)?;
        let known = self.rtcp_streams.get_mut(ssrc);
        if let Some(window) = &known {
            refuse(window.check(u64::from(index)))?;
        }
        cipher.open(packet, ssrc, index, encrypted).map_err(|_| Discard::BadTag)?;
        if let Some(window) = known {
            window.take(u64::from(index));
        } else {
            if self.rtcp_streams.len() >= MAX_SSRCS {
                self.rtcp_streams.evict_least_recent();
            }
            self.rtcp_streams.insert(ssrc, Window::starting_at(u64::from(index)));
        }
        Ok(plain_len)
    }
}

/// Sequence numbers in one turn of the rollover counter.
const CYCLE: u64 = 1 << 16;

fn open_known(
    cipher: &RtpCipher,
    packet: &mut [u8],
    header: &RtpHeader,
    stream: &mut RtpStream,
) -> Result<(), Discard> {
    let guess = estimate(stream.window.newest(), header.sequence);
    let verdict = guess.map_or(Verdict::TooOld, |guess| stream.window.check(guess));
    if verdict == Verdict::Seen {
        return Err(Discard::Replay);
    }
    let later = guess.map_or(u64::from(header.sequence.0), |guess| guess + CYCLE);
    let result = if verdict == Verdict::TooOld {
        // Either a straggler, or we slept through half a turn of the sequence.
        open_at(cipher, packet, header, later).map(|()| later).map_err(|_| Discard::TooOld)
    } else if stream.doubtful || cipher.open_is_repeatable() {
        open_either(cipher, packet, header, [guess, Some(later)])
    } else {
        let index = guess.unwrap_or(later);
        open_at(cipher, packet, header, index).map(|()| index)
    };
    stream.doubtful = result == Err(Discard::BadTag);
    stream.window.take(result?);
    Ok(())
}

fn open_at(cipher: &RtpCipher, packet: &mut [u8], header: &RtpHeader, index: u64) -> Result<(), Discard> {
    cipher.open(packet, header.header_len(), header.ssrc.0, index).map_err(|_| Discard::BadTag)
}

/// Tries the indices in turn, and keeps a copy of the packet where a failure would destroy it.
fn open_either(
    cipher: &RtpCipher,
    packet: &mut [u8],
    header: &RtpHeader,
    indices: [Option<u64>; 2],
) -> Result<u64, Discard> {
    let mut scratch = [0; SCRATCH];
    let copy = if cipher.open_is_repeatable() { None } else { scratch.get_mut(..packet.len()) };
    let copy = copy.map(|copy| {
        copy.copy_from_slice(packet);
        &*copy
    });
    for index in indices.into_iter().flatten() {
        if open_at(cipher, packet, header, index).is_ok() {
            return Ok(index);
        }
        match copy {
            Some(copy) => packet.copy_from_slice(copy),
            None if cipher.open_is_repeatable() => {}
            None => break,
        }
    }
    Err(Discard::BadTag)
}

/// RFC 3711 3.3.1: the index nearest to the newest one; `None` before the very first turn.
fn estimate(newest: u64, seq: Seq) -> Option<u64> {
    let [.., high, low] = newest.to_be_bytes();
    let distance = seq.distance_from(Seq(u16::from_be_bytes([high, low])));
    newest.checked_add_signed(i64::from(distance))
}

fn refuse(verdict: Verdict) -> Result<(), Discard> {
    match verdict {
        Verdict::Fresh => Ok(()),
        Verdict::Seen => Err(Discard::Replay),
        Verdict::TooOld => Err(Discard::TooOld),
    }
}
