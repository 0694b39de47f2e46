// Rego decisions: what a policy set is, what it may read, what it answers.
import type { Principal } from '../identity/types.js';
import type { RegoAnswer } from './rego-instance.js';

export interface PolicySource {
  /** Path as people know it, relative to the project. */
  readonly file: string;
  readonly text: string;
}

/** Facts a policy may read. Getters keep the dear ones unbuilt unless the policy set was found to read them. */
export interface PolicyFacts {
  readonly callerSpiffeId: string;
  readonly toolName: string;
  readonly method: string;
  readonly server: string;
  readonly riskLevel: string;
  readonly authMethod: string;
  readonly principal: Principal;
  readonly stepUpApproved: boolean;
  /** Raw JSON text of the arguments (`{}` when absent). What is not of these `members` may be left out; undefined = nothing may. */
  argumentsJson(members?: ReadonlySet<string>): string;
  session(): { readonly id: string; readonly risk_score: number; readonly previous_actions: readonly unknown[]; readonly flags: readonly string[] };
  /** Nanoseconds since the epoch. */
  timeNs(): bigint;
}

export type PolicyDecision =
  | { readonly kind: 'allow'; readonly reason: string | undefined; readonly cached: boolean }
  | { readonly kind: 'deny'; readonly reason: string | undefined; readonly cached: boolean }
  /** Evaluation failed, timed out, or gave something that is neither a boolean nor {allow, reason}. The caller must refuse. */
  | { readonly kind: 'fault'; readonly message: string };

/** Valid, but probably not what was meant. */
export interface PolicyWarning {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

export interface PolicySet {
  /** SHA-256 over the sorted sources. */
  readonly digest: string;
  readonly packages: readonly { readonly name: string; readonly file: string; readonly rules: readonly { name: string; line: number }[] }[];
  /** Input paths the set reads, as dotted text; `*` = all of it. And whether decisions may be cached at all, with the reason if not. */
  readonly reads: { readonly inputs: readonly string[]; readonly cacheable: boolean; readonly because: string };
  readonly warnings: readonly PolicyWarning[];
  /** What `decide` reads of a call's arguments: it takes as long as that is large. `named`: some members, and of the others no more than where they end. */
  readonly readsArguments: 'none' | 'named' | 'all';
  decide(facts: PolicyFacts): PolicyDecision;
  /** The same without the arguments, for another thread (createAnswering). */
  questionOf(facts: PolicyFacts): LargeQuestion;
  /** What was answered there. */
  decisionOf(answer: RegoAnswer): PolicyDecision;
  close(): void;
}

/** An input document without the arguments. */
export interface InputParts {
  /** The names that the arguments go by in it; none = it has none. */
  readonly argumentNames: readonly string[];
  /** Their members that are read; undefined = any may be. */
  readonly argumentMembers: ReadonlySet<string> | undefined;
  /** Its other members, as JSON. */
  readonly others: string;
}

/** Plain data, to be handed to another thread. */
export interface LargeQuestion {
  /** Of the set that is asked. */
  readonly digest: string;
  readonly byQuery: boolean;
  readonly timeoutMs: number;
  readonly nowNs: bigint;
  readonly input: InputParts;
  /** The part of the set that can answer, by a key that is its own; '' = the whole set. */
  readonly part: { readonly key: string; readonly sources: readonly PolicySource[] };
}

export class PolicyError extends Error {
  readonly file: string;
  /** 1-based; 0 = no line of the file is to blame. */
  readonly line: number;
  readonly column: number;
  constructor(message: string, file: string, line: number, column: number) {
    super(message);
    this.name = 'PolicyError';
    this.file = file;
    this.line = line;
    this.column = column;
  }
}

/** What evaluation needs of a clock. */
export interface PolicyClock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic milliseconds with a fraction; for the execution limit. */
  monotonicMs(): number;
}

export interface PolicySetOptions {
  /** Decisions remembered; 0 turns the cache off. */
  readonly cacheEntries: number;
  /** An evaluation that takes longer is a fault. */
  readonly timeoutMs: number;
  /** All policy text together. */
  readonly sourceBytesMax: number;
  readonly clock: PolicyClock;
  /** The compiled engine, where another thread has it already; compiled here otherwise. */
  readonly module?: WebAssembly.Module;
  /** What another thread found out about the same sources (planPolicySet): then loading costs a few milliseconds, whatever their size. */
  readonly plan?: PolicyPlan;
}

/** What was found out about a set: plain data, to be handed to other threads. */
export interface PolicyPlan {
  readonly digest: string;
  readonly packages: PolicySet['packages'];
  readonly reads: PolicySet['reads'];
  readonly warnings: PolicySet['warnings'];
  /** Whether `allow` is no rule of its own name, so that it has to be asked as a query. */
  readonly byQuery: boolean;
  /** Rules that need no evaluation for some requests: GuardedRule[] as JSON, which a thread reads in a fifth of the time that a clone of the objects takes it; '' without an index. */
  readonly guardedRules: string;
}

export type GuardName = 'caller' | 'tool' | 'method';

/** What a rule's body demands of one of the three: to be one of `values`, or to start with `prefix`. */
export type Guard = { readonly name: GuardName; readonly values: readonly string[] } | { readonly name: GuardName; readonly prefix: string };

/** An allow rule that can be left out, and where it stands: byte offsets into the source of that number. */
export interface GuardedRule {
  readonly id: number;
  readonly source: number;
  readonly start: number;
  readonly end: number;
  readonly guards: readonly Guard[];
}

export interface PolicyTestResult {
  /** `package.test_name`. */
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly passed: boolean;
  readonly error?: string;
}
