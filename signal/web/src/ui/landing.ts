// The front page: name a room.

import { t } from '../i18n';
import { inventRoom, roomSlug } from '../names';
import { h, icon, path, setText, svg } from './dom';
import { languageField } from './settings';
import { stateCard } from './state';

export interface LandingHost {
  readonly brand: HTMLElement;
  readonly themeButton: HTMLElement;
  readonly welcome: string;
  readonly recent: readonly string[];
  readonly insecure: boolean;
  /** Empty where the certificate is not the box's own. */
  readonly trustPage: string;
  /** Empty once the box is set up. */
  readonly setupPage: string;
  go(room: string): void;
  speak(language: string): void;
}

export function landing(host: LandingHost): HTMLElement {
  return h('div', { class: 'page' },
    h('header', {}, host.brand, h('span', { class: 'end' }), host.themeButton),
    h('main', { class: 'two' },
      h('section', { class: 'stack roomy' },
        h('div', { class: 'stack tight' }, h('h1', { class: 'hero' }, t('landing.title')), h('p', { class: 'lead' }, host.welcome || t('landing.lead'))),
        host.insecure && insecureCard(false, null),
        host.setupPage && !host.insecure && h('p', { class: 'note small' }, icon('info'), h('span', {}, t('landing.setup'), ' ', h('a', { href: host.setupPage, 'data-test': 'setup' }, t('landing.setup.go')))),
        roomForm(host),
        host.recent.length > 0 && h('div', { class: 'stack tight' },
          h('p', { class: 'small quiet' }, t('landing.recent')),
          h('div', { class: 'recent' }, ...host.recent.map((room) => h('a', { class: 'btn slim', href: `/${encodeURIComponent(room)}` }, room))))),
      hallArt()),
    h('footer', { class: 'small quiet' }, languageField(host.speak), h('span', { class: 'row tight' }, h('i', { class: `dot ${host.insecure ? 'warn' : 'good'}` }), t(host.insecure ? 'pre.insecure' : 'landing.well')),
      host.trustPage && h('a', { class: 'end quiet', href: host.trustPage, 'data-test': 'trust' }, t('landing.trust'))));
}

function roomForm(host: LandingHost): HTMLElement {
  const invented = inventRoom();
  const hint = h('p', { class: 'small is-bad', role: 'alert', id: 'room-hint' });
  const input = h('input', { id: 'room', name: 'room', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none', 'data-test': 'room-name', dir: 'auto', 'aria-describedby': 'room-hint' });
  const field = h('span', { class: 'input', dir: 'ltr' }, h('span', { class: 'addr' }, `${location.host}/`), input);
  const submit = (event: Event): void => {
    event.preventDefault();
    const slug = roomSlug(input.value);
    if (slug) return host.go(slug);
    input.setAttribute('aria-invalid', 'true');
    field.classList.add('bad');
    setText(hint, t('landing.empty'));
    input.focus();
  };
  return h('form', { class: 'stack tight', onsubmit: submit },
    h('label', { class: 'small', for: 'room' }, h('b', {}, t('landing.room'))),
    h('div', { class: 'enter' }, field, h('button', { class: `btn big ${host.insecure ? '' : 'first'}`, 'data-test': 'go' }, t('landing.go'))),
    hint,
    h('p', { class: 'small quiet' }, `${t('landing.nothing')} `,
      h('button', { type: 'button', class: 'link', onclick: () => host.go(invented) }, t('landing.take', { name: invented }))));
}

export function insecureCard(aside: boolean, listen: (() => void) | null): HTMLElement {
  // A page comes without TLS only from a proxy, which has HTTPS at its own port if it has it at all.
  const secure = `https://${location.hostname}${location.pathname}${location.search}${location.hash}`;
  return stateCard({
    sign: 'shield', tone: 'warn', aside, title: t('insecure.title'), text: t('insecure', { address: location.origin }),
    acts: [{ label: 'insecure.how', run: () => location.assign(secure) }, ...(listen ? [{ label: 'insecure.listen', run: listen } as const] : [])],
  });
}

/** The hall of the sign, lit where people are. */
function hallArt(): SVGSVGElement {
  const windows = 'M110 204h72a10 10 0 0 1 10 10v50a10 10 0 0 1-10 10h-72a10 10 0 0 1-10-10v-50a10 10 0 0 1 10-10z';
  const shifted = (d: string, by: number): SVGPathElement => path(d, { transform: `translate(${by})` });
  const lit = (element: SVGPathElement, name: string): SVGPathElement => (element.setAttribute('class', name), element);
  const arch = 'M100 430v-70a46 46 0 0 1 92 0v70';
  return svg('0 0 520 470', { class: 'hallart', 'aria-hidden': 'true' },
    path('M70 172 260 42l190 130v258H70z', { class: 'wall' }),
    path('M30 200 260 40l230 160M70 172v258M450 172v258M20 430h480', { class: 'l' }),
    path('M228 128a32 32 0 1 0 64 0a32 32 0 1 0-64 0z', { class: 'l' }),
    path('M251 128a9 9 0 1 0 18 0a9 9 0 1 0-18 0z', { class: 'lit' }),
    lit(shifted(windows, 0), 'lit'), lit(shifted(windows, 114), 'dim'), lit(shifted(windows, 228), 'lit'),
    path('M118 274c2-20 14-26 28-26s26 6 28 26zM133 234a13 13 0 1 0 26 0a13 13 0 1 0-26 0zM346 274c2-20 14-26 28-26s26 6 28 26zM361 234a13 13 0 1 0 26 0a13 13 0 1 0-26 0z', { class: 'who' }),
    lit(shifted(windows, 0), 'l'), lit(shifted(windows, 114), 'l'), lit(shifted(windows, 228), 'l'),
    lit(shifted(`${arch}z`, 0), 'dim'), lit(shifted(`${arch}z`, 228), 'dim'), lit(shifted(`${arch}z`, 114), 'lit'),
    path('M236 430v-30c0-18 10-26 24-26s24 8 24 26v30zM246 356a14 14 0 1 0 28 0a14 14 0 1 0-28 0z', { class: 'who' }),
    lit(shifted(arch, 0), 'l'), lit(shifted(arch, 114), 'l'), lit(shifted(arch, 228), 'l'));
}

export function brandLink(name: string, logo: string): HTMLElement {
  const sign = logo ? h('img', { class: 'logo', src: logo, alt: '' }) : icon('mark');
  return h('a', { class: 'brand', href: '/' }, sign, name);
}
