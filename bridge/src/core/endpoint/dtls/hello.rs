//! What we want to know of a ClientHello before the DTLS machine decides by the client's order.

/// SRTP profiles of the `use_srtp` extension (RFC 5764, 4.1.1), in the client's order.
pub(super) fn srtp_profiles(hello: &[u8]) -> heapless::Vec<u16, 16> {
    let mut profiles = heapless::Vec::new();
    let Some(list) = find_extension(hello, 14).and_then(|body| Reader(body).prefixed_16()) else {
        return profiles;
    };
    for pair in list.chunks_exact(2) {
        if let &[high, low] = pair {
            // Whoever offers more than 16 has ours among the first, or is out of luck.
            let _ = profiles.push(u16::from_be_bytes([high, low]));
        }
    }
    profiles
}

fn find_extension(hello: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut reader = Reader(hello);
    reader.take(2 + 32)?; // version, random
    reader.prefixed_8()?; // session id
    reader.prefixed_8()?; // cookie
    reader.prefixed_16()?; // cipher suites
    reader.prefixed_8()?; // compression methods
    let mut extensions = Reader(reader.prefixed_16()?);
    loop {
        let kind = extensions.number_16()?;
        let body = extensions.prefixed_16()?;
        if kind == wanted {
            return Some(body);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    fn number_16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn prefixed_8(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(*self.take(1)?.first()?);
        self.take(length)
    }

    fn prefixed_16(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.number_16()?);
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offered_profiles_are_found_and_no_cut_is_fatal() {
        let mut hello = vec![0xFE, 0xFD];
        hello.extend([7; 32]);
        hello.extend([0, 0, 0, 2, 0xC0, 0x2B, 1, 0]);
        // An extension that nobody knows, then use_srtp with two profiles and no MKI.
        hello.extend([0, 16, 0x7F, 0xFF, 0, 1, 9, 0, 14, 0, 7, 0, 4, 0, 7, 0, 1, 0]);
        hello[43] = 16;
        assert_eq!(srtp_profiles(&hello).as_slice(), [7, 1]);
        for length in 0..hello.len() {
            assert!(srtp_profiles(&hello[..length]).is_empty());
        }
    }
}
