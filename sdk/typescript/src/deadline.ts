// How long one call may take, and who may end it: its own time, its caller's signal, or the one who no longer reads.
import { CallTimeoutError } from './errors.js';
import type { Surroundings } from './surroundings.js';

const MS_PER_SECOND = 1000;

export class Deadline {
  readonly #controller = new AbortController();
  readonly #surroundings: Surroundings;
  readonly #endMs: number;
  readonly #callers: AbortSignal | undefined;
  readonly #stopTimer: () => void;
  readonly #stopped: () => void;
  /** A request of this call has left whole, or nobody can tell; and it was not refused. */
  mayHaveRun = false;
  traceId: string | undefined;

  constructor(seconds: number, callers: AbortSignal | undefined, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#endMs = surroundings.monotonicMs() + seconds * MS_PER_SECOND;
    this.#callers = callers;
    this.#stopped = () => this.#controller.abort(callers?.reason);
    if (callers?.aborted === true) this.#stopped();
    else callers?.addEventListener('abort', this.#stopped, { once: true });
    this.#stopTimer = surroundings.limit(seconds * MS_PER_SECOND, () => {
      const { mayHaveRun, traceId } = this;
      const what = mayHaveRun ? `the record: agw audit explain ${traceId ?? ''}` : 'nothing has run';
      this.#controller.abort(new CallTimeoutError(`No answer within ${seconds} s; ${what}`, { mayHaveRun, traceId }));
    });
  }

  /** Its reason is what the call rejects with: CallTimeoutError, or the caller's own. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  leftMs(): number {
    return this.#endMs - this.#surroundings.monotonicMs();
  }

  /** It goes on without an end of its own. */
  stopClock(): void {
    this.#stopTimer();
  }

  /** The answer is there, or nobody wants it. */
  end(): void {
    this.#stopTimer();
    this.#callers?.removeEventListener('abort', this.#stopped);
  }

  /** Ends what still runs. */
  abandon(): void {
    this.end();
    this.#controller.abort(new DOMException('Nobody reads the answer.', 'AbortError'));
  }
}
