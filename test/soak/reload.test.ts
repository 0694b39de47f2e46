// Reloads under load: no call fails because of one, and memory does not grow with them.
// RELOAD_MINUTES sets how long; `node test/soak/reload.mjs --minutes 10` is the long form.
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { residentMib } from '../support/resident.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, registration, toolText } from '../wire/calls.js';

const MINUTES = Number(process.env['RELOAD_MINUTES'] ?? 0.1);
const CLIENTS = 4;
const EVERY_MS = MINUTES < 1 ? 500 : 10_000;
const SAMPLE_MS = MINUTES < 1 ? 100 : 1_000;
const BYTES_PER_MIB = 1024 * 1024;
const CURVE_FILE = process.env['RELOAD_CURVE'];
/**
 * Of the last quarter over the second; the first is the warm-up. A compiled rule set is more than 1 MiB: leaked with every reload, the 15 of a quarter's
 * length in ten minutes pass both bounds over the two quarters between. Seconds are too short to tell a leak from a heap that is still finding its size.
 */
const GROWTH_MIB_MAX = MINUTES < 1 ? { rss: 120, heap: 60 } : { rss: 24, heap: 12 };

interface Sample {
  readonly second: number;
  readonly rssMib: number;
  /** Of all threads, garbage included. */
  readonly heapMib: number;
}

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

async function sample(second: number): Promise<Sample> {
  const { text } = await gateway.control('GET', '/metrics');
  return { second, rssMib: residentMib(gateway.pid), heapMib: Number(/^precinct_heap_bytes (\S+)/m.exec(text)?.[1]) / BYTES_PER_MIB };
}

/** RSS: the median, for it falls only by chance. Heap: the least, for what is above it is garbage. */
function quarters(samples: readonly Sample[]): { readonly quarter: string; readonly rssMib: number; readonly heapMib: number }[] {
  return ['first quarter', 'second', 'third', 'last'].map((quarter, i) => {
    const part = samples.slice(Math.floor((samples.length * i) / 4), Math.floor((samples.length * (i + 1)) / 4));
    return { quarter, rssMib: part.map((one) => one.rssMib).sort((a, b) => a - b)[part.length >> 1] ?? NaN, heapMib: Math.min(...part.map((one) => one.heapMib)) };
  });
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
    const samples: Sample[] = [];
    const began = performance.now();
    const watch = (async () => {
      while (running) {
        samples.push(await sample((performance.now() - began) / 1000));
        await sleep(SAMPLE_MS);
      }
    })();
    const digests = new Set<unknown>();
    const rounds = Math.ceil((MINUTES * 60_000) / EVERY_MS);
    for (let generation = 1; generation <= rounds; generation++) {
      write(generation);
      const path = generation % 3 === 0 ? '/v1/policy/reload' : '/v1/reload';
      const answer = await gateway.control('POST', path);
      expect(answer.status, answer.text).toBe(200);
      digests.add(answer.json['policy_digest'] ?? (answer.json['digests'] as { policy: unknown }).policy);
      await sleep(EVERY_MS);
    }
    running = false;
    await Promise.all([...clients, watch]);
    agent.destroy();
    expect([...statuses.keys()]).toEqual([200]);
    expect(digests.size).toBe(rounds);
    const rows = quarters(samples);
    const calls = statuses.get(200) ?? 0;
    console.log(`reload: ${rounds} reloads, ${calls} calls; ${rows.map((row) => `${row.quarter}: RSS ${row.rssMib.toFixed(0)}, heap ${row.heapMib.toFixed(0)} MiB`).join('; ')}`);
    if (CURVE_FILE !== undefined) writeFileSync(CURVE_FILE, JSON.stringify({ minutes: MINUTES, reloads: rounds, calls, growthMibMax: GROWTH_MIB_MAX, rows, samples }));
    expect((rows[3]?.rssMib ?? NaN) - (rows[1]?.rssMib ?? NaN)).toBeLessThan(GROWTH_MIB_MAX.rss);
    expect((rows[3]?.heapMib ?? NaN) - (rows[1]?.heapMib ?? NaN)).toBeLessThan(GROWTH_MIB_MAX.heap);
  }, 120_000 + MINUTES * 120_000);
});
