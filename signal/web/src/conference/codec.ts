// Which video codec we send: the first of the room's order that we can send and everybody can show. Pure.

/** What the focus says about it in its presence. */
export interface CodecPolicy {
  /** Everybody sends this, whatever comes first in the order; empty if nothing keeps from that. */
  readonly fallback: string;
  /** Whose browsers cannot use what comes first. */
  readonly because: readonly string[];
}

export const NO_POLICY: CodecPolicy = { fallback: '', because: [] };
const MOST_NAMED = 10;

export function codecPolicy(properties: ReadonlyMap<string, string>): CodecPolicy {
  const because = (properties.get('codec-fallback-for') ?? '').split(',').filter(Boolean).slice(0, MOST_NAMED);
  return { fallback: (properties.get('codec-fallback') ?? '').toLowerCase(), because };
}

/**
 * `order` is the offer's, most wanted first; `lists` is what each of the others can show, and who says nothing of it keeps nobody
 * from anything. Nothing if no codec is left: then what is sent stays as it is.
 */
export function sendCodec(order: readonly string[], sendable: readonly string[], lists: readonly (readonly string[])[], fallback: string): string | null {
  const names = order.map((name) => name.toLowerCase()).filter((name) => name !== 'rtx' && sendable.includes(name));
  const wanted = names.includes(fallback) ? [fallback, ...names] : names;
  return wanted.find((name) => lists.every((list) => list.length === 0 || list.includes(name))) ?? null;
}
