// Answers that are neither a result nor a refusal, or none at all: what they are called, and whether the call may have run.
import { createServer, type AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { InputRequiredError, ProtocolError, TransportError } from '../src/index.js';
import { failure, startCalls } from './support/calls.js';
import { ownSurroundings } from './support/own-surroundings.js';
import { accepted, events, json, result, startScripted, text, type Play } from './support/scripted-gateway.js';

const { gateway, client, callFails } = await startCalls();

describe('an answer that is no refusal of the gateway', () => {
  it('but the tool server\'s own error is a ProtocolError', async () => {
    const error = await callFails(json({ jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'Bad argument.', data: { field: 'a' } } }));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ rpcCode: -32602, message: 'Bad argument.', data: { field: 'a' }, httpStatus: 200 });
  });

  it('is an error where it says both', async () => {
    expect(await callFails(json({ jsonrpc: '2.0', id: 1, result: { content: [] }, error: { code: -1, message: 'x' } }))).toBeInstanceOf(ProtocolError);
  });

  it.each<[string, Play, Record<string, unknown>]>([
    ['a page of a proxy', (_s, r) => void r.writeHead(502, { 'content-type': 'text/html; charset=utf-8' }).end('<html>secret words</html>'), { httpStatus: 502, message: expect.stringContaining('HTTP 502 with text/html') as string }],
    ['a bare status', (_s, r) => void r.writeHead(503).end(), { httpStatus: 503, message: expect.stringContaining('no content type') as string }],
    ['a redirect', (_s, r) => void r.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), { httpStatus: 307, message: expect.stringContaining('redirect') as string }],
    ['JSON that is no JSON-RPC', json({ hello: 1 }), { httpStatus: 200 }],
    ['JSON-RPC that says nothing', json({ jsonrpc: '2.0', id: 1 }), { httpStatus: 200, kind: 'status' }],
    ['a stream of nothings', events({}, { jsonrpc: '2.0', id: '$id' }), { httpStatus: 200, kind: 'connection' }],
    ['JSON that breaks off', (_s, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,'), { httpStatus: 200 }],
    ['a stream that ends without a response', events({ jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } }), { httpStatus: 200 }],
    ['a response to another request', events({ jsonrpc: '2.0', id: 99, result: {} }), { httpStatus: 200 }],
    ['an event that is no JSON', (_s, r) => void r.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"secret words\n\n'), { httpStatus: 200 }],
    ['a result that is no object', json({ jsonrpc: '2.0', id: 1, result: 'x' }), {}],
    ['content that is no list', json({ jsonrpc: '2.0', id: 1, result: { content: 'x' } }), {}],
    ['a status without a body', (_s, r) => void r.writeHead(202).end(), { httpStatus: 202 }],
    ['a lost connection', (_s, r) => void r.destroy(), { httpStatus: undefined }],
    ['a body that is cut', (_s, r) => void r.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"jsonrpc"', () => r.destroy()), { httpStatus: undefined }],
  ])('%s is a TransportError, and may have run', async (_what, play, facts) => {
    const error = await callFails(play);
    expect(error).toBeInstanceOf(TransportError);
    expect(error).toMatchObject({ mayHaveRun: true, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string, ...facts });
    expect(inspect(error)).not.toContain('secret words');
  });

  it('and is no lost connection is not asked for again, though the call is idempotent', async () => {
    for (const play of [json({ jsonrpc: '2.0', id: 99, result: {} }), accepted]) {
      gateway.play(play);
      gateway.seen.length = 0;
      expect(await failure(client({ maxRetries: 3 }).callTool('t', {}, { idempotent: true }))).toMatchObject({ name: 'TransportError', mayHaveRun: true });
      expect(gateway.seen).toHaveLength(1);
    }
  });

  it.each<[string, Play]>([
    ['whole', (_s, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { x: 'y'.repeat(2000) } }))],
    ['as one event', events({ jsonrpc: '2.0', id: '$id', result: { x: 'y'.repeat(2000) } })],
    ['as one event of many lines', (_s, r) => void r.writeHead(200, { 'content-type': 'text/event-stream' }).end(`${'data: "yyyyyyyyyy"\n'.repeat(200)}\n`)],
  ])('that is too large (%s) is not kept', async (_shape, play) => {
    expect(await callFails(play, { maxAnswerBytes: 1000 })).toMatchObject({ name: 'TransportError', kind: 'answer', message: expect.stringContaining('1000 bytes') as string });
  });

  it('cannot come where nobody listens: nothing has run', async () => {
    expect(await failure(client({ gatewayUrl: 'http://127.0.0.1:1' }).callTool('t'))).toMatchObject({ name: 'TransportError', mayHaveRun: false, message: 'The gateway cannot be reached (ECONNREFUSED): http://127.0.0.1:1' });
  });

  it('has not run where the connection was not there yet when the time was over', async () => {
    const surroundings = ownSurroundings();
    const silent = createServer((socket) => {
      socket.on('error', () => undefined);
      surroundings.pass(5);
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    expect(await failure(client({ gatewayUrl: `https://127.0.0.1:${port}`, surroundings, timeout: 5 }).callTool('t', { a: 1 }))).toMatchObject({ name: 'CallTimeoutError', mayHaveRun: false, message: 'No answer within 5 s; nothing has run' });
    silent.close();
  });

  it('has not run either if the request could not be sent whole', async () => {
    const cut = await startScripted();
    const [host, port] = [new URL(cut.url).hostname, Number(new URL(cut.url).port)];
    await cut.close();
    const server = createServer((socket) => void socket.once('data', () => socket.resetAndDestroy()));
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    const error = await failure(client({ gatewayUrl: cut.url }).callTool('t', { big: 'x'.repeat(32 * 1024 * 1024) }));
    server.close();
    expect(error).toMatchObject({ name: 'TransportError', mayHaveRun: false });
  });

  it('asks for an answer first', async () => {
    gateway.play(result({ resultType: 'input_required', inputRequests: { ok: { method: 'elicitation/create' } }, requestState: 'opaque "x"' }), text('done'));
    const one = client();
    const error = await failure(one.callTool('t', { a: 1 }));
    expect(error).toBeInstanceOf(InputRequiredError);
    expect(error).toMatchObject({ inputRequests: { ok: { method: 'elicitation/create' } }, requestState: 'opaque "x"' });
    expect((await one.callTool('t', { a: 1 }, { inputResponses: { ok: { action: 'accept' } }, requestState: 'opaque "x"' })).text).toBe('done');
    expect(gateway.seen[1]?.body).toMatchObject({ id: 2, params: { name: 't', arguments: { a: 1 }, inputResponses: { ok: { action: 'accept' } }, requestState: 'opaque "x"' } });
  });

  it('asks for an answer first of a resource and of a prompt as well', async () => {
    gateway.play(result({}));
    const one = client();
    const options = { inputResponses: { ok: 1 }, requestState: 's' };
    await one.readResource('a:b', options);
    await one.getPrompt('p', {}, options);
    for (const { body } of gateway.seen) expect(body).toMatchObject({ params: options });
  });
});
