// The invitation: the room's address as link and as code.

import { t } from '../i18n';
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
        h('b', { class: 'mono small address', dir: 'ltr' }, address.replace(/^https?:\/\//, '')),
        h('button', { type: 'button', class: 'btn first start', onclick: copy, 'data-test': 'copy-link' }, icon('copy'), t('copy')))));
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
