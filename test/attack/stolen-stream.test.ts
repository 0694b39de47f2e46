// Somebody has the id of another's stream (HTTP+SSE): with every identity but its own, by either listener, on either thread, it reaches nothing and learns nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jwtBundleText, makeAuthority, makeJwtAuthority, makeJwtSvid, makeServerCertificate, makeSvid, validAround } from '../support/pki.js';
import { openRawSse, postMessage, type PostAnswer, type PostOptions, type RawSse } from '../support/raw-sse.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, registration, toolText } from '../wire/calls.js';

const THIEF = 'spiffe://poc.local/agents/mcp-client/thief/dev';
const UNKNOWN = `/messages?sessionId=1-${'0'.repeat(48)}`;
const now = Date.now();
const authority = makeAuthority('Stream Test Root', validAround(now));
const signer = makeJwtAuthority('stream-key');
const svidOf = (id: string) => {
  const { pem, privateKeyPem } = makeSvid(authority, id, validAround(now));
  return { ca: authority.pem, cert: pem, key: privateKeyPem };
};
const tokenOf = (id: string): Promise<string> => makeJwtSvid(signer, id, { claims: { iat: Math.floor(now / 1000) - 5, exp: Math.floor(now / 1000) + 600 } });

let server: ScriptedServer;
let gateway: GatewayProcess;
let tlsPort = 0;
const streams: RawSse[] = [];

beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  const certificate = makeServerCertificate(authority, now);
  gateway = await startGateway({
    tools: [registration('echo', server.url)], identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: THIEF }] },
    policies: { 'all.rego': 'package precinct.authz\n\nimport rego.v1\n\nallow if true\n' },
    config: {
      threads: { gateway: 2 }, rate_limit: { per_minute: 1_000_000, burst: 100_000 }, audit: { unidentified_per_second: 100_000 },
      tls: { enabled: true, port: 0, certificate_file: 'config/tls/gateway.pem', private_key_file: 'config/tls/gateway.key', trust_bundle_file: 'config/tls/bundle.pem' },
      identity: { jwt_bundle_file: 'config/jwt-bundle.json', jwt_audience: ['precinct'] },
    },
    files: { 'config/tls/gateway.pem': certificate.pem, 'config/tls/gateway.key': certificate.privateKeyPem, 'config/tls/bundle.pem': authority.pem, 'config/jwt-bundle.json': jwtBundleText(signer) },
  });
  while (tlsPort === 0) {
    tlsPort = Number(/listening: https:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.stderr())?.[1] ?? 0);
    if (tlsPort === 0) await sleep(20);
  }
});

afterAll(async () => {
  for (const stream of streams) stream.destroy();
  await gateway.stop();
  await server.close();
});

/** What differs by design from one refusal to the next. */
const blank = ({ status, headers, text }: PostAnswer): unknown => [status, Object.keys(headers).sort(), headers['content-type'], text.replace(/"(decision_id|trace_id)":"[^"]*"/g, '"$1":""')];

interface Case {
  readonly open: () => Promise<RawSse>;
  readonly own: () => Promise<PostOptions>;
  readonly thefts: readonly (readonly [string, number, PostOptions])[];
}

async function cases(): Promise<ReadonlyMap<string, Case>> {
  const [mine, thiefs] = [svidOf(CALLER), svidOf(THIEF)];
  const [token, thiefsToken] = [`Bearer ${await tokenOf(CALLER)}`, `Bearer ${await tokenOf(THIEF)}`];
  return new Map([
    ['a declared identity', {
      open: () => openRawSse(gateway.port, { headers: { 'x-spiffe-id': CALLER } }), own: () => Promise.resolve({ headers: { 'x-spiffe-id': CALLER } }),
      thefts: [['another declared one', gateway.port, { headers: { 'x-spiffe-id': THIEF } }], ['none, though that stands for the same', gateway.port, {}], ['a certificate beside it', tlsPort, { headers: { 'x-spiffe-id': CALLER }, tls: thiefs }], ['a token', gateway.port, { headers: { authorization: thiefsToken } }]],
    }],
    ['a certificate', {
      open: () => openRawSse(tlsPort, { tls: mine }), own: () => Promise.resolve({ tls: mine }),
      thefts: [['another\'s', tlsPort, { tls: thiefs }], ['none', tlsPort, { tls: { ...thiefs, cert: '', key: '' } }], ['a declared identity', gateway.port, { headers: { 'x-spiffe-id': CALLER } }], ['its holder\'s token', gateway.port, { headers: { authorization: token } }]],
    }],
    ['a token', {
      open: () => openRawSse(gateway.port, { headers: { authorization: token } }), own: () => Promise.resolve({ headers: { authorization: token } }),
      thefts: [['another\'s', gateway.port, { headers: { authorization: thiefsToken } }], ['none', gateway.port, {}], ['a declared identity', gateway.port, { headers: { 'x-spiffe-id': CALLER } }], ['two of them', gateway.port, { headers: { authorization: `${token}, ${thiefsToken}` } }], ['a forged one', gateway.port, { headers: { authorization: `${token}x` } }]],
    }],
  ]);
}

describe('the id of a stream', () => {
  it.each(['a declared identity', 'a certificate', 'a token'])('that was opened with %s is nobody else\'s', async (proof) => {
    const { open, own, thefts } = (await cases()).get(proof) as Case;
    const stream = await open();
    streams.push(stream);
    const before = gateway.lines('request').length;
    const calls = server.of('tools/call').length;
    for (const [what, port, options] of thefts) {
      // Some of them fall to the thread that has the stream, and some to the other.
      for (let times = 0; times < 6; times++) {
        const stolen = await postMessage(port, call('echo', {}, `stolen ${what}`), { ...options, path: stream.endpoint });
        expect([what, stolen.status]).toEqual([what, 404]);
        expect(stolen.text).toMatch(/No such open stream .*Open \/sse again/);
        expect(blank(stolen)).toEqual(blank(await postMessage(port, call('echo', {}, 'x'), { ...options, path: UNKNOWN })));
      }
    }
    expect(await eventually(() => gateway.lines('request').length === before + 12 * thefts.length)).toBe(true);
    expect(gateway.lines('request').slice(before).every((line) => line['decision'] === 'DENY' && line['code'] === 'session_not_found' && line['reason_code'] === 'stream_unknown' && line['status'] === 404)).toBe(true);
    expect(server.of('tools/call')).toHaveLength(calls);
    const port = (await own()).tls === undefined ? gateway.port : tlsPort;
    expect((await postMessage(port, call('echo', {}, 'mine'), { ...await own(), path: stream.endpoint })).status).toBe(202);
    expect(await stream.answer('mine')).toHaveProperty('result');
    expect(stream.messages).toHaveLength(1);
    expect(gateway.lines('request').at(-1)).toMatchObject({ decision: 'ALLOW', spiffe_id: CALLER, tool: 'echo' });
  });

  it('does not let a stranger end it, or its session', async () => {
    const stream = await openRawSse(gateway.port, { headers: { 'x-spiffe-id': CALLER } });
    streams.push(stream);
    for (const body of ['{', call('echo', { text: 'x'.repeat(100) }), '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}']) expect((await postMessage(gateway.port, body, { path: stream.endpoint, headers: { 'x-spiffe-id': 'spiffe://elsewhere.example/x' } })).status).toBe(404);
    for (const method of ['DELETE', 'GET']) expect((await postMessage(gateway.port, '', { method, path: stream.endpoint, headers: { 'x-spiffe-id': THIEF } })).status).toBe(405);
    await stream.post(call('echo', {}, 'still'));
    expect(await stream.answer('still')).toHaveProperty('result');
    expect(stream.messages).toHaveLength(1);
  });
});
