// The last step: devices have to trust the box. How that is done on each of them, the page /trust says.

import { qrCode, qrPath } from '../../../../signal/web/src/qr';
import { h, icon, path, svg } from '../../../../signal/web/src/ui/dom';
import { first, head, once, plain } from '../view';
import { t } from '../words';

export interface Trust {
  /** Empty where the certificate is not the box's own. */
  readonly page: string;
  back(): void;
  finish(): Promise<void>;
}

export function trustStep(host: Trust): HTMLElement {
  const button = first(t('finish'), 'finish');
  return h('form', { class: 'step', onsubmit: (event: Event) => (event.preventDefault(), void once(button, () => host.finish())) },
    head('trust.title', t('trust.lead')),
    ...(host.page ? own(host.page) : [h('div', { class: 'card' }, h('p', {}, t('trust.none')))]),
    h('div', { class: 'acts' }, button, plain(t('back'), () => host.back(), 'back')));
}

function own(page: string): HTMLElement[] {
  const address = `http://${location.host}${page}`;
  const code = qrCode(address);
  const [before = '', after = ''] = t('trust.open', { address: '\0' }).split('\0');
  const size = (code?.length ?? 0) + 4;
  return [
    h('div', { class: 'card phones' },
      code && svg(`-2 -2 ${size} ${size}`, { class: 'code-picture', role: 'img', 'aria-label': t('trust.code'), 'shape-rendering': 'crispEdges' }, path(qrPath(code))),
      h('div', { class: 'stack tight' }, h('h2', {}, t('trust.scan')),
        h('p', { class: 'quiet small address' }, before, h('bdi', { class: 'mono', dir: 'ltr' }, address), after),
        h('div', { class: 'note' }, icon('shield', { class: 'is-good' }), h('p', { class: 'small' }, t('trust.only'))))),
    h('p', {}, h('a', { class: 'btn', href: page, target: '_blank', rel: 'noopener', 'data-test': 'trust' }, icon('download'), t('trust.steps'))),
    h('details', {}, h('summary', {}, t('trust.own')), h('p', { class: 'small quiet' }, t('trust.own.text'))),
  ];
}
