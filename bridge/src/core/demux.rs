//! Says which endpoint a datagram belongs to: by the path it came on, or by the ufrag in an ICE check.

use std::collections::HashMap;

use super::Path;

/// RFC 8489 5.
const MAGIC_COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const BINDING_REQUEST: [u8; 2] = [0, 1];
const USERNAME: u16 = 0x0006;
/// An ICE check has a handful of attributes; a longer list is not one.
const MAX_ATTRIBUTES: usize = 16;

/// An endpoint by its place. The generation tells a place's tenants apart, so that a stale handle finds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle {
    pub conference: usize,
    pub endpoint: usize,
    pub generation: u64,
}

/// What a datagram is, by its first two bytes (RFC 7983, RFC 5761).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// `None`: nothing that belongs on this port.
pub fn kind(datagram: &[u8]) -> Option<Kind> {
    let &[first, second, ..] = datagram else {
        return None;
    };
    match (first, second) {
        (0..=3, _) => Some(Kind::Stun),
        (20..=63, _) => Some(Kind::Dtls),
        (128..=191, 192..=223) => Some(Kind::Rtcp),
        (128..=191, _) => Some(Kind::Rtp),
        _ => None,
    }
}

/// Our own ufrag as a binding request names it: what stands before the colon of USERNAME.
///
/// Nothing is verified here; whoever owns the ufrag checks the integrity. `None` for anything but a request.
pub fn named_ufrag(message: &[u8]) -> Option<&str> {
    let (header, mut attributes) = message.split_at_checked(20)?;
    let is_request = header.get(..2)? == BINDING_REQUEST && header.get(4..8)? == MAGIC_COOKIE;
    let length = u16::from_be_bytes(*header.get(2..4)?.first_chunk()?);
    if !is_request || usize::from(length) != attributes.len() {
        return None;
    }
    for _ in 0..MAX_ATTRIBUTES {
        let (kind, rest) = attributes.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        if u16::from_be_bytes(*kind) == USERNAME {
            let username = std::str::from_utf8(rest.get(..length)?).ok()?;
            return username.split_once(':').map(|(ufrag, _)| ufrag);
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// The tables of one UDP port.
#[derive(Debug, Default)]
pub struct Demux {
    paths: HashMap<Path, Handle>,
    ufrags: HashMap<String, Handle>,
}

impl Demux {
    pub fn by_path(&self, path: Path) -> Option<Handle> {
        self.paths.get(&path).copied()
    }

    pub fn by_ufrag(&self, ufrag: &str) -> Option<Handle> {
        self.ufrags.get(ufrag).copied()
    }

    pub fn has_ufrag(&self, ufrag: &str) -> bool {
        self.ufrags.contains_key(ufrag)
    }

    /// From now on checks that name `ufrag` are for this endpoint.
    pub fn insert_ufrag(&mut self, ufrag: String, handle: Handle) {
        self.ufrags.insert(ufrag, handle);
    }

    /// An authenticated check came on this path: it belongs to that endpoint, whoever had it before.
    pub fn insert_path(&mut self, path: Path, handle: Handle) {
        self.paths.insert(path, handle);
    }

    /// The path no longer belongs to `handle`; a newer owner keeps it.
    pub fn remove_path(&mut self, path: Path, handle: Handle) {
        if self.paths.get(&path) == Some(&handle) {
            self.paths.remove(&path);
        }
    }

    /// The endpoint is no more.
    pub fn remove_endpoint(&mut self, handle: Handle) {
        self.paths.retain(|_, owner| *owner != handle);
        self.ufrags.retain(|_, owner| *owner != handle);
    }

    /// Entries of both tables, for tests of residue.
    pub fn len(&self) -> usize {
        self.paths.len() + self.ufrags.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend((value.len() as u16).to_be_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut message = vec![0, 1];
        message.extend((body.len() as u16).to_be_bytes());
        message.extend(MAGIC_COOKIE);
        message.extend([7; 12]);
        message.extend(body);
        message
    }

    #[test]
    fn the_first_two_bytes_say_what_a_datagram_is() {
        assert_eq!(kind(&[0, 1]), Some(Kind::Stun));
        assert_eq!(kind(&[22, 254]), Some(Kind::Dtls));
        assert_eq!(kind(&[0x80, 100]), Some(Kind::Rtp));
        assert_eq!(kind(&[0x80, 100 | 0x80]), Some(Kind::Rtp), "marker bit");
        assert_eq!(kind(&[0x81, 200]), Some(Kind::Rtcp));
        assert_eq!(kind(&[0x80, 206]), Some(Kind::Rtcp));
        assert_eq!(kind(&[64, 0]), None, "TURN channel");
        assert_eq!(kind(&[255, 255]), None);
        assert_eq!(kind(&[0x80]), None);
    }

    #[test]
    fn a_check_names_our_ufrag_before_the_colon() {
        let message = request(&[(0x8022, b"abc"), (USERNAME, b"ours1234:theirs")]);
        assert_eq!(named_ufrag(&message), Some("ours1234"));
    }

    #[test]
    fn what_is_not_a_binding_request_names_nobody() {
        let good = request(&[(USERNAME, b"ours1234:theirs")]);
        let mut success = good.clone();
        success[0] = 1;
        let mut cookie = good.clone();
        cookie[4] ^= 1;
        let mut length = good.clone();
        length[3] += 4;
        for broken in [&success[..], &cookie, &length, &good[..20], &good[..30], &[]] {
            assert_eq!(named_ufrag(broken), None);
        }
        assert_eq!(named_ufrag(&request(&[(USERNAME, b"no colon")])), None);
        assert_eq!(named_ufrag(&request(&[(USERNAME, &[0xff, b':'])])), None);
        let many: Vec<(u16, &[u8])> = vec![(0x8022, &[]); 100];
        assert_eq!(named_ufrag(&request(&many)), None);
    }

    #[test]
    fn a_path_that_changed_hands_stays_with_its_new_owner() {
        let path = Path {
            local: "10.0.0.1".parse().unwrap(),
            remote: "10.0.0.2:5000".parse().unwrap(),
        };
        let old = Handle { conference: 0, endpoint: 0, generation: 1 };
        let new = Handle { generation: 2, ..old };
        let mut demux = Demux::default();
        demux.insert_path(path, old);
        demux.insert_path(path, new);
        demux.remove_path(path, old);
        demux.remove_endpoint(old);
        assert_eq!(demux.by_path(path), Some(new));
        demux.remove_endpoint(new);
        assert!(demux.is_empty());
    }
}
