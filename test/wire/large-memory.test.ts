// What large bodies leave behind in memory: as much as some at once need, however many come. Shared memory is not counted by V8, so that nothing else would notice.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { residentMib } from '../support/resident.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, registration, toolText } from './calls.js';

const MIB = 1024 * 1024;
const SECRET = `AKIA${'Q'.repeat(16)}`;
/** Four bodies at once, in each of the two places where one has memory, and what the engine has not collected yet; forty that stayed would be four hundred. */
const GROWTH_MIB_MAX = 200;

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('echo')] });
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { rate_limit: { per_minute: 1_000_000, burst: 100_000 } } });
});
afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const words = (bytes: number, more = ''): string => call('echo', { text: `${'some words '.repeat(Math.floor(bytes / 11))}${more}` });

async function send(body: string, calls: number, atOnce: number): Promise<Set<number>> {
  const statuses = new Set<number>();
  let left = calls;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (left-- > 0) statuses.add((await gateway.post(body)).status);
  }));
  return statuses;
}

describe.skipIf(process.platform !== 'linux')('memory after large bodies', () => {
  it.each([
    ['that pass', words(9 * MIB), 200], ['that are refused for what is in them', words(9 * MIB, SECRET), 403],
  ])('stays what some at once need, of bodies %s', async (_which, body, status) => {
    await send(words(1.5 * MIB), 40, 16); // pieces of another size
    expect(await send(body, 8, 4)).toEqual(new Set([status]));
    const before = residentMib(gateway.pid);
    await send(body, 40, 4);
    expect(residentMib(gateway.pid) - before).toBeLessThan(GROWTH_MIB_MAX);
  });
});
