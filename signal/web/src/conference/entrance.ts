// Before the room: the focus is asked to be there, the box is asked for relays and for what else it offers.

import { DISCO } from '../caps';
import type { Config } from '../config';
import { NS } from '../jingle';
import { child, el, elements, type Xml } from '../xml';
import type { XmppStream } from '../xmpp';

const REQUEST_TRIES = 8;
/** The box that lets us in answers this too; a slow one is waited for, because what it offers is learnt only here. */
const SERVICES_LIMIT_MS = 10_000;

export class Entrance {
  focusJid = '';
  iceServers: RTCIceServer[] = [];
  readonly components = new Map<string, string>();

  constructor(private readonly stream: XmppStream, private readonly config: Config) {}

  /** Asks the focus to come to the room; false if it never is ready. */
  async request(room: string): Promise<boolean> {
    const { hosts } = this.config;
    const properties = (['startAudioMuted', 'startVideoMuted'] as const).flatMap((name) => {
      const value = this.config[name];
      return value === undefined ? [] : [el('property', { name, value })];
    });
    for (let attempt = 0; attempt < REQUEST_TRIES; attempt++) {
      const answer = await this.stream.iq('set', hosts.focus ?? `focus.${hosts.domain}`,
        el('conference', { xmlns: NS.focus, room, 'machine-uid': machineId() }, ...properties));
      const conference = child(answer, 'conference');
      this.focusJid = conference?.attrs.focusjid ?? this.focusJid;
      if (conference?.attrs.ready === 'true') return true;
      await pause(1000 * 2 ** Math.min(attempt, 4));
    }
    return false;
  }

  /** Learns the relays and the components; without an answer there are none. */
  async learn(): Promise<void> {
    const { domain } = this.config.hosts;
    const ask = (payload: Xml): Promise<Xml | null> => this.stream.iq('get', domain, payload, SERVICES_LIMIT_MS).catch(() => null);
    const [services, info] = await Promise.all([ask(el('services', { xmlns: 'urn:xmpp:extdisco:2' })), ask(el('query', { xmlns: DISCO }))]);
    this.iceServers = services ? elements(child(services, 'services') ?? services, 'service').flatMap((s) => this.iceServer(s.attrs)) : [];
    for (const { attrs } of info ? elements(child(info, 'query') ?? info, 'identity') : []) {
      if (attrs.category === 'component' && attrs.type && attrs.name) this.components.set(attrs.type, attrs.name);
    }
  }

  private iceServer(a: Readonly<Record<string, string>>): RTCIceServer[] {
    if (a.type !== 'turn' && a.type !== 'turns') return [];
    if (a.transport === 'udp' && !this.config.useTurnUdp) return [];
    const host = a.host?.includes(':') ? `[${a.host}]` : a.host;
    const urls = `${a.type}:${host}${a.port ? `:${a.port}` : ''}${a.transport ? `?transport=${a.transport}` : ''}`;
    return [{ urls, ...(a.username ? { username: a.username } : {}), ...(a.password ? { credential: a.password } : {}) }];
  }
}

function machineId(): string {
  return Array.from({ length: 12 }, () => Math.floor(Math.random() * 16).toString(16)).join('');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => window.setTimeout(resolve, ms));
}
