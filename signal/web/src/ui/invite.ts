// The invitation: the room's address as link and as code.

import { t } from '../i18n';
import { roomTitle } from '../names';
import { qrCode, qrPath } from '../qr';
import { h, icon, path, svg } from './dom';

export function roomAddress(room: string): string {
  return `${location.origin}/${encodeURIComponent(room)}`;
}

/** The address with a QR code, as a tile or in a dialog. */
export function invitation(room: string, heading: HTMLElement | null, copy: () => void): HTMLElement {
  const address = roomAddress(room);
  const code = codePicture(address);
  return h('div', { class: 'stack' },
    heading,
    code && h('p', { class: 'quiet with-code' }, t('invite.text')),
    h('p', { class: `quiet ${code ? 'without-code' : ''}` }, t('invite.text.link')),
    h('div', { class: 'row scan' }, code,
      h('div', { class: 'stack tight' },
        h('b', { class: 'mono small address' }, h('bdi', { dir: 'ltr' }, address.replace(/^https?:\/\//, ''))),
        h('div', { class: 'row tight wrap' },
          h('button', { type: 'button', class: 'btn first', onclick: copy, 'data-test': 'copy-link' }, icon('copy'), t('copy')),
          h('a', { class: 'btn', href: mail(room, address), 'data-test': 'mail' }, icon('send', { class: 'mirror' }), t('invite.mail')),
          canShare() && h('button', { type: 'button', class: 'btn', 'data-test': 'share-link', onclick: () => void share(room, address) }, icon('share'), t('invite.share'))))));
}

/** A letter for the person's own mail program; nothing is sent by the page. */
function mail(room: string, address: string): string {
  const subject = t('invite.mail.subject', { room: roomTitle(room) });
  return `mailto:?subject=${encodeURIComponent(subject)}&body=${encodeURIComponent(t('invite.mail.body', { address }))}`;
}

/** Phones hand a link to any other program. */
function canShare(): boolean {
  return typeof (navigator as Partial<Navigator>).share === 'function' && matchMedia('(pointer: coarse)').matches;
}

async function share(room: string, url: string): Promise<void> {
  await navigator.share({ title: roomTitle(room), url }).catch(() => undefined); // Who closes the question wants nothing.
}

function codePicture(address: string): Element | null {
  const grid = qrCode(address);
  if (!grid) return null;
  const size = grid.length + 4;
  return svg(`-2 -2 ${size} ${size}`, { class: 'code-picture', role: 'img', 'aria-label': t('code'), 'shape-rendering': 'crispEdges' }, path(qrPath(grid)));
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = h('textarea', { class: 'vh' }, text);
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    return done;
  }
}
