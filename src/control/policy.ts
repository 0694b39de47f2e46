// Policy questions: what would be decided, what is loaded, and a reload of the policies alone.
import { decideQuestion } from '../chain/policy-facts.js';
import { callerNotes } from '../engines/identity/caller-note.js';
import { principalOf } from '../engines/identity/principal.js';
import { parseWorkloadId } from '../engines/identity/spiffe-id.js';
import type { SpiffeId } from '../engines/identity/types.js';
import { usualAuthMethod } from '../engines/identity/usual-auth-method.js';
import type { PolicyDecision, PolicySet } from '../engines/policy/types.js';
import { entryOf, findRegistered } from '../engines/registry/find-registered.js';
import { METHODS, namesSubject, needsPolicyRule, routeOf } from '../mcp/methods.js';
import { memberOf, optionalText, textMember } from './reading.js';
import type { ControlParts } from './parts.js';
import { ControlFault, type Route } from './server.js';

export function policyRoutes(parts: ControlParts): Route[] {
  return [
    { method: 'POST', path: '/v1/policy/eval', answer: async ({ body }) => ({ status: 200, json: await evaluate(parts, body) }) },
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
async function evaluate(parts: ControlParts, body: unknown): Promise<unknown> {
  const caller = parseWorkloadId(textMember(body, 'caller'));
  if (caller === undefined) throw new ControlFault(400, 'auth_invalid_identity', 'caller is not the SPIFFE ID of a workload', { remediation: 'Write spiffe://<trust-domain>/agents/mcp-client/<agent>/<env>.' });
  const method = textMember(body, 'method');
  const asked = optionalText(body, 'tool') ?? '';
  const toolName = namesSubject(method) ? asked : '';
  const { registry, policy, identities } = parts.inForce();
  const tool = entryOf(registry, method, toolName);
  const registered = method !== 'tools/call' || tool !== undefined;
  const beside = { registered, notes: notesOf(parts, caller, method, asked) };
  if (!needsPolicyRule({ kind: 'request', method })) return { decision: 'ALLOW', reason: 'protocol housekeeping needs no rule', cached: false, ...beside, active: true };
  const asker = { spiffeId: caller, authMethod: usualAuthMethod(parts.config().profile), principal: principalOf(caller, identities.trustDomain) };
  const question = { caller: asker, toolName, method, tool, argumentsJson: argumentsOf(body) };
  const nowMs = parts.clock.nowMs();
  const decideBy = (set: PolicySet): PolicyDecision => decideQuestion(set, question, nowMs);
  const written = memberOf(body, 'active') === true ? undefined : await parts.writtenPolicies();
  if (written === undefined) return { ...answerOf(decideBy(policy)), ...beside, active: true };
  try {
    const loaded = decideBy(policy);
    return { ...answerOf(decideBy(written)), ...beside, active: false, active_decision: loaded.kind === 'fault' ? 'ERROR' : nameOf(loaded.kind) };
  } finally {
    written.close();
  }
}

/** The text as it came: a number must not lose digits on its way to the policy. */
function argumentsOf(body: unknown): string {
  const text = optionalText(body, 'arguments_json') ?? JSON.stringify(memberOf(body, 'arguments') ?? {});
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return text;
  } catch {
    // Said below.
  }
  throw new ControlFault(400, 'member_wrong', 'arguments_json is not the text of a JSON object');
}

/** Why a call may be refused whatever layer 6 says. */
function notesOf(parts: ControlParts, caller: SpiffeId, method: string, asked: string): string[] {
  const { registry, identities } = parts.inForce();
  const tool = entryOf(registry, method, asked);
  const state = tool?.kind === 'tool' ? parts.observations.stateOf(tool).kind : undefined;
  const route = routeOf(method);
  const isRefused = (route === 'prompt' || route === 'resource') && parts.config().registry.unregistered === 'refuse'
    && findRegistered(registry, { method, name: route === 'prompt' ? asked : '', uri: route === 'resource' ? asked : '' }).kind === 'unregistered';
  return [
    ...callerNotes(caller, identities, parts.config().profile),
    ...(state === 'mismatch' ? [`${asked} is not served as it was registered; layer 5 refuses it: agw tools diff ${asked}`] : []),
    ...(isRefused ? [`${asked} is not registered; layer 5 refuses it, because registry.unregistered is refuse`] : []),
    ...(asked === '' || namesSubject(method) ? [] : [`${method} names no tool, so the policies are asked without one${METHODS.has(method) ? '' : '; MCP has no such method'}`]),
  ];
}

function answerOf(decision: PolicyDecision): { decision: 'ALLOW' | 'DENY'; reason?: string; cached: boolean } {
  if (decision.kind === 'fault') throw new ControlFault(422, 'authz_evaluation_error', decision.message);
  return { decision: nameOf(decision.kind), ...(decision.reason === undefined ? {} : { reason: decision.reason }), cached: decision.cached };
}

function nameOf(kind: 'allow' | 'deny'): 'ALLOW' | 'DENY' {
  return kind === 'allow' ? 'ALLOW' : 'DENY';
}
