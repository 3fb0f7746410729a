// The page in somebody else's frame: obeys commands, answers questions and tells events, in the words of Jitsi's external API.

import type { ChatMessage } from '../conference';
import type { LocalMedia } from '../media';
import { type ApiEvent, type Command, COMMANDS } from './names';
import { Postbox } from './postbox';
import { eventsBetween, type Snapshot } from './snapshot';

export type Controls = Readonly<Record<Command, (...values: readonly unknown[]) => void>>;

export interface FrameHost {
  readonly media: LocalMedia;
  readonly controls: Controls;
  snapshot(): Snapshot;
}

const KINDS: Readonly<Record<string, 'audio' | 'video' | 'output'>> = { audioinput: 'audio', videoinput: 'video', audiooutput: 'output' };
const KNOWN: ReadonlySet<string> = new Set(Object.values(COMMANDS));

export class Frame {
  private readonly box: Postbox;
  private last: Snapshot;

  /** `embedders` are the origins that may command us; our own may anyway. */
  constructor(id: number, embedders: readonly string[], private readonly host: FrameHost) {
    this.last = { ...host.snapshot(), phase: '' };
    this.box = new Postbox({
      scope: `jitsi_meet_external_api_${id}`,
      here: window, there: window.parent,
      accepts: (origin) => origin === location.origin || embedders.includes(origin),
      onMessage: (message) => void this.onMessage(message),
    });
    this.tell({ name: 'browser-support', supported: 'RTCPeerConnection' in window });
  }

  /** Tells what has changed since it was called last. */
  update(): void {
    const now = this.host.snapshot();
    const events = eventsBetween(this.last, now);
    this.last = now;
    for (const event of events) this.tell(event);
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
    this.host.controls[name as Command](...(Array.isArray(values) ? values : [values]));
    this.update();
  }

  private async answer(name: string, { device }: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { media } = this.host;
    const now = this.host.snapshot();
    switch (name) {
      case 'is-audio-muted': return now.audioMuted;
      case 'is-video-muted': return now.videoMuted;
      case 'is-audio-available': return now.audioAvailable;
      case 'is-video-available': return now.videoAvailable;
      case 'is-audio-disabled': case 'is-start-silent': return false;
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
