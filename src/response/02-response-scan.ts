// Scans one message from a tool server: blocks it, or cuts findings out of it, or lets its bytes pass as they came.
import { FLAG, FLAGS, GUARD_OUT_LENGTH, type GuardLimits, type JsonGuard } from '../base/json/types.js';
import { deny } from '../chain/verdict.js';
import type { DlpScanner, LocatedFinding } from '../engines/dlp/types.js';
import type { Screened } from './scanned.js';

const BACKSLASH = 0x5c;
const BACKSLASHES_MAX = 8; // longer runs than an escape's are data
const FINDINGS_SHOWN_MAX = 10;

/** `escapes` undefined = the bytes were not checked yet. */
export function screenMessage(bytes: Uint8Array, escapes: boolean | undefined, rules: DlpScanner, guard: JsonGuard, limits: GuardLimits): Screened | Promise<Screened> {
  let hasEscapes = escapes;
  if (hasEscapes === undefined) {
    const out = guard.scratch ?? new Uint32Array(GUARD_OUT_LENGTH);
    const status = guard.check(bytes, limits, out);
    if (status !== 'ok') return { kind: 'block', refusal: deny('mcp_invalid_response', { reasonCode: status }), findings: [] };
    hasEscapes = ((out[FLAGS] ?? 0) & FLAG.escapes) !== 0;
  }
  const scanned = rules.scan(bytes, hasEscapes);
  if (scanned instanceof Promise) return scanned.then((findings) => judge(bytes, findings, guard, limits));
  return judge(bytes, scanned, guard, limits);
}

function judge(bytes: Uint8Array, findings: readonly LocatedFinding[], guard: JsonGuard, limits: GuardLimits): Screened {
  if (findings.length === 0) return { kind: 'release', bytes, findings };
  if (findings.some((finding) => finding.action === 'block')) return blocked(findings);
  const cuts = findings.filter((finding) => finding.action === 'redact');
  if (cuts.length === 0) return { kind: 'release', bytes, findings };
  // What was found only in a decoded reading has no place that could be cut.
  if (cuts.some((finding) => finding.to <= finding.from)) return blocked(findings);
  const redacted = cutOut(bytes, cuts);
  const valid = guard.check(redacted, limits, new Uint32Array(GUARD_OUT_LENGTH)) === 'ok';
  return valid ? { kind: 'release', bytes: redacted, findings } : blocked(findings);
}

function blocked(findings: readonly LocatedFinding[]): Screened {
  const shown = findings.filter((finding) => finding.action !== 'flag').slice(0, FINDINGS_SHOWN_MAX);
  return { kind: 'block', refusal: deny('response_blocked', { details: { rules: [...new Set(shown.map((finding) => finding.rule))], paths: shown.map((finding) => finding.path) } }), findings };
}

/** Replaces each range by a word that names the rule; overlapping ranges become one. The result is checked as JSON by the caller. */
function cutOut(bytes: Uint8Array, cuts: readonly LocatedFinding[]): Uint8Array {
  const ordered = [...cuts].sort((a, b) => a.from - b.from);
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const cut of ordered) {
    const from = Math.max(escapeStart(bytes, cut.from), at);
    if (cut.to <= at) continue;
    parts.push(bytes.subarray(at, from), Buffer.from(`[redacted:${cut.rule}]`));
    at = cut.to;
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}

/** A range must not begin inside an escape sequence: step back over the backslashes before it. */
function escapeStart(bytes: Uint8Array, from: number): number {
  let run = 0;
  while (run < BACKSLASHES_MAX && from - run > 0 && bytes[from - run - 1] === BACKSLASH) run++;
  return run % 2 === 1 ? from - 1 : from;
}
