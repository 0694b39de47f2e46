// Looks at every source on its own after one of them was found wrong: a person repairs all of them in one go.
import type { GatewayConfig } from '../base/config/schema.js';
import { joinRules, parseRules } from '../engines/dlp/rule-file.js';
import { parseIdentities } from '../engines/identity/identity-table.js';
import { listPackages } from '../engines/policy/plan.js';
import { loadPolicySet } from '../engines/policy/policy-set.js';
import { readPolicyDirs } from '../engines/policy/sources.js';
import type { PolicyClock } from '../engines/policy/types.js';
import { parseRegistry } from '../engines/registry/registry-file.js';
import { parseChains } from '../engines/session-risk/chains.js';
import { parseDestinations } from '../engines/step-up/destinations.js';
import { parseThresholds } from '../engines/step-up/thresholds.js';
import { readRules, readSource, type SourceFile } from './read-sources.js';

/** Each file's own fault, as it was thrown. Not those that need a thread's engines. */
export function findFileFaults(root: string, config: GatewayConfig): unknown[] {
  const each = <T>(file: string, parse: (source: SourceFile) => T): unknown[] => faultOf(() => parse(readSource(root, file)));
  return [
    ...each(config.registry.file, ({ text, file }) => parseRegistry(text, file)),
    ...each(config.identity.file, ({ text, file }) => parseIdentities(text, file, config.identity.trust_domain)),
    ...findRuleFaults(root, config),
    ...each(config.step_up.thresholds_file, ({ text, file }) => parseThresholds(text, file)),
    ...each(config.step_up.destinations_file, ({ text, file }) => parseDestinations(text, file)),
    ...each(config.session.chains_file, ({ text, file }) => parseChains(text, file)),
  ];
}

function findRuleFaults(root: string, config: GatewayConfig): unknown[] {
  const faults: unknown[] = [];
  try {
    const parsed = readRules(root, config.dlp.dir).flatMap((source) => {
      try {
        return [parseRules(source.text, source.file)];
      } catch (fault) {
        faults.push(fault);
        return [];
      }
    });
    joinRules(parsed);
  } catch (fault) {
    faults.push(fault);
  }
  return faults;
}

/** Every file that does not parse; when all do, what is wrong with them together. */
export function findPolicyFaults(root: string, config: GatewayConfig, clock: PolicyClock): unknown[] {
  try {
    const sources = readPolicyDirs(root, config.policy.dirs);
    const faults = sources.flatMap((source) => faultOf(() => listPackages([source])));
    return faults.length > 0 ? faults : faultOf(() => loadPolicySet(sources, { cacheEntries: 0, timeoutMs: config.policy.timeout_ms, sourceBytesMax: config.policy.source_bytes_max, clock }).close());
  } catch (fault) {
    return [fault];
  }
}

function faultOf(work: () => unknown): unknown[] {
  try {
    work();
    return [];
  } catch (fault) {
    return [fault];
  }
}
