// The lines of a whole log as readers want them: newest first, complete ones alone, with their time.
import { existsSync } from 'node:fs';
import { closeAll, openChain, type OpenFile } from '../chain-files.js';
import { isoMicros } from '../json-text.js';
import { objectMember, textMember, type LineObject } from '../line-members.js';
import { linesBackward } from '../lines.js';
import { AuditLogMissing } from './filter.js';

/** Opens every file at its present length: what `read` sees is the log of one moment. Throws AuditLogMissing. */
export async function withChain<T>(dir: string, read: (files: readonly OpenFile[]) => T | Promise<T>): Promise<T> {
  if (!existsSync(dir)) throw new AuditLogMissing(dir);
  const files = openChain(dir);
  try {
    return await read(files);
  } finally {
    closeAll(files);
  }
}

/** Complete lines alone: a line being written is not one yet. */
export function* newestFirst(files: readonly OpenFile[]): Generator<string> {
  for (const file of files.toReversed()) {
    for (const { bytes, complete } of linesBackward(file.fd, file.size)) if (complete && bytes.length > 0) yield bytes.toString('utf8');
  }
}

const STAMP = '","timestamp":"';
const STAMP_AT_MAX = 40; // behind the type, which is the gateway's own word
const STAMP_CHARS = 27; // 2026-01-01T00:00:00.000000Z

/** Without parsing line or time, as a search passes millions: stamps are of one length, so text compares as time does. False for a line that begins otherwise: it ends no search. */
export function isBefore(text: string, stamp: string): boolean {
  const at = text.indexOf(STAMP);
  return at !== -1 && at < STAMP_AT_MAX && text.slice(at + STAMP.length, at + STAMP.length + STAMP_CHARS) < stamp;
}

/** What no Date can hold becomes the epoch, before which no line was written. */
export function stampOf(ms: number): string {
  return isoMicros(Math.floor(ms * 1000));
}

export function timeMs(line: LineObject): number {
  return Date.parse(textMember(line, 'timestamp') ?? '');
}

/** Before this nothing of the line's decision was written: a request's own arrival. */
export function beganMs(line: LineObject): number {
  if (textMember(line, 'type') === 'unresolved') return -Infinity; // its intent is an earlier run's
  const received = objectMember(line, 'timestamps')?.['received'];
  return typeof received === 'number' ? received / 1000 : timeMs(line);
}
