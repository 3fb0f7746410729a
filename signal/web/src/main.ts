// The way in: reads the address, asks the box who it is, shows the page.

import { App } from './app';
import { branding } from './config';
import { readWishes } from './embed/wishes';
import { loadLanguage } from './i18n';
import { roomFromPath } from './names';

async function main(): Promise<void> {
  const room = roomFromPath(location.pathname);
  const wishes = readWishes(location.hash, location.search);
  const [known] = await Promise.all([branding(), loadLanguage(wishes.language)]);
  const app = new App(room === 'index.html' ? '' : room, known, wishes);
  app.start();
  // For tests and for whoever helps by telephone: what the page thinks of itself. Nothing can be changed through it.
  Object.defineProperty(window, 'moothall', { value: Object.freeze({ state: () => state(app), stats: () => app.conference?.stats() ?? Promise.resolve({}) }) });
}

function state(app: App): Record<string, unknown> {
  const { conference } = app;
  return {
    phase: app.phase,
    room: app.room,
    me: conference?.me ?? '',
    moderator: conference?.moderator ?? false,
    media: conference?.media ?? 'none',
    speaker: conference?.speaker ?? '',
    participants: app.people.map(({ id, name, audioMuted, videoMuted, moderator }) => ({ id, name, audioMuted, videoMuted, moderator })),
    chat: app.log.length,
  };
}

void main();
