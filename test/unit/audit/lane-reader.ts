// The writer's side of a lane line by line, each answered when a test says so, with the seal it says.
import { HASH_AT, HEADER_BYTES, ANSWERED, LaneView, LENGTH, LISTENING, OUTCOME, OUTCOME_DURABLE, OUTCOME_FAILED, PUBLISHED, SEQ_HIGH, SEQ_LOW, WANTS_SEAL, after } from '../../../src/audit/lane-layout.js';
import type { SealedLine } from '../../../src/audit/types.js';

export class LaneReader {
  readonly #view: LaneView;
  #read: number;
  #answered: number;

  constructor(lane: SharedArrayBuffer) {
    this.#view = new LaneView(lane);
    this.#answered = Atomics.load(this.#view.words, ANSWERED);
    this.#read = this.#answered;
  }

  get waiting(): boolean {
    return Atomics.load(this.#view.words, PUBLISHED) !== this.#read;
  }

  read(): string | undefined {
    if (!this.waiting) return undefined;
    const line = Buffer.alloc(this.#view.words[this.#view.header(this.#read) + LENGTH] ?? 0);
    expectFits(line.length, this.#view.size);
    this.#view.copyLine(this.#read, line.length, line, 0);
    this.#read = after(this.#read, line.length);
    return line.toString('utf8');
  }

  /** Of the oldest line that was read and has no answer; without a seal it failed. The sender sees it after `publish`. */
  answer(sealed: SealedLine | undefined): void {
    const { words, bytes } = this.#view;
    const header = this.#view.header(this.#answered);
    words[header + OUTCOME] = sealed === undefined ? OUTCOME_FAILED : OUTCOME_DURABLE;
    if (sealed !== undefined && words[header + WANTS_SEAL] !== 0) {
      words[header + SEQ_LOW] = sealed.seq | 0;
      words[header + SEQ_HIGH] = Math.floor(sealed.seq / 2 ** 32);
      bytes.write(sealed.hash, this.#view.headerByte(this.#answered) + HASH_AT, 'latin1');
    }
    this.#answered = after(this.#answered, words[header + LENGTH] ?? 0);
  }

  /** True = the sender asked for a message. */
  publish(): boolean {
    Atomics.store(this.#view.words, ANSWERED, this.#answered);
    return Atomics.exchange(this.#view.words, LISTENING, 0) === 1;
  }
}

function expectFits(length: number, size: number): void {
  if (length > size - HEADER_BYTES) throw new Error(`a line of ${length} bytes in a ring of ${size}`);
}
