// make conformance: the official suite against the fixture, direct and with the gateway between, both versions, as server and as client. Prints what each found and every check that the gateway loses.
//   node test/conformance/run.mjs [server|client] [VERSION] [--scenario NAME …] [--write]     --write keeps the counts (results.json, docs/conformance.md)
// Exit code 1 when a check is lost that known-losses.mjs does not name, or one it names is lost no more.
import { parseArgs } from 'node:util';
import { green, note, red, runScript, say, Stop, withProgress } from '../../scripts/say.mjs';
import { startFixtureServer } from './fixture/server.mjs';
import { startGatewayBefore } from '../support/gateway-before.mjs';
import { installSuite } from './install.mjs';
import { KNOWN_LOSSES, NOT_APPLICABLE } from './known-losses.mjs';
import { writeResults } from './results.mjs';
import { countOf, lostChecks, runClient, runServer, scenariosOf, VERSIONS } from './suite.mjs';

const MODES = ['server', 'client'];
const LAYERS = 13;

/** What the audit log says of a run: every request has its record, and crossed every layer. @param {Awaited<ReturnType<typeof startGatewayBefore>>} gateway */
async function auditOf(gateway) {
  const records = gateway.records();
  const short = records.filter((record) => record.layers_traversed.length !== LAYERS).length;
  const { whole, said } = await gateway.verify();
  if (!whole) throw new Error(`the audit log is not whole: ${said}`);
  if (short > 0) throw new Error(`${short} of ${records.length} records lack layers`);
  return records.length;
}

/** @param {string} version @param {readonly string[] | undefined} scenarios */
async function asServer(version, scenarios) {
  const fixture = await startFixtureServer(0);
  try {
    const direct = await runServer(fixture.url, version, scenarios);
    const gateway = await startGatewayBefore(fixture.url);
    try {
      const through = await runServer(gateway.url, version, scenarios);
      return { direct, through, records: await auditOf(gateway) };
    } finally {
      await gateway.stop();
    }
  } finally {
    await fixture.close();
  }
}

/** @param {string} version @param {readonly string[]} [scenarios] */
async function asClient(version, scenarios = scenariosOf(version, 'client').filter((name) => !name.startsWith('auth/'))) {
  const direct = await runClient('node test/conformance/fixture/client.mjs', version, scenarios);
  const through = await runClient('node test/conformance/client-through-gateway.mjs', version, scenarios);
  return { direct, through, records: undefined };
}

/** @param {{ passed: number, failed: number, warned: number }} count */
const shown = ({ passed, failed, warned }) => `${passed} passed, ${failed} failed${warned === 0 ? '' : `, ${warned} warned`}`;

/** Failed checks by scenario. */
function failures(checks) {
  const failed = checks.filter(({ status }) => status === 'FAILURE');
  return [...new Set(failed.map(({ scenario }) => scenario))].map((one) => `    ${one}: ${failed.filter(({ scenario }) => scenario === one).map(({ id }) => id).join(', ')}`);
}

/** @param {string} mode @param {string} version @param {readonly string[] | undefined} scenarios */
async function runOne(mode, version, scenarios) {
  const { direct, through, records } = await withProgress(`${mode} ${version}`, () => (mode === 'server' ? asServer(version, scenarios) : asClient(version, scenarios)));
  const lost = lostChecks(direct.checks, through.checks);
  const known = KNOWN_LOSSES.filter((one) => one.mode === mode && one.version === version && (scenarios === undefined || scenarios.includes(one.scenario)));
  const reasonOf = (loss) => known.find(({ scenario, id }) => scenario === loss.scenario && id === loss.id)?.reason;
  const stale = known.filter((one) => !lost.some(({ scenario, id }) => scenario === one.scenario && id === one.id));

  say(`${mode} ${version}`);
  say(`  direct           ${shown(countOf(direct.checks))}${mode === 'server' ? `, the suite says ${direct.code === 0 ? 'conformant' : 'NOT conformant'}` : ''}`);
  failures(direct.checks).forEach((line) => say(line));
  say(`  through gateway  ${shown(countOf(through.checks))}${mode === 'server' ? `, the suite says ${through.code === 0 ? 'conformant' : 'NOT conformant'}` : ''}${records === undefined ? '' : `; ${records} audit records, each of ${LAYERS} layers`}`);
  for (const loss of lost) say(`  ${reasonOf(loss) === undefined ? red('lost ') : 'known'} ${loss.key}\n        ${reasonOf(loss) ?? loss.said}`);
  for (const one of stale) say(`  ${red('stale')} ${one.scenario}: ${one.id} is lost no more: take it out of known-losses.mjs`);
  const unknown = lost.filter((loss) => reasonOf(loss) === undefined);
  if (lost.length === 0) say(`  ${green('nothing lost')}`);
  return { mode, version, direct: countOf(direct.checks), through: countOf(through.checks), lost: lost.map(({ scenario, id }) => ({ scenario, id, reason: reasonOf({ scenario, id }) })), isFine: unknown.length === 0 && stale.length === 0 };
}

await runScript(async () => {
  const { values, positionals } = parseArgs({ options: { scenario: { type: 'string', multiple: true }, write: { type: 'boolean', default: false } }, allowPositionals: true });
  if (values.write && values.scenario !== undefined) throw new Stop('Some scenarios are no result to keep.', 'Leave out --scenario, or --write.');
  await installSuite();
  const results = [];
  for (const mode of MODES.filter((one) => !positionals.some((word) => MODES.includes(word)) || positionals.includes(one))) {
    for (const version of VERSIONS.filter((one) => !positionals.some((word) => VERSIONS.includes(word)) || positionals.includes(one))) results.push(await runOne(mode, version, values.scenario));
  }
  for (const { mode, scenarios, reason } of NOT_APPLICABLE) note(`${mode} ${scenarios}: not run: ${reason}`);
  if (values.write) writeResults(results);
  return results.every(({ isFine }) => isFine) ? 0 : 1;
});
