// Evidence from files: each of them is read again when it has changed, the authorities that the gateway is known by as well.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { chooseEvidence, type EvidenceSource } from '../../../../src/cli/bridge/evidence.js';

const GATEWAY = new URL('https://localhost:9443');
let dir = '';
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'precinct-evidence-')); });
afterEach(() => rmSync(dir, { recursive: true }));

const put = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const chosen = (env: Readonly<Record<string, string>>): Promise<EvidenceSource> => chooseEvidence({ option: () => undefined }, { environment: { secret: (name) => env[name] }, after: () => () => undefined, nowMs: () => 0, say: () => undefined });

it.each([
  ['PRECINCT_JWT_SVID', (): string => 'one'],
  ['PRECINCT_JWT_FILE', (): string => put('token', 'one\n')],
])('%s with PRECINCT_CA_FILE', async (name, value) => {
  const ca = put('ca.pem', 'first');
  const source = await chosen({ [name]: value(), PRECINCT_CA_FILE: ca });
  const before = await source.current(GATEWAY);
  expect(before).toMatchObject({ headers: { authorization: 'Bearer one' }, tls: { ca: 'first' } });
  expect(await source.current(GATEWAY)).toBe(before);
  put('ca.pem', 'the second');
  expect(await source.current(GATEWAY)).toMatchObject({ headers: { authorization: 'Bearer one' }, tls: { ca: 'the second' } });
  rmSync(ca); // about to be replaced
  expect(await source.current(GATEWAY)).toMatchObject({ tls: { ca: 'the second' } });
  put('ca.pem', 'the third one');
  expect(await source.current(GATEWAY)).toMatchObject({ tls: { ca: 'the third one' } });
});

it('a variable that holds more than the token is refused', async () => {
  await expect(chosen({ PRECINCT_JWT_SVID: 'Bearer hunter2' })).rejects.toMatchObject({ code: 'usage', message: expect.not.stringContaining('hunter2') as unknown });
});
