// What a log gets of an error: nothing that may repeat the call's arguments, which is there for who asks for it.
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GatewayClient, type ClientOptions } from '../src/index.js';
import { ownSurroundings } from './support/own-surroundings.js';
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

const thrownBy = async (play: Play, options: ClientOptions = {}): Promise<Error> => {
  gateway.play(play);
  const client = new GatewayClient({ gatewayUrl: gateway.url, ...options });
  const error: unknown = await client.callTool('t').catch((reason: unknown) => reason);
  await client.close();
  if (!(error instanceof Error)) throw new Error('nothing was thrown');
  return error;
};

it('a refusal as a text says code, layer, message, reason, remedy and decision; its message is the gateway\'s alone', async () => {
  const error = await thrownBy(refusal('authz_policy_denied', { more: { reason_code: 'quiet_hours' } }));
  expect(String(error)).toBe('AuthorizationError: authz_policy_denied (step 6, a_layer): It is authz_policy_denied. [quiet_hours] -> Do better. (decision d-1)');
  expect(error.message).toBe('It is authz_policy_denied.');
});

it.each([[0, 'StepUpError'], [1, 'ApprovalTimeoutError']])('nothing that shows one has the command that approves the call, which is there for who asks for it (waitForApproval: %i)', async (waitForApproval, name) => {
  const command = 'agw approvals approve r';
  const error = await thrownBy(refusal('stepup_approval_required', { more: { middleware_step: 9, remediation: `Run ${command}.`, details: { request_id: 'r', command } } }), { waitForApproval, surroundings: ownSurroundings() });
  expect(String(error)).toBe(`${name}: stepup_approval_required (step 9, a_layer): It is stepup_approval_required. (decision d-1)`);
  for (const shown of [inspect(error, { depth: null }), JSON.stringify(error)]) expect(shown).not.toContain('agw approvals');
  expect(error).toMatchObject({ remediation: `Run ${command}.`, details: { command }, ...(name === 'ApprovalTimeoutError' ? { command } : {}) });
});

it('a tool server\'s words stand in one line, bounded, without the references that they quote', async () => {
  const said = (message: string): Play => (seen, response, request) => json({ jsonrpc: '2.0', id: seen.body['id'], error: { code: -32602, message } })(seen, response, request);
  expect((await thrownBy(said('no $SPIKE{ref:db,exp:60} and\r\n\u001b[31m$SPIKE{ref:cut'))).message).toBe('no $SPIKE{…} and [31m$SPIKE{…}');
  expect((await thrownBy(said('x'.repeat(5_000)))).message).toHaveLength(2_000);
});
