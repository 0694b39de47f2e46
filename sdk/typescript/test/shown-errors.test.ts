// What a log gets of an error: nothing that may repeat the call's arguments, which is there for who asks for it.
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GatewayClient } from '../src/index.js';
import { json, refusal, result, startScripted, type Play, type ScriptedGateway } from './support/scripted-gateway.js';

let gateway: ScriptedGateway;
beforeAll(async () => { gateway = await startScripted(); });
afterAll(() => gateway.close());

const ECHO = { got: 'of my argument' };
const own: Play = (seen, response, request) => json({ jsonrpc: '2.0', id: seen.body['id'], error: { code: -32602, message: 'no', data: ECHO } })(seen, response, request);

it.each<[string, Play, object]>([
  ['a refusal\'s details', refusal('dlp_pii_blocked', { more: { details: ECHO } }), { name: 'DLPViolationError', details: ECHO }],
  ['a tool server\'s data', own, { name: 'ProtocolError', data: ECHO }],
  ['a question\'s state', result({ resultType: 'input_required', inputRequests: { ask: ECHO }, requestState: 'of my argument' }), { name: 'InputRequiredError', inputRequests: { ask: ECHO }, requestState: 'of my argument' }],
])('%s', async (_what, play, members) => {
  gateway.play(play);
  const client = new GatewayClient({ gatewayUrl: gateway.url });
  const error: unknown = await client.callTool('t', { a: 'of my argument' }).catch((reason: unknown) => reason);
  await client.close();
  expect(error).toMatchObject(members);
  for (const shown of [inspect(error, { depth: null }), JSON.stringify(error), String(error)]) expect(shown).not.toContain('of my argument');
});
