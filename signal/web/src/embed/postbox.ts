// Messages between a page and the frame in it, as clients of Jitsi's external API send them: JSON texts with a scope, and a
// greeting that both sides repeat until the other one has answered. What is said before waits until then.

export interface PostboxOptions {
  /** Tells the messages of one frame from those of others. */
  readonly scope: string;
  readonly here: Pick<Window, 'addEventListener' | 'removeEventListener'>;
  readonly there: Pick<Window, 'postMessage'>;
  /** Whether the other side may be at this origin. */
  accepts(origin: string): boolean;
  /** The other side's origin, where it is known beforehand. */
  readonly origin?: string;
  onMessage(message: Readonly<Record<string, unknown>>): void;
}

const GREETING = '__ready__';
const METHOD = 'message';
/** Pages of before 2018 call it so. */
const OLD_METHOD = 'data';
const GREET_EVERY_MS = 50;
const WAITING = 200;
const LONGEST = 100_000;

export class Postbox {
  private readonly greeting = `${Date.now()}${Math.random()}`;
  private readonly waiting: unknown[] = [];
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly listener = (event: Event): void => this.onEvent(event as MessageEvent);
  private origin: string;
  private ready = false;

  constructor(private readonly options: PostboxOptions) {
    this.origin = options.origin ?? '';
    options.here.addEventListener('message', this.listener);
    this.timer = setInterval(() => this.post(GREETING, this.greeting), GREET_EVERY_MS);
  }

  send(message: Readonly<Record<string, unknown>>): void {
    if (this.ready) this.post(METHOD, message);
    else if (this.waiting.length < WAITING) this.waiting.push(message);
  }

  dispose(): void {
    clearInterval(this.timer);
    this.options.here.removeEventListener('message', this.listener);
  }

  /** Only the greeting goes out before it is known who is there. */
  private post(method: string, params: unknown): void {
    if (method !== GREETING && !this.origin) return;
    this.options.there.postMessage(JSON.stringify({ postis: true, scope: this.options.scope, method, params }), this.origin || '*');
  }

  private onEvent({ source, origin, data }: MessageEvent): void {
    const { there, accepts, scope, onMessage } = this.options;
    if (source !== there || typeof data !== 'string' || data.length > LONGEST || !accepts(origin) || (this.origin && origin !== this.origin)) return;
    const message = parse(data);
    if (message?.postis !== true || message.scope !== scope) return;
    this.origin = origin;
    if (message.method === GREETING) return this.onGreeting(message.params);
    const { params } = message;
    if ((message.method === METHOD || message.method === OLD_METHOD) && typeof params === 'object' && params !== null) onMessage(params as Record<string, unknown>);
  }

  private onGreeting(greeting: unknown): void {
    if (greeting !== this.greeting) return this.post(GREETING, greeting);
    if (this.ready) return;
    this.ready = true;
    clearInterval(this.timer);
    for (const message of this.waiting.splice(0)) this.post(METHOD, message);
  }
}

function parse(data: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(data);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
