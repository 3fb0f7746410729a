//! AV1 payloads (AV1 RTP payload format 4.4): the aggregation header, for packets without a dependency descriptor.

/// The first packet of a coded video sequence: N set, and no fragment of an earlier unit (Z clear).
pub fn is_sequence_start(payload: &[u8]) -> bool {
    payload.first().is_some_and(|head| head & 0x08 != 0 && head & 0x80 == 0)
}
