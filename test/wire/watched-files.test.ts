// Files that change while others are being taken up: no change is lost, and a file that vanishes for a moment ends nothing.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jwtBundleText, makeJwtAuthority } from '../support/pki.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, eventually, registration, toolText } from './calls.js';

const REGISTRY = 'config/capability-registry-v2.yaml';
const POLICY = 'config/opa/policies/all.rego';
const BUNDLE = 'config/jwt-bundle.json';
const TAKEN_UP_MS = 600; // by then a change is
const STEP_MS = 30;

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('echo')] });
  gateway = await startGateway({
    config: { identity: { jwt_bundle_file: BUNDLE, jwt_audience: ['precinct'] }, rate_limit: { per_minute: 1_000_000, burst: 100_000 } },
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], files: { [BUNDLE]: jwtBundleText(makeJwtAuthority('a')) },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

/** In one step, as editors that are careful do. */
function replace(file: string, text: string): void {
  const path = join(gateway.dir, file);
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function watchedReloads(): number {
  return gateway.lines('event').filter((line) => line['event'] === 'reload' && (line['details'] as { what: string }).what === 'watched files').length;
}

describe('a policy reload', () => {
  it('beside a watched file that changes is never taken back', async () => {
    const lost: number[] = [];
    for (let offsetMs = 0, allowed = false; offsetMs < TAKEN_UP_MS; offsetMs += STEP_MS, allowed = !allowed) {
      const before = watchedReloads();
      replace(REGISTRY, JSON.stringify({ tools: [{ ...registration('echo', server.url), risk_level: 'low', description: `after ${offsetMs}` }] }));
      await sleep(offsetMs);
      replace(POLICY, allowed ? permitAll() : 'package precinct.authz\n\nimport rego.v1\n\nallow if false\n');
      expect((await gateway.control('POST', '/v1/policy/reload')).status).toBe(200);
      expect(await eventually(() => watchedReloads() > before)).toBe(true);
      if (((await gateway.post(call('echo'))).status === 200) !== allowed) lost.push(offsetMs);
    }
    expect(lost).toEqual([]);
  }, 60_000);
});

describe('a watched file', () => {
  it('of keys that vanishes is said and ends nothing; its return is taken up', async () => {
    const { pid } = gateway;
    rmSync(join(gateway.dir, BUNDLE));
    expect(await eventually(() => gateway.lines('event').some((line) => line['event'] === 'evidence_refused'))).toBe(true);
    expect((await gateway.control('GET', '/v1/status')).json['pid']).toBe(pid);
    replace(BUNDLE, jwtBundleText(makeJwtAuthority('b')));
    expect(await eventually(() => gateway.lines('event').some((line) => line['event'] === 'evidence_replaced'))).toBe(true);
  });

  it('of thresholds that changes is in the log with its digest, which the record of a call does not carry', async () => {
    const details = (): Record<string, unknown>[] => gateway.lines('event').filter((line) => line['event'] === 'reload').map((line) => line['details'] as Record<string, unknown>);
    const before = details().length;
    for (const pass of [3, 2]) {
      replace('config/risk_thresholds.yaml', `thresholds: {pass: ${pass}, checked: 6, approval: 9}\n`);
      expect((await gateway.control('POST', '/v1/reload')).status).toBe(200);
    }
    const digestsNow = (): unknown[] => details().slice(before).map((one) => one['thresholds_digest']);
    expect(await eventually(() => new Set(digestsNow()).size === 2)).toBe(true); // the answer to a reload does not wait for its line
    const digests = digestsNow();
    expect(digests.at(-1)).toMatch(/^[0-9a-f]{64}$/);
    expect(digests.at(-1)).toBe(((await gateway.control('GET', '/v1/status')).json['digests'] as Record<string, unknown>)['thresholds']);
  });

  it.each([['the registry', REGISTRY], ['identities', 'config/identities.yaml']])('of %s that vanishes, or becomes a folder, is refused and the old state stays', async (_what, file) => {
    replace(POLICY, permitAll());
    expect((await gateway.control('POST', '/v1/policy/reload')).status).toBe(200);
    const path = join(gateway.dir, file);
    const refusals = () => gateway.lines('event').filter((line) => line['event'] === 'reload_refused').length;
    const shownRefused = async () => ((await gateway.control('GET', '/v1/status')).json['refused'] as { file: string }[]).map((one) => one.file);
    const before = refusals();
    renameSync(path, `${path}.away`);
    expect(await eventually(() => refusals() > before)).toBe(true);
    expect(await eventually(async () => (await shownRefused()).join() === file)).toBe(true);
    mkdirSync(path);
    expect(await eventually(() => refusals() > before + 1)).toBe(true);
    expect(await eventually(async () => (await shownRefused()).join() === file)).toBe(true);
    expect((await gateway.post(call('echo'))).status).toBe(200);
    rmSync(path, { recursive: true });
    renameSync(`${path}.away`, path);
    expect(codeOf(await gateway.post(call('echo')))).toBeUndefined();
  });

  it('of identities waits for no tool server that is asked about a renewed registration', async () => {
    server.answering = 'hang';
    server.answeringFor = ['tools/list'];
    replace(REGISTRY, JSON.stringify({ tools: ['echo', 'later'].map((name) => registration(name, server.url, { risk_level: 'low' })) }));
    let judged = false;
    const renewed = gateway.control('POST', '/v1/reload/files').then(({ status }) => {
      judged = true;
      return status;
    });
    const identities = readFileSync(join(gateway.dir, 'config/identities.yaml'), 'utf8');
    replace('config/identities.yaml', 'identities: []\n');
    expect((await gateway.control('POST', '/v1/reload/files')).status).toBe(200);
    expect(codeOf(await gateway.post(call('echo')))).toBe('auth_invalid_identity');
    expect(judged).toBe(false);
    server.answering = 'json';
    server.answeringFor = [];
    replace('config/identities.yaml', identities);
    expect(await renewed).toBe(200);
  });

  it('that changes while the gateway starts is taken up, too', async () => {
    const starts = () => gateway.lines('event').filter((line) => line['event'] === 'start').length;
    const before = starts();
    await gateway.kill9();
    const started = gateway.restart();
    expect(await eventually(() => starts() > before)).toBe(true); // the log's first line: the files were read
    replace('config/identities.yaml', 'identities: []\n');
    await started;
    expect(await eventually(async () => ((await gateway.control('GET', '/v1/status')).json['identities'] as { count: number }).count === 0)).toBe(true);
  });
});
