// One XMPP stream over WebSocket (RFC 7395): opening, anonymous log-in, binding, requests with answers, keep-alive.

import { child, el, elements, fromDom, serialize, text, type Xml } from './xml';

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const BIND = 'urn:ietf:params:xml:ns:xmpp-bind';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const CLIENT = 'jabber:client';

const OPEN_LIMIT_MS = 10_000;
const ANSWER_LIMIT_MS = 10_000;
const PING_EVERY_MS = 10_000;
const PING_LIMIT_MS = 5_000;
/** So many unanswered pings end the stream. */
const PING_MISSES = 2;

/** Why an IQ failed: the stanza error's condition, `timeout`, or `closed`. */
export class StanzaError extends Error {
  constructor(readonly condition: string, readonly stanza?: Xml) {
    super(condition);
  }
}

export interface StreamEvents {
  /** A message, presence or IQ request. An IQ request is answered by what this returns; nothing means "not understood". */
  onStanza(stanza: Xml): Xml | 'handled' | null;
  /** The stream is over. `reason` is a stream error's condition, or empty when the connection was simply lost. */
  onClosed(reason: string): void;
}

interface Waiting { readonly to: string; resolve(stanza: Xml): void; reject(error: StanzaError): void; readonly timer: number }

export class XmppStream {
  jid = '';
  private socket: WebSocket | null = null;
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
    await this.deadline(this.negotiate());
    this.lastHeard = Date.now();
    this.pinger = window.setInterval(() => void this.keepAlive(), PING_EVERY_MS);
  }

  send(stanza: Xml): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(serialize(stanza));
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
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(`<close xmlns="${FRAMING}" />`);
    const socket = this.socket;
    this.finish();
    window.setTimeout(() => socket?.close(), 300);
  }

  /** Asks the server for a sign of life now, and gives up soon if none comes. */
  probe(): void {
    this.lastHeard = 0;
    this.misses = PING_MISSES - 1;
    void this.keepAlive();
  }

  private async negotiate(): Promise<void> {
    const socket = new WebSocket(this.url, 'xmpp');
    this.socket = socket;
    const frames = new FrameQueue(socket);
    await frames.opened;
    await this.restart(frames, 'mechanisms', SASL);
    socket.send(`<auth xmlns='${SASL}' mechanism='ANONYMOUS'/>`);
    const verdict = await frames.next();
    if (verdict.name !== 'success') throw new StanzaError('not-authorized', verdict);
    await this.restart(frames, 'bind', BIND);
    socket.send(serialize(el('iq', { xmlns: CLIENT, type: 'set', id: 'bind' }, el('bind', { xmlns: BIND }))));
    let bound = await frames.next();
    while (bound.name !== 'iq') bound = await frames.next();
    this.jid = text(child(child(bound, 'bind'), 'jid'));
    if (!this.jid) throw new StanzaError('bind', bound);
    frames.deliver((frame) => this.onFrame(frame), () => this.finish());
  }

  private async restart(frames: FrameQueue, feature: string, ns: string): Promise<void> {
    this.socket?.send(`<open xmlns='${FRAMING}' to='${this.domain}' version='1.0'/>`);
    const opened = await frames.next();
    if (opened.name !== 'open') throw new StanzaError('stream', opened);
    const features = await frames.next();
    if (!child(features, feature, ns)) throw new StanzaError(`no ${feature}`, features);
  }

  private deadline(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        this.over = true;
        this.socket?.close();
        reject(error instanceof Error ? error : new StanzaError('closed'));
      };
      const timer = window.setTimeout(() => fail(new StanzaError('timeout')), OPEN_LIMIT_MS);
      work.then(resolve, fail).finally(() => window.clearTimeout(timer));
    });
  }

  private onFrame(frame: Xml): void {
    this.lastHeard = Date.now();
    this.misses = 0;
    if (frame.name === 'iq') return this.onIq(frame);
    if (frame.name === 'error') {
      this.reason = elements(frame)[0]?.name ?? 'error';
    } else if (frame.name === 'close') {
      this.socket?.close();
    } else if (frame.name === 'message' || frame.name === 'presence') {
      this.events.onStanza(frame);
    }
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

  private async keepAlive(): Promise<void> {
    if (Date.now() - this.lastHeard < PING_EVERY_MS - 500) return;
    try {
      await this.iq('get', this.domain, el('ping', { xmlns: 'urn:xmpp:ping' }), PING_LIMIT_MS);
    } catch {
      if (!this.over && ++this.misses >= PING_MISSES) {
        this.socket?.close();
        this.finish();
      }
    }
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

/** Frames in their order: one at a time while the stream is negotiated, by call-back from then on. */
class FrameQueue {
  readonly opened: Promise<void>;
  private readonly queue: Xml[] = [];
  private wake: (() => void) | null = null;
  private closed = false;
  private sink: ((frame: Xml) => void) | null = null;
  private onClose: (() => void) | null = null;

  constructor(socket: WebSocket) {
    this.opened = new Promise((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new StanzaError('closed'));
    });
    socket.onmessage = ({ data }) => {
      const frame = typeof data === 'string' ? parseFrame(data) : null;
      if (!frame) return;
      if (this.sink) return this.sink(frame);
      this.queue.push(frame);
      this.wake?.();
    };
    socket.onclose = () => {
      this.closed = true;
      this.wake?.();
      this.onClose?.();
    };
  }

  async next(): Promise<Xml> {
    for (;;) {
      const frame = this.queue.shift();
      if (frame) return frame;
      if (this.closed) throw new StanzaError('closed');
      await new Promise<void>((resolve) => { this.wake = resolve; });
    }
  }

  deliver(sink: (frame: Xml) => void, onClose: () => void): void {
    this.sink = sink;
    this.onClose = onClose;
    for (const frame of this.queue.splice(0)) sink(frame);
    if (this.closed) onClose();
  }
}

function parseFrame(data: string): Xml | null {
  const parsed = new DOMParser().parseFromString(data, 'application/xml');
  const root = parsed.documentElement;
  return parsed.querySelector('parsererror') ? null : fromDom(root);
}
