// The strict profile: what a caller declares of itself counts for nothing, from loopback or anywhere; proofs do.
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, makeProject, permitAll, runToEnd, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startGuardServer, type GuardServer } from '../support/guard-server.js';
import { jwtBundleText, makeJwtAuthority, makeJwtSvid } from '../support/pki.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, MCP, registration, toolText } from './calls.js';

const signer = makeJwtAuthority('key-1');
const nowS = Math.floor(Date.now() / 1000);
const JSON_TYPE = { 'content-type': 'application/json' };

let server: ToolServer;
let guard: GuardServer;
let gateway: GatewayProcess;
let token: string;

beforeAll(async () => {
  [server, guard, token] = await Promise.all([startToolServer({ tools: [toolText('echo')] }), startGuardServer(), makeJwtSvid(signer, CALLER, { claims: { iat: nowS - 5, exp: nowS + 600 } })]);
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], files: { 'config/jwt-bundle.json': jwtBundleText(signer) },
    env: { TEST_SECRETS_KEY: Buffer.alloc(32, 7).toString('base64') },
    config: { profile: 'strict', secrets: { key_env: 'TEST_SECRETS_KEY' }, identity: { jwt_bundle_file: 'config/jwt-bundle.json', jwt_audience: ['precinct'] }, guard: { url: `${guard.url}/v1/chat/completions`, model: 'guard' } },
  });
});

afterAll(async () => {
  await gateway.stop();
  await Promise.all([server.close(), guard.close()]);
});

describe('in the strict profile', () => {
  it.each([
    ['X-SPIFFE-ID', '/', { 'x-spiffe-id': CALLER }], ['the path', '/as/my-agent/dev', {}], ['nothing, hoping for the default', '/', {}],
    ['a client certificate in a header', '/', { 'x-forwarded-client-cert': `URI=${CALLER}` }], ['a loopback address in a header', '/', { 'x-forwarded-for': '127.0.0.1', 'x-spiffe-id': CALLER }],
  ])('an identity declared by %s is none', async (_how, path, headers) => {
    for (const accept of [{}, MCP]) {
      const answer = await gateway.http('POST', path, { ...JSON_TYPE, ...headers, ...accept }, call('echo'));
      expect({ status: answer.status, record: gateway.lines('request').at(-1) }).toMatchObject({ status: 401, record: { code: 'auth_missing_identity', decision: 'DENY', spiffe_id: null } });
    }
    expect(server.seen.filter((seen) => seen.rpcMethod === 'tools/call')).toEqual([]);
  });

  it('a JWT-SVID is the caller, and never goes to the tool\'s server', async () => {
    const answer = await gateway.http('POST', '/', { ...JSON_TYPE, authorization: `Bearer ${token}` }, call('echo'));
    expect(answer.status).toBe(200);
    expect(gateway.lines('request').at(-1)).toMatchObject({ spiffe_id: CALLER, auth_method: 'jwt_svid' });
    expect(JSON.stringify(server.seen)).not.toContain(token.slice(-20));
  });

  it('a JWT-SVID beside another declared identity is still the one that counts, or a refusal', async () => {
    const answer = await gateway.http('POST', '/', { ...JSON_TYPE, authorization: `Bearer ${token}`, 'x-spiffe-id': 'spiffe://poc.local/agents/mcp-client/admin/dev' }, call('echo'));
    if (answer.status === 200) expect(gateway.lines('request').at(-1)).toMatchObject({ spiffe_id: CALLER });
    else expect(answer.status).toBe(401);
  });

  it('a start without the key of the secrets stops, and says how to make one', async () => {
    const dir = makeProject({ config: { profile: 'strict', guard: { url: `${guard.url}/v1/chat/completions`, model: 'guard' } } });
    try {
      const { code, stderr } = await runToEnd(dir);
      expect(code).toBe(2);
      expect(stderr).toMatch(/secrets\.key.*openssl rand/);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
