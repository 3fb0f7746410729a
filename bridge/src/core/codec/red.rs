//! Redundant audio (RFC 2198): a packet repeats what the packets before it said.

/// Blocks that one packet may have; senders repeat one or two.
pub const MAX_BLOCKS: usize = 8;
const BLOCK_HEADER: usize = 4;

/// One block of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    pub payload_type: u8,
    /// How much older than the packet it is, in units of its clock. 0: the packet's own.
    pub offset: u16,
    pub payload: &'a [u8],
}

/// The blocks in order, the packet's own last. `None` if the packet ends before what it announces.
pub fn blocks(payload: &[u8]) -> Option<heapless::Vec<Block<'_>, MAX_BLOCKS>> {
    let mut headers = heapless::Vec::<(u8, u16, usize), MAX_BLOCKS>::new();
    let mut rest = payload;
    let primary = loop {
        let (&head, after) = rest.split_first()?;
        if head & 0x80 == 0 {
            rest = after;
            break head;
        }
        let &[head, high, middle, low] = rest.first_chunk::<BLOCK_HEADER>()?;
        let offset = (u16::from(high) << 6) | u16::from(middle >> 2);
        let len = (usize::from(middle & 3) << 8) | usize::from(low);
        headers.push((head & 0x7f, offset, len)).ok()?;
        rest = rest.get(BLOCK_HEADER..)?;
    };
    let mut blocks = heapless::Vec::new();
    for (payload_type, offset, len) in headers {
        let (payload, after) = rest.split_at_checked(len)?;
        blocks.push(Block { payload_type, offset, payload }).ok()?;
        rest = after;
    }
    blocks.push(Block { payload_type: primary, offset: 0, payload: rest }).ok()?;
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_in_order_and_the_last_takes_the_rest() {
        let packet = [0x80 | 111, 0x1e, 0x00, 2, 0x80 | 111, 0x0f, 0x00, 1, 111, 1, 2, 3, 4, 5, 6];
        let block = |offset, payload| Block { payload_type: 111, offset, payload };
        let expected = [block(1920, &[1_u8, 2][..]), block(960, &[3][..]), block(0, &[4, 5, 6][..])];
        assert_eq!(blocks(&packet).unwrap().as_slice(), expected);
        assert_eq!(blocks(&[111]).unwrap().as_slice(), [block(0, &[])]);
        for cut in 0..12 {
            assert_eq!(blocks(&packet[..cut]), None, "{cut}");
        }
        assert_eq!(blocks(&[0xef; 100]), None, "more blocks than anybody sends");
    }
}
