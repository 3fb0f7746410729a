// What the page shows while we stand at the door: the wait, the refusal, and what is said through it.

import type { ChatMessage, Conference } from './conference';
import { alarm } from './ui/live';
import type { State } from './ui/state';
import { type DoorState, logLine, waitingLog, waitingState } from './ui/waiting';

export interface DoorwayHost {
  readonly conference: Conference | null;
  page(state: State): void;
  /** Comes in with a password in place of a knock. */
  askPassword(): void;
  leave(): void;
}

/** So much of what was said stays in sight. */
const LINES = 20;

export class Doorway {
  private readonly log = waitingLog();

  constructor(private readonly host: DoorwayHost) {}

  show(state: DoorState): void {
    const { host } = this;
    const shown = waitingState(state, {
      write: (text) => {
        host.conference?.knock.write(text);
        host.conference?.messages.wroteToDoor(text, '');
      },
      knock: () => host.conference?.knock.at(),
      password: () => host.askPassword(),
      leave: () => host.leave(),
    }, this.log);
    host.page(shown);
    alarm(`${shown.title}. ${shown.text}`);
  }

  message(message: ChatMessage): void {
    this.log.append(logLine(message));
    while (this.log.childElementCount > LINES) this.log.firstElementChild?.remove();
  }
}
