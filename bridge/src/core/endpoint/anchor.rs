//! Keeps what a client does not know yet off the m-lines on which it sends.
//!
//! Firefox gives packets of an unknown SSRC to the one m-line that has their payload type, and takes them back from there for
//! nobody: a source whose packets come before the client has made a place for it stays black and mute. It guesses no more for an
//! m-line whose MID it has heard (its `MediaPipelineFilter`). So the bridge says a few empty packets, under the SSRC of its own
//! source and the MID that the client's own packets bear (RFC 8843 9.2).

use std::time::{Duration, Instant};

use jitsi_wire::jingle::MediaKind;

use super::description::Media;
use crate::core::codec::Codec;
use crate::core::egress::leg::Leg;
use crate::core::packet::{Rewrite, RtpHeader, Seq, Ssrc};
use crate::core::{Discard, Sink};

/// Any of them may be lost.
const PACKETS: u8 = 3;
const INTERVAL: Duration = Duration::from_millis(100);
/// A longer one is not told (RFC 8843 recommends three bytes).
const MAX_MID: usize = 16;
/// Where nothing is copied from.
const NOTHING: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The m-line on which a client sends one kind of media.
#[derive(Debug)]
pub struct Anchor {
    kind: MediaKind,
    mid: Option<heapless::Vec<u8, MAX_MID>>,
    sequence: Seq,
    left: u8,
    due: Option<Instant>,
}

impl Anchor {
    pub fn new(kind: MediaKind) -> Self {
        Self { kind, mid: None, sequence: Seq(1), left: PACKETS, due: None }
    }

    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Nothing is left to be said.
    pub fn holds(&self) -> bool {
        self.left == 0
    }

    /// A packet of the client's own.
    pub fn on_packet(&mut self, header: &RtpHeader, packet: &[u8], media: &Media) {
        if self.mid.is_none() {
            let mid = media.extensions.mid.and_then(|id| header.element(packet, id));
            self.mid = mid.and_then(|mid| heapless::Vec::from_slice(mid).ok());
        }
    }

    /// Sends the next packet, if one is due. `ssrc` is the bridge's own source of this kind.
    pub fn say(
        &mut self,
        now: Instant,
        ssrc: Ssrc,
        media: &Media,
        leg: &mut Leg,
        sink: &mut dyn Sink,
    ) -> Result<(), Discard> {
        let Some((mid, id)) = self.mid.as_ref().zip(media.extensions.mid) else {
            return Ok(());
        };
        let Some(payload_type) = media.first(|payload| payload.codec != Codec::Rtx) else {
            return Ok(());
        };
        if self.holds() || !leg.is_open() || self.due.is_some_and(|due| due > now) {
            return Ok(());
        }
        let stamp = leg.stamp(now, self.kind);
        let stamped: heapless::Vec<(u8, &[u8]), 3> =
            stamp.elements().iter().copied().chain([(id, mid.as_slice())]).collect();
        let rewrite = Rewrite {
            payload_type,
            marker: false,
            sequence: self.sequence,
            timestamp: 0,
            ssrc,
            kept: &[],
            stamped: &stamped,
            allow_two_byte: leg.allows_two_byte(self.kind),
        };
        let written = rewrite.write(sink.slot(), &RtpHeader::parse(&NOTHING)?, &NOTHING, &[], &[])?;
        leg.seal(&stamp, written.len, sink)?;
        self.sequence = self.sequence.next();
        self.left -= 1;
        self.due = Some(now + INTERVAL);
        Ok(())
    }
}
