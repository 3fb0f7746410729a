// What is wrong with microphone and camera, in words; one and the same fault of both is told once.

import { t, type Text } from '../i18n';
import type { Device, LocalMedia, Problem } from '../media';
import type { State } from './state';

type Fault = Exclude<Problem, 'insecure'>;
type Subject = 'microphone' | 'camera' | 'both';

/** The state of each device that does not work; `goIn` joins without it. */
export function problemStates(media: LocalMedia, goIn: () => void): State[] {
  const { audio, video } = media.problems;
  const kinds = (['video', 'audio'] as const).filter((kind) => media.problems[kind]);
  if (audio && audio === video) return [problemState(media, 'both', audio as Fault, kinds, goIn)];
  return kinds.map((kind) => problemState(media, subjectOf(kind), media.problems[kind] as Fault, [kind], goIn));
}

/** The fault in one sentence or two, for a notice. */
export function problemText(kind: Device, problem: Fault): string {
  const key = `${subjectOf(kind)}.${problem}` as const;
  return `${t(`${key}.title`)}. ${t(key)}`;
}

function subjectOf(kind: Device): Subject {
  return kind === 'audio' ? 'microphone' : 'camera';
}

function problemState(media: LocalMedia, subject: Subject, problem: Fault, kinds: readonly Device[], goIn: () => void): State {
  const again = { label: 'try.again', run: () => void (kinds.length > 1 ? media.start() : media.set(kinds[0] ?? 'audio', true)) } as const;
  const without = { label: 'join.without', run: () => {
    for (const kind of kinds) void media.set(kind, false);
    goIn();
  } } as const;
  const sign = subject === 'microphone' ? 'mic' : 'cam';
  return {
    sign: problem === 'inuse' ? sign : `${sign}-off`,
    tone: 'warn', aside: true,
    title: t(`${subject}.${problem}.title` as Text),
    text: t(`${subject}.${problem}` as Text),
    acts: problem === 'missing' ? [without] : [again, without],
  };
}
