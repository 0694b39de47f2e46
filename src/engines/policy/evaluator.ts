// Runs one rule of a loaded set: keeps its engine instance, replaces it after a trap or when its memory has grown too far.
import { policyErrorFrom } from './error-text.js';
import { RegoInstance, RegoTrap } from './rego-instance.js';
import type { RegoAnswer } from './rego-instance.js';
import { PolicyError } from './types.js';
import type { PolicyClock, PolicySource } from './types.js';

/** For the first evaluation: V8 compiles the engine's code while it runs, which takes 50 to 300 ms on a busy machine. */
const COLD_TIMEOUT_MS = 2000;
const ALLOW_RULE = 'data.precinct.authz.allow';

/** Linear memory never shrinks: an instance that grew by this much since its latest engine was made is replaced. */
const MEMORY_GROWTH_BYTES_MAX = 64 << 20;
/** Engines kept for subsets of the rules; each holds little more than the few rules of one subset. */
const VARIANTS_MAX = 128;
/** Text of those engines together: it takes the instance 50 to 100 bytes for each of these UTF-16 units, of the 256 MiB that it may have. */
const VARIANT_CHARS_MAX = 1 << 20;
const MAIN = '';
const NO_SUCH_RULE = 'not a valid rule path';

/** A part of the set that answers the same for some inputs. */
export interface Variant {
  readonly key: string;
  sources(): readonly PolicySource[];
}

export interface EvaluatorOptions {
  readonly module: WebAssembly.Module;
  readonly clock: PolicyClock;
  readonly timeoutMs: number;
  /** What an earlier check of the same sources found; they are not checked again. */
  readonly checked?: EvaluatorCheck;
}

export interface EvaluatorCheck {
  /** Whether `allow` is no rule of its own name, so that it has to be asked as a query. */
  readonly byQuery: boolean;
}

export class PolicyEvaluator {
  readonly #sources: readonly PolicySource[];
  readonly #options: EvaluatorOptions;
  readonly #engines = new Map<string, { readonly engine: number; readonly chars: number }>();
  /** Of all engines but the main one. */
  #variantChars = 0;
  #nowNs = 0n;
  #instance: RegoInstance;
  /** Counted from the engine made last: an instance without any is a tenth of what a large set takes. */
  #memoryBytesMax = Infinity;
  readonly #byQuery: boolean;
  /** Whether it has evaluated before. */
  #warm = false;
  #replaced = 0;

  /** Throws PolicyError (or RegoTrap) for what the engine finds wrong with the sources. */
  constructor(sources: readonly PolicySource[], options: EvaluatorOptions) {
    this.#sources = sources;
    this.#options = options;
    this.#instance = this.#start();
    this.#byQuery = options.checked === undefined ? this.#check() : options.checked.byQuery;
  }

  get instance(): RegoInstance {
    return this.#instance;
  }

  /** The engine that holds all sources. */
  get engine(): number {
    return this.#engineFor(MAIN, () => this.#sources);
  }

  get byQuery(): boolean {
    return this.#byQuery;
  }

  /** How many instances were given up. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Never throws: a trap is an error answer, and the next call meets a fresh instance. */
  evaluate(inputJson: string, nowNs: bigint, variant?: Variant): RegoAnswer {
    this.#nowNs = nowNs;
    try {
      const engine = variant === undefined ? this.engine : this.#engineFor(variant.key, () => variant.sources());
      const answer = this.#evaluateIn(engine, inputJson);
      if (this.#instance.memoryBytes > this.#memoryBytesMax) this.#replace();
      return answer;
    } catch (fault) {
      this.#replace();
      return { kind: 'error', text: fault instanceof RegoTrap ? 'error: the Rego engine gave up' : 'error: the policy could not be evaluated' };
    }
  }

  #evaluateIn(engine: number, inputJson: string): RegoAnswer {
    const timeoutMs = this.#warm ? this.#options.timeoutMs : Math.max(this.#options.timeoutMs, COLD_TIMEOUT_MS);
    this.#warm = true;
    if (!this.#byQuery) return this.#instance.evalRule(engine, ALLOW_RULE, inputJson, timeoutMs);
    return firstValue(this.#instance.evalQuery(engine, ALLOW_RULE, inputJson, timeoutMs));
  }

  #start(): RegoInstance {
    const { module, clock } = this.#options;
    return new RegoInstance(module, { monotonicMs: () => clock.monotonicMs(), nowNs: () => this.#nowNs });
  }

  #replace(): void {
    this.#replaced++;
    this.#engines.clear();
    this.#variantChars = 0;
    this.#instance = this.#start();
  }

  #engineFor(key: string, sources: () => readonly PolicySource[]): number {
    const known = this.#engines.get(key);
    if (known !== undefined) {
      // The one asked last comes last.
      if (key !== MAIN && this.#engines.delete(key)) this.#engines.set(key, known);
      return known.engine;
    }
    const added = sources();
    const chars = key === MAIN ? 0 : added.reduce((sum, { text }) => sum + text.length, 0);
    this.#makeRoom(chars);
    const engine = addAll(this.#instance, added);
    this.#engines.set(key, { engine, chars });
    this.#variantChars += chars;
    this.#memoryBytesMax = this.#instance.memoryBytes + MEMORY_GROWTH_BYTES_MAX;
    return engine;
  }

  #makeRoom(chars: number): void {
    for (const [key, oldest] of this.#engines) {
      if (this.#engines.size <= VARIANTS_MAX && this.#variantChars + chars <= VARIANT_CHARS_MAX) return;
      if (key === MAIN) continue;
      this.#engines.delete(key);
      this.#variantChars -= oldest.chars;
      this.#instance.freeEngine(oldest.engine);
    }
  }

  // Analyses all modules, then asks once with an empty input: what fails without any input fails for every request.
  #check(): boolean {
    this.#nowNs = BigInt(this.#options.clock.nowMs()) * 1_000_000n;
    const file = this.#sources[0]?.file ?? ALLOW_RULE;
    const analysed = this.#instance.evalQuery(this.engine, 'true', '', this.#options.timeoutMs);
    if (analysed.kind === 'error') throw policyErrorFrom(analysed.text, file);
    const probed = this.#instance.evalRule(this.engine, ALLOW_RULE, '{}', this.#options.timeoutMs);
    if (probed.kind !== 'error') return false;
    if (!probed.text.includes(NO_SUCH_RULE)) throw policyErrorFrom(probed.text, file);
    return true;
  }
}

/** Answers the new engine's number; throws PolicyError at the first source that doesn't parse. */
export function addAll(instance: RegoInstance, sources: readonly PolicySource[]): number {
  const engine = instance.newEngine(true);
  for (const source of sources) {
    try {
      const answer = instance.addPolicy(engine, source.file, source.text);
      if (answer.kind === 'error') throw policyErrorFrom(answer.text, source.file);
    } catch (fault) {
      if (fault instanceof RegoTrap) throw new PolicyError(`the Rego engine gave up: ${fault.message}`, source.file, 0, 0);
      instance.freeEngine(engine);
      throw fault;
    }
  }
  return engine;
}

/** The value of the first result's first expression; undefined if there is none. */
export function firstValue(answer: RegoAnswer): RegoAnswer {
  if (answer.kind !== 'value') return answer;
  const results = JSON.parse(answer.text) as { result?: { expressions?: { value?: unknown }[] }[] };
  const value = results.result?.[0]?.expressions?.[0]?.value;
  // The engine writes an undefined value as this text.
  if (value === undefined || value === '<undefined>') return { kind: 'undefined' };
  return { kind: 'value', text: JSON.stringify(value) };
}
