//! The two messages that open a data channel (RFC 8832).

const OPEN: u8 = 3;
/// DATA_CHANNEL_ACK.
pub(super) const ACK: [u8; 1] = [2];

/// Whether this is a well-formed DATA_CHANNEL_OPEN: type, channel type, priority, reliability, two lengths, label, protocol. What
/// the channel is called and how reliable it wants to be makes no difference here.
pub(super) fn is_open(message: &[u8]) -> bool {
    let Some(&[OPEN, _, _, _, _, _, _, _, l0, l1, p0, p1]) = message.first_chunk::<12>() else {
        return false;
    };
    let label = usize::from(u16::from_be_bytes([l0, l1]));
    let protocol = usize::from(u16::from_be_bytes([p0, p1]));
    message.len() == 12 + label + protocol
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_message_has_the_length_it_says() {
        let mut open = vec![3, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 2];
        open.extend(b"JVBxy");
        assert!(is_open(&open));
        open.push(0);
        assert!(!is_open(&open));
        assert!(!is_open(&open[..11]));
        assert!(!is_open(&ACK));
    }
}
