// What only some targets need is installed outside the repository, in the user's cache folder, and again when what pins it changed.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `variable` of the environment names another folder. */
export function cacheFolder(name, variable) {
  return process.env[variable] ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), name);
}

/** Unless the folder has what these files pin: `install`, which resolves to why it could not, or undefined; so does this. @param {string} folder @param {readonly string[]} pins @param {() => Promise<string | undefined>} install */
export async function installPinned(folder, pins, install) {
  const mark = join(folder, 'installed');
  const stamp = createHash('sha256').update(pins.map((file) => readFileSync(file)).join('\n')).digest('hex');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === stamp) return undefined;
  mkdirSync(folder, { recursive: true });
  rmSync(mark, { force: true });
  const why = await install();
  if (why === undefined) writeFileSync(mark, stamp);
  return why;
}

/** A Node of at least that major version: this one, else the one that npm installed in the folder; undefined without either. */
export function nodeOf(folder, major) {
  if (Number(process.versions.node.split('.', 1)[0]) >= major) return process.execPath;
  const brought = join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  return existsSync(brought) ? brought : undefined;
}
