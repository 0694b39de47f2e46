// A compiled database on its way to another thread or to the disk cache: with what it was made of, and a digest, so that a damaged or foreign one is never used.
import { createHash } from 'node:crypto';

/** Everything the content depends on, as JSON. */
export type SealKey = readonly unknown[];

const MAGIC = Buffer.from('PRMATCH1');
const DIGEST_BYTES = 32;
const KEY_AT = MAGIC.length;
const SUM_AT = KEY_AT + DIGEST_BYTES;
const NOTE_LENGTH_AT = SUM_AT + DIGEST_BYTES;
const BODY_AT = NOTE_LENGTH_AT + 4;

export interface Opened {
  readonly note: unknown;
  readonly content: Uint8Array;
}

function sha256(...parts: readonly (Uint8Array | string)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function keyDigest(key: SealKey): Buffer {
  return sha256(JSON.stringify(key));
}

/** Magic, digest of the key, digest of the rest, length of the note, note (JSON), content. */
export function seal(key: SealKey, note: unknown, content: Uint8Array): SharedArrayBuffer {
  const text = Buffer.from(JSON.stringify(note));
  const shared = new SharedArrayBuffer(BODY_AT + text.length + content.length);
  const bytes = Buffer.from(shared);
  bytes.set(MAGIC, 0);
  bytes.set(keyDigest(key), KEY_AT);
  bytes.writeUInt32LE(text.length, NOTE_LENGTH_AT);
  bytes.set(text, BODY_AT);
  bytes.set(content, BODY_AT + text.length);
  bytes.set(sha256(bytes.subarray(NOTE_LENGTH_AT)), SUM_AT);
  return shared;
}

/** Undefined unless `sealed` is whole and was sealed with the same key. */
export function openSealed(sealed: Uint8Array, key: SealKey): Opened | undefined {
  // A private copy: what is checked is what is used.
  const bytes = Buffer.from(Uint8Array.from(sealed).buffer);
  if (bytes.length < BODY_AT || !bytes.subarray(0, KEY_AT).equals(MAGIC)) return undefined;
  if (!bytes.subarray(KEY_AT, SUM_AT).equals(keyDigest(key))) return undefined;
  if (!bytes.subarray(SUM_AT, NOTE_LENGTH_AT).equals(sha256(bytes.subarray(NOTE_LENGTH_AT)))) return undefined;
  const contentAt = BODY_AT + bytes.readUInt32LE(NOTE_LENGTH_AT);
  if (contentAt > bytes.length) return undefined;
  return { note: JSON.parse(bytes.toString('utf8', BODY_AT, contentAt)) as unknown, content: bytes.subarray(contentAt) };
}
