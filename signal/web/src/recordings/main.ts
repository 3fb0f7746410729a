// The pages of recordings: the administrator's list, and the player.

import { branding } from '../config';
import { loadLanguage, t } from '../i18n';
import { roomTitle } from '../names';
import { applyTheme, brandWith, isDark, switchTheme } from '../theme';
import { h, icon, setAttribute } from '../ui/dom';
import { placeLiveRegions } from '../ui/live';
import { Admin } from './admin';
import { fetchRecording } from './line';
import { Player } from './player';
import { beginText, lengthText } from './recording';

let player: Player | null = null;

async function main(): Promise<void> {
  applyTheme(false);
  const [known] = await Promise.all([branding(), loadLanguage('')]);
  brandWith(known);
  placeLiveRegions();
  const name = known.name ?? 'Moothall';
  if (location.pathname.replace(/\/$/, '').endsWith('/watch')) await watch(name);
  else keep(name);
}

function show(brand: string, title: string, ...content: (Node | null)[]): void {
  document.title = `${title} – ${brand}`;
  const theme = h('button', { type: 'button', class: 'btn icon plain end', 'aria-label': t('theme'), 'data-test': 'theme', onclick: () => {
    switchTheme(false);
    setAttribute(theme, 'aria-pressed', String(isDark()));
  } }, icon('theme'));
  document.getElementById('view')?.replaceChildren(h('div', { class: 'page' },
    h('header', {}, h('a', { class: 'brand', href: '/' }, icon('mark'), brand), theme),
    h('main', { class: 'stack' }, ...content.filter((one) => one !== null))));
}

function keep(brand: string): void {
  const admin = new Admin();
  show(brand, t('recordings'), h('h1', {}, t('recordings')), admin.element);
  admin.start();
}

async function watch(brand: string): Promise<void> {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const recording = await fetchRecording(wanted.get('name') ?? '', wanted.get('ticket') ?? '');
  if (!recording) return show(brand, t('watch.gone'), h('h1', {}, t('watch.gone')), h('p', { class: 'lead', 'data-test': 'gone' }, t('watch.gone.lead')));
  let room = recording.room;
  try {
    room = decodeURIComponent(room);
  } catch {
    // A name like any other.
  }
  player?.dispose();
  player = new Player(recording);
  show(brand, roomTitle(room), h('div', {}, h('h1', { class: 'title' }, roomTitle(room)), h('p', { class: 'quiet' }, `${beginText(recording)}, ${lengthText(recording)}`)), player.element);
}

document.addEventListener('keydown', (event) => {
  const pressed = event.target instanceof HTMLButtonElement && event.key === ' ';
  if (event.ctrlKey || event.altKey || event.metaKey || pressed || !player?.onKey(event.key)) return;
  event.preventDefault();
});
// Another link was put into the same tab.
window.addEventListener('hashchange', () => void main());
Object.defineProperty(window, 'moothall', { value: Object.freeze({ player: () => player?.state() ?? null }) });

void main();
