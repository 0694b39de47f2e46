// make clients: MCP clients and servers that nobody here wrote, through the gateway with all 13 layers. Prints who did what.
//   node test/clients/table/run.mjs [WORD …] [--write]     a WORD takes the rows whose names or roles have it; --write keeps what was run (results.json and the pages that show it)
// Exit code 1 when a row that was tried says no.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runScript, say, withProgress } from '../../../scripts/say.mjs';
import { startGatewayBefore } from '../../support/gateway-before.mjs';
import { installClients } from './install.mjs';
import { INTEGRATIONS } from './integrations.mjs';
import { firstLine, TRIES } from './outcomes.mjs';
import { judged, PATH_A, shown } from './path-a.mjs';
import { CLIENTS, SERVERS } from './rows.mjs';
import { driveSdk } from './sdk-client.mjs';
import { PAGES, RESULTS, writePages } from './table.mjs';

/** Every try has the same reason. @param {string} reason */
const all = (reason) => Object.fromEntries(TRIES.map((name) => [name, reason]));

/** @typedef {{ outcomes: import('./outcomes.mjs').Outcomes, seen?: unknown }} Result */

/** @param {{ plan?: import('./plans.mjs').Plan, refused?: string, start: () => Promise<{ url: string, stop: () => Promise<unknown> }> }} server @param {(gateway: Awaited<ReturnType<typeof startGatewayBefore>>) => Promise<Result>} work @returns {Promise<Result>} */
async function behindGateway(server, work) {
  const program = await server.start();
  try {
    const gateway = await startGatewayBefore(program.url, server.refused === undefined ? {} : { refused: server.refused });
    try {
      const result = await work(gateway);
      const { whole, said } = await gateway.verify();
      return whole ? result : { outcomes: all(`no: the audit log is not whole: ${said}`) };
    } finally {
      await gateway.stop();
    }
  } finally {
    await program.stop();
  }
}

const EVERYTHING_SERVER = SERVERS[0];

async function configuredOrAgent(row, gateway) {
  const seen = await row.run(gateway.url);
  return { outcomes: judged(seen, gateway.records()), seen: shown(seen) };
}

/** What was run takes its row's place; what was not keeps its own. */
function merged(rows, results) {
  const keptRows = JSON.parse(readFileSync(RESULTS, 'utf8'));
  const find = (list, row) => list.find(({ name, role }) => name === row.name && role === row.role);
  return rows.flatMap((row) => find(results, row) ?? find(keptRows, row) ?? []);
}

/** @param {Record<string, string | undefined>} missing */
function rowsOf(missing) {
  const because = ({ kind }) => (kind === undefined ? undefined : missing[kind]);
  const clients = CLIENTS.map((row) => ({ ...row, role: 'client', because: because(row), work: () => behindGateway(EVERYTHING_SERVER, async ({ url }) => ({ outcomes: await row.run(url) })) }));
  const servers = SERVERS.map((row) => ({ ...row, role: 'server', because: because(row), work: () => behindGateway(row, async ({ url }) => ({ outcomes: await driveSdk({ url, plan: row.plan, client: '2.x auto' }) })) }));
  const pathA = PATH_A.map((row) => ({ ...row, role: 'path A', because: because(row), work: () => behindGateway(EVERYTHING_SERVER, (gateway) => configuredOrAgent(row, gateway)) }));
  const integrations = INTEGRATIONS.map((row) => ({ ...row, role: 'integrations', because: because(row) }));
  return [...clients, ...servers, ...pathA, ...integrations];
}

await runScript(async () => {
  const { values, positionals } = parseArgs({ options: { write: { type: 'boolean', default: false } }, allowPositionals: true });
  const rows = rowsOf(await installClients());
  const results = [];
  for (const { name, version, role, example, because, work } of rows.filter((row) => positionals.length === 0 || positionals.some((word) => `${row.role} ${row.name}`.includes(word)))) {
    const { outcomes, seen } = because === undefined ? await withProgress(`${role} ${name}`, () => work().catch((error) => ({ outcomes: all(`no: ${firstLine(error)}`) }))) : { outcomes: all(because) };
    results.push({ name, version, role, ...(example === undefined ? {} : { example }), outcomes, ...(seen === undefined ? {} : { seen }) });
    say(`${[role, name, version].join(' ').trim()}: ${Object.entries(outcomes).map(([one, outcome]) => `${one} ${outcome}`).join('; ')}`);
  }
  if (values.write) {
    writeFileSync(RESULTS, `${JSON.stringify(merged(rows, results), undefined, 2)}\n`);
    writePages();
    say(`written: ${PAGES.join(', ')}`);
  }
  return results.some(({ outcomes }) => Object.values(outcomes).some((outcome) => outcome.startsWith('no'))) ? 1 : 0;
});
