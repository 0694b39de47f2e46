// The bytes of one commit: lines are copied in once and sealed where they stand.
import type { ChainEnd } from './chain-end.js';
import { HASH_CHARS, sealInPlace, sealedBytes } from './hash-chain.js';
import type { LaneView } from './lane-layout.js';
import { AT, FROM, INTENTS, LIMIT, LINES, SEQ, STATE_WORDS, UNTIL, createSeal, type Seal } from './seal.js';
import type { OpenLine } from './types.js';

const FIRST_BYTES = 256 * 1024; // a hundred lines; grows to the largest commit there was, and stays
const NEWLINE = 0x0a;

export class CommitBuffer {
  readonly #seal: Seal;
  /** The hash of the last line, then the lines. */
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  readonly #state = new Float64Array(STATE_WORDS);

  constructor(seal: Seal = createSeal()) {
    this.#seal = seal;
  }

  /** Empties it; its first line goes on from `end`. */
  begin(end: ChainEnd): void {
    this.#buffer.write(end.hash, 0, HASH_CHARS, 'latin1');
    this.#state.fill(0);
    this.#state[AT] = HASH_CHARS;
    this.#state[SEQ] = end.seq;
  }

  add(open: OpenLine): void {
    const length = Buffer.byteLength(open);
    const seq = this.#word(SEQ) + 1;
    const at = this.#word(AT);
    const next = at + sealedBytes(length, seq);
    if (next > this.#buffer.length) this.#grow(next);
    this.#buffer.write(open, at);
    this.#buffer.write(sealInPlace(this.#buffer, at, length, seq, this.end.hash), 0, HASH_CHARS, 'latin1');
    this.#state[AT] = next;
    this.#state[SEQ] = seq;
    this.#state[LINES] = this.lines + 1;
    if (open.startsWith('{"type":"intent"')) this.#state[INTENTS] = this.#word(INTENTS) + 1;
  }

  /** Takes lines between two positions of a lane, up to the one that fills `bytesMax`. Returns the position behind the last. */
  take(lane: LaneView, from: number, until: number, bytesMax: number): number {
    this.#state[FROM] = from >>> 0;
    this.#state[UNTIL] = until >>> 0;
    this.#state[LIMIT] = HASH_CHARS + bytesMax;
    for (;;) {
      this.#seal(lane, this.#buffer, this.#state);
      if (this.#word(FROM) === this.#word(UNTIL) || this.bytes >= bytesMax) return this.#word(FROM) | 0;
      this.#grow(2 * this.#buffer.length);
    }
  }

  /** Good until the next `begin`. */
  get text(): Buffer {
    return this.#buffer.subarray(HASH_CHARS, this.#word(AT));
  }

  get bytes(): number {
    return this.#word(AT) - HASH_CHARS;
  }

  get lines(): number {
    return this.#word(LINES);
  }

  /** Some of its lines may be intents. */
  get hasIntents(): boolean {
    return this.#word(INTENTS) > 0;
  }

  /** What the next commit goes on from. */
  get end(): ChainEnd {
    return { seq: this.#word(SEQ), hash: this.#buffer.toString('latin1', 0, HASH_CHARS) };
  }

  /** Its lines with their seq, without their newline. */
  *sealed(): Generator<readonly [Buffer, number]> {
    const { text } = this;
    let seq = this.#word(SEQ) - this.lines;
    for (let at = 0; at < text.length;) {
      const end = text.indexOf(NEWLINE, at);
      yield [text.subarray(at, end), ++seq];
      at = end + 1;
    }
  }

  #word(which: number): number {
    return this.#state[which] ?? 0;
  }

  #grow(least: number): void {
    const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(least)));
    this.#buffer.copy(larger, 0, 0, this.#word(AT));
    this.#buffer = larger;
  }
}
