// What is dear to find out of sources: the policies' plan, the rules as they read. Found out once for all threads, and kept on disk for the next start.
import type { GatewayConfig } from '../base/config/schema.js';
import { keptOr } from '../base/kept/kept-values.js';
import { joinRules, parseRules } from '../engines/dlp/rule-file.js';
import type { DlpRule } from '../engines/dlp/types.js';
import { digestPolicies, planPolicySet } from '../engines/policy/policy-set.js';
import { digestRegoModule } from '../engines/policy/rego-module.js';
import type { PolicyClock, PolicyPlan } from '../engines/policy/types.js';
import type { SnapshotSources } from './read-sources.js';

export interface Keeping {
  /** Undefined = nothing is kept. */
  readonly cacheDir: string | undefined;
  /** Digest of the code that finds it out. */
  readonly code: string;
}

/** Texts shorter than this together are read sooner than another thread has begun. */
const DEAR_CHARS_MIN = 32 * 1024;

/** Throws PolicyError. */
export function planOf({ policies, policyPlan, config }: Pick<SnapshotSources, 'policies' | 'policyPlan' | 'config'>, clock: PolicyClock, { cacheDir, code }: Keeping): PolicyPlan {
  const digest = digestPolicies(policies);
  if (policyPlan?.digest === digest) return policyPlan;
  return keptOr(cacheDir, { kind: 'policy', of: [digest, JSON.stringify(config.policy), digestRegoModule()], code }, () => planPolicySet(policies, policyLimits(config, clock)));
}

export function policyLimits({ policy }: GatewayConfig, clock: PolicyClock): { readonly timeoutMs: number; readonly sourceBytesMax: number; readonly clock: PolicyClock } {
  return { timeoutMs: policy.timeout_ms, sourceBytesMax: policy.source_bytes_max, clock };
}

/** Rule files are read and linted once for all threads: 300 rules take longer than all else of a start. Their samples have then served. Throws ConfigFault. */
export function rulesOf({ rules }: Pick<SnapshotSources, 'rules'>, { cacheDir, code }: Keeping): readonly DlpRule[] {
  return keptOr(cacheDir, { kind: 'rules', of: rules.flatMap(({ file, text }) => [file, text]), code }, () => joinRules(rules.map(({ file, text }) => parseRules(text, file))).map((rule) => ({ ...rule, hits: [], misses: [] })));
}

/** Whether whoever finds it out stands still for long: of `next` only what is not in `before` has to be. */
export function isDear(next: Pick<SnapshotSources, 'policies' | 'rules'>, before: Pick<SnapshotSources, 'policies' | 'rules'>): boolean {
  const parts = [[next.policies, before.policies], [next.rules, before.rules]] as const;
  return parts.reduce((sum, [now, then]) => sum + (sameTexts(now, then) ? 0 : now.reduce((chars, { text }) => chars + text.length, 0)), 0) >= DEAR_CHARS_MIN;
}

export function sameTexts(now: SnapshotSources['rules'], then: SnapshotSources['rules']): boolean {
  return now.length === then.length && now.every(({ file, text }, i) => file === then[i]?.file && text === then[i].text);
}
