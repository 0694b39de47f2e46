// What `--last` says: a count, or a window of time.
import type { AuditSpan } from './filter.js';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** `20`, `5m`, `24h`, `7d`; undefined for anything else. */
export function parseLast(text: string, nowMs: number): AuditSpan | undefined {
  const found = /^([1-9]\d{0,8})([smhdw])?$/.exec(text.trim());
  if (found === null) return undefined;
  const count = Number(found[1]);
  const unit = UNIT_MS[found[2] ?? ''];
  return unit === undefined ? { kind: 'count', count } : { kind: 'since', sinceMs: nowMs - count * unit };
}
