// A gateway thread's side of the audit log: lines of one turn of the event loop go to the writer in one message; what waits is bounded.
import type { MessagePort } from 'node:worker_threads';
import type { FromWriter, ToWriter } from './protocol.js';
import type { AuditAppender, OpenLine, SealedLine } from './types.js';

const LINE_CHARS_MAX = 1024 * 1024; // every member is clipped well below; a longer line is a mistake, and would break the bound of one commit
const MESSAGES_UNDERWAY_MAX = 1; // what arrives during a commit waits here and goes in one message: each message wakes a thread twice

export interface AppenderOptions {
  /** audit.queue_lines_max: lines without an answer; above it `append` refuses. */
  readonly queueLinesMax: number;
  /** `async` calls `done` at once, without a seal; lines are still bounded and failures still stop the thread. */
  readonly durability: 'group' | 'async';
}

type Done = (error: Error | undefined, sealed: SealedLine | undefined) => void;

const NOBODY: Done = () => undefined;

export function openAppender(port: MessagePort, options: AppenderOptions): AuditAppender {
  return new PortAppender(port, options);
}

// A listener's fault must not keep the lines behind it from their answers; it still surfaces as the thread's own fault.
function answer(done: Done, error: Error | undefined, sealed: SealedLine | undefined): void {
  try {
    done(error, sealed);
  } catch (fault) {
    queueMicrotask(() => {
      throw fault;
    });
  }
}

class PortAppender implements AuditAppender {
  readonly #port: MessagePort;
  readonly #queueLinesMax: number;
  readonly #async: boolean;
  /** In the order of their lines; those before #answered are done with. */
  #waiting: Done[] = [];
  #answered = 0;
  #batch: OpenLine[] = [];
  #underway = 0;
  #scheduled = false;
  #healthy = true; // until the writer says otherwise: nothing counts as written before it answers
  #because = '';
  #closed = false;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(port: MessagePort, options: AppenderOptions) {
    this.#port = port;
    this.#queueLinesMax = options.queueLinesMax;
    this.#async = options.durability === 'async';
    port.on('message', (message: FromWriter) => {
      this.#receive(message);
    });
    port.on('close', () => {
      this.#lose(this.#closed ? 'the appender is closed' : 'the audit writer has ended');
    });
  }

  get healthy(): boolean {
    return this.#healthy && !this.#closed && this.#pending() < this.#queueLinesMax;
  }

  get because(): string {
    if (!this.#healthy) return this.#because;
    if (this.#closed) return 'the appender is closed';
    return this.#pending() < this.#queueLinesMax ? '' : `${this.#queueLinesMax} lines wait for the disk (audit.queue_lines_max)`;
  }

  append(line: OpenLine, done: Done): void {
    if (!this.healthy) {
      answer(done, new Error(this.because), undefined);
      return;
    }
    if (line.length > LINE_CHARS_MAX || !line.startsWith('{"type":"') || line.includes('\n')) {
      answer(done, new Error('not an audit line'), undefined);
      return;
    }
    this.#batch.push(line);
    this.#waiting.push(this.#async ? NOBODY : done);
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#send();
      });
    }
    if (this.#async) answer(done, undefined, undefined);
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    this.#closed = true;
    if (this.#pending() > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        this.#send();
      });
    }
    this.#port.close();
  }

  #pending(): number {
    return this.#waiting.length - this.#answered;
  }

  #send(): void {
    if (this.#batch.length === 0 || this.#underway >= MESSAGES_UNDERWAY_MAX) return;
    const message: ToWriter = { kind: 'append', lines: this.#batch };
    this.#batch = [];
    this.#underway += 1;
    this.#port.postMessage(message);
  }

  #receive(message: FromWriter): void {
    if (message.kind === 'health') {
      this.#healthy = message.healthy;
      this.#because = message.because;
      return;
    }
    this.#underway -= message.messages;
    if (message.kind === 'durable') {
      const { firstSeq, hashes } = message;
      this.#settle(message.count, undefined, (i) => ({ seq: firstSeq + i, hash: hashes.slice(i * 64, i * 64 + 64) }));
    } else {
      this.#settle(message.count, new Error(message.because), () => undefined);
    }
    this.#send();
  }

  #settle(count: number, error: Error | undefined, sealedAt: (i: number) => SealedLine | undefined): void {
    const from = this.#answered;
    this.#answered += count;
    for (let i = 0; i < count; i++) {
      const done = this.#waiting[from + i];
      this.#waiting[from + i] = NOBODY; // an answered request must not be kept alive by its place in the row
      if (done !== undefined && done !== NOBODY) answer(done, error, sealedAt(i));
    }
    // Forgetting answered entries in runs keeps an append at constant cost.
    if (this.#answered === this.#waiting.length || this.#answered > 4096) {
      this.#waiting = this.#waiting.slice(this.#answered);
      this.#answered = 0;
    }
    if (this.#pending() === 0) this.#drained?.();
  }

  #lose(because: string): void {
    this.#healthy = false;
    this.#because = because;
    this.#batch = [];
    this.#settle(this.#pending(), new Error(because), () => undefined);
  }
}
