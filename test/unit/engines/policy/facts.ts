// Facts, options and a settable clock for the policy tests.
import { membersText } from '../../../../src/base/json/members.js';
import { loadPolicySet } from '../../../../src/engines/policy/policy-set.js';
import type { PolicyClock, PolicyFacts, PolicySet, PolicySetOptions, PolicySource } from '../../../../src/engines/policy/types.js';

export const AGENT = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
export const BASE = 'package precinct.authz\n\nimport rego.v1\n\n';

/** Advances by `stepMs` with each look at the monotonic clock. */
export function steppingClock(stepMs = 0): PolicyClock {
  let at = 0;
  return { nowMs: () => 1_700_000_000_000, monotonicMs: () => (at += stepMs) };
}

export function facts(changes: Partial<Omit<PolicyFacts, 'argumentsJson' | 'session'>> & { arguments?: string; session?: Partial<ReturnType<PolicyFacts['session']>> } = {}): PolicyFacts {
  const { arguments: argumentsText = '{}', session = {}, ...others } = changes;
  return {
    callerSpiffeId: AGENT,
    toolName: 'my_tool',
    method: 'tools/call',
    server: 'http://127.0.0.1:9191/mcp',
    riskLevel: 'low',
    authMethod: 'header_declared',
    principal: { level: 3, role: 'agent', capabilities: ['tool:call'] },
    stepUpApproved: false,
    timeNs: () => 1_700_000_000_123_456_789n,
    argumentsJson: (members) => membersText(Buffer.from(argumentsText), { from: 0, to: Buffer.byteLength(argumentsText) }, members),
    session: () => ({ id: 's1', risk_score: 0, previous_actions: [], flags: [], ...session }),
    ...others,
  };
}

export function sourcesOf(...texts: string[]): PolicySource[] {
  return texts.map((text, i) => ({ file: `policies/p${i}.rego`, text }));
}

export function load(texts: string | readonly string[], changes: Partial<PolicySetOptions> = {}): PolicySet {
  const all = typeof texts === 'string' ? [texts] : texts;
  return loadPolicySet(sourcesOf(...all), { cacheEntries: 100, timeoutMs: 1000, sourceBytesMax: 1 << 20, clock: steppingClock(), ...changes });
}
