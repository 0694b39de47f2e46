// Collects the findings of one message: merged, bounded, and never fewer in consequence than what was found.
import { maskSample } from './sample.js';
import type { ConfirmedMatch } from './confirm.js';
import type { Range } from './transforms.js';
import type { DlpAction, DlpRule } from './types.js';

/** The rule name of the note that says findings were left out. */
export const FINDINGS_MAX_RULE = 'findings-max-reached';

export interface Found {
  readonly rule: Pick<DlpRule, 'id' | 'category'>;
  readonly action: DlpAction;
  readonly range: Range;
  readonly sample: string;
  readonly decoded: string;
}

export interface FoundList {
  /** What overlaps what the rule has found already is the same finding. False when nothing more that this rule finds can change the outcome. */
  add(rule: DlpRule, action: DlpAction, range: Range, match: ConfirmedMatch, decoded: string): boolean;
  /** In the order found, at most `findingsMax`, and the note where some were left out. */
  list(): Found[];
}

/** Its range and its consequence grow. */
type Kept = Omit<Found, 'range' | 'action'> & { range: Range; action: DlpAction };

export function createFoundList(findingsMax: number): FoundList {
  const kept: Kept[] = [];
  let note: Found | undefined;

  function leaveOut(rule: DlpRule, action: DlpAction): boolean {
    // What isn't listed can't be redacted: so it must block.
    const consequence: DlpAction = action === 'flag' ? 'flag' : 'block';
    if (note === undefined || (note.action === 'flag' && consequence === 'block')) {
      note = { rule: { id: FINDINGS_MAX_RULE, category: rule.category }, action: consequence, range: [0, 0], sample: '', decoded: 'raw' };
    }
    return note.action !== consequence && note.action === 'flag';
  }

  function add(rule: DlpRule, action: DlpAction, range: Range, match: ConfirmedMatch, decoded: string): boolean {
    // The same thing read in another way: the plainest reading came first. It may have seen a part alone, up to an escape, and all of it must be cut out.
    const same = kept.find((other) => other.rule.id === rule.id && other.range[0] < range[1] && range[0] < other.range[1]);
    if (same !== undefined) {
      same.range = [Math.min(same.range[0], range[0]), Math.max(same.range[1], range[1])];
      if (same.action === 'flag') same.action = action;
      return true;
    }
    if (kept.length >= findingsMax) return leaveOut(rule, action);
    kept.push({ rule, action, range, sample: maskSample(match.text), decoded });
    return true;
  }

  return { add, list: () => (note === undefined ? kept : [...kept, note]) };
}
