// The streams that would never end by themselves: when the gateway stops, their clients are to see a proper end; when what proofs are judged by has changed, those whose proof no longer holds.
import { setImmediate } from 'node:timers/promises';

/** Each may cost a signature check. */
const JUDGED_IN_A_TURN = 16;

interface Stream {
  readonly judge: (() => Promise<void>) | undefined;
  /** When it was asked for over TLS (microseconds since the epoch). */
  readonly overTlsSinceUs: number;
}

export class OpenStreams {
  readonly #open = new Map<() => void, Stream>();
  #over = false;
  #tlsReplacedUs = -Infinity;

  /** From `endAll` on a stream ends as soon as it has begun: one that waits for its first line then would hold up the gateway's end. So does one of a listener that is gone. */
  add(end: () => void, judge?: Stream['judge'], overTlsSinceUs = Infinity): void {
    if (this.#over || overTlsSinceUs < this.#tlsReplacedUs) end();
    else this.#open.set(end, { judge, overTlsSinceUs });
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
    for (const [end, { judge }] of [...this.#open]) {
      if (!this.#open.has(end)) continue;
      await judge?.();
      judged += 1;
      if (judged % JUDGED_IN_A_TURN === 0) await setImmediate();
    }
  }

  /** The TLS listener was replaced: whose client it no longer vouches for is told so, and the others see a proper end and may connect anew. */
  async endOverTls(nowUs: number): Promise<void> {
    this.#tlsReplacedUs = nowUs;
    const theirs = [...this.#open].filter(([, { overTlsSinceUs }]) => overTlsSinceUs < nowUs);
    await this.judgeAll();
    for (const [end] of theirs) end();
  }
}
