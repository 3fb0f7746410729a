// How good everybody's connection is: a sentence each, and the numbers behind it for who wants them.

import { grade, type Line, type Quality, type Reception } from '../conference/quality';
import { t } from '../i18n';
import type { Source } from '../jingle';
import { showPanel } from './dialog';
import { h, icon, setIcon, setText } from './dom';

export interface ConnectionHost {
  readonly people: readonly { readonly id: string; readonly name: string; readonly me: boolean }[];
  readonly quality: Quality | null;
  sourcesOf(id: string): readonly Source[];
}

type Row = readonly [label: string, value: string];
const EVERY_MS = 1_000;

/** Shows the sentence and the numbers of all, or of one alone, as long as the dialog is open. */
export function showConnection(host: () => ConnectionHost, only = ''): void {
  const lines = new Map<string, PersonLine>();
  const list = h('ul', { class: 'lines connections', 'data-test': 'connections' });
  const draw = (): void => {
    const { people, quality: known, sourcesOf } = host();
    const listed = people.filter((p) => !only || p.id === only);
    for (const [id, line] of lines) {
      if (!listed.some((p) => p.id === id)) line.element.remove(), lines.delete(id);
    }
    for (const person of listed) {
      let line = lines.get(person.id);
      if (!line) {
        lines.set(person.id, line = new PersonLine(only !== ''));
        list.append(line.element);
      }
      const number = person.me ? known?.mine ?? null : known?.of(person.id, Date.now()) ?? null;
      line.update(sentence(person, number, known?.busy ?? false), number, rows(number, person.me ? [] : sourcesOf(person.id), known));
    }
  };
  draw();
  showPanel(t('connection'), list);
  const timer = window.setInterval(() => (list.isConnected ? draw() : window.clearInterval(timer)), EVERY_MS);
}

class PersonLine {
  readonly element: HTMLElement;
  private readonly sign = icon('signal');
  private readonly text = h('span', { class: 'grow' });
  private readonly numbers = h('dl', { class: 'numbers num' });

  constructor(open: boolean) {
    this.element = h('li', { class: 'connection' }, this.sign, h('div', { class: 'grow' }, this.text,
      h('details', { open }, h('summary', {}, t('connection.numbers')), this.numbers)));
  }

  update(text: string, line: Line | null, rows: readonly Row[]): void {
    const state = line ? grade(line.quality) : '';
    setIcon(this.sign, 'signal');
    this.sign.setAttribute('class', `ico ${state === 'good' ? 'is-good' : state ? 'is-warn' : 'quiet'}`);
    setText(this.text, text);
    const flat = rows.flat();
    if (this.numbers.children.length !== flat.length) this.numbers.replaceChildren(...rows.flatMap(([label, value]) => [h('dt', {}, label), h('dd', {}, value)]));
    else flat.forEach((value, index) => setText(this.numbers.children[index] as Element, value));
  }
}

function sentence({ name, me }: { name: string; me: boolean }, line: Line | null, busy: boolean): string {
  const state = line ? grade(line.quality) : 'unknown';
  if (!me) return t(`connection.${state}`, { name });
  return t(busy && state !== 'weak' ? 'connection.mine.busy' : `connection.mine.${state}`);
}

const percent = (value: number): string => t('connection.percent', { value: Math.round(value) });
const kbits = (value: number): string => t('connection.kbits', { value: Math.round(value) });

function rows(line: Line | null, sources: readonly Source[], quality: Quality | null): Row[] {
  const own: Row[] = line ? [
    [t('connection.quality'), percent(line.quality)],
    [t('connection.delay'), line.delay ? t('connection.ms', { value: line.delay }) : t('connection.none')],
    [t('connection.loss'), t('connection.ways', { up: percent(line.loss.up), down: percent(line.loss.down) })],
    [t('connection.rate'), t('connection.ways', { up: kbits(line.rate.up), down: kbits(line.rate.down) })],
  ] : [];
  return [...own, ...sources.map((source): Row => {
    const label = source.kind === 'audio' ? 'connection.sound' : source.desktop ? 'connection.screen' : 'connection.picture';
    return [t(label), reception(quality?.reception(source.name) ?? null)];
  })];
}

function reception(got: Reception | null): string {
  if (!got || got.rate === 0) return t('connection.none');
  const { width, height, fps, codec } = got;
  const [rate, loss] = [kbits(got.rate), percent(got.loss)];
  return got.kind === 'audio' ? t('connection.audio', { rate, loss, jitter: t('connection.ms', { value: got.jitter }) }) : t('connection.video', { width, height, fps, codec, rate, loss });
}
