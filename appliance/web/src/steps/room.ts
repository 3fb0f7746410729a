// The second step: what the room is called, its clock, and the password for the next time.

import { h, icon } from '../../../../signal/web/src/ui/dom';
import { askInside, Refused, type Answer } from '../box';
import { Field, first, head, once, passwordField, textField } from '../view';
import { language, t } from '../words';

export interface Room {
  done(): void;
  failed(error: unknown): void;
}

export function roomStep(shown: Answer, host: Room): HTMLElement {
  const setUp = shown.set_up === true;
  const address = h('bdi', { dir: 'ltr', class: 'mono' }, String(shown.address ?? location.host).replace(/^https:\/\//, ''));
  const name = textField('name', t('room.name'), String(shown.name ?? ''), sentence(t('room.address', { address: '\0' }), address));
  name.input.setAttribute('maxlength', '80');
  const zone = zoneField(Array.isArray(shown.zones) ? shown.zones.map(String) : [], typeof shown.zone === 'string' ? shown.zone : null);
  const hint = setUp ? `${t('room.password.hint')} ${t('room.password.keep')}` : t('room.password.hint');
  const password = passwordField('new-password', t(setUp ? 'room.password.new' : 'room.password'), 'new-password', hint);
  const shortest = Number(shown.shortest ?? 12);
  const button = first(t('next'));
  const wrong = h('p', { class: 'alarm', role: 'alert' });
  const submit = async (): Promise<void> => {
    wrong.textContent = '';
    if (!name.value.trim()) return name.bad(t('room.name.bad'));
    if ([...password.value].length < shortest && !(setUp && password.value === '')) return password.bad(t('room.password.bad'));
    try {
      await askInside('room', { name: name.value.trim(), zone: zone?.value || null, password: password.value || null });
      host.done();
    } catch (error) {
      if (!(error instanceof Refused)) return host.failed(error);
      if (error.reason === 'name') return name.bad(t('room.name.bad'));
      if (error.reason === 'zone' && zone) return zone.bad(t('room.zone.bad'));
      if (error.reason === 'short') return password.bad(t('room.password.bad'));
      if (error.reason !== 'unwritable') return host.failed(error);
      wrong.textContent = `${t('room.refused')} ${String(error.said.why ?? '')}`;
    }
  };
  return h('form', { class: 'step', novalidate: true, onsubmit: (event: Event) => (event.preventDefault(), void once(button, submit)) },
    head('room.title', t('room.lead')), name.element, zone?.element, password.element, wrong, h('div', { class: 'acts' }, button));
}

/** A sentence with an element in one of its places. */
function sentence(text: string, element: HTMLElement): HTMLElement {
  const [before = '', after = ''] = text.split('\0');
  return h('span', {}, before, element, after);
}

/** Nothing where the system knows no time zones. */
function zoneField(zones: readonly string[], now: string | null): Field | null {
  if (zones.length === 0) return null;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  // A box that nobody has told is at universal time; whoever stands by it knows better.
  const chosen = now && now !== 'Etc/UTC' ? now : zones.includes(here) ? here : now ?? 'Etc/UTC';
  const all = chosen && !zones.includes(chosen) ? [chosen, ...zones] : zones;
  const select = h('select', { class: 'input', id: 'zone', 'data-test': 'zone' },
    ...all.map((zone) => h('option', { value: zone, selected: zone === chosen }, zoneName(zone))));
  return new Field(select, t('room.zone'), h('span', { class: 'pick' }, select, icon('down')));
}

/** "Europe, Lisbon (13:47)". */
function zoneName(zone: string): string {
  const name = zone.replaceAll('_', ' ').split('/').join(', ');
  try {
    return `${name} (${new Intl.DateTimeFormat(language(), { timeZone: zone, hour: '2-digit', minute: '2-digit' }).format()})`;
  } catch {
    return name;
  }
}
