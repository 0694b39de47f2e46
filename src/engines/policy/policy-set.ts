// Loads a set of Rego sources and decides with it: cached where that is sound, a fault where anything is in doubt.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { parseModules } from './ast.js';
import type { ParsedModule } from './ast.js';
import { checkDeclarations, collectFunctions, describePackages } from './declarations.js';
import { readDecision } from './decision.js';
import { PolicyEvaluator, addAll } from './evaluator.js';
import { createInputBuilder } from './input.js';
import type { InputBuilder } from './input.js';
import { findReads } from './reads.js';
import type { PolicyReads } from './reads.js';
import { RegoInstance, RegoTrap } from './rego-instance.js';
import { compileRegoModule } from './rego-module.js';
import { createRuleIndex } from './rule-index.js';
import type { RuleIndex } from './rule-index.js';
import { PolicyError } from './types.js';
import type { PolicyDecision, PolicyFacts, PolicySet, PolicySetOptions, PolicySource } from './types.js';

interface Analysis {
  readonly modules: readonly ParsedModule[];
  readonly reads: PolicyReads;
  readonly index?: RuleIndex | undefined;
}

/** Throws PolicyError (file, line, column) for whatever is wrong with the sources; the caller keeps its old set. */
export function loadPolicySet(sources: readonly PolicySource[], options: PolicySetOptions): PolicySet {
  checkSize(sources, options.sourceBytesMax);
  const sorted = [...sources].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
  const module = options.module ?? compileRegoModule();
  return refuseExhaustion(sorted[0]?.file ?? 'policies', () => {
    const evaluator = new PolicyEvaluator(sorted, { module, clock: options.clock, timeoutMs: options.timeoutMs });
    const { modules, reads } = analyse(evaluator.instance, evaluator.engine);
    const index = checkedIndex(evaluator.instance, createRuleIndex(modules, reads));
    return new LoadedPolicySet(digestOf(sorted), { modules, reads, index }, evaluator, options.cacheEntries);
  });
}

// A reference of 500 parts or a sum of 500 terms exhausts the stack, in the engine or here: the set is refused, nothing crashes.
function refuseExhaustion<T>(file: string, load: () => T): T {
  try {
    return load();
  } catch (fault) {
    if (!(fault instanceof RegoTrap || fault instanceof RangeError)) throw fault;
    throw new PolicyError(`the Rego engine gave up (${fault.message}): an expression or a chain of rules in the set is too deep`, file, 1, 1);
  }
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
  if (answer.kind !== 'value') throw new PolicyError('the Rego engine gave no parsed form', 'policies', 1, 1);
  return parseModules(answer.text);
}

function analyse(instance: RegoInstance, engine: number): Analysis {
  const modules = parsedForm(instance, engine);
  const functions = collectFunctions(modules, instance.builtins());
  checkDeclarations(modules, functions);
  return { modules, reads: findReads(modules, functions.isKnown) };
}

// Without an index the set is only slower; with cuts in the wrong place it would be another set.
function checkedIndex(instance: RegoInstance, index: RuleIndex | undefined): RuleIndex | undefined {
  if (index === undefined) return undefined;
  try {
    const engine = addAll(instance, index.bare.sources);
    const declared = parsedForm(instance, engine).reduce((sum, module) => sum + module.rules.length, 0);
    instance.freeEngine(engine);
    return declared === index.bare.rules ? index : undefined;
  } catch (fault) {
    if (fault instanceof PolicyError) return undefined;
    throw fault;
  }
}

class LoadedPolicySet implements PolicySet {
  readonly digest: string;
  readonly packages: PolicySet['packages'];
  readonly reads: PolicySet['reads'];
  readonly #evaluator: PolicyEvaluator;
  readonly #input: InputBuilder;
  readonly #index: RuleIndex | undefined;
  readonly #cache: LRUCache<string, PolicyDecision> | undefined;
  #closed = false;

  constructor(digest: string, { modules, reads, index }: Analysis, evaluator: PolicyEvaluator, cacheEntries: number) {
    this.digest = digest;
    this.packages = describePackages(modules);
    this.reads = { inputs: reads.inputs, cacheable: reads.cacheable, because: reads.because };
    this.#evaluator = evaluator;
    this.#input = createInputBuilder(reads);
    this.#index = index;
    this.#cache = reads.cacheable && cacheEntries > 0 ? new LRUCache({ max: cacheEntries }) : undefined;
  }

  decide(facts: PolicyFacts): PolicyDecision {
    if (this.#closed) return { kind: 'fault', message: 'this policy set was closed' };
    const cache = this.#cache;
    if (cache === undefined) return this.#evaluate(facts);
    const key = this.#input.toKey(facts);
    const known = cache.get(key);
    if (known !== undefined) return known;
    const decision = this.#evaluate(facts);
    if (decision.kind !== 'fault') cache.set(key, Object.freeze({ ...decision, cached: true }));
    return decision;
  }

  close(): void {
    this.#closed = true;
    this.#cache?.clear();
  }

  #evaluate(facts: PolicyFacts): PolicyDecision {
    return readDecision(this.#evaluator.evaluate(this.#input.toJson(facts), facts.timeNs, this.#index?.select(facts)));
  }
}

function checkSize(sources: readonly PolicySource[], bytesMax: number): void {
  let bytes = 0;
  for (const source of sources) {
    bytes += Buffer.byteLength(source.text);
    if (bytes > bytesMax) {
      throw new PolicyError(`the policy text is larger than ${bytesMax} bytes together (policy.source_bytes_max)`, source.file, 1, 1);
    }
  }
}

// Names and texts carry their lengths, so that no other division of the same bytes gives the same digest.
function digestOf(sorted: readonly PolicySource[]): string {
  const hash = createHash('sha256');
  for (const { file, text } of sorted) hash.update(`${Buffer.byteLength(file)}:${file}${Buffer.byteLength(text)}:${text}`);
  return hash.digest('hex');
}
