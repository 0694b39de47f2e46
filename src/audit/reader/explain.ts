// Finds one decision with everything that belongs to it.
import type { OpenFile } from '../chain-files.js';
import { parseLine, textMember } from '../line-members.js';
import type { AuditRecord } from '../types.js';
import { newestFirst, withChain } from './chain-lines.js';
import { joinRelated, type FoundLine } from './related.js';

/**
 * By decision id, or by trace id (then the newest request of it). A decision without a request line (under way, or unresolved) is shown by its newest line.
 * Undefined when the log has neither. Throws AuditLogMissing.
 */
export function findDecision(dir: string, id: string): Promise<AuditRecord | undefined> {
  return withChain(dir, (files) => {
    const found = newestOf(files, id);
    return found === undefined ? undefined : joinRelated(files, [found])[0];
  });
}

function newestOf(files: readonly OpenFile[], id: string): FoundLine | undefined {
  let unanswered: FoundLine | undefined;
  for (const text of newestFirst(files)) {
    if (!text.includes(id)) continue;
    const line = parseLine(text);
    if (line === undefined || (textMember(line, 'decision_id') !== id && textMember(line, 'trace_id') !== id)) continue;
    if (textMember(line, 'type') === 'request') return { text, line };
    unanswered ??= { text, line };
  }
  return unanswered;
}
