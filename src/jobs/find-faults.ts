// Looks at every source on its own after one of them was found wrong: a person repairs all of them in one go.
import type { GatewayConfig } from '../base/config/schema.js';
import { joinRules, parseRules } from '../engines/dlp/rule-file.js';
import { parseIdentities } from '../engines/identity/identity-table.js';
import { listPackages } from '../engines/policy/plan.js';
import { loadPolicySet } from '../engines/policy/policy-set.js';
import type { PolicyClock, PolicySource } from '../engines/policy/types.js';
import { parseRegistry } from '../engines/registry/registry-file.js';
import { parseChains } from '../engines/session-risk/chains.js';
import { parseDestinations } from '../engines/step-up/destinations.js';
import { parseThresholds } from '../engines/step-up/thresholds.js';
import { policyLimits, sameTexts } from './plan-sources.js';
import { readPolicies, readRules, readSource, type SnapshotSources, type SourceFile } from './read-sources.js';

interface OneFile {
  readonly part: 'registry' | 'identities' | 'thresholds' | 'destinations' | 'chains';
  readonly file: (config: GatewayConfig) => string;
  readonly parse: (source: SourceFile, config: GatewayConfig) => unknown;
}

const FILES: readonly OneFile[] = [
  { part: 'registry', file: (config) => config.registry.file, parse: ({ text, file }) => parseRegistry(text, file) },
  { part: 'identities', file: (config) => config.identity.file, parse: ({ text, file }, { identity }) => parseIdentities(text, file, identity.trust_domain) },
  { part: 'thresholds', file: (config) => config.step_up.thresholds_file, parse: ({ text, file }) => parseThresholds(text, file) },
  { part: 'destinations', file: (config) => config.step_up.destinations_file, parse: ({ text, file }) => parseDestinations(text, file) },
  { part: 'chains', file: (config) => config.session.chains_file, parse: ({ text, file }) => parseChains(text, file) },
];

/** Each file's own fault, as it was thrown. Not those that need a thread's engines. */
export function findFileFaults(root: string, config: GatewayConfig): unknown[] {
  return [...FILES.flatMap(({ file, parse }) => faultOf(() => parse(readSource(root, file(config)), config))), ...findRuleFaults(root, config)];
}

/** Of the files that have no check of their own in `agw doctor`. */
export function findOtherFaults(root: string, config: GatewayConfig): { readonly what: string; readonly file: string; readonly faults: readonly unknown[] }[] {
  const named = { thresholds: 'risk thresholds', destinations: 'destinations', chains: 'session chains' } as const;
  const files = FILES.flatMap(({ part, file, parse }) => (part in named ? [{ what: named[part as keyof typeof named], file: file(config), faults: faultOf(() => parse(readSource(root, file(config)), config)) }] : []));
  return [...files, { what: 'DLP rules', file: config.dlp.dir, faults: findRuleFaults(root, config) }];
}

/** What is watched, each file for itself: one that is wrong stays as it was in `last`, and holds up no other. */
export function readSoundFiles(root: string, last: SnapshotSources): { readonly sources: SnapshotSources; readonly faults: readonly unknown[] } {
  const { config } = last;
  const rules = readSoundRules(root, last);
  const faults = [...rules.faults];
  const taken: Partial<Record<OneFile['part'], SourceFile>> = {};
  for (const { part, file, parse } of FILES) {
    try {
      const source = readSource(root, file(config));
      parse(source, config);
      taken[part] = source;
    } catch (fault) {
      faults.push(fault);
    }
  }
  return { sources: { ...last, ...taken, ...(rules.faults.length === 0 ? { rules: rules.sources } : {}), version: last.version + 1 }, faults };
}

/** Reading 300 rules takes longer than all else: what is in force already is right. */
function readSoundRules(root: string, { rules: last, config }: SnapshotSources): { readonly sources: readonly SourceFile[]; readonly faults: readonly unknown[] } {
  try {
    const sources = readRules(root, config.dlp.dir);
    return { sources, faults: sameTexts(sources, last) ? [] : findRuleFaults(root, config) };
  } catch (fault) {
    return { sources: last, faults: [fault] };
  }
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
    return faultsOfPolicies(readPolicies(root, config), config, clock);
  } catch (fault) {
    return [fault];
  }
}

/** The same, of what was read. */
export function faultsOfPolicies(sources: readonly PolicySource[], config: GatewayConfig, clock: PolicyClock): unknown[] {
  const faults = sources.flatMap((source) => faultOf(() => listPackages([source])));
  return faults.length > 0 ? faults : faultOf(() => loadPolicySet(sources, { cacheEntries: 0, ...policyLimits(config, clock) }).close());
}

function faultOf(work: () => unknown): unknown[] {
  try {
    work();
    return [];
  } catch (fault) {
    return [fault];
  }
}
