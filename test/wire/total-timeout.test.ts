// upstream.total_timeout_ms: calls that are never silent and never end.
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, registration, toolText } from './calls.js';

const EVERY_MS = 20;
const NOTE = 'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"still here"}}\n\n';

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  gateway = await startGateway({ config: { upstream: { total_timeout_ms: 500 }, breaker: { failures_to_open: 1000 } }, policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)] });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

function forEver(response: ServerResponse, text: string): void {
  const timer = setInterval(() => response.write(text), EVERY_MS);
  response.on('close', () => clearInterval(timer));
}

describe('a tool server that never falls silent', () => {
  it.each<[string, (response: ServerResponse) => void]>([
    ['notifications without end', (response) => {
      sseHead(response);
      forEver(response, NOTE);
    }],
    ['a JSON answer without end', (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      forEver(response, ' ');
    }],
  ])('with %s has its time, and is hung up on', async (_what, begin) => {
    const before = server.hangUps;
    server.script = (_request, response) => begin(response);
    const answer = await gateway.post(call('echo'));
    expect([answer.status, answer.json['code'], answer.json['reason_code']]).toEqual([504, 'mcp_timeout', 'total_timeout']);
    expect(gateway.lines('request').at(-1)).toMatchObject({ decision: 'ALLOW', code: 'mcp_timeout', reason_code: 'total_timeout' });
    expect(await eventually(() => server.hangUps === before + 1)).toBe(true);
  });

  it('ends a stream that the client reads with the refusal', async () => {
    server.script = (_request, response) => {
      sseHead(response);
      forEver(response, NOTE);
    };
    const answer = await gateway.http('POST', '/', { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, call('echo'));
    expect(answer.text).toContain('still here');
    expect(answer.text.trimEnd().split('\n').at(-1)).toContain('mcp_timeout');
  });
});
