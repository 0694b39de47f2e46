// `agw doctor` says of a JWT bundle what the gateway would say of it at its start.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { gatewayConfigSchema } from '../../../src/base/config/schema.js';
import { checkCertificates } from '../../../src/cli/doctor/certificates.js';
import type { Project } from '../../../src/cli/project.js';
import { jwtBundleText, makeJwtAuthority } from '../../support/pki.js';

const dir = mkdtempSync(join(tmpdir(), 'precinct-doctor-'));
const file = join(dir, 'bundle.json');
const authority = makeJwtAuthority('k');
const config = gatewayConfigSchema.parse({ identity: { jwt_bundle_file: file, jwt_audience: ['precinct'] } });

afterAll(() => { rmSync(dir, { recursive: true, force: true }); });

it.each([
  ['good', jwtBundleText(authority), { state: 'ok', found: '1 key' }],
  ['good after a byte order mark', `\ufeff${jwtBundleText(authority)}`, { state: 'ok', found: '1 key' }],
  ['of keys for X.509-SVIDs alone', JSON.stringify({ keys: [{ ...authority.jwk, use: 'x509-svid' }] }), { state: 'bad', found: `${file}: the JWT bundle has no key with \`use: jwt-svid\`.` }],
  ['with a private key', JSON.stringify({ keys: [{ ...authority.jwk, d: 'AAAA' }] }), { state: 'bad', found: `${file}: key "k" is a private key.` }],
])('a JWT bundle that is %s', (_what, text, expected) => {
  writeFileSync(file, text);
  expect(checkCertificates({ path: (name: string) => name } as unknown as Project, config, 0)).toMatchObject([expected]);
});
