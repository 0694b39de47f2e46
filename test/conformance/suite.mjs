// Runs the conformance suite and reads what it found. A run is a folder of checks.json files; a check is counted as the suite counts it.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT, run } from '../../scripts/run-command.mjs';
import { requirementsFolder, suiteCommand } from './install.mjs';

export const VERSIONS = ['2025-11-25', '2026-07-28'];
const CLIENT_TIMEOUT_MS = 60_000; // a gateway starts within it

/**
 * @typedef {{ scenario: string, id: string, name: string, status: string, errorMessage?: string }} Check
 * @typedef {{ checks: Check[], code: number, output: string }} Found
 */

/** What a version asks of a server or of a client, the parts that do not count included. @param {string} version @param {'server' | 'client'} mode @returns {string[]} */
export function scenariosOf(version, mode) {
  const { [mode]: required, not_scored: others } = parse(readFileSync(join(requirementsFolder(), `${version}.yaml`), 'utf8'));
  return [...required, ...others.filter(({ leg }) => leg === mode).map(({ scenario }) => scenario)];
}

/** @param {string} folder @returns {Check[]} */
function readChecks(folder) {
  return readdirSync(folder).sort().flatMap((name) => {
    const scenario = name.replace(/^(server|client)-(?=.*-\d{4}-\d\d-\d\dT)/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    return JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8')).map((check) => ({ scenario, ...check }));
  });
}

/** @param {string[]} words @returns {Promise<Found>} */
async function runSuite(words) {
  const folder = mkdtempSync(join(tmpdir(), 'precinct-suite-'));
  try {
    const [node, program] = suiteCommand();
    const { code, output } = await run(node, [program, ...words, '-o', folder], { cwd: ROOT });
    return { checks: readChecks(folder), code, output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything the suite asks of a server of that version, or the named scenarios. @param {string} url @param {string} version @param {readonly string[]} [scenarios] */
export async function runServer(url, version, scenarios) {
  if (scenarios === undefined) return runSuite(['server', '--url', url, '--requirements', version]);
  return joined(scenarios, (scenario) => runSuite(['server', '--url', url, '--spec-version', version, '--scenario', scenario]));
}

/** @param {string} command takes the URL of the suite's server as its last word @param {string} version @param {readonly string[]} scenarios */
export function runClient(command, version, scenarios) {
  return joined(scenarios, (scenario) => runSuite(['client', '--command', command, '--spec-version', version, '--scenario', scenario, '--timeout', String(CLIENT_TIMEOUT_MS)]));
}

/** @param {readonly string[]} scenarios @param {(scenario: string) => Promise<Found>} runOne @returns {Promise<Found>} */
async function joined(scenarios, runOne) {
  /** @type {Found} */
  const all = { checks: [], code: 0, output: '' };
  for (const scenario of scenarios) {
    const { checks, code, output } = await runOne(scenario);
    all.checks.push(...checks.map((check) => ({ ...check, scenario })));
    all.code = Math.max(all.code, code);
    all.output += output;
  }
  return all;
}

/** @param {readonly Check[]} checks */
export function countOf(checks) {
  const of = (status) => checks.filter((check) => check.status === status).length;
  return { passed: of('SUCCESS'), failed: of('FAILURE'), warned: of('WARNING'), skipped: of('SKIPPED') };
}

const keyOf = ({ scenario, id, name }) => `${scenario}: ${id}${name === undefined || name === id ? '' : ` (${name})`}`;

/** Checks that hold of `direct` and not of `through`: failed more often, warned more often, or passed no more. @param {readonly Check[]} direct @param {readonly Check[]} through */
export function lostChecks(direct, through) {
  const tallies = new Map();
  for (const [side, checks] of [['direct', direct], ['through', through]]) {
    for (const check of checks) {
      const key = keyOf(check);
      const tally = tallies.get(key) ?? { key, scenario: check.scenario, id: check.id, direct: [], through: [] };
      tally[side].push(check);
      tallies.set(key, tally);
    }
  }
  return [...tallies.values()].filter((tally) => {
    const [before, after] = [countOf(tally.direct), countOf(tally.through)];
    return after.failed > before.failed || after.warned > before.warned || (before.passed > 0 && after.passed === 0);
  }).map(({ key, scenario, id, through: now }) => ({ key, scenario, id, said: now.find(({ status }) => status !== 'SUCCESS')?.errorMessage ?? (now.length === 0 ? 'the check was not reached' : '') }));
}
