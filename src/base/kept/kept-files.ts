// Files of the cache folder: what is dear to make and can be made again at any time. As trusted as the state folder they lie in.
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../store/make-folder.js';

/** Of one kind; each reload of changed sources makes one. */
const KEPT_MAX = 8;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** `kind` and `key` name a file; the key is a digest of all that decides its content. */
export interface KeptFile {
  readonly kind: string;
  readonly key: string;
  readonly ending: string;
}

export function readKept(folder: string, file: KeptFile): Buffer | undefined {
  try {
    return readFileSync(join(folder, nameOf(file)));
  } catch {
    return undefined;
  }
}

/** Best effort: a cache that can't be written costs the next start some time, nothing else. The oldest of a kind are removed. */
export function keepFile(folder: string, file: KeptFile, bytes: Uint8Array): void {
  try {
    makeFolder(folder, FOLDER_MODE);
    const scratch = mkdtempSync(join(folder, `.${file.kind}-`));
    try {
      writeFileSync(join(scratch, 'whole'), bytes, { mode: FILE_MODE });
      renameSync(join(scratch, 'whole'), join(folder, nameOf(file)));
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
    removeOldest(folder, file);
  } catch {
    // Nothing depends on it.
  }
}

function removeOldest(folder: string, { kind, ending }: KeptFile): void {
  const ofKind = readdirSync(folder).filter((name) => name.startsWith(`${kind}-`) && name.endsWith(ending));
  const byAge = ofKind.map((name) => ({ path: join(folder, name), ms: statSync(join(folder, name)).mtimeMs })).sort((a, b) => b.ms - a.ms);
  for (const { path } of byAge.slice(KEPT_MAX)) rmSync(path, { force: true });
}

function nameOf({ kind, key, ending }: KeptFile): string {
  return `${kind}-${key}${ending}`;
}
