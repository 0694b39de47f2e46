// The hash chain as pure functions (SPEC section 8): hash = SHA-256 of the line's bytes before `,"hash":`, plus `}`; prev_hash = the previous line's.
import { createHash, hash } from 'node:crypto';
import type { OpenLine } from './types.js';

/** `prev_hash` of the first line: SHA-256 of the empty string. */
export const GENESIS_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Of a hash in hex. */
export const HASH_CHARS = 64;

const SEAL_BYTES = 75; // `,"hash":"` + 64 hex digits + `"}`
const TRAILER_BYTES_MAX = 200; // `,"seq":N,"prev_hash":"…"` and the seal, with room for any N
const TRAILER = /,"seq":(0|[1-9][0-9]{0,15}),"prev_hash":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}$/;

export interface SealedText {
  readonly text: string;
  readonly hash: string;
}

/** Adds seq, prev_hash, hash and the brace. The text has no newline. */
export function sealLine(open: OpenLine, seq: number, prevHash: string): SealedText {
  const body = `${open},"seq":${seq},"prev_hash":"${prevHash}"`;
  const digest = hash('sha256', `${body}}`, 'hex');
  return { text: `${body},"hash":"${digest}"}`, hash: digest };
}

const SEALED_MORE_BYTES = 161; // `,"seq":` + `,"prev_hash":"…"` + the seal, without seq's digits

/** Bytes of a sealed line with its newline, from those of the open one. */
export function sealedBytes(openBytes: number, seq: number): number {
  return openBytes + SEALED_MORE_BYTES + String(seq).length + 1;
}

/** `sealLine` over bytes: the open line stands in `target` at [at, at + length), what it lacks is written behind it, newline included. Returns the hash. */
export function sealInPlace(target: Buffer, at: number, length: number, seq: number, prevHash: string): string {
  const end = at + length + target.write(`,"seq":${seq},"prev_hash":"${prevHash}"}`, at + length, 'latin1');
  const digest = hash('sha256', target.subarray(at, end), 'hex');
  target.write(`,"hash":"${digest}"}\n`, end - 1, 'latin1');
  return digest;
}

export interface ChainLink {
  readonly seq: number;
  readonly prevHash: string;
  readonly hash: string;
}

/** What a line says of its place in the chain; undefined when it doesn't end as a sealed line must. Proves nothing. */
export function readLink(bytes: Uint8Array): ChainLink | undefined {
  const end = Buffer.from(bytes.buffer, bytes.byteOffset + Math.max(0, bytes.length - TRAILER_BYTES_MAX), Math.min(bytes.length, TRAILER_BYTES_MAX));
  const match = TRAILER.exec(end.toString('latin1'));
  if (match === null) return undefined;
  const [, seq = '', prevHash = '', digest = ''] = match;
  return { seq: Number(seq), prevHash, hash: digest };
}

export type LineCheck = { readonly ok: true; readonly link: ChainLink } | { readonly ok: false; readonly problem: 'json' | 'hash'; readonly link: ChainLink | undefined };

const BRACE = new Uint8Array([0x7d]);
const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true });

function isObjectText(bytes: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(STRICT_UTF8.decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Checks one line (without its newline) by itself: its form, its hash, its JSON. Its place is the caller's to check. */
export function verifyLine(bytes: Uint8Array): LineCheck {
  const link = readLink(bytes);
  if (link === undefined) return { ok: false, problem: 'json', link };
  const digest = createHash('sha256').update(bytes.subarray(0, bytes.length - SEAL_BYTES)).update(BRACE).digest('hex');
  if (digest !== link.hash) return { ok: false, problem: 'hash', link };
  return isObjectText(bytes) ? { ok: true, link } : { ok: false, problem: 'json', link };
}
