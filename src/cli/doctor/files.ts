// Checks of the files: each is there, is what it should be, and nobody else may read the keys.
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '../../base/clock/clock.js';
import { readEnvironment } from '../../base/config/environment.js';
import { ConfigFault, describeFault, placeText } from '../../base/config/fault.js';
import type { GatewayConfig } from '../../base/config/schema.js';
import { PolicyError } from '../../engines/policy/types.js';
import { readSource } from '../../jobs/read-sources.js';
import { openPolicies } from '../offline-policy.js';
import { plural } from '../printing.js';
import type { Project } from '../project.js';
import { bad, guarded, note, ok, type CheckResult } from './check.js';

/** Empty = the config itself is wrong, and nothing else can be checked by it. */
export async function checkConfig(project: Project): Promise<{ results: CheckResult[]; config: GatewayConfig | undefined }> {
  try {
    const config = await project.config();
    return { results: [ok('config', `${project.configFile}, profile ${config.profile}`)], config };
  } catch (error) {
    const found = error instanceof ConfigFault ? describeFault(error) : String(error);
    return { results: [bad('config', found, 'Repair the file, then: agw config check')], config: undefined };
  }
}

export async function checkFiles(project: Project, config: GatewayConfig): Promise<CheckResult[]> {
  const checks = [
    guarded('identities', () => checkIdentities(project, config)),
    guarded('registry', () => checkRegistry(project, config)),
    guarded('policies', () => checkPolicies(project, config)),
    guarded('other files', () => checkOthers(project, config)),
    guarded('DLP rules', () => checkRuleCategories(project, config)),
    guarded('key files', () => checkModes(project, config)),
    guarded('secrets', () => checkSecrets(project, config)),
  ];
  return (await Promise.all(checks)).flat();
}

async function checkIdentities(project: Project, config: GatewayConfig): Promise<CheckResult[]> {
  const { parseIdentities } = await import('../../engines/identity/identity-table.js');
  return faultsAsResults('identities', () => {
    const table = parseIdentities(readSource(project.root, config.identity.file).text, config.identity.file, config.identity.trust_domain);
    const count = `${plural(table.identities.length, 'identity').replace(/identitys$/, 'identities')} of ${table.trustDomain}`;
    if (table.identities.length > 0) return ok('identities', count);
    // Who proves an identity needs no entry.
    return config.profile === 'dev' ? note('identities', 'none is registered: callers that declare one are refused', 'agw identity add NAME') : ok('identities', `none is registered; ${config.profile} believes proofs alone`);
  });
}

async function checkRegistry(project: Project, config: GatewayConfig): Promise<CheckResult[]> {
  const { parseRegistry } = await import('../../engines/registry/registry-file.js');
  return faultsAsResults('registry', () => {
    const registry = parseRegistry(readSource(project.root, config.registry.file).text, config.registry.file);
    const count = `${plural(registry.tools.size, 'tool')} of ${plural(registry.upstreams.length, 'upstream')}`;
    return registry.tools.size === 0 ? note('registry', 'no tool is registered', 'agw tools add --from URL') : ok('registry', count);
  });
}

function absentDirs(project: Project, config: GatewayConfig): string[] {
  return config.policy.dirs.filter((dir) => !existsSync(project.path(dir)));
}

async function checkPolicies(project: Project, config: GatewayConfig): Promise<CheckResult[]> {
  try {
    const set = await openPolicies(project);
    set.close();
    const rules = set.packages.reduce((sum, item) => sum + item.rules.length, 0);
    const warnings = set.warnings.map((warning) => note('policies', `${placeText(warning)}: ${warning.message}`, 'See: agw policy list'));
    const absent = absentDirs(project, config).map((dir) => note('policies', `policy.dirs: there is no folder ${dir}`, 'Make it, or take it out of policy.dirs.'));
    return [...warnings, ...absent, rules === 0 ? note('policies', 'no rule: every call that needs one is denied', 'Write one below config/opa/policies') : ok('policies', `${plural(rules, 'rule')} in ${plural(set.packages.length, 'file')}`)];
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const { findPolicyFaults } = await import('../../jobs/find-faults.js');
    const faults = findPolicyFaults(project.root, config, systemClock).filter((fault) => fault instanceof PolicyError);
    return faults.map((fault) => bad('policies', `${placeText(fault)}: ${fault.message}`, 'Repair the file, then: agw policy reload'));
  }
}

/** Opens the store as the gateway does, without making a key: else a damaged one is noticed at the first call that needs it. */
async function checkSecrets(project: Project, { secrets, state_dir: stateDir }: GatewayConfig): Promise<CheckResult[]> {
  const file = secrets.file === '' ? join(project.stateDir, 'secrets.enc') : project.path(secrets.file);
  if (!existsSync(file)) return mayEnter(dirname(file)) ? [ok('secrets', 'none stored')] : [];
  const { createSecretFile } = await import('../../engines/secrets/file-store.js');
  const { parseSecretKey, readSecretKeyFile } = await import('../../engines/secrets/key-file.js');
  const { SecretFault } = await import('../../engines/secrets/fault.js');
  try {
    const key = secrets.key_env === '' ? readSecretKeyFile(secrets.key_file === '' ? join(project.stateDir, 'keys', 'secrets.key') : project.path(secrets.key_file)) : parseSecretKey(readEnvironment().secret(secrets.key_env) ?? '', `the environment variable ${secrets.key_env}`);
    const store = createSecretFile(file, key);
    const fault = store.fault();
    return [fault === undefined ? ok('secrets', plural(store.list().length, 'secret')) : bad('secrets', fault.message, fault.remedy)];
  } catch (error) {
    if (error instanceof SecretFault) return [bad('secrets', `${secrets.file === '' ? join(stateDir, 'secrets.enc') : secrets.file} can't be opened: ${error.message}`, error.remedy)];
    throw error;
  }
}

/** Each is read as the gateway reads it: what would stop a start is known before one. */
async function checkOthers(project: Project, config: GatewayConfig): Promise<CheckResult[]> {
  const { findOtherFaults } = await import('../../jobs/find-faults.js');
  return findOtherFaults(project.root, config).flatMap(({ what, file, faults }) => (faults.length === 0 ? [ok(what, file)] : faults.flatMap((fault) => faultResults(what, fault))));
}

async function checkRuleCategories(project: Project, config: GatewayConfig): Promise<CheckResult[]> {
  const { readRules } = await import('../../jobs/read-sources.js');
  const { absentCategories, parseRules } = await import('../../engines/dlp/rule-file.js');
  const absent = faultless(() => absentCategories(readRules(project.root, config.dlp.dir).flatMap(({ text, file }) => parseRules(text, file))));
  if (absent === undefined) return []; // said already, of the file itself
  return absent.map((category) => note('DLP rules', `no rule of the category ${category} in ${config.dlp.dir}: layer 7 finds none`, 'Restore the file from the repository. See: agw rules list'));
}

function faultless<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigFault) return undefined;
    throw error;
  }
}

/** Against other users of the machine: a key that they read or replace is theirs. */
function checkModes(project: Project, config: GatewayConfig): CheckResult[] {
  if (!existsSync(project.stateDir)) return [note('state folder', `${project.stateDir} is not there yet`, 'It is made at the first start: make up')];
  if (!statSync(project.stateDir).isDirectory()) return [bad('state folder', `${project.stateDir} is not a folder`, 'Remove it, or name another folder: state_dir')];
  const folder = (statSync(project.stateDir).mode & 0o077) !== 0 ? [bad('state folder', `${project.stateDir} is open to others`, `chmod 700 ${project.stateDir}`)] : [ok('state folder', project.stateDir)];
  if (!mayEnter(project.stateDir)) return folder;
  const secret = [join(project.stateDir, 'keys'), join(project.stateDir, 'approvers')].flatMap((dir) => filesIn(dir, /\.key$/));
  const named = [config.tls.private_key_file, config.secrets.key_file].filter((file) => file !== '').map((file) => project.path(file));
  const loose = [...secret, ...named].filter((file) => existsSync(file) && (statSync(file).mode & 0o077) !== 0);
  return [...folder, ...(loose.length === 0 ? [ok('key files', 'readable by their owner alone')] : loose.map((file) => bad('key files', `${file} is readable by others`, `chmod 600 ${file}`)))];
}

/** Of another user's folder nobody knows what is in it. */
function mayEnter(dir: string): boolean {
  try {
    accessSync(dir, constants.X_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function filesIn(dir: string, pattern: RegExp): string[] {
  return existsSync(dir) ? readdirSync(dir).filter((name) => pattern.test(name)).map((name) => join(dir, name)) : [];
}

function faultsAsResults(what: string, check: () => CheckResult): CheckResult[] {
  try {
    return [check()];
  } catch (error) {
    return faultResults(what, error);
  }
}

/** One for each place. Throws what is no fault of a file. */
function faultResults(what: string, error: unknown): CheckResult[] {
  if (!(error instanceof ConfigFault)) throw error;
  return [error, ...error.others].map((fault) => bad(what, `${placeText(fault)}: ${fault.message}`, fault.remedy ?? 'Repair the line.'));
}
