// Where the chain ends on disk, and what a crash left behind it: the torn tail is moved aside, never deleted.
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CURRENT_NAME, listRotated, openForReading } from './chain-files.js';
import { GENESIS_HASH, readLink, verifyLine } from './hash-chain.js';
import { linesBackward, linesForward } from './lines.js';

/** Largest write that a crash can leave half done: one commit. A longer run of bad lines is no crash's trace. */
export const COMMIT_BYTES_MAX = 8 * 1024 * 1024;

export interface ChainEnd {
  readonly seq: number;
  readonly hash: string;
}

export const CHAIN_START: ChainEnd = { seq: 0, hash: GENESIS_HASH };

export function fsyncDir(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The last line of the newest rotated file; it was made durable before its rotation, so a bad one is damage or tampering. */
export function endOfRotated(dir: string): ChainEnd {
  const last = listRotated(dir).at(-1);
  if (last === undefined) return CHAIN_START;
  const file = openForReading(dir, last.name);
  if (file === undefined) return CHAIN_START;
  try {
    for (const line of linesBackward(file.fd, file.size)) {
      const check = verifyLine(line.bytes);
      if (line.complete && check.ok) return { seq: check.link.seq, hash: check.link.hash };
      break;
    }
  } finally {
    closeSync(file.fd);
  }
  throw new Error(`${join(dir, last.name)}: its last line does not verify, so the chain can't go on from it. See what happened with agw audit verify; to begin a new chain, move the folder aside.`);
}

/** End of the last line that verifies by itself, and that line; end 0 when there is none. */
export function soundEnd(fd: number, size: number, path: string): { readonly bytes: number; readonly end: ChainEnd | undefined } {
  for (const line of linesBackward(fd, size)) {
    const check = verifyLine(line.bytes);
    if (line.complete && check.ok) return { bytes: line.offset + line.bytes.length + 1, end: { seq: check.link.seq, hash: check.link.hash } };
    if (size - line.offset > COMMIT_BYTES_MAX) {
      throw new Error(`${path}: its last ${COMMIT_BYTES_MAX} bytes hold no line that verifies, which no crash leaves behind. See what happened with agw audit verify; to begin a new chain, move the folder aside.`);
    }
  }
  return { bytes: 0, end: undefined };
}

/** Seq of the first line; undefined for an empty file or a first line that isn't one. */
export function firstSeqOf(fd: number, size: number): number | undefined {
  for (const line of linesForward(fd, 0, size)) return readLink(line.bytes)?.seq;
  return undefined;
}

export interface TornTail {
  readonly bytes: number;
  readonly movedTo: string;
  readonly sha256: string;
}

/** Copies [from, size) to torn-<time>.bin, durably, and only then cuts it off, durably. */
export function moveTornTail(dir: string, fd: number, from: number, size: number, nowUs: number): TornTail {
  const tail = Buffer.alloc(size - from);
  for (let have = 0; have < tail.length;) {
    const got = readSync(fd, tail, have, tail.length - have, from + have);
    if (got === 0) throw new Error(`${join(dir, CURRENT_NAME)}: it became shorter while its torn tail was read.`);
    have += got;
  }
  const movedTo = `torn-${nowUs}.bin`;
  const aside = openSync(join(dir, movedTo), 'wx', 0o600);
  try {
    for (let have = 0; have < tail.length;) have += writeSync(aside, tail, have);
    fsyncSync(aside);
  } catch (error) {
    unlinkSync(join(dir, movedTo)); // a full disk is tried again and again: half copies must not pile up on it
    throw error;
  } finally {
    closeSync(aside);
  }
  fsyncDir(dir);
  ftruncateSync(fd, from);
  fsyncSync(fd);
  return { bytes: tail.length, movedTo, sha256: createHash('sha256').update(tail).digest('hex') };
}
