// What a session has to tell its client, in order: numbered, kept until the client has acknowledged it, and bounded. Who pushes waits for room, and so reads no further.
interface Kept {
  readonly seq: number;
  readonly text: string;
  readonly bytes: number;
}

export class Outbox {
  readonly #windowBytes: number;
  readonly #waiting: { readonly go: () => void; readonly giveUp: (why: Error) => void }[] = [];
  #kept: Kept[] = [];
  #keptBytes = 0;
  #lastSeq = 0;
  #send: ((text: string) => void) | undefined;
  #closed: Error | undefined;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Whether somebody waits for the client to acknowledge. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves when the frame is kept; rejects when the session ends first. What is larger than the window goes alone. */
  async push(frame: Readonly<Record<string, unknown>>): Promise<void> {
    const bytes = Buffer.byteLength(JSON.stringify(frame));
    while (this.#closed === undefined && this.#kept.length > 0 && this.#keptBytes + bytes > this.#windowBytes) {
      await new Promise<void>((go, giveUp) => this.#waiting.push({ go, giveUp }));
    }
    if (this.#closed !== undefined) throw this.#closed;
    const seq = (this.#lastSeq += 1);
    const text = JSON.stringify({ ...frame, seq });
    this.#kept.push({ seq, text, bytes });
    this.#keptBytes += bytes;
    this.#send?.(text);
  }

  acknowledge(seq: number): void {
    if (!Number.isInteger(seq) || !this.canResume(seq)) return;
    const freed = this.#kept.filter((one) => one.seq <= seq);
    this.#kept = this.#kept.slice(freed.length);
    this.#keptBytes -= freed.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { go } of this.#waiting.splice(0)) go();
  }

  /** Whether a client that has seen everything up to `seq` misses nothing that is no longer here. */
  canResume(seq: number): boolean {
    return seq >= this.#lastSeq - this.#kept.length && seq <= this.#lastSeq;
  }

  /** From now on frames go to `send`, first those after `seq`; undefined = to nobody. */
  attach(send: ((text: string) => void) | undefined, seq = this.#lastSeq): void {
    this.#send = send;
    if (send === undefined) return;
    this.acknowledge(seq);
    for (const { text } of this.#kept) send(text);
  }

  close(why: Error): void {
    this.#closed = why;
    this.#send = undefined;
    this.#kept = [];
    for (const { giveUp } of this.#waiting.splice(0)) giveUp(why);
  }
}
