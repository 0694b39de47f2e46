// `agw doctor` says of certificates and bundles what the gateway would find.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { gatewayConfigSchema } from '../../../src/base/config/schema.js';
import { checkCertificates } from '../../../src/cli/doctor/certificates.js';
import type { Project } from '../../../src/cli/project.js';
import { jwtBundleText, makeAuthority, makeJwtAuthority } from '../../support/pki.js';

const DAY_MS = 86_400_000;
const dir = mkdtempSync(join(tmpdir(), 'precinct-doctor-'));
const file = join(dir, 'bundle.json');
const authority = makeJwtAuthority('k');
const config = gatewayConfigSchema.parse({ identity: { jwt_bundle_file: file, jwt_audience: ['precinct'] } });

afterAll(() => { rmSync(dir, { recursive: true, force: true }); });

it.each([
  ['good', jwtBundleText(authority), { state: 'ok', found: '1 key' }],
  ['good after a byte order mark', `\ufeff${jwtBundleText(authority)}`, { state: 'ok', found: '1 key' }],
  ['of keys for X.509-SVIDs alone', JSON.stringify({ keys: [{ ...authority.jwk, use: 'x509-svid' }] }), { state: 'bad', found: `${file}: the JWT bundle has no key with \`use: jwt-svid\` of a kind that signs them.` }],
  ['with a private key', JSON.stringify({ keys: [{ ...authority.jwk, d: 'AAAA' }] }), { state: 'bad', found: `${file}: key "k" is a private key.` }],
])('a JWT bundle that is %s', (_what, text, expected) => {
  writeFileSync(file, text);
  expect(checkCertificates({ path: (name: string) => name } as unknown as Project, config, 0)).toMatchObject([expected]);
});

it('a certificate whose time has not come is bad, the next authority of a bundle is not', () => {
  const [pem, key, bundle] = [join(dir, 'gateway.pem'), join(dir, 'gateway.key'), join(dir, 'bundle.pem')];
  const tls = gatewayConfigSchema.parse({ tls: { enabled: true, certificate_file: pem, private_key_file: key, trust_bundle_file: bundle } });
  const beginMs = Date.UTC(2027, 0, 1);
  const next = makeAuthority('next', { notBeforeMs: beginMs });
  for (const file of [pem, bundle]) writeFileSync(file, next.pem);
  writeFileSync(key, next.privateKeyPem);
  const checked = (nowMs: number) => checkCertificates({ path: (name: string) => name } as unknown as Project, tls, nowMs);
  expect(checked(beginMs - 1)).toMatchObject([{ state: 'bad', found: `${pem} is not valid before 2027-01-01T00:00:00.000Z` }, { state: 'ok' }]);
  expect(checked(beginMs)).toMatchObject([{ state: 'ok' }, { state: 'ok' }]);
});

it('of a trust bundle one authority may have had its time, not all', () => {
  const [pem, key, bundle] = [join(dir, 'gateway.pem'), join(dir, 'gateway.key'), join(dir, 'bundle.pem')];
  const tls = gatewayConfigSchema.parse({ tls: { enabled: true, certificate_file: pem, private_key_file: key, trust_bundle_file: bundle } });
  const project = { path: (name: string) => name } as unknown as Project;
  const endMs = Date.UTC(2027, 0, 1);
  const [ending, lasting] = [makeAuthority('ending', { notAfterMs: endMs }), makeAuthority('lasting')];
  writeFileSync(pem, lasting.pem);
  writeFileSync(key, lasting.privateKeyPem);
  writeFileSync(bundle, `${ending.pem}\n${lasting.pem}`);
  expect(checkCertificates(project, tls, endMs - 30 * DAY_MS)).toMatchObject([{ state: 'ok' }, { state: 'ok', found: 'good for 30 d' }]);
  expect(checkCertificates(project, tls, endMs + DAY_MS)).toMatchObject([{ state: 'ok' }, { state: 'note', found: `${bundle}: 1 of 2 authorities expired` }]);
  writeFileSync(bundle, ending.pem);
  expect(checkCertificates(project, tls, endMs + DAY_MS)).toMatchObject([{ state: 'ok' }, { state: 'bad', found: `${bundle} has expired` }]);
});

it('a private key that is another certificate\'s, or can\'t be read, is bad', () => {
  const [pem, key] = [join(dir, 'gateway.pem'), join(dir, 'gateway.key')];
  const tls = gatewayConfigSchema.parse({ tls: { enabled: true, certificate_file: pem, private_key_file: key, trust_bundle_file: pem } });
  const checked = () => checkCertificates({ path: (name: string) => name } as unknown as Project, tls, Date.UTC(2027, 0, 1));
  const [own, other] = [makeAuthority('own', { notAfterMs: Date.UTC(2028, 0, 1) }), makeAuthority('other')];
  writeFileSync(pem, own.pem);
  writeFileSync(key, other.privateKeyPem);
  expect(checked()).toMatchObject([{ state: 'ok' }, { state: 'ok' }, { state: 'bad', found: `${key}: is not the private key of ${pem}` }]);
  rmSync(key);
  expect(checked()).toMatchObject([{ state: 'ok' }, { state: 'ok' }, { state: 'bad', found: `${key}: cannot be read (tls.private_key_file): ENOENT` }]);
});
