//! Sources as others are told of them: clients of the first layer, some of one video only; the bridge of all.

use std::collections::BTreeSet;

use jitsi_wire::colibri2::MediaSource;
use jitsi_wire::jingle::{MediaKind, OwnerSources, Semantics, Source, SourceSet, SsrcGroup};

/// What went and what came between two announcements about one owner: `(removed, added)`, either may be empty.
pub(in crate::focus) fn difference(
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

/// Only the first stream of each simulcast group and its retransmissions: the bridge sends every layer as that stream.
pub(super) fn strip_simulcast(all: &OwnerSources) -> OwnerSources {
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
pub(super) fn one_video(many: &OwnerSources) -> OwnerSources {
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
pub(super) fn shown(one: &OwnerSources) -> Option<&str> {
    one.video.sources.first()?.name.as_deref()
}

/// COMPAT(lib-jitsi-meet 2022): its session descriptions keep the msid of a source that went, so that a video which comes
/// back under the same one makes the browser refuse them. With every turn the video gets an msid of its own.
pub(super) fn retitle(mut one: OwnerSources, turns: u32) -> OwnerSources {
    if turns > 0 {
        for msid in one.video.sources.iter_mut().filter_map(|s| s.msid.as_mut()) {
            *msid = msid.split(' ').map(|id| format!("{id}-{turns}")).collect::<Vec<_>>().join(" ");
        }
    }
    one
}

pub(super) fn media_sources(kind: MediaKind, set: &SourceSet) -> Vec<MediaSource> {
    let mut list: Vec<MediaSource> = Vec::new();
    for source in &set.sources {
        let name = source.name.clone().unwrap_or_default();
        match list.iter_mut().find(|m| m.id == name) {
            Some(known) => known.ssrcs.push(source.ssrc),
            None => {
                let (ssrcs, desktop) = (vec![source.ssrc], source.is_desktop());
                list.push(MediaSource { id: name, kind, ssrcs, groups: Vec::new(), desktop, synthetic: false });
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
