// tls.trust_intermediates over real TLS: SVIDs of authorities that the bundle does not hold, with the chain that leads to its root.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { makeAuthority, makeIntermediate, makeServerCertificate, makeSvid, validAround, type IssuedCertificate } from '../support/pki.js';
import { eventually } from './calls.js';
import { askOverTls, tlsPortOf } from './tls-call.js';

const AGENT = 'spiffe://poc.local/agents/mcp-client/chained/dev';
const now = Date.now();
const root = makeAuthority('a root');
const other = makeAuthority('another root');
const middle = makeIntermediate(root, 'an authority of today');

let gateway: GatewayProcess;
let port = 0;

beforeAll(async () => {
  const server = makeServerCertificate(root, now);
  gateway = await startGateway({
    config: { tls: { enabled: true, port: 0, certificate_file: 'config/tls/gateway.pem', private_key_file: 'config/tls/gateway.key', trust_bundle_file: 'config/tls/bundle.pem', trust_intermediates: true } },
    policies: { 'all.rego': permitAll() },
    files: { 'config/tls/gateway.pem': server.pem, 'config/tls/gateway.key': server.privateKeyPem, 'config/tls/bundle.pem': root.pem },
  });
  port = await tlsPortOf(gateway);
});

afterAll(async () => {
  await gateway.stop();
});

function chained(issuer: IssuedCertificate, id = AGENT): Pick<IssuedCertificate, 'pem' | 'privateKeyPem'> {
  const { pem, privateKeyPem } = makeSvid(issuer, id, validAround(now));
  return { pem: pem + issuer.pem, privateKeyPem };
}

describe('with tls.trust_intermediates', () => {
  it('an SVID counts with the chain to a root of the bundle', async () => {
    expect(await askOverTls(port, root.pem, chained(middle))).toEqual({ status: 200, code: undefined });
    expect(gateway.lines('request').at(-1)).toMatchObject({ spiffe_id: AGENT, auth_method: 'mtls_svid' });
  });

  it.each([
    ['without its chain', makeSvid(middle, AGENT, validAround(now))], ['with a chain to another root', chained(makeIntermediate(other, 'an authority of today'))],
    ['of an authority that may not issue', chained(makeIntermediate(root, 'no authority', { keyUsage: ['cRLSign'] }))], ['of an authority that has expired', chained(makeIntermediate(root, 'of yesterday', { notAfterMs: now - 1000 }))],
  ])('an SVID %s ends at the handshake', async (_what, svid) => {
    expect(await askOverTls(port, root.pem, svid)).toBe('handshake failed');
  });

  it('an SVID of another trust domain is refused all the same', async () => {
    expect(await askOverTls(port, root.pem, chained(middle, 'spiffe://evil.example/a'))).toEqual({ status: 401, code: 'auth_invalid_identity' });
  });

  it('a chain counts no more once its root has left the bundle', async () => {
    writeFileSync(join(gateway.dir, 'config/tls/bundle.pem'), other.pem);
    expect(await eventually(async () => (await askOverTls(port, root.pem, chained(makeIntermediate(other, 'of another'))) as { status?: number }).status === 200)).toBe(true);
    expect(await askOverTls(port, root.pem, chained(middle))).toBe('handshake failed');
  });
});
