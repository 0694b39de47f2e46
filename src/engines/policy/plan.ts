// Checks a set of sources and finds out all that can be known before the first request.
import { createHash } from 'node:crypto';
import { parseModules } from './ast.js';
import type { ParsedModule } from './ast.js';
import { checkDeclarations, collectFunctions, describePackages } from './declarations.js';
import { PolicyEvaluator, addAll } from './evaluator.js';
import { findReads } from './reads.js';
import { RegoInstance, RegoTrap } from './rego-instance.js';
import { compileRegoModule } from './rego-module.js';
import { findGuardedRules } from './rule-guards.js';
import { countBareRules, createRuleIndex } from './rule-index.js';
import { PolicyError } from './types.js';
import { findWarnings } from './warnings.js';
import type { GuardedRule, PolicyPlan, PolicySet, PolicySetOptions, PolicySource } from './types.js';

const NO_MEMORY = /^memory allocation of \d+ bytes failed/;

type PlanOptions = Omit<PolicySetOptions, 'cacheEntries' | 'plan'>;

export interface Planned {
  readonly plan: PolicyPlan;
  readonly evaluator: PolicyEvaluator;
}

/** Throws PolicyError for whatever is wrong with the sources. */
export function makePlan(sorted: readonly PolicySource[], options: PlanOptions): Planned {
  checkSize(sorted, options.sourceBytesMax);
  const module = options.module ?? compileRegoModule();
  return refuseExhaustion(sorted[0]?.file ?? 'policies', () => {
    const evaluator = new PolicyEvaluator(sorted, { module, clock: options.clock, timeoutMs: options.timeoutMs });
    const { instance } = evaluator;
    const modules = parsedForm(instance, evaluator.engine);
    const functions = collectFunctions(modules, instance.builtins());
    checkDeclarations(modules, functions);
    const { inputs, cacheable, because, usesWith } = findReads(modules, functions);
    const guardedRules = findGuardedRules(modules, usesWith);
    const plan: PolicyPlan = {
      digest: digestSources(sorted),
      packages: describePackages(modules),
      reads: { inputs, cacheable, because },
      warnings: findWarnings(modules),
      byQuery: evaluator.byQuery,
      guardedRules: cutsAreSound(instance, sorted, modules, guardedRules) ? JSON.stringify(guardedRules) : '',
    };
    return { plan, evaluator };
  });
}

/** For a thread that was given the plan. Throws PolicyError if it is another set's. */
export function startPlanned(sorted: readonly PolicySource[], plan: PolicyPlan, options: PlanOptions): Planned {
  if (digestSources(sorted) !== plan.digest) throw new PolicyError('the plan of another policy set was given', sorted[0]?.file ?? 'policies', 0, 0);
  const module = options.module ?? compileRegoModule();
  const evaluator = new PolicyEvaluator(sorted, { module, clock: options.clock, timeoutMs: options.timeoutMs, checked: { byQuery: plan.byQuery } });
  return { plan, evaluator };
}

/** Packages and rules of sources that need only parse. */
export function listPackages(sources: readonly PolicySource[], module = compileRegoModule()): PolicySet['packages'] {
  return refuseExhaustion(sources[0]?.file ?? 'policies', () => {
    const instance = new RegoInstance(module, { monotonicMs: () => 0, nowNs: () => 0n });
    return describePackages(parsedForm(instance, addAll(instance, sources)));
  });
}

export function parsedForm(instance: RegoInstance, engine: number): ParsedModule[] {
  const answer = instance.parsedForm(engine);
  if (answer.kind !== 'value') throw new PolicyError('the Rego engine gave no parsed form', 'policies', 0, 0);
  return parseModules(answer.text);
}

export function sortSources(sources: readonly PolicySource[]): PolicySource[] {
  return [...sources].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

// Names and texts carry their lengths, so that no other division of the same bytes gives the same digest.
export function digestSources(sorted: readonly PolicySource[]): string {
  const hash = createHash('sha256');
  for (const { file, text } of sorted) hash.update(`${Buffer.byteLength(file)}:${file}${Buffer.byteLength(text)}:${text}`);
  return hash.digest('hex');
}

// A reference of 500 parts or a sum of 500 terms exhausts the stack, in the engine or here: the set is refused, nothing crashes.
export function refuseExhaustion<T>(file: string, load: () => T): T {
  try {
    return load();
  } catch (fault) {
    if (!(fault instanceof RegoTrap || fault instanceof RangeError)) throw fault;
    const cause = NO_MEMORY.test(fault.message) ? 'the set takes more memory than the engine may have (256 MiB), as those of more than some 800 KB may' : 'an expression or a chain of rules in the set is too deep';
    throw new PolicyError(`the Rego engine gave up (${fault.message}): ${cause}`, file, 0, 0);
  }
}

// Without an index the set is only slower; with cuts in the wrong place it would be another set.
function cutsAreSound(instance: RegoInstance, sorted: readonly PolicySource[], modules: readonly ParsedModule[], rules: readonly GuardedRule[]): boolean {
  if (rules.length === 0) return false;
  try {
    const engine = addAll(instance, createRuleIndex(sorted, rules).bare());
    const declared = parsedForm(instance, engine).reduce((sum, module) => sum + module.rules.length, 0);
    instance.freeEngine(engine);
    return declared === countBareRules(modules, rules);
  } catch (fault) {
    if (fault instanceof PolicyError) return false;
    throw fault;
  }
}

function checkSize(sources: readonly PolicySource[], bytesMax: number): void {
  let bytes = 0;
  for (const source of sources) {
    bytes += Buffer.byteLength(source.text);
    if (bytes > bytesMax) {
      throw new PolicyError(`the policy text is larger than ${bytesMax} bytes together (policy.source_bytes_max)`, source.file, 0, 0);
    }
  }
}
