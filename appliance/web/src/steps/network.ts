// The third step: cable, wireless, or a network of the box's own. What is changed is undone unless somebody says that it works.

import { h, icon } from '../../../../signal/web/src/ui/dom';
import { askInside, Refused, Silent } from '../box';
import { Field, first, head, note, once, passwordField, plain, textField } from '../view';
import { t, type Word } from '../words';
import { choices, isCurrent, isUp, type Choice, type View } from './networks';
import { Pending } from './pending';

export interface Network {
  /** What the box is called, for a network of its own. */
  readonly name: string;
  done(): void;
  back(): void;
  failed(error: unknown): void;
}

const LOOK = 5000;

/** What belongs to one choice: its line, and what has to be filled in once it is chosen. */
interface Option {
  readonly choice: Choice;
  readonly more: HTMLElement | null;
  readonly button: Word;
  /** `null` if all stays as it is, or says what is wrong. */
  wish(): object | null;
}

export class NetworkStep {
  readonly element = h('form', { class: 'step', novalidate: true, 'data-test': 'network' });
  private readonly list = h('fieldset', { class: 'card lines nets', 'data-test': 'networks' });
  private readonly news = h('div', { class: 'stack tight', 'aria-live': 'polite' });
  private readonly button = first(t('next'));
  private readonly acts = h('div', { class: 'acts' });
  private options: Option[] = [];
  private chosen = '';
  private shown = '';
  private pending: Pending | null = null;
  private managed = true;
  private timer = 0;

  constructor(private readonly host: Network) {
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      void once(this.button, () => this.submit());
    });
    this.acts.append(this.button, plain(t('back'), () => (this.end(), host.back()), 'back'));
    this.element.append(head('net.title', t('net.lead')), this.news, this.list, this.acts);
    this.list.append(h('legend', { class: 'vh' }, t('net.choices')), h('p', { class: 'quiet' }, t('net.looking')));
  }

  /** From here on it looks again and again. */
  start(): void {
    void this.look(true);
  }

  end(): void {
    clearTimeout(this.timer);
    this.pending?.end();
    this.timer = -1;
  }

  private async look(scan: boolean): Promise<void> {
    try {
      const said = await askInside('networks', { scan });
      if (said.manager === false) return this.unmanaged();
      this.take(said.view as View);
    } catch (error) {
      if (!(error instanceof Silent)) return this.host.failed(error);
      this.pending?.lost();
    }
    if (this.timer >= 0) this.timer = window.setTimeout(() => void this.look(this.pending === null), this.pending ? 2000 : LOOK);
  }

  private take(view: View): void {
    if (view.pending !== null) {
      this.pending ??= this.ask();
      this.pending.update(view);
    } else if (this.pending) {
      this.settled('net.undone', view);
    }
    if (!this.pending) this.draw(view);
  }

  /** The box has changed, and asks whether it works. */
  private ask(): Pending {
    const pending = new Pending({
      keep: async () => {
        await askInside('keep');
        this.end();
        this.host.done();
      },
      undo: async () => {
        await askInside('undo');
        await this.look(false);
      },
      failed: (error) => (error instanceof Refused && error.reason === 'undone' ? void this.look(false) : this.host.failed(error)),
    });
    this.news.replaceChildren();
    this.list.replaceWith(pending.element);
    this.acts.hidden = true;
    return pending;
  }

  private settled(how: Word, view: View): void {
    const trouble = view.devices.find((device) => device.trouble)?.trouble;
    this.pending?.element.replaceWith(this.list);
    this.pending?.end();
    this.pending = null;
    this.shown = '';
    this.acts.hidden = false;
    this.news.replaceChildren(note('warn', 'warn', h('p', {}, t(how)), ...(trouble ? [h('p', {}, t(`net.trouble.${trouble}`))] : [])));
  }

  private unmanaged(): void {
    this.managed = false;
    this.list.replaceWith(note('warn', 'info', h('b', {}, t('net.none')), h('p', {}, t('net.none.text'))));
    this.button.textContent = t('next');
  }

  /** Draws what there is to choose; fields that somebody is filling in stay. */
  private draw(view: View): void {
    const all = choices(view);
    const seen = JSON.stringify(all);
    if (seen === this.shown) return;
    this.shown = seen;
    const before = new Map(this.options.map((option) => [option.choice.id, option]));
    this.options = all.map((choice) => this.option(choice, before.get(choice.id)));
    if (!all.some(({ id }) => id === this.chosen)) this.chosen = (all.find(isCurrent) ?? all[0])?.id ?? '';
    const focused = document.activeElement;
    this.list.replaceChildren(h('legend', { class: 'vh' }, t('net.choices')),
      ...(all.length ? this.options.flatMap((option) => [this.line(option.choice), ...(option.more ? [option.more] : [])]) : [h('p', { class: 'quiet' }, t('net.nothing'))]));
    if (focused instanceof HTMLElement && focused.id) document.getElementById(focused.id)?.focus();
    this.choose(this.chosen);
  }

  private choose(id: string): void {
    this.chosen = id;
    for (const { choice, more } of this.options) if (more) more.hidden = choice.id !== id;
    const option = this.options.find(({ choice }) => choice.id === id);
    this.button.textContent = t(option ? (isCurrent(option.choice) && option.choice.kind !== 'cable' ? 'net.stay' : option.button) : 'next');
  }

  private line(choice: Choice): HTMLElement {
    const id = `net-${choice.id}`;
    const radio = h('input', { type: 'radio', name: 'network', id, value: choice.id, checked: choice.id === this.chosen, onchange: () => this.choose(choice.id), disabled: choice.kind === 'wireless' && choice.point.lock === 'other' });
    const sign = choice.kind === 'cable' ? 'usb' : choice.kind === 'own' ? 'mark' : 'net';
    const locked = choice.kind === 'wireless' && choice.point.lock !== 'open' && !isCurrent(choice);
    return h('label', { for: id }, radio, icon(sign),
      h('span', { class: 'grow' }, h('b', { dir: 'auto' }, title(choice)), h('br'), h('span', { class: 'small quiet' }, h('bdi', {}, detail(choice)))),
      locked && icon('lock', { class: 'quiet', label: t(choice.point.lock === 'other' ? 'net.other' : 'net.locked') }),
      isCurrent(choice) && h('span', { class: 'pill is-good' }, icon('check'), t('net.connected')));
  }

  private option(choice: Choice, before: Option | undefined): Option {
    if (before && JSON.stringify(before.choice) === JSON.stringify(choice)) return before;
    if (before?.more?.contains(document.activeElement)) return { ...before, choice };
    if (choice.kind === 'cable') return cable(choice);
    if (choice.kind === 'own') return own(choice, this.host.name);
    return wireless(choice);
  }

  private async submit(): Promise<void> {
    const option = this.options.find(({ choice }) => choice.id === this.chosen);
    if (!this.managed || !option) return this.end(), this.host.done();
    const wish = option.wish();
    if (wish === null) return this.end(), this.host.done();
    if ('wrong' in wish) return;
    this.news.replaceChildren();
    try {
      await askInside('network', { network: wish });
      await this.look(false);
    } catch (error) {
      // The answer may be lost with the network it came by.
      if (error instanceof Silent) return this.look(false);
      if (!(error instanceof Refused)) return this.host.failed(error);
      const why = error.reason === 'wish' ? t(`net.bad.${String(error.said.part)}` as Word) : t('net.refused', { why: String(error.said.why ?? error.reason) });
      if (error.reason === 'session') return this.host.failed(error);
      this.news.replaceChildren(note('bad', 'bad', h('p', {}, why)));
    }
  }
}

function title(choice: Choice): string {
  if (choice.kind === 'wireless') return choice.point.name;
  if (choice.kind === 'own') return choice.device.own && choice.device.network ? choice.device.network : t('net.own');
  return /^(eth0|end0|en[a-z0-9]+)$/.test(choice.device.device) ? t('net.cable') : t('net.cable.named', { device: choice.device.device });
}

function detail(choice: Choice): string {
  const { device } = choice;
  if (device?.state === 'connecting' && !isUp(device) && (choice.kind !== 'wireless' || device.network === choice.point.name)) return t('net.connecting');
  if (isCurrent(choice) && device?.addresses[0]) return t(device.given || choice.kind !== 'cable' ? 'net.given' : 'net.fixed', { address: device.addresses[0] });
  if (choice.kind === 'own') return t('net.own.text');
  if (choice.kind === 'wireless') return t(choice.point.strength >= 60 ? 'net.wireless.strong' : choice.point.strength >= 35 ? 'net.wireless.fair' : 'net.wireless.weak');
  return t(choice.device.state === 'unplugged' ? 'net.unplugged' : 'net.idle');
}

const WRONG = { wrong: true } as const;

function cable(choice: Choice & { kind: 'cable' }): Option {
  const { device } = choice;
  const fixed = isUp(device) && !device.given && device.addresses.length > 0;
  const id = device.device;
  const radio = (value: string, label: Word, checked: boolean): readonly [HTMLInputElement, HTMLElement] => {
    const input = h('input', { type: 'radio', name: `method-${id}`, value, checked, 'data-test': value, onchange: () => (fields.hidden = !manual.checked) });
    return [input, h('label', { class: 'choice' }, input, t(label))];
  };
  const [, autoLine] = radio('auto', 'net.auto', !fixed);
  const [manual, manualLine] = radio('manual', 'net.manual', fixed);
  const address = textField(`address-${id}`, t('net.address'), '', t('net.address.hint'), true);
  const gateway = textField(`gateway-${id}`, t('net.gateway'), '', null, true);
  const dns = textField(`dns-${id}`, t('net.dns'), '', null, true);
  const fields = h('div', { class: 'two-fields', hidden: !manual.checked }, address.element, gateway.element, dns.element);
  return {
    choice, button: 'net.use.cable', more: h('div', { class: 'more' }, h('div', { class: 'row' }, autoLine, manualLine), fields),
    wish: () => {
      const same = isUp(device) && manual.checked === fixed && (!manual.checked || !address.value.trim());
      if (same || device.state === 'unplugged') return null;
      if (!manual.checked) return { kind: 'cable', device: id };
      const [place, length] = address.value.trim().split('/');
      if (!isAddress(place ?? '') || !/^\d{1,2}$/.test(length ?? '')) return bad(address, 'net.bad.address');
      if (gateway.value.trim() && !isAddress(gateway.value.trim())) return bad(gateway, 'net.bad.gateway');
      const servers = dns.value.split(/[\s,]+/).filter(Boolean);
      if (!servers.every(isAddress)) return bad(dns, 'net.bad.dns');
      return { kind: 'cable', device: id, fixed: { address: address.value.trim(), gateway: gateway.value.trim() || null, dns: servers } };
    },
  };
}

function wireless(choice: Choice & { kind: 'wireless' }): Option {
  const { point } = choice;
  const needs = point.lock === 'password' && !isCurrent(choice);
  const password = needs ? passwordField(`password-${point.name}`, t('net.password'), 'off', t('net.password.hint')) : null;
  return {
    choice, button: 'net.use.wireless', more: password && h('div', { class: 'more' }, password.element),
    wish: () => {
      if (isCurrent(choice)) return null;
      if (password && !isPassword(password.value)) return bad(password, 'net.bad.password');
      return { kind: 'wireless', device: point.device, name: point.name, password: password?.value ?? null };
    },
  };
}

function own(choice: Choice & { kind: 'own' }, called: string): Option {
  if (isCurrent(choice)) return { choice, button: 'net.use.own', more: null, wish: () => null };
  const name = textField('own-name', t('net.own.name'), called.slice(0, 32));
  const password = passwordField('own-password', t('net.password'), 'off', t('net.password.hint'));
  return {
    choice, button: 'net.use.own', more: h('div', { class: 'more' }, h('div', { class: 'two-fields' }, name.element, password.element)),
    wish: () => {
      const bytes = new TextEncoder().encode(name.value.trim()).length;
      if (bytes < 1 || bytes > 32) return bad(name, 'net.bad.name');
      if (!isPassword(password.value)) return bad(password, 'net.bad.password');
      return { kind: 'own', device: choice.device.device, name: name.value.trim(), password: password.value };
    },
  };
}

function bad(field: Field, why: Word): object {
  field.bad(t(why));
  return WRONG;
}

function isAddress(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
}

function isPassword(text: string): boolean {
  return /^[ -~]{8,63}$/.test(text) || /^[0-9a-f]{64}$/i.test(text);
}
