// What happens in a room besides people, pictures and chat.

/** What a moderator can turn off. */
export type Muted = 'audio' | 'video' | 'desktop';

export const MUTED: readonly Muted[] = ['audio', 'video', 'desktop'];

export type Happening =
  /** Something that the panels show is not as it was. */
  | { readonly what: 'changed' }
  /** We are at the door: told of, refused, or nobody is there yet who could open. */
  | { readonly what: 'door'; readonly state: 'waiting' | 'nobody' | 'refused' }
  /** Somebody is at the door, or is not any more. */
  | { readonly what: 'knock'; readonly id: string; readonly name: string; readonly gone: boolean }
  /** Another moderator opened or shut the door, or decided about somebody. */
  | { readonly what: 'door.by'; readonly event: 'opened' | 'shut' | 'granted' | 'denied'; readonly by: string; readonly name: string }
  /** A moderator asks us to turn something on. */
  | { readonly what: 'asked'; readonly kind: Muted; readonly by: string }
  /** From now on only those who are allowed may turn this on, or everybody again. */
  | { readonly what: 'moderated'; readonly kind: Muted; readonly on: boolean; readonly by: string }
  /** We may, or may not any more. */
  | { readonly what: 'allowed'; readonly kind: Muted; readonly yes: boolean }
  | { readonly what: 'poll'; readonly id: string; readonly by: string }
  | { readonly what: 'reaction'; readonly from: string; readonly names: readonly string[] }
  /** A page around somebody else's meeting says something to ours. */
  | { readonly what: 'word'; readonly from: string; readonly text: string }
  /** We were sent to another room, or came back from one; empty name: the main room. */
  | { readonly what: 'moved'; readonly to: string }
  /** The room that we wanted to go to is not there any more. */
  | { readonly what: 'unmoved' }
  /** The box records the meeting, did so already when we came, or does so no more. */
  | { readonly what: 'recording'; readonly event: 'started' | 'running' | 'stopped' | 'failed'; readonly by: string }
  /** The meeting's sound goes out of the box, or does so no more. */
  | { readonly what: 'export'; readonly on: boolean }
  /** A message of ours was not taken. */
  | { readonly what: 'unsent'; readonly reason: 'too-long' | 'too-fast' | 'gone' | 'not-allowed' };
