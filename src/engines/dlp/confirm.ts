// Turns a rule's hit into confirmed matches: found again with its place, then checksum, entropy, and no secret reference.
import type { Matcher } from '../../base/matcher/types.js';
import { passesChecksum, passesEntropy } from './checks.js';
import { isException } from './names.js';
import { toBuffer } from './transforms.js';
import type { DlpRule } from './types.js';

export interface ConfirmedMatch {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Places asked for at once. All are looked at in the end: decoys that fail their checksum must not hide what stands behind them. */
const PLACES_AT_ONCE = 500;
/** Bytes around a match that a checksum and an exception see. */
const AROUND = 2;
/** The longest `$SPIKE{…}` reference. */
const REFERENCE_LENGTH_MAX = 512;
/** SPEC section 9. */
const REFERENCE = /\$SPIKE\{ref:[A-Za-z0-9._-]{1,128}(?:,exp:[1-9]\d{0,9})?(?:,scope:[^\s,{}"\\]{1,256})?\}/g;
/** What is left of a value beside references, when it is longer than this, is a value of its own. */
const BESIDE_REFERENCE_MAX = 5;
/** The longest sample of a text that the entropy of a value is taken from; more makes no difference. */
const ENTROPY_LENGTH_MAX = 512;

/** Calls `found` for each match of `rule` that holds up; it answers false to stop. */
export function confirmMatches(matcher: Matcher, id: number, rule: DlpRule, bytes: Uint8Array, found: (match: ConfirmedMatch) => boolean): void {
  const view = toBuffer(bytes);
  let base = 0;
  for (;;) {
    const matches = matcher.find(id, base === 0 ? bytes : bytes.subarray(base), PLACES_AT_ONCE);
    for (const match of matches) {
      const from = base + match.from;
      const to = base + match.to;
      const text = view.toString('utf8', from, to);
      if (holdsUp(rule, view, from, to, text) && !found({ from, to, text })) return;
    }
    const last = matches.at(-1);
    if (last === undefined || matches.length < PLACES_AT_ONCE) return;
    base += Math.max(1, last.to);
  }
}

function holdsUp(rule: DlpRule, view: Buffer, from: number, to: number, text: string): boolean {
  if (rule.checksum !== undefined) {
    const before = view.toString('latin1', Math.max(0, from - AROUND), from);
    const after = view.toString('latin1', to, to + AROUND);
    if (!passesChecksum(rule.checksum, text, before, after)) return false;
  }
  if (rule.entropy !== undefined && !passesEntropy(text.slice(0, ENTROPY_LENGTH_MAX), rule.entropy.min, rule.entropy.kinds)) return false;
  if (rule.except !== undefined && isException(rule.except, text, view.toString('latin1', Math.max(0, from - AROUND), from))) return false;
  return rule.category !== 'credentials' || !isReference(rule, view, from, to);
}

/**
 * A reference to a secret is no secret. A rule that knows a provider's own format is believed even inside one: else `$SPIKE{ref:<key>}`,
 * placed where nothing is substituted, would carry the key out.
 */
function isReference(rule: DlpRule, view: Buffer, from: number, to: number): boolean {
  const windowFrom = Math.max(0, from - REFERENCE_LENGTH_MAX);
  const around = view.subarray(windowFrom, to + REFERENCE_LENGTH_MAX);
  if (!around.includes('$SPIKE{', 0, 'latin1')) return false;
  const window = around.toString('latin1');
  let beside = to - from;
  for (const reference of window.matchAll(REFERENCE)) {
    const start = windowFrom + reference.index;
    const end = start + reference[0].length;
    if (start < from && rule.entropy === undefined) continue;
    beside -= Math.max(0, Math.min(end, to) - Math.max(start, from));
  }
  return beside <= BESIDE_REFERENCE_MAX;
}
