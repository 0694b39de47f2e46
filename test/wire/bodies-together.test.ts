// All bodies held at one time have one bound: above it newcomers are told to come again, and what was held is given back whatever becomes of it.
import { request, type ClientRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, eventually, registration, toolText } from './calls.js';

const KIB = 1024;
const HELD = 300 * KIB;
const BODY = call('echo', { text: 'x'.repeat(HELD) });

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('echo')] });
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)],
    config: { front: { inflight_body_bytes_max: 1024 * KIB, body_bytes_max: 512 * KIB }, upstream: { answer_timeout_ms: 1000 }, rate_limit: { per_minute: 60_000, burst: 1000 }, breaker: { failures_to_open: 1000 } },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

/** Sends all of the body but its last byte, and waits. */
function begin(): ClientRequest {
  const one = request({ host: '127.0.0.1', port: gateway.port, method: 'POST', path: '/', agent: false, headers: { 'content-type': 'application/json', 'x-spiffe-id': CALLER, 'content-length': String(Buffer.byteLength(BODY)) } });
  one.on('error', () => undefined);
  one.write(BODY.slice(0, -1));
  return one;
}

async function isFull(): Promise<boolean> {
  const answer = await gateway.post(BODY);
  if (answer.status !== 503) return false;
  expect(codeOf(answer)).toBe('gateway_overloaded');
  expect(answer.headers['retry-after']).toBeDefined();
  return true;
}

const isFree = async (): Promise<boolean> => (await gateway.post(BODY)).status === 200;

describe('bodies held together', () => {
  it('above the bound: a newcomer is refused with its record, and served once others are gone', async () => {
    expect(await isFree()).toBe(true);
    for (let round = 0; round < 5; round++) {
      const held = Array.from({ length: 3 }, begin);
      expect(await eventually(isFull)).toBe(true);
      expect(gateway.lines('request').some((line) => line['code'] === 'gateway_overloaded' && line['status'] === 503)).toBe(true);
      expect((await gateway.http('GET', '/health', { host: 'localhost' })).status).toBe(200);
      for (const one of held) one.destroy();
      expect(await eventually(isFree)).toBe(true);
    }
  });

  it('are given back after refusals, faults of the server and time-outs alike', async () => {
    const spoilt = [BODY.slice(0, -1), BODY.replace('echo', 'nope'), BODY.replace('"text":"x', '"text":"AKIAQQQQQQQQQQQQQQQQ x'), call('echo', { text: 'x'.repeat(600 * KIB) })];
    for (let n = 0; n < 12; n++) expect((await gateway.post(spoilt[n % spoilt.length] ?? '')).status).toBeGreaterThanOrEqual(400);
    server.answeringFor = ['tools/call'];
    for (const answering of ['http_500', 'hang', 'html', 'die_mid_stream'] as const) {
      server.answering = answering;
      for (let n = 0; n < 2; n++) expect((await gateway.post(BODY)).status).toBeGreaterThanOrEqual(500);
    }
    server.answering = 'json';
    // Only when all of it is back do three fit together.
    expect((await Promise.all([gateway.post(BODY), gateway.post(BODY), gateway.post(BODY)])).map((answer) => answer.status)).toEqual([200, 200, 200]);
  });
});
