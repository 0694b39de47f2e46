// Follows the log: what there is first, then each new line once, through rotations.
import { closeSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CURRENT_NAME, closeAll, openChain, openForReading, rotatedFirstSeq, type OpenFile } from '../chain-files.js';
import { readLink } from '../hash-chain.js';
import { parseLine } from '../line-members.js';
import { linesBackward, linesForward } from '../lines.js';
import type { AuditRecord } from '../types.js';
import { withChain } from './chain-lines.js';
import { matches, searchFiles } from './search.js';
import type { AuditFilter } from './filter.js';

const POLL_MS = 200;

export interface TailOptions {
  readonly filter: AuditFilter;
  /** So many older ones are shown first; they alone are joined with what belongs to them. */
  readonly count: number;
  readonly pollMs?: number;
}

/** Up to where lines were read. */
interface Position {
  readonly inode: bigint;
  readonly offset: number;
  /** Of the last line read. */
  readonly seq: number;
}

/** Ends with `signal`. Throws AuditLogMissing when there is no log at the start; one that disappears later is waited for. */
export async function tailAudit(dir: string, { filter, count, pollMs = POLL_MS }: TailOptions, show: (record: AuditRecord) => void, signal: AbortSignal): Promise<void> {
  let position = await withChain(dir, (files) => {
    for (const record of searchFiles(files, filter, { kind: 'count', count })) show(record);
    return endOf(files);
  });
  const take = (text: string): void => {
    const line = parseLine(text);
    if (line !== undefined && matches(line, filter)) show({ text, line, related: [] });
  };
  while (!signal.aborted) {
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) position = readOn(dir, position, take);
  }
}

function endOf(files: readonly OpenFile[]): Position | undefined {
  const file = files.at(-1);
  if (file === undefined) return undefined;
  for (const line of linesBackward(file.fd, file.size)) {
    if (line.complete) return { inode: file.inode, offset: line.offset + line.bytes.length + 1, seq: readLink(line.bytes)?.seq ?? 0 };
  }
  return { inode: file.inode, offset: 0, seq: 0 };
}

function readOn(dir: string, from: Position | undefined, take: (text: string) => void): Position | undefined {
  const current = existsSync(dir) ? openForReading(dir, CURRENT_NAME) : undefined;
  if (current === undefined) return from; // between a rotation's two steps, or moved aside
  try {
    if (current.inode === from?.inode) return readFile(current, from, take);
  } finally {
    closeSync(current.fd);
  }
  const files = openChain(dir);
  try {
    return filesAfter(files, from).reduce((at, file) => readFile(file, at, take), from);
  } finally {
    closeAll(files);
  }
}

/** The file read last and those after it; when it is gone, the files that begin after its last line, and the newest. */
function filesAfter(files: readonly OpenFile[], from: Position | undefined): readonly OpenFile[] {
  const at = files.findIndex((file) => file.inode === from?.inode);
  return at === -1 ? files.filter((file) => (rotatedFirstSeq(file.name) ?? Infinity) > (from?.seq ?? 0)) : files.slice(at);
}

function readFile(file: OpenFile, from: Position | undefined, take: (text: string) => void): Position {
  // Shorter than before: a commit that failed was cut off again.
  let offset = file.inode === from?.inode ? Math.min(from.offset, file.size) : 0;
  let seq = from?.seq ?? 0;
  for (const line of linesForward(file.fd, offset, file.size)) {
    if (!line.complete) break; // being written
    offset = line.offset + line.bytes.length + 1;
    seq = readLink(line.bytes)?.seq ?? seq;
    take(line.bytes.toString('utf8'));
  }
  return { inode: file.inode, offset, seq };
}
