// Large and small calls on one connection (upstream.pipelining): no call's bytes within another's.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, openSession, registration, toolText } from '../wire/calls.js';

let server: ScriptedServer;
let gateway: GatewayProcess;
beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  gateway = await startGateway({
    policies: { 'all.rego': permitAll(CALLER) }, identities: { default: CALLER, identities: [{ spiffe_id: CALLER }] }, tools: [registration('echo', server.url)],
    config: { breaker: { failures_to_open: 1000 }, rate_limit: { per_minute: 10_000, burst: 1000 }, upstream: { pipelining: 8, connections_max: 1 } },
  });
});
afterAll(async () => { await gateway.stop(); await server.close(); });

it('each of them gets its own answer', async () => {
  server.script = (seen, response) => jsonAnswer(response, resultFor(seen.idText, String((JSON.parse(seen.body) as { params: { arguments: { text: string } } }).params.arguments.text.length)));
  const sessions = await Promise.all(Array.from({ length: 8 }, () => openSession(gateway)));
  await gateway.post(call('echo', { text: 'first' }), sessions[0]);
  const answers = await Promise.all(Array.from({ length: 64 }, (_, n) => gateway.post(call('echo', { text: 'word '.repeat(n % 4 === 0 ? 180_000 : 3) }, n), sessions[n % 8])));
  expect(answers.map(({ status, text }, n) => (status === 200 && text.includes(n % 4 === 0 ? '900000' : '"15"') ? 'ok' : `${status} ${text.slice(0, 160)}`)).filter((x) => x !== 'ok')).toEqual([]);
});
