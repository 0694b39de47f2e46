// A call that its caller cancelled gets no answer (MCP 2025-11-25, basic/utilities/cancellation): that must not stop the tool for others, nor hold a connection.
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, openSession, openStream, registration, toolText, type OpenStream } from '../wire/calls.js';

const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const FAILURES_TO_OPEN = 3;
/** Longer than any test waits: what ends earlier has ended by the cancellation. */
const SILENCE_MS = 120_000;
const SLOW_TOOL_MS = 300;

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer(['echo', 'slow'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': [CALLER, OTHER].map((one) => permitAll(one)).map((text, n) => (n === 0 ? text : text.slice(text.indexOf('allow')))).join('\n') },
    identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: OTHER }] },
    tools: [registration('echo', server.url), registration('slow', server.url, { timeout_ms: SLOW_TOOL_MS })],
    config: { breaker: { failures_to_open: FAILURES_TO_OPEN, reset_timeout_s: 3600 }, upstream: { answer_timeout_ms: SILENCE_MS, idle_timeout_ms: SILENCE_MS } },
  });
});

beforeEach(() => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

/** Its head goes out, and nothing more. */
function openSilent(response: ServerResponse): void {
  sseHead(response);
  response.flushHeaders();
}

const cancel = (id: string): string => `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`;

async function startAndCancel(id: string, named: string, session: Readonly<Record<string, string>>, tool = 'echo'): Promise<OpenStream> {
  const seen = server.of('tools/call').length;
  const stream = openStream(gateway, 'POST', session, call(tool, {}, 0).replace('"id":0', `"id":${id}`));
  expect(await eventually(() => server.of('tools/call').length > seen)).toBe(true);
  expect((await gateway.post(cancel(named), session)).status).toBe(202);
  return stream;
}

async function over(stream: OpenStream): Promise<boolean> {
  return eventually(() => stream.ended || stream.broken);
}

describe('cancelled calls', () => {
  it.each([['with an answer that never begins', false], ['with a stream that stays silent', true]])('do not open the breaker for others, %s', async (_what, streams) => {
    const session = await openSession(gateway);
    server.script = (_seen, response) => { if (streams) openSilent(response); };
    // The same id, written in two ways: who cancels must not be able to hide it.
    const ids = [['1', '1'], ['"a"', '"\\u0061"'], ['"b"', '"b"'], ['-0', '0'], ['5', '5']] as const;
    for (const [id, named] of ids) expect(await over(await startAndCancel(id, named, session))).toBe(true);
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    expect((await gateway.post(call('echo'), { 'x-spiffe-id': OTHER })).status).toBe(200);
  });

  it('end before the silence does, and let go of the server', async () => {
    const session = await openSession(gateway);
    const before = server.hangUps;
    server.script = (_seen, response) => openSilent(response);
    const stream = await startAndCancel('"quick"', '"quick"', session);
    expect(await over(stream)).toBe(true);
    expect(await eventually(() => server.hangUps > before)).toBe(true);
    expect(stream.text).not.toContain('mcp_timeout');
    const ends = gateway.lines('stream_end');
    expect(ends.at(-1)).toMatchObject({ code: 'client_disconnected' });
  });

  it('that are answered all the same bring their answer', async () => {
    const session = await openSession(gateway);
    let answer = (): void => undefined;
    server.script = ({ idText }, response) => {
      sseHead(response);
      answer = () => void response.end(`data: ${resultFor(idText, 'too late')}\n\n`);
    };
    const stream = await startAndCancel('7', '7', session);
    answer();
    expect(await eventually(() => stream.ended)).toBe(true);
    expect(stream.text).toContain('too late');
  });

  it('of another session are not touched', async () => {
    const [mine, theirs] = [await openSession(gateway), await openSession(gateway, { 'x-spiffe-id': OTHER })];
    let answer = (): void => undefined;
    server.script = ({ idText }, response) => {
      sseHead(response);
      answer = () => void response.end(`data: ${resultFor(idText, 'theirs')}\n\n`);
    };
    const seen = server.of('tools/call').length;
    const stream = openStream(gateway, 'POST', theirs, call('echo', {}, 9));
    expect(await eventually(() => server.of('tools/call').length > seen)).toBe(true);
    expect((await gateway.post(cancel('9'), mine)).status).toBe(202);
    answer();
    expect(await eventually(() => stream.ended)).toBe(true);
    expect(stream.text).toContain('theirs');
  });

  it('though a silent server is to blame when nobody cancelled', async () => {
    server.script = () => undefined;
    for (let n = 0; n < FAILURES_TO_OPEN; n++) expect(codeOf(await gateway.post(call('slow')))).toBe('mcp_timeout');
    expect(codeOf(await gateway.post(call('slow')))).toBe('circuit_open');
  });
});
