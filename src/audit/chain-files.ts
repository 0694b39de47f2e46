// The files of one chain: audit-<firstseq>.jsonl in order of their first seq, then audit.jsonl, the newest.
import { closeSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const CURRENT_NAME = 'audit.jsonl';
const ROTATED_NAME = /^audit-([1-9][0-9]{0,15})\.jsonl$/;

export interface RotatedFile {
  readonly name: string;
  readonly firstSeq: number;
}

export function rotatedName(firstSeq: number): string {
  return `audit-${firstSeq}.jsonl`;
}

/** Undefined for any other name. */
export function rotatedFirstSeq(name: string): number | undefined {
  const firstSeq = ROTATED_NAME.exec(name)?.[1];
  return firstSeq === undefined ? undefined : Number(firstSeq);
}

/** Oldest first. Throws as readdir does. */
export function listRotated(dir: string): RotatedFile[] {
  const files: RotatedFile[] = [];
  for (const name of readdirSync(dir)) {
    const firstSeq = rotatedFirstSeq(name);
    if (firstSeq !== undefined) files.push({ name, firstSeq });
  }
  return files.sort((a, b) => a.firstSeq - b.firstSeq);
}

export interface OpenFile {
  readonly name: string;
  readonly fd: number;
  readonly inode: bigint;
  readonly size: number;
}

/** Undefined when there is no such file. */
export function openForReading(dir: string, name: string): OpenFile | undefined {
  let fd: number;
  try {
    fd = openSync(join(dir, name), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const stat = fstatSync(fd, { bigint: true });
  return { name, fd, inode: stat.ino, size: Number(stat.size) };
}

export function closeAll(files: readonly OpenFile[]): void {
  for (const file of files) closeSync(file.fd);
}

/**
 * All files of the chain, oldest first, open for reading. The current one is opened before the others are listed:
 * a rotation in between then shows it under both names (told by its inode), and no line is missed or read twice.
 */
export function openChain(dir: string): OpenFile[] {
  const current = openForReading(dir, CURRENT_NAME);
  const files: OpenFile[] = [];
  for (const { name } of listRotated(dir)) {
    const file = openForReading(dir, name);
    if (file === undefined) continue;
    if (file.inode === current?.inode) closeSync(file.fd);
    else files.push(file);
  }
  if (current !== undefined) files.push(current);
  return files;
}
