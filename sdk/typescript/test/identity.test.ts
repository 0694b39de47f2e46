// Where the identity is found, in which order, what is sent of it, and what is never sent.
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeAuthority, makeJwtAuthority, makeJwtSvid, makeServerCertificate, makeSvid, validAround, type IssuedCertificate } from '../../../test/support/pki.js';
import { ConfigurationError, GatewayClient, type ClientOptions, type Identity } from '../src/index.js';
import { isLoopback } from '../src/identity/discover.js';
import { ownSurroundings } from './support/own-surroundings.js';
import { startScripted, text, type ScriptedGateway } from './support/scripted-gateway.js';

const ID = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const GATEWAY_ID = 'spiffe://poc.local/gateway';
const NOW = Date.now();
const authority = makeAuthority('authority');
const stranger = makeAuthority('stranger');

let dir: string;
let plain: ScriptedGateway;
let secure: ScriptedGateway;
let token: string;
let otherToken: string;

/** A file whose change is seen however coarse the file system's clock is. */
let tick = 0;
function write(name: string, content: string): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  tick += 1;
  utimesSync(path, new Date(NOW), new Date(NOW + tick * 1000));
  return path;
}
const writeSvid = (folder: string, svid: IssuedCertificate): void => {
  write(`${folder}svid_key.pem`, svid.privateKeyPem);
  write(`${folder}svid.pem`, svid.pem);
  write(`${folder}bundle.pem`, authority.pem);
};
const svidOf = (id: string): IssuedCertificate => makeSvid(authority, id, validAround(NOW));

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'precinct-sdk-'));
  const server = makeServerCertificate(authority, NOW);
  plain = await startScripted();
  secure = await startScripted({ cert: server.pem, key: server.privateKeyPem, ca: authority.pem, requestCert: true, rejectUnauthorized: false });
  const jwt = makeJwtAuthority('k');
  token = await makeJwtSvid(jwt, ID);
  otherToken = await makeJwtSvid(jwt, OTHER);
  plain.play(text('a'));
  secure.play(text('a'));
});
beforeEach(() => { plain.seen.length = secure.seen.length = 0; });
afterAll(async () => {
  await Promise.all([plain.close(), secure.close()]);
  rmSync(dir, { recursive: true, force: true });
});

interface Sent {
  readonly identity: Identity;
  readonly id: unknown;
  readonly bearer: unknown;
  readonly peer: string;
}

async function sent(url: string, options: ClientOptions = {}, env: Record<string, string> = {}): Promise<Sent> {
  const gateway = url === secure.url ? secure : plain;
  const client = new GatewayClient({ gatewayUrl: url, surroundings: ownSurroundings({ env }), maxRetries: 0, ...options });
  try {
    await client.callTool('t');
    const last = gateway.seen.at(-1);
    return { identity: client.identity, id: last?.headers['x-spiffe-id'], bearer: last?.headers['authorization'], peer: last?.peer ?? '' };
  } finally {
    await client.close();
  }
}

describe('the identity', () => {
  it('that is given goes before all others', async () => {
    const env = { PRECINCT_SPIFFE_ID: OTHER, SPIFFE_ENDPOINT_SOCKET: 'unix:///nowhere', PRECINCT_JWT_FILE: '/nowhere' };
    expect(await sent(plain.url, { spiffeId: ID }, env)).toEqual({ identity: { source: 'argument', spiffeId: ID }, id: ID, bearer: undefined, peer: '' });
  });

  it('of the environment goes before the Workload API and files', async () => {
    const env = { PRECINCT_SPIFFE_ID: OTHER, SPIFFE_ENDPOINT_SOCKET: 'unix:///nowhere', PRECINCT_JWT_FILE: '/nowhere' };
    expect(await sent(plain.url, {}, env)).toMatchObject({ identity: { source: 'environment', spiffeId: OTHER }, id: OTHER });
    expect(await sent(plain.url, {}, { PRECINCT_JWT_SVID: token })).toMatchObject({ identity: { source: 'environment', spiffeId: ID }, bearer: `Bearer ${token}`, id: undefined });
  });

  it('may be nobody\'s', async () => {
    expect(await sent(plain.url, {}, { PRECINCT_SPIFFE_ID: '', PRECINCT_JWT_FILE: '' })).toEqual({ identity: { source: 'none', spiffeId: undefined }, id: undefined, bearer: undefined, peer: '' });
  });

  it('of the URL is the environment\'s where none is given', () => {
    expect(new GatewayClient({ surroundings: ownSurroundings({ env: { PRECINCT_GATEWAY_URL: 'http://127.0.0.1:5/x' } }) }).gatewayUrl).toBe('http://127.0.0.1:5/x');
    expect(new GatewayClient({ surroundings: ownSurroundings() }).gatewayUrl).toBe('http://localhost:9090/');
  });

  it('as a token goes alone: a proof needs no word beside it', async () => {
    expect(await sent(plain.url, { spiffeId: ID, jwtSvid: token })).toMatchObject({ bearer: `Bearer ${token}`, id: undefined });
  });

  it('as a function is asked at each request', async () => {
    const tokens = [token, otherToken];
    const client = new GatewayClient({ gatewayUrl: plain.url, jwtSvid: () => Promise.resolve(tokens.shift() ?? ''), surroundings: ownSurroundings() });
    await client.callTool('t');
    await client.callTool('t');
    expect(plain.seen.map(({ headers }) => headers['authorization'])).toEqual([`Bearer ${token}`, `Bearer ${otherToken}`]);
    expect(client.identity).toEqual({ source: 'argument', spiffeId: OTHER });
    await expect(client.callTool('t')).rejects.toThrow(ConfigurationError);
    const failing = new GatewayClient({ gatewayUrl: plain.url, jwtSvid: () => { throw new Error(`bad ${token}`); }, surroundings: ownSurroundings() });
    expect(inspect(await failing.callTool('t').catch((error: unknown) => error), { depth: null })).not.toContain(token);
    await Promise.all([client.close(), failing.close()]);
  });

  it('as a function that does not answer ends with the call\'s time', async () => {
    const surroundings = ownSurroundings();
    const client = new GatewayClient({ gatewayUrl: plain.url, jwtSvid: () => new Promise(() => surroundings.pass(5)), surroundings, timeout: 5 });
    await expect(client.callTool('t')).rejects.toMatchObject({ name: 'CallTimeoutError', mayHaveRun: false });
    await client.close();
  });

  it('of a token file is read again when it changes, and not while it is half written', async () => {
    const path = write('jwt', `${token}\n`);
    const client = new GatewayClient({ gatewayUrl: plain.url, surroundings: ownSurroundings({ env: { PRECINCT_JWT_FILE: path } }) });
    await client.callTool('t');
    expect(client.identity).toEqual({ source: 'files', spiffeId: ID });
    write('jwt', otherToken.slice(0, 20));
    await client.callTool('t');
    write('jwt', otherToken);
    await client.callTool('t');
    rmSync(path);
    await client.callTool('t');
    expect(plain.seen.map(({ headers }) => headers['authorization'])).toEqual([token, token, otherToken, otherToken].map((one) => `Bearer ${one}`));
    await client.close();
  });

  it('by certificate is shown over TLS, and renewed with its files', async () => {
    writeSvid('', svidOf(ID));
    const client = new GatewayClient({ gatewayUrl: secure.url, surroundings: ownSurroundings({ env: { PRECINCT_SVID_DIR: dir } }) });
    await client.callTool('t');
    expect(client.identity).toEqual({ source: 'files', spiffeId: ID });
    const before = secure.connections();
    await client.callTool('t');
    expect(secure.connections()).toBe(before);
    const next = svidOf(OTHER);
    write('svid_key.pem', next.privateKeyPem); // no pair yet
    await client.callTool('t');
    write('svid.pem', next.pem);
    await client.callTool('t');
    expect(secure.seen.map(({ peer }) => peer)).toEqual([`URI:${ID}`, `URI:${ID}`, `URI:${ID}`, `URI:${OTHER}`]);
    expect(secure.connections()).toBe(before + 1);
    await client.close();
  });

  it('by a former certificate ends with the client, where something still comes over its connection', async () => {
    writeSvid('', svidOf(ID));
    const client = new GatewayClient({ gatewayUrl: secure.url, surroundings: ownSurroundings({ env: { PRECINCT_SVID_DIR: dir } }) });
    const closed = new Promise((resolve) => {
      secure.play((_seen, response) => {
        response.on('close', resolve).writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged' })}\n\n`);
      }, text('a'));
    });
    const heard = client.listen({});
    await heard.next();
    writeSvid('', svidOf(OTHER));
    await client.callTool('t');
    const next = heard.next();
    await client.close();
    await expect(next).rejects.toMatchObject({ name: 'TransportError' });
    await closed;
  });

  it('by certificate may be given, or stand in the environment', async () => {
    const svid = svidOf(ID);
    const [certFile, keyFile, caFile] = [write('c.pem', svid.pem), write('k.pem', svid.privateKeyPem), write('ca.pem', authority.pem)];
    expect(await sent(secure.url, { certFile, keyFile, caFile, spiffeId: ID })).toEqual({ identity: { source: 'argument', spiffeId: ID }, id: undefined, bearer: undefined, peer: `URI:${ID}` });
    const env = { PRECINCT_CERT_FILE: certFile, PRECINCT_KEY_FILE: keyFile, PRECINCT_CA_FILE: caFile };
    expect(await sent(secure.url, {}, env)).toMatchObject({ identity: { source: 'environment', spiffeId: ID }, peer: `URI:${ID}` });
    expect(await sent(plain.url, {}, env)).toMatchObject({ identity: { source: 'none' } }); // over plain HTTP it says nothing
    expect(await sent(secure.url, { jwtSvid: token }, { PRECINCT_CA_FILE: caFile })).toMatchObject({ identity: { source: 'argument' }, bearer: `Bearer ${token}`, peer: '' });
  });
});

describe('the gateway\'s certificate', () => {
  const failure = async (gateway: ScriptedGateway, options: ClientOptions): Promise<unknown> => {
    const client = new GatewayClient({ gatewayUrl: gateway.url, surroundings: ownSurroundings(), maxRetries: 0, ...options });
    try {
      return await client.callTool('t').then(() => 'it was taken', (error: unknown) => error);
    } finally {
      await client.close();
    }
  };

  it('must chain to the CA, and be of the host', async () => {
    const bad = { name: 'TransportError', mayHaveRun: false };
    expect(await failure(secure, {})).toMatchObject(bad);
    expect(await failure(secure, { caFile: write('stranger.pem', stranger.pem) })).toMatchObject(bad);
    expect(await failure(secure, { caFile: write('ca.pem', authority.pem) })).toBe('it was taken');
    const named = makeSvid(authority, GATEWAY_ID, { ...validAround(NOW), dnsNames: ['elsewhere.example'] });
    const elsewhere = await startScripted({ cert: named.pem, key: named.privateKeyPem });
    elsewhere.play(text('a'));
    expect(await failure(elsewhere, { caFile: write('ca.pem', authority.pem) })).toMatchObject({ ...bad, message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') as string });
    expect(elsewhere.seen).toEqual([]);
    await elsewhere.close();
  });

  it('or be of the SPIFFE ID that is asked for, instead of the host', async () => {
    const caFile = write('ca.pem', authority.pem);
    for (const [uris, issuer, taken] of [[[GATEWAY_ID], authority, true], [[OTHER], authority, false], [[GATEWAY_ID, OTHER], authority, false], [[GATEWAY_ID], stranger, false]] as const) {
      const svid = makeSvid(issuer, GATEWAY_ID, { ...validAround(NOW), uris });
      const gateway = await startScripted({ cert: svid.pem, key: svid.privateKeyPem });
      gateway.play(text('a'));
      const outcome = await failure(gateway, { caFile, gatewaySpiffeId: GATEWAY_ID });
      if (taken) expect(outcome).toBe('it was taken');
      else expect(outcome).toMatchObject({ name: 'TransportError', mayHaveRun: false, message: expect.stringContaining(issuer === authority ? '(CERT_OF_ANOTHER_SPIFFE_ID)' : '(UNABLE_TO_') as string });
      expect(gateway.seen).toHaveLength(taken ? 1 : 0);
      await gateway.close();
    }
  });
});

describe('a client is not made', () => {
  const made = (options: ClientOptions, env: Record<string, string> = {}) => () => new GatewayClient({ surroundings: ownSurroundings({ env }), ...options });

  it.each(['http://gateway.example:9090', 'http://10.0.0.7', 'http://127.0.0.1.example', 'http://a.localhost', 'http://[::2]:1', 'http://0.0.0.0:1'])('that would name itself in the clear to %s', (gatewayUrl) => {
    expect(made({ gatewayUrl, spiffeId: ID })).toThrow(ConfigurationError);
    expect(made({ gatewayUrl, jwtSvid: token })).toThrow(ConfigurationError);
    expect(made({ gatewayUrl, jwtSvid: () => token })).toThrow(ConfigurationError);
    expect(made({ gatewayUrl }, { PRECINCT_SPIFFE_ID: ID })).toThrow(ConfigurationError);
    expect(made({ gatewayUrl }, { PRECINCT_JWT_SVID: token })).toThrow(ConfigurationError);
    expect(made({ gatewayUrl, workloadApi: 'unix:///run/agent.sock' })).toThrow(ConfigurationError);
    expect(made({ gatewayUrl }, { SPIFFE_ENDPOINT_SOCKET: 'unix:///run/agent.sock' })).toThrow(ConfigurationError);
    expect(made({ gatewayUrl }, { PRECINCT_JWT_FILE: write('jwt', token) })).toThrow(ConfigurationError);
    expect(made({ gatewayUrl })).not.toThrow(); // it sends nothing
    expect(made({ gatewayUrl: gatewayUrl.replace('http:', 'https:'), spiffeId: ID })).not.toThrow();
  });

  it.each(['localhost', '127.0.0.1', '127.9.9.9', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1'])('but it is to loopback (%s)', (host) => {
    expect(isLoopback(new URL(`http://${host}`).hostname)).toBe(true);
    expect(made({ gatewayUrl: `http://${host}`, spiffeId: ID })).not.toThrow();
  });

  it.each<[string, ClientOptions]>([
    ['no URL', { gatewayUrl: 'here' }], ['another scheme', { gatewayUrl: 'ftp://localhost' }], ['a password in the URL', { gatewayUrl: 'http://u:hunter2@localhost' }],
    ['no SPIFFE ID', { spiffeId: 'my-agent' }], ['a SPIFFE ID with a line break', { spiffeId: `${ID}\r\nx: y` }], ['no token', { jwtSvid: 'hunter2' }], ['no gateway\'s SPIFFE ID', { gatewaySpiffeId: 'x' }],
    ['half a pair', { gatewayUrl: 'https://localhost', certFile: 'x' }], ['a certificate over plain HTTP', { certFile: 'x', keyFile: 'y' }], ['a file that is not there', { gatewayUrl: 'https://localhost', certFile: '/nowhere/c', keyFile: '/nowhere/k' }],
    ['an era of no kind', { era: '2024-01-01' as never }], ['no time', { timeout: 0 }], ['a time that is no number', { timeout: Number.NaN }], ['negative retries', { maxRetries: -1 }], ['half a retry', { maxRetries: 0.5 }], ['a negative pause', { backoffBase: -1 }],
    ['a wait without end', { waitForApproval: Number.POSITIVE_INFINITY }], ['no bound', { maxAnswerBytes: 0 }], ['a socket of no kind', { workloadApi: '/run/agent.sock' }], ['a socket elsewhere', { workloadApi: 'tcp://10.0.0.1:8081' }],
  ])('from %s', (_what, options) => {
    let error: unknown;
    try {
      made(options)();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(inspect(error)).not.toContain('hunter2');
  });

  it('from a pair that is none', () => {
    const one = svidOf(ID);
    const [certFile, keyFile] = [write('c.pem', one.pem), write('k.pem', svidOf(ID).privateKeyPem)];
    expect(made({ gatewayUrl: 'https://localhost', certFile, keyFile })).toThrow(/no pair/);
    expect(statSync(certFile).size).toBeGreaterThan(0);
  });

  it('that shows its credentials', async () => {
    const client = new GatewayClient({ gatewayUrl: plain.url, jwtSvid: token, surroundings: ownSurroundings() });
    await client.callTool('t');
    for (const shown of [inspect(client, { depth: null, showHidden: true }), JSON.stringify(client), JSON.stringify(client.identity)]) expect(shown).not.toContain(token);
    await client.close();
  });
});
