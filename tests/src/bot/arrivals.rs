//! What a bot tells the bridge of packets that arrived: transport-wide feedback, as browsers send it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rtc_rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc, SymbolTypeTcc,
    TransportLayerCc,
};

/// libwebrtc sends every 50 to 250 ms, by rate.
const EVERY: Duration = Duration::from_millis(60);
/// What arrived this long before a feedback may be told again in it, around packets that were overtaken (libwebrtc `kBackWindow`).
const BACK: Duration = Duration::from_millis(500);
/// Ticks of 250 microseconds in one unit of the reference time.
const REFERENCE: i64 = 256;

/// Packets that no feedback has told of.
#[derive(Debug, Default)]
pub struct Arrivals {
    epoch: Option<Instant>,
    /// By number among all: the tick of the arrival.
    ticks: BTreeMap<i64, i64>,
    newest: Option<i64>,
    /// The first number of the next feedback.
    base: Option<i64>,
    due: Option<Instant>,
    count: u8,
}

impl Arrivals {
    pub fn on_packet(&mut self, now: Instant, sequence: u16) {
        let epoch = *self.epoch.get_or_insert(now);
        let newest = *self.newest.get_or_insert(i64::from(sequence));
        let number = newest + i64::from(sequence.wrapping_sub(newest as u16) as i16);
        self.newest = Some(newest.max(number));
        let tick = (now - epoch).as_micros() as i64 / 250 + REFERENCE;
        if self.ticks.contains_key(&number) {
            return;
        }
        let base = *self.base.get_or_insert(number);
        if number < base && self.ticks.first_key_value().is_none_or(|(oldest, _)| number < *oldest) {
            return;
        }
        self.base = Some(base.min(number));
        self.ticks.insert(number, tick);
        self.due.get_or_insert(now + EVERY);
    }

    pub fn next_wakeup(&self) -> Option<Instant> {
        self.due
    }

    /// The feedback that is due.
    pub fn poll(&mut self, now: Instant, sender_ssrc: u32, media_ssrc: u32) -> Option<TransportLayerCc> {
        self.due.take_if(|due| *due <= now)?;
        let (base, newest) = (self.base?, self.newest?);
        let first = *self.ticks.range(base..).next()?.1;
        let reference = first.div_euclid(REFERENCE);
        let mut last = reference * REFERENCE;
        let (mut symbols, mut recv_deltas) = (Vec::new(), Vec::new());
        for number in base..=newest {
            let Some(tick) = self.ticks.get(&number) else {
                symbols.push(SymbolTypeTcc::PacketNotReceived);
                continue;
            };
            let delta = tick - last;
            last = *tick;
            let kind = if (0..=255).contains(&delta) {
                SymbolTypeTcc::PacketReceivedSmallDelta
            } else {
                SymbolTypeTcc::PacketReceivedLargeDelta
            };
            symbols.push(kind);
            recv_deltas.push(RecvDelta { type_tcc_packet: kind, delta: delta * 250 });
        }
        let packet_chunks = symbols.chunks(7).map(|symbols| {
            PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
                type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
                symbol_size: SymbolSizeTypeTcc::TwoBit,
                symbol_list: symbols.to_vec(),
            })
        });
        let feedback = TransportLayerCc {
            sender_ssrc,
            media_ssrc,
            base_sequence_number: base as u16,
            packet_status_count: symbols.len() as u16,
            reference_time: reference as u32,
            fb_pkt_count: self.count,
            packet_chunks: packet_chunks.collect(),
            recv_deltas,
        };
        self.count = self.count.wrapping_add(1);
        self.base = Some(newest + 1);
        let old = (now - BACK - self.epoch?).as_micros() as i64 / 250 + REFERENCE;
        self.ticks.retain(|_, tick| *tick >= old);
        Some(feedback)
    }
}
