// make clients: MCP clients and servers that nobody here wrote, through the gateway with all 13 layers. Prints who did what.
//   node test/clients/table/run.mjs [WORD …] [--write]     a WORD takes the rows whose names have it; --write keeps the table (results.json, docs/clients.md)
// Exit code 1 when a row that was tried says no.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runScript, say, withProgress } from '../../../scripts/say.mjs';
import { startGatewayBefore } from '../../support/gateway-before.mjs';
import { installClients } from './install.mjs';
import { firstLine, TRIES } from './outcomes.mjs';
import { CLIENTS, SERVERS } from './rows.mjs';
import { driveSdk } from './sdk-client.mjs';
import { RESULTS, writePage } from './table.mjs';

/** Every try has the same reason. @param {string} reason */
const all = (reason) => Object.fromEntries(TRIES.map((name) => [name, reason]));

/** @param {{ plan?: import('./plans.mjs').Plan, refused?: string, start: () => Promise<{ url: string, stop: () => Promise<unknown> }> }} server @param {(url: string) => Promise<import('./outcomes.mjs').Outcomes>} work */
async function behindGateway(server, work) {
  const program = await server.start();
  try {
    const gateway = await startGatewayBefore(program.url, server.refused === undefined ? {} : { refused: server.refused });
    try {
      const outcomes = await work(gateway.url);
      const { whole, said } = await gateway.verify();
      return whole ? outcomes : all(`no: the audit log is not whole: ${said}`);
    } finally {
      await gateway.stop();
    }
  } finally {
    await program.stop();
  }
}

const EVERYTHING_SERVER = SERVERS[0];

/** @param {Record<string, string | undefined>} missing */
function rowsOf(missing) {
  const because = ({ kind }) => (kind === undefined ? undefined : missing[kind]);
  const clients = CLIENTS.map((row) => ({ ...row, role: 'client', because: because(row), work: () => behindGateway(EVERYTHING_SERVER, row.run) }));
  const servers = SERVERS.map((row) => ({ ...row, role: 'server', because: because(row), work: () => behindGateway(row, (url) => driveSdk({ url, plan: row.plan, client: '2.x auto' })) }));
  return [...clients, ...servers];
}

await runScript(async () => {
  const { values, positionals } = parseArgs({ options: { write: { type: 'boolean', default: false } }, allowPositionals: true });
  const missing = await installClients();
  const results = [];
  for (const { name, version, role, because, work } of rowsOf(missing).filter((row) => positionals.length === 0 || positionals.some((word) => row.name.includes(word)))) {
    const outcomes = because === undefined ? await withProgress(`${role} ${name}`, () => work().catch((error) => all(`no: ${firstLine(error)}`))) : all(because);
    results.push({ name, version, role, outcomes });
    say(`${role} ${name} ${version}: ${TRIES.map((one) => `${one} ${outcomes[one]}`).join('; ')}`);
  }
  if (values.write) {
    writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
    writePage();
    say(`written: ${join('docs', 'clients.md')}`);
  }
  return results.some(({ outcomes }) => Object.values(outcomes).some((outcome) => outcome.startsWith('no'))) ? 1 : 0;
});
