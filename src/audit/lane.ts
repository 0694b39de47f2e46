// A gateway thread's lines on their way to the writer: a ring in shared memory with one sender and one receiver, answers included.
import type { SealedLine } from './types.js';

const LANE_BYTES = 4 * 1024 * 1024; // about 2,000 lines; the largest line an appender takes (1 Mi characters of 3 bytes) fits with its header
const STATE_BYTES = 256; // each word below has a cache line of its own, so that the two threads disturb each other only when one has news
const RECORD_ALIGN = 128; // a header never lies across the ring's end
const HEADER_BYTES = 128;
const CHAR_BYTES_MAX = 4;

// Words of the state. Positions count bytes and wrap at 2^32, a multiple of every ring's size.
const PUBLISHED = 0; // the sender's: records before it are whole
const ANSWERED = 16; // the receiver's: records before it carry their outcome
const LISTENING = 32; // 1 = the sender asks for a message when answers come; whoever sends it sets 0

// Words of a record's header; the hash stands in its second half.
const LENGTH = 0;
const WANTS_SEAL = 1;
const OUTCOME = 2;
const SEQ_LOW = 3;
const SEQ_HIGH = 4;
const HASH_AT = 64;
const HASH_CHARS = 64;

const OUTCOME_DURABLE = 1;
const OUTCOME_FAILED = 2;
const TWO_TO_32 = 0x1_0000_0000;

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

class LaneView {
  readonly words: Int32Array;
  readonly bytes: Buffer;
  readonly size: number;
  readonly mask: number;

  constructor(lane: SharedArrayBuffer) {
    this.size = lane.byteLength - STATE_BYTES;
    this.mask = this.size - 1;
    this.words = new Int32Array(lane);
    this.bytes = Buffer.from(lane, STATE_BYTES, this.size);
  }

  /** Index into `words` of a header's first word. */
  header(position: number): number {
    return (STATE_BYTES + (position & this.mask)) >>> 2;
  }

  lengthAt(position: number): number {
    return this.words[this.header(position)] ?? 0;
  }
}

function after(position: number, length: number): number {
  return (position + ((HEADER_BYTES + length + RECORD_ALIGN - 1) & -RECORD_ALIGN)) | 0;
}

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

  /** The oldest line that has an answer; its room is free again. Undefined when none has. */
  take(): LaneAnswer | undefined {
    const { words } = this.#view;
    if (Atomics.load(words, ANSWERED) === this.#tail) return undefined;
    const header = this.#view.header(this.#tail);
    const answer = words[header + OUTCOME] !== OUTCOME_DURABLE ? FAILED : words[header + WANTS_SEAL] === 0 ? DURABLE : { durable: true, sealed: this.#seal(header) };
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

  #seal(header: number): SealedLine {
    const { words, bytes } = this.#view;
    const at = (header << 2) - STATE_BYTES + HASH_AT;
    return { seq: ((words[header + SEQ_LOW] ?? 0) >>> 0) + (words[header + SEQ_HIGH] ?? 0) * TWO_TO_32, hash: bytes.toString('latin1', at, at + HASH_CHARS) };
  }
}

export class LaneReceiver {
  readonly #view: LaneView;
  #read: number;
  #answered: number;

  constructor(lane: SharedArrayBuffer) {
    this.#view = new LaneView(lane);
    this.#answered = Atomics.load(this.#view.words, ANSWERED);
    this.#read = this.#answered;
  }

  /** True when lines wait that were not read. */
  get waiting(): boolean {
    return Atomics.load(this.#view.words, PUBLISHED) !== this.#read;
  }

  /** The next line, valid until it is answered; undefined when none waits. */
  read(): Buffer | undefined {
    if (!this.waiting) return undefined;
    const { bytes, size, mask } = this.#view;
    const length = this.#view.lengthAt(this.#read);
    if (length < 0 || length > size - HEADER_BYTES) throw new Error(`a line of ${length} bytes in a ring of ${size}`);
    const at = (this.#read + HEADER_BYTES) & mask;
    this.#read = after(this.#read, length);
    const first = Math.min(length, size - at);
    return first === length ? bytes.subarray(at, at + length) : Buffer.concat([bytes.subarray(at), bytes.subarray(0, length - first)]);
  }

  /** Answers the oldest line that was read and has no answer; without a seal it failed. The sender sees it after `publish`. */
  answer(sealed: SealedLine | undefined): void {
    const { words, bytes } = this.#view;
    const header = this.#view.header(this.#answered);
    words[header + OUTCOME] = sealed === undefined ? OUTCOME_FAILED : OUTCOME_DURABLE;
    if (sealed !== undefined && words[header + WANTS_SEAL] !== 0) {
      words[header + SEQ_LOW] = sealed.seq | 0;
      words[header + SEQ_HIGH] = Math.floor(sealed.seq / TWO_TO_32);
      bytes.write(sealed.hash, (header << 2) - STATE_BYTES + HASH_AT, HASH_CHARS, 'latin1');
    }
    this.#answered = after(this.#answered, words[header + LENGTH] ?? 0);
  }

  /** Shows the answers to the sender; true = it asked for a message. */
  publish(): boolean {
    const { words } = this.#view;
    Atomics.store(words, ANSWERED, this.#answered);
    return Atomics.exchange(words, LISTENING, 0) === 1;
  }
}
