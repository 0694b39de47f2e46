// kill -9 under load, again and again over one state folder: what a client was told is in the log, the chain is whole, open calls are named.
// SOAK_ROUNDS and SOAK_SECONDS set the rounds and their length; `node test/soak/kill9.mjs --rounds 100` is the long form.
import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, MCP, registration, toolText } from '../wire/calls.js';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const ROUNDS = Number(process.env['SOAK_ROUNDS'] ?? 5);
const ROUND_MS_MAX = Number(process.env['SOAK_SECONDS'] ?? 0.9) * 1000;
const ROUND_MS_MIN = 100;
const CLIENTS = 12;
const STRANGER_EVERY_MS = 50; // few enough to have a line each: what shares a line can't be told apart by its trace
const HANG_UP_EVERY = 7;

let server: ToolServer;
let streaming: ToolServer;
let gateway: GatewayProcess;
let stopped = false;

beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('echo'), toolText('wire_money')] });
  streaming = await startToolServer({ tools: [toolText('stream')], answering: 'sse_chatty' });
  gateway = await startGateway({
    config: { rate_limit: { per_minute: 100_000_000, burst: 100_000_000 }, audit: { file_bytes_max: 256 * 1024 } },
    policies: { 'all.rego': permitAll() },
    tools: [registration('echo', server.url), registration('wire_money', server.url, { risk_level: 'high' }), registration('stream', streaming.url)],
    files: { 'config/risk_thresholds.yaml': 'thresholds: {pass: 12, checked: 12, approval: 12}\n' },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
  await streaming.close();
});

interface Told {
  /** Trace ids of answers whose head came. */
  readonly heads: Set<string>;
  /** Trace ids of event streams that came to their end. */
  readonly streams: Set<string>;
}

/** Resolves once the exchange is over; false when the gateway is gone. A head counts at once, whatever becomes of the rest. */
function say(agent: Agent, body: string, headers: Readonly<Record<string, string>>, told: Told, hangUp: boolean): Promise<boolean> {
  const traceId = randomBytes(16).toString('hex');
  return new Promise((resolve) => {
    const one = request({ host: '127.0.0.1', port: gateway.port, method: 'POST', path: '/', agent, headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-${traceId.slice(0, 16)}-01`, ...headers } }, (response) => {
      told.heads.add(traceId);
      const isStream = response.headers['content-type'] === 'text/event-stream';
      response.resume();
      response.on('end', () => {
        if (isStream && response.complete) told.streams.add(traceId);
        resolve(true);
      });
      response.on('error', () => resolve(false));
    });
    one.on('error', () => resolve(hangUp));
    one.end(body, () => {
      if (hangUp) one.destroy();
    });
  });
}

/** Talks until the gateway is gone. */
async function client(n: number, told: Told): Promise<void> {
  const agent = new Agent({ keepAlive: n % 2 === 0, maxSockets: 1 });
  const names = ['echo', 'wire_money', 'stream', 'unknown'];
  for (let turn = 0; !stopped; turn++) {
    const name = names[(n + turn) % names.length] ?? 'echo';
    const headers = { 'x-spiffe-id': CALLER, ...(name === 'stream' ? MCP : {}) };
    if (!await say(agent, call(name, { text: `${n} ${turn}` }, turn), headers, told, n === 1 && turn % HANG_UP_EVERY === 0)) break;
  }
  agent.destroy();
}

/** Nobody's requests: an unknown identity, a body that is no JSON. */
async function stranger(told: Told): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let turn = 0; !stopped; turn++) {
    const sent = turn % 2 === 0 ? say(agent, call('echo'), { 'x-spiffe-id': 'spiffe://evil.example/x' }, told, false) : say(agent, '{"jsonrpc"', {}, told, false);
    if (!await sent) break;
    await sleep(STRANGER_EVERY_MS);
  }
  agent.destroy();
}

/** Without blocking this process, which is the tool server too. */
function verify(): Promise<{ readonly status: number | null; readonly said: string }> {
  const child = spawn(process.execPath, [AGW, 'audit', 'verify', '--json'], { cwd: gateway.dir, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (part: Buffer) => { said += part.toString(); });
  child.stderr.on('data', (part: Buffer) => { said += part.toString(); });
  return new Promise((resolve) => child.once('exit', (status) => resolve({ status, said })));
}

describe('a gateway killed under load', () => {
  it(`loses nothing it answered in ${ROUNDS} rounds`, async () => {
    const told: Told = { heads: new Set(), streams: new Set() };
    for (let round = 0; round < ROUNDS; round++) {
      stopped = false;
      const clients = [...Array.from({ length: CLIENTS }, (_, n) => client(n, told)), stranger(told)];
      await sleep(ROUND_MS_MIN + Math.floor(Math.random() * ROUND_MS_MAX));
      await gateway.kill9();
      stopped = true;
      await Promise.all(clients);
      await gateway.restart();
      const verified = await verify();
      expect(verified.status, `round ${round}: ${verified.said}`).toBe(0);
    }
    const lines = gateway.lines();
    const requests = lines.filter((line) => line['type'] === 'request');
    const recorded = new Set(requests.map((line) => line['trace_id']));
    expect([...told.heads].filter((traceId) => !recorded.has(traceId))).toEqual([]);
    expect(requests.length).toBe(recorded.size);
    const ended = new Set(lines.filter((line) => line['type'] === 'stream_end').map((line) => line['trace_id']));
    expect([...told.streams].filter((traceId) => !ended.has(traceId))).toEqual([]);
    expect(told.heads.size).toBeGreaterThan(ROUNDS * CLIENTS);
    expect(told.streams.size).toBeGreaterThan(ROUNDS);
    // Every intent has its request line, or was named as unresolved by a later start; never both.
    const answered = new Set(requests.map((line) => line['decision_id']));
    const unresolved = lines.filter((line) => line['type'] === 'unresolved').map((line) => line['decision_id']);
    const intents = lines.filter((line) => line['type'] === 'intent').map((line) => line['decision_id']);
    expect(intents.filter((id) => !answered.has(id) && !unresolved.includes(id))).toEqual([]);
    expect(unresolved.filter((id) => answered.has(id) || !intents.includes(id))).toEqual([]);
    expect(new Set(unresolved).size).toBe(unresolved.length);
    console.log(`kill -9: ${ROUNDS} rounds, ${told.heads.size} answers (${told.streams.size} whole streams), ${recorded.size} request lines, ${intents.length} intents, ${unresolved.length} unresolved, ${lines.length} lines`);
  }, 60_000 + ROUNDS * (ROUND_MS_MAX + 10_000));
});
