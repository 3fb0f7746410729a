//! The book of sources of one conference: who sends what, in full for the bridge and stripped for the other clients.
//!
//! Validation follows Jicofo's `ValidatingConferenceSourceMap`, stripping its `EndpointSourceSet.stripSimulcast`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use jitsi_wire::colibri2::MediaSource;
use jitsi_wire::jingle::{Content, MediaKind, OwnerSources, Semantics, Source, SourceSet, SsrcGroup};

use super::parted::Parted;

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

/// The sources in the contents of a client's `jingle` element.
pub(super) fn proposed(owner: &str, contents: Vec<Content>) -> OwnerSources {
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

/// What went and what came between two announcements about one owner: `(removed, added)`, either may be empty.
pub(super) fn difference(
    owner: &str,
    old: Option<&OwnerSources>,
    new: Option<&OwnerSources>,
) -> (OwnerSources, OwnerSources) {
    let nothing = OwnerSources::default();
    let (old, new) = (old.unwrap_or(&nothing), new.unwrap_or(&nothing));
    let part = |from: &OwnerSources, to: &OwnerSources| OwnerSources {
        owner: owner.to_owned(),
        audio: only_in(&from.audio, &to.audio),
        video: only_in(&from.video, &to.video),
    };
    (part(old, new), part(new, old))
}

fn only_in(this: &SourceSet, other: &SourceSet) -> SourceSet {
    let keep = |s: &&Source| !other.sources.contains(s);
    let keep_group = |g: &&SsrcGroup| !other.groups.contains(g);
    SourceSet {
        sources: this.sources.iter().filter(keep).cloned().collect(),
        groups: this.groups.iter().filter(keep_group).cloned().collect(),
    }
}

fn streams(all: &OwnerSources) -> impl Iterator<Item = &Source> {
    all.audio.sources.iter().chain(&all.video.sources)
}

/// Groups that are empty, known already, or of semantics that no receiver asked for are left out, as in Jicofo. One more than
/// is allowed is enough to be refused.
fn merge(into: &mut SourceSet, new: SourceSet) {
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

fn drop_streams(set: &mut SourceSet, leaving: &BTreeSet<u32>, groups: &[SsrcGroup]) {
    set.sources.retain(|s| !leaving.contains(&s.ssrc));
    set.groups.retain(|g| !g.ssrcs.iter().any(|ssrc| leaving.contains(ssrc)) && !groups.contains(g));
}

fn validate(all: &OwnerSources) -> Result<(), SourceError> {
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
fn name_unnamed(owner: &str, kind: MediaKind, sources: &mut [Source]) {
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

/// Only the first stream of each simulcast group and its retransmissions: the bridge sends every layer as that stream.
fn strip_simulcast(all: &OwnerSources) -> OwnerSources {
    OwnerSources { owner: all.owner.clone(), audio: all.audio.clone(), video: strip_set(&all.video) }
}

fn strip_set(set: &SourceSet) -> SourceSet {
    let upper: BTreeSet<u32> = set
        .groups
        .iter()
        .filter(|g| g.semantics == Semantics::Sim)
        .flat_map(|g| g.ssrcs.iter().skip(1).copied())
        .collect();
    let repeats: BTreeSet<u32> = set
        .groups
        .iter()
        .filter(|g| g.semantics == Semantics::Fid)
        .filter_map(|g| match g.ssrcs.as_slice() {
            [primary, rtx] if upper.contains(primary) => Some(*rtx),
            _ => None,
        })
        .collect();
    let stays = |ssrc: &u32| !upper.contains(ssrc) && !repeats.contains(ssrc);
    SourceSet {
        sources: set.sources.iter().filter(|s| stays(&s.ssrc)).cloned().collect(),
        groups: set
            .groups
            .iter()
            .filter(|g| g.semantics != Semantics::Sim && g.ssrcs.iter().all(stays))
            .cloned()
            .collect(),
    }
}

/// COMPAT(clients without `receive-multiple-video-streams`): one video source per person, the screen if there is one.
fn one_video(many: &OwnerSources) -> OwnerSources {
    let sources = &many.video.sources;
    let chosen = sources.iter().find(|s| s.is_desktop()).or_else(|| sources.first()).and_then(|s| s.name.clone());
    let kept: Vec<Source> = sources.iter().filter(|s| s.name == chosen).cloned().collect();
    let groups = many.video.groups.iter();
    let groups = groups.filter(|g| g.ssrcs.iter().all(|n| kept.iter().any(|s| s.ssrc == *n)));
    OwnerSources {
        owner: many.owner.clone(),
        audio: many.audio.clone(),
        video: SourceSet { groups: groups.cloned().collect(), sources: kept },
    }
}

/// The name of the video that clients are shown who take one.
fn shown(one: &OwnerSources) -> Option<&str> {
    one.video.sources.first()?.name.as_deref()
}

/// COMPAT(lib-jitsi-meet 2022): its session descriptions keep the msid of a source that went, so that a video which comes
/// back under the same one makes the browser refuse them. With every turn the video gets an msid of its own.
fn retitle(mut one: OwnerSources, turns: u32) -> OwnerSources {
    if turns > 0 {
        for msid in one.video.sources.iter_mut().filter_map(|s| s.msid.as_mut()) {
            *msid = msid.split(' ').map(|id| format!("{id}-{turns}")).collect::<Vec<_>>().join(" ");
        }
    }
    one
}

fn media_sources(kind: MediaKind, set: &SourceSet) -> Vec<MediaSource> {
    let mut list: Vec<MediaSource> = Vec::new();
    for source in &set.sources {
        let name = source.name.clone().unwrap_or_default();
        match list.iter_mut().find(|m| m.id == name) {
            Some(known) => known.ssrcs.push(source.ssrc),
            None => {
                let (ssrcs, desktop) = (vec![source.ssrc], source.is_desktop());
                list.push(MediaSource { id: name, kind, ssrcs, groups: Vec::new(), desktop });
            }
        }
    }
    for group in &set.groups {
        let first = group.ssrcs.first();
        if let Some(media) = list.iter_mut().find(|m| first.is_some_and(|ssrc| m.ssrcs.contains(ssrc))) {
            media.groups.push(group.clone());
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use jitsi_wire::jingle::Description;
    use std::time::Duration;

    fn now() -> Instant {
        Instant::now()
    }

    fn source(ssrc: u32, msid: &str) -> Source {
        Source { ssrc, msid: Some(msid.to_owned()), ..Source::default() }
    }

    fn group(semantics: Semantics, ssrcs: &[u32]) -> SsrcGroup {
        SsrcGroup { semantics, ssrcs: ssrcs.to_vec() }
    }

    fn simulcast(base: u32) -> OwnerSources {
        let msid = format!("cam{base} t");
        OwnerSources {
            owner: String::new(),
            audio: SourceSet { sources: vec![source(base, &format!("mic{base} t"))], groups: vec![] },
            video: SourceSet {
                sources: (1..=6).map(|n| source(base + n, &msid)).collect(),
                groups: vec![
                    group(Semantics::Sim, &[base + 1, base + 2, base + 3]),
                    group(Semantics::Fid, &[base + 1, base + 4]),
                    group(Semantics::Fid, &[base + 2, base + 5]),
                    group(Semantics::Fid, &[base + 3, base + 6]),
                ],
            },
        }
    }

    #[test]
    fn others_see_the_first_layer_and_its_retransmissions_the_bridge_sees_all() {
        let mut book = SourceBook::default();
        book.add(now(), "ada", simulcast(100)).unwrap();
        let seen = book.visible("ada", true).unwrap();
        let ssrcs: Vec<u32> = streams(&seen).map(|s| s.ssrc).collect();
        assert_eq!(ssrcs, [100, 101, 104]);
        assert_eq!(seen.video.groups, [group(Semantics::Fid, &[101, 104])]);
        let bridge = book.for_bridge("ada");
        assert_eq!(bridge.len(), 2);
        assert_eq!(bridge[0].id, "ada-a0");
        assert_eq!(bridge[1].id, "ada-v0");
        assert_eq!(bridge[1].ssrcs.len(), 6);
        assert_eq!(bridge[1].groups.len(), 4);
    }

    #[test]
    fn an_ssrc_or_msid_of_another_participant_is_refused_and_nothing_changes() {
        let mut book = SourceBook::default();
        book.reserve([7]);
        book.add(now(), "ada", simulcast(100)).unwrap();
        let mut clash = OwnerSources::default();
        clash.audio.sources.push(source(101, "own t"));
        assert_eq!(book.add(now(), "bob", clash.clone()), Err(SourceError::SsrcInUse(101)));
        clash.audio.sources[0].ssrc = 7;
        assert_eq!(book.add(now(), "bob", clash.clone()), Err(SourceError::SsrcInUse(7)));
        clash.audio.sources[0] = source(900, "mic100 t");
        assert_eq!(book.add(now(), "bob", clash.clone()), Err(SourceError::MsidInUse("mic100 t".to_owned())));
        assert!(book.visible("bob", true).is_none());
        book.forget("ada");
        assert_eq!(book.add(now(), "bob", clash), Ok(()));
    }

    #[test]
    fn groups_must_make_sense() {
        let refuse = |change: &dyn Fn(&mut OwnerSources)| {
            let mut all = simulcast(10);
            change(&mut all);
            SourceBook::default().add(now(), "ada", all).unwrap_err()
        };
        assert_eq!(refuse(&|s| s.video.groups[1].ssrcs = vec![11]), SourceError::BadFid);
        assert_eq!(refuse(&|s| s.video.groups[1].ssrcs = vec![11, 99]), SourceError::UnknownInGroup(99));
        assert_eq!(refuse(&|s| s.video.sources[1].msid = Some("x y".to_owned())), SourceError::GroupMsidMismatch);
        assert_eq!(refuse(&|s| s.video.sources[1].msid = None), SourceError::NoMsid(12));
        assert_eq!(
            refuse(&|s| s.video.sources.push(source(50, "cam10 t"))),
            SourceError::MsidInUse("cam10 t".to_owned())
        );
        assert_eq!(
            refuse(&|s| s.audio.sources.extend((200..230).map(|n| source(n, &format!("m{n}"))))),
            SourceError::TooManyStreams
        );
        assert_eq!(refuse(&|s| s.audio.sources.push(source(10, "again"))), SourceError::SsrcInUse(10));
    }

    #[test]
    fn no_more_is_read_than_it_takes_to_refuse() {
        let mut content = Content::offered("video");
        let sources = SourceSet {
            sources: (1..9000).map(|n| source(n, "m t")).collect(),
            groups: (1..9000).map(|n| group(Semantics::Fid, &[n, n + 1])).collect(),
        };
        content.description = Some(Description { media: "video".to_owned(), sources, ..Description::default() });
        let all = proposed("ada", vec![content.clone(), content]);
        assert_eq!((all.video.sources.len(), all.video.groups.len()), (MAX_STREAMS + 1, MAX_GROUPS + 1));
        let mut groups_only = all.clone();
        groups_only.video.sources.truncate(2);
        assert_eq!(SourceBook::default().add(now(), "ada", groups_only), Err(SourceError::TooManyGroups));
        let apart = all.video.sources.iter().map(|s| source(s.ssrc, &format!("{} t", s.ssrc))).collect();
        let apart = OwnerSources { video: SourceSet { sources: apart, groups: vec![] }, ..all };
        assert_eq!(SourceBook::default().add(now(), "ada", apart), Err(SourceError::TooManyStreams));
    }

    #[test]
    fn unnamed_tracks_are_named_and_names_of_others_do_not_count() {
        let mut all = OwnerSources::default();
        all.video.sources = vec![
            source(1, "a"),
            Source { name: Some("ada-v1".to_owned()), ..source(2, "b") },
            Source { name: Some("bob-v0".to_owned()), ..source(3, "c") },
            Source { ssrc: 4, ..Source::default() },
        ];
        let mut book = SourceBook::default();
        book.add(now(), "ada", all).unwrap();
        let seen = book.visible("ada", true).unwrap();
        let names: Vec<_> = seen.video.sources.iter().map(|s| s.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["ada-v0", "ada-v1", "ada-v2", "ada-v3"]);
        assert!(seen.video.sources[3].msid.is_some());
    }

    #[test]
    fn a_screen_hides_the_camera_from_clients_that_take_one_video() {
        let mut book = SourceBook::default();
        book.add(now(), "ada", simulcast(100)).unwrap();
        let mut screen = OwnerSources::default();
        screen.video.sources = vec![Source {
            video_type: Some("desktop".to_owned()),
            name: Some("ada-v1".to_owned()),
            ..source(500, "screen t")
        }];
        book.add(now(), "ada", screen.clone()).unwrap();
        let one = book.visible("ada", false).unwrap();
        assert_eq!(one.video.sources.len(), 1);
        assert_eq!(one.video.sources[0].ssrc, 500);
        assert_eq!(book.visible("ada", true).unwrap().video.sources.len(), 3);
        book.remove(now(), "ada", &screen).unwrap();
        let ssrcs = |many| streams(&book.visible("ada", many).unwrap()).map(|s| s.ssrc).collect::<Vec<_>>();
        assert_eq!(ssrcs(false), ssrcs(true));
    }

    #[test]
    fn the_one_video_comes_back_under_an_msid_that_was_not_there_before() {
        let mut book = SourceBook::default();
        book.add(now(), "ada", simulcast(100)).unwrap();
        let mut screen = OwnerSources::default();
        screen.video.sources = vec![Source { video_type: Some("desktop".to_owned()), ..source(500, "screen t") }];
        let mut seen = BTreeSet::new();
        let mut see = |book: &SourceBook| {
            let one = book.visible("ada", false).unwrap();
            let msids: BTreeSet<_> = one.video.sources.iter().map(|s| s.msid.clone().unwrap()).collect();
            assert_eq!(msids.len(), 1, "the streams of a track stay together");
            assert!(seen.is_disjoint(&msids), "{msids:?} were there before: {seen:?}");
            seen.extend(msids);
            let kept = book.visible("ada", true).unwrap();
            assert!(
                kept.video
                    .sources
                    .iter()
                    .all(|s| s.msid.as_deref().is_some_and(|m| ["cam100 t", "screen t"].contains(&m)))
            );
        };
        see(&book);
        for _ in 0..2 {
            book.add(now(), "ada", screen.clone()).unwrap();
            see(&book);
            book.remove(now(), "ada", &screen).unwrap();
            see(&book);
        }
        // What does not touch the video leaves it as it is.
        let before = book.visible("ada", false).unwrap();
        let mut sound = OwnerSources::default();
        sound.audio.sources.push(source(700, "more t"));
        book.add(now(), "ada", sound).unwrap();
        assert_eq!(book.visible("ada", false).unwrap().video, before.video);
    }

    #[test]
    fn removal_takes_the_groups_along_and_unknown_streams_are_refused() {
        let mut book = SourceBook::default();
        book.add(now(), "ada", simulcast(100)).unwrap();
        let mut part = simulcast(100);
        part.audio = SourceSet::default();
        part.video.groups.clear();
        book.remove(now(), "ada", &part).unwrap();
        let left = book.visible("ada", true).unwrap();
        assert!(left.video.is_empty());
        assert_eq!(book.remove(now(), "ada", &part), Err(SourceError::NoSuchSource(101)));
        // The streams are free again, for others after a while.
        let start = now();
        let mut again = simulcast(200);
        book.add(start, "ada", again.clone()).unwrap();
        book.remove(start, "ada", &again).unwrap();
        assert!(book.add(start, "bob", again.clone()).is_err(), "it may be on its way back");
        again.audio = SourceSet::default();
        book.add(start, "ada", again.clone()).unwrap();
        book.end(start, "ada");
        let soon = start + Duration::from_secs(59);
        assert_eq!(book.add(soon, "bob", again.clone()), Err(SourceError::SsrcInUse(201)));
        let mut other = again.clone();
        other.video.sources.truncate(1);
        other.video.groups.clear();
        other.video.sources[0].ssrc = 9;
        assert!(book.add(soon, "bob", other).is_err(), "the track is as good as the stream");
        book.add(start + Duration::from_secs(60), "bob", again.clone()).unwrap();
        book.forget("bob");
        book.add(start + Duration::from_secs(60), "cyd", again).unwrap();
    }
}
