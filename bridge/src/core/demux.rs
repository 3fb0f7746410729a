//! Says which endpoint a datagram belongs to: by the path it came on, or by the ufrag in an ICE check.

use std::collections::{HashMap, VecDeque};

use super::Path;

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

/// The tables of one UDP port.
#[derive(Debug, Default)]
pub struct Demux {
    paths: HashMap<Path, Handle>,
    ufrags: HashMap<String, Handle>,
    /// Paths that came and went, if anybody wants to know.
    changes: Option<VecDeque<(Path, bool)>>,
}

impl Demux {
    /// Remembers changes for [`Self::poll_change`] from now on.
    pub fn watch(&mut self) {
        self.changes.get_or_insert_default();
    }

    /// A path that has an owner from now on (`true`), or has none any more.
    pub fn poll_change(&mut self) -> Option<(Path, bool)> {
        self.changes.as_mut()?.pop_front()
    }

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
        let is_new = self.paths.insert(path, handle).is_none();
        if let Some(changes) = self.changes.as_mut().filter(|_| is_new) {
            changes.push_back((path, true));
        }
    }

    /// The path no longer belongs to `handle`; a newer owner keeps it.
    pub fn remove_path(&mut self, path: Path, handle: Handle) {
        if self.paths.get(&path) == Some(&handle) {
            self.paths.remove(&path);
            self.changes.iter_mut().for_each(|changes| changes.push_back((path, false)));
        }
    }

    /// The endpoint is not asked for by this ufrag any more.
    pub fn remove_ufrag(&mut self, ufrag: &str, handle: Handle) {
        if self.ufrags.get(ufrag) == Some(&handle) {
            self.ufrags.remove(ufrag);
        }
    }

    /// The endpoint is no more.
    pub fn remove_endpoint(&mut self, handle: Handle) {
        let changes = &mut self.changes;
        self.paths.retain(|path, owner| {
            let stays = *owner != handle;
            if let Some(changes) = changes.as_mut().filter(|_| !stays) {
                changes.push_back((*path, false));
            }
            stays
        });
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
    fn whoever_watches_is_told_of_paths_that_come_and_go() {
        let path = |port| Path { local: "10.0.0.1".parse().unwrap(), remote: ([10, 0, 0, 2], port).into() };
        let (one, other) = (
            Handle { conference: 0, endpoint: 0, generation: 1 },
            Handle { conference: 0, endpoint: 1, generation: 2 },
        );
        let mut demux = Demux::default();
        demux.insert_path(path(1), one);
        assert_eq!(demux.poll_change(), None, "nobody watches");
        demux.watch();
        demux.insert_path(path(1), other);
        demux.insert_path(path(2), one);
        demux.insert_path(path(3), one);
        demux.remove_path(path(2), one);
        demux.remove_path(path(1), one);
        demux.remove_endpoint(one);
        let told: Vec<_> = std::iter::from_fn(|| demux.poll_change()).collect();
        assert_eq!(told, [(path(2), true), (path(3), true), (path(2), false), (path(3), false)]);
    }

    #[test]
    fn a_path_that_changed_hands_stays_with_its_new_owner() {
        let path = Path { local: "10.0.0.1".parse().unwrap(), remote: "10.0.0.2:5000".parse().unwrap() };
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
