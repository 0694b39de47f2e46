// The streams that would never end by themselves: when the gateway stops, their clients are to see a proper end; when what proofs are judged by has changed, those whose proof no longer holds.
import { setImmediate } from 'node:timers/promises';

/** Each may cost a signature check. */
const JUDGED_IN_A_TURN = 16;

type Judge = () => Promise<void>;

export class OpenStreams {
  readonly #open = new Map<() => void, Judge | undefined>();
  #over = false;

  /** From `endAll` on a stream ends as soon as it has begun: one that waits for its first line then would hold up the gateway's end. */
  add(end: () => void, judge?: Judge): void {
    if (this.#over) end();
    else this.#open.set(end, judge);
  }

  delete(end: () => void): void {
    this.#open.delete(end);
  }

  endAll(): void {
    this.#over = true;
    for (const end of [...this.#open.keys()]) end();
  }

  /** Has each ask again whether its client is who it was. */
  async judgeAll(): Promise<void> {
    let judged = 0;
    for (const [end, judge] of [...this.#open]) {
      if (!this.#open.has(end)) continue;
      await judge?.();
      judged += 1;
      if (judged % JUDGED_IN_A_TURN === 0) await setImmediate();
    }
  }
}
