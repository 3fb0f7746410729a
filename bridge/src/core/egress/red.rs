//! Redundant audio towards a receiver that takes none: it gets what is in the packets, and what it missed out of later ones.

use std::time::Instant;

use super::clock::SenderClock;
use super::leg::Leg;
use super::project::{Incoming, Outgoing, Verdict};
use super::{Egress, Form, Packet};
use crate::core::codec::red;
use crate::core::packet::ExtSeq;
use crate::core::{Discard, Sink};

/// Numbers that are remembered.
const REMEMBERED: u64 = 64;

/// Which of the newest numbers went out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heard {
    newest: Option<ExtSeq>,
    /// Bit n: the newest but n.
    bits: u64,
}

impl Heard {
    /// Nothing went out under this number, though something did before it or not long after it.
    fn misses(&self, sequence: ExtSeq) -> bool {
        self.newest.is_none_or(|newest| {
            let back = newest.since(sequence);
            sequence > newest || (back < REMEMBERED && self.bits & (1 << back) == 0)
        })
    }

    fn note(&mut self, sequence: ExtSeq) {
        let Some(newest) = self.newest.filter(|newest| sequence <= *newest) else {
            let ahead = self.newest.map_or(REMEMBERED, |newest| sequence.since(newest));
            let shifted = u32::try_from(ahead).ok().and_then(|ahead| self.bits.checked_shl(ahead)).unwrap_or(0);
            (self.newest, self.bits) = (Some(sequence), shifted | 1);
            return;
        };
        let back = newest.since(sequence);
        if back < REMEMBERED {
            self.bits |= 1 << back;
        }
    }
}

impl Egress {
    /// Sends the packet's own block, and before it those that the receiver misses.
    pub(super) fn unpack(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        clocks: &[Option<SenderClock>],
        leg: &mut Leg,
        sink: &mut dyn Sink,
    ) -> Result<Option<Outgoing>, Discard> {
        if !leg.is_open() || !self.is_introduced(now) {
            self.projection.interrupt();
            return Ok(None);
        }
        let blocks = red::blocks(packet.header.payload(packet.bytes)).ok_or(Discard::Malformed)?;
        let mut own = None;
        for (block, back) in blocks.iter().zip((0..blocks.len() as u64).rev()) {
            let incoming = Incoming {
                sequence: packet.incoming.sequence.minus(back),
                timestamp: packet.incoming.timestamp.wrapping_sub(u32::from(block.offset)),
                payload_type: block.payload_type,
                marker: packet.incoming.marker && back == 0,
                ..packet.incoming
            };
            // What came before the stream began is nobody's loss.
            let is_lost = back == 0 || self.heard.newest.is_some();
            let Some(route) = self.route(block.payload_type).filter(|_| is_lost) else {
                continue;
            };
            if !self.heard.misses(incoming.sequence) {
                continue;
            }
            let Verdict::Forward(outgoing) = self.projection.project(now, &incoming, clocks) else {
                continue;
            };
            let form = Form {
                payload_type: route.to,
                ssrc: self.names.ssrc,
                sequence: outgoing.sequence,
                prefix: &[],
                payload: block.payload,
            };
            self.send(now, &Packet { incoming, ..*packet }, &outgoing, form, leg, sink)?;
            self.heard.note(incoming.sequence);
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(u32::try_from(block.payload.len()).unwrap_or(0));
            own = (back == 0).then_some(outgoing);
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_out_is_not_missed_and_what_did_not_is_for_a_while() {
        let mut heard = Heard::default();
        assert!(heard.misses(ExtSeq(100)));
        for sequence in [100, 101, 104, 103] {
            heard.note(ExtSeq(sequence));
        }
        let missed: Vec<u64> = (100..107).filter(|sequence| heard.misses(ExtSeq(*sequence))).collect();
        assert_eq!(missed, [102, 105, 106]);
        heard.note(ExtSeq(400));
        assert!(!heard.misses(ExtSeq(102)) && heard.misses(ExtSeq(399)), "too long ago");
    }
}
