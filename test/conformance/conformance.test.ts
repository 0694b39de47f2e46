// The official suite as a client of the gateway, both versions, with the fixture behind it: conformant, and every request recorded with all layers. `make conformance` compares with the fixture alone, and does the other direction.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Check {
  readonly scenario: string;
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly errorMessage?: string;
}
interface Found {
  readonly checks: readonly Check[];
  readonly code: number;
}
interface Running {
  readonly url: string;
}
interface Gateway extends Running {
  records(): readonly { readonly layers_traversed: readonly { readonly name: string; readonly verdict: string }[]; readonly decision: string }[];
  verify(): Promise<{ readonly whole: boolean; readonly said: string }>;
  stop(): Promise<void>;
}

const INSTALL_MS = 300_000;
const SUITE_MS = 180_000;
const load = <T>(...path: string[]): Promise<T> => import(pathToFileURL(join(import.meta.dirname, ...path)).href) as Promise<T>;
const { installSuite } = await load<{ installSuite(): Promise<void> }>('install.mjs');
const { lostChecks, runServer, VERSIONS } = await load<{ lostChecks(direct: readonly Check[], through: readonly Check[]): { readonly key: string }[]; runServer(url: string, version: string): Promise<Found>; VERSIONS: readonly string[] }>('suite.mjs');
const { startFixtureServer } = await load<{ startFixtureServer(port: number): Promise<Running & { close(): Promise<void> }> }>('fixture', 'server.mjs');
const { startGatewayBefore } = await load<{ startGatewayBefore(upstream: string): Promise<Gateway> }>('..', 'support', 'gateway-before.mjs');
interface Kept {
  readonly mode: string;
  readonly version: string;
  readonly lost: readonly unknown[];
}
const { mergeResults, resultsTable } = await load<{ mergeResults(kept: readonly Kept[], fresh: readonly Kept[]): readonly Kept[]; resultsTable(): string }>('results.mjs');

describe.each(VERSIONS)('as a server of %s', (version) => {
  let fixture: Awaited<ReturnType<typeof startFixtureServer>>;
  let gateway: Gateway;
  beforeAll(async () => {
    await installSuite();
    fixture = await startFixtureServer(0);
    gateway = await startGatewayBefore(fixture.url);
  }, INSTALL_MS);
  afterAll(async () => {
    await gateway.stop();
    await fixture.close();
  });

  it('the gateway is conformant, and each request has a record with all thirteen layers', async () => {
    const { checks, code } = await runServer(gateway.url, version);
    const failed = checks.filter(({ scenario, status }) => status === 'FAILURE' && !scenario.startsWith('tasks-')); // an extension that the fixture does not have
    expect(failed.map(({ scenario, id, errorMessage }) => `${scenario}: ${id}: ${errorMessage}`)).toEqual([]);
    expect([code, checks.filter(({ status }) => status === 'SUCCESS').length > 50]).toEqual([0, true]);
    const records = gateway.records();
    expect(records.length).toBeGreaterThan(100);
    expect(records.filter(({ layers_traversed: layers }) => layers.length !== 13)).toEqual([]);
    expect(records.filter(({ decision }) => decision === 'ALLOW').filter(({ layers_traversed: layers }) => layers.some(({ verdict }) => verdict === 'not_reached'))).toEqual([]);
    expect(await gateway.verify()).toMatchObject({ whole: true });
  }, SUITE_MS);
});

describe('a lost check', () => {
  const check = (id: string, status: string): Check => ({ scenario: 's', id, name: id, status });
  it.each<[string, readonly Check[], readonly Check[], readonly string[]]>([
    ['failed', [check('a', 'SUCCESS')], [check('a', 'FAILURE')], ['s: a']],
    ['warned', [check('a', 'SUCCESS')], [check('a', 'WARNING')], ['s: a']],
    ['not reached', [check('a', 'SUCCESS'), check('b', 'SUCCESS')], [check('b', 'SUCCESS')], ['s: a']],
    ['failed once more', [check('a', 'SUCCESS'), check('a', 'SUCCESS')], [check('a', 'SUCCESS'), check('a', 'FAILURE')], ['s: a']],
    ['failed with nothing to compare', [], [check('a', 'FAILURE')], ['s: a']],
    ['none: it failed before', [check('a', 'FAILURE')], [check('a', 'FAILURE')], []],
    ['none: it was made more often', [check('a', 'SUCCESS')], [check('a', 'SUCCESS'), check('a', 'SUCCESS')], []],
  ])('is one that %s', (_how, direct, through, lost) => {
    expect(lostChecks(direct, through).map(({ key }) => key)).toEqual(lost);
  });
});

describe('docs/conformance.md', () => {
  it('keeps what was not run again', () => {
    const row = (mode: string, version: string, ...lost: string[]): Kept => ({ mode, version, lost });
    expect(mergeResults([row('server', '2'), row('client', '1'), row('server', '1')], [row('client', '1', 'x'), row('client', '2')])).toEqual([row('server', '1'), row('server', '2'), row('client', '1', 'x'), row('client', '2')]);
  });

  it('shows results.json as it is (make conformance, with --write)', () => {
    expect(readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'conformance.md'), 'utf8')).toContain(`<!-- test/conformance/results.json -->\n${resultsTable()}\n<!-- end -->`);
  });
});
