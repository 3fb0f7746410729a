//! Sources as a client proposes them: read, checked, named.

use std::collections::{BTreeMap, BTreeSet};

use jitsi_wire::jingle::{Content, MediaKind, OwnerSources, Semantics, Source, SourceSet};

use super::{MAX_GROUPS, MAX_STREAMS, SourceError, streams};

/// The sources in the contents of a client's `jingle` element.
pub(in crate::focus) fn proposed(owner: &str, contents: Vec<Content>) -> OwnerSources {
    let mut all = OwnerSources { owner: owner.to_owned(), ..OwnerSources::default() };
    for content in contents {
        let kind = content.kind();
        let Some(description) = content.description else {
            continue;
        };
        match kind {
            Some(MediaKind::Audio) => merge(&mut all.audio, description.sources),
            Some(MediaKind::Video) => merge(&mut all.video, description.sources),
            None => {}
        }
    }
    all
}

/// Groups that are empty, known already, or of semantics that no receiver asked for are left out, as in Jicofo. One more than
/// is allowed is enough to be refused.
pub(super) fn merge(into: &mut SourceSet, new: SourceSet) {
    let room = (MAX_STREAMS + 1).saturating_sub(into.sources.len());
    into.sources.extend(new.sources.into_iter().take(room));
    for group in new.groups {
        if into.groups.len() > MAX_GROUPS {
            return;
        }
        let known = matches!(group.semantics, Semantics::Fid | Semantics::Sim);
        if known && !group.ssrcs.is_empty() && !into.groups.contains(&group) {
            into.groups.push(group);
        }
    }
}

pub(super) fn validate(all: &OwnerSources) -> Result<(), SourceError> {
    if streams(all).count() > MAX_STREAMS {
        return Err(SourceError::TooManyStreams);
    }
    if all.audio.groups.len() + all.video.groups.len() > MAX_GROUPS {
        return Err(SourceError::TooManyGroups);
    }
    validate_set(&all.audio)?;
    validate_set(&all.video)
}

fn validate_set(set: &SourceSet) -> Result<(), SourceError> {
    for group in &set.groups {
        if group.semantics == Semantics::Fid && group.ssrcs.len() != 2 {
            return Err(SourceError::BadFid);
        }
        if group.ssrcs.len() > MAX_STREAMS {
            return Err(SourceError::TooManyStreams);
        }
        let mut common = None;
        for ssrc in &group.ssrcs {
            let source = set.sources.iter().find(|s| s.ssrc == *ssrc);
            let source = source.ok_or(SourceError::UnknownInGroup(*ssrc))?;
            let msid = source.msid.as_ref().ok_or(SourceError::NoMsid(*ssrc))?;
            if *common.get_or_insert(msid) != msid {
                return Err(SourceError::GroupMsidMismatch);
            }
        }
    }
    one_track_per_msid(set)
}

/// Streams with one msid belong to one track, so they must be held together by groups.
fn one_track_per_msid(set: &SourceSet) -> Result<(), SourceError> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for source in &set.sources {
        let Some(msid) = source.msid.as_deref() else {
            continue;
        };
        let head = head_of(set, source.ssrc);
        if *seen.entry(msid).or_insert(head) != head {
            return Err(SourceError::MsidInUse(msid.to_owned()));
        }
    }
    Ok(())
}

/// The stream that stands for the track of `ssrc`: first of its simulcast group, else the stream that it repeats, else
/// itself.
fn head_of(set: &SourceSet, ssrc: u32) -> u32 {
    let repeated = set
        .groups
        .iter()
        .filter(|g| g.semantics == Semantics::Fid)
        .find_map(|g| match g.ssrcs.as_slice() {
            [primary, rtx] if *rtx == ssrc => Some(*primary),
            _ => None,
        })
        .unwrap_or(ssrc);
    set.groups
        .iter()
        .filter(|g| g.semantics == Semantics::Sim && g.ssrcs.contains(&repeated))
        .find_map(|g| g.ssrcs.first().copied())
        .unwrap_or(repeated)
}

/// COMPAT(lib-jitsi-meet 2022, Jigasi): sources without names are called `ID-a0`, `ID-v0`. A name that does not begin
/// with the owner's id counts as none: receivers find the owner by it.
pub(super) fn name_unnamed(owner: &str, kind: MediaKind, sources: &mut [Source]) {
    let letter = match kind {
        MediaKind::Audio => 'a',
        MediaKind::Video => 'v',
    };
    let is_own = |name: &str| name.strip_prefix(owner).is_some_and(|rest| rest.starts_with('-') && rest.len() > 1);
    let mut by_track: BTreeMap<String, String> = BTreeMap::new();
    let mut used: BTreeSet<String> = BTreeSet::new();
    for source in sources.iter() {
        if let Some(name) = source.name.as_ref().filter(|name| is_own(name)) {
            used.insert(name.clone());
            by_track.entry(track_of(source)).or_insert_with(|| name.clone());
        }
    }
    for source in sources.iter_mut() {
        if !source.name.as_deref().is_some_and(is_own) {
            let name = by_track.entry(track_of(source)).or_insert_with(|| {
                (0..)
                    .map(|n: usize| format!("{owner}-{letter}{n}"))
                    .find(|name| used.insert(name.clone()))
                    .unwrap_or_default()
            });
            source.name = Some(name.clone());
        }
        if source.msid.is_none() {
            // Without msid no receiver would make a track of it.
            source.msid = source.name.as_ref().map(|name| format!("{name}-1 {name}-1"));
        }
        source.owner = Some(owner.to_owned());
    }
}

fn track_of(source: &Source) -> String {
    match &source.msid {
        Some(msid) => msid.clone(),
        None => format!("ssrc {}", source.ssrc),
    }
}
