// Finds Rego files in the policy folders: recursively, in a fixed order, each file once, tests apart.
import { readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { PolicyError } from './types.js';
import type { PolicySource } from './types.js';

/** More files than this is a wrong folder (a home directory, a node_modules), not a policy. */
const FILES_MAX = 10_000;
const TEST_FILE = /_test\.rego$/;

/** Policies without their tests. A folder that doesn't exist is empty; a file that can't be read throws PolicyError. */
export function readPolicyDirs(root: string, dirs: readonly string[]): PolicySource[] {
  return findFiles(root, dirs).filter((path) => !TEST_FILE.test(path)).map((path) => readSource(root, path));
}

/** The `_test.rego` files of the same folders. */
export function readPolicyTests(root: string, dirs: readonly string[]): PolicySource[] {
  return findFiles(root, dirs).filter((path) => TEST_FILE.test(path)).map((path) => readSource(root, path));
}

function findFiles(root: string, dirs: readonly string[]): string[] {
  const found = new Map<string, string>();
  const visited = new Set<string>();
  for (const dir of dirs) walk(resolve(root, dir), visited, found);
  return [...found.values()].sort();
}

// A real path is visited once: a link to a parent folder ends there, and a file under two names counts once.
function walk(folder: string, visited: Set<string>, found: Map<string, string>): void {
  const real = realPath(folder);
  if (real === undefined || visited.has(real)) return;
  visited.add(real);
  for (const name of namesIn(folder)) {
    // Hidden entries: editors' swap files, and the `..data` folders that Kubernetes mounts beside its links.
    if (name.startsWith('.')) continue;
    const path = join(folder, name);
    const kind = kindOf(path);
    if (kind === 'folder') walk(path, visited, found);
    else if (kind === 'file' && name.endsWith('.rego')) keep(path, found);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (fault) {
    if (isCode(fault, 'ENOTDIR')) throw new PolicyError('is not a folder: policy.dirs names folders of Rego files', folder, 0, 0);
    throw fault;
  }
}

function keep(path: string, found: Map<string, string>): void {
  // A name of a policy and one of a test are two files, be they links to one: a test's name must not hide a policy.
  const file = `${TEST_FILE.test(path) ? 'test' : 'policy'} ${realPath(path) ?? path}`;
  if (found.has(file)) return;
  if (found.size === FILES_MAX) throw new PolicyError(`more than ${FILES_MAX} Rego files: is this a policy folder?`, path, 0, 0);
  found.set(file, path);
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (fault) {
    if (isCode(fault, 'ENOENT') || isCode(fault, 'ELOOP')) return undefined;
    throw new PolicyError(`can't be read (${codeOf(fault)})`, path, 0, 0);
  }
}

// A `.rego` link to nowhere must not count as absent: the rule it stood for may be a restriction.
function kindOf(path: string): 'folder' | 'file' | 'other' {
  try {
    const stats = statSync(path);
    return stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other';
  } catch (fault) {
    if (!path.endsWith('.rego')) return 'other';
    throw new PolicyError(`can't be read (${codeOf(fault)})`, path, 0, 0);
  }
}

function readSource(root: string, path: string): PolicySource {
  const inside = relative(root, path);
  const file = inside.startsWith('..') ? path : inside.split(sep).join('/');
  try {
    return { file, text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) };
  } catch (fault) {
    throw new PolicyError(isCode(fault, 'ERR_ENCODING_INVALID_ENCODED_DATA') ? 'is not UTF-8 text: save it as UTF-8' : `can't be read (${codeOf(fault)})`, file, 0, 0);
  }
}

function codeOf(fault: unknown): string {
  return fault instanceof Error && 'code' in fault ? String(fault.code) : 'unknown';
}

function isCode(fault: unknown, code: string): boolean {
  return codeOf(fault) === code;
}
