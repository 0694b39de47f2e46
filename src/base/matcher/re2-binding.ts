// RE2 as this room uses it: compiled single patterns with byte offsets, and sets.
import { copyFileSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { Pattern } from './types.js';

/** What node-re2 does for a Buffer; its declarations leave out `indices`. */
export interface CompiledRe2 {
  lastIndex: number;
  test(bytes: Buffer): boolean;
  /** `index` and `indices` in bytes; `indices`, of the match and its groups, with flag d only. */
  exec(bytes: Buffer): { readonly index: number; readonly 0: Buffer; readonly indices?: readonly ((readonly [number, number]) | undefined)[] } | null;
}

export interface Re2Set {
  /** Indices of the patterns that match. Throws when its automaton runs out of memory. */
  match(bytes: Buffer): number[];
}

const RE2 = loadRe2();

/**
 * node-re2 1.23 keeps a handle of the thread that loaded it last in a variable of the process (WrappedRE2Set::constructor), and gives it back when
 * another thread loads it: after that thread's end a crash of the process. So every thread but the first has a copy of the file, with variables of its own.
 */
function loadRe2(): typeof import('re2') {
  const require = createRequire(import.meta.url);
  if (!isMainThread) loadOwnCopy(require, require.resolve('re2/build/Release/re2.node'));
  return require('re2') as typeof import('re2');
}

/** Where no file can be made or run in the temporary folder, the thread shares the file: it works, until a thread ends and another begins. */
function loadOwnCopy(require: NodeJS.Require, file: string): void {
  if (require.cache[file] !== undefined) return;
  let dir: string | undefined;
  try {
    dir = mkdtempSync(join(tmpdir(), 'precinct-re2-'));
    const copy = join(dir, 're2.node');
    copyFileSync(file, copy, constants.COPYFILE_FICLONE);
    const loaded = { id: file, filename: file, path: '', exports: {}, loaded: true, children: [], paths: [], parent: null, isPreloading: false, require };
    process.dlopen(loaded, copy);
    require.cache[file] = loaded;
  } catch {
    return;
  } finally {
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  }
}

/** Throws SyntaxError on a pattern RE2 refuses. `find`: g for repeated exec, d for spans of groups, which cost as much as all else of an exec. */
export function compileRe2(pattern: Pattern, find: '' | 'g' | 'gd'): CompiledRe2 {
  const flags = `${pattern.caseless === true ? 'i' : ''}${pattern.dotAll === true ? 's' : ''}${pattern.multiline === true ? 'm' : ''}u${find}`;
  return new RE2(pattern.source, flags) as unknown as CompiledRe2;
}

/** Literals, compared caseless (Unicode's simple folding: U+212A is a k). */
export function compileKeywordSet(keywords: readonly string[]): Re2Set {
  return new RE2.Set(keywords.map((keyword) => keyword.replaceAll(/[^A-Za-z0-9]/g, '\\$&')), 'iu') as unknown as Re2Set;
}

/** The same memory, as node-re2 wants it. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
