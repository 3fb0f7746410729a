// `external_api.js`: what another page loads to have a room in a frame of its own. The class and its methods are called as
// in Jitsi's external API, so that pages written for that one work with this box.

import { COMMANDS, type EventName, EVENTS } from './names';
import { Postbox } from './postbox';

interface Options {
  readonly roomName?: string;
  readonly width?: string | number;
  readonly height?: string | number;
  readonly parentNode?: HTMLElement;
  readonly configOverwrite?: Readonly<Record<string, unknown>>;
  readonly interfaceConfigOverwrite?: Readonly<Record<string, unknown>>;
  readonly userInfo?: Readonly<Record<string, unknown>>;
  readonly noSSL?: boolean;
  readonly lang?: string;
  readonly onload?: () => void;
  readonly sandbox?: string;
}

type Data = Readonly<Record<string, unknown>>;
type Listener = (data: Data) => void;
interface Member { displayName?: unknown; formattedDisplayName?: unknown; email?: unknown; avatarURL?: unknown }
type Answer = { resolve(value: unknown): void; reject(error: Error): void };

const ALLOW = ['camera', 'microphone', 'display-capture', 'autoplay', 'fullscreen', 'speaker-selection', 'picture-in-picture', 'clipboard-write', 'screen-wake-lock'];
let frames = 0;

/** Listeners by event, called like node's. */
class Emitter {
  private readonly listeners = new Map<string, Set<Listener>>();

  on(event: string, listener: Listener): this {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event)?.add(listener);
    return this;
  }

  once(event: string, listener: Listener): this {
    const first: Listener = (data) => {
      this.off(event, first);
      listener(data);
    };
    return this.on(event, first);
  }

  off(event: string, listener: Listener): this {
    this.listeners.get(event)?.delete(listener);
    return this;
  }

  removeAllListeners(event?: string): this {
    if (event) this.listeners.delete(event);
    else this.listeners.clear();
    return this;
  }

  emit(event: string, data: Data = {}): boolean {
    const listeners = [...(this.listeners.get(event) ?? [])];
    for (const listener of listeners) listener(data);
    return listeners.length > 0;
  }

  addListener(event: string, listener: Listener): this { return this.on(event, listener); }
  removeListener(event: string, listener: Listener): this { return this.off(event, listener); }
}

export class JitsiMeetExternalAPI extends Emitter {
  private readonly frame: HTMLIFrameElement;
  private readonly box: Postbox;
  private readonly members = new Map<string, Member>();
  private readonly asked = new Map<number, Answer>();
  private counter = 0;
  private me = '';

  constructor(domain: string, ...rest: readonly unknown[]) {
    super();
    const options = optionsOf(rest);
    const id = frames++;
    const address = addressOf(domain, options, id);
    this.frame = frameFor(address, options, id);
    (options.parentNode ?? document.body).append(this.frame);
    const { origin } = new URL(address);
    this.box = new Postbox({
      scope: `jitsi_meet_external_api_${id}`,
      here: window, there: this.frame.contentWindow as Window, origin,
      accepts: (from) => from === origin,
      onMessage: (message) => this.onMessage(message),
    });
  }

  executeCommand(name: string, ...values: readonly unknown[]): void {
    const command = COMMANDS[name as keyof typeof COMMANDS] as string | undefined;
    if (!command) return console.error(`JitsiMeetExternalAPI: the command ${name} is not known`);
    this.box.send({ type: 'event', data: { name: command, data: values } });
  }

  executeCommands(commands: Readonly<Record<string, readonly unknown[]>>): void {
    for (const [name, values] of Object.entries(commands)) this.executeCommand(name, ...values);
  }

  dispose(): void {
    this.emit('_willDispose');
    this.box.dispose();
    for (const { reject } of this.asked.values()) reject(new Error('disposed'));
    this.asked.clear();
    this.removeAllListeners();
    this.frame.remove();
  }

  addEventListener(event: string, listener: Listener): void { this.on(event, listener); }
  addEventListeners(listeners: Readonly<Record<string, Listener>>): void { for (const [event, listener] of Object.entries(listeners)) this.on(event, listener); }
  removeEventListener(event: string): void { this.removeAllListeners(event); }
  removeEventListeners(events: readonly string[]): void { for (const event of events) this.removeAllListeners(event); }

  getIFrame(): HTMLIFrameElement { return this.frame; }
  getNumberOfParticipants(): number { return this.members.size; }
  getParticipantsInfo(): unknown[] { return [...this.members].map(([participantId, one]) => ({ participantId, ...one })); }
  getDisplayName(id: string): unknown { return this.members.get(id)?.displayName; }
  getEmail(id: string): unknown { return this.members.get(id)?.email; }
  getAvatarURL(id: string): unknown { return this.members.get(id)?.avatarURL; }
  getSupportedCommands(): string[] { return Object.keys(COMMANDS); }
  getSupportedEvents(): string[] { return Object.values(EVENTS); }
  pinParticipant(id: string): void { this.executeCommand('pinParticipant', id); }

  isAudioMuted(): Promise<unknown> { return this.ask('is-audio-muted'); }
  isVideoMuted(): Promise<unknown> { return this.ask('is-video-muted'); }
  isAudioAvailable(): Promise<unknown> { return this.ask('is-audio-available'); }
  isVideoAvailable(): Promise<unknown> { return this.ask('is-video-available'); }
  isAudioDisabled(): Promise<unknown> { return this.ask('is-audio-disabled'); }
  isSharingScreen(): Promise<unknown> { return this.ask('is-sharing-screen'); }
  isParticipantsPaneOpen(): Promise<unknown> { return this.ask('is-participants-pane-open'); }
  isStartSilent(): Promise<unknown> { return this.ask('is-start-silent'); }
  getContentSharingParticipants(): Promise<unknown> { return this.ask('get-content-sharing-participants'); }
  getDeploymentInfo(): Promise<unknown> { return this.ask('deployment-info'); }
  getRoomsInfo(): Promise<unknown> { return this.ask('rooms-info'); }
  listBreakoutRooms(): Promise<unknown> { return this.ask('list-breakout-rooms'); }
  isModerationOn(mediaType?: string): Promise<unknown> { return this.ask('is-moderation-on', { mediaType }); }
  isParticipantForceMuted(participantId: string, mediaType?: string): Promise<unknown> { return this.ask('is-participant-force-muted', { participantId, mediaType }); }
  isP2pActive(): Promise<unknown> { return this.ask('get-p2p-status'); }
  getAvailableDevices(): Promise<unknown> { return this.ask('getAvailableDevices'); }
  getCurrentDevices(): Promise<unknown> { return this.ask('getCurrentDevices'); }
  isDeviceListAvailable(): Promise<unknown> { return this.ask('isDeviceListAvailable'); }
  isDeviceChangeAvailable(deviceType?: string): Promise<unknown> { return this.ask('isDeviceChangeAvailable', { deviceType }); }
  isMultipleAudioInputSupported(): Promise<unknown> { return this.ask('isMultipleAudioInputSupported'); }
  setAudioInputDevice(label: string, id?: string): Promise<unknown> { return this.setDevice('audioinput', label, id); }
  setAudioOutputDevice(label: string, id?: string): Promise<unknown> { return this.setDevice('audiooutput', label, id); }
  setVideoInputDevice(label: string, id?: string): Promise<unknown> { return this.setDevice('videoinput', label, id); }

  private setDevice(kind: string, label: string, id?: string): Promise<unknown> {
    return this.ask('setDevice', { device: { kind, label, id } });
  }

  private ask(name: string, more: Data = {}): Promise<unknown> {
    const id = ++this.counter;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.box.send({ type: 'request', id, data: { name, ...more } });
    });
  }

  private onMessage({ type, id, data, result, error }: Data): void {
    if (type === 'response') {
      const asked = this.asked.get(Number(id));
      this.asked.delete(Number(id));
      if (error === undefined) asked?.resolve(result);
      else asked?.reject(new Error(String(error)));
    } else if (type === 'event' && typeof data === 'object' && data !== null) {
      const { name, ...rest } = data as Data;
      this.remember(String(name), rest);
      const event = EVENTS[name as EventName] as string | undefined;
      if (event) this.emit(event, rest);
    }
  }

  private remember(name: string, data: Data): void {
    const id = String(data.id ?? '');
    if (name === 'video-conference-joined') this.me = id;
    if (name === 'video-conference-joined' || name === 'participant-joined') {
      this.members.set(id, { displayName: data.displayName, formattedDisplayName: data.formattedDisplayName, ...(data.avatarURL ? { avatarURL: data.avatarURL } : {}) });
    } else if (name === 'participant-left') {
      this.members.delete(id);
    } else if (name === 'video-conference-left') {
      this.members.delete(this.me);
    } else if (name === 'display-name-change' && this.members.has(id)) {
      this.members.set(id, { ...this.members.get(id), displayName: data.displayname, formattedDisplayName: data.formattedDisplayName });
    }
  }
}

/** The arguments after the domain: one object, or one by one as of old. */
function optionsOf(rest: readonly unknown[]): Options {
  const [first, width, height, parentNode, configOverwrite, interfaceConfigOverwrite, noSSL, , onload] = rest;
  if (typeof first === 'object' && first !== null) return first as Options;
  const given = { roomName: first, width, height, parentNode, configOverwrite, interfaceConfigOverwrite, noSSL, onload };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Options;
}

function addressOf(domain: string, options: Options, id: number): string {
  const { roomName = '', noSSL = false, configOverwrite = {}, interfaceConfigOverwrite = {}, userInfo = {}, lang } = options;
  const given: [string, unknown][] = [['config', configOverwrite], ['interfaceConfig', interfaceConfigOverwrite], ['userInfo', userInfo]]
    .flatMap(([prefix, values]) => Object.entries(values as Data).map(([key, value]): [string, unknown] => [`${String(prefix)}.${key}`, value]));
  const wishes = given.filter(([, value]) => value !== undefined).map(([key, value]) => `&${key}=${encodeURIComponent(JSON.stringify(value))}`).join('');
  return `${noSSL ? 'http' : 'https'}://${domain}/${encodeURIComponent(roomName)}${lang ? `?lang=${encodeURIComponent(lang)}` : ''}#jitsi_meet_external_api_id=${id}${wishes}`;
}

function frameFor(address: string, { width = '100%', height = '100%', onload, sandbox }: Options, id: number): HTMLIFrameElement {
  const frame = document.createElement('iframe');
  const size = (value: string | number): string => (typeof value === 'number' ? `${value}px` : value);
  frame.name = frame.id = `jitsiConferenceFrame${id}`;
  frame.allow = ALLOW.join('; ');
  frame.style.width = size(width);
  frame.style.height = size(height);
  frame.style.border = '0';
  if (sandbox) frame.setAttribute('sandbox', sandbox);
  if (onload) frame.onload = onload;
  frame.src = address;
  return frame;
}

Object.assign(window, { JitsiMeetExternalAPI });
