//! One outgoing stream: a source as one receiver gets it.

pub mod clock;
pub mod leg;
pub mod project;
mod red;
pub mod seqmap;
pub mod slots;
pub mod thin;

use std::time::{Duration, Instant};

use heapless::HistoryBuf;
use jitsi_wire::jingle::MediaKind;

use self::clock::SenderClock;
use self::leg::{Leg, Padding};
use self::project::{Incoming, Outgoing, Projection, Verdict};
use self::slots::Mid;
use super::allocate::Patience;
use super::codec::dependency::{self, Frames, MAX_ELEMENT};
use super::codec::{self, Codec};
use super::endpoint::description::{Media, Route, Routes};
use super::ingress::keyframe::ReceiverLimit;
use super::packet::{ExtSeq, Rewrite, RtpHeader, Seq, Ssrc};
use super::rtcp::{NtpTime, ReportBlock, SenderInfo};
use super::{Discard, Sink};

/// First numbers of every outgoing stream are below this: a receiver that misses the first packets must not guess a wrong
/// rollover counter (RFC 3711 3.3.1).
pub const MAX_INITIAL: u16 = 1 << 14;
/// Retransmissions that are remembered, so that they are not repeated before they can have arrived.
const REMEMBERED_RESENDS: usize = 48;
/// Sender reports that are remembered, to time their echoes.
const REMEMBERED_REPORTS: usize = 4;
/// Without an estimate this is how long a packet is taken to travel there and back.
const DEFAULT_RTT: Duration = Duration::from_millis(100);
/// Nobody repeats a retransmission faster than this, however near the receiver is.
const MIN_RESEND: Duration = Duration::from_millis(10);
/// However far the receiver is, a packet that it still misses after this time is sent again.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Key frames in place of retransmissions, towards one receiver.
const HEAL_INTERVAL: Duration = Duration::from_secs(1);
/// A sender report this far behind the newest packet would pull the receiver's clock back.
const MAX_REPORT_LAG: i64 = 1;
const VIDEO_REPORT_INTERVAL: Duration = Duration::from_secs(1);
const AUDIO_REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// A decrypted packet of a source on its way to the receivers.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    pub header: &'a RtpHeader,
    pub bytes: &'a [u8],
    pub incoming: Incoming,
    pub codec: Codec,
    /// Those of its encoding.
    pub frames: Option<&'a Frames>,
}

/// What names an outgoing stream.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// Place of the source's owner in the conference.
    pub owner: usize,
    /// Place of the source at its owner.
    pub source: usize,
    /// Of the source; never used twice.
    pub serial: u64,
    pub kind: MediaKind,
    pub ssrc: Ssrc,
    pub rtx: Option<Ssrc>,
    /// Of the place at which a client with SSRC rewriting gets it.
    pub mid: Option<Mid>,
    pub clock_rate: u32,
}

/// Where an outgoing stream ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    media: project::Ended,
    next_rtx: Seq,
    packets: u32,
    octets: u32,
}

/// What was sent again lately.
type Resent = HistoryBuf<(Seq, Instant), REMEMBERED_RESENDS>;

/// State of one outgoing stream.
#[derive(Debug)]
pub struct Egress {
    pub names: Names,
    pub projection: Projection,
    /// When more of it is believed in.
    pub patience: Patience,
    /// Nothing goes out before.
    opens: Option<Instant>,
    /// Nor before the client was told at which place it gets it.
    untold: bool,
    routes: Routes,
    /// The sender's payload type of redundant audio, of which the receiver gets what is in it.
    unpacks: Option<u8>,
    /// Which of the newest numbers went out, for audio that may come out of the redundancy of later packets.
    heard: red::Heard,
    kept: heapless::Vec<(u8, u8), 2>,
    dependency: Option<(u8, u8)>,
    /// The receiver's id for MIDs.
    mid_id: Option<u8>,
    next_rtx: Seq,
    packets: u32,
    octets: u32,
    key_frame_sent: Option<Instant>,
    /// Of which encoding that was, and where it began.
    key_frame: Option<(u8, ExtSeq)>,
    requests: ReceiverLimit,
    /// When a key frame was last asked for in place of packets that cannot be sent again.
    healed: Option<Instant>,
    /// Made when the first packet is lost: most streams never lose any.
    resent: Option<Box<Resent>>,
    /// Made with the first one: most streams are not sent at a time.
    reports: Option<Box<HistoryBuf<(u32, Instant), REMEMBERED_REPORTS>>>,
    last_report: Option<(Instant, NtpTime)>,
    packets_reported: u32,
}

impl Egress {
    /// `initial`: two random numbers below [`MAX_INITIAL`], for media and for retransmissions.
    pub fn new(names: Names, initial: (Seq, Seq)) -> Self {
        let projection = Projection::new(names.kind == MediaKind::Audio, names.clock_rate, initial.0);
        Self::with(names, projection, initial.1)
    }

    /// Under the SSRCs of a stream that ended: both sides' keys have seen its numbers, and the receiver its timestamps.
    pub fn resuming(names: Names, ended: Ended) -> Self {
        let projection = Projection::resuming(names.kind == MediaKind::Audio, names.clock_rate, ended.media);
        let egress = Self::with(names, projection, ended.next_rtx);
        Self { packets: ended.packets, octets: ended.octets, packets_reported: ended.packets, ..egress }
    }

    fn with(names: Names, projection: Projection, next_rtx: Seq) -> Self {
        Self {
            names,
            projection,
            patience: Patience::default(),
            opens: None,
            untold: false,
            routes: Routes::new(),
            unpacks: None,
            heard: red::Heard::default(),
            kept: heapless::Vec::new(),
            dependency: None,
            mid_id: None,
            next_rtx,
            packets: 0,
            octets: 0,
            key_frame_sent: None,
            key_frame: None,
            requests: ReceiverLimit::default(),
            healed: None,
            resent: None,
            reports: None,
            last_report: None,
            packets_reported: 0,
        }
    }

    /// The source is news to the receiver, which can be expected to know it from `opens` on; never sooner than was said before.
    pub fn introduce(&mut self, opens: Instant) {
        self.opens = self.opens.max(Some(opens));
    }

    /// Stands in an introduction, see [`Self::introduce`].
    pub fn is_news(&self) -> bool {
        self.opens.is_some()
    }

    /// The receiver can be expected to know the source.
    pub fn is_introduced(&self, now: Instant) -> bool {
        !self.untold && self.opens.is_none_or(|opens| opens <= now)
    }

    /// Holds the stream back until [`Self::on_told`].
    pub fn await_telling(&mut self) {
        self.untold = true;
    }

    /// The client was told where it gets this. True if that was news.
    pub fn on_told(&mut self) -> bool {
        std::mem::take(&mut self.untold)
    }

    /// Where a later stream under the same SSRCs must begin.
    pub fn ended(&self) -> Ended {
        let media = self.projection.ended();
        Ended { media, next_rtx: self.next_rtx, packets: self.packets, octets: self.octets }
    }

    /// Numbers of both sides; call again when either changes.
    pub fn describe(&mut self, sender: &Media, receiver: &Media) {
        self.routes = sender.routes_to(receiver);
        self.unpacks = sender.unpacks_towards(receiver);
        self.kept = sender.kept_towards(receiver);
        // The descriptors of key frames are long. A receiver that could not be sent those is sent none: without their structure
        // it would drop whatever carries another.
        let ids = sender.extensions.dependency_descriptor.zip(receiver.extensions.dependency_descriptor);
        self.dependency = ids.filter(|_| receiver.allow_mixed);
        self.mid_id = receiver.extensions.mid;
    }

    /// The receiver has a payload type for anything that the sender may send.
    pub fn is_deliverable(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Chooses, rewrites, seals and commits. True if the packet went out.
    pub fn forward(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        clocks: &[Option<SenderClock>],
        leg: &mut Leg,
        sink: &mut dyn Sink,
    ) -> Result<Option<Outgoing>, Discard> {
        if self.unpacks == Some(packet.header.payload_type) {
            return self.unpack(now, packet, clocks, leg, sink);
        }
        let Some(route) = self.route(packet.header.payload_type) else {
            return Err(Discard::NotWanted);
        };
        if !leg.is_open() || !self.is_introduced(now) {
            self.projection.interrupt();
            return Ok(None);
        }
        let Verdict::Forward(outgoing) = self.projection.project(now, &packet.incoming, clocks) else {
            return Ok(None);
        };
        let form = Form {
            payload_type: route.to,
            ssrc: self.names.ssrc,
            sequence: outgoing.sequence,
            prefix: &[],
            payload: packet.header.payload(packet.bytes),
        };
        self.send(now, packet, &outgoing, form, leg, sink)?;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(packet.header.payload_len()).unwrap_or(0));
        if packet.incoming.key_start {
            self.key_frame_sent = Some(now);
            self.key_frame = Some((packet.incoming.encoding, packet.incoming.sequence));
        }
        Ok(Some(outgoing))
    }

    /// What this receiver misses can be sent again. If not, only a key frame helps.
    ///
    /// Without RTX it depends on the cipher: with GCM the same number under the same key must never seal two packets that differ
    /// (RFC 7714 8.1), and a repetition does in its transport-wide number. With CM and HMAC the header is not encrypted.
    pub fn can_repair(&self, leg: &Leg) -> bool {
        let route = self.projection.payload_type().and_then(|payload_type| self.route(payload_type));
        leg.may_repeat() || (self.names.rtx.is_some() && route.is_some_and(|route| route.rtx.is_some()))
    }

    /// Sends a packet of the current run again, as RTX or, where there is none, as it was; see [`Self::can_repair`].
    pub fn resend(
        &mut self,
        now: Instant,
        sequence: Seq,
        packet: &Packet<'_>,
        leg: &mut Leg,
        sink: &mut dyn Sink,
    ) -> Result<usize, Discard> {
        let route = self.route(packet.header.payload_type).ok_or(Discard::NotWanted)?;
        let outgoing = self.projection.again(&packet.incoming).ok_or(Discard::TooOld)?;
        let prefix = sequence.0.to_be_bytes();
        let (ssrc, payload) = (self.names.ssrc, packet.header.payload(packet.bytes));
        let form = match self.names.rtx.zip(route.rtx) {
            Some((ssrc, payload_type)) => {
                Form { payload_type, ssrc, sequence: self.next_rtx, prefix: &prefix, payload }
            }
            None if leg.may_repeat() => Form { payload_type: route.to, ssrc, sequence, prefix: &[], payload },
            None => return Err(Discard::NotWanted),
        };
        if !form.prefix.is_empty() {
            self.next_rtx = self.next_rtx.next();
        }
        let len = self.send(now, packet, &outgoing, form, leg, sink)?;
        self.resent.get_or_insert_default().write((sequence, now));
        Ok(len)
    }

    /// A packet of padding can go out as a retransmission of nothing.
    pub fn can_pad(&self, now: Instant) -> bool {
        self.names.kind == MediaKind::Video && self.is_introduced(now) && self.padding().is_some()
    }

    fn padding(&self) -> Option<Padding> {
        let route = self.projection.payload_type().and_then(|payload_type| self.route(payload_type))?;
        let (timestamp, _) = self.projection.newest()?;
        Some(Padding { payload_type: route.rtx?, sequence: self.next_rtx, timestamp, ssrc: self.names.rtx? })
    }

    /// Sends padding; see [`Self::can_pad`].
    pub fn pad(&mut self, now: Instant, leg: &mut Leg, sink: &mut dyn Sink) -> Result<usize, Discard> {
        let padding = self.padding().ok_or(Discard::NotWanted)?;
        self.next_rtx = self.next_rtx.next();
        leg.pad(now, padding, sink)
    }

    /// Was this number sent again so lately that it may still be under way, or wait in the `queue` on the way?
    pub fn is_under_way(&self, now: Instant, sequence: Seq, rtt: Option<Duration>, queue: Duration) -> bool {
        let rtt = rtt.unwrap_or(DEFAULT_RTT);
        let wait = (rtt * 9 / 10).min(rtt.saturating_sub(Duration::from_millis(5))).max(MIN_RESEND);
        let wait = (wait + queue).min(MAX_WAIT);
        let recent = |(resent, at): &(Seq, Instant)| *resent == sequence && now.saturating_duration_since(*at) < wait;
        self.resent.iter().flat_map(|resent| resent.iter()).any(recent)
    }

    /// The receiver asks for a key frame. False if it does so too often, or cannot have seen the newest one yet.
    pub fn may_request(&mut self, now: Instant, rtt: Option<Duration>) -> bool {
        let flight = rtt.unwrap_or_default();
        let stale = self.key_frame_sent.is_some_and(|sent| now.saturating_duration_since(sent) < flight);
        !stale && self.requests.allows(now, rtt)
    }

    /// Without this packet the receiver shows nothing: no key frame was sent since.
    pub fn is_needed(&self, encoding: u8, at: ExtSeq) -> bool {
        self.key_frame.is_none_or(|(of, start)| of == encoding && at >= start)
    }

    /// Like [`Self::may_request`], for a receiver whose losses nothing else heals: it would stand still for the rest of the ten
    /// seconds in which it may ask three times. What the source can bear is bounded elsewhere.
    pub fn may_heal(&mut self, now: Instant, rtt: Option<Duration>) -> bool {
        let flight = rtt.unwrap_or_default();
        let lately = |at: Option<Instant>, span| at.is_some_and(|at| now.saturating_duration_since(at) < span);
        let allowed = !lately(self.key_frame_sent, flight) && !lately(self.healed, HEAL_INTERVAL);
        if allowed {
            self.healed = Some(now);
        }
        allowed
    }

    /// The sender was asked because of this receiver.
    pub fn count_request(&mut self, now: Instant) {
        self.requests.count(now);
    }

    /// A sender report is due, going by time and by what was sent since the last.
    pub fn is_report_due(&self, now: Instant) -> bool {
        self.packets != self.packets_reported && self.next_report().is_some_and(|at| at <= now)
    }

    /// When the next sender report is due; nothing while nothing is sent.
    pub fn next_report(&self) -> Option<Instant> {
        if self.packets == self.packets_reported {
            return None;
        }
        let interval = match self.names.kind {
            MediaKind::Audio if self.reports.is_some() => AUDIO_REPORT_INTERVAL,
            // The first report brings lip-sync; it has to wait until the sender has told its clock.
            MediaKind::Audio | MediaKind::Video => VIDEO_REPORT_INTERVAL,
        };
        let (_, at) = self.projection.newest()?;
        Some(self.last_report.map_or(at, |(last, _)| last + interval))
    }

    /// What to report of this stream now: the sender's clock, our numbers. Remembers it, to time the echo.
    pub fn report(&mut self, now: Instant, clocks: &[Option<SenderClock>]) -> Option<SenderInfo> {
        self.packets_reported = self.packets;
        let due = self.last_report.map_or(NtpTime(0), |(_, ntp)| ntp);
        self.last_report = Some((now, due));
        let (encoding, shift) = self.projection.timing()?;
        let clock = clocks.get(usize::from(encoding)).copied().flatten()?;
        let (ntp, rtp) = clock.at(now, self.names.clock_rate);
        let (ntp, rtp_timestamp) = (NtpTime(ntp), rtp.wrapping_add(shift));
        let (newest, _) = self.projection.newest()?;
        let lag = clock::signed(newest.wrapping_sub(rtp_timestamp));
        if ntp < due || lag > MAX_REPORT_LAG * i64::from(self.names.clock_rate) {
            return None;
        }
        self.last_report = Some((now, ntp));
        self.reports.get_or_insert_default().write((ntp.compact(), now));
        Some(SenderInfo { ntp, rtp_timestamp, packets: self.packets, octets: self.octets })
    }

    /// Round trip that an echo of one of our reports tells.
    pub fn round_trip(&self, now: Instant, block: &ReportBlock) -> Option<Duration> {
        let echoed =
            |(compact, _): &&(u32, Instant)| block.last_sender_report != 0 && *compact == block.last_sender_report;
        let (_, sent) = self.reports.as_ref()?.iter().find(echoed)?;
        let held = Duration::from_secs_f64(f64::from(block.delay_since) / 65536.0);
        now.saturating_duration_since(*sent).checked_sub(held)
    }

    fn route(&self, payload_type: u8) -> Option<Route> {
        self.routes.iter().find(|route| route.from == payload_type).copied()
    }

    /// The dependency descriptor as the receiver gets it: frames and templates are numbered on over switches, since a key frame whose
    /// number goes back is dropped, and what is left of the frames before must not be taken for frames of the new structure.
    fn descriptor(&self, packet: &Packet<'_>, outgoing: &Outgoing) -> Option<(u8, heapless::Vec<u8, MAX_ELEMENT>)> {
        let (from, to) = self.dependency.filter(|_| keeps_dependency(packet.codec))?;
        let rewrite = dependency::Rewrite {
            frame_number: outgoing.frame_number?,
            template_shift: outgoing.template_shift,
            spatial: outgoing.layers.spatial,
            temporal: outgoing.layers.temporal,
            retargets: outgoing.retargets,
        };
        Some((to, rewrite.apply(packet.header.element(packet.bytes, from)?, packet.frames)?))
    }

    fn send(
        &self,
        now: Instant,
        packet: &Packet<'_>,
        outgoing: &Outgoing,
        form: Form<'_>,
        leg: &mut Leg,
        sink: &mut dyn Sink,
    ) -> Result<usize, Discard> {
        let stamp = leg.stamp(now, self.names.kind);
        let descriptor = self.descriptor(packet, outgoing);
        let descriptor = descriptor.as_ref().map(|(id, element)| (*id, element.as_slice()));
        let mid = self.mid_id.zip(self.names.mid.as_ref()).map(|(id, mid)| (id, mid.as_bytes()));
        let mut stamped = stamp.elements();
        stamped.extend(mid);
        stamped.extend(descriptor);
        let rewrite = Rewrite {
            payload_type: form.payload_type,
            marker: outgoing.marker,
            sequence: form.sequence,
            timestamp: outgoing.timestamp,
            ssrc: form.ssrc,
            kept: &self.kept,
            stamped: &stamped,
            allow_two_byte: leg.allows_two_byte(self.names.kind),
        };
        let slot = sink.slot();
        let written = rewrite.write(slot, packet.header, packet.bytes, form.prefix, form.payload)?;
        let copied = slot.get_mut(written.payload).ok_or(Discard::TooLarge)?;
        rewrite_ids(packet.codec, copied, outgoing)?;
        leg.seal(&stamp, written.len, sink)
    }
}

/// How one packet is named when it goes out.
struct Form<'a> {
    payload_type: u8,
    ssrc: Ssrc,
    sequence: Seq,
    prefix: &'a [u8],
    payload: &'a [u8],
}

/// Receivers order VP8 and VP9 by the ids in the payload, which are rewritten; the descriptor's would contradict them.
fn keeps_dependency(codec: Codec) -> bool {
    !matches!(codec, Codec::Vp8 | Codec::Vp9)
}

/// Writes the ids of a payload anew.
pub fn rewrite_ids(codec: Codec, payload: &mut [u8], outgoing: &Outgoing) -> Result<(), Discard> {
    let (picture_id, tl0) = (outgoing.picture_id.unwrap_or(0), outgoing.tl0.unwrap_or(0));
    match codec {
        Codec::Vp8 => match codec::vp8::Descriptor::parse(payload) {
            Some(descriptor) => descriptor.rewrite(payload, picture_id, tl0),
            None => Ok(()),
        },
        Codec::Vp9 => match codec::vp9::Descriptor::parse(payload) {
            Some(descriptor) => descriptor.rewrite(payload, picture_id, tl0),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the numbers of tests are small")]
mod layers_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_wait_in_a_queue_is_not_sent_again() {
        let names = Names {
            owner: 0,
            source: 0,
            serial: 1,
            kind: MediaKind::Video,
            ssrc: Ssrc(1),
            rtx: Some(Ssrc(2)),
            mid: None,
            clock_rate: 90_000,
        };
        let (mut egress, sent) = (Egress::new(names, (Seq(1), Seq(1))), Instant::now());
        egress.resent.get_or_insert_default().write((Seq(7), sent));
        let (rtt, queue) = (Some(Duration::from_millis(60)), Duration::from_millis(250));
        let after = |ms, queue| egress.is_under_way(sent + Duration::from_millis(ms), Seq(7), rtt, queue);
        assert!(after(40, Duration::ZERO) && !after(60, Duration::ZERO), "the line is empty");
        assert!(after(300, queue) && !after(310, queue), "it may be the last in the queue");
        assert!(!after(1000, Duration::from_secs(5)), "nothing waits for ever");
        assert!(!egress.is_under_way(sent, Seq(8), rtt, queue), "another one");
    }
}
