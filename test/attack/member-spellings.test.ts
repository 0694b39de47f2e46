// Two readers, two messages: a server that ignores the case of names (Go's encoding/json) must not read another method, tool or arguments than the layers judged.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApprover, signDecision } from '../../src/engines/step-up/approver-keys.js';
import type { ApprovalRequest } from '../../src/engines/step-up/types.js';
import { CALLER, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, modernCall, openSession, registration, toolText } from '../wire/calls.js';

const POLICY = `package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.caller_spiffe_id == "${CALLER}"\n\tinput.tool_name in {"echo", "critical"}\n}\n`;

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: ['echo', 'bash', 'critical'].map(toolText) });
  gateway = await startGateway({
    policies: { 'some.rego': POLICY }, config: { audit: { unidentified_per_second: 10_000 } },
    tools: [registration('echo', server.url), registration('bash', server.url), registration('critical', server.url, { risk_level: 'critical' })],
  });
  createApprover(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined);
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

async function expectRefused(body: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
  const [seenBefore, linesBefore] = [server.seen.length, gateway.lines().length];
  const answer = await gateway.post(body, headers);
  expect({ body, status: answer.status, rpcCode: (answer.json['error'] as { code?: unknown } | undefined)?.code, code: codeOf(answer) }).toEqual({ body, status: 400, rpcCode: -32600, code: 'mcp_invalid_request' });
  expect(server.seen.slice(seenBefore).map((seen) => seen.body)).toEqual([]);
  expect(gateway.lines().slice(linesBefore)).toMatchObject([{ type: 'request', code: 'mcp_invalid_request', status: 400 }]);
  return answer;
}

const notification = (rest: string): string => `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1},${rest}}`;

describe('a message within a message, by the case of its names', () => {
  it.each([
    ['a notification that is also a call', notification('"Method":"tools/call","Id":77,"Params":{"name":"bash","arguments":{"command":"id"}}')],
    ['the same, its letters behind escapes', notification('"\\u004dethod":"tools/call","I\\u0044":77,"P\\u0061rams":{"name":"bash"}')],
    ['the same, with a long s', notification('"param\u017f":{"name":"bash"},"METHOD":"tools/call","ID":77')],
    ['the same, with a long s behind an escape', notification('"param\\u017f":{"name":"bash"}')],
    ['a ping that is also a call', '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","Params":{"name":"bash"}}'],
    ['an answer that is also a call', '{"jsonrpc":"2.0","id":1,"result":{},"Method":"tools/call","Params":{"name":"bash"}}'],
    ['another tool', '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"echo","arguments":{},"Name":"bash","Arguments":{"command":"id"}}}'],
    ['another tool, said first', '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"NAME":"bash","name":"echo","arguments":{}}}'],
    ['other arguments', '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"echo","arguments":{},"argument\u017f":{"command":"id"}}}'],
    ['another resource', '{"jsonrpc":"2.0","id":9,"method":"resources/read","params":{"uri":"a:/b","URI":"a:/c"}}'],
    ['a name that a C string ends', '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name\\u0000":"bash","name":"echo","arguments":{}}}'],
  ])('%s: is refused, with one record, and reaches no server', async (_what, body) => {
    await expectRefused(body);
    await expectRefused(body, await openSession(gateway));
  });

  it('is refused in 2026-07-28, too', async () => {
    const { body, headers } = modernCall('echo', {});
    await expectRefused(body.replace('"name":"echo"', '"name":"echo","Name":"bash"'), headers);
  });

  it('does not pass on an approval', async () => {
    const body = call('critical', { command: 'ls' });
    const asked = await gateway.post(body);
    expect(codeOf(asked)).toBe('stepup_approval_required');
    const { request_id: id } = (asked.json['error'] as { data: { details: { request_id: string } } }).data.details;
    const { json } = await gateway.control('GET', `/v1/approvals/${id}`);
    const signature = signDecision(join(gateway.dir, '.precinct', 'approvers'), 'alice', undefined, json['approval'] as ApprovalRequest, 'approve');
    expect((await gateway.control('POST', `/v1/approvals/${id}/decide`, { decision: 'approve', approver: 'alice', signature })).status).toBe(200);
    await expectRefused(body.replace('"arguments"', '"Arguments":{"command":"rm"},"arguments"'));
    await expectRefused(body.replace(/\}\}$/, ',"Arguments":{"command":"rm"}}}'));
    expect((await gateway.post(body)).status).toBe(200);
  });

  it('names the member to who sent it', async () => {
    const answer = await expectRefused(call('echo').replace('"name"', '"Name":"bash","name"'));
    expect(answer.json['details']).toMatchObject({ reason: 'ambiguous_key', member: 'Name' });
  });

  it('is no matter of what tools call their arguments', async () => {
    expect((await gateway.post(call('echo', { name: 'a', Name: 'b', Arguments: { METHOD: 'c' }, _Meta: 1 }))).status).toBe(200);
  });
});
