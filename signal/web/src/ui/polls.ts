// Polls: asking, answering, and what the answers are.

import type { Conference } from '../conference';
import { type Poll, POLL_ANSWERS } from '../conference/polls';
import { t } from '../i18n';
import { h, icon, setText } from './dom';
import { Frame, type Panel, redraw } from './panel';

export interface PollsHost { readonly conference: Conference | null; close(): void }

const QUESTION = 300;
const ANSWER = 80;
const FIRST_ANSWERS = 2;

export class PollsPanel implements Panel {
  private readonly frame: Frame;
  private readonly list = h('div', { class: 'stack' });
  private readonly maker: HTMLElement;
  private readonly question = h('textarea', { rows: 2, maxlength: QUESTION, dir: 'auto', 'data-test': 'poll-question' });
  private readonly answers = h('div', { class: 'stack tight' });
  private readonly problem = h('p', { class: 'small is-bad', role: 'status' });
  /** Polls whose answer is being changed. */
  private readonly changing = new Set<string>();
  private drawn = '';

  constructor(private readonly host: PollsHost) {
    this.maker = this.form();
    this.frame = new Frame('polls', [t('polls')], t('polls'), () => host.close(), null);
    this.frame.body.append(this.list, this.maker);
    this.reset();
  }

  get element(): HTMLElement {
    return this.frame.element;
  }

  update(): void {
    if (this.frame.isOpen) this.draw();
  }

  open(): void {
    this.draw();
    this.frame.open();
  }

  close(): void {
    this.frame.close();
  }

  private draw(): void {
    const polls = this.host.conference?.polls;
    const all = [...(polls?.list.values() ?? [])].reverse();
    const drawn = JSON.stringify([all.map((p) => [p.id, p.answers.map((a) => [...a.voters.values()])]), [...this.changing]]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    redraw(this.list, all.length === 0 && h('p', { class: 'small quiet' }, t('polls.none')), ...all.map((poll) => this.card(poll)));
  }

  private card(poll: Poll): HTMLElement {
    const mine = this.host.conference?.polls.mine(poll) ?? [];
    const answered = mine.includes(true) && !this.changing.has(poll.id);
    const by = poll.by === this.host.conference?.me ? t('poll.by.you') : t('poll.by', { name: poll.byName || t('meeting.someone') });
    return h('section', { class: 'poll', 'data-test': 'poll' }, h('p', { class: 'tiny quiet' }, by), h('h3', { dir: 'auto' }, poll.question),
      answered ? this.results(poll, mine) : this.ballot(poll, mine));
  }

  private ballot(poll: Poll, mine: readonly boolean[]): HTMLElement {
    const boxes = poll.answers.map((answer, index) => h('input', { type: 'checkbox', checked: mine[index] === true, 'data-test': 'poll-choice', 'data-key': `${poll.id}-${index}`, 'aria-label': answer.name }));
    return h('form', { class: 'stack tight', onsubmit: (event: Event) => {
      event.preventDefault();
      if (!boxes.some((box) => box.checked)) return;
      this.changing.delete(poll.id);
      this.host.conference?.polls.answer(poll.id, boxes.map((box) => box.checked));
    } },
    ...poll.answers.map((answer, index) => h('label', { class: 'row tight choice' }, boxes[index], h('span', { dir: 'auto' }, answer.name))),
    h('div', { class: 'row tight wrap' }, h('button', { class: 'btn first slim', 'data-test': 'poll-answer', 'data-key': `${poll.id}-send` }, t('poll.answer')), this.total(poll)));
  }

  private results(poll: Poll, mine: readonly boolean[]): HTMLElement {
    const voters = new Set(poll.answers.flatMap((a) => [...a.voters.keys()]));
    return h('div', { class: 'stack tight', 'data-test': 'poll-results' },
      ...poll.answers.map((answer, index) => {
        const count = answer.voters.size;
        const bar = h('div', { class: 'meter', 'aria-hidden': 'true' }, h('i'));
        bar.style.setProperty('--v', `${voters.size ? Math.round((100 * count) / voters.size) : 0}%`);
        const names = [...answer.voters.values()].map((v) => v.name || t('meeting.someone')).join(', ');
        return h('div', {}, h('div', { class: 'row tight small' }, h('span', { class: 'grow', dir: 'auto' }, answer.name), mine[index] && icon('check', { class: 'is-good', label: t('poll.yours') }), h('b', { class: 'num' }, String(count))), bar, names && h('p', { class: 'tiny quiet cut', title: names, dir: 'auto' }, names));
      }),
      h('div', { class: 'row tight wrap' }, this.total(poll), h('button', { type: 'button', class: 'btn plain slim end', 'data-test': 'poll-change', 'data-key': `${poll.id}-change`, onclick: () => { this.changing.add(poll.id); this.draw(); } }, t('poll.change'))));
  }

  private total(poll: Poll): HTMLElement {
    const voters = new Set(poll.answers.flatMap((a) => [...a.voters.keys()]));
    return h('span', { class: 'tiny quiet' }, t('poll.total', { count: voters.size }));
  }

  // Asking

  private form(): HTMLElement {
    const add = h('button', { type: 'button', class: 'btn plain slim start', 'data-test': 'poll-add', onclick: () => this.answerField(true) }, icon('plus'), t('poll.add'));
    return h('details', { class: 'maker', 'data-test': 'poll-maker' }, h('summary', { class: 'btn' }, icon('plus'), t('poll.make')),
      h('form', { class: 'stack tight', onsubmit: (event: Event) => { event.preventDefault(); this.ask(); } },
        h('label', { class: 'field' }, t('poll.question'), h('span', { class: 'input' }, this.question)),
        h('b', { class: 'small' }, t('poll.answers')), this.answers, add, this.problem,
        h('button', { class: 'btn first', 'data-test': 'poll-ask' }, t('poll.ask'))));
  }

  private answerField(focus = false): void {
    if (this.answers.childElementCount >= POLL_ANSWERS) return;
    const number = this.answers.childElementCount + 1;
    const input = h('input', { maxlength: ANSWER, dir: 'auto', autocomplete: 'off', 'aria-label': t('poll.answer.label', { number }), 'data-test': 'poll-option' });
    this.answers.append(h('span', { class: 'input' }, input));
    if (focus) input.focus();
  }

  private ask(): void {
    const question = this.question.value.trim();
    const answers = [...this.answers.querySelectorAll('input')].map((input) => input.value.trim()).filter(Boolean);
    const wrong = !question ? 'poll.needs.question' : answers.length < FIRST_ANSWERS ? 'poll.needs.answers' : this.host.conference?.polls.ask(question, answers) ? null : 'poll.too.long';
    setText(this.problem, wrong ? t(wrong) : '');
    if (!wrong) this.reset();
  }

  private reset(): void {
    this.question.value = '';
    this.answers.replaceChildren();
    for (let i = 0; i < FIRST_ANSWERS; i++) this.answerField();
    const maker = this.maker;
    if (maker instanceof HTMLDetailsElement) maker.open = false;
  }
}
