// Light and dark, and the owner's colours.

import type { Branding } from './config';
import { luminance } from './colour';
import { recall, remember } from './storage';

let owner: Branding = {};
const light = matchMedia('(prefers-color-scheme: light)');
light.addEventListener('change', () => applyColours());

export function isDark(): boolean {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === 'dark' : !light.matches;
}

/** What the person chose, else dark in a meeting, else what the device prefers. */
export function applyTheme(inMeeting: boolean): void {
  const chosen = recall('theme');
  const { dataset } = document.documentElement;
  if (chosen) dataset.theme = chosen;
  else if (inMeeting) dataset.theme = 'dark';
  else delete dataset.theme;
  applyColours();
}

export function switchTheme(inMeeting: boolean): void {
  remember('theme', isDark() ? 'light' : 'dark');
  applyTheme(inMeeting);
}

export function brandWith(branding: Branding): void {
  owner = branding;
  applyColours();
}

/** The owner's colours: an accent for each theme, with dark or light text on it, whichever can be read; a background where it fits. */
function applyColours(): void {
  const { style } = document.documentElement;
  const dark = isDark();
  const accent = colour(dark ? owner.accent?.dark ?? owner.accent?.light : owner.accent?.light ?? owner.accent?.dark);
  const background = colour(owner.background);
  const fits = background !== '' && (dark ? luminance(background) < 0.05 : luminance(background) > 0.5);
  style.setProperty('--accent', accent);
  style.setProperty('--on-accent', accent && (luminance(accent) > 0.18 ? '#04140f' : '#ffffff'));
  style.setProperty('--bg', fits ? background : '');
}

function colour(value: string | null | undefined): string {
  return value && /^#[0-9a-f]{6}$/i.test(value) ? value : '';
}
