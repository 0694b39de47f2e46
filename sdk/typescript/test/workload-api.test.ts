// The identity from a Workload API: a real gRPC server on a Unix socket, which rotates, refuses, and goes away.
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writeField } from '../../../src/base/workload-api/protobuf.js';
import { makeAuthority, makeIntermediate, makeJwtAuthority, makeJwtSvid, makeSvid, validAround } from '../../../test/support/pki.js';
import { until } from '../../../test/support/until.js';
import { derOf, startWorkloadApi, x509Answer, type WorkloadApiServer } from '../../../test/support/workload-api-server.js';
import { GatewayClient, type ClientOptions } from '../src/index.js';
import { readX509Response } from '../src/identity/workload-messages.js';
import { ownSurroundings, type OwnSurroundings } from './support/own-surroundings.js';
import { startScripted, text, type ScriptedGateway } from './support/scripted-gateway.js';

const ID = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const GATEWAY_ID = 'spiffe://poc.local/gateway';
const FEDERATED_ID = 'spiffe://elsewhere.example/gateway';
const NOW = Date.now();
const root = makeAuthority('root');
const intermediate = makeIntermediate(root, 'intermediate');
const elsewhere = makeAuthority('elsewhere');

/** As SPIRE's agent says it: with revocations, and with who else is trusted. */
function x509Response(...ids: readonly string[]): Buffer {
  const svids = x509Answer(ids.map((spiffeId) => ({ spiffeId, svid: makeSvid(intermediate, spiffeId, validAround(NOW)), chain: [intermediate], bundle: [root], hint: 'hint' })));
  return Buffer.concat([svids, writeField(2, 'crl'), writeField(3, Buffer.concat([writeField(1, 'spiffe://elsewhere.example'), writeField(2, derOf([elsewhere]))]))]);
}

let plain: ScriptedGateway;
let secure: ScriptedGateway;
const running: { close(): unknown }[] = [];
const clients: GatewayClient[] = [];

beforeAll(async () => {
  const svid = makeSvid(root, GATEWAY_ID, validAround(NOW));
  plain = await startScripted();
  secure = await startScripted({ cert: svid.pem, key: svid.privateKeyPem, ca: root.pem, requestCert: true });
  plain.play(text('a'));
  secure.play(text('a'));
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const server of running.splice(0)) server.close();
});
afterAll(() => Promise.all([plain.close(), secure.close()]));

async function workloadApi(): Promise<WorkloadApiServer> {
  const server = await startWorkloadApi();
  running.push(server);
  server.tokenOf = ID;
  server.give(x509Response(ID));
  return server;
}
const opened = ({ asked }: WorkloadApiServer): number => asked.filter(({ method }) => method === 'FetchX509SVID').length;
const audiences = ({ asked }: WorkloadApiServer): readonly string[] => asked.flatMap(({ audience }) => audience);

function client(server: WorkloadApiServer, url: string, options: ClientOptions = {}, surroundings: OwnSurroundings = ownSurroundings()): GatewayClient {
  const made = new GatewayClient({ gatewayUrl: url, workloadApi: server.address, maxRetries: 0, surroundings, ...(url.startsWith('https:') ? { gatewaySpiffeId: GATEWAY_ID } : {}), ...options });
  clients.push(made);
  return made;
}

describe('an X.509-SVID', () => {
  it('is fetched with the security header, and shown to the gateway, whose certificate chains to the bundle', async () => {
    const server = await workloadApi();
    const one = client(server, secure.url);
    expect(one.identity).toEqual({ source: 'workload_api_x509', spiffeId: undefined });
    expect(await one.connect()).toEqual({ source: 'workload_api_x509', spiffeId: ID });
    await one.callTool('t');
    expect(secure.seen.at(-1)).toMatchObject({ peer: `URI:${ID}` });
    expect(secure.seen.at(-1)?.headers).not.toHaveProperty('authorization');
    expect(opened(server)).toBe(1);
  });

  it('is not waited for when the caller says so', async () => {
    const server = await workloadApi();
    server.give(undefined);
    const stop = new AbortController();
    const fetched = client(server, secure.url).connect({ signal: stop.signal });
    await until(() => opened(server) === 1);
    stop.abort();
    await expect(fetched).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('is the first of several', async () => {
    const server = await workloadApi();
    server.give(x509Response(OTHER, ID));
    expect(await client(server, secure.url).connect()).toMatchObject({ spiffeId: OTHER });
  });

  it('is the newest on new connections', async () => {
    const server = await workloadApi();
    const one = client(server, secure.url);
    await one.callTool('t');
    const before = secure.connections();
    server.give(x509Response(OTHER));
    await until(() => one.identity.spiffeId === OTHER || (void one.connect(), false));
    await one.callTool('t');
    expect(secure.seen.at(-1)?.peer).toBe(`URI:${OTHER}`);
    expect(secure.connections()).toBe(before + 1);
  });

  it('stays where the stream breaks, and is renewed when it is back', async () => {
    const server = await workloadApi();
    const one = client(server, secure.url);
    await one.connect();
    server.stop();
    await one.callTool('t');
    expect(secure.seen.at(-1)?.peer).toBe(`URI:${ID}`);
    server.give(x509Response(OTHER));
    await server.start();
    await until(() => one.identity.spiffeId === OTHER || (void one.connect(), false));
  });

  it('that is none any reader can use keeps the one of before', async () => {
    const server = await workloadApi();
    const one = client(server, secure.url);
    await one.connect();
    server.give(Buffer.from([0x0a, 0x05, 0x01]));
    await until(() => opened(server) > 1);
    expect(await one.connect()).toMatchObject({ spiffeId: ID });
  });

  it('trusts no other trust domain unless the gateway is of it', async () => {
    const svid = makeSvid(elsewhere, FEDERATED_ID, { ...validAround(NOW), dnsNames: ['localhost'] });
    const foreign = await startScripted({ cert: svid.pem, key: svid.privateKeyPem });
    running.push(foreign);
    foreign.play(text('a'));
    const server = await workloadApi();
    await expect(client(server, foreign.url.replace('127.0.0.1', 'localhost'), { gatewaySpiffeId: undefined }).callTool('t')).rejects.toMatchObject({ name: 'TransportError', mayHaveRun: false });
    expect((await client(server, foreign.url, { gatewaySpiffeId: FEDERATED_ID }).callTool('t')).text).toBe('a');
    expect(foreign.seen).toHaveLength(1);
  });
});

describe('a JWT-SVID', () => {
  const jwt = makeJwtAuthority('k');

  it('is fetched for the gateway\'s origin, kept, and fetched anew at half its life', async () => {
    const surroundings = ownSurroundings();
    const issued: string[] = [];
    const server = await workloadApi();
    server.token = async () => {
      const nowS = Math.floor(surroundings.nowMs() / 1000);
      const token = await makeJwtSvid(jwt, ID, { claims: { iat: nowS, exp: nowS + 300, n: issued.length } });
      issued.push(token);
      return token;
    };
    const one = client(server, `${plain.url}/mcp`, {}, surroundings);
    plain.seen.length = 0;
    await Promise.all([one.callTool('t'), one.callTool('t')]);
    surroundings.pass(149);
    await one.callTool('t');
    surroundings.pass(2);
    await one.callTool('t');
    expect(plain.seen.map(({ headers }) => issued.indexOf(String(headers['authorization']).replace('Bearer ', '')))).toEqual([0, 0, 0, 1]);
    expect(audiences(server)).toEqual([plain.url, plain.url]);
    expect(one.identity).toEqual({ source: 'workload_api_jwt', spiffeId: ID });
    expect(opened(server)).toBe(0);
  });

  it('serves to its end while the Workload API gives no other', async () => {
    const surroundings = ownSurroundings();
    const server = await workloadApi();
    const nowS = Math.floor(surroundings.nowMs() / 1000);
    server.token = () => makeJwtSvid(jwt, ID, { claims: { iat: nowS, exp: nowS + 300 } });
    const one = client(server, `${plain.url}/mcp`, {}, surroundings);
    await one.callTool('t');
    server.token = () => ({ status: status.UNAVAILABLE });
    surroundings.pass(151);
    expect((await one.callTool('t')).text).toBe('a');
    surroundings.pass(150);
    await expect(one.callTool('t')).rejects.toMatchObject({ name: 'TransportError', mayHaveRun: false });
  });

  it('stands in where no X.509-SVID is given, for an audience that may be named', async () => {
    const server = await workloadApi();
    server.give({ status: status.PERMISSION_DENIED });
    server.token = () => makeJwtSvid(jwt, ID);
    const one = client(server, plain.url, { audience: 'precinct' });
    expect(await one.connect()).toEqual({ source: 'workload_api_jwt', spiffeId: ID });
    expect(audiences(server)).toEqual(['precinct']);
    const overTls = client(server, secure.url);
    expect(await overTls.connect()).toEqual({ source: 'workload_api_jwt', spiffeId: ID });
  });

  it('that is not given is an error that names what to do', async () => {
    const server = await workloadApi();
    await expect(client(server, plain.url).callTool('t')).rejects.toMatchObject({ name: 'TransportError', mayHaveRun: false, message: expect.stringContaining('register it') as string });
  });
});

describe('a Workload API', () => {
  it.each([['refuses', { status: status.PERMISSION_DENIED }], ['says nothing', Buffer.alloc(0)]])('of a workload that is registered after its first call: one that %s is asked for both again', async (_what, answer) => {
    const server = await workloadApi();
    server.give(answer);
    const late = client(server, secure.url);
    await expect(late.callTool('t', {})).rejects.toThrow('register it');
    server.give(x509Response(ID));
    await late.callTool('t', {});
    expect(late.identity).toEqual({ source: 'workload_api_x509', spiffeId: ID });
    await until(() => server.watching === 1);
  });
  it('that is not there is an error, and asked again with the next call', async () => {
    const server = await workloadApi();
    server.stop();
    const one = client(server, secure.url);
    await expect(one.callTool('t')).rejects.toMatchObject({ name: 'TransportError', mayHaveRun: false });
    await server.start();
    while (!(await one.callTool('t').then(() => true, () => false))) await sleep(20);
  });

  it('that never answers is given up with the call', async () => {
    const server = await workloadApi();
    server.give(undefined);
    const stop = new AbortController();
    const run = client(server, secure.url).callTool('t', {}, { signal: stop.signal });
    await until(() => opened(server) === 1);
    stop.abort();
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
  });

  it.each([[[]], [[0x0a]], [[0x0a, 0x80]], [[0x0a, 0x02, 0x0a, 0x05]], [[0x0b]], [[0x0a, 0x02, 0x12, 0x00]]])('whose message is %j gives no SVID', (bytes) => {
    if (bytes.length === 0) expect(readX509Response(Buffer.from(bytes))).toBeUndefined();
    else expect(() => readX509Response(Buffer.from(bytes))).toThrow();
  });
});
