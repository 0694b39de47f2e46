// The audit files as the CLI reads them: newest first until enough was found, forward to follow, whole to verify.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeAll, openChain, type OpenFile } from '../audit/chain-files.js';
import { linesBackward } from '../audit/lines.js';
import { matches, type AuditFilter, type AuditSpan } from './audit-query.js';
import { CliFailure } from './failure.js';
import type { Project } from './project.js';
import { recordOf, textOf, type JsonRecord } from './reading.js';

export interface FoundRecord {
  /** The line's own text. */
  readonly text: string;
  readonly line: JsonRecord;
  /** Intent, stream_end, unresolved and server-request lines of the same decision, oldest first. */
  readonly related: readonly JsonRecord[];
}

const FOLLOW_POLL_MS = 200;
/** Lines are in order of their sealing, not of their timestamps: a slow request's line stands later than its time says. */
const DISORDER_MS = 120_000;
/** A stream's end may come hours after its request line: so many lines are looked at behind it. */
const RELATED_LINES_MAX = 2_000_000;

export async function auditDir(project: Project): Promise<string> {
  try {
    const { audit } = await project.config();
    return audit.dir === '' ? join(project.stateDir, 'audit') : project.path(audit.dir);
  } catch {
    return join(project.stateDir, 'audit'); // evidence must be readable while the config is being repaired
  }
}

/** Oldest first. */
export async function searchAudit(project: Project, filter: AuditFilter, span: AuditSpan): Promise<FoundRecord[]> {
  return withChain(project, (files) => {
    const found: { text: string; line: JsonRecord }[] = [];
    const related = new Map<string, JsonRecord[]>();
    for (const text of newestFirst(files)) {
      const line = parseLine(text);
      if (line === undefined) continue;
      if (span.kind === 'since' && timeOf(line) < span.sinceMs - DISORDER_MS) break;
      if (matches(line, filter) && (span.kind === 'count' || timeOf(line) >= span.sinceMs)) found.push({ text, line });
      else if (textOf(line, 'type') !== 'request') remember(related, line);
      if (span.kind === 'count' && found.length === span.count) break;
    }
    const wanted = new Set(found.map(({ line }) => textOf(line, 'decision_id')));
    if (found.length > 0) collectIntents(files, wanted, related, found.at(-1)?.line);
    return found.reverse().map(({ text, line }) => ({ text, line, related: relatedOf(related, line) }));
  });
}

/** An intent stands before its request line: with the oldest found it is just behind where the search stopped. */
function collectIntents(files: readonly OpenFile[], wanted: ReadonlySet<string>, related: Map<string, JsonRecord[]>, oldest: JsonRecord | undefined): void {
  const oldestSeq = Number(textOf(oldest, 'seq'));
  const oldestMs = oldest === undefined ? 0 : timeOf(oldest) - DISORDER_MS;
  for (const text of newestFirst(files)) {
    if (quickTimeOf(text) < oldestMs) return;
    if (text.startsWith('{"type":"request"')) continue;
    const line = parseLine(text);
    if (line === undefined || Number(textOf(line, 'seq')) >= oldestSeq) continue;
    if (wanted.has(textOf(line, 'decision_id'))) remember(related, line);
  }
}

function remember(related: Map<string, JsonRecord[]>, line: JsonRecord): void {
  const id = textOf(line, 'decision_id');
  if (id !== '') related.set(id, [...(related.get(id) ?? []), line]);
}

function relatedOf(related: ReadonlyMap<string, readonly JsonRecord[]>, line: JsonRecord): JsonRecord[] {
  const own = textOf(line, 'seq');
  return (related.get(textOf(line, 'decision_id')) ?? []).filter((other) => textOf(other, 'seq') !== own).toReversed();
}

/** By decision id, or by trace id (then the newest request of it). */
export async function findAudit(project: Project, id: string): Promise<FoundRecord | undefined> {
  return withChain(project, (files) => {
    const related: JsonRecord[] = [];
    let found: { text: string; line: JsonRecord } | undefined;
    let looked = 0;
    for (const text of newestFirst(files)) {
      if (found !== undefined && (looked += 1) > RELATED_LINES_MAX) break;
      if (!text.includes(id)) continue;
      const line = parseLine(text);
      if (line === undefined || (textOf(line, 'decision_id') !== id && textOf(line, 'trace_id') !== id)) continue;
      if (textOf(line, 'type') !== 'request') related.push(line);
      else found ??= { text, line };
    }
    const decision = textOf(found?.line, 'decision_id');
    return found === undefined ? undefined : { ...found, related: related.filter((line) => textOf(line, 'decision_id') === decision).reverse() };
  });
}

/** Calls `started` for what there is, then `show` for each new line until `signal`. Goes on through rotation. */
export async function followAudit(project: Project, filter: AuditFilter, started: () => Promise<void>, show: (record: FoundRecord) => void, signal: AbortSignal): Promise<void> {
  let seq = await withChain(project, (files) => lastSeq(files));
  await started();
  while (!signal.aborted) {
    await sleep(FOLLOW_POLL_MS, undefined, { signal }).catch(() => undefined);
    for (const text of await withChain(project, (files) => newerThan(files, seq))) {
      const line = parseLine(text);
      if (line === undefined) continue;
      seq = Math.max(seq, Number(textOf(line, 'seq')));
      if (matches(line, filter)) show({ text, line, related: [] });
    }
  }
}

function lastSeq(files: readonly OpenFile[]): number {
  for (const text of newestFirst(files)) {
    const seq = Number(textOf(parseLine(text), 'seq'));
    if (seq > 0) return seq;
  }
  return 0;
}

function newerThan(files: readonly OpenFile[], seq: number): string[] {
  const newer: string[] = [];
  for (const text of newestFirst(files)) {
    if (Number(textOf(parseLine(text), 'seq')) <= seq) break;
    newer.push(text);
  }
  return newer.reverse();
}

/** Complete lines alone: a line being written is not one yet. */
function* newestFirst(files: readonly OpenFile[]): Generator<string> {
  for (const file of files.toReversed()) {
    for (const { bytes, complete } of linesBackward(file.fd, file.size)) if (complete && bytes.length > 0) yield bytes.toString('utf8');
  }
}

function parseLine(text: string): JsonRecord | undefined {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return undefined; // agw audit verify names it; a search must find the others
  }
}

/** Without parsing the line; NaN, which ends nothing, when it begins otherwise. */
function quickTimeOf(text: string): number {
  return Date.parse(/^\{"type":"[a-z_]+","timestamp":"([^"]{20,40})"/.exec(text)?.[1] ?? '');
}

function timeOf(line: JsonRecord): number {
  return Date.parse(textOf(line, 'timestamp'));
}

export async function withChain<T>(project: Project, read: (files: readonly OpenFile[]) => T): Promise<T> {
  const dir = await auditDir(project);
  if (!existsSync(dir)) throw new CliFailure(`there is no audit log in ${dir}.`, { remedy: 'It begins with the first start: make up', code: 'no_audit_log' });
  const files = openChain(dir);
  try {
    return read(files);
  } finally {
    closeAll(files);
  }
}

