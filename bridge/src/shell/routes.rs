//! Which worker a datagram is for, where several share the media port.
//!
//! One of them receives. A check names the ufrag that it is for, whose first character is the worker's; everything else goes to the
//! owner of its path. Workers tell what paths they own before they answer the check that made it theirs, so whatever the peer sends
//! next finds its way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::core::{Path, ufrag_of};

/// The characters by which workers are told apart, see [`crate::core::BridgeConfig::tag`].
const TAGS: [char; 16] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p'];
/// Workers that can be told apart.
pub(super) const MAX_WORKERS: usize = TAGS.len();

/// What names of this worker begin with.
pub(super) fn tag(worker: usize) -> Option<char> {
    TAGS.get(worker).copied()
}

/// Whose name it is.
pub(super) fn by_tag(name: &str) -> Option<usize> {
    let first = name.chars().next()?;
    TAGS.iter().position(|tag| *tag == first)
}

/// A path has an owner, or that one no more.
type Change = (Path, usize, bool);

/// What workers tell the one that receives.
#[derive(Debug, Default)]
pub(super) struct News {
    list: Mutex<Vec<Change>>,
    /// Looked at for each batch of datagrams, so that there is no lock on their way.
    any: AtomicBool,
}

impl News {
    pub(super) fn tell(&self, path: Path, worker: usize, owns: bool) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push((path, worker, owns));
        self.any.store(true, Ordering::Release);
    }
}

/// Owners of paths, as the worker that receives knows them.
#[derive(Debug, Default)]
pub(super) struct Routes(HashMap<Path, usize>);

impl Routes {
    /// Takes what was told since the last time.
    pub(super) fn learn(&mut self, news: &News) {
        if !news.any.swap(false, Ordering::Acquire) {
            return;
        }
        for (path, worker, owns) in news.list.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if owns {
                self.0.insert(path, worker);
            } else if self.0.get(&path) == Some(&worker) {
                self.0.remove(&path);
            }
        }
    }

    /// Strangers are everybody's; the first one counts them.
    pub(super) fn worker(&self, path: Path, datagram: &[u8]) -> usize {
        let named = ufrag_of(datagram).and_then(by_tag);
        named.or_else(|| self.0.get(&path).copied()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> Path {
        Path { local: "127.0.0.1".parse().unwrap(), remote: ([127, 0, 0, 1], port).into() }
    }

    #[test]
    fn a_path_belongs_to_whom_it_was_told_last() {
        let (news, mut routes) = (News::default(), Routes::default());
        let media = [0x80, 100, 0, 0];
        for (worker, owns) in [(1, true), (2, true), (1, false)] {
            news.tell(path(7), worker, owns);
        }
        assert_eq!(routes.worker(path(7), &media), 0, "not learned yet");
        routes.learn(&news);
        assert_eq!((routes.worker(path(7), &media), routes.worker(path(8), &media)), (2, 0));
        news.tell(path(7), 2, false);
        routes.learn(&news);
        assert_eq!(routes.worker(path(7), &media), 0);
    }

    #[test]
    fn every_worker_knows_its_own_names() {
        for worker in 0..MAX_WORKERS {
            let name: String = tag(worker).into_iter().chain("XYZ".chars()).collect();
            assert_eq!(by_tag(&name), Some(worker));
        }
        assert_eq!((tag(MAX_WORKERS), by_tag("zzz"), by_tag("")), (None, None, None));
    }
}
