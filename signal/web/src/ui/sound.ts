// What we hear: one audio element for every source.

import { h } from './dom';

export class Sound {
  private readonly players = new Map<string, HTMLAudioElement>();
  private output = '';

  /** `onBlocked` is told when the browser refuses to play before the person clicks somewhere. */
  constructor(private readonly onBlocked: () => void) {}

  set(tracks: ReadonlyMap<string, MediaStreamTrack>): void {
    for (const [name, player] of this.players) {
      if (tracks.has(name)) continue;
      player.srcObject = null;
      player.remove();
      this.players.delete(name);
    }
    for (const [name, track] of tracks) {
      let player = this.players.get(name);
      if (!player) {
        player = h('audio', { autoplay: true, hidden: true });
        this.players.set(name, player);
        document.body.append(player);
        this.route(player);
      }
      const current = (player.srcObject as MediaStream | null)?.getAudioTracks()[0];
      if (current === track) continue;
      player.srcObject = new MediaStream([track]);
      this.play(player);
    }
  }

  play(player?: HTMLAudioElement): void {
    for (const one of player ? [player] : this.players.values()) {
      one.play().catch((error: unknown) => {
        if (error instanceof DOMException && error.name === 'NotAllowedError') this.onBlocked();
      });
    }
  }

  choose(output: string): void {
    this.output = output;
    for (const player of this.players.values()) this.route(player);
  }

  private route(player: HTMLAudioElement): void {
    const { setSinkId } = player as HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };
    if (setSinkId && this.output) void setSinkId.call(player, this.output).catch(() => undefined);
  }
}
