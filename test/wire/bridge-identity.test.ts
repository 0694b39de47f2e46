// Who calls through agw bridge: options, variables, files and the Workload API, with SVIDs that rotate, before a real gateway with an mTLS listener.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runAgw } from '../support/agw-process.js';
import { startBridge, type BridgeProcess } from '../support/bridge-process.js';
import { startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jwtBundleText, makeAuthority, makeJwtAuthority, makeJwtSvid, makeSvid, validAround } from '../support/pki.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { startWorkloadApi, type ServedSvid, type WorkloadApiServer } from '../support/workload-api-server.js';
import { registration, toolText } from './calls.js';

const AGENT = (name: string): string => `spiffe://poc.local/agents/mcp-client/${name}/dev`;
const GATEWAY_ID = 'spiffe://poc.local/gateway';
const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
const now = Date.now();
const authority = makeAuthority('test authority');
const signer = makeJwtAuthority('key-1');

let server: ScriptedServer;
let gateway: GatewayProcess;
let secure: string;
let workload: WorkloadApiServer;
let bridge: BridgeProcess | undefined;
let lastId = 0;

const svidOf = (name: string): ServedSvid => ({ spiffeId: AGENT(name), svid: makeSvid(authority, AGENT(name), validAround(now)), bundle: [authority] });
const tokenOf = (name: string, audience = 'precinct', seconds = 3600): Promise<string> => {
  const nowS = Math.floor(Date.now() / 1000);
  return makeJwtSvid(signer, AGENT(name), { claims: { aud: [audience], iat: nowS - 5, exp: nowS + seconds } });
};
const start = (words: readonly string[], env: Readonly<Record<string, string>> = {}, dir?: string): void => { bridge = startBridge(words, env, dir); };
/** Calls, and says as whom the gateway has recorded it. */
async function calledAs(): Promise<unknown> {
  const id = (lastId += 1);
  bridge?.send(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{},${META}}}`);
  const answer = await bridge?.answer(id);
  if (answer?.['result'] === undefined) return answer?.['error'];
  const record = gateway.lines('request').at(-1);
  return [record?.['spiffe_id'], record?.['auth_method']];
}

beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  const own = makeSvid(authority, GATEWAY_ID, validAround(now));
  gateway = await startGateway({
    identities: { default: AGENT('my-agent'), identities: ['my-agent', 'named'].map((name) => ({ spiffe_id: AGENT(name) })) },
    policies: { 'all.rego': 'package precinct.authz\n\nimport rego.v1\n\nallow if true\n' },
    tools: [registration('echo', server.url)],
    config: {
      tls: { enabled: true, port: 0, certificate_file: 'config/tls/gateway.pem', private_key_file: 'config/tls/gateway.key', trust_bundle_file: 'config/tls/bundle.pem' },
      identity: { jwt_bundle_file: 'config/jwt-bundle.json', jwt_audience: ['precinct'] },
    },
    files: { 'config/tls/gateway.pem': own.pem, 'config/tls/gateway.key': own.privateKeyPem, 'config/tls/bundle.pem': authority.pem, 'config/jwt-bundle.json': jwtBundleText(signer) },
  });
  const listeners = (await gateway.control('GET', '/v1/status')).json['listeners'] as { kind: string; address: string }[];
  secure = `https://${listeners.find(({ kind }) => kind === 'mtls')?.address ?? ''}`;
}, 60_000);
beforeEach(async () => { workload = await startWorkloadApi(); });
afterEach(async () => {
  bridge?.end();
  await bridge?.ended;
  workload.close();
});
afterAll(async () => {
  await gateway.stop();
  await server.close();
});

describe('the Workload API', () => {
  it('gives an X.509-SVID, whose rotation counts from the next call on; the gateway is known by its SPIFFE ID', async () => {
    workload.give([svidOf('first')]);
    start(['--gateway', secure, '--gateway-id', GATEWAY_ID], { SPIFFE_ENDPOINT_SOCKET: workload.address });
    expect(await calledAs()).toEqual([AGENT('first'), 'mtls_svid']);
    workload.give([svidOf('second'), svidOf('third')]);
    await expect.poll(calledAs, { timeout: 20_000 }).toEqual([AGENT('second'), 'mtls_svid']);
    workload.cut();
    expect(await calledAs()).toEqual([AGENT('second'), 'mtls_svid']);
  });

  it('gives the one that was chosen of several', async () => {
    workload.give([svidOf('first'), svidOf('second')]);
    start(['--gateway', secure, '--gateway-id', GATEWAY_ID, '--workload-api', workload.address, '--svid', AGENT('second')]);
    expect(await calledAs()).toEqual([AGENT('second'), 'mtls_svid']);
  });

  it('gives a JWT-SVID for plain HTTP, kept for half of its life', async () => {
    workload.token = ([audience = '']) => tokenOf('by-token', audience);
    start(['--gateway', gateway.url, '--workload-api', workload.address, '--audience', 'precinct']);
    expect(await calledAs()).toEqual([AGENT('by-token'), 'jwt_svid']);
    expect(await calledAs()).toEqual([AGENT('by-token'), 'jwt_svid']);
    expect(workload.asked).toEqual([{ method: 'FetchJWTSVID', audience: ['precinct'] }]);
  });

  it('gives a JWT-SVID where it has no X.509-SVID, and a short one is fetched anew', async () => {
    workload.token = () => tokenOf('by-token', 'precinct', 0.5);
    start(['--gateway', secure, '--workload-api', workload.address, '--ca', 'config/tls/bundle.pem', '--gateway-id', GATEWAY_ID], {}, gateway.dir);
    expect(await calledAs()).toEqual([AGENT('by-token'), 'jwt_svid']);
    const fetched = (): number => workload.asked.filter(({ method }) => method === 'FetchJWTSVID').length;
    workload.token = () => tokenOf('by-token-again');
    await expect.poll(calledAs, { timeout: 20_000 }).toEqual([AGENT('by-token-again'), 'jwt_svid']);
    expect(fetched()).toBe(2);
  });

  it('is asked for the gateway\'s origin where no audience was said', async () => {
    workload.token = () => tokenOf('by-token');
    start(['--gateway', gateway.url, '--workload-api', workload.address]);
    await calledAs();
    expect(workload.asked).toEqual([{ method: 'FetchJWTSVID', audience: [gateway.url] }]);
  });

  it('gives no token away over plain HTTP to another machine', async () => {
    workload.token = () => tokenOf('by-token');
    start(['--gateway', 'http://192.0.2.1:9090', '--workload-api', workload.address]);
    expect(await calledAs()).toMatchObject({ code: 503, data: { code: 'insecure', may_have_run: false } });
  });

  it('that has nothing for this process is said with each request, and once on stderr', async () => {
    start(['--gateway', secure, '--workload-api', workload.address]);
    expect(await calledAs()).toMatchObject({ code: 503, data: { code: 'no_identity', may_have_run: false, remediation: expect.stringContaining('spire-server') as unknown } });
    workload.give([svidOf('late')]);
  });

  it('is found by the mTLS listener that the control socket names', async () => {
    workload.give([svidOf('first')]);
    start(['--workload-api', workload.address, '--gateway-id', GATEWAY_ID], {}, gateway.dir);
    expect(await calledAs()).toEqual([AGENT('first'), 'mtls_svid']);
  });
});

describe('without one', () => {
  it('a gateway that is another is not spoken to', async () => {
    const { svid } = svidOf('first');
    for (const [name, text] of [['svid.pem', svid.pem], ['svid.key', svid.privateKeyPem]] as const) writeFileSync(join(gateway.dir, name), text);
    start(['--gateway', secure, '--cert', 'svid.pem', '--key', 'svid.key', '--ca', 'config/tls/bundle.pem', '--gateway-id', 'spiffe://poc.local/another'], {}, gateway.dir);
    expect(await calledAs()).toMatchObject({ code: 503, data: { code: 'gateway_untrusted', may_have_run: false } });
  });

  it('what is no certificate is said, and nothing was sent', async () => {
    for (const name of ['odd.pem', 'odd.key']) writeFileSync(join(gateway.dir, name), 'two words');
    start(['--gateway', secure, '--cert', 'odd.pem', '--key', 'odd.key'], {}, gateway.dir);
    expect(await calledAs()).toMatchObject({ code: 503, data: { code: 'evidence_unreadable', may_have_run: false } });
  });

  it('the certificate of a folder is read again when it was replaced', async () => {
    const place = (name: string): void => {
      const { svid } = svidOf(name);
      for (const [file, text] of [['svid_key.pem', svid.privateKeyPem], ['svid.pem', svid.pem], ['bundle.pem', authority.pem]] as const) {
        writeFileSync(join(gateway.dir, `${file}.new`), text);
        renameSync(join(gateway.dir, `${file}.new`), join(gateway.dir, file));
      }
    };
    place('first');
    start(['--gateway', secure, '--gateway-id', GATEWAY_ID], { PRECINCT_SVID_DIR: gateway.dir });
    expect(await calledAs()).toEqual([AGENT('first'), 'mtls_svid']);
    place('second');
    expect(await calledAs()).toEqual([AGENT('second'), 'mtls_svid']);
  });

  it.each([
    ['an option before a variable', ['--as', 'named'], { PRECINCT_SPIFFE_ID: AGENT('my-agent') }, [AGENT('named'), undefined]],
    ['a variable', [], { PRECINCT_SPIFFE_ID: AGENT('named') }, [AGENT('named'), 'header_declared']],
    ['nothing: the default identity', [], {}, [AGENT('my-agent'), 'default_identity']],
  ])('%s says it', async (_what, words, env, [id, method]) => {
    start(words, { PRECINCT_GATEWAY_URL: gateway.url, ...env });
    const [calledId, calledMethod] = await calledAs() as unknown[];
    expect([calledId, method ?? calledMethod]).toEqual([id, calledMethod]);
  });

  it('a token in a variable, or in a file that is replaced, proves it', async () => {
    start([], { PRECINCT_GATEWAY_URL: gateway.url, PRECINCT_JWT_SVID: await tokenOf('by-variable') });
    expect(await calledAs()).toEqual([AGENT('by-variable'), 'jwt_svid']);
    bridge?.end();
    await bridge?.ended;
    const file = join(gateway.dir, 'token');
    writeFileSync(file, await tokenOf('by-file'));
    start([], { PRECINCT_GATEWAY_URL: gateway.url, PRECINCT_JWT_FILE: file });
    expect(await calledAs()).toEqual([AGENT('by-file'), 'jwt_svid']);
    writeFileSync(file, `${await tokenOf('by-file-again')}\n`);
    expect(await calledAs()).toEqual([AGENT('by-file-again'), 'jwt_svid']);
  });

  it('what contradicts itself ends it with 2 and a remedy', async () => {
    for (const [words, env] of [[['--as', 'a', '--workload-api', workload.address], {}], [['--workload-api', '/run/agent.sock'], {}], [['--cert', 'x'], {}], [['--gateway', gateway.url], { PRECINCT_CERT_FILE: 'x', PRECINCT_KEY_FILE: 'y' }]] as const) {
      start(words, env);
      expect(await bridge?.ended).toBe(2);
      expect(bridge?.lines()).toEqual([]);
    }
  });
});

it('a session that a person revoked is told to the client with the gateway\'s own refusal', async () => {
  start(['--as', 'named'], {}, gateway.dir);
  bridge?.send('{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}');
  await bridge?.answer('i');
  bridge?.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  expect((await runAgw(gateway.dir, ['sessions', 'revoke', '--caller', AGENT('named')])).code).toBe(0);
  bridge?.send('{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"echo","arguments":{}}}');
  expect(await bridge?.answer('c')).toMatchObject({ id: 'c', error: { data: { code: 'session_not_found' } } });
  await expect.poll(() => bridge?.err(), { timeout: 20_000 }).toContain('initialize');
});
