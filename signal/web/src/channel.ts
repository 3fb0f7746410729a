// The bridge channel: a WebSocket over which we tell the bridge what we want to see, and it tells us who speaks.

import { receiverConstraints, type View } from './wanted';

export interface ChannelEvents {
  onSpeaker(endpoint: string, previous: readonly string[]): void;
  onForwarded(sources: ReadonlySet<string>): void;
  onSendLimit(source: string, maxHeight: number): void;
  onMessage(from: string, payload: Record<string, unknown>): void;
  onStats(from: string, stats: Record<string, unknown>): void;
  onOpen(): void;
}

const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 30_000;

export class BridgeChannel {
  private socket: WebSocket | null = null;
  private retry = 0;
  private delay = RETRY_FIRST_MS;
  private closed = false;
  private constraints = '';
  private readonly videoTypes = new Map<string, string>();

  constructor(private readonly url: string, private readonly events: ChannelEvents) {
    this.dial();
  }

  get open(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Which sources are shown and how high, in device pixels. Sent when it changes, and again on every new connection. */
  show(view: View): void {
    const text = JSON.stringify(receiverConstraints(view));
    if (text === this.constraints) return;
    this.constraints = text;
    this.sendText(text);
  }

  /** `none` while the camera is off: the bridge then gives its place to others. */
  videoType(sourceName: string, videoType: 'camera' | 'desktop' | 'none'): void {
    if (this.videoTypes.get(sourceName) === videoType) return;
    this.videoTypes.set(sourceName, videoType);
    this.sendText(JSON.stringify({ colibriClass: 'SourceVideoTypeMessage', sourceName, videoType }));
  }

  /** To one endpoint, or to everybody with an empty `to`. */
  message(to: string, msgPayload: Record<string, unknown>): void {
    this.sendText(JSON.stringify({ colibriClass: 'EndpointMessage', to, msgPayload }));
  }

  stats(stats: Record<string, unknown>): void {
    this.sendText(JSON.stringify({ colibriClass: 'EndpointStats', ...stats }));
  }

  close(): void {
    this.closed = true;
    window.clearTimeout(this.retry);
    this.socket?.close(1000);
  }

  private dial(): void {
    if (this.closed) return;
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.url);
    } catch {
      return; // The address is no WebSocket address: there is nothing to retry.
    }
    this.socket = socket;
    socket.onopen = () => {
      this.delay = RETRY_FIRST_MS;
      if (this.constraints) this.sendText(this.constraints);
      this.sendText(JSON.stringify({ colibriClass: 'ReceiverAudioSubscription', all: true, include: [], exclude: [] }));
      for (const [sourceName, videoType] of this.videoTypes) {
        this.sendText(JSON.stringify({ colibriClass: 'SourceVideoTypeMessage', sourceName, videoType }));
      }
      this.events.onOpen();
    };
    socket.onmessage = ({ data }) => this.onText(data);
    socket.onclose = () => {
      if (this.closed || this.socket !== socket) return;
      this.retry = window.setTimeout(() => this.dial(), this.delay);
      this.delay = Math.min(this.delay * 2, RETRY_LAST_MS);
    };
  }

  private sendText(text: string): void {
    if (this.open) this.socket?.send(text);
  }

  private onText(data: unknown): void {
    if (typeof data !== 'string') return;
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(data) as Record<string, unknown>;
    } catch {
      return;
    }
    const { events } = this;
    const from = typeof message.from === 'string' ? message.from : '';
    switch (message.colibriClass) {
      case 'DominantSpeakerEndpointChangeEvent':
        return events.onSpeaker(String(message.dominantSpeakerEndpoint ?? ''), strings(message.previousSpeakers));
      case 'ForwardedSources':
        return events.onForwarded(new Set(strings(message.forwardedSources)));
      case 'SenderSourceConstraints':
        return events.onSendLimit(String(message.sourceName ?? ''), Number(message.maxHeight ?? -1));
      case 'EndpointMessage':
        if (typeof message.msgPayload === 'object' && message.msgPayload !== null) {
          events.onMessage(from, message.msgPayload as Record<string, unknown>);
        }
        return;
      case 'EndpointStats':
        return events.onStats(from, message);
      default:
        return; // ServerHello and whatever a newer bridge says.
    }
  }
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : [];
}
