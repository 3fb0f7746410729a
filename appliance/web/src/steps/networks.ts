// What the box says of its networks.

export interface Device {
  readonly device: string;
  readonly kind: 'cable' | 'wireless';
  readonly state: 'connected' | 'connecting' | 'idle' | 'unplugged';
  readonly addresses: readonly string[];
  readonly given: boolean;
  readonly network: string | null;
  readonly own: boolean;
  readonly can_own: boolean;
  readonly trouble: 'password' | 'address' | 'gone' | 'other' | null;
}

export interface Point {
  readonly device: string;
  readonly name: string;
  readonly strength: number;
  readonly lock: 'open' | 'password' | 'other';
}

export interface View {
  readonly devices: readonly Device[];
  readonly points: readonly Point[];
  /** Seconds until the box goes back to the network before. */
  readonly pending: number | null;
}

/** One thing to choose. */
export type Choice =
  | { readonly id: string; readonly kind: 'cable'; readonly device: Device }
  | { readonly id: string; readonly kind: 'wireless'; readonly device: Device | undefined; readonly point: Point }
  | { readonly id: string; readonly kind: 'own'; readonly device: Device };

/** Cables, then wireless networks by strength, then the one that the box could make. */
export function choices({ devices, points }: View): Choice[] {
  const radios = devices.filter(({ kind, state }) => kind === 'wireless' && state !== 'unplugged');
  const maker = radios.find(({ can_own }) => can_own);
  return [
    ...devices.filter(({ kind }) => kind === 'cable').map((device): Choice => ({ id: `cable-${device.device}`, kind: 'cable', device })),
    ...points.map((point): Choice => ({ id: `wireless-${point.name}`, kind: 'wireless', point, device: radios.find(({ device }) => device === point.device) })),
    ...(maker ? [{ id: 'own', kind: 'own', device: maker } as const] : []),
  ];
}

/** It has an address, perhaps one that the box made because nobody gives one; then it goes on asking. */
export function isUp({ state, kind, addresses }: Device): boolean {
  return state === 'connected' || (state === 'connecting' && kind === 'cable' && addresses.length > 0);
}

/** That is how the box is connected now. */
export function isCurrent(choice: Choice): boolean {
  if (!choice.device || !isUp(choice.device)) return false;
  if (choice.kind === 'cable') return true;
  return choice.kind === 'own' ? choice.device.own : !choice.device.own && choice.device.network === choice.point.name;
}
