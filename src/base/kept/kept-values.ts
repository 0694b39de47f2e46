// Values that are dear to find out and depend on known texts alone: kept on disk under the digest of these texts and of the code that finds them out.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { keepFile, readKept } from './kept-files.js';

const KEY_LENGTH = 32;
const DIGEST_BYTES = 32;

export interface KeptValue {
  readonly kind: string;
  /** All that decides the value, beside the code. */
  readonly of: readonly string[];
  /** Digest of the code that decides it: an upgrade must not meet what an older version thought. */
  readonly code: string;
}

/** The kept value, or what `make` finds out. It must be plain data. What `make` throws is thrown, and nothing is kept; without a folder neither. */
export function keptOr<T>(folder: string | undefined, about: KeptValue, make: () => T): T {
  if (folder === undefined) return make();
  const file = { kind: about.kind, key: keyOf(about), ending: '.v8' };
  const known = unseal(readKept(folder, file));
  if (known !== undefined) return known.value as T;
  const value = make();
  keepFile(folder, file, seal({ value }));
  return value;
}

function keyOf({ of, code }: KeptValue): string {
  const hash = createHash('sha256').update(process.versions.v8);
  for (const text of [code, ...of]) hash.update(`${text.length}:`).update(text);
  return hash.digest('hex').slice(0, KEY_LENGTH);
}

/** Of files, and of the files in folders. To be taken as the code is loaded: another build may take its place on disk while it runs. */
export function digestCode(places: readonly URL[]): string {
  const hash = createHash('sha256');
  for (const place of places.map((url) => fileURLToPath(url))) {
    const files = statSync(place).isDirectory() ? readdirSync(place).sort().filter((name) => /\.[jt]s$/.test(name)).map((name) => `${place}/${name}`) : [place];
    for (const text of files.map((file) => readFileSync(file))) hash.update(`${text.length}:`).update(text);
  }
  return hash.digest('hex');
}

function seal(content: { readonly value: unknown }): Buffer {
  const bytes = serialize(content);
  return Buffer.concat([createHash('sha256').update(bytes).digest(), bytes]);
}

/** Undefined for what is torn, whatever the reason. */
function unseal(sealed: Buffer | undefined): { readonly value: unknown } | undefined {
  if (sealed === undefined) return undefined;
  const bytes = sealed.subarray(DIGEST_BYTES);
  return createHash('sha256').update(bytes).digest().equals(sealed.subarray(0, DIGEST_BYTES)) ? (deserialize(bytes) as { readonly value: unknown }) : undefined;
}
