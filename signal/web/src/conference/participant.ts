// One of the others, as the last presence tells.

import type { Kind } from '../jingle';
import { child, json, text, type Xml } from '../xml';

export interface SourceState { readonly muted: boolean; readonly desktop: boolean }

export interface Participant {
  readonly id: string;
  /** The real JID, by which rights are given. */
  readonly jid: string;
  readonly name: string;
  readonly moderator: boolean;
  readonly audioMuted: boolean;
  readonly videoMuted: boolean;
  /** Shows a screen. */
  readonly sharing: boolean;
  /** Since when the hand is up, or 0. */
  readonly hand: number;
  /** Video codecs that the person's program can show, lower case; empty if it does not say. */
  readonly codecs: readonly string[];
  /** Muted state and kind of each announced source. */
  readonly sources: ReadonlyMap<string, SourceState>;
}

export function readParticipant(stanza: Xml, id: string, item: Xml): Participant {
  const sources = readSources(stanza, id);
  const muted = (kind: Kind): boolean => {
    const announced = [...sources].filter(([name, s]) => name.startsWith(`${id}-${kind[0]}`) && !s.desktop);
    return announced.length ? announced.every(([, s]) => s.muted) : text(child(stanza, `${kind}muted`)) !== 'false';
  };
  return {
    id, sources,
    jid: item.attrs.jid ?? '',
    name: text(child(stanza, 'nick')).trim(),
    moderator: item.attrs.role === 'moderator',
    audioMuted: muted('audio'), videoMuted: muted('video'),
    sharing: [...sources.values()].some((s) => s.desktop && !s.muted),
    codecs: codecList(text(child(stanza, 'jitsi_participant_codecList')) || text(child(stanza, 'jitsi_participant_codecType'))),
    hand: Number(text(child(stanza, 'jitsi_participant_raisedHand'))) || 0,
  };
}

const MOST_CODECS = 16;

function codecList(list: string): string[] {
  return list.split(',', MOST_CODECS).map((name) => name.trim().toLowerCase()).filter(Boolean);
}

function readSources(stanza: Xml, id: string): Map<string, SourceState> {
  const sources = new Map<string, SourceState>();
  for (const [name, value] of Object.entries(json(child(stanza, 'SourceInfo')) ?? {})) {
    if (!name.startsWith(`${id}-`) || typeof value !== 'object' || value === null) continue;
    const { muted, videoType } = value as { muted?: boolean; videoType?: string };
    sources.set(name, { muted: muted === true, desktop: videoType === 'desktop' });
  }
  return sources;
}
