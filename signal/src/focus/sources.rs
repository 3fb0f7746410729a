//! The book of sources of one conference: who sends what, in full for the bridge and stripped for the other clients.
//!
//! Validation follows Jicofo's `ValidatingConferenceSourceMap`, stripping its `EndpointSourceSet.stripSimulcast`.

mod proposal;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use jitsi_wire::colibri2::MediaSource;
use jitsi_wire::jingle::{MediaKind, OwnerSources, Source, SourceSet, SsrcGroup};

use super::parted::Parted;
pub(super) use proposal::proposed;
use proposal::{merge, name_unnamed, validate};
pub(super) use view::difference;
use view::{media_sources, one_video, retitle, shown, strip_simulcast};

/// Streams that one participant may announce (Jicofo: `max-ssrcs-per-user`).
pub(super) const MAX_STREAMS: usize = 20;
/// Groups of streams that one participant may announce (Jicofo: `max-ssrc-groups-per-user`).
pub(super) const MAX_GROUPS: usize = 20;
/// Bytes of a source name or an msid; browsers write two UUIDs at most.
pub(super) const MAX_TEXT: usize = 256;

/// Why sources were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SourceError {
    #[error("SSRC 0 is not allowed")]
    InvalidSsrc,
    #[error("SSRC {0} is already used")]
    SsrcInUse(u32),
    #[error("msid {0} is already used")]
    MsidInUse(String),
    #[error("more than {MAX_STREAMS} sources")]
    TooManyStreams,
    #[error("more than {MAX_GROUPS} groups of sources")]
    TooManyGroups,
    #[error("a group names SSRC {0}, which is no source")]
    UnknownInGroup(u32),
    #[error("an FID group must have two SSRCs")]
    BadFid,
    #[error("SSRC {0} is in a group and has no msid")]
    NoMsid(u32),
    #[error("the sources of a group have different msids")]
    GroupMsidMismatch,
    #[error("a name or msid is too long")]
    TooLong,
    #[error("there is no source with SSRC {0}")]
    NoSuchSource(u32),
}

/// Sources of everybody in one conference.
#[derive(Debug, Default)]
pub(super) struct SourceBook {
    owners: BTreeMap<String, Entry>,
    /// Streams of the bridge itself, which nobody else may use.
    reserved: BTreeSet<u32>,
    ssrcs: BTreeSet<u32>,
    msids: BTreeMap<String, String>,
    parted: Parted,
}

#[derive(Debug)]
struct Entry {
    /// As announced, with every simulcast stream.
    all: OwnerSources,
    /// For clients that take more than one video source of a person.
    many: Arc<OwnerSources>,
    /// For the others.
    one: Arc<OwnerSources>,
    /// How often those others were shown another video in place of the one before.
    turns: u32,
}

impl SourceBook {
    /// SSRCs that the bridge itself uses.
    pub(super) fn reserve(&mut self, ssrcs: impl IntoIterator<Item = u32>) {
        self.reserved = ssrcs.into_iter().collect();
    }

    /// Adds sources of `owner`, all or none. Unnamed ones get names.
    pub(super) fn add(&mut self, now: Instant, owner: &str, proposed: OwnerSources) -> Result<(), SourceError> {
        let mut all = match self.owners.get(owner) {
            Some(entry) => entry.all.clone(),
            None => OwnerSources { owner: owner.to_owned(), ..OwnerSources::default() },
        };
        self.check_new(now, owner, &proposed)?;
        merge(&mut all.audio, proposed.audio);
        merge(&mut all.video, proposed.video);
        validate(&all)?;
        name_unnamed(owner, MediaKind::Audio, &mut all.audio.sources);
        name_unnamed(owner, MediaKind::Video, &mut all.video.sources);
        self.put(owner, all);
        Ok(())
    }

    /// Removes sources of `owner` by SSRC, and the groups they were in. All or none.
    pub(super) fn remove(&mut self, now: Instant, owner: &str, proposed: &OwnerSources) -> Result<(), SourceError> {
        let leaving: BTreeSet<u32> = streams(proposed).map(|s| s.ssrc).collect();
        let mut all = match self.owners.get(owner) {
            Some(entry) => entry.all.clone(),
            None => OwnerSources::default(),
        };
        if let Some(missing) = leaving.iter().find(|ssrc| !streams(&all).any(|s| s.ssrc == **ssrc)) {
            return Err(SourceError::NoSuchSource(*missing));
        }
        drop_streams(&mut all.audio, &leaving, &proposed.audio.groups);
        drop_streams(&mut all.video, &leaving, &proposed.video.groups);
        validate(&all)?;
        if let Some(entry) = self.owners.get(owner) {
            let gone = streams(&entry.all).filter(|s| leaving.contains(&s.ssrc));
            self.parted.keep(now, owner, gone.cloned());
        }
        self.put(owner, all);
        Ok(())
    }

    /// The session of `owner` is over: its sources are nobody's, but may be its own again in the next one.
    pub(super) fn end(&mut self, now: Instant, owner: &str) {
        if let Some(entry) = self.clear(owner) {
            self.parted.keep(now, owner, streams(&entry.all).cloned());
        }
    }

    /// Forgets everything that `owner` sent.
    pub(super) fn forget(&mut self, owner: &str) {
        self.clear(owner);
        self.parted.forget(owner);
    }

    fn clear(&mut self, owner: &str) -> Option<Entry> {
        let entry = self.owners.remove(owner)?;
        self.unindex(&entry.all);
        Some(entry)
    }

    /// What another client is told about `owner`.
    pub(super) fn visible(&self, owner: &str, many: bool) -> Option<Arc<OwnerSources>> {
        let entry = self.owners.get(owner)?;
        Some(Arc::clone(if many { &entry.many } else { &entry.one }))
    }

    /// Everybody who has sources.
    pub(super) fn owners(&self) -> impl Iterator<Item = &str> {
        self.owners.keys().map(String::as_str)
    }

    /// The full list of `owner` as a bridge wants it.
    pub(super) fn for_bridge(&self, owner: &str) -> Vec<MediaSource> {
        let Some(entry) = self.owners.get(owner) else {
            return Vec::new();
        };
        let audio = media_sources(MediaKind::Audio, &entry.all.audio);
        let video = media_sources(MediaKind::Video, &entry.all.video);
        audio.into_iter().chain(video).collect()
    }

    fn check_new(&self, now: Instant, owner: &str, proposed: &OwnerSources) -> Result<(), SourceError> {
        let mut seen = BTreeSet::new();
        for stream in streams(proposed) {
            if stream.ssrc == 0 {
                return Err(SourceError::InvalidSsrc);
            }
            let used = self.ssrcs.contains(&stream.ssrc) || self.reserved.contains(&stream.ssrc);
            if used || !seen.insert(stream.ssrc) {
                return Err(SourceError::SsrcInUse(stream.ssrc));
            }
            if self.parted.is_of_another(now, owner, stream) {
                return Err(SourceError::SsrcInUse(stream.ssrc));
            }
            let too_long = |text: &Option<String>| text.as_ref().is_some_and(|t| t.len() > MAX_TEXT);
            if too_long(&stream.msid) || too_long(&stream.name) {
                return Err(SourceError::TooLong);
            }
            if let Some(msid) = &stream.msid
                && self.msids.get(msid).is_some_and(|other| other != owner)
            {
                return Err(SourceError::MsidInUse(msid.clone()));
            }
        }
        Ok(())
    }

    fn put(&mut self, owner: &str, all: OwnerSources) {
        let before = self.owners.get(owner).map(|e| (e.turns, shown(&e.one).map(str::to_owned)));
        self.clear(owner);
        if all.audio.is_empty() && all.video.is_empty() {
            return;
        }
        for stream in streams(&all) {
            self.ssrcs.insert(stream.ssrc);
            if let Some(msid) = &stream.msid {
                self.msids.insert(msid.clone(), owner.to_owned());
            }
        }
        let many = strip_simulcast(&all);
        let one = one_video(&many);
        let turns = match &before {
            Some((turns, Some(old))) if shown(&one).is_some_and(|new| new != old) => turns.wrapping_add(1),
            Some((turns, _)) => *turns,
            None => 0,
        };
        let one = Arc::new(retitle(one, turns));
        self.owners.insert(owner.to_owned(), Entry { all, many: Arc::new(many), one, turns });
    }

    fn unindex(&mut self, all: &OwnerSources) {
        for stream in streams(all) {
            self.ssrcs.remove(&stream.ssrc);
            if let Some(msid) = &stream.msid {
                self.msids.remove(msid);
            }
        }
    }
}

fn streams(all: &OwnerSources) -> impl Iterator<Item = &Source> {
    all.audio.sources.iter().chain(&all.video.sources)
}

fn drop_streams(set: &mut SourceSet, leaving: &BTreeSet<u32>, groups: &[SsrcGroup]) {
    set.sources.retain(|s| !leaving.contains(&s.ssrc));
    set.groups.retain(|g| !g.ssrcs.iter().any(|ssrc| leaving.contains(ssrc)) && !groups.contains(g));
}
