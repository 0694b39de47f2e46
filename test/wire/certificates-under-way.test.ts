// The TLS listener is opened anew under what it carries: streams without an end are ended by the gateway, and a call goes on as long as who may call has not changed. The records say by what each ended.
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { makeAuthority, makeServerCertificate, makeSvid, validAround } from '../support/pki.js';
import { openRawSse } from '../support/raw-sse.js';
import { openRawWebSocket } from '../support/raw-websocket.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, initialize, MCP, registration, toolText } from './calls.js';
import { tlsPortOf } from './tls-call.js';

const AGENT = 'spiffe://poc.local/agents/mcp-client/tls-agent/dev';
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const GRACE_MS = 10_000; // of connections under a former bundle
const now = Date.now();
const [first, second] = [makeAuthority('first authority'), makeAuthority('second authority')];
const svid = makeSvid(first, AGENT, validAround(now));
const tls = { ca: first.pem, cert: svid.pem, key: svid.privateKeyPem };

let server: ScriptedServer;
let gateway: GatewayProcess;
let port = 0;

beforeAll(async () => {
  server = await startScriptedServer([toolText('slow')]);
  server.script = () => undefined;
  const own = makeServerCertificate(first, now);
  gateway = await startGateway({
    config: { tls: { enabled: true, port: 0, certificate_file: 'config/tls/gateway.pem', private_key_file: 'config/tls/gateway.key', trust_bundle_file: 'config/tls/bundle.pem' }, http_sse: { enabled: true } },
    tools: [registration('slow', server.url)], policies: { 'all.rego': permitAll(AGENT) }, files: { 'config/tls/gateway.pem': own.pem, 'config/tls/gateway.key': own.privateKeyPem, 'config/tls/bundle.pem': first.pem },
  });
  port = await tlsPortOf(gateway);
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

interface Asked {
  session: string;
  text: string;
  /** Undefined while the answer comes. */
  end: 'whole' | 'broken' | undefined;
}

function ask(method: 'GET' | 'POST', headers: Readonly<Record<string, string>>, body?: string): Asked {
  const asked: Asked = { session: '', text: '', end: undefined };
  const one = request({ host: '127.0.0.1', port, servername: 'localhost', path: '/', agent: false, ...tls, method, headers: { host: 'localhost', 'content-type': 'application/json', ...headers } }, (response) => {
    asked.session = String(response.headers['mcp-session-id']);
    response.on('data', (part: Buffer) => { asked.text += part.toString(); });
    response.on('end', () => { asked.end = 'whole'; });
    response.on('error', () => { asked.end = 'broken'; });
  });
  one.on('error', () => { asked.end = 'broken'; });
  one.end(body);
  return asked;
}

/** One of each kind that a session hears its servers on. */
async function openStreams() {
  const before = gateway.lines('request').filter(({ method }) => method === 'GET').length;
  const opened = ask('POST', MCP, initialize());
  expect(await eventually(() => opened.end === 'whole')).toBe(true);
  const stream = ask('GET', { ...MCP, 'mcp-session-id': opened.session });
  const [socket, sse] = await Promise.all([openRawWebSocket(port, { tls }), openRawSse(port, { tls })]);
  socket.send(initialize());
  await Promise.all([socket.message(0), sse.post(initialize()).then(() => sse.message(0))]);
  socket.send(INITIALIZED);
  await sse.post(INITIALIZED);
  expect(await eventually(() => gateway.lines('request').filter(({ method }) => method === 'GET').length === before + 3)).toBe(true);
  return { stream, socket, sse };
}

it('streams end properly when the gateway\'s certificate is replaced, and calls go on; where an authority was taken away, both say so', async () => {
  const slow = ask('POST', {}, call('slow'));
  const streams = await openStreams();
  expect(await eventually(() => server.of('tools/call').length === 1)).toBe(true);
  const fresh = makeServerCertificate(first, now + 1000);
  writeFileSync(join(gateway.dir, 'config/tls/gateway.key'), fresh.privateKeyPem);
  writeFileSync(join(gateway.dir, 'config/tls/gateway.pem'), fresh.pem);
  expect(await eventually(() => streams.stream.end !== undefined)).toBe(true);
  expect(streams.stream.end).toBe('whole');
  expect(await streams.socket.closed).toEqual({ code: 1001, reason: 'certificates_replaced' });
  expect(await streams.sse.closed).toEqual({ whole: true, comment: 'certificates_replaced' });
  expect(await eventually(() => gateway.lines('stream_end').length === 3)).toBe(true);
  expect(gateway.lines('stream_end').map(({ code }) => code)).toEqual([null, null, null]);
  const more = await openStreams();
  writeFileSync(join(gateway.dir, 'config/tls/bundle.pem'), `${second.pem}\n${first.pem}`); // as it does before it loses the first
  expect(await more.socket.closed).toEqual({ code: 1001, reason: 'certificates_replaced' });
  await sleep(GRACE_MS + 1000);
  expect(slow.end).toBeUndefined();

  await openStreams();
  writeFileSync(join(gateway.dir, 'config/tls/bundle.pem'), second.pem);
  expect(await eventually(() => gateway.lines('stream_end').length === 9)).toBe(true);
  expect(gateway.lines('stream_end').slice(6).map(({ code }) => code)).toEqual(Array(3).fill('auth_invalid_identity'));
  expect(await eventually(() => slow.end === 'whole')).toBe(true);
  const told = { code: 'gateway_fault', reason_code: 'certificates_replaced' };
  expect(JSON.parse(slow.text)).toMatchObject(told);
  expect(gateway.lines('request').find(({ tool }) => tool === 'slow')).toMatchObject({ decision: 'ALLOW', status: 500, ...told });
});
