// Reloads under load: no call fails because of one, and memory does not grow with them.
// RELOAD_MINUTES sets how long; `node test/soak/reload.mjs --minutes 10` is the long form.
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, registration, toolText } from '../wire/calls.js';

const MINUTES = Number(process.env['RELOAD_MINUTES'] ?? 0.1);
const CLIENTS = 4;
const EVERY_MS = MINUTES < 1 ? 500 : 2_000;
const KIB_PER_MIB = 1024;
const GROWTH_MIB_MAX = 120; // of the second half over the first: what a leak of one compiled rule set per reload passes soon, and a garbage collector's whim does not

let server: ToolServer;
let gateway: GatewayProcess;

const registryText = (generation: number): string => JSON.stringify({ tools: [{ description: `generation ${generation}`, risk_level: 'low', input_schema: {}, ...registration('echo', server.url, { description: `generation ${generation}` }) }] });
const policyText = (generation: number): string => `${permitAll()}\ngeneration := ${generation}\n`;
const rulesText = (generation: number): string => JSON.stringify({ rules: [{ id: `generation-${generation}`, category: 'pii', description: 'Changes with every reload', pattern: `generation-${generation}-[0-9]{4}`, hits: [`generation-${generation}-1234`, `generation-${generation}-5678`], misses: ['generation', `generation-${generation}-abc`] }] });

function write(generation: number): void {
  writeFileSync(join(gateway.dir, 'config/capability-registry-v2.yaml'), registryText(generation));
  writeFileSync(join(gateway.dir, 'config/opa/policies/all.rego'), policyText(generation));
  writeFileSync(join(gateway.dir, 'config/dlp/generation.yaml'), rulesText(generation));
}

beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('echo')] });
  // Whether this machine has time for the gateway is not the question here.
  gateway = await startGateway({
    config: { rate_limit: { per_minute: 100_000_000, burst: 100_000_000 }, front: { shed_after_ms: 0 } }, policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)],
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

function rssMib(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / KIB_PER_MIB;
}

function callOnce(agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const one = request({ host: '127.0.0.1', port: gateway.port, method: 'POST', path: '/', agent, headers: { 'content-type': 'application/json', 'x-spiffe-id': CALLER } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    one.on('error', reject);
    one.end(call('echo', { text: 'hi' }));
  });
}

describe('a gateway that is reloaded again and again', () => {
  it.skipIf(process.platform !== 'linux')(`serves every call for ${MINUTES} minutes, and keeps its size`, async () => {
    const statuses = new Map<number, number>();
    let running = true;
    const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (running) {
        const status = await callOnce(agent);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    const sizes: number[] = [];
    const digests = new Set<unknown>();
    const rounds = Math.ceil((MINUTES * 60_000) / EVERY_MS);
    for (let generation = 1; generation <= rounds; generation++) {
      write(generation);
      const path = generation % 3 === 0 ? '/v1/policy/reload' : '/v1/reload';
      const answer = await gateway.control('POST', path);
      expect(answer.status, answer.text).toBe(200);
      digests.add(answer.json['policy_digest'] ?? (answer.json['digests'] as { policy: unknown }).policy);
      sizes.push(rssMib());
      await sleep(EVERY_MS);
    }
    running = false;
    await Promise.all(clients);
    agent.destroy();
    expect([...statuses.keys()]).toEqual([200]);
    expect(digests.size).toBe(rounds);
    const half = Math.floor(sizes.length / 2);
    const growth = Math.max(...sizes.slice(half)) - Math.max(...sizes.slice(0, half));
    console.log(`reload: ${rounds} reloads, ${statuses.get(200)} calls, RSS in MiB first ${sizes[0]?.toFixed(0)}, largest of the first half ${Math.max(...sizes.slice(0, half)).toFixed(0)}, of the second ${Math.max(...sizes.slice(half)).toFixed(0)}, last ${sizes.at(-1)?.toFixed(0)}`);
    expect(growth).toBeLessThan(GROWTH_MIB_MAX);
  }, 120_000 + MINUTES * 120_000);
});
