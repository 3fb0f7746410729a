// What the meeting shows of each person: tiles and lines of the list, made of what the room says. Pure.

import type { Conference, Participant } from './conference';
import { t } from './i18n';
import type { LocalMedia } from './media';
import type { Person } from './ui/people';
import type { Face } from './ui/tiles';

/** Our own part of it. */
export interface Own { readonly name: string; readonly hand: number; readonly media: LocalMedia }

/** The number that a raised hand has in the row of hands; 0 for who has none up. */
export type Rank = (id: string) => number;

export function nameOf(person: Participant): string {
  return person.name || t('meeting.someone');
}

export function handRank(people: readonly Participant[], own: Own): Rank {
  const hands = [...people.filter((p) => p.hand).map((p) => ({ id: p.id, at: p.hand })), ...(own.hand ? [{ id: 'me', at: own.hand }] : [])].sort((a, b) => a.at - b.at);
  return (id) => hands.findIndex((hand) => hand.id === id) + 1;
}

export function personLines(conference: Conference | null, people: readonly Participant[], own: Own, rank: Rank): Person[] {
  const { media } = own;
  return [
    { id: 'me', name: own.name, me: true, moderator: conference?.moderator ?? false, audioMuted: !media.on('audio'), videoMuted: !media.on('video'), sharing: false, hand: rank('me') },
    ...people.map((p) => ({ id: p.id, name: nameOf(p), me: false, moderator: p.moderator, audioMuted: p.audioMuted, videoMuted: p.videoMuted, sharing: p.sharing, hand: rank(p.id) })),
  ];
}

export function faces(conference: Conference | null, people: readonly Participant[], own: Own, rank: Rank): Face[] {
  const tracks = [...(conference?.tracks.values() ?? [])];
  const others = people.flatMap((p): Face[] => {
    const videos = tracks.filter(({ source }) => source.owner === p.id && source.kind === 'video');
    const isScreen = (name: string, desktop: boolean): boolean => p.sources.get(name)?.desktop ?? desktop;
    const camera = videos.find(({ source }) => !isScreen(source.name, source.desktop));
    const screens = videos.filter(({ source }) => isScreen(source.name, source.desktop) && p.sources.get(source.name)?.muted !== true);
    const common = { name: nameOf(p), mine: false, micOff: p.audioMuted };
    const weak = conference?.quality.weak(p.id, Date.now()) ?? false;
    return [
      ...screens.map(({ source, track }) => ({ ...common, id: source.name, source: source.name, screen: true, hand: 0, track })),
      { ...common, id: p.id, source: p.videoMuted ? '' : camera?.source.name ?? '', screen: false, hand: rank(p.id), track: p.videoMuted ? null : camera?.track ?? null, weak },
    ];
  });
  const me: Face = { id: 'me', source: '', name: own.name, mine: true, screen: false, micOff: !own.media.on('audio'), hand: rank('me'), track: own.media.track('video') };
  return [...others, me];
}

/** What is to be heard, by source. */
export function voices(conference: Conference | null): Map<string, MediaStreamTrack> {
  return new Map([...(conference?.tracks ?? [])].filter(([, { source }]) => source.kind === 'audio').map(([name, { track }]) => [name, track]));
}
