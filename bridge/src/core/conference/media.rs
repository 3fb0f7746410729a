//! The way of a packet from one sender to all receivers.

use std::time::Duration;

use jitsi_wire::jingle::MediaKind;

use super::Conference;
use crate::core::egress::leg::Leg;
use crate::core::egress::{Egress, Packet};
use crate::core::endpoint::{Endpoint, Received};
use crate::core::packet::AudioLevel;
use crate::core::turn::Turn;
use crate::core::{Discard, Path, Wake};

/// While video flows, what it costs is looked at this often: encodings grow after they were chosen.
const REALLOCATION: Duration = Duration::from_secs(5);

/// One part of so many less for everybody is no reason to decide anew.
const LITTLE: u64 = 50;

/// What came of giving a packet to its receivers.
struct Given {
    /// The highest encoding that somebody needs a key frame of.
    wanted: Option<u8>,
    /// Somebody gets another encoding from here on.
    switched: bool,
}

impl Conference {
    /// An encrypted RTP packet of the endpoint at `place`.
    pub fn on_rtp(&mut self, turn: &mut Turn<'_>, place: usize, path: Path, datagram: &mut [u8]) {
        let sender = self.video_ssrc;
        let Some(endpoint) = self.endpoints.get_mut(place).and_then(Option::as_deref_mut) else {
            return;
        };
        let had_path = endpoint.transport.selected();
        let (now, generation, is_large) = (turn.now, endpoint.handle.generation, self.order.len() > self.loudest_above);
        let speakers = &mut self.speakers;
        let mut judge = |level: AudioLevel| {
            speakers.on_level(now, generation, level);
            !is_large || speakers.is_loud(generation)
        };
        let opened = endpoint.on_srtp(turn.now, path, datagram, &mut judge);
        // Without a path, what was heard makes the next check of ours due.
        let transport_changed = had_path.is_none() || endpoint.transport.selected() != had_path;
        let (audio, video) = (self.audio_ssrc, self.video_ssrc);
        endpoint.anchor(turn.now, |kind| if kind == MediaKind::Audio { audio } else { video }, turn.sink);
        if opened.feedback_due {
            endpoint.send_feedback(turn.now, sender, turn.sink);
        }
        let is_authentic =
            !matches!(opened.outcome, Err(Discard::BadTag | Discard::Replay | Discard::NoKeys | Discard::Malformed));
        if let Ok(received) = opened.outcome {
            self.forward(turn, place, &received, datagram);
        }
        if transport_changed {
            self.drain(turn, place);
        }
        if is_authentic {
            self.on_sign_of_life(turn.now, place);
        }
        self.schedule_after_packet(turn, place, opened.outcome.ok().as_ref());
    }

    fn forward(&mut self, turn: &mut Turn<'_>, place: usize, received: &Received, datagram: &[u8]) {
        let placed = &received.placed;
        if placed.unheard {
            self.tap_unheard(turn.now, place, received, datagram);
            return;
        }
        let totals = &mut turn.counters.totals;
        totals.key_frames_received += u64::from(placed.codec.has_keyframes() && placed.incoming.key_start);
        totals.layering_changes += u64::from(placed.layering_changed);
        let is_stale = turn.now >= self.allocated + REALLOCATION && placed.codec.is_video();
        let is_less = |level: u64| self.uplink_level.is_none_or(|before| level < before - before / LITTLE);
        let is_stale = is_stale || turn.uplink.level().is_some_and(is_less);
        if placed.layering_changed || is_stale {
            // This packet may be the key frame that a receiver of the new encoding needs.
            self.allocation_stale = true;
            self.settle(turn);
        }
        self.place_audio(turn, place, received.source);
        let wanted = self.fan_out(turn, place, received, datagram);
        if let Some(encoding) = wanted.or_else(|| self.lost_too_much(place, received)) {
            self.want_key_frame(turn, place, received.source, encoding);
        }
    }

    /// So much of an encoding that somebody watches is missing that asking for it again is of no use.
    fn lost_too_much(&mut self, place: usize, received: &Received) -> Option<u8> {
        let source = self.get_mut(place)?.sources.get_mut(received.source)?;
        let encoding = received.placed.incoming.encoding;
        let wishes = source.encodings.get_mut(usize::from(encoding))?.losses.take_keyframe_wish();
        (wishes && source.is_wanted()).then_some(encoding)
    }

    /// Gives the packet to everybody who is bound to its source. Answers the highest encoding that somebody needs a key frame of.
    fn fan_out(&mut self, turn: &mut Turn<'_>, place: usize, received: &Received, datagram: &[u8]) -> Option<u8> {
        let publisher = self.endpoints.get_mut(place).and_then(Option::take)?;
        let given = self.give_to_receivers(turn, &publisher, received, datagram);
        if let Some(slot) = self.endpoints.get_mut(place) {
            *slot = Some(publisher);
        }
        let given = given?;
        if given.switched {
            self.bind();
        }
        given.wanted
    }

    fn give_to_receivers(
        &mut self,
        turn: &mut Turn<'_>,
        publisher: &Endpoint,
        received: &Received,
        datagram: &[u8],
    ) -> Option<Given> {
        let source = publisher.sources.get(received.source)?;
        let placed = &received.placed;
        let bytes = datagram.get(..placed.len)?;
        let encoding = source.encodings.get(usize::from(placed.incoming.encoding));
        let packet = Packet {
            header: &placed.header,
            bytes,
            incoming: placed.incoming,
            codec: placed.codec,
            frames: encoding.and_then(|encoding| encoding.dependencies()),
        };
        let mut given = Given { wanted: None, switched: false };
        for binding in &source.receivers {
            let Some(receiver) = self.endpoints.get_mut(binding.endpoint).and_then(Option::as_deref_mut) else {
                continue;
            };
            let Some(egress) = receiver.egress.get_mut(binding.egress) else {
                continue;
            };
            let forwarded = egress.forward(turn.now, &packet, &source.clocks, &mut receiver.leg, turn.sink);
            // No key frame helps a receiver that cannot take the codec.
            if receiver.leg.is_open() && egress.is_introduced(turn.now) && forwarded.is_ok() {
                given.wanted = given.wanted.max(egress.projection.wanted_key_frame());
            }
            match forwarded {
                Ok(Some(outgoing)) => {
                    turn.counters.forwarded += 1;
                    given.switched |= outgoing.switched;
                    if outgoing.switched {
                        catch_up(turn, publisher, received, egress, &mut receiver.leg);
                        let report = egress.report(turn.now, &source.clocks).map(|info| (egress.names.ssrc, info));
                        // Lip-sync recovers at once; if this report finds no room the next one is a second away.
                        let _ = receiver.leg.send_rtcp(turn.sink, |writer| {
                            report.iter().try_for_each(|(ssrc, info)| writer.sender_report(*ssrc, info, &[]))
                        });
                    }
                    if receiver.next_sender_report().is_none()
                        && let Some(at) = receiver.schedule_sender_reports(turn.now)
                        && let Some(slot) = self.deadlines.get_mut(binding.endpoint)
                        && slot.is_none_or(|(earliest, _)| at < earliest)
                    {
                        *slot = Some((at, Wake::SenderReport));
                    }
                }
                Ok(None) => {}
                Err(_) => receiver.discarded += 1,
            }
        }
        for tap in self.taps.iter_mut().filter(|_| source.tapped) {
            let tapped = tap.give(turn.now, publisher, received.source, &packet);
            given.wanted = given.wanted.max(tapped.wanted);
            given.switched |= tapped.switched;
        }
        Some(given)
    }

    /// Somebody needs a key frame of this source. True if that made its sender be asked.
    pub(super) fn want_key_frame(&mut self, turn: &mut Turn<'_>, owner: usize, source: usize, encoding: u8) -> bool {
        let sender = self.video_ssrc;
        let Some(endpoint) = self.endpoints.get_mut(owner).and_then(Option::as_deref_mut) else {
            return false;
        };
        let asked = endpoint.want_key_frame(turn.now, source, encoding, sender, turn.sink);
        turn.counters.key_frame_requests += u64::from(asked);
        let retry = endpoint.sources.get(source).and_then(|source| source.key_frames.next_wakeup());
        if let Some((at, _)) = retry {
            self.wake_by(owner, at, Wake::KeyFrame);
        }
        asked
    }

    /// Asks for losses that are clear by now and sees to it that the endpoint is woken for the rest.
    fn schedule_after_packet(&mut self, turn: &mut Turn<'_>, place: usize, received: Option<&Received>) {
        let sender = self.video_ssrc;
        let Some(endpoint) = self.endpoints.get_mut(place).and_then(Option::as_deref_mut) else {
            return;
        };
        let mut wake = endpoint.media_wakeup();
        let encoding = received
            .and_then(|r| endpoint.sources.get(r.source)?.encodings.get(usize::from(r.placed.incoming.encoding)));
        if let Some(encoding) = encoding.filter(|encoding| !encoding.losses.is_empty()) {
            if encoding.losses.is_due(turn.now) {
                endpoint.send_nacks(turn.now, sender, turn.sink);
            }
            wake = endpoint.next_wakeup();
        }
        if let Some((at, why)) = wake {
            self.wake_by(place, at, why);
        }
    }
}

/// A key frame began late, by reordering or because its start was lost and sent again: what came of it meanwhile follows at once.
fn catch_up(turn: &mut Turn<'_>, publisher: &Endpoint, received: &Received, egress: &mut Egress, leg: &mut Leg) {
    let start = received.placed.incoming;
    let Some(source) = publisher.sources.get(received.source) else {
        return;
    };
    for step in 1..=start.newest.since(start.sequence) {
        let Some(packet) = publisher.stored(received.source, start.encoding, start.sequence.plus(step)) else {
            continue;
        };
        if let Ok(Some(_)) = egress.forward(turn.now, &packet, &source.clocks, leg, turn.sink) {
            turn.counters.forwarded += 1;
        }
    }
}
