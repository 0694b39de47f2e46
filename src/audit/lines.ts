// Lines of an open file, forwards and backwards, in chunks: a large log is never read whole, a line may be longer than a chunk.
import { readSync } from 'node:fs';

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export interface FileLine {
  /** Of the line's first byte in the file. */
  readonly offset: number;
  /** Without the newline. */
  readonly bytes: Buffer;
  /** False for bytes after the last newline. */
  readonly complete: boolean;
}

function readAt(fd: number, from: number, to: number): Buffer {
  const buffer = Buffer.allocUnsafe(to - from);
  let have = 0;
  while (have < buffer.length) {
    const got = readSync(fd, buffer, have, buffer.length - have, from + have);
    if (got === 0) break;
    have += got;
  }
  return buffer.subarray(0, have);
}

/** Lines in [from, to), oldest first. */
export function* linesForward(fd: number, from: number, to: number): Generator<FileLine> {
  let parts: Buffer[] = [];
  let lineStart = from;
  for (let at = from; at < to;) {
    const chunk = readAt(fd, at, Math.min(to, at + CHUNK_BYTES));
    if (chunk.length === 0) break;
    let begin = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, begin)) {
      const bytes = parts.length === 0 ? chunk.subarray(begin, end) : Buffer.concat([...parts, chunk.subarray(begin, end)]);
      yield { offset: lineStart, bytes, complete: true };
      parts = [];
      begin = end + 1;
      lineStart = at + begin;
    }
    if (begin < chunk.length) parts.push(chunk.subarray(begin));
    at += chunk.length;
  }
  if (parts.length > 0) yield { offset: lineStart, bytes: Buffer.concat(parts), complete: false };
}

/** Lines in [0, to), newest first; the first one is incomplete if the file doesn't end with a newline. */
export function* linesBackward(fd: number, to: number): Generator<FileLine> {
  let parts: Buffer[] = []; // of the line being collected, last part first
  let complete = false;
  let started = false; // false until the first byte below `to` was looked at
  for (let top = to; top > 0;) {
    const from = Math.max(0, top - CHUNK_BYTES);
    const chunk = readAt(fd, from, top);
    let end = chunk.length;
    if (!started) {
      started = true;
      if (chunk[end - 1] === NEWLINE) {
        complete = true;
        end -= 1;
      }
    }
    for (let nl = end === 0 ? -1 : chunk.lastIndexOf(NEWLINE, end - 1); nl !== -1; nl = end === 0 ? -1 : chunk.lastIndexOf(NEWLINE, end - 1)) {
      parts.push(chunk.subarray(nl + 1, end));
      yield { offset: from + nl + 1, bytes: joinReversed(parts), complete };
      parts = [];
      complete = true;
      end = nl;
    }
    parts.push(chunk.subarray(0, end));
    top = from;
  }
  if (started) yield { offset: 0, bytes: joinReversed(parts), complete };
}

function joinReversed(parts: Buffer[]): Buffer {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts.reverse());
}
