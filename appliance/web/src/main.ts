// The page on which a box is set up: which step is shown, and what happens where the box says something else.

import { h } from '../../../signal/web/src/ui/dom';
import { applyTheme } from '../../../signal/web/src/theme';
import { Absent, ask, askInside, Refused, Silent, takeToken, type Answer } from './box';
import { codeStep, passwordStep } from './steps/enter';
import { NetworkStep } from './steps/network';
import { roomStep } from './steps/room';
import { trustStep } from './steps/trust';
import { show, showAlone, type Frame } from './view';
import { duration, loadLanguage, t } from './words';

/** What the box tells every page. */
interface Config {
  readonly trustPage?: string | null;
}

class Page implements Frame {
  way: 'code' | 'password' = 'code';
  private now: () => void | Promise<void> = () => this.enter();
  private network: NetworkStep | null = null;

  async start(): Promise<void> {
    if (!takeToken()) return this.go(() => this.enter());
    try {
      const shown = await askInside('look');
      // Whoever comes with the box to another address has a question to answer there.
      const said = await askInside('networks');
      const pending = (said.view as { pending?: number | null } | undefined)?.pending ?? null;
      await this.go(() => (pending === null ? this.room() : this.networks(shown)));
    } catch (error) {
      await (error instanceof Refused ? this.go(() => this.enter()) : this.failed(error));
    }
  }

  again(): void {
    void this.now();
  }

  private async go(step: () => void | Promise<void>): Promise<void> {
    this.network?.end();
    this.network = null;
    this.now = step;
    await step();
  }

  private async enter(news = ''): Promise<void> {
    let said: Answer;
    try {
      said = await ask('state');
    } catch (error) {
      return this.failed(error);
    }
    this.way = said.way === 'password' ? 'password' : 'code';
    const host = { entered: () => void this.go(() => this.room()), changed: () => void this.go(() => this.enter()), failed: (error: unknown) => this.failed(error) };
    const step = this.way === 'code' ? codeStep(Number(said.digits), host) : passwordStep(host);
    if (news) step.prepend(h('p', { class: 'note warn', role: 'status' }, news));
    show(this, 'enter', step);
    step.querySelector('input')?.focus();
  }

  private async room(): Promise<void> {
    try {
      const shown = await askInside('look');
      show(this, 'room', roomStep(shown, { done: () => void this.go(async () => this.networks(await askInside('look'))), failed: (error) => this.failed(error) }));
    } catch (error) {
      this.failed(error);
    }
  }

  private networks(shown: Answer): void {
    this.network?.end();
    this.network = new NetworkStep({
      name: String(shown.name ?? ''), done: () => void this.go(() => this.trust()), back: () => void this.go(() => this.room()), failed: (error) => this.failed(error),
    });
    show(this, 'network', this.network.element);
    this.network.start();
  }

  private trust(): void {
    const { trustPage } = (globalThis as { config?: Config }).config ?? {};
    show(this, 'trust', trustStep({ page: trustPage ?? '', back: () => void this.go(async () => this.networks(await askInside('look'))), finish: () => this.finish() }));
  }

  private async finish(): Promise<void> {
    try {
      const said = await askInside('finish');
      await this.go(() => showAlone(this, 'done.title', `${t('done.lead')} ${said.restarts === true ? t('done.restarts') : ''}`.trim(), this.front()));
    } catch (error) {
      this.failed(error);
    }
  }

  private front(): HTMLElement {
    return h('a', { class: 'btn first big', href: '/', 'data-test': 'front' }, t('front'));
  }

  /** What cannot be, in words, and what to do about it. */
  private failed(error: unknown): void {
    this.network?.end();
    const again = h('button', { type: 'button', class: 'btn first big', 'data-test': 'again', onclick: () => void this.go(() => this.enter()) }, t('again'));
    if (error instanceof Absent) return showAlone(this, 'absent', t('absent.text'), this.front());
    if (error instanceof Silent) return showAlone(this, 'silent', t('silent.text'), again);
    if (!(error instanceof Refused)) throw error;
    switch (error.reason) {
      case 'far':
        return showAlone(this, 'far', t('far.text'), again);
      case 'exhausted':
        return showAlone(this, 'exhausted', t('exhausted.text'), again);
      case 'pause':
        return this.wait(Number(error.said.seconds));
      case 'session':
        return void this.go(() => this.enter(t('session')));
      default:
        return void this.go(() => this.enter());
    }
  }

  private wait(seconds: number): void {
    const ends = Date.now() + seconds * 1000;
    showAlone(this, 'pause', t('pause.text', { time: duration(seconds) }));
    const text = document.querySelector('.lead');
    const clock = window.setInterval(() => {
      const left = Math.ceil((ends - Date.now()) / 1000);
      if (text) text.textContent = t('pause.text', { time: duration(Math.max(0, left)) });
      if (left > 0 && text?.isConnected) return;
      clearInterval(clock);
      if (text?.isConnected) void this.go(() => this.enter());
    }, 1000);
  }
}

loadLanguage();
applyTheme(false);
void new Page().start();
