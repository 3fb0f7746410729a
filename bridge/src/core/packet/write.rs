//! Composes the packet that a receiver gets from the one that a sender sent.

use std::ops::Range;

use super::extension::Form;
use super::{FIXED_HEADER, RtpHeader, Seq, Ssrc};
use crate::core::Discard;

/// What the outgoing packet says; whatever is not named here is dropped: CSRCs, padding and every other extension.
#[derive(Debug, Clone, Copy)]
pub struct Rewrite<'a> {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: Seq,
    pub timestamp: u32,
    pub ssrc: Ssrc,
    /// Extension elements copied from the source packet: (its id there, its id here).
    pub kept: &'a [(u8, u8)],
    /// Elements of our own making (transport-wide number, abs-send-time, mid, dependency descriptor): (id, bytes).
    pub stamped: &'a [(u8, &'a [u8])],
    /// The receiver signalled `extmap-allow-mixed`. Without it, an element that needs the two-byte form is dropped.
    pub allow_two_byte: bool,
}

/// A packet that lies in its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its whole length.
    pub len: usize,
    /// Where the copied payload lies, after the prefix: for codec fields that are rewritten in place.
    pub payload: Range<usize>,
}

impl Rewrite<'_> {
    /// Writes header, extensions, `prefix` (the original sequence number of a retransmission, else empty) and `payload`.
    ///
    /// `header` describes `source`, where the kept extensions come from.
    pub fn write(
        &self,
        slot: &mut [u8],
        header: &RtpHeader,
        source: &[u8],
        prefix: &[u8],
        payload: &[u8],
    ) -> Result<Written, Discard> {
        let mut out = Cursor { slot, at: FIXED_HEADER };
        if self.write_block(&mut out, Form::OneByte, header, source)? && self.allow_two_byte {
            out.at = FIXED_HEADER;
            self.write_block(&mut out, Form::TwoByte, header, source)?;
        }
        self.write_fixed(&mut out)?;
        out.put(prefix)?;
        let start = out.at;
        out.put(payload)?;
        Ok(Written { len: out.at, payload: start..out.at })
    }

    /// The header before the extension block that ends at the cursor.
    fn write_fixed(&self, out: &mut Cursor<'_>) -> Result<(), Discard> {
        let any = u8::from(out.at > FIXED_HEADER);
        let [s0, s1] = self.sequence.0.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.0.to_be_bytes();
        let second = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        let fixed = out.slot.first_chunk_mut::<FIXED_HEADER>().ok_or(Discard::TooLarge)?;
        *fixed = [0x80 | (any << 4), second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
        Ok(())
    }

    /// Writes the elements that this form can carry, if there are any. True if there was one that it cannot.
    fn write_block(
        &self,
        out: &mut Cursor<'_>,
        form: Form,
        header: &RtpHeader,
        source: &[u8],
    ) -> Result<bool, Discard> {
        let block = out.at;
        let start = block + BLOCK_HEADER;
        out.at = start;
        let mut misfits = false;
        self.elements(header, source).try_for_each(|(id, element)| {
            if !form.fits(id, element.len()) {
                misfits = true;
                return Ok(());
            }
            let len = u8::try_from(element.len()).map_err(|_| Discard::TooLarge)?;
            match form {
                Form::OneByte => out.put(&[(id << 4) | (len.saturating_sub(1) & 15)])?,
                Form::TwoByte => out.put(&[id, len])?,
            }
            out.put(element)
        })?;
        if out.at == start {
            out.at = block;
            return Ok(misfits);
        }
        while !out.at.is_multiple_of(4) {
            out.put(&[0])?;
        }
        let words = u16::try_from((out.at - start) / 4).map_err(|_| Discard::TooLarge)?;
        let ([p0, p1], [w0, w1]) = (form.profile().to_be_bytes(), words.to_be_bytes());
        let head = out.slot.get_mut(block..start).ok_or(Discard::TooLarge)?;
        head.copy_from_slice(&[p0, p1, w0, w1]);
        Ok(misfits)
    }

    fn elements<'s>(&'s self, header: &RtpHeader, source: &'s [u8]) -> impl Iterator<Item = (u8, &'s [u8])> {
        let kept = header
            .elements(source)
            .filter_map(|(id, element)| self.kept.iter().find(|(from, _)| *from == id).map(|(_, to)| (*to, element)));
        kept.chain(self.stamped.iter().copied())
    }
}

/// Profile and length of an extension block.
const BLOCK_HEADER: usize = 4;
const _: () = assert!(FIXED_HEADER.is_multiple_of(4), "extension padding counts from the start of the packet");

struct Cursor<'a> {
    slot: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Discard> {
        let end = self.at + bytes.len();
        self.slot.get_mut(self.at..end).ok_or(Discard::TooLarge)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }
}
