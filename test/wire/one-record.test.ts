// Whatever happens to a request, and whenever its client leaves: one request line, a stream_end for each stream, and nothing left behind.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type Script, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, initialize, MCP, modernCall, openSession, registration, toolText } from './calls.js';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const REQUESTS = 1500;
const AT_ONCE = 40;
const LEAVES_WITHIN_MS = 12;

/** Numbers that look drawn at random and are the same in every run. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SCRIPTS: readonly Script[] = [
  ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine')),
  ({ idText }, response) => void setTimeout(() => jsonAnswer(response, resultFor(idText, 'late')), 5),
  ({ idText }, response) => {
    sseHead(response);
    response.write('data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n');
    setTimeout(() => response.end(`data: ${resultFor(idText, 'streamed')}\n\n`), 5);
  },
  (_seen, response) => void response.writeHead(500).end(),
  (_seen, response) => void response.destroy(),
  (_seen, response) => {
    sseHead(response);
    response.write('data: {"jsonrpc"', () => setTimeout(() => response.destroy(), 3));
  },
  ({ idText }, response) => jsonAnswer(response, resultFor(`"not ${idText.replaceAll('"', '')}"`, 'another')),
];

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer(['echo', 'risky', 'critical'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() },
    tools: [registration('echo', server.url), registration('risky', server.url, { risk_level: 'high' }), registration('critical', server.url, { risk_level: 'critical' })],
    // No shared lines: how many requests fall into one second is the machine's affair.
    config: { audit: { unidentified_per_second: 1_000_000 }, breaker: { failures_to_open: 1000 }, rate_limit: { per_minute: 1_000_000, burst: 100_000 }, session: { mcp_sessions_per_caller_max: 5 }, dlp: { inline_bytes_max: 600 }, step_up: { pending_per_caller_max: 10_000 } },
    files: { 'config/risk_thresholds.yaml': 'thresholds: {pass: 12, checked: 12, approval: 12}\n' },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

describe('requests of every kind, whose clients leave at any moment', () => {
  it('have one record each, and leave nothing behind', async () => {
    const draw = sequence(7);
    server.script = (seen, response) => SCRIPTS[draw(SCRIPTS.length)]?.(seen, response);
    const sessions = await Promise.all([1, 2, 3].map(() => openSession(gateway)));
    const modern = modernCall('echo', { text: 'x' });
    const kinds: readonly (() => { readonly method?: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>> })[] = [
      () => ({ body: call('echo', { text: 'x' }) }), () => ({ body: call('risky', { text: 'x' }), headers: MCP }), () => ({ body: call('critical', { n: draw(1000) }) }), () => ({ body: call('echo', { text: 'y'.repeat(900) }) }),
      () => ({ body: call('echo'), headers: sessions[draw(3)] ?? {} }), () => ({ body: modern.body, headers: modern.headers }), () => ({ body: call('unknown') }), () => ({ body: '{"jsonrpc":' }), () => ({ body: initialize() }),
      () => ({ body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}', headers: MCP }), () => ({ body: '{"jsonrpc":"2.0","method":"notifications/cancelled"}', headers: sessions[draw(3)] ?? {} }),
      () => ({ method: 'GET', headers: sessions[draw(3)] ?? {} }), () => ({ method: 'GET' }), () => ({ method: 'DELETE', headers: { 'mcp-session-id': 'none' } }), () => ({ body: call('echo'), headers: { 'x-spiffe-id': 'spiffe://poc.local/none' } }),
    ];
    const answered = new Set<string>();
    let sent = 0;
    const one = (): Promise<void> => new Promise((resolve) => {
      const { method = 'POST', body, headers } = kinds[draw(kinds.length)]?.() ?? {};
      const traceId = randomBytes(16).toString('hex');
      const asked = request({ host: '127.0.0.1', port: gateway.port, path: '/', method, agent: false, headers: { 'x-spiffe-id': CALLER, ...(body === undefined ? {} : { 'content-type': 'application/json' }), traceparent: `00-${traceId}-${traceId.slice(0, 16)}-01`, ...headers } }, (response) => {
        answered.add(traceId);
        response.resume();
        response.on('close', resolve);
      });
      asked.on('error', () => resolve());
      asked.on('close', resolve);
      asked.end(body);
      const leaves = draw(3);
      if (method === 'GET' || leaves > 0) setTimeout(() => asked.destroy(), draw(LEAVES_WITHIN_MS));
    });
    const worker = async (): Promise<void> => {
      while (sent < REQUESTS) {
        sent++;
        await one();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const atRest = async (): Promise<boolean> => {
      const before = gateway.lines().length;
      await new Promise((resolve) => setTimeout(resolve, 400));
      return gateway.lines().length === before;
    };
    expect(await eventually(atRest)).toBe(true);

    const requests = gateway.lines('request');
    const traces = requests.filter((line) => line['repeated'] === undefined).map((line) => String(line['trace_id']));
    expect(new Set(traces).size).toBe(traces.length);
    const recorded = new Set(traces);
    expect([...answered].filter((traceId) => !recorded.has(traceId))).toEqual([]);
    const count = (type: string) => gateway.lines(type).map((line) => String(line['decision_id']));
    const ends = count('stream_end');
    expect(new Set(ends).size).toBe(ends.length);
    expect(requests.filter((line) => line['method'] === 'GET' && line['decision'] === 'ALLOW' && !ends.includes(String(line['decision_id'])))).toEqual([]);
    const decided = new Set(requests.map((line) => String(line['decision_id'])));
    expect([...ends, ...count('intent')].filter((id) => !decided.has(id))).toEqual([]);
    const words = requests.filter((line) => line['repeated'] === undefined).map((line) => (line['layers_traversed'] as { verdict: string }[]).map((layer) => layer.verdict));
    expect(words.every((verdicts) => verdicts.length === 13)).toBe(true);
    const torn = words.filter((verdicts) => verdicts.indexOf('not_reached') !== -1 && verdicts.slice(verdicts.indexOf('not_reached')).some((word) => word !== 'not_reached'));
    expect(torn).toEqual([]);
    const verified = spawnSync(process.execPath, [AGW, 'audit', 'verify', '--json'], { cwd: gateway.dir, encoding: 'utf8' });
    expect(verified.status, verified.stdout + verified.stderr).toBe(0);
    expect(gateway.stderr()).not.toMatch(/failed on a request|a layer failed/);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    expect((await gateway.post(call('echo'))).status).toBe(200);
  }, 120_000);
});
