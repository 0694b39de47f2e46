// A request whose session another thread has just taken up goes there, and leaves nothing here: no record, no answer, no place held.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sessionKey } from '../../src/engines/mcp-session/session-key.js';
import { CALLER, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../support/gateway-in-process.js';
import { MCP_ACCEPT } from '../support/inbound-reply.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';

const OWNER = 7;
const ID = `00${'ab'.repeat(23)}`;
const SESSION = { headers: { accept: MCP_ACCEPT, mcpSessionId: ID, mcpProtocolVersion: '2025-11-25' } };
let server: ScriptedServer;
let gateway: InProcessGateway;
let thereIsSuchAThread = true;
const handedOver: string[] = [];

beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  gateway = await startInProcessGateway({
    tools: [{ name: 'echo', url: server.url }],
    change: ({ shared }) => {
      shared.places.open(CALLER, sessionKey(ID), 1, { perCallerMax: 2, totalMax: 2 }, OWNER);
      return {
        shared: {
          ...shared,
          handOver(owner, inbound, reply) {
            if (!thereIsSuchAThread) return false;
            handedOver.push(`${owner} ${Buffer.from(inbound.body).toString()}`);
            setImmediate(() => reply.send(200, [], 'from there'));
            return true;
          },
        },
      };
    },
  });
});
afterAll(async () => {
  await gateway.close();
  await server.close();
});

it('is answered by the other thread, which writes the record', async () => {
  thereIsSuchAThread = true;
  const answer = await gateway.ask(toolCall('echo'), SESSION);
  expect([answer.status, answer.text, answer.sends, handedOver]).toEqual([200, 'from there', 1, [`${OWNER} ${toolCall('echo')}`]]);
  expect([gateway.lines(), gateway.gateway.report().deciding, gateway.faults]).toEqual([[], 0, []]);
});

it('is refused, with a record, while that thread is ending', async () => {
  thereIsSuchAThread = false;
  const answer = await gateway.ask(toolCall('echo'), SESSION);
  expect([answer.headers['retry-after'], answer.sends]).toEqual(['1', 1]);
  expect(answer.text).toContain('session_thread_ended');
  expect(gateway.lines()).toMatchObject([{ decision: 'DENY', code: 'session_unavailable_fail_closed' }]);
});
