// What the box tells every page: `/config.js` (the global that Jitsi clients know) and `/branding.json`.

export interface Config {
  readonly hosts: { readonly domain: string; readonly muc: string; readonly focus?: string; readonly anonymousdomain?: string };
  readonly websocket: string;
  readonly hiddenDomain?: string;
  readonly bridgeChannel?: { readonly ignoreDomain?: string };
  /** Meetings can be recorded on the box. */
  readonly recordingService?: { readonly enabled?: boolean; readonly notice?: string | null };
  readonly useTurnUdp?: boolean;
  readonly startAudioMuted?: number;
  readonly startVideoMuted?: number;
  /** Origins whose pages may have us in a frame, besides our own. */
  readonly embedders?: readonly string[];
  /** Where devices learn to trust the box, if its certificate is its own. */
  readonly trustPage?: string | null;
  /** Where the box is set up, as long as it has not been. */
  readonly setupPage?: string | null;
}

export interface Branding {
  readonly name?: string;
  readonly welcome?: string;
  readonly logo?: string | null;
  readonly accent?: { readonly light?: string | null; readonly dark?: string | null } | null;
  readonly background?: string | null;
}

export function config(): Config | null {
  const value = (globalThis as { config?: Partial<Config> }).config;
  return value?.hosts?.domain && value.hosts.muc && value.websocket ? (value as Config) : null;
}

/** The configuration, fetched again if it did not come with the page; nothing if the box does not answer. */
export async function fetchConfig(): Promise<Config | null> {
  const known = config();
  if (known) return known;
  await new Promise<void>((resolve) => {
    const script = document.createElement('script');
    script.onload = script.onerror = () => resolve();
    script.src = '/config.js';
    document.head.append(script);
  });
  return config();
}

export async function branding(): Promise<Branding> {
  try {
    const answer = await fetch('/branding.json');
    return answer.ok ? ((await answer.json()) as Branding) : {};
  } catch {
    return {};
  }
}
