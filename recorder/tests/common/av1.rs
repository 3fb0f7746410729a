//! A payloader of AV1, which GStreamer 1.22 lacks: aggregates and fragments OBUs as the payload format says.

/// Longest payload, small enough that many OBUs go into several packets.
const MTU: usize = 1000;

/// Packets of a temporal unit whose OBUs bear their sizes: payloads, in order.
pub fn payloads(unit: &[u8], first: bool) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut payload = vec![if first { 0x08 } else { 0 }];
    for obu in obus(unit) {
        let mut rest = &obu[..];
        while !rest.is_empty() {
            let room = (MTU - payload.len()).saturating_sub(2);
            if room < 10 {
                all.push(std::mem::replace(&mut payload, vec![0]));
                continue;
            }
            let (part, after) = rest.split_at(rest.len().min(room));
            payload.extend(leb128(part.len()));
            payload.extend_from_slice(part);
            rest = after;
            if !rest.is_empty() {
                // It goes on in the next one.
                payload[0] |= 0x40;
                all.push(std::mem::replace(&mut payload, vec![0x80]));
            }
        }
    }
    all.push(payload);
    all
}

/// OBUs without their sizes and without the delimiter.
fn obus(mut unit: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while !unit.is_empty() {
        assert!(unit[0] & 2 != 0, "it bears its size");
        let head = 1 + usize::from(unit[0] >> 2 & 1);
        let (mut size, mut at, mut shift) = (0, head, 0);
        loop {
            let byte = unit[at];
            size |= usize::from(byte & 0x7f) << shift;
            (at, shift) = (at + 1, shift + 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        if unit[0] >> 3 & 0x0f != 2 {
            let mut obu = unit[..head].to_vec();
            obu[0] &= !2;
            obu.extend_from_slice(&unit[at..at + size]);
            all.push(obu);
        }
        unit = &unit[at + size..];
    }
    all
}

fn leb128(value: usize) -> Vec<u8> {
    if value < 128 { vec![value as u8] } else { vec![value as u8 & 0x7f | 0x80, (value >> 7) as u8] }
}
