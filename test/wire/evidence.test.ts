// What proves who calls, replaced while the gateway runs: each file for itself. One that is wrong keeps no authority in force that another no longer names.
import { rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jwtBundleText, makeAuthority, makeJwtAuthority, makeJwtSvid, makeServerCertificate, makeSvid, validAround } from '../support/pki.js';
import { openRawWebSocket } from '../support/raw-websocket.js';
import { eventually } from './calls.js';

const AGENT = 'spiffe://poc.local/agents/mcp-client/tls-agent/dev';
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const BUNDLE = 'config/tls/bundle.pem';
const KEY = 'config/tls/gateway.key';
const JWT_BUNDLE = 'config/jwt-bundle.json';
const WATCHED_MS = 1000; // a change is active within a second
const now = Date.now();
const nowS = Math.floor(now / 1000);
const [first, second] = [makeAuthority('first authority'), makeAuthority('second authority')];
const own = makeServerCertificate(first, now);
const svid = makeSvid(first, AGENT, validAround(now));
const [signer, nextSigner] = [makeJwtAuthority('key-1'), makeJwtAuthority('key-2')];

let gateway: GatewayProcess;
let port = 0;

beforeAll(async () => {
  gateway = await startGateway({
    config: {
      tls: { enabled: true, port: 0, certificate_file: 'config/tls/gateway.pem', private_key_file: KEY, trust_bundle_file: BUNDLE }, identity: { jwt_bundle_file: JWT_BUNDLE, jwt_audience: ['precinct'] },
    },
    policies: { 'all.rego': permitAll() }, files: { 'config/tls/gateway.pem': own.pem, [KEY]: own.privateKeyPem, [BUNDLE]: first.pem, [JWT_BUNDLE]: jwtBundleText(signer) },
  });
  await eventually(() => /listening: https:\S+:\d+/.test(gateway.stderr()));
  port = Number(/listening: https:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.stderr())?.[1]);
});

afterAll(async () => {
  await gateway.stop();
});

const write = (file: string, text: string): void => writeFileSync(join(gateway.dir, file), text);
const events = (name: string): string[] => gateway.lines('event').filter((line) => line['event'] === name).map((line) => String((line['details'] as { path?: unknown } | undefined)?.path ?? line['path']));
const refused = async (): Promise<string[]> => ((await gateway.control('GET', '/v1/status')).json['refused'] as { file: string }[]).map(({ file }) => file);

/** 0 = the handshake was refused. */
function ask(): Promise<number> {
  return new Promise((resolve) => {
    const one = request({ host: '127.0.0.1', port, servername: 'localhost', method: 'POST', path: '/', ca: first.pem, cert: svid.pem, key: svid.privateKeyPem, agent: false, headers: { host: 'localhost', 'content-type': 'application/json' } }, (response) => {
      response.resume();
      response.on('close', () => resolve(response.statusCode ?? 0));
    });
    one.on('error', () => resolve(0));
    one.end(PING);
  });
}

async function askWithToken(): Promise<number> {
  const token = await makeJwtSvid(signer, AGENT, { claims: { iat: nowS - 5, exp: nowS + 3600 } });
  return (await gateway.http('POST', '/', { 'content-type': 'application/json', authorization: `Bearer ${token}` }, PING)).status;
}

beforeEach(async () => {
  write(BUNDLE, first.pem);
  write(KEY, own.privateKeyPem);
  write(JWT_BUNDLE, jwtBundleText(signer));
  expect(await eventually(async () => (await refused()).length === 0 && (await ask()) === 200 && (await askWithToken()) === 200)).toBe(true);
});

describe('an authority is out of force as soon as its bundle no longer has it', () => {
  it.each([
    ['the JWT bundle is damaged', JWT_BUNDLE, () => write(JWT_BUNDLE, '{ damaged')],
    ['the JWT bundle is away', JWT_BUNDLE, () => rmSync(join(gateway.dir, JWT_BUNDLE))],
    ['the gateway\'s own key is damaged', KEY, () => write(KEY, 'no key')],
  ])('of X.509, while %s, and status and log say which file was refused', async (_what, file, spoil) => {
    spoil();
    expect(await eventually(async () => (await refused()).includes(file))).toBe(true);
    const replaced = events('evidence_replaced').length;
    write(BUNDLE, second.pem);
    expect(await eventually(async () => [0, 401].includes(await ask()))).toBe(true);
    expect(await eventually(() => events('evidence_replaced').length > replaced)).toBe(true);
    expect(events('evidence_replaced').slice(replaced)).toEqual([join(gateway.dir, BUNDLE)]);
    expect(events('evidence_refused')).toContain(join(gateway.dir, file));
    expect(await refused()).toEqual([file]);
  });

  it('of JWT, while the trust bundle is away, which stays what it was', async () => {
    rmSync(join(gateway.dir, BUNDLE));
    expect(await eventually(async () => (await refused()).includes(BUNDLE))).toBe(true);
    write(JWT_BUNDLE, jwtBundleText(nextSigner));
    expect(await eventually(async () => (await askWithToken()) === 401)).toBe(true);
    expect(await ask()).toBe(200);
  });
});

it('a damaged file is never said to be in force', async () => {
  const before = events('evidence_replaced').length;
  write(JWT_BUNDLE, '{ damaged');
  expect(await eventually(async () => (await refused()).includes(JWT_BUNDLE))).toBe(true);
  expect(events('evidence_replaced').slice(before)).toEqual([]);
  expect(await askWithToken()).toBe(200);
});

it('connections with a certificate outlive another JWT bundle', async () => {
  const socket = await openRawWebSocket(port, { tls: { ca: first.pem, cert: svid.pem, key: svid.privateKeyPem } });
  write(JWT_BUNDLE, jwtBundleText(nextSigner));
  expect(await eventually(async () => (await askWithToken()) === 401)).toBe(true);
  await sleep(WATCHED_MS);
  socket.send(PING);
  expect(await socket.answer(1)).toMatchObject({ result: {} });
  socket.socket.destroy();
});
