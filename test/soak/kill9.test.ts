// kill -9 under load, again and again over one state folder: what a client was told is in the log, the chain is whole, open calls are named.
// SOAK_ROUNDS sets the rounds (make soak runs 100).
import { createHash, randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { ECHO_TEXT, startToolServer, type ToolServer } from '../support/tool-server.js';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const ROUNDS = Number(process.env['SOAK_ROUNDS'] ?? 4);
const CLIENTS = 12;
const ROUND_MS_MAX = 900;
const HIGH_TEXT = ECHO_TEXT.replace('"echo"', '"wire_money"');
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: [ECHO_TEXT, HIGH_TEXT] });
  const entry = (name: string, text: string, more: object = {}) => ({ name, upstream: server.url, hash: hashOf(text), description: 'Return the given text', ...more });
  gateway = await startGateway({
    config: { rate_limit: { per_minute: 100_000_000, burst: 100_000_000 }, audit: { file_bytes_max: 256 * 1024 } },
    policies: { 'all.rego': permitAll() },
    tools: [entry('echo', ECHO_TEXT), entry('wire_money', HIGH_TEXT, { risk_level: 'high' })],
    files: { 'config/risk_thresholds.yaml': 'thresholds: {pass: 12, checked: 12, approval: 12}\n' },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

/** Calls in a loop until the gateway is gone; every answer's trace id is kept. */
async function client(n: number, answered: Set<string>): Promise<void> {
  for (let i = 0; ; i++) {
    const traceId = randomBytes(16).toString('hex');
    const name = ['echo', 'wire_money', 'unknown'][(n + i) % 3] ?? 'echo';
    try {
      await gateway.post(JSON.stringify({ jsonrpc: '2.0', id: i, method: 'tools/call', params: { name, arguments: { text: `${n}` } } }), { traceparent: `00-${traceId}-${traceId.slice(0, 16)}-01` });
      answered.add(traceId);
    } catch {
      return;
    }
  }
}

describe('a gateway killed under load', () => {
  it(`loses nothing it answered in ${ROUNDS} rounds`, async () => {
    const answered = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const clients = Array.from({ length: CLIENTS }, (_, n) => client(n, answered));
      await sleep(100 + Math.floor(Math.random() * ROUND_MS_MAX));
      await gateway.kill9();
      await Promise.all(clients);
      await gateway.restart();
    }
    const lines = gateway.lines();
    const recorded = new Set(lines.filter((line) => line['type'] === 'request').map((line) => line['trace_id']));
    expect([...answered].filter((traceId) => !recorded.has(traceId))).toEqual([]);
    expect(answered.size).toBeGreaterThan(ROUNDS * CLIENTS);
    const verified = spawnSync(process.execPath, [AGW, 'audit', 'verify', '--json'], { cwd: gateway.dir, encoding: 'utf8' });
    expect(verified.status, verified.stdout + verified.stderr).toBe(0);
    // Every intent has its request line, or was named as unresolved by a later start.
    const settled = new Set(lines.filter((line) => line['type'] === 'request' || line['type'] === 'unresolved').map((line) => line['decision_id']));
    const open = lines.filter((line) => line['type'] === 'intent' && !settled.has(line['decision_id']));
    expect(open).toEqual([]);
    console.log(`kill -9: ${ROUNDS} rounds, ${answered.size} answers, ${recorded.size} request lines, ${lines.filter((line) => line['type'] === 'unresolved').length} unresolved, ${lines.length} lines`);
  }, 60_000 + ROUNDS * 8_000);
});
