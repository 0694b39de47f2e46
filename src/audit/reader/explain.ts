// Finds one decision with everything that belongs to it.
import type { OpenFile } from '../chain-files.js';
import { parseLine, textMember, type LineObject } from '../line-members.js';
import type { AuditRecord } from '../types.js';
import { newestFirst, withChain } from './chain-lines.js';
import { joinRelated, type FoundLine } from './related.js';

/** Shorter beginnings of an id fit too much of a log to mean one decision. */
export const ID_PREFIX_LENGTH_MIN = 6;
/** More are no help to whoever has to choose. */
const CANDIDATES_MAX = 10;

export type Sought =
  | { readonly kind: 'found'; readonly record: AuditRecord }
  /** A beginning of several ids: newest first, at most CANDIDATES_MAX. */
  | { readonly kind: 'ambiguous'; readonly ids: readonly string[] }
  | { readonly kind: 'none' };

/**
 * By decision id, by a beginning of one of at least ID_PREFIX_LENGTH_MIN characters, or by trace id (then the newest request of it).
 * A decision without a request line (under way, or unresolved) is shown by its newest line. Throws AuditLogMissing.
 */
export function findDecision(dir: string, id: string): Promise<Sought> {
  return withChain(dir, (files) => {
    const { exact, begun } = newestOf(files, id);
    const [only, ...others] = exact === undefined ? [...begun] : [[id, exact] as const];
    if (only === undefined) return { kind: 'none' };
    if (others.length > 0) return { kind: 'ambiguous', ids: [only, ...others].map(([begunId]) => begunId) };
    const record = joinRelated(files, [only[1]])[0];
    return record === undefined ? { kind: 'none' } : { kind: 'found', record };
  });
}

interface Newest {
  readonly exact: FoundLine | undefined;
  /** By decision id, each with its request line, or else its newest line. */
  readonly begun: ReadonlyMap<string, FoundLine>;
}

function newestOf(files: readonly OpenFile[], id: string): Newest {
  let unanswered: FoundLine | undefined;
  const begun = new Map<string, FoundLine>();
  for (const text of newestFirst(files)) {
    if (!text.includes(id)) continue;
    const line = parseLine(text);
    if (line === undefined) continue;
    const decisionId = textMember(line, 'decision_id');
    if (decisionId === id || textMember(line, 'trace_id') === id) {
      if (textMember(line, 'type') === 'request') return { exact: { text, line }, begun };
      unanswered ??= { text, line };
    } else if (id.length >= ID_PREFIX_LENGTH_MIN && decisionId?.startsWith(id) === true && isWanted(begun, decisionId, line)) begun.set(decisionId, { text, line });
  }
  return { exact: unanswered, begun };
}

function isWanted(begun: ReadonlyMap<string, FoundLine>, decisionId: string, line: LineObject): boolean {
  return begun.has(decisionId) ? textMember(line, 'type') === 'request' : begun.size < CANDIDATES_MAX;
}
