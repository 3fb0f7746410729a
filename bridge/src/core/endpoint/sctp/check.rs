//! What `rtc-sctp` takes for granted of a packet, looked at before it gets one.
//!
//! It takes the lengths of error causes as they come and slices by them, and where a chunk holds more than it knows it goes on in the
//! midst of that chunk, where another one may hide. What clients send fills every chunk exactly.

const COMMON_HEADER: usize = 12;
/// Of chunks, parameters and error causes alike: two bytes of kind, two of length, which counts the header.
const HEADER: usize = 4;

pub(super) const DATA: u8 = 0;
pub(super) const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const SACK: u8 = 3;
const HEARTBEAT: u8 = 4;
const HEARTBEAT_ACK: u8 = 5;
const ABORT: u8 = 6;
const SHUTDOWN: u8 = 7;
const SHUTDOWN_ACK: u8 = 8;
const ERROR: u8 = 9;
const COOKIE_ECHO: u8 = 10;
const COOKIE_ACK: u8 = 11;
const SHUTDOWN_COMPLETE: u8 = 14;
const RECONFIG: u8 = 130;
const FORWARD_TSN: u8 = 192;

/// A chunk of a packet.
pub(super) struct Chunk<'a> {
    pub kind: u8,
    pub value: &'a [u8],
}

/// The chunks of a packet, as far as they are whole.
pub(super) fn chunks(packet: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = packet.get(COMMON_HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&kind, (value, after)) = (rest.first()?, split(rest)?);
        rest = after;
        Some(Chunk { kind, value })
    })
}

/// Whether every chunk is filled by what it may hold, and nothing follows the last.
pub(super) fn is_sound(packet: &[u8]) -> bool {
    let length = |chunk: &Chunk<'_>| (HEADER + chunk.value.len()).next_multiple_of(4);
    let whole = COMMON_HEADER + chunks(packet).map(|chunk| length(&chunk)).sum::<usize>();
    let is_alone = chunks(packet).nth(1).is_none();
    // The last one may come without its padding.
    packet.len() > COMMON_HEADER
        && whole.wrapping_sub(packet.len()) < HEADER
        && chunks(packet).all(|chunk| is_filled(&chunk, is_alone))
}

fn is_filled(chunk: &Chunk<'_>, is_alone: bool) -> bool {
    let value = chunk.value;
    match chunk.kind {
        DATA | COOKIE_ECHO => true,
        // Parameters that nobody knows may end it (RFC 9260 3.2.1), so it must not hide anything by that.
        INIT | INIT_ACK => is_alone,
        SACK => value.get(8..12).is_some_and(|counts| {
            let count =
                |at: usize| counts.get(at..at + 2).map_or(0, |two| two.iter().fold(0, |n, b| n << 8 | usize::from(*b)));
            value.len() == 12 + 4 * (count(0) + count(2))
        }),
        HEARTBEAT | HEARTBEAT_ACK => split(value).is_some_and(|(_, after)| after.is_empty()),
        RECONFIG => split(value)
            .is_some_and(|(_, second)| second.is_empty() || split(second).is_some_and(|(_, after)| after.is_empty())),
        ABORT | ERROR => causes_fill(value),
        SHUTDOWN => value.len() == 4,
        SHUTDOWN_ACK | COOKIE_ACK | SHUTDOWN_COMPLETE => value.is_empty(),
        FORWARD_TSN => value.len() >= 4 && value.len().is_multiple_of(4),
        _ => false,
    }
}

/// Error causes stand one behind the other for `rtc-sctp`, without padding. The last one may be padded, and no further than the chunk
/// would be without.
fn causes_fill(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(length) = length(rest) {
        let Some(after) = rest.get(length..) else {
            return false;
        };
        rest = after;
    }
    let causes = value.len() - rest.len();
    rest.len() < HEADER && causes.next_multiple_of(4) == value.len().next_multiple_of(4)
}

/// The length that a chunk, parameter or cause says it has.
fn length(bytes: &[u8]) -> Option<usize> {
    let &[_, _, high, low] = bytes.first_chunk::<HEADER>()?;
    Some(usize::from(u16::from_be_bytes([high, low]))).filter(|length| *length >= HEADER)
}

/// The value of what begins here, and what follows its padding.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = length(bytes)?;
    let value = bytes.get(HEADER..length)?;
    Some((value, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(chunks: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0; COMMON_HEADER];
        for chunk in chunks {
            packet.extend_from_slice(chunk);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        packet
    }

    #[test]
    fn what_clients_send_is_sound() {
        let sack = [3, 0, 0, 24, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 2, 0, 3, 0, 0, 0, 9];
        let data = [0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 51, b'x'];
        let heartbeat = [4, 0, 0, 10, 0, 1, 0, 6, 7, 7];
        let reset = [130, 0, 0, 20, 0, 13, 0, 16, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        let forward = [192, 0, 0, 12, 0, 0, 0, 9, 0, 1, 0, 2];
        let (abort, shutdown) = ([6, 0, 0, 12, 0, 12, 0, 8, b'b', b'y', b'e', b'!'], [7, 0, 0, 8, 0, 0, 0, 1]);
        assert!(is_sound(&packet(&[&sack, &data, &heartbeat])));
        let padded = [6, 0, 0, 12, 0, 12, 0, 6, b'h', b'i', 0, 0];
        for chunk in
            [&reset[..], &forward, &abort, &padded, &shutdown, &[11, 0, 0, 4], &[10, 0, 0, 5, 9], &[6, 0, 0, 4]]
        {
            assert!(is_sound(&packet(&[chunk])), "{chunk:?}");
        }
        let unpadded = packet(&[&data]);
        assert!(is_sound(&unpadded[..unpadded.len() - 3]));
    }

    #[test]
    fn an_error_cause_longer_than_its_chunk_is_not() {
        for kind in [ABORT, ERROR] {
            assert!(!is_sound(&packet(&[&[kind, 0, 0, 8, 0, 12, 7, 0]])));
            assert!(!is_sound(&packet(&[&[kind, 0, 0, 12, 0, 12, 0, 4, 0, 0, 0, 3]])), "shorter than its header");
            assert!(!is_sound(&packet(&[&[kind, 0, 0, 11, 0, 12, 0, 4, 0, 0, 0]])), "three bytes that are no padding");
        }
    }

    #[test]
    fn nothing_hides_in_a_chunk() {
        let hidden = [6, 0, 0, 8, 0, 12, 7, 0];
        let behind = |kind: u8, value: &[u8]| {
            let length = u8::try_from(HEADER + value.len() + hidden.len()).unwrap();
            [&[kind, 0, 0, length], value, &hidden].concat()
        };
        let sack = [0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0];
        for (kind, value) in [
            (COOKIE_ACK, &[][..]),
            (SHUTDOWN_ACK, &[]),
            (SHUTDOWN, &[0; 4]),
            (SACK, &sack),
            (HEARTBEAT, &[0, 1, 0, 4]),
            (RECONFIG, &[0, 16, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 16, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1]),
            (77, &[]),
        ] {
            assert!(!is_sound(&packet(&[&behind(kind, value)])), "{kind}");
        }
        let init = [&[INIT, 0, 0, 20][..], &[1; 16]].concat();
        assert!(is_sound(&packet(&[&init])));
        assert!(!is_sound(&packet(&[&init, &hidden])), "an INIT comes alone");
        assert!(!is_sound(&packet(&[])) && !is_sound(&[]) && !is_sound(&[&packet(&[])[..], &[0, 0, 0, 99]].concat()));
    }
}
