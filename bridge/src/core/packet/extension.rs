//! Header extension elements (RFC 8285), both forms.

/// How the elements of one packet are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Profile 0xBEDE: ids 1 to 14, 1 to 16 bytes each.
    OneByte,
    /// Profile 0x1000 to 0x100F: ids 1 to 255, 0 to 255 bytes each.
    TwoByte,
}

impl Form {
    pub(super) fn from_profile(profile: u16) -> Option<Self> {
        match profile {
            0xBEDE => Some(Self::OneByte),
            0x1000..=0x100F => Some(Self::TwoByte),
            _ => None,
        }
    }

    pub(super) fn profile(self) -> u16 {
        match self {
            Self::OneByte => 0xBEDE,
            Self::TwoByte => 0x1000,
        }
    }

    /// Can this form carry the element?
    pub(super) fn fits(self, id: u8, len: usize) -> bool {
        match self {
            Self::OneByte => (1..=14).contains(&id) && (1..=16).contains(&len),
            Self::TwoByte => id != 0 && len <= 255,
        }
    }
}

/// The elements of an extension block in order; ends at the first one that runs past the block.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    form: Form,
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(super) fn new(form: Form, block: &'a [u8]) -> Self {
        Self { form, rest: block }
    }

    fn one_byte(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let (&head, rest) = self.rest.split_first()?;
            let (id, len) = (head >> 4, usize::from(head & 15) + 1);
            match (id, len) {
                (0, 1) => self.rest = rest,
                // RFC 8285 4.2: id 15, and id 0 with a length, end the whole block.
                (0 | 15, _) => return None,
                _ => return self.take(id, len, rest),
            }
        }
    }

    fn two_byte(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let (&id, rest) = self.rest.split_first()?;
            if id == 0 {
                self.rest = rest;
                continue;
            }
            let (&len, rest) = rest.split_first()?;
            return self.take(id, usize::from(len), rest);
        }
    }

    fn take(&mut self, id: u8, len: usize, rest: &'a [u8]) -> Option<(u8, &'a [u8])> {
        let (element, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((id, element))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let element = match self.form {
            Form::OneByte => self.one_byte(),
            Form::TwoByte => self.two_byte(),
        };
        if element.is_none() {
            self.rest = &[];
        }
        element
    }
}

/// The RFC 6464 element: how loud this audio packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// The sender's voice activity bit.
    pub voice: bool,
    /// -dBov: 0 is the loudest, 127 is (digital) silence.
    pub level: u8,
}

impl AudioLevel {
    /// The level that stands for digital silence: a muted microphone.
    pub const SILENCE: u8 = 127;

    pub fn from_element(element: &[u8]) -> Option<Self> {
        element.first().map(|&byte| Self { voice: byte & 0x80 != 0, level: byte & 0x7f })
    }

    pub fn is_silence(self) -> bool {
        self.level == Self::SILENCE
    }
}

/// The value of an abs-send-time element: 24 bits, 6.18 fixed-point seconds, wraps every 64 s. The epoch is the caller's.
pub fn abs_send_time(since_epoch: std::time::Duration) -> [u8; 3] {
    let fraction = (u64::from(since_epoch.subsec_nanos()) << 18) / 1_000_000_000;
    let fixed = ((since_epoch.as_secs() & 63) << 18) | fraction;
    let [.., a, b, c] = fixed.to_be_bytes();
    [a, b, c]
}
