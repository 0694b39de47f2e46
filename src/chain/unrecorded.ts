// Calls that a tool server may have run while the log was failing: each line that could not be written then is kept, and written once the log is well again.
import type { RequestLineFacts } from '../audit/record.js';
import type { AuditAppender } from '../audit/types.js';

/** Of one thread. Nothing is forwarded while the log fails, so these are the calls that were under way when it began to; a few KiB each. */
export const UNRECORDED_MAX = 1000;
const RETRY_MS = 1000;

export interface UnrecordedSurroundings {
  readonly appender: AuditAppender;
  readonly nowUs: () => number;
  readonly after: (ms: number, run: () => void) => void;
  /** There was no room, or the thread is ending: the operational log is the last to hear of the call. */
  readonly onLost: (decisionId: string) => void;
}

interface Kept {
  readonly facts: RequestLineFacts;
  readonly written: () => void;
}

export class Unrecorded {
  readonly #around: UnrecordedSurroundings;
  #kept: Kept[] = [];
  #scheduled = false;
  #ended = false;

  constructor(around: UnrecordedSurroundings) {
    this.#around = around;
  }

  /** `written`: the line is on disk after all. */
  keep(facts: RequestLineFacts, written: () => void): void {
    if (this.#ended || this.#kept.length >= UNRECORDED_MAX) {
      this.#around.onLost(facts.decisionId);
      return;
    }
    this.#kept.push({ facts, written });
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#around.after(RETRY_MS, () => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** The last try. */
  end(): void {
    this.#ended = true;
    this.#flush();
  }

  /** What fails once more is kept again. A line's time is that of its writing: readers rely on the order. */
  #flush(): void {
    const kept = this.#kept;
    this.#kept = [];
    for (const { facts, written } of kept) {
      this.#around.appender.appendRequest({ ...facts, respondedUs: this.#around.nowUs() }, (error) => {
        if (error === undefined) written();
        else this.keep(facts, written);
      });
    }
  }
}
