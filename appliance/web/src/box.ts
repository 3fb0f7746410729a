// What is asked of the box: one request, one answer. Whoever has come in is known by a token, which lives in this tab alone.

export type Answer = Readonly<Record<string, unknown>>;

/** The box said no; `said` is why. */
export class Refused extends Error {
  constructor(readonly said: Answer) {
    super(String(said.error));
  }

  get reason(): string {
    return String(this.said.error);
  }
}

/** Nobody sets up this box from a page. */
export class Absent extends Error {}

/** The box cannot be reached, or nobody answers there. */
export class Silent extends Error {}

const KEY = 'moothall.setup';
const PATIENCE = 30_000;

let token = '';

/** The token comes along when the box moved to another address, behind the `#`, which no server sees. */
export function takeToken(): boolean {
  const brought = /^#session=([0-9a-f]{64})$/.exec(location.hash)?.[1];
  if (location.hash) history.replaceState(null, '', location.pathname);
  try {
    token = brought ?? sessionStorage.getItem(KEY) ?? '';
  } catch {
    token = brought ?? '';
  }
  if (brought) keepToken(brought);
  return token !== '';
}

export function keepToken(given: string): void {
  token = given;
  try {
    sessionStorage.setItem(KEY, given);
  } catch {
    // Then it is gone when the page is loaded again.
  }
}

/** The same page at another address of the box. */
export function elsewhere(address: string): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `https://${host}${location.port ? `:${location.port}` : ''}/setup#session=${token}`;
}

export async function ask(what: string, more: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
  const said = await post({ do: what, ...more });
  if (said.error !== undefined) throw said.error === 'silent' ? new Silent() : new Refused(said);
  if (typeof said.session === 'string') keepToken(said.session);
  return said;
}

/** The same for those who have come in. */
export function askInside(what: string, more: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
  return ask(what, { session: token, ...more });
}

async function post(body: unknown): Promise<Answer> {
  let answer: Response;
  try {
    answer = await fetch('/setup/api', {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), cache: 'no-store', signal: AbortSignal.timeout(PATIENCE),
    });
    if (answer.ok) return (await answer.json()) as Answer;
  } catch {
    throw new Silent();
  }
  if (answer.status === 404) throw new Absent();
  throw new Silent();
}
