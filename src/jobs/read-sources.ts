// Reads everything a snapshot is made of from disk, as text; one reading serves every thread.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { GatewayConfig } from '../base/config/schema.js';
import { ConfigFault, WHOLE_FILE } from '../base/config/fault.js';
import { resolveInProject, shownPath } from '../base/config/load.js';
import type { DlpRule } from '../engines/dlp/types.js';
import { readPolicyDirs } from '../engines/policy/sources.js';
import type { PolicyPlan, PolicySource } from '../engines/policy/types.js';

export interface SourceFile {
  /** As people know it, relative to the project. */
  readonly file: string;
  readonly text: string;
}

/** Everything a snapshot is made of, as text: each thread compiles its own. */
export interface SnapshotSources {
  readonly version: number;
  readonly config: GatewayConfig;
  readonly registry: SourceFile;
  readonly identities: SourceFile;
  readonly policies: readonly PolicySource[];
  /** What the control thread found out about these very policies: a gateway thread that had to find out itself would stand still for it (1.1 s with 10,000 rules). */
  readonly policyPlan?: PolicyPlan;
  readonly rules: readonly SourceFile[];
  /** These very files, read by the control thread. */
  readonly dlpRules?: readonly DlpRule[];
  readonly thresholds: SourceFile;
  readonly destinations: SourceFile;
  readonly chains: SourceFile;
}

/** Not the lock that Emacs lays beside an unsaved file (`.#x.yaml`, a link to nowhere), nor what macOS keeps beside one on other file systems (`._x.yaml`). */
const RULE_FILE = /^(?!\.[#_]).*\.ya?ml$/s;

/** Throws ConfigFault naming the file that can't be read. */
export function readSources(root: string, config: GatewayConfig, version: number): SnapshotSources {
  return {
    version,
    config,
    registry: readSource(root, config.registry.file),
    identities: readSource(root, config.identity.file),
    policies: readPolicies(root, config),
    rules: readRules(root, config.dlp.dir),
    thresholds: readSource(root, config.step_up.thresholds_file),
    destinations: readSource(root, config.step_up.destinations_file),
    chains: readSource(root, config.session.chains_file),
  };
}

export function readPolicies(root: string, config: GatewayConfig): readonly PolicySource[] {
  return readPolicyDirs(root, config.policy.dirs);
}

/** Of what lies in the folder of rules itself; folders below it are not read. */
export function isRuleFile(name: string): boolean {
  return RULE_FILE.test(name);
}

export function readRules(root: string, dir: string): SourceFile[] {
  const folder = resolveInProject(root, dir);
  let names: string[];
  try {
    names = readdirSync(folder).filter(isRuleFile).sort();
  } catch (cause) {
    throw unreadable(root, dir, cause);
  }
  return names.map((name) => readSource(root, relative(root, join(folder, name))));
}

export function readSource(root: string, file: string): SourceFile {
  try {
    return { file, text: readFileSync(resolveInProject(root, file), 'utf8') };
  } catch (cause) {
    throw unreadable(root, file, cause);
  }
}

/** Whether any file is another that is watched for itself: not policies, not rules. */
export function differInFiles(now: SnapshotSources, then: SnapshotSources): boolean {
  return (['registry', 'identities', 'thresholds', 'destinations', 'chains'] as const).some((part) => now[part].text !== then[part].text);
}

/** The config file may be any, and lie outside the folder the gateway was started in: the remedy says where the file was looked for. */
function unreadable(root: string, file: string, cause: unknown): ConfigFault {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
  return new ConfigFault(`the file can't be read (${code}).`, { file, ...WHOLE_FILE, remedy: `Restore ${shownPath(resolveInProject(root, file))}, or name another in the config file.` });
}
