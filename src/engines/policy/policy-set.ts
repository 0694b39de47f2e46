// Decides with a set of Rego sources: cached where that is sound, a fault where anything is in doubt.
import { LRUCache } from 'lru-cache';
import { readDecision } from './decision.js';
import type { PolicyEvaluator } from './evaluator.js';
import { createInputBuilder } from './input.js';
import type { InputBuilder } from './input.js';
import { digestSources, makePlan, sortSources, startPlanned } from './plan.js';
import { RecentDecisions } from './recent-decisions.js';
import { createRuleIndex } from './rule-index.js';
import type { RuleIndex } from './rule-index.js';
import type { RegoAnswer } from './rego-instance.js';
import type { GuardedRule, LargeQuestion, PolicyDecision, PolicyFacts, PolicyPlan, PolicySet, PolicySetOptions, PolicySource } from './types.js';

/** Throws PolicyError (file, line, column) for whatever is wrong with the sources; the caller keeps its old set. */
export function loadPolicySet(sources: readonly PolicySource[], options: PolicySetOptions): PolicySet {
  const sorted = sortSources(sources);
  const { plan, evaluator } = options.plan === undefined ? makePlan(sorted, options) : startPlanned(sorted, options.plan, options);
  const index = plan.guardedRules === '' ? undefined : createRuleIndex(sorted, JSON.parse(plan.guardedRules) as GuardedRule[]);
  return new LoadedPolicySet(plan, evaluator, index, options, sorted);
}

/** Checks the sources once, for all threads: the plan, and the sources, are what each of them loads. */
export function planPolicySet(sources: readonly PolicySource[], options: Omit<PolicySetOptions, 'cacheEntries' | 'plan'>): PolicyPlan {
  return makePlan(sortSources(sources), options).plan;
}

/** The digest a set of these sources has. */
export function digestPolicies(sources: readonly PolicySource[]): string {
  return digestSources(sortSources(sources));
}

class LoadedPolicySet implements PolicySet {
  readonly digest: string;
  readonly packages: PolicySet['packages'];
  readonly reads: PolicySet['reads'];
  readonly warnings: PolicySet['warnings'];
  readonly readsArguments: PolicySet['readsArguments'];
  readonly #evaluator: PolicyEvaluator;
  readonly #input: InputBuilder;
  readonly #index: RuleIndex | undefined;
  readonly #cache: LRUCache<string, PolicyDecision> | undefined;
  readonly #recent: RecentDecisions | undefined;
  readonly #timeoutMs: number;
  readonly #sources: readonly PolicySource[];
  #closed = false;

  constructor({ digest, packages, reads, warnings }: PolicyPlan, evaluator: PolicyEvaluator, index: RuleIndex | undefined, { cacheEntries, timeoutMs }: PolicySetOptions, sources: readonly PolicySource[]) {
    this.digest = digest;
    this.packages = packages;
    this.reads = reads;
    this.warnings = warnings;
    this.#evaluator = evaluator;
    this.#input = createInputBuilder(reads.inputs);
    this.readsArguments = this.#input.readsArguments;
    this.#timeoutMs = timeoutMs;
    this.#sources = sources;
    this.#index = index;
    this.#cache = reads.cacheable && cacheEntries > 0 ? new LRUCache({ max: cacheEntries }) : undefined;
    this.#recent = this.#cache !== undefined && this.#input.keyIsCall ? new RecentDecisions() : undefined;
  }

  decide(facts: PolicyFacts): PolicyDecision {
    if (this.#closed) return { kind: 'fault', message: 'this policy set was closed' };
    const cache = this.#cache;
    if (cache === undefined) return this.#evaluate(facts);
    const recent = this.#recent?.find(facts);
    if (recent !== undefined) return recent;
    const key = this.#input.toKey(facts);
    const known = cache.get(key);
    if (known !== undefined) {
      this.#recent?.note(facts, known);
      return known;
    }
    const decision = this.#evaluate(facts);
    if (decision.kind !== 'fault') cache.set(key, Object.freeze({ ...decision, cached: true }));
    return decision;
  }

  questionOf(facts: PolicyFacts): LargeQuestion {
    const variant = this.#index?.select(facts);
    return {
      digest: this.digest, byQuery: this.#evaluator.byQuery, timeoutMs: this.#timeoutMs, nowNs: facts.timeNs(), input: this.#input.toParts(facts),
      part: variant === undefined ? { key: '', sources: this.#sources } : { key: variant.key, sources: variant.sources() },
    };
  }

  decisionOf(answer: RegoAnswer): PolicyDecision {
    return readDecision(answer);
  }

  close(): void {
    this.#closed = true;
    this.#cache?.clear();
    this.#recent?.clear();
  }

  #evaluate(facts: PolicyFacts): PolicyDecision {
    return readDecision(this.#evaluator.evaluate(this.#input.toJson(facts), facts.timeNs(), this.#index?.select(facts)));
  }
}
