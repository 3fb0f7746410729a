//! Datagrams on their way from the worker that receives to the one whose conference they belong to.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::core::Path;

/// Bytes and datagrams that may wait for a worker. What is more is dropped, as by a socket whose buffer is full.
const BYTES: usize = 1024 * 1024;
const DATAGRAMS: usize = 1024;

/// Datagrams, one behind the other. It keeps its memory when it is emptied.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    bytes: Vec<u8>,
    list: Vec<(Path, usize)>,
}

impl Parcel {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// False if it is full.
    pub(super) fn put(&mut self, path: Path, datagram: &[u8]) -> bool {
        let fits = self.list.len() < DATAGRAMS && self.bytes.len() + datagram.len() <= BYTES;
        if fits {
            self.bytes.extend_from_slice(datagram);
            self.list.push((path, datagram.len()));
        }
        fits
    }

    /// Its datagrams, in the order in which they were put in.
    pub(super) fn datagrams(&mut self) -> impl Iterator<Item = (Path, &mut [u8])> {
        let mut rest = self.bytes.as_mut_slice();
        self.list.iter().map(move |(path, len)| {
            let (datagram, later) = std::mem::take(&mut rest).split_at_mut_checked(*len).unwrap_or_default();
            rest = later;
            (*path, datagram)
        })
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.list.clear();
    }
}

/// Where a worker finds its parcels.
#[derive(Debug, Default)]
pub(super) struct Inlet(Mutex<Parcel>);

impl Inlet {
    /// Takes what is in the parcel, which is empty then. Answers how many datagrams found no room.
    pub(super) fn deliver(&self, parcel: &mut Parcel) -> u64 {
        let mut waiting = self.lock();
        if waiting.is_empty() {
            std::mem::swap(&mut *waiting, parcel);
            return 0;
        }
        let dropped = parcel.datagrams().filter(|(path, datagram)| !waiting.put(*path, datagram)).count();
        parcel.clear();
        u64::try_from(dropped).unwrap_or(u64::MAX)
    }

    /// Moves what waits into an empty parcel.
    pub(super) fn collect(&self, parcel: &mut Parcel) {
        std::mem::swap(&mut *self.lock(), parcel);
    }

    /// A parcel is never half full, so a poisoned lock holds a good one.
    fn lock(&self) -> MutexGuard<'_, Parcel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> Path {
        Path { local: "127.0.0.1".parse().unwrap(), remote: ([127, 0, 0, 1], port).into() }
    }

    fn contents(parcel: &mut Parcel) -> Vec<(u16, Vec<u8>)> {
        parcel.datagrams().map(|(path, datagram)| (path.remote.port(), datagram.to_vec())).collect()
    }

    #[test]
    fn datagrams_come_out_in_the_order_in_which_they_went_in() {
        let (inlet, mut parcel, mut taken) = (Inlet::default(), Parcel::default(), Parcel::default());
        for datagrams in [&[(1, "one"), (2, "")][..], &[(1, "three")]] {
            datagrams.iter().for_each(|(port, text)| assert!(parcel.put(path(*port), text.as_bytes())));
            assert_eq!(inlet.deliver(&mut parcel), 0);
            assert!(parcel.is_empty());
        }
        inlet.collect(&mut taken);
        assert_eq!(contents(&mut taken), [(1, b"one".to_vec()), (2, Vec::new()), (1, b"three".to_vec())]);
        taken.clear();
        inlet.collect(&mut taken);
        assert!(taken.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let (inlet, mut parcel) = (Inlet::default(), Parcel::default());
        assert_eq!((0..2 * DATAGRAMS).filter(|_| parcel.put(path(1), &[7; 1000])).count(), DATAGRAMS);
        inlet.deliver(&mut parcel);
        for _ in 0..40 {
            parcel.put(path(2), &[8; 1000]);
        }
        assert_eq!(inlet.deliver(&mut parcel), 40);
        inlet.collect(&mut parcel);
        assert_eq!(contents(&mut parcel).len(), DATAGRAMS);
    }
}
