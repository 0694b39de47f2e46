// Limits under load, with several threads and many connections: what may pass passes, and not one call more.
import { writeFileSync } from 'node:fs';
import { Agent, request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApprover, signDecision } from '../../src/engines/step-up/approver-keys.js';
import type { ApprovalRequest } from '../../src/engines/step-up/types.js';
import { CALLER, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, initialize, MCP, registration, toolText } from './calls.js';

const THREADS = 3;
/** That all of them fall to one thread is as likely as 3 to the power of minus this. */
const CONNECTIONS = 60;
const CALLS = 10_000;
const BURST = 1000;
const TOOL_BURST = 150;
const SESSIONS_MAX = 5;
const FAILURES = 30;
const PROBES = 2;
const RESET_S = 30;
const idOf = (name: string): string => `spiffe://poc.local/agents/mcp-client/${name}/dev`;
const CALLERS = { limited: idOf('limited'), tool: idOf('tool'), sessions: idOf('sessions'), grant: idOf('grant'), breaker: idOf('breaker') };
const NOW_MS = Date.UTC(2026, 10, 1);
const WIDE = { per_minute: 100_000_000, burst: 100_000_000 };

let server: ScriptedServer;
let gateway: GatewayProcess;
let agent: Agent;

const options = () => ({
  env: { NODE_OPTIONS: `--require ${fileURLToPath(new URL('./still-clock.cjs', import.meta.url))}`, STILL_CLOCK_MS: String(NOW_MS) },
  policies: { 'all.rego': `package precinct.authz\n\nimport rego.v1\n\nallow if startswith(input.caller_spiffe_id, "spiffe://poc.local/")\n` },
  identities: { default: CALLER, identities: [CALLER, ...Object.values(CALLERS)].map((one) => ({ spiffe_id: one })) },
  tools: [registration('echo', server.url), registration('narrow', server.url, { rate_limit: { per_minute: 1, burst: TOOL_BURST } }), registration('critical', server.url, { risk_level: 'critical' }), registration('failing', server.url)],
});

beforeAll(async () => {
  // While the gateway's clock stands still, none of its connections gets old: were the server to close one meanwhile, a call might just be on its way.
  server = await startScriptedServer(['echo', 'narrow', 'critical', 'failing'].map(toolText), { idleMs: 0 });
  agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, scheduling: 'fifo' });
  gateway = await startGateway({
    ...options(),
    config: { threads: { gateway: THREADS }, front: { shed_after_ms: 0 }, rate_limit: { per_minute: 1, burst: BURST }, session: { mcp_sessions_per_caller_max: SESSIONS_MAX }, step_up: { pending_per_caller_max: 1000 } },
  });
  createApprover(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined);
});

beforeEach(() => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  server.seen.length = 0;
});

afterAll(async () => {
  agent.destroy();
  await gateway.stop();
  await server.close();
});

/** One call over the connections that are kept open; its status. */
function post(port: number, caller: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const one = request({ host: '127.0.0.1', port, method: 'POST', path: '/', agent, headers: { 'content-type': 'application/json', 'x-spiffe-id': caller, ...headers } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0)).on('error', reject);
    });
    one.on('error', reject);
    one.end(body);
  });
}

async function counted(count: number, one: (i: number) => Promise<number>): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  for (const status of await Promise.all(Array.from({ length: count }, (_, i) => one(i)))) statuses[status] = (statuses[status] ?? 0) + 1;
  return statuses;
}

const allowedLines = (caller: string, tool: string): number => gateway.lines('request').filter((line) => line['spiffe_id'] === caller && line['tool'] === tool && line['decision'] === 'ALLOW').length;

describe(`${THREADS} threads under load`, () => {
  it(`let ${BURST} of ${CALLS} calls pass where a bucket holds as many and does not refill`, async () => {
    expect(await counted(CALLS, () => post(gateway.port, CALLERS.limited, call('echo')))).toEqual({ 200: BURST, 429: CALLS - BURST });
    expect([server.of('tools/call').length, allowedLines(CALLERS.limited, 'echo')]).toEqual([BURST, BURST]);
  }, 120_000);

  it('hold to a tool\'s own bucket as well', async () => {
    expect(await counted(4 * TOOL_BURST, () => post(gateway.port, CALLERS.tool, call('narrow')))).toEqual({ 200: TOOL_BURST, 429: 3 * TOOL_BURST });
    expect(server.of('tools/call')).toHaveLength(TOOL_BURST);
  });

  it('keep so many sessions of one caller and no more, though all are opened at once', async () => {
    const ids: string[] = [];
    await Promise.all(Array.from({ length: 40 * SESSIONS_MAX }, async () => {
      const answer = await gateway.post(initialize(), { ...MCP, 'x-spiffe-id': CALLERS.sessions });
      expect(answer.status).toBe(200);
      ids.push(String(answer.headers['mcp-session-id']));
    }));
    expect(new Set(ids.map((id) => id.slice(0, 2))).size).toBe(THREADS); // the first two digits are the thread's
    const found = await counted(ids.length, (i) => post(gateway.port, CALLERS.sessions, call('echo'), { ...MCP, 'mcp-session-id': ids[i] ?? '', 'mcp-protocol-version': '2025-11-25' }));
    expect(found).toEqual({ 200: SESSIONS_MAX, 404: ids.length - SESSIONS_MAX });
  });

  it('let a call that was approved once run once, whoever sends it how often', async () => {
    const body = call('critical', { marker: 'once' });
    const asked = await gateway.post(body, { 'x-spiffe-id': CALLERS.grant });
    expect(codeOf(asked)).toBe('stepup_approval_required');
    const requestId = (asked.json['error'] as { data: { details: { request_id: string } } }).data.details.request_id;
    const { json } = await gateway.control('GET', `/v1/approvals/${requestId}`);
    const signature = signDecision(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined, json['approval'] as ApprovalRequest, 'approve');
    expect((await gateway.control('POST', `/v1/approvals/${requestId}/decide`, { decision: 'approve', approver: 'alice', signature })).status).toBe(200);
    const statuses = await counted(5 * CONNECTIONS, () => post(gateway.port, CALLERS.grant, body));
    expect([statuses[200], server.of('tools/call').length, allowedLines(CALLERS.grant, 'critical')]).toEqual([1, 1, 1]);
  });
});

describe('a breaker of several threads', () => {
  let breaking: GatewayProcess;
  /** How the tool's calls end that have reached its server. */
  const held: { readonly idText: string; readonly response: ServerResponse }[] = [];
  beforeAll(async () => {
    breaking = await startGateway({
      ...options(),
      config: { threads: { gateway: THREADS }, rate_limit: WIDE, breaker: { failures_to_open: FAILURES, reset_timeout_s: RESET_S, probes_max: PROBES, successes_to_close: PROBES }, upstream: { answer_timeout_ms: 600_000 } },
    });
  });
  afterAll(() => breaking.stop());

  const send = (): Promise<number> => post(breaking.port, CALLERS.breaker, call('failing'));
  const refused = (count: number): Promise<unknown> => counted(count, send).then((found) => expect(found).toEqual({ 503: count }));
  const fail = ({ response }: (typeof held)[number]): void => jsonAnswer(response, '{}', 500);
  const succeed = ({ idText, response }: (typeof held)[number]): void => jsonAnswer(response, resultFor(idText, 'fine'));

  it('opens at its last failure, lets so many probes pass and no more, and closes when they succeed', async () => {
    server.script = ({ idText }, response) => void held.push({ idText, response });
    const failing = counted(FAILURES - 1, send);
    expect(await eventually(() => held.length === FAILURES - 1)).toBe(true);
    held.splice(0).forEach(fail);
    expect(await failing).toEqual({ 502: FAILURES - 1 });
    const last = [send(), send()];
    expect(await eventually(() => held.length === 2)).toBe(true); // one failure short, it is still closed
    held.splice(0, 1).forEach(fail);
    expect(await Promise.race(last)).toBe(502);
    await refused(5 * CONNECTIONS);

    held.splice(0).forEach(fail); // what it says now is old news
    expect(await Promise.all(last)).toEqual([502, 502]);
    writeFileSync(join(breaking.dir, 'still-clock-ms'), String(NOW_MS + RESET_S * 1000));
    const probes: Promise<number>[] = [];
    expect(await eventually(() => {
      if (held.length < PROBES) probes.push(send());
      return held.length >= PROBES;
    })).toBe(true);
    await refused(5 * CONNECTIONS);
    expect(held).toHaveLength(PROBES);

    held.splice(0).forEach(succeed);
    expect((await Promise.all(probes)).filter((status) => status === 200)).toHaveLength(PROBES);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    expect(await counted(2 * CONNECTIONS, send)).toEqual({ 200: 2 * CONNECTIONS });
  });
});
