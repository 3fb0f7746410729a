//! Checked view of an RTP packet (RFC 3550 5.1).

/// A packet's header and payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtp<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    /// On the stream's clock.
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: &'a [u8],
}

impl<'a> Rtp<'a> {
    /// None if these bytes are no RTP packet. Padding and header extensions are stepped over.
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let (header, rest) = packet.split_first_chunk::<12>()?;
        let [flags, second, s0, s1, t0, t1, t2, t3, ssrc @ ..] = *header;
        if flags >> 6 != 2 {
            return None;
        }
        let rest = rest.get(usize::from(flags & 0x0f) * 4..)?;
        let rest = if flags & 0x10 == 0 { rest } else { after_extension(rest)? };
        let payload = if flags & 0x20 == 0 { rest } else { before_padding(rest)? };
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes(ssrc),
            payload,
        })
    }
}

fn after_extension(rest: &[u8]) -> Option<&[u8]> {
    let ([_, _, w0, w1], rest) = rest.split_first_chunk::<4>()?;
    rest.get(usize::from(u16::from_be_bytes([*w0, *w1])) * 4..)
}

fn before_padding(rest: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*rest.last()?);
    rest.get(..rest.len().checked_sub(padding)?).filter(|_| padding > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_extension_and_padding_are_stepped_over() {
        let plain = [&[0x80, 0xe4, 1, 2, 0, 0, 0, 9, 0, 0, 0, 7][..], b"payload"].concat();
        let rtp = Rtp::parse(&plain).unwrap();
        let expected =
            Rtp { marker: true, payload_type: 100, sequence: 0x102, timestamp: 9, ssrc: 7, payload: b"payload" };
        assert_eq!(rtp, expected);
        let full = [
            &[0xb1, 0xe4, 1, 2, 0, 0, 0, 9, 0, 0, 0, 7][..],
            &[0; 4],
            &[0xbe, 0xde, 0, 1, 0, 0, 0, 0],
            b"payload",
            &[0, 2],
        ];
        assert_eq!(Rtp::parse(&full.concat()).unwrap(), expected);
    }

    #[test]
    fn cut_packets_are_refused() {
        let full = [&[0xb1, 0xe4, 1, 2, 0, 0, 0, 9, 0, 0, 0, 7][..], &[0; 4], &[0xbe, 0xde, 0, 1, 0, 0, 0, 0]].concat();
        for end in 0..full.len() {
            assert_eq!(Rtp::parse(&full[..end]), None);
        }
        assert_eq!(Rtp::parse(&[0x40; 20]), None, "version 1");
    }
}
