// Frames of one WebSocket in their order: asked for one at a time while a stream is negotiated, delivered by themselves from
// then on. A negotiation that takes too long fails.

import { fromDom, type Xml } from './xml';

export class Frames {
  readonly opened: Promise<void>;
  private readonly socket: WebSocket;
  private readonly queue: Xml[] = [];
  private readonly timer: number;
  private wake: (() => void) | null = null;
  private refuse: (error: Error) => void = () => undefined;
  private closed = false;
  private sink: ((frame: Xml) => void) | null = null;
  private onClose: (() => void) | null = null;

  constructor(url: string, limitMs: number) {
    const socket = this.socket = new WebSocket(url, 'xmpp');
    this.timer = window.setTimeout(() => this.drop(), limitMs);
    this.opened = new Promise((resolve, reject) => {
      socket.onopen = () => resolve();
      this.refuse = reject;
    });
    this.opened.catch(() => undefined);
    socket.onclose = () => this.drop();
    socket.onmessage = ({ data }) => {
      const frame = typeof data === 'string' ? parseFrame(data) : null;
      if (!frame || this.closed) return;
      if (this.sink) return this.sink(frame);
      this.queue.push(frame);
      this.wake?.();
    };
  }

  send(text: string): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
  }

  async next(): Promise<Xml> {
    for (;;) {
      const frame = this.queue.shift();
      if (frame) return frame;
      if (this.closed) throw new Error('closed');
      await new Promise<void>((resolve) => { this.wake = resolve; });
    }
  }

  deliver(sink: (frame: Xml) => void, onClose: () => void): void {
    window.clearTimeout(this.timer);
    this.sink = sink;
    this.onClose = onClose;
    for (const frame of this.queue.splice(0)) sink(frame);
    if (this.closed) onClose();
  }

  /** Closes the socket; whoever waits for frames learns it at once, whenever the network does. */
  drop(): void {
    if (this.closed) return;
    this.closed = true;
    window.clearTimeout(this.timer);
    this.socket.close();
    this.refuse(new Error('closed'));
    this.wake?.();
    this.onClose?.();
  }
}

function parseFrame(data: string): Xml | null {
  const parsed = new DOMParser().parseFromString(data, 'application/xml');
  const root = parsed.documentElement;
  return parsed.querySelector('parsererror') ? null : fromDom(root);
}
