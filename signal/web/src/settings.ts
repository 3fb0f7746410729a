// What the person has chosen on this device and may change at any time. Kept here and nowhere else.

import { recall, remember } from './storage';

/** Choices that are on or off, as they are before anybody has chosen. */
const DEFAULTS = {
  /** Sounds, each of which has a twin that is seen. */
  'sound.people': true,
  'sound.message': true,
  'sound.door': true,
  /** Letters as keys. */
  'keys': true,
} as const;

export type Setting = keyof typeof DEFAULTS;

export function setting(name: Setting): boolean {
  const chosen = recall(`setting.${name}`);
  return chosen ? chosen === 'on' : DEFAULTS[name];
}

export function choose(name: Setting, on: boolean): void {
  remember(`setting.${name}`, on ? 'on' : 'off');
}
