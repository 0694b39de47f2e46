// Copies a lane's waiting lines into a commit and seals them there: natively in one call, or by the twin line by line. Both leave the same bytes.
import { HASH_CHARS, sealInPlace, sealedBytes } from './hash-chain.js';
import { HASH_AT, HEADER_BYTES, LENGTH, type LaneView, OUTCOME, OUTCOME_DURABLE, SEQ_HIGH, SEQ_LOW, TWO_TO_32, WANTS_SEAL, after } from './lane-layout.js';
import { loadNativeLines } from './native-lines.js';

// Words of the state.
export const FROM = 0; // position in the lane, as an unsigned number: what is before it is taken
export const UNTIL = 1; // what is before it may be taken
export const AT = 2; // bytes of the commit that are in use
export const SEQ = 3; // of the last line in it
export const LIMIT = 4; // once AT has reached it no other line is taken
export const LINES = 5; // grows by one per line
export const INTENTS = 6; // grows by one per intent
export const STATE_WORDS = 7;

const TYPE_AT = '{"type":"'.length;
const FIRST_OF_INTENT = 0x69;

/**
 * Takes lines until FROM is UNTIL, AT has reached LIMIT, or the next one has no room. `commit` begins with the hash of the line before, in hex, and holds the last
 * one's afterwards. Each taken record says then that its line is durable, and how it was sealed if it asked: not to be shown before it is so.
 */
export type Seal = (lane: LaneView, commit: Buffer, state: Float64Array) => void;

/** Natively a line of 1.8 KB costs 1.4 µs, by the twin 3.1 (hot, 32 at once, measured 2026-11-24). */
export function createSeal(addonFile?: string): Seal {
  const addon = loadNativeLines(addonFile);
  return addon === undefined ? sealLineByLine : (lane, commit, state) => { addon.seal(lane.bytes, commit, state); };
}

function sealLineByLine(lane: LaneView, commit: Buffer, state: Float64Array): void {
  let hash = commit.toString('latin1', 0, HASH_CHARS);
  const [, until = 0, , , limit = 0] = state;
  let [from = 0, , at = 0, seq = 0, , lines = 0, intents = 0] = state;
  while (from !== until && at < limit) {
    const header = lane.header(from);
    const length = lane.words[header + LENGTH] ?? 0;
    if (length < 0 || length > lane.size - HEADER_BYTES) throw new RangeError('a line is longer than its ring');
    const sealed = sealedBytes(length, seq + 1);
    if (sealed > commit.length - at) break;
    seq += 1;
    lane.copyLine(from, length, commit, at);
    hash = sealInPlace(commit, at, length, seq, hash);
    lane.words[header + OUTCOME] = OUTCOME_DURABLE;
    if (lane.words[header + WANTS_SEAL] !== 0) {
      lane.words[header + SEQ_LOW] = seq | 0;
      lane.words[header + SEQ_HIGH] = Math.floor(seq / TWO_TO_32);
      lane.bytes.write(hash, lane.headerByte(from) + HASH_AT, HASH_CHARS, 'latin1');
    }
    lines += 1;
    if (length > TYPE_AT && commit[at + TYPE_AT] === FIRST_OF_INTENT) intents += 1;
    at += sealed;
    from = after(from, length) >>> 0;
  }
  commit.write(hash, 0, HASH_CHARS, 'latin1');
  state.set([from, until, at, seq, limit, lines, intents]);
}
