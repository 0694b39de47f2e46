// The step-up score of one call: impact + reversibility + exposure + novelty, each 0–3 (SPEC section 7).
import type { RiskLevel } from '../registry/types.js';
import type { ScoreFacts, StepUpScore } from './types.js';

const BY_RISK: Readonly<Record<RiskLevel, number>> = { low: 0, medium: 1, high: 2, critical: 3 };
const DIMENSION_MAX = 3;

/** What can't be taken back, what can only in part: whole words of the tool's name, because "transform" holds "rm". */
const IRREVERSIBLE: ReadonlySet<string> = new Set(['delete', 'rm', 'remove', 'drop', 'reset', 'wipe', 'shutdown', 'terminate', 'revoke', 'purge', 'destroy', 'truncate']);
const PARTIALLY_REVERSIBLE: ReadonlySet<string> = new Set(['modify', 'update', 'overwrite', 'chmod', 'chown', 'rename', 'replace', 'patch']);

export function scoreCall(facts: ScoreFacts): StepUpScore {
  const impact = BY_RISK[facts.riskLevel];
  const reversibility = Math.max(BY_RISK[facts.riskLevel], reversibilityOf([facts.toolName, facts.action]));
  const exposure = exposureOf(facts);
  const novelty = noveltyOf(facts);
  return { total: impact + reversibility + exposure + novelty, impact, reversibility, exposure, novelty };
}

/** 2 for what can be undone in part, 3 for what cannot be undone, else 0: the risk level then says it. */
function reversibilityOf(names: readonly (string | undefined)[]): number {
  const words = names.flatMap((name) => wordsOf(name ?? ''));
  if (words.some((word) => IRREVERSIBLE.has(word))) return DIMENSION_MAX;
  return words.some((word) => PARTIALLY_REVERSIBLE.has(word)) ? 2 : 0;
}

function wordsOf(name: string): string[] {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase().split(/[^a-z0-9]+/);
}

/** How far data can get: what leaves counts 2, and 3 once the session has read something sensitive. */
function exposureOf(facts: ScoreFacts): number {
  const leaving = facts.external ? (facts.sessionTainted ? DIMENSION_MAX : 2) : facts.sessionTainted ? 2 : 0;
  const read = facts.classification === 'sensitive' || facts.classification === 'confidential' ? 1 : 0;
  return Math.max(leaving, read, facts.riskLevel === 'critical' ? 2 : 0);
}

function noveltyOf(facts: ScoreFacts): number {
  if (facts.destination === undefined || facts.destinationAllowedByTool) return 0;
  return facts.destinationAllowedGlobally ? 1 : 2;
}
