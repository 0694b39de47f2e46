// The control thread's own copy of what decides: it answers the control plane from it, and proves a reload before any thread sees it.
import { existsSync } from 'node:fs';
import type { Clock } from '../base/clock/clock.js';
import { resolveInProject } from '../base/config/load.js';
import type { GatewayConfig } from '../base/config/schema.js';
import { runningCode } from '../base/installation.js';
import { digestCode } from '../base/kept/kept-values.js';
import type { InForce, TraceReport } from '../control/parts.js';
import { absentCategories } from '../engines/dlp/rule-file.js';
import { parseIdentities } from '../engines/identity/identity-table.js';
import { digestPolicies, loadPolicySet } from '../engines/policy/policy-set.js';
import type { PolicySet } from '../engines/policy/types.js';
import { parseRegistry } from '../engines/registry/registry-file.js';
import { registryWarnings, serverWarnings } from '../engines/registry/warnings.js';
import { planOf, policyLimits, rulesOf, type Keeping } from '../jobs/plan-sources.js';
import { readPolicies, type SnapshotSources } from '../jobs/read-sources.js';

/** Of what plans policies and reads rules. */
const CODE = digestCode(runningCode(['engines/policy', 'engines/dlp', 'base/matcher', 'base/config']));

/** Where it is kept what they found out. */
export function keepingIn(cacheDir: string | undefined): Keeping {
  return { cacheDir, code: CODE };
}

/** Throws ConfigFault or PolicyError. `planned`: the same sources for the gateway threads, which need not find out again what was found out here. */
export function compileInForce(sources: SnapshotSources, clock: Clock, cacheDir?: string): InForce & { readonly planned: SnapshotSources } {
  const { config, policies } = sources;
  const registry = parseRegistry(sources.registry.text, sources.registry.file);
  const identities = parseIdentities(sources.identities.text, sources.identities.file, config.identity.trust_domain);
  const keeping = keepingIn(cacheDir);
  const plan = planOf(sources, clock, keeping);
  return { registry, identities, policy: loadPolicySet(policies, { cacheEntries: 0, ...policyLimits(config, clock), plan }), policyFiles: policies.length, planned: { ...sources, policyPlan: plan, dlpRules: rulesOf(sources, keeping) } };
}

/** The policy files as they were read, for the asker to close. Throws PolicyError. */
export function compileWritten(written: Pick<SnapshotSources, 'config' | 'policies'>, clock: Clock, cacheDir: string): PolicySet {
  return loadPolicySet(written.policies, { cacheEntries: 0, ...policyLimits(written.config, clock), plan: planOf(written, clock, keepingIn(cacheDir)) });
}

/** Whether the policy files are others than those in force. Throws PolicyError for a file that can't be read. */
export function policiesDiffer(root: string, config: GatewayConfig, inForce: InForce): boolean {
  return digestPolicies(readPolicies(root, config)) !== inForce.policy.digest;
}

export interface Surroundings {
  readonly root: string;
  /** Calls of an earlier run whose outcome nobody knows. */
  readonly unresolved: number;
  /** Why no secret can be redeemed. */
  readonly secrets: { readonly message: string; readonly remedy: string } | undefined;
  /** What the process may have open at once; undefined = nobody says. */
  readonly openFilesMax: number | undefined;
  readonly traces: TraceReport;
  /** Of the mTLS listener's own certificate; undefined = nothing is wrong. */
  readonly untimelyCertificate: string | undefined;
  /** Of the gateway's own environment. */
  readonly variable: (name: string) => string | undefined;
}

/** Connections to tool servers, the log, databases and what Node has open. */
const FILES_BESIDE = 256;

/** What an operator should know although nothing is refused. */
export function warningsOf(inForce: InForce, sources: SnapshotSources, around: Surroundings): string[] {
  const { config } = sources;
  const warnings = [...registryWarnings(inForce.registry), ...serverWarnings(inForce.registry)].map((warning) => `${sources.registry.file}:${warning.line}: ${warning.message}`);
  warnings.push(...inForce.policy.warnings.map(({ file, line, message }) => `${file}:${line}: ${message}`));
  const { root, unresolved, secrets, openFilesMax, variable, traces, untimelyCertificate } = around;
  warnings.push(...absentPolicyDirs(root, config).map((dir) => `policy.dirs: there is no folder ${dir}; no policy comes from it`));
  if (sources.dlpRules !== undefined) warnings.push(...absentCategories(sources.dlpRules).map((category) => `${config.dlp.dir} holds no rule of the category ${category}: layer 7 finds none`));
  if (openFilesMax !== undefined && openFilesMax < config.front.connections_max + FILES_BESIDE) {
    warnings.push(`front.connections_max: ${config.front.connections_max} connections may come, and this process may have ${openFilesMax} files open: raise its limit (ulimit -n, LimitNOFILE), or lower the key`);
  }
  if (untimelyCertificate !== undefined) warnings.push(untimelyCertificate);
  if (secrets !== undefined) warnings.push(`no secret can be redeemed: ${secrets.message} ${secrets.remedy}`);
  if (config.profile === 'dev') warnings.push(`profile dev: declared identities are believed from loopback${config.dev.trusted_peers.map((peer) => `, ${peer}`).join('')}`);
  if (inForce.identities.identities.length === 0) warnings.push(`${sources.identities.file} registers no identity: callers that declare one are refused`);
  if (config.profile === 'dev' && inForce.identities.defaultIdentity !== undefined) warnings.push(`requests without any evidence act as ${inForce.identities.defaultIdentity}`);
  if (config.guard.url === '') warnings.push('no guard model is configured: layer 10 says skipped');
  const { url, api_key_env: keyName } = config.guard;
  if (url !== '' && keyName !== '' && variable(keyName) === undefined) warnings.push(`guard.api_key_env: the gateway has no variable ${keyName}, and asks the guard without a key`);
  if (traces.because !== undefined) warnings.push(`no trace reaches the collector${traces.collector === undefined ? '' : ` ${traces.collector}`}: ${traces.because}`);
  if (unresolved > 0) warnings.push(`${unresolved} call(s) of an earlier run may have reached their server, and their outcome is unknown: agw audit search --type unresolved`);
  return warnings;
}

/** A folder that is not there is an empty one: said, because it may be a slip of the hand. */
export function absentPolicyDirs(root: string, config: GatewayConfig): string[] {
  return config.policy.dirs.filter((dir) => !existsSync(resolveInProject(root, dir)));
}
