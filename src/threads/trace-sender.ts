// Requests recorded as traces, on their way from a gateway thread to the control thread, which exports them: those of a moment in one message.
import type { TracedRequest } from '../chain/request-spans.js';

const TOGETHER_MS = 200;
const TOGETHER_MAX = 128;

export class TraceSender {
  readonly #send: (requests: readonly TracedRequest[]) => void;
  readonly #after: (ms: number, run: () => void) => () => void;
  #gathered: TracedRequest[] = [];
  #stopTimer: (() => void) | undefined;

  constructor(send: (requests: readonly TracedRequest[]) => void, after: (ms: number, run: () => void) => () => void) {
    this.#send = send;
    this.#after = after;
  }

  take(request: TracedRequest): void {
    this.#gathered.push(request);
    if (this.#gathered.length >= TOGETHER_MAX) this.flush();
    else this.#stopTimer ??= this.#after(TOGETHER_MS, () => this.flush());
  }

  flush(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#gathered.length === 0) return;
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#send(gathered);
  }
}
