// What the control thread makes of files that changed together.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock/clock.js';
import { gatewayConfigSchema } from '../../../src/base/config/schema.js';
import { markEverything, watchEverything } from '../../../src/threads/watching.js';
import { jwtBundleText, makeAuthority, makeJwtAuthority, makeServerCertificate, TEST_NOW_MS } from '../../support/pki.js';

const LOOKS_MS = 1000;
const config = gatewayConfigSchema.parse({
  tls: { enabled: true, certificate_file: 'own.pem', private_key_file: 'own.key', trust_bundle_file: 'bundle.pem' }, identity: { jwt_bundle_file: 'keys.json', jwt_audience: ['precinct'] },
});
const [first, second] = [makeAuthority('first authority'), makeAuthority('second authority')];
const nothing = (): void => undefined;
let dir: string;
let stops: (() => void)[];
let reloads: number;
let replaced: boolean[];
let events: string[];

beforeEach(() => {
  vi.useFakeTimers();
  dir = mkdtempSync(join(tmpdir(), 'precinct-watching-'));
  [reloads, replaced, events] = [0, [], []];
  renew(first);
  write('keys.json', jwtBundleText(makeJwtAuthority('key-1')));
  stops = watchEverything(dir, config, markEverything(dir, config), {
    reload: () => {
      reloads += 1;
      return new Promise(() => undefined);
    },
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing }, clock: { ...systemClock, nowMs: () => TEST_NOW_MS },
    threads: { setEvidence: (_evidence, replaceTls) => void replaced.push(replaceTls) },
    event: (name, { path }) => void events.push(`${name} ${String(path).slice(dir.length + 1)}`), evidenceRefused: () => undefined,
  });
});
afterEach(() => {
  for (const stop of stops) stop();
  vi.useRealTimers();
  rmSync(dir, { recursive: true, force: true });
});

function write(name: string, text: string): void {
  writeFileSync(join(dir, `${name}.next`), text);
  renameSync(join(dir, `${name}.next`), join(dir, name));
}

function renew(authority: ReturnType<typeof makeAuthority>): void {
  const own = makeServerCertificate(authority, TEST_NOW_MS);
  write('own.pem', own.pem);
  write('own.key', own.privateKeyPem);
  write('bundle.pem', authority.pem);
}

it('replaces the listener once for a certificate, its key and the bundle', () => {
  renew(second);
  vi.advanceTimersByTime(LOOKS_MS);
  expect(replaced).toEqual([true]);
  expect(events).toEqual(['evidence_replaced own.pem', 'evidence_replaced own.key', 'evidence_replaced bundle.pem']);
});

it('replaces none for the keys of tokens alone, and one for them beside a certificate', () => {
  write('keys.json', jwtBundleText(makeJwtAuthority('key-2')));
  vi.advanceTimersByTime(LOOKS_MS);
  expect(replaced).toEqual([false]);
  write('keys.json', jwtBundleText(makeJwtAuthority('key-3')));
  renew(second);
  vi.advanceTimersByTime(LOOKS_MS);
  expect(replaced).toEqual([false, true]);
});

it('says once what is refused of several', () => {
  renew(second);
  write('own.key', 'no key');
  vi.advanceTimersByTime(LOOKS_MS);
  expect(replaced).toEqual([false]);
  expect(events.filter((event) => event.startsWith('evidence_refused'))).toEqual(['evidence_refused own.key']);
});

it.each(['own.key', 'bundle.pem'])('says of a certificate that it is in force only once it is, whatever is wrong with %s beside it', (spoiled) => {
  const sound = readFileSync(join(dir, spoiled), 'utf8');
  write('own.pem', readFileSync(join(dir, 'own.pem'), 'utf8'));
  write(spoiled, 'damaged');
  vi.advanceTimersByTime(LOOKS_MS);
  expect([replaced, events]).toEqual([[false], [`evidence_refused ${spoiled}`]]);
  write(spoiled, sound);
  vi.advanceTimersByTime(LOOKS_MS);
  expect([replaced, events.slice(1)]).toEqual([[false, true], ['evidence_replaced own.pem', `evidence_replaced ${spoiled}`]]);
});

it('reloads once for all files that changed together', () => {
  mkdirSync(join(dir, 'config'));
  for (const file of [config.registry.file, config.identity.file, config.step_up.thresholds_file]) write(file, '');
  vi.advanceTimersByTime(LOOKS_MS);
  expect(reloads).toBe(1);
});
