// Policy questions: what would be decided, what is loaded, and a reload of the policies alone.
import { principalOf } from '../engines/identity/principal.js';
import { parseWorkloadId } from '../engines/identity/spiffe-id.js';
import type { PolicyDecision, PolicySet } from '../engines/policy/types.js';
import { needsPolicyRule } from '../mcp/methods.js';
import { memberOf, optionalText, textMember } from './reading.js';
import type { ControlParts } from './parts.js';
import { ControlFault, type Route } from './server.js';

const NS_PER_MS = 1_000_000n;

export function policyRoutes(parts: ControlParts): Route[] {
  return [
    { method: 'POST', path: '/v1/policy/eval', answer: ({ body }) => ({ status: 200, json: evaluate(parts, body) }) },
    { method: 'GET', path: '/v1/policy', answer: () => ({ status: 200, json: describe(parts) }) },
    {
      method: 'POST', path: '/v1/policy/reload',
      answer: async () => {
        const digests = await parts.reloadPolicies();
        const { policy, policyFiles } = parts.inForce();
        return { status: 200, json: { policy_digest: digests.policy, files: policyFiles, rules: policy.packages.reduce((total, one) => total + one.rules.length, 0), threads: parts.threads.count, warnings: policy.warnings } };
      },
    },
  ];
}

function describe(parts: ControlParts): unknown {
  const { policy } = parts.inForce();
  return { digest: policy.digest, packages: policy.packages, reads: policy.reads, warnings: policy.warnings };
}

/**
 * Answers for the files as they stand, where they differ from what is active (`active: false`, and what the active set says beside it): whoever has
 * just written a rule asks about that rule. `active: true` in the question asks the active set alone.
 */
function evaluate(parts: ControlParts, body: unknown): unknown {
  const caller = parseWorkloadId(textMember(body, 'caller'));
  if (caller === undefined) throw new ControlFault(400, 'auth_invalid_identity', 'caller is not the SPIFFE ID of a workload', { remediation: 'Write spiffe://<trust-domain>/agents/mcp-client/<agent>/<env>.' });
  const method = textMember(body, 'method');
  const toolName = optionalText(body, 'tool') ?? '';
  const { registry, policy, identities } = parts.inForce();
  const tool = registry.tools.get(toolName);
  const registered = method !== 'tools/call' || tool !== undefined;
  if (!needsPolicyRule({ kind: 'request', method })) return { decision: 'ALLOW', reason: 'protocol housekeeping needs no rule', cached: false, registered, active: true };
  const argumentsValue = memberOf(body, 'arguments') ?? {};
  const decideBy = (set: PolicySet): PolicyDecision => set.decide({
    callerSpiffeId: caller, toolName, method, server: tool?.upstream ?? '', riskLevel: tool?.riskLevel ?? '', authMethod: 'header_declared', principal: principalOf(caller, identities.trustDomain),
    stepUpApproved: false, argumentsJson: () => JSON.stringify(argumentsValue), session: () => ({ id: 'caller', risk_score: 0, previous_actions: [], flags: [] }), timeNs: () => BigInt(parts.clock.nowMs()) * NS_PER_MS,
  });
  const written = memberOf(body, 'active') === true ? undefined : parts.writtenPolicies();
  if (written === undefined) return { ...answerOf(decideBy(policy)), registered, active: true };
  try {
    const loaded = decideBy(policy);
    return { ...answerOf(decideBy(written)), registered, active: false, active_decision: loaded.kind === 'fault' ? 'ERROR' : nameOf(loaded.kind) };
  } finally {
    written.close();
  }
}

function answerOf(decision: PolicyDecision): { decision: 'ALLOW' | 'DENY'; reason?: string; cached: boolean } {
  if (decision.kind === 'fault') throw new ControlFault(422, 'authz_evaluation_error', decision.message);
  return { decision: nameOf(decision.kind), ...(decision.reason === undefined ? {} : { reason: decision.reason }), cached: decision.cached };
}

function nameOf(kind: 'allow' | 'deny'): 'ALLOW' | 'DENY' {
  return kind === 'allow' ? 'ALLOW' : 'DENY';
}
