// The identity from a Workload API: a real gRPC server on a Unix socket, which rotates, refuses, and goes away.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, status, type Metadata, type handleServerStreamingCall, type handleUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority, makeIntermediate, makeJwtAuthority, makeJwtSvid, makeSvid, validAround, type IssuedCertificate } from '../../../test/support/pki.js';
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

function field(number: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value as string);
  const length: number[] = [];
  for (let left = bytes.length; ; left = Math.floor(left / 128)) {
    length.push(left < 128 ? left : (left % 128) + 128);
    if (left < 128) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}
const der = (...certificates: readonly IssuedCertificate[]): Buffer => Buffer.concat(certificates.map(({ pem }) => new X509Certificate(pem).raw));

function x509Response(...ids: readonly string[]): Buffer {
  const svids = ids.map((id) => {
    const svid = makeSvid(intermediate, id, validAround(NOW));
    return field(1, Buffer.concat([field(1, id), field(2, der(svid, intermediate)), field(3, createPrivateKey(svid.privateKeyPem).export({ format: 'der', type: 'pkcs8' })), field(4, der(root)), field(5, 'hint')]));
  });
  return Buffer.concat([...svids, field(2, 'crl'), field(3, Buffer.concat([field(1, 'spiffe://elsewhere.example'), field(2, der(elsewhere))]))]);
}

type X509Play = (call: ServerWritableStream<Buffer, Buffer>) => void;

/** A Workload API as SPIRE's agent serves it. */
class WorkloadApiServer {
  readonly socket: string;
  readonly streams = new Set<ServerWritableStream<Buffer, Buffer>>();
  readonly audiences: string[] = [];
  x509: X509Play = (call) => void call.write(x509Response(ID));
  token: (audience: string) => Promise<string> | undefined = () => undefined;
  opened = 0;
  #server = new Server();

  constructor(dir: string) {
    this.socket = `unix://${join(dir, `${createHash('sha256').update(String(Math.random())).digest('hex').slice(0, 8)}.sock`)}`;
  }

  async start(): Promise<void> {
    this.#server = new Server();
    const bytes = { requestSerialize: (b: Buffer) => b, requestDeserialize: (b: Buffer) => b, responseSerialize: (b: Buffer) => b, responseDeserialize: (b: Buffer) => b };
    const x509: handleServerStreamingCall<Buffer, Buffer> = (call) => {
      this.opened += 1;
      if (!isSafe(call.metadata)) return refuse(call, status.INVALID_ARGUMENT);
      this.streams.add(call);
      call.on('cancelled', () => this.streams.delete(call));
      this.x509(call);
    };
    const jwt: handleUnaryCall<Buffer, Buffer> = (call, then) => {
      const audience = call.request.subarray(2).toString('utf8');
      this.audiences.push(audience);
      const token = isSafe(call.metadata) ? this.token(audience) : undefined;
      if (token === undefined) then({ code: status.PERMISSION_DENIED, details: 'no identity issued' });
      else void token.then((svid) => then(null, field(1, Buffer.concat([field(1, ID), field(2, svid)]))));
    };
    this.#server.addService({
      FetchX509SVID: { path: '/SpiffeWorkloadAPI/FetchX509SVID', requestStream: false, responseStream: true, ...bytes }, FetchJWTSVID: { path: '/SpiffeWorkloadAPI/FetchJWTSVID', requestStream: false, responseStream: false, ...bytes },
    }, { FetchX509SVID: x509, FetchJWTSVID: jwt });
    await new Promise<void>((resolve, reject) => this.#server.bindAsync(this.socket, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))));
  }

  send(response: Buffer): void {
    for (const stream of this.streams) stream.write(response);
  }

  stop(): void {
    this.streams.clear();
    this.#server.forceShutdown();
  }
}

/** As grpc-js wants it: an error that is emitted becomes the status. */
function refuse(call: ServerWritableStream<Buffer, Buffer>, code: status): void {
  call.emit('error', Object.assign(new Error('no identity issued'), { code }));
}

const isSafe = (metadata: Metadata): boolean => metadata.get('workload.spiffe.io')[0] === 'true';

let dir: string;
let plain: ScriptedGateway;
let secure: ScriptedGateway;
const running: { stop(): void }[] = [];
const clients: GatewayClient[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'precinct-sdk-'));
  const svid = makeSvid(root, GATEWAY_ID, validAround(NOW));
  plain = await startScripted();
  secure = await startScripted({ cert: svid.pem, key: svid.privateKeyPem, ca: root.pem, requestCert: true });
  plain.play(text('a'));
  secure.play(text('a'));
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  for (const server of running.splice(0)) server.stop();
});
afterAll(async () => {
  await Promise.all([plain.close(), secure.close()]);
  rmSync(dir, { recursive: true, force: true });
});

async function workloadApi(set: (server: WorkloadApiServer) => void = () => undefined): Promise<WorkloadApiServer> {
  const server = new WorkloadApiServer(dir);
  set(server);
  running.push(server);
  await server.start();
  return server;
}

function client(server: WorkloadApiServer, url: string, options: ClientOptions = {}, surroundings: OwnSurroundings = ownSurroundings()): GatewayClient {
  const made = new GatewayClient({ gatewayUrl: url, workloadApi: server.socket, maxRetries: 0, surroundings, ...(url.startsWith('https:') ? { gatewaySpiffeId: GATEWAY_ID } : {}), ...options });
  clients.push(made);
  return made;
}

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 5));
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
    expect(server.opened).toBe(1);
  });

  it('is the first of several', async () => {
    const server = await workloadApi((api) => { api.x509 = (call) => void call.write(x509Response(OTHER, ID)); });
    expect(await client(server, secure.url).connect()).toMatchObject({ spiffeId: OTHER });
  });

  it('is the newest on new connections', async () => {
    const server = await workloadApi();
    const one = client(server, secure.url);
    await one.callTool('t');
    const before = secure.connections();
    server.send(x509Response(OTHER));
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
    server.x509 = (call) => void call.write(x509Response(OTHER));
    await server.start();
    await until(() => one.identity.spiffeId === OTHER || (void one.connect(), false));
  });

  it('that is none any reader can use keeps the one of before', async () => {
    const server = await workloadApi();
    const one = client(server, secure.url);
    await one.connect();
    const { opened } = server;
    server.send(Buffer.from([0x0a, 0x05, 0x01]));
    await until(() => server.opened > opened);
    expect(await one.connect()).toMatchObject({ spiffeId: ID });
  });

  it('trusts no other trust domain unless the gateway is of it', async () => {
    const svid = makeSvid(elsewhere, FEDERATED_ID, { ...validAround(NOW), dnsNames: ['localhost'] });
    const foreign = await startScripted({ cert: svid.pem, key: svid.privateKeyPem });
    running.push({ stop: () => void foreign.close() });
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
    const server = await workloadApi((api) => {
      api.token = async () => {
        const nowS = Math.floor(surroundings.nowMs() / 1000);
        const token = await makeJwtSvid(jwt, ID, { claims: { iat: nowS, exp: nowS + 300, n: issued.length } });
        issued.push(token);
        return token;
      };
    });
    const one = client(server, `${plain.url}/mcp`, {}, surroundings);
    plain.seen.length = 0;
    await Promise.all([one.callTool('t'), one.callTool('t')]);
    surroundings.pass(149);
    await one.callTool('t');
    surroundings.pass(2);
    await one.callTool('t');
    expect(plain.seen.map(({ headers }) => issued.indexOf(String(headers['authorization']).replace('Bearer ', '')))).toEqual([0, 0, 0, 1]);
    expect(server.audiences).toEqual([plain.url, plain.url]);
    expect(one.identity).toEqual({ source: 'workload_api_jwt', spiffeId: ID });
    expect(server.opened).toBe(0);
  });

  it('stands in where no X.509-SVID is given, for an audience that may be named', async () => {
    const server = await workloadApi((api) => {
      api.x509 = (call) => refuse(call, status.PERMISSION_DENIED);
      api.token = () => makeJwtSvid(jwt, ID);
    });
    const one = client(server, plain.url, { audience: 'precinct' });
    expect(await one.connect()).toEqual({ source: 'workload_api_jwt', spiffeId: ID });
    expect(server.audiences).toEqual(['precinct']);
    const overTls = client(server, secure.url);
    expect(await overTls.connect()).toEqual({ source: 'workload_api_jwt', spiffeId: ID });
  });

  it('that is not given is an error that names what to do', async () => {
    const server = await workloadApi();
    await expect(client(server, plain.url).callTool('t')).rejects.toMatchObject({ name: 'TransportError', mayHaveRun: false, message: expect.stringContaining('register it') as string });
  });
});

describe('a Workload API', () => {
  it('that is not there is an error, and asked again with the next call', async () => {
    const server = new WorkloadApiServer(dir);
    running.push(server);
    const one = client(server, secure.url);
    await expect(one.callTool('t')).rejects.toMatchObject({ name: 'TransportError', mayHaveRun: false });
    await server.start();
    await until2(async () => one.callTool('t').then(() => true, () => false));
  });

  it('that never answers is given up with the call', async () => {
    const server = await workloadApi((api) => { api.x509 = () => undefined; });
    const stop = new AbortController();
    const run = client(server, secure.url).callTool('t', {}, { signal: stop.signal });
    await until(() => server.opened === 1);
    stop.abort();
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
  });

  it.each([[[]], [[0x0a]], [[0x0a, 0x80]], [[0x0a, 0x02, 0x0a, 0x05]], [[0x0b]], [[0x0a, 0x02, 0x12, 0x00]]])('whose message is %j gives no SVID', (bytes) => {
    if (bytes.length === 0) expect(readX509Response(Buffer.from(bytes))).toBeUndefined();
    else expect(() => readX509Response(Buffer.from(bytes))).toThrow();
  });
});

async function until2(is: () => Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 20));
}
