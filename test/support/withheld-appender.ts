// An audit appender that writes nothing until it is told to: what must not happen before a line is durable can be seen.
import { requestLine, type RequestLineFacts } from '../../src/audit/record.js';
import type { AuditAppender, Done, OpenLine } from '../../src/audit/types.js';

export class WithheldAppender implements AuditAppender {
  healthy = true;
  because = '';
  /** In the order they were appended, durable or not. */
  readonly lines: Record<string, unknown>[] = [];
  readonly #waiting: Done[] = [];

  append(line: OpenLine, done: Done): void {
    this.lines.push(JSON.parse(`${line}}`) as Record<string, unknown>);
    this.#waiting.push(done);
  }

  appendRequest(facts: RequestLineFacts, done: Done): void {
    this.append(requestLine(facts), done);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get types(): unknown[] {
    return this.lines.map(({ type }) => type);
  }

  /** The oldest line is on disk, or failed. */
  settle(error?: Error): void {
    const done = this.#waiting.shift();
    if (done === undefined) throw new Error('no line waits');
    done(error, error === undefined ? { seq: 1, hash: '' } : undefined);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
