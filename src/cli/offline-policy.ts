// Evaluates the policy files themselves, without a gateway: `agw policy eval --offline`, list and test.
import { systemClock } from '../base/clock/clock.js';
import { ConfigFault, describeFault } from '../base/config/fault.js';
import type { GatewayConfig } from '../base/config/schema.js';
import { decideQuestion } from '../chain/policy-facts.js';
import { callerNotes } from '../engines/identity/caller-note.js';
import { parseIdentities } from '../engines/identity/identity-table.js';
import { principalOf } from '../engines/identity/principal.js';
import type { SpiffeId } from '../engines/identity/types.js';
import { usualAuthMethod } from '../engines/identity/usual-auth-method.js';
import { loadPolicySet } from '../engines/policy/policy-set.js';
import { runPolicyTests } from '../engines/policy/rego-tests.js';
import { readPolicyDirs, readPolicyTests } from '../engines/policy/sources.js';
import type { PolicyDecision, PolicySet, PolicyTestResult } from '../engines/policy/types.js';
import { entryOf } from '../engines/registry/find-registered.js';
import { parseRegistry } from '../engines/registry/registry-file.js';
import { readSource } from '../jobs/read-sources.js';
import { namesSubject, needsPolicyRule } from '../mcp/methods.js';
import type { Project } from './project.js';

export interface OfflineQuestion {
  readonly caller: SpiffeId;
  readonly tool: string | undefined;
  readonly method: string;
  /** JSON text of the arguments. */
  readonly argumentsJson: string;
}

export interface OfflineAnswer {
  readonly decision: PolicyDecision;
  readonly registered: boolean;
  readonly notes: readonly string[];
}

/** Throws PolicyError for a wrong file. */
export async function openPolicies(project: Project): Promise<PolicySet> {
  const { policy } = await project.config();
  return loadPolicySet(readPolicyDirs(project.root, policy.dirs), { cacheEntries: 0, timeoutMs: policy.timeout_ms, sourceBytesMax: policy.source_bytes_max, clock: systemClock });
}

/** With a fresh session: risk 0, no flags, no actions. */
export async function evaluateOffline(project: Project, question: OfflineQuestion): Promise<OfflineAnswer> {
  const config = await project.config();
  const registry = readSource(project.root, config.registry.file);
  const registered = question.tool === undefined ? undefined : entryOf(parseRegistry(registry.text, registry.file), question.method, question.tool);
  const notes = notesOn(question.caller, project, config);
  const isRefused = question.tool !== undefined && registered === undefined && (question.method === 'tools/call' || (config.registry.unregistered === 'refuse' && namesSubject(question.method)));
  if (!needsPolicyRule({ kind: 'request', method: question.method })) return { decision: { kind: 'allow', reason: 'protocol housekeeping needs no rule', cached: false }, registered: true, notes };
  const isNamed = namesSubject(question.method);
  const asker = { spiffeId: question.caller, authMethod: usualAuthMethod(config.profile), principal: principalOf(question.caller, config.identity.trust_domain) };
  const policies = await openPolicies(project);
  try {
    const decision = decideQuestion(policies, {
      caller: asker, toolName: isNamed ? question.tool ?? '' : '', method: question.method, tool: registered, argumentsJson: question.argumentsJson,
    }, systemClock.nowMs());
    return { decision, registered: !isRefused, notes };
  } finally {
    policies.close();
  }
}

/** A wrong file of identities is said: it holds up no question about policies. */
function notesOn(caller: SpiffeId, { root }: Project, { identity, profile }: GatewayConfig): readonly string[] {
  try {
    const { text, file } = readSource(root, identity.file);
    return callerNotes(caller, parseIdentities(text, file, identity.trust_domain), profile);
  } catch (fault) {
    if (fault instanceof ConfigFault) return [describeFault(fault)];
    throw fault;
  }
}

/** `dirs` undefined: the configured folders, and the gateway's own policies. */
export async function testPolicies(project: Project, dirs: readonly string[] | undefined): Promise<PolicyTestResult[]> {
  const folders = dirs ?? (await project.config()).policy.dirs;
  return runPolicyTests(readPolicyDirs(project.root, folders), readPolicyTests(project.root, folders));
}
