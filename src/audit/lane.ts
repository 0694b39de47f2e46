// A gateway thread's lines on their way to the writer: a ring in shared memory with one sender and one receiver, answers included.
import type { CommitBuffer } from './commit-buffer.js';
import { ANSWERED, HASH_AT, HEADER_BYTES, LENGTH, LISTENING, LaneView, OUTCOME, OUTCOME_DURABLE, OUTCOME_FAILED, PUBLISHED, RECORD_ALIGN, SEQ_HIGH, SEQ_LOW, STATE_BYTES, TWO_TO_32, WANTS_SEAL, after } from './lane-layout.js';
import { HASH_CHARS } from './hash-chain.js';
import type { RequestLineFacts } from './record.js';
import type { RequestLines } from './request-lines.js';
import type { SealedLine } from './types.js';

/** Every member is clipped well below; a longer line is a mistake, and would break the bound of one commit. */
export const LINE_CHARS_MAX = 1024 * 1024;

const LANE_BYTES = 4 * 1024 * 1024; // about 2,000 lines; the longest (3 bytes a character) fits with its header
const CHAR_BYTES_MAX = 4;

export function createLane(bytes: number = LANE_BYTES): SharedArrayBuffer {
  if (bytes < 2 * RECORD_ALIGN || (bytes & (bytes - 1)) !== 0) throw new Error(`a lane of ${bytes} bytes: it must be a power of two`);
  return new SharedArrayBuffer(STATE_BYTES + bytes);
}

export interface LaneAnswer {
  readonly durable: boolean;
  /** Of a durable line that was sent with `wantsSeal`. */
  readonly sealed: SealedLine | undefined;
}

const DURABLE: LaneAnswer = { durable: true, sealed: undefined };
const FAILED: LaneAnswer = { durable: false, sealed: undefined };

export class LaneSender {
  readonly #view: LaneView;
  #head: number;
  #tail: number;

  constructor(lane: SharedArrayBuffer) {
    this.#view = new LaneView(lane);
    this.#head = Atomics.load(this.#view.words, PUBLISHED);
    this.#tail = Atomics.load(this.#view.words, ANSWERED);
    this.listen();
  }

  /** Bytes of the lines that have no answer yet, each with its header. */
  get unansweredBytes(): number {
    return (this.#head - Atomics.load(this.#view.words, ANSWERED)) >>> 0;
  }

  /** Longest line that can ever be sent, in bytes. */
  get lineBytesMax(): number {
    return this.#view.size - HEADER_BYTES;
  }

  /** False when there is no room until more lines are answered. The receiver sees the line at once; it is not woken. */
  send(line: string, wantsSeal: boolean): boolean {
    const { bytes, size, mask } = this.#view;
    const free = size - ((this.#head - this.#tail) >>> 0);
    if (HEADER_BYTES + line.length > free) return false;
    const at = (this.#head & mask) + HEADER_BYTES;
    const room = Math.min(free - HEADER_BYTES, size - at);
    if (room >= line.length + CHAR_BYTES_MAX) {
      const length = bytes.write(line, at, room);
      // A write that ends for want of room leaves less than one character's: here the whole line was written.
      if (room - length >= CHAR_BYTES_MAX) return this.#publish(length, wantsSeal);
    }
    return this.#sendInParts(Buffer.from(line, 'utf8'), at & mask, free, wantsSeal);
  }

  /** The line of a request, written where it is sent from. False when `lines` can't: `send` may still. */
  sendRequest(lines: RequestLines, facts: RequestLineFacts, wantsSeal: boolean): boolean {
    const { bytes, size, mask } = this.#view;
    const free = size - ((this.#head - this.#tail) >>> 0);
    const at = (this.#head & mask) + HEADER_BYTES;
    const room = Math.min(free - HEADER_BYTES, size - at, LINE_CHARS_MAX);
    const length = room > 0 ? lines.write(facts, bytes, at, room) : -1;
    return length >= 0 && this.#publish(length, wantsSeal);
  }

  /** The oldest line that has an answer; its room is free again. Undefined when none has. */
  take(): LaneAnswer | undefined {
    const { words } = this.#view;
    if (Atomics.load(words, ANSWERED) === this.#tail) return undefined;
    const header = this.#view.header(this.#tail);
    const answer = words[header + OUTCOME] !== OUTCOME_DURABLE ? FAILED : words[header + WANTS_SEAL] === 0 ? DURABLE : { durable: true, sealed: this.#sealOf(header) };
    this.#tail = after(this.#tail, words[header + LENGTH] ?? 0);
    return answer;
  }

  /** Asks for a message at the next answer. To be called before looking for answers, or one may be missed. */
  listen(): void {
    Atomics.store(this.#view.words, LISTENING, 1);
  }

  #sendInParts(line: Buffer, at: number, free: number, wantsSeal: boolean): boolean {
    const { bytes, size } = this.#view;
    if (HEADER_BYTES + line.length > free) return false;
    const first = Math.min(line.length, size - at);
    line.copy(bytes, at, 0, first);
    line.copy(bytes, 0, first);
    return this.#publish(line.length, wantsSeal);
  }

  #publish(length: number, wantsSeal: boolean): true {
    const { words } = this.#view;
    const header = this.#view.header(this.#head);
    words[header + LENGTH] = length;
    words[header + WANTS_SEAL] = wantsSeal ? 1 : 0;
    words[header + OUTCOME] = 0;
    this.#head = after(this.#head, length);
    Atomics.store(words, PUBLISHED, this.#head);
    return true;
  }

  /** Of the record at the tail. */
  #sealOf(header: number): SealedLine {
    const { words, bytes } = this.#view;
    const at = this.#view.headerByte(this.#tail) + HASH_AT;
    return { seq: ((words[header + SEQ_LOW] ?? 0) >>> 0) + (words[header + SEQ_HIGH] ?? 0) * TWO_TO_32, hash: bytes.toString('latin1', at, at + HASH_CHARS) };
  }
}

export class LaneReceiver {
  readonly #view: LaneView;
  /** Records before it are taken. */
  #taken: number;
  /** Records before it carry an outcome that the sender may see. */
  #shown: number;

  constructor(lane: SharedArrayBuffer) {
    this.#view = new LaneView(lane);
    this.#shown = Atomics.load(this.#view.words, ANSWERED);
    this.#taken = this.#shown;
  }

  /** True when lines wait that were not taken. */
  get waiting(): boolean {
    return Atomics.load(this.#view.words, PUBLISHED) !== this.#taken;
  }

  /** Seals what waits into `commit`, up to the line that fills its `bytesMax`. */
  sealInto(commit: CommitBuffer, bytesMax: number): void {
    const published = Atomics.load(this.#view.words, PUBLISHED);
    if (published !== this.#taken) this.#taken = commit.take(this.#view, this.#taken, published, bytesMax);
  }

  /** Forgets what was sealed since the last publish: it waits again. */
  rewind(): void {
    this.#taken = this.#shown;
  }

  /** Gives every line that is not shown, taken or waiting, the outcome that it failed. Returns how many there are. */
  refuse(): number {
    const { words } = this.#view;
    const published = Atomics.load(words, PUBLISHED);
    let count = 0;
    for (let at = this.#shown; at !== published; at = after(at, this.#view.lengthAt(at))) {
      words[this.#view.header(at) + OUTCOME] = OUTCOME_FAILED;
      count += 1;
    }
    this.#taken = published;
    return count;
  }

  /** Shows the sender the outcome of all that was taken; true = there was something, and it asked for a message. */
  publish(): boolean {
    if (this.#taken === this.#shown) return false;
    this.#shown = this.#taken;
    const { words } = this.#view;
    Atomics.store(words, ANSWERED, this.#shown);
    return Atomics.exchange(words, LISTENING, 0) === 1;
  }
}
