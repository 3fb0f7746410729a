// The page in somebody else's frame: obeys commands, answers questions and tells events, in the words of Jitsi's external API.

import type { ChatMessage, Happening } from '../conference';
import type { Muted } from '../conference/happening';
import type { LocalMedia } from '../media';
import { nodeOf } from '../names';
import { type Controls, controls, type Desk, snapshot } from './controls';
import { type ApiEvent, type Command, COMMANDS } from './names';
import { Postbox } from './postbox';
import { eventsBetween, eventsOf, type Member, type Snapshot } from './snapshot';

const KINDS: Readonly<Record<string, 'audio' | 'video' | 'output'>> = { audioinput: 'audio', videoinput: 'video', audiooutput: 'output' };
const KNOWN: ReadonlySet<string> = new Set(Object.values(COMMANDS));

export class Frame {
  private readonly box: Postbox;
  private readonly controls: Controls;
  private last: Snapshot;
  /** Who we are or were last: one who was sent out is not in the room any more. */
  private me: Member | null = null;

  /** `embedders` are the origins that may command us; our own may anyway. */
  constructor(id: number, embedders: readonly string[], private readonly desk: Desk) {
    this.controls = controls(desk);
    this.last = { ...snapshot(desk), phase: '' };
    this.box = new Postbox({
      scope: `jitsi_meet_external_api_${id}`,
      here: window, there: window.parent,
      accepts: (origin) => origin === location.origin || embedders.includes(origin),
      onMessage: (message) => void this.onMessage(message),
    });
    this.tell({ name: 'browser-support', supported: 'RTCPeerConnection' in window });
    this.tell({ name: 'ready' });
  }

  /** Tells what has changed since it was called last. */
  update(): void {
    const now = snapshot(this.desk);
    const events = eventsBetween(this.last, now);
    this.last = now;
    this.me = now.me ?? this.me;
    for (const event of events) this.tell(event);
  }

  happened(happening: Happening): void {
    const { conference } = this.desk;
    for (const event of eventsOf(happening, conference?.me ?? '', conference?.jid ?? '')) this.tell(event);
  }

  /** A moderator sent us out. */
  removed(by: string): void {
    const { me } = this;
    this.tell({ name: 'participant-kicked-out', kicked: { id: me?.id, name: me?.name, local: true }, kicker: { name: by } });
  }

  message({ from, name, text, to, mine, at }: ChatMessage): void {
    const privateMessage = to !== '';
    if (mine) this.tell({ name: 'outgoing-message', message: text, privateMessage });
    else this.tell({ name: 'incoming-message', from, nick: name, message: text, privateMessage, stamp: at.toISOString() });
  }

  tell(event: ApiEvent): void {
    this.box.send({ type: 'event', data: event });
  }

  private async onMessage(message: Readonly<Record<string, unknown>>): Promise<void> {
    const data = (message.data ?? {}) as Readonly<Record<string, unknown>>;
    const name = String(data.name ?? '');
    if (message.type === 'request') {
      const answer = await this.answer(name, data).then((result) => ({ result }), (error: unknown) => ({ error: String(error) }));
      return this.box.send({ type: 'response', id: message.id, ...answer });
    }
    if (!KNOWN.has(name)) return;
    const values: unknown = data.data;
    // `executeCommands` gives them as a list in the list.
    this.controls[name as Command](...(Array.isArray(values) ? values.flat() : [values]));
    this.update();
  }

  private async answer(name: string, { device, mediaType, participantId }: Readonly<Record<string, unknown>>): Promise<unknown> {
    const kind: Muted = mediaType === 'video' || mediaType === 'desktop' ? mediaType : 'audio';
    const { media, conference } = this.desk;
    const now = snapshot(this.desk);
    switch (name) {
      case 'is-audio-muted': return now.audioMuted;
      case 'is-video-muted': return now.videoMuted;
      case 'is-audio-available': return now.audioAvailable;
      case 'is-video-available': return now.videoAvailable;
      case 'is-audio-disabled': case 'is-start-silent': return false;
      case 'is-moderation-on': return conference?.moderation.moderated.has(kind) ?? false;
      case 'is-participant-force-muted': return conference?.moderation.mayOther(String(participantId), kind) === false;
      case 'get-p2p-status': return false;
      case 'list-breakout-rooms': return listedRooms(conference);
      case 'is-sharing-screen': return now.me?.sharing ?? false;
      case 'is-participants-pane-open': return now.peopleOpen;
      case 'get-content-sharing-participants': return { sharingParticipantIds: now.others.filter((one) => one.sharing).map(({ id }) => id) };
      case 'rooms-info': return { rooms: [{ isMainRoom: true, participants: [...(now.me ? [now.me] : []), ...now.others].map(({ id, name: displayName, moderator }) => ({ id, displayName, role: moderator ? 'moderator' : 'participant' })) }] };
      case 'deployment-info': return {};
      case 'isDeviceListAvailable': case 'isDeviceChangeAvailable': return media.devices.length > 0;
      case 'isMultipleAudioInputSupported': return true;
      case 'getAvailableDevices': return listed(media, 'all');
      case 'getCurrentDevices': return listed(media, 'used');
      case 'setDevice': return setDevice(media, device as { kind?: string; id?: string; label?: string } | undefined);
      default: throw new Error(`${name} is not known here`);
    }
  }
}

/** By the part of the room's address before the `@`. */
function listedRooms(conference: Desk['conference']): Record<string, unknown> {
  const all = conference?.breakout.rooms ?? [];
  return Object.fromEntries(all.map(({ jid, name, main, seats }) => [nodeOf(jid), {
    id: nodeOf(jid), jid, name, isMainRoom: main,
    participants: Object.fromEntries(seats.map((seat) => [`${jid}/${seat.id}`, { jid: seat.jid, displayName: seat.name, role: seat.moderator ? 'moderator' : 'participant' }])),
  }]));
}

function listed(media: LocalMedia, which: 'all' | 'used'): Record<string, unknown> {
  const of = (kind: MediaDeviceKind): unknown => {
    const devices = media.devices.filter((one) => one.kind === kind && one.deviceId).map(({ deviceId, groupId, label }) => ({ deviceId, groupId, label, kind }));
    if (which === 'all') return devices;
    const device = KINDS[kind] ?? 'output';
    const used = media.chosen[device] || (device === 'output' ? '' : media.track(device)?.getSettings().deviceId);
    return devices.find(({ deviceId }) => deviceId === used) ?? devices[0];
  };
  return { audioInput: of('audioinput'), audioOutput: of('audiooutput'), videoInput: of('videoinput') };
}

async function setDevice(media: LocalMedia, wanted: { kind?: string; id?: string; label?: string } | undefined): Promise<boolean> {
  const kind = KINDS[wanted?.kind?.toLowerCase() ?? ''];
  const found = media.devices.find((one) => one.kind === wanted?.kind?.toLowerCase() && (wanted?.id ? one.deviceId === wanted.id : one.label === wanted?.label));
  if (!kind || !found) throw new Error('there is no such device');
  await media.choose(kind, found.deviceId);
  return true;
}
