// The bytes of one commit: open lines are copied in once and sealed where they stand.
import type { ChainEnd } from './chain-end.js';
import { sealInPlace, sealedBytes } from './hash-chain.js';
import type { SealedLine } from './types.js';

const FIRST_BYTES = 256 * 1024; // a hundred lines; grows to the largest commit there was, and stays

export class CommitBuffer {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);

  /** What the lines will take in the file, sealed after `end`. */
  bytesOf(opens: readonly Buffer[], end: ChainEnd): number {
    return opens.reduce((sum, open, i) => sum + sealedBytes(open.length, end.seq + 1 + i), 0);
  }

  /** `bytes` are good until the next call. */
  seal(opens: readonly Buffer[], end: ChainEnd): { readonly bytes: Buffer; readonly sealed: readonly SealedLine[] } {
    const bytes = this.bytesOf(opens, end);
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
    let { seq, hash } = end;
    let at = 0;
    const sealed = opens.map((open) => {
      seq += 1;
      open.copy(this.#buffer, at);
      hash = sealInPlace(this.#buffer, at, open.length, seq, hash);
      at += sealedBytes(open.length, seq);
      return { seq, hash };
    });
    return { bytes: this.#buffer.subarray(0, bytes), sealed };
  }
}
