//! Streams whose owners stopped them a moment ago, and may start them again: a camera that was off, a session that broke. So
//! long nobody else takes their numbers.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use jitsi_wire::jingle::Source;

use super::sources::MAX_STREAMS;

/// So long a stream stays its owner's.
const RESERVED: Duration = Duration::from_secs(60);
/// Streams of one owner that are remembered.
const MAX_PARTED: usize = 2 * MAX_STREAMS;

/// By owner, in order of stopping.
#[derive(Debug, Default)]
pub(super) struct Parted {
    owners: BTreeMap<String, VecDeque<(Instant, Source)>>,
}

impl Parted {
    /// `owner` stopped these.
    pub(super) fn keep(&mut self, now: Instant, owner: &str, streams: impl Iterator<Item = Source>) {
        let kept = self.owners.entry(owner.to_owned()).or_default();
        kept.extend(streams.map(|stream| (now, stream)));
        kept.drain(..kept.len().saturating_sub(MAX_PARTED));
    }

    /// `owner` will start nothing again.
    pub(super) fn forget(&mut self, owner: &str) {
        self.owners.remove(owner);
    }

    /// Somebody else than `owner` had this stream, or its track, a moment ago.
    pub(super) fn is_of_another(&self, now: Instant, owner: &str, stream: &Source) -> bool {
        let others = self.owners.iter().filter(|(other, _)| *other != owner).flat_map(|(_, kept)| kept);
        let mut recent = others.filter(|(at, _)| now < *at + RESERVED).map(|(_, kept)| kept);
        recent.any(|kept| kept.ssrc == stream.ssrc || kept.msid.is_some() && kept.msid == stream.msid)
    }
}
