// Joins a found line with what belongs to it: intent, stream_end, unresolved and server-request lines of the same decision.
import type { OpenFile } from '../chain-files.js';
import { decisionIdOf, parseLine, textMember, type LineObject } from '../line-members.js';
import type { AuditRecord } from '../types.js';
import { beganMs, isBefore, newestFirst, stampOf } from './chain-lines.js';

export interface FoundLine {
  readonly text: string;
  readonly line: LineObject;
}

/** Lines stand in the order of their commits: one that was built later may stand before one that waited for a busy thread or disk. */
const DISORDER_MS = 10_000;

export function joinRelated(files: readonly OpenFile[], found: readonly FoundLine[]): AuditRecord[] {
  const related = new Map<string, LineObject[]>();
  for (const { line } of found) {
    const id = textMember(line, 'decision_id');
    if (id !== undefined) related.set(id, []);
  }
  if (related.size > 0) collect(files, related, new Set(found.map(({ text }) => text)), found.reduce((least, { line }) => Math.min(least, beganMs(line)), Infinity) - DISORDER_MS);
  return found.map(({ text, line }) => ({ text, line, related: related.get(textMember(line, 'decision_id') ?? '')?.toReversed() ?? [] }));
}

// A second walk instead of keeping all that passes in the first: a stream ends hours after its request line, and memory must not grow with the log.
function collect(files: readonly OpenFile[], related: ReadonlyMap<string, LineObject[]>, found: ReadonlySet<string>, untilMs: number): void {
  const until = stampOf(untilMs);
  for (const text of newestFirst(files)) {
    if (isBefore(text, until)) return;
    if (text.startsWith('{"type":"request"') || !related.has(decisionIdOf(text)) || found.has(text)) continue;
    const line = parseLine(text);
    if (line !== undefined) related.get(textMember(line, 'decision_id') ?? '')?.push(line);
  }
}
