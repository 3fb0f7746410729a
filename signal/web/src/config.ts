// What the box tells every page: `/config.js` (the global that Jitsi clients know) and `/branding.json`.

export interface Config {
  readonly hosts: { readonly domain: string; readonly muc: string; readonly focus?: string; readonly anonymousdomain?: string };
  readonly websocket: string;
  readonly hiddenDomain?: string;
  readonly bridgeChannel?: { readonly ignoreDomain?: string };
  readonly useTurnUdp?: boolean;
  readonly startAudioMuted?: number;
  readonly startVideoMuted?: number;
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

export async function branding(): Promise<Branding> {
  try {
    const answer = await fetch('/branding.json');
    return answer.ok ? ((await answer.json()) as Branding) : {};
  } catch {
    return {};
  }
}
