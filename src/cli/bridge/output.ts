// Towards the client: one message a line, and a sign to everyone who brings more when it does not read.

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
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

  /** Line breaks between a message's parts become blanks: within a string JSON has none. */
  write(message: Buffer): void {
    this.#sink.write(Buffer.concat([onOneLine(message), Buffer.of(LF)]));
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

function onOneLine(message: Buffer): Buffer {
  if (!message.includes(LF) && !message.includes(CR)) return message;
  const line = Buffer.from(message);
  for (let at = 0; at < line.length; at += 1) if (line[at] === LF || line[at] === CR) line[at] = SPACE;
  return line;
}
