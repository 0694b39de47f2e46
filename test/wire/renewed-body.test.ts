// A legacy client that hangs up while its lost session is renewed: its call has begun, and reaches the server whole.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, openSession, openStream, registration, toolText } from './calls.js';

let server: ScriptedServer;
let gateway: GatewayProcess;
beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  gateway = await startGateway({ policies: { 'all.rego': permitAll(CALLER) }, identities: { default: CALLER, identities: [{ spiffe_id: CALLER }] }, tools: [registration('echo', server.url)] });
});
afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const requestsUnderWay = async (): Promise<string> => /^precinct_requests_in_flight\S* (\S+)/m.exec((await gateway.control('GET', '/metrics')).text)?.[1] ?? '';

it.each([4_000, 20_000, 60_000, 100_000])('with %i bytes', async (bytes) => {
  const session = await openSession(gateway);
  expect((await gateway.post(call('echo', { text: 'hi' }), session)).status).toBe(200);
  server.sessions.clear();
  server.seen.length = 0;
  let greeted = (): void => undefined;
  server.delayHandshake = () => new Promise((resolve) => { greeted = resolve; });
  const body = call('echo', { text: 'é'.repeat(bytes / 2) }, 77);
  const stream = openStream(gateway, 'POST', session, body);
  expect(await eventually(() => server.of('initialize').length === 1)).toBe(true);
  stream.hangUp();
  expect(await eventually(async () => (await requestsUnderWay()) === '0')).toBe(true);
  greeted();
  server.delayHandshake = undefined;
  expect(await eventually(() => server.of('tools/call').length === 2)).toBe(true);
  expect(server.of('tools/call').map((seen) => seen.body.length)).toEqual([body.length, body.length]);
});
