// What a policy is asked: by layer 6 about a call, and by the tool list about what may be shown to this caller.
import type { Caller } from '../engines/identity/types.js';
import type { PolicyFacts } from '../engines/policy/types.js';
import type { RegisteredTool } from '../engines/registry/types.js';
import type { SessionView } from '../engines/session-risk/types.js';

const NS_PER_MS = 1_000_000n;

export function policyFacts(
  caller: Caller, toolName: string, method: string, tool: RegisteredTool | undefined, session: SessionView, nowMs: number, argumentsOf: () => string,
): PolicyFacts {
  return {
    callerSpiffeId: caller.spiffeId,
    toolName,
    method,
    server: tool?.upstream ?? '',
    riskLevel: tool?.riskLevel ?? '',
    authMethod: caller.authMethod,
    principal: caller.principal,
    stepUpApproved: false,
    argumentsJson: argumentsOf,
    session: () => ({ id: session.id, risk_score: session.riskScore, previous_actions: session.previousActions, flags: session.flags }),
    timeNs: () => BigInt(nowMs) * NS_PER_MS,
  };
}
