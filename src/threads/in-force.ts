// The control thread's own copy of what decides: it answers the control plane from it, and proves a reload before any thread sees it.
import type { Clock } from '../base/clock/clock.js';
import type { InForce } from '../control/parts.js';
import { parseIdentities } from '../engines/identity/identity-table.js';
import { loadPolicySet } from '../engines/policy/policy-set.js';
import { parseRegistry } from '../engines/registry/registry-file.js';
import { registryWarnings } from '../engines/registry/warnings.js';
import type { SnapshotSources } from '../jobs/read-sources.js';

/** Throws ConfigFault or PolicyError. */
export function compileInForce(sources: SnapshotSources, clock: Clock): InForce {
  const { config } = sources;
  return {
    registry: parseRegistry(sources.registry.text, sources.registry.file),
    identities: parseIdentities(sources.identities.text, sources.identities.file, config.identity.trust_domain),
    policy: loadPolicySet(sources.policies, { cacheEntries: 0, timeoutMs: config.policy.timeout_ms, sourceBytesMax: config.policy.source_bytes_max, clock }),
    policyFiles: sources.policies.length,
  };
}

/** What an operator should know although nothing is refused. */
export function warningsOf(inForce: InForce, sources: SnapshotSources, audit: { readonly unresolved: number }): string[] {
  const { config } = sources;
  const warnings = registryWarnings(inForce.registry).map((warning) => `${sources.registry.file}:${warning.line}: ${warning.message}`);
  if (config.profile === 'dev') warnings.push('profile dev: declared identities are believed from loopback and dev.trusted_peers');
  if (config.profile === 'dev' && inForce.identities.defaultIdentity !== undefined) warnings.push(`requests without any evidence act as ${inForce.identities.defaultIdentity}`);
  if (config.guard.url === '') warnings.push('no guard model is configured: layer 10 says skipped');
  if (audit.unresolved > 0) warnings.push(`${audit.unresolved} call(s) of the last run were sent upstream and never answered: agw audit search --type unresolved`);
  return warnings;
}
