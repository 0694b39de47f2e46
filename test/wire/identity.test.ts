// Proofs of identity over real TLS and in headers; certificates and bundles replaced while the gateway runs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jwtBundleText, makeAuthority, makeIntermediate, makeJwtAuthority, makeJwtSvid, makeServerCertificate, makeSvid, validAround, type IssuedCertificate } from '../support/pki.js';
import { eventually } from './calls.js';
import { askOverTls, PING, tlsPortOf, type TlsAnswer } from './tls-call.js';

const AGENT = 'spiffe://poc.local/agents/mcp-client/tls-agent/dev';
const now = Date.now();
const authority = makeAuthority('test authority');
const stranger = makeAuthority('another authority');
const signer = makeJwtAuthority('key-1');
const TRIES = 60;
const TRY_EVERY_MS = 100;

let gateway: GatewayProcess;
let tlsPort = 0;

beforeAll(async () => {
  const server = makeServerCertificate(authority, now);
  gateway = await startGateway({
    config: {
      tls: { enabled: true, port: 0, certificate_file: 'config/tls/gateway.pem', private_key_file: 'config/tls/gateway.key', trust_bundle_file: 'config/tls/bundle.pem' },
      identity: { jwt_bundle_file: 'config/jwt-bundle.json', jwt_audience: ['precinct'] },
    },
    policies: { 'all.rego': permitAll() },
    files: { 'config/tls/gateway.pem': server.pem, 'config/tls/gateway.key': server.privateKeyPem, 'config/tls/bundle.pem': authority.pem, 'config/jwt-bundle.json': jwtBundleText(signer) },
  });
  tlsPort = await tlsPortOf(gateway);
});

afterAll(async () => {
  await gateway.stop();
});

const ask = (svid: IssuedCertificate | undefined): Promise<TlsAnswer | 'handshake failed'> => askOverTls(tlsPort, authority.pem, svid);

describe('an X.509-SVID', () => {
  it('of the trust domain is the caller', async () => {
    expect(await ask(makeSvid(authority, AGENT, validAround(now)))).toEqual({ status: 200, code: undefined });
    expect(gateway.lines('request').at(-1)).toMatchObject({ spiffe_id: AGENT, auth_method: 'mtls_svid' });
  });

  it('that is not sent is a refusal, whatever a header declares', async () => {
    expect(await ask(undefined)).toEqual({ status: 401, code: 'auth_missing_identity' });
  });

  it('of another trust domain is refused', async () => {
    expect(await ask(makeSvid(authority, 'spiffe://evil.example/agents/mcp-client/a/dev', validAround(now)))).toEqual({ status: 401, code: 'auth_invalid_identity' });
  });

  it.each([
    ['expired', makeSvid(authority, AGENT, { notBeforeMs: now - 7_200_000, notAfterMs: now - 3_600_000 })], ['of another authority', makeSvid(stranger, AGENT, validAround(now))],
  ])('that is %s gets no answer but a refusal', async (_what, svid) => {
    const answer = await ask(svid);
    if (answer !== 'handshake failed') expect(answer.status).toBe(401);
  });

  it('of an intermediate authority counts once that is in the bundle beside its root, and until then the refusal says so', async () => {
    const intermediate = makeIntermediate(authority, 'an intermediate authority');
    const issued = makeSvid(intermediate, AGENT, validAround(now));
    const svid = { ...issued, pem: `${issued.pem}${intermediate.pem}` };
    expect(await ask(svid)).toMatchObject({ status: 401, code: 'auth_invalid_identity', remedy: expect.stringContaining('an intermediate one beside its root') as string });
    writeFileSync(join(gateway.dir, 'config/tls/bundle.pem'), `${authority.pem}${intermediate.pem}`);
    expect(await eventually(async () => {
      const answer = await ask(svid);
      return answer !== 'handshake failed' && answer.status === 200;
    })).toBe(true);
  });

  it('is judged by the new trust bundle once that is replaced on disk, without a restart', async () => {
    const svid = makeSvid(stranger, AGENT, validAround(now));
    writeFileSync(join(gateway.dir, 'config/tls/bundle.pem'), `${authority.pem}${stranger.pem}`);
    let answer: TlsAnswer | 'handshake failed' = 'handshake failed';
    for (let tries = 0; tries < TRIES && (answer === 'handshake failed' || answer.status !== 200); tries++) {
      await sleep(TRY_EVERY_MS);
      answer = await ask(svid);
    }
    expect(answer).toEqual({ status: 200, code: undefined });
  });
});

describe('a JWT-SVID', () => {
  const seconds = Math.floor(now / 1000);
  const send = (token: string) => gateway.http('POST', '/', { 'content-type': 'application/json', authorization: `Bearer ${token}` }, PING);
  const fresh = { iat: seconds - 5, exp: seconds + 300 };

  it('signed by the bundle\'s key for this audience is the caller', async () => {
    expect((await send(await makeJwtSvid(signer, AGENT, { claims: fresh }))).status).toBe(200);
    expect(gateway.lines('request').at(-1)).toMatchObject({ spiffe_id: AGENT, auth_method: 'jwt_svid' });
  });

  it.each([
    ['expired', { claims: { iat: seconds - 900, exp: seconds - 600 } }], ['for another audience', { claims: { ...fresh, aud: ['other'] } }], ['without an end', { claims: { ...fresh, exp: undefined } }],
    ['of another trust domain', { claims: { ...fresh, sub: 'spiffe://evil.example/a' } }, 'auth_invalid_identity'],
  ])('that is %s is refused, and never repeated', async (_what, fields, code = 'auth_invalid_bearer_token') => {
    const token = await makeJwtSvid(signer, AGENT, fields);
    const answer = await send(token);
    expect({ status: answer.status, code: answer.json['code'] }).toEqual({ status: 401, code });
    expect(answer.text + JSON.stringify(gateway.lines('request').at(-1))).not.toContain(token.slice(-20));
  });

  it('of a key that is not in the bundle is refused until the bundle on disk has it', async () => {
    const next = makeJwtAuthority('key-2');
    const token = await makeJwtSvid(next, AGENT, { claims: fresh });
    expect((await send(token)).status).toBe(401);
    writeFileSync(join(gateway.dir, 'config/jwt-bundle.json'), jwtBundleText(signer, next));
    let status = 0;
    for (let tries = 0; tries < TRIES && status !== 200; tries++) {
      await sleep(TRY_EVERY_MS);
      status = (await send(token)).status;
    }
    expect(status).toBe(200);
  });
});
