// Light and dark, and the owner's colours.

import { recall, remember } from './storage';

/** What the person chose, else dark in a meeting, else what the device prefers. */
export function applyTheme(inMeeting: boolean): void {
  const chosen = recall('theme');
  const { dataset } = document.documentElement;
  if (chosen) dataset.theme = chosen;
  else if (inMeeting) dataset.theme = 'dark';
  else delete dataset.theme;
}

export function switchTheme(): void {
  const { dataset } = document.documentElement;
  const dark = dataset.theme ? dataset.theme === 'dark' : !matchMedia('(prefers-color-scheme: light)').matches;
  remember('theme', dark ? 'light' : 'dark');
  applyTheme(false);
}

/** The owner's accent, with dark or light text on it, whichever can be read better. */
export function applyAccent(colour: string | null | undefined): void {
  if (!colour || !/^#[0-9a-f]{6}$/i.test(colour)) return;
  const { style } = document.documentElement;
  style.setProperty('--accent', colour);
  style.setProperty('--on-accent', luminance(colour) > 0.18 ? '#04140f' : '#ffffff');
}

/** Relative luminance by WCAG. */
export function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
