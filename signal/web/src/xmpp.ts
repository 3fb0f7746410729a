// One XMPP stream over WebSocket (RFC 7395): opening, anonymous log-in, binding, requests with answers, keep-alive. It outlives
// its connection where the box can (XEP-0198): broken, it waits to be resumed, and nothing that was said meanwhile is lost.

import { Frames } from './frames';
import { Management, SM } from './management';
import { child, el, elements, serialize, text, type Xml } from './xml';

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const CLIENT = 'jabber:client';

const OPEN_LIMIT_MS = 10_000;
const ANSWER_LIMIT_MS = 10_000;
const PING_EVERY_MS = 5_000;
const PING_LIMIT_MS = 4_000;
/** So many unanswered pings in a row, and the connection is given up. */
const PING_MISSES = 2;
/** Where there is reason to doubt, one ping decides, and soon. */
const PROBE_LIMIT_MS = 2_500;

/** Why an IQ failed: the stanza error's condition, `timeout`, or `closed`. */
export class StanzaError extends Error {
  constructor(readonly condition: string, readonly stanza?: Xml) {
    super(condition);
  }
}

export interface StreamEvents {
  /** A message, presence or IQ request. An IQ request is answered by what this returns; nothing means "not understood". */
  onStanza(stanza: Xml): Xml | 'handled' | null;
  /** The connection is gone, the stream may be resumed. */
  onBroken(): void;
  /** The stream is over. `reason` is a stream error's condition, or empty when the connection was simply lost. */
  onClosed(reason: string): void;
}

interface Waiting { readonly to: string; resolve(stanza: Xml): void; reject(error: StanzaError): void; readonly timer: number }

export class XmppStream {
  jid = '';
  private frames: Frames | null = null;
  private management: Management | null = null;
  private readonly waiting = new Map<string, Waiting>();
  private counter = 0;
  private lastHeard = 0;
  private misses = 0;
  private pinger = 0;
  private reason = '';
  private over = false;

  constructor(private readonly url: string, private readonly domain: string, private readonly events: StreamEvents) {}

  /** Resolves when the stream is bound to a JID. */
  async open(): Promise<void> {
    try {
      const { frames, features } = await this.logIn(this.url);
      this.jid = await this.bind(frames);
      if (child(features, 'sm', SM)) this.management = await this.enable(frames);
      if (this.over) return frames.drop();
      this.take(frames);
    } catch (error) {
      this.over = true;
      throw error instanceof StanzaError ? error : new StanzaError('closed');
    }
    this.pinger = window.setInterval(() => void this.keepAlive(), PING_EVERY_MS);
  }

  /** The connection is gone, and `resume` may bring the stream back. */
  get broken(): boolean {
    return !this.over && this.management !== null && this.frames === null;
  }

  /** Brings a broken stream back. Fails while the box cannot be reached; ends the stream if the box no longer knows it. */
  async resume(): Promise<void> {
    const { management } = this;
    if (!management || !this.broken) return;
    const { frames } = await this.logIn(`${this.url}${this.url.includes('?') ? '&' : '?'}previd=${encodeURIComponent(management.id)}`);
    frames.send(serialize(el('resume', { xmlns: SM, h: management.heard, previd: management.id })));
    let answer = await frames.next();
    while (answer.name !== 'resumed' && answer.name !== 'failed') answer = await frames.next();
    if (this.over) return frames.drop();
    if (answer.name === 'failed') {
      frames.drop();
      return this.finish();
    }
    management.confirm(Number(answer.attrs.h));
    for (const stanza of management.unconfirmed) frames.send(stanza);
    this.take(frames);
  }

  send(stanza: Xml): void {
    if (this.over) return;
    const written = serialize(stanza);
    const ask = this.management?.sent(written);
    this.frames?.send(written);
    if (ask) this.frames?.send(`<r xmlns='${SM}'/>`);
    if (this.management?.full) this.finish();
  }

  iq(type: 'get' | 'set', to: string | undefined, payload: Xml, limitMs = ANSWER_LIMIT_MS): Promise<Xml> {
    const id = `m${++this.counter}`;
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => {
        this.waiting.delete(id);
        reject(new StanzaError('timeout'));
      }, limitMs);
      this.waiting.set(id, { to: to ?? '', resolve, reject, timer });
      this.send(el('iq', { xmlns: CLIENT, type, id, to }, payload));
    });
  }

  /** Says good-bye. The server closes the socket; if it does not, we do. */
  close(): void {
    const { frames } = this;
    frames?.send(`<close xmlns="${FRAMING}" />`);
    this.finish();
    window.setTimeout(() => frames?.drop(), 300);
  }

  /** Asks the server for a sign of life now, and gives the connection up soon if none comes. */
  probe(): void {
    this.misses = PING_MISSES - 1;
    void this.ping(PROBE_LIMIT_MS);
  }

  // Opening

  private async logIn(url: string): Promise<{ frames: Frames; features: Xml }> {
    const frames = new Frames(url, OPEN_LIMIT_MS);
    try {
      await frames.opened;
      await this.restart(frames, 'mechanisms', SASL);
      frames.send(`<auth xmlns='${SASL}' mechanism='ANONYMOUS'/>`);
      const verdict = await frames.next();
      if (verdict.name !== 'success') throw new StanzaError('not-authorized', verdict);
      return { frames, features: await this.restart(frames, 'bind', BIND) };
    } catch (error) {
      frames.drop();
      throw error;
    }
  }

  private async restart(frames: Frames, feature: string, ns: string): Promise<Xml> {
    frames.send(`<open xmlns='${FRAMING}' to='${this.domain}' version='1.0'/>`);
    const opened = await frames.next();
    if (opened.name !== 'open') throw new StanzaError('stream', opened);
    const features = await frames.next();
    if (!child(features, feature, ns)) throw new StanzaError(`no ${feature}`, features);
    return features;
  }

  private async bind(frames: Frames): Promise<string> {
    frames.send(serialize(el('iq', { xmlns: CLIENT, type: 'set', id: 'bind' }, el('bind', { xmlns: BIND }))));
    let bound = await frames.next();
    while (bound.name !== 'iq') bound = await frames.next();
    const jid = text(child(child(bound, 'bind'), 'jid'));
    if (!jid) throw new StanzaError('bind', bound);
    return jid;
  }

  private async enable(frames: Frames): Promise<Management | null> {
    frames.send(serialize(el('enable', { xmlns: SM, resume: 'true' })));
    let answer = await frames.next();
    while (answer.ns !== SM) answer = await frames.next();
    return answer.name === 'enabled' && answer.attrs.resume === 'true' && answer.attrs.id ? new Management(answer.attrs.id) : null;
  }

  /** From now on the stream lives on this connection. */
  private take(frames: Frames): void {
    this.frames = frames;
    this.lastHeard = Date.now();
    this.misses = 0;
    frames.deliver((frame) => this.onFrame(frame), () => this.frames === frames && this.onCut());
  }

  // What comes in

  private onFrame(frame: Xml): void {
    this.lastHeard = Date.now();
    this.misses = 0;
    if (frame.ns === SM) return this.onManagement(frame);
    if (frame.name === 'error') {
      this.reason = elements(frame)[0]?.name ?? 'error';
    } else if (frame.name === 'close') {
      const { frames } = this;
      this.finish();
      frames?.drop();
    } else if (frame.name === 'iq') {
      this.management?.hear();
      this.onIq(frame);
    } else if (frame.name === 'message' || frame.name === 'presence') {
      this.management?.hear();
      this.events.onStanza(frame);
    }
  }

  private onManagement(frame: Xml): void {
    if (frame.name === 'r') this.frames?.send(`<a xmlns='${SM}' h='${this.management?.heard ?? 0}'/>`);
    else if (frame.name === 'a') this.management?.confirm(Number(frame.attrs.h));
  }

  private onIq(frame: Xml): void {
    const { type, id = '', from = '' } = frame.attrs;
    if (type === 'result' || type === 'error') {
      const waiting = this.waiting.get(id);
      if (!waiting || !this.answers(waiting.to, from)) return;
      this.waiting.delete(id);
      window.clearTimeout(waiting.timer);
      if (type === 'result') waiting.resolve(frame);
      else waiting.reject(new StanzaError(elements(child(frame, 'error') ?? frame).find((c) => c.ns === STANZAS)?.name ?? 'error', frame));
      return;
    }
    const answer = this.events.onStanza(frame);
    if (answer === 'handled') return this.send(el('iq', { xmlns: CLIENT, type: 'result', id, to: from }));
    if (answer) return this.send(el('iq', { xmlns: CLIENT, type: 'result', id, to: from }, answer));
    this.send(el('iq', { xmlns: CLIENT, type: 'error', id, to: from },
      el('error', { type: 'cancel' }, el('service-unavailable', { xmlns: STANZAS }))));
  }

  /** Nobody but the one who was asked may answer. */
  private answers(asked: string, from: string): boolean {
    if (!asked) return !from || from === this.domain || this.jid.startsWith(from);
    return from === asked;
  }

  // Breaking

  private async keepAlive(): Promise<void> {
    if (Date.now() - this.lastHeard >= PING_EVERY_MS - 500) await this.ping(PING_LIMIT_MS);
  }

  private async ping(limitMs: number): Promise<void> {
    const { frames } = this;
    if (!frames || this.over) return;
    try {
      await this.iq('get', this.domain, el('ping', { xmlns: 'urn:xmpp:ping' }), limitMs);
    } catch (error) {
      const unanswered = error instanceof StanzaError && error.condition === 'timeout';
      if (!unanswered || this.frames !== frames) return;
      if (++this.misses >= PING_MISSES) return frames.drop();
      await this.ping(PROBE_LIMIT_MS);
    }
  }

  /** The connection is gone. */
  private onCut(): void {
    this.frames = null;
    if (this.over) return;
    if (!this.management || this.reason) return this.finish();
    this.events.onBroken();
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    window.clearInterval(this.pinger);
    for (const waiting of this.waiting.values()) {
      window.clearTimeout(waiting.timer);
      waiting.reject(new StanzaError('closed'));
    }
    this.waiting.clear();
    this.events.onClosed(this.reason);
  }
}
