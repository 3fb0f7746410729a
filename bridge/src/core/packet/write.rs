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
        let mut out = Cursor { slot, at: 0 };
        let elements = || self.elements(header, source);
        let form = self.form(elements());
        let any = elements().any(|(id, element)| form.fits(id, element.len()));
        out.put(&[0x80 | (u8::from(any) << 4), (u8::from(self.marker) << 7) | (self.payload_type & 0x7f)])?;
        out.put(&self.sequence.0.to_be_bytes())?;
        out.put(&self.timestamp.to_be_bytes())?;
        out.put(&self.ssrc.0.to_be_bytes())?;
        if any {
            write_block(&mut out, form, elements())?;
        }
        out.put(prefix)?;
        let start = out.at;
        out.put(payload)?;
        Ok(Written { len: out.at, payload: start..out.at })
    }

    fn elements<'s>(&'s self, header: &'s RtpHeader, source: &'s [u8]) -> impl Iterator<Item = (u8, &'s [u8])> {
        let kept = header
            .elements(source)
            .filter_map(|(id, element)| self.kept.iter().find(|(from, _)| *from == id).map(|(_, to)| (*to, element)));
        kept.chain(self.stamped.iter().copied())
    }

    fn form<'s>(&self, mut elements: impl Iterator<Item = (u8, &'s [u8])>) -> Form {
        if self.allow_two_byte && elements.any(|(id, element)| !Form::OneByte.fits(id, element.len())) {
            Form::TwoByte
        } else {
            Form::OneByte
        }
    }
}

fn write_block<'s>(
    out: &mut Cursor<'_>,
    form: Form,
    elements: impl Iterator<Item = (u8, &'s [u8])>,
) -> Result<(), Discard> {
    out.put(&form.profile().to_be_bytes())?;
    out.put(&[0, 0])?;
    let start = out.at;
    for (id, element) in elements.filter(|(id, element)| form.fits(*id, element.len())) {
        let len = u8::try_from(element.len()).map_err(|_| Discard::TooLarge)?;
        match form {
            Form::OneByte => out.put(&[(id << 4) | (len.saturating_sub(1) & 15)])?,
            Form::TwoByte => out.put(&[id, len])?,
        }
        out.put(element)?;
    }
    while !out.at.is_multiple_of(4) {
        out.put(&[0])?;
    }
    let words = u16::try_from((out.at - start) / 4).map_err(|_| Discard::TooLarge)?;
    let field = out.slot.get_mut(start - 2..start).ok_or(Discard::TooLarge)?;
    field.copy_from_slice(&words.to_be_bytes());
    Ok(())
}

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
