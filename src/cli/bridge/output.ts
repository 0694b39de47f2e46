// Towards the client: one message a line, and a sign to everyone who brings more when it does not read.
import { onOneLine } from '../../upstream/stdio/one-line.js';

const LF = 0x0a;
/** A client that does not read must not make the bridge hold what the gateway has: above this the gateway's streams are read no further. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;

export interface LineSink {
  write(bytes: Buffer): boolean;
  readonly writableLength: number;
  once(event: 'drain', listener: () => void): unknown;
}

export class Output {
  readonly #sink: LineSink;
  readonly #resumes = new Set<() => void>();

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  write(message: Buffer): void {
    const line = Buffer.concat([message, Buffer.of(LF)]);
    onOneLine(line.subarray(0, -1));
    this.#sink.write(line);
  }

  get isFull(): boolean {
    return this.#sink.writableLength > WAITING_BYTES_MAX;
  }

  /** Calls `resume` once what waits has been read. */
  whenRead(resume: () => void): void {
    if (this.#resumes.size === 0) {
      this.#sink.once('drain', () => {
        const waiting = [...this.#resumes];
        this.#resumes.clear();
        for (const one of waiting) one();
      });
    }
    this.#resumes.add(resume);
  }
}
