// What a policy is asked: by layer 6 about a call, and by the tool list about what may be shown to this caller.
import type { Caller } from '../engines/identity/types.js';
import type { PolicyDecision, PolicyFacts, PolicySet } from '../engines/policy/types.js';
import type { RegisteredTool } from '../engines/registry/types.js';
import type { SessionView } from '../engines/session-risk/types.js';

const ANONYMOUS_LEVEL = 5;
const NS_PER_MS = 1_000_000n;

/** One object a call: the dear members are made when a policy reads them. */
export class CallPolicyFacts implements PolicyFacts {
  readonly callerSpiffeId: string;
  readonly toolName: string;
  readonly method: string;
  readonly server: string;
  readonly riskLevel: string;
  readonly authMethod: string;
  readonly principal: PolicyFacts['principal'];
  readonly stepUpApproved = false;
  readonly #session: SessionView;
  readonly #nowMs: number;
  readonly #argumentsOf: (members?: ReadonlySet<string>) => string;
  #argumentsText: { readonly members: ReadonlySet<string> | undefined; readonly text: string } | undefined;

  constructor(caller: Pick<Caller, 'spiffeId' | 'authMethod' | 'principal'>, toolName: string, method: string, tool: RegisteredTool | undefined, session: SessionView, nowMs: number, argumentsOf: (members?: ReadonlySet<string>) => string) {
    this.callerSpiffeId = caller.spiffeId;
    this.toolName = toolName;
    this.method = method;
    this.server = tool?.upstream ?? '';
    this.riskLevel = tool?.riskLevel ?? '';
    this.authMethod = caller.authMethod;
    this.principal = caller.principal;
    this.#session = session;
    this.#nowMs = nowMs;
    this.#argumentsOf = argumentsOf;
  }

  argumentsJson(members?: ReadonlySet<string>): string {
    if (this.#argumentsText === undefined || this.#argumentsText.members !== members) this.#argumentsText = { members, text: this.#argumentsOf(members) };
    return this.#argumentsText.text;
  }

  session(): ReturnType<PolicyFacts['session']> {
    const { id, riskScore, previousActions, flags } = this.#session;
    return { id, risk_score: riskScore, previous_actions: previousActions.map(({ riskLevel, atMs, ...action }) => ({ ...action, risk_level: riskLevel, at_ms: atMs })), flags };
  }

  timeNs(): bigint {
    return BigInt(this.#nowMs) * NS_PER_MS;
  }
}

/** A question about a call that nobody makes. */
export interface PolicyQuestion {
  readonly caller: Pick<Caller, 'spiffeId' | 'authMethod' | 'principal'>;
  /** '' for a method that names nothing. */
  readonly toolName: string;
  readonly method: string;
  readonly tool: RegisteredTool | undefined;
  /** JSON text. */
  readonly argumentsJson: string;
}

const ANONYMOUS_REFUSED: PolicyDecision = Object.freeze({ kind: 'deny', reason: 'principal_level_insufficient: the path of this SPIFFE ID makes it anonymous, which is refused before any rule', cached: false });
const FRESH_SESSION: SessionView = Object.freeze({ id: 'caller', riskScore: 0, previousActions: [], flags: [], tainted: false });

/** Whom layer 6 refuses before any rule is asked. */
export function isAnonymous({ level }: Caller['principal']): boolean {
  return level === ANONYMOUS_LEVEL;
}

/** What layer 6 says of it, with a fresh session: risk 0, no flags, no actions. */
export function decideQuestion(policies: Pick<PolicySet, 'decide'>, { caller, toolName, method, tool, argumentsJson }: PolicyQuestion, nowMs: number): PolicyDecision {
  if (isAnonymous(caller.principal)) return ANONYMOUS_REFUSED;
  return policies.decide(new CallPolicyFacts(caller, toolName, method, tool, FRESH_SESSION, nowMs, () => argumentsJson));
}
