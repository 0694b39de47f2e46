// Compiles sources into one frozen snapshot; a fault anywhere means no snapshot at all.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { GatewayConfig } from '../base/config/schema.js';
import type { Clock } from '../base/clock/clock.js';
import type { Snapshot } from '../chain/snapshot.js';
import { joinRules, parseRules } from '../engines/dlp/rule-file.js';
import type { DlpActions, DlpRule, DlpScanner } from '../engines/dlp/types.js';
import { parseIdentities } from '../engines/identity/identity-table.js';
import { digestPolicies, loadPolicySet } from '../engines/policy/policy-set.js';
import type { PolicySet } from '../engines/policy/types.js';
import { parseRegistry } from '../engines/registry/registry-file.js';
import { parseDestinations } from '../engines/step-up/destinations.js';
import { parseThresholds } from '../engines/step-up/thresholds.js';
import type { SnapshotSources } from './read-sources.js';

export interface SnapshotTools {
  readonly clock: Clock;
  /** The compiled policy engine, where another thread has it. */
  readonly policyModule?: WebAssembly.Module | undefined;
  readonly scannerFor: (rules: readonly DlpRule[], actions: DlpActions, config: GatewayConfig) => DlpScanner;
}

/**
 * Throws ConfigFault or PolicyError, each with file and line. Parts whose text did not change are taken over from `last`: compiled rules and a
 * warm decision cache are worth keeping.
 */
export function buildSnapshot(sources: SnapshotSources, last: Snapshot | undefined, tools: SnapshotTools): Snapshot {
  const { config } = sources;
  const registry = parseRegistry(sources.registry.text, sources.registry.file);
  const identities = parseIdentities(sources.identities.text, sources.identities.file, config.identity.trust_domain);
  const thresholds = parseThresholds(sources.thresholds.text, sources.thresholds.file);
  const destinations = parseDestinations(sources.destinations.text, sources.destinations.file);
  const rules = sources.dlpRules ?? joinRules(sources.rules.map((file) => parseRules(file.text, file.file)));
  const policy = policyFor(sources, last, tools);
  const requestRules = tools.scannerFor(rules, { credentials: config.dlp.credentials, injection: config.dlp.injection, pii: config.dlp.pii }, config);
  const responseRules = tools.scannerFor(rules, { credentials: config.response.credentials, injection: config.response.injection, pii: config.response.pii }, config);
  return Object.freeze({
    version: sources.version, config, policy, registry, requestRules, responseRules, identities, thresholds, destinations,
    digests: Object.freeze({
      policy: policy.digest, registry: registry.digest, rules: requestRules.digest, identities: identities.digest,
      thresholds: digestOf([thresholds.digest, destinations.digest, sources.chains.text]),
    }),
  });
}

export function policyFor({ policies, policyPlan, config }: Pick<SnapshotSources, 'policies' | 'policyPlan' | 'config'>, last: Snapshot | undefined, { clock, policyModule }: Pick<SnapshotTools, 'clock' | 'policyModule'>): PolicySet {
  // Before compiling, and by value: the config of a reload is another object even where nothing in it changed.
  if (last !== undefined && last.policy.digest === digestPolicies(policies) && isDeepStrictEqual(last.config.policy, config.policy)) return last.policy;
  return loadPolicySet(policies, {
    cacheEntries: config.policy.cache_entries, timeoutMs: config.policy.timeout_ms, sourceBytesMax: config.policy.source_bytes_max, clock, ...(policyPlan === undefined ? {} : { plan: policyPlan }), ...(policyModule === undefined ? {} : { module: policyModule }),
  });
}

function digestOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
