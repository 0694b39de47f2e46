// Streams that are open when what vouched for their clients is taken away: they end then, on every transport, and not when the proof expires. Others go on.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jwtBundleText, makeJwtAuthority, makeJwtSvid } from '../support/pki.js';
import { openRawSse } from '../support/raw-sse.js';
import { openRawWebSocket } from '../support/raw-websocket.js';
import { eventually, initialize, MCP, openStream, type OpenStream } from './calls.js';

const JWT_BUNDLE = 'config/jwt-bundle.json';
const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const nowS = Math.floor(Date.now() / 1000);
const [signer, kept] = [makeJwtAuthority('key-1'), makeJwtAuthority('key-2')];

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await startGateway({
    config: { identity: { jwt_bundle_file: JWT_BUNDLE, jwt_audience: ['precinct'] } }, tools: [], policies: { 'all.rego': permitAll(), 'other.rego': permitAll(OTHER) }, files: { [JWT_BUNDLE]: jwtBundleText(signer, kept) },
    identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: OTHER }] },
  });
});

afterAll(async () => {
  await gateway.stop();
});

const tokenOf = (by: typeof signer): Promise<string> => makeJwtSvid(by, CALLER, { claims: { iat: nowS - 5, exp: nowS + 3600 } });

async function sessionStream(token: string): Promise<OpenStream> {
  const evidence = { authorization: `Bearer ${token}` };
  const opened = await gateway.http('POST', '/', { 'content-type': 'application/json', ...MCP, ...evidence }, initialize());
  return openStream(gateway, 'GET', { ...MCP, ...evidence, 'mcp-session-id': String(opened.headers['mcp-session-id']) });
}

async function webSocket(token: string) {
  const socket = await openRawWebSocket(gateway.port, { lines: [`Authorization: Bearer ${token}`] });
  socket.send(initialize());
  await socket.message(0);
  socket.send(INITIALIZED);
  return socket;
}

const streamsOpened = (): number => gateway.lines('request').filter(({ method, code }) => method === 'GET' && code === null).length;

describe('a token\'s authority that is taken out of the bundle', () => {
  it('ends the streams it vouched for, and no other', async () => {
    const [token, other] = await Promise.all([tokenOf(signer), tokenOf(kept)]);
    const [stream, staying, socket] = [await sessionStream(token), await sessionStream(other), await webSocket(token)];
    const sse = await openRawSse(gateway.port, { headers: { authorization: `Bearer ${token}` } });
    await sse.post(initialize());
    await sse.message(0);
    await sse.post(INITIALIZED);
    expect(await eventually(() => streamsOpened() === 4)).toBe(true);
    writeFileSync(join(gateway.dir, JWT_BUNDLE), jwtBundleText(kept));
    expect(await eventually(() => stream.ended)).toBe(true);
    expect(await socket.closed).toEqual({ code: 1008, reason: 'auth_invalid_identity' });
    expect(await sse.closed).toEqual({ whole: true, comment: 'auth_invalid_identity' });
    expect(await eventually(() => gateway.lines('stream_end').length === 3)).toBe(true);
    expect(gateway.lines('stream_end').map(({ code }) => code)).toEqual(Array(3).fill('auth_invalid_identity'));
    expect(staying.ended).toBe(false);
    staying.hangUp();
  });
});

describe('an identity that is no longer registered', () => {
  it('hears nothing more on a subscription without a session', async () => {
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' } };
    const socket = await openRawWebSocket(gateway.port, { lines: [`X-SPIFFE-ID: ${OTHER}`] });
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true }, _meta: meta } }));
    expect(await socket.message(0)).toContain('acknowledged');
    writeFileSync(join(gateway.dir, 'config/identities.yaml'), JSON.stringify({ default: CALLER, identities: [{ spiffe_id: CALLER }] }));
    expect(await socket.closed).toEqual({ code: 1008, reason: 'auth_invalid_identity' });
    expect(gateway.lines('stream_end').at(-1)).toMatchObject({ code: 'auth_invalid_identity' });
  });
});
