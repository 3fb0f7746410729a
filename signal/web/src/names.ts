// Names of rooms, people and JIDs.

/** The room node that Jitsi's own pages make of the same name, so that all clients meet in one room. */
export function roomNode(name: string): string {
  let decoded = name;
  try {
    decoded = decodeURIComponent(name);
  } catch {
    // A lone percent sign: the name is meant literally.
  }
  return encodeURIComponent(decoded.normalize('NFKC').trim().toLowerCase()).replace(/'/g, '%27').toLowerCase();
}

/** What somebody typed, as a path segment that reads well: "Weekly review" becomes "weekly-review". */
export function roomSlug(typed: string): string {
  return typed.normalize('NFKC').trim().toLowerCase().replace(/[\s/\\?#%&:'"<>@]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 80);
}

/** The room of an address: its last path segment, or nothing on the front page. */
export function roomFromPath(pathname: string): string {
  const last = pathname.split('/').filter(Boolean).pop() ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** "weekly-review" as a person reads it: "Weekly review". */
export function roomTitle(name: string): string {
  const spaced = name.replace(/[-_]+/g, ' ').trim();
  const [first = ''] = spaced;
  return first.toLocaleUpperCase() + spaced.slice(first.length);
}

const ADJECTIVES = 'quiet bright gentle early open warm clear steady brisk golden silver merry patient calm swift sunny'.split(' ');
const ANIMALS = 'otter heron badger finch robin hedgehog swallow beaver marten plover curlew dolphin lynx sparrow tern wren'.split(' ');
const PLACES = 'bridge harbour meadow tower garden mill orchard pier lantern valley gable shore hall loft ferry lane'.split(' ');

export function inventRoom(random: () => number = Math.random): string {
  const pick = (words: string[]): string => words[Math.floor(random() * words.length)] ?? '';
  return `${pick(ADJECTIVES)}-${pick(ANIMALS)}-${pick(PLACES)}`;
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = [...(words[0] ?? '')][0] ?? '';
  const last = words.length > 1 ? [...(words[words.length - 1] ?? '')][0] ?? '' : [...(words[0] ?? '')][1] ?? '';
  return (first + last).toLocaleUpperCase();
}

/** A hue for somebody's initials, always the same for the same name. */
export function hue(name: string): number {
  let sum = 0;
  for (const c of name) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 3600;
  return sum % 360;
}

export function bareJid(jid: string): string {
  return jid.split('/')[0] ?? jid;
}

export function resource(jid: string): string {
  const slash = jid.indexOf('/');
  return slash < 0 ? '' : jid.slice(slash + 1);
}

/** What stands before the `@`. */
export function nodeOf(jid: string): string {
  return jid.slice(0, Math.max(jid.indexOf('@'), 0));
}

export function domainOf(jid: string): string {
  const bare = bareJid(jid);
  return bare.slice(bare.indexOf('@') + 1);
}

/** Nick and endpoint id are the first group of the anonymous node, a UUID. */
export function nickOf(jid: string, random: () => number = Math.random): string {
  const first = jid.slice(0, 8);
  if (/^[0-9a-f]{8}$/.test(first)) return first;
  return Math.floor(random() * 0x1_0000_0000).toString(16).padStart(8, '0');
}
