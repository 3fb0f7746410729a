// What the address of the page asks for: an embedding page writes it behind the `#`, as Jitsi's external API does. Pure.

export interface Wishes {
  /** Number of the frame in the embedding page; null if the page stands alone. */
  readonly frame: number | null;
  readonly name: string;
  readonly language: string;
  readonly audioMuted: boolean;
  readonly videoMuted: boolean;
  /** Goes in without asking first. */
  readonly straight: boolean;
}

const LONGEST_NAME = 64;

export function readWishes(hash: string, search: string): Wishes {
  const given = new Map([...new URLSearchParams(search), ...pairs(hash)]);
  const value = (key: string): unknown => json(given.get(key));
  const text = (key: string): string => {
    const read = value(key) ?? given.get(key);
    return typeof read === 'string' ? read : '';
  };
  const frame = Number(given.get('jitsi_meet_external_api_id'));
  const prejoin = value('config.prejoinConfig');
  const asks = typeof prejoin === 'object' && prejoin !== null ? (prejoin as { enabled?: unknown }).enabled : value('config.prejoinConfig.enabled') ?? value('config.prejoinPageEnabled');
  return {
    frame: given.has('jitsi_meet_external_api_id') && Number.isInteger(frame) ? frame : null,
    name: text('userInfo.displayName').trim().slice(0, LONGEST_NAME),
    language: text('lang') || text('config.defaultLanguage'),
    audioMuted: value('config.startWithAudioMuted') === true,
    videoMuted: value('config.startWithVideoMuted') === true,
    straight: asks === false,
  };
}

/** `+` is a plus here, unlike in a query. */
function pairs(hash: string): [string, string][] {
  return hash.replace(/^#/, '').split('&').filter((part) => part.includes('=')).map((part) => {
    const at = part.indexOf('=');
    return [decoded(part.slice(0, at)), decoded(part.slice(at + 1))];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function json(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
