// Finds requests: newest first until enough was found, then joined with what belongs to them.
import type { OpenFile } from '../chain-files.js';
import { quote } from '../json-text.js';
import { parseLine, textMember, type LineObject } from '../line-members.js';
import type { AuditRecord } from '../types.js';
import { isBefore, newestFirst, stampOf, timeMs, withChain } from './chain-lines.js';
import { FILTER_MEMBERS, type AuditFilter, type AuditSpan } from './filter.js';
import { joinRelated, type FoundLine } from './related.js';
import { isSession, isShownSession } from './session-filter.js';

const FILTERS = Object.entries(FILTER_MEMBERS) as readonly (readonly [keyof typeof FILTER_MEMBERS, string])[];

/** A repeated line is written up to a second after the first of its requests, and a clock may be set back a little. */
const DISORDER_MS = 120_000;

export function matches(line: LineObject, filter: AuditFilter): boolean {
  if (textMember(line, 'type') !== (filter.type ?? 'request')) return false;
  return FILTERS.every(([key, name]) => {
    const asked = filter[key];
    if (asked === undefined) return true;
    const value = textMember(line, name) ?? '';
    return key === 'session' ? isSession(value, asked) : value === asked;
  });
}

/** Oldest first. Throws AuditLogMissing. */
export function searchAudit(dir: string, filter: AuditFilter, span: AuditSpan): Promise<AuditRecord[]> {
  return withChain(dir, (files) => searchFiles(files, filter, span));
}

export function searchFiles(files: readonly OpenFile[], filter: AuditFilter, span: AuditSpan): AuditRecord[] {
  const found: FoundLine[] = [];
  const needles = needlesOf(filter);
  const until = span.kind === 'since' ? stampOf(span.sinceMs - DISORDER_MS) : '';
  for (const text of newestFirst(files)) {
    if (isBefore(text, until)) break;
    if (!needles.every((needle) => text.includes(needle))) continue;
    const line = parseLine(text); // undefined: verify names it, a search must find the others
    if (line === undefined || !matches(line, filter) || (span.kind === 'since' && !(timeMs(line) >= span.sinceMs))) continue;
    found.push({ text, line });
    if (span.kind === 'count' && found.length === span.count) break;
  }
  return joinRelated(files, found.reverse());
}

// A line that can't match is told by its text: parsing takes twenty times as long as looking.
function needlesOf(filter: AuditFilter): string[] {
  const wanted = FILTERS.flatMap(([key, name]) => {
    const value = filter[key];
    return value === undefined || value === '' || (key === 'session' && isShownSession(value)) ? [] : [`"${name}":${quote(value)}`];
  });
  return [`{"type":${quote(filter.type ?? 'request')}`, ...wanted];
}
