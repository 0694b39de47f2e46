// The gateway takes up its own certificate whatever the clock says; that clients refuse it is said.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { gatewayConfigSchema } from '../../../src/base/config/schema.js';
import { compileInForce, warningsOf } from '../../../src/threads/in-force.js';
import { untimelyCertificate } from '../../../src/threads/evidence.js';
import { readSources } from '../../../src/jobs/read-sources.js';
import { systemClock } from '../../../src/base/clock/clock.js';
import { makeAuthority, makeServerCertificate, TEST_NOW_MS } from '../../support/pki.js';
import { configOf } from '../chain/contexts.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const dir = mkdtempSync(join(tmpdir(), 'precinct-untimely-'));
const authority = makeAuthority('root');
const own = makeServerCertificate(authority, TEST_NOW_MS);
const config = gatewayConfigSchema.parse({ tls: { enabled: true, certificate_file: 'own.pem', private_key_file: 'own.key', trust_bundle_file: 'bundle.pem' } });
writeFileSync(join(dir, 'own.pem'), own.pem);
writeFileSync(join(dir, 'own.key'), own.privateKeyPem);
writeFileSync(join(dir, 'bundle.pem'), authority.pem);

afterAll(() => { rmSync(dir, { recursive: true, force: true }); });

it.each([
  ['in its time', TEST_NOW_MS, undefined],
  ['after it', TEST_NOW_MS + DAY_MS + 1, 'own.pem ended at 2026-03-02T12:00:00.000Z'],
  ['before it', TEST_NOW_MS - HOUR_MS - 1, 'own.pem begins at 2026-03-01T11:00:00.000Z'],
])('a certificate %s', (_when, nowMs, said) => {
  const found = untimelyCertificate(dir, config, nowMs);
  if (said === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(said);
});

it('is none without the listener, nor where its files are refused', () => {
  const late = TEST_NOW_MS + 2 * DAY_MS;
  expect(untimelyCertificate(dir, gatewayConfigSchema.parse({}), late)).toBeUndefined();
  expect(untimelyCertificate(join(dir, 'elsewhere'), config, late)).toBeUndefined();
});

it('is among the warnings', () => {
  const sources = readSources(process.cwd(), configOf('policy: {dirs: [policies], timeout_ms: 2000}'), 1);
  const around = { traces: { state: 'off' as const }, root: process.cwd(), unresolved: 0, secrets: undefined, openFilesMax: undefined, variable: () => undefined };
  expect(warningsOf(compileInForce(sources, systemClock), sources, { ...around, untimelyCertificate: 'its time is over' })).toContain('its time is over');
});
