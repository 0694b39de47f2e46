// The digest of a call's arguments for the audit record: SHA-256, or HMAC-SHA-256 under the install's key, over their canonical form.
import { hash } from 'node:crypto';
import { canonicalArguments } from '../json/canonical.js';
import { loadAddon } from '../native/load-addon.js';
import { createHmacSha256 } from './hmac.js';

/** Raised with every change of a verb's arguments or answer; native/arguments_digest/addon.cc holds the same number. */
const CONTRACT = 1;

interface Addon {
  open(key?: Uint8Array): object;
  /** Undefined where the text needs the twin. */
  digest(hasher: object, bytes: Uint8Array, from: number, to: number): string | undefined;
}

/** `algorithm:hex` of the arguments in bytes[from, to), which the JSON guard has validated. */
export type ArgumentsDigest = (bytes: Uint8Array, from: number, to: number) => string;

/** Natively a call costs a microsecond, by the twin ten. Both give the same digests. */
export function createArgumentsDigest(key: Uint8Array | undefined, addonFile?: string): ArgumentsDigest {
  const twin = createTwin(key);
  const prefix = key === undefined ? 'sha256:' : 'hmac-sha256:';
  const addon = loadAddon<Addon>('arguments_digest', CONTRACT, addonFile);
  const hasher = addon === undefined ? undefined : openHasher(addon, key);
  return (bytes, from, to) => {
    const hex = hasher === undefined ? undefined : addon?.digest(hasher, bytes, from, to);
    return prefix + (hex ?? twin(canonicalArguments(bytes, from, to)));
  };
}

function createTwin(key: Uint8Array | undefined): (canonical: string) => string {
  return key === undefined ? (canonical) => hash('sha256', canonical, 'hex') : createHmacSha256(key);
}

/** Undefined where this Node keeps its OpenSSL to itself. */
function openHasher(addon: Addon, key: Uint8Array | undefined): object | undefined {
  try {
    return addon.open(key);
  } catch {
    return undefined;
  }
}
