// What has no key of its own on the bar: a sheet from below, on wide windows a menu over the bar.

import { t, type Text } from '../i18n';
import { showSheet } from './dialog';
import { h, icon } from './dom';

export interface MoreItem {
  readonly sign: string;
  readonly label: Text;
  readonly run: () => void;
  /** Said at the end of the line. */
  readonly note?: string;
  /** Said below it, in full. */
  readonly hint?: string;
  /** Its name for tests, where the sign does not tell it. */
  readonly test?: string;
  /** Only where the bar is too narrow for its key. */
  readonly narrow?: boolean;
}

/** More than these stand in two columns where the window is narrow. */
const MANY = 6;

export function showMore(items: readonly MoreItem[], title = t('bar.more')): void {
  showSheet(title, (close) => h('div', { class: items.length > MANY ? 'lines many' : 'lines' }, ...items.map((item) =>
    h('button', { type: 'button', class: item.narrow ? 'narrow' : '', 'data-test': `more-${item.test ?? item.sign}`, onclick: () => { close(); item.run(); } },
      icon(item.sign, { class: 'quiet' }), h('span', { class: 'grow' }, t(item.label), item.hint && h('span', { class: 'hint quiet small' }, item.hint)), item.note && h('span', { class: 'quiet small cut', dir: 'auto' }, item.note)))));
}
