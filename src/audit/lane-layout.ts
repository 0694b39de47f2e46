// Where everything stands in a lane: its words, then a ring of records, each a header and a line.

export const STATE_BYTES = 256; // each word below has a cache line of its own, so that the two threads disturb each other only when one has news
export const RECORD_ALIGN = 128; // a header never lies across the ring's end
export const HEADER_BYTES = 128;

// Words of the state. Positions count bytes and wrap at 2^32, a multiple of every ring's size.
export const PUBLISHED = 0; // the sender's: records before it are whole
export const ANSWERED = 16; // the receiver's: records before it carry their outcome
export const LISTENING = 32; // 1 = the sender asks for a message when answers come; whoever sends it sets 0

// Words of a record's header; the hash stands in its second half.
export const LENGTH = 0;
export const WANTS_SEAL = 1;
export const OUTCOME = 2;
export const SEQ_LOW = 3;
export const SEQ_HIGH = 4;
export const HASH_AT = 64;
export const TWO_TO_32 = 0x1_0000_0000; // a seq's high word counts these

export const OUTCOME_DURABLE = 1;
export const OUTCOME_FAILED = 2;

export class LaneView {
  readonly words: Int32Array;
  /** The ring. */
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

  /** Index into `bytes` of a header's first byte. */
  headerByte(position: number): number {
    return position & this.mask;
  }

  lengthAt(position: number): number {
    return this.words[this.header(position) + LENGTH] ?? 0;
  }

  /** A line may go on at the ring's beginning. */
  copyLine(position: number, length: number, target: Buffer, at: number): void {
    const from = (position + HEADER_BYTES) & this.mask;
    const first = Math.min(length, this.size - from);
    this.bytes.copy(target, at, from, from + first);
    this.bytes.copy(target, at + first, 0, length - first);
  }
}

/** Where the record behind one begins. */
export function after(position: number, length: number): number {
  return (position + ((HEADER_BYTES + length + RECORD_ALIGN - 1) & -RECORD_ALIGN)) | 0;
}
