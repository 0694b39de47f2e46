// Reloads: whole or not at all, never two generations in one request, and a bad file says its place.
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, makeProject, permitAll, runToEnd, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { ECHO_TEXT, startToolServer, type ToolServer } from '../support/tool-server.js';
import { eventually } from './calls.js';

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}';
const REGISTRY = 'config/capability-registry-v2.yaml';

let server: ToolServer;
let gateway: GatewayProcess;

function registryText(note: string): string {
  const hash = createHash('sha256').update(ECHO_TEXT).digest('hex');
  return JSON.stringify({ tools: [{ name: 'echo', description: note, upstream: server.url, hash, risk_level: 'low', input_schema: {} }] });
}

beforeAll(async () => {
  server = await startToolServer({ tools: [ECHO_TEXT] });
  gateway = await startGateway({ config: { rate_limit: { per_minute: 100_000_000, burst: 100_000_000 } }, policies: { 'all.rego': permitAll() }, tools: [] });
  writeFileSync(join(gateway.dir, REGISTRY), registryText('generation 0'));
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

describe('a changed file', () => {
  it('of the registry is in force by itself', async () => {
    expect(await eventually(async () => (await gateway.post(CALL)).status === 200)).toBe(true);
  });

  it('of identities that is wrong is refused with its line, and the old state stays', async () => {
    const file = join(gateway.dir, 'config/identities.yaml');
    const good = readFileSync(file, 'utf8');
    appendFileSync(file, '\n  - spiffe_id: not an id\n');
    expect(await eventually(async () => Promise.resolve(gateway.lines('event').some((line) => line['event'] === 'reload_refused')))).toBe(true);
    const refused = gateway.lines('event').find((line) => line['event'] === 'reload_refused');
    expect(refused?.['details']).toMatchObject({ file: 'config/identities.yaml' });
    expect(Number((refused?.['details'] as { line: number }).line)).toBeGreaterThan(1);
    expect((await gateway.post(CALL)).status).toBe(200);
    writeFileSync(file, good);
  });
});

describe('a reload', () => {
  it('of a policy with a syntax error names file, line and column, and changes nothing', async () => {
    const file = join(gateway.dir, 'config/opa/policies/broken.rego');
    writeFileSync(file, 'package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.x ==\n}\n');
    const answer = await gateway.control('POST', '/v1/policy/reload');
    expect(answer.status).toBe(422);
    expect(answer.json['error']).toMatchObject({ file: 'config/opa/policies/broken.rego' });
    expect(Number((answer.json['error'] as { line: number }).line)).toBeGreaterThanOrEqual(6);
    expect((await gateway.post(CALL)).status).toBe(200);
    const question = { caller: CALLER, method: 'tools/call', tool: 'echo' };
    expect(await gateway.control('POST', '/v1/policy/eval', question)).toMatchObject({ status: 422, json: { error: answer.json['error'] } });
    expect(await gateway.control('POST', '/v1/policy/eval', { ...question, active: true })).toMatchObject({ status: 200, json: { decision: 'ALLOW', active: true } });
    writeFileSync(file, 'package precinct.other\n');
    expect((await gateway.control('POST', '/v1/policy/reload')).status).toBe(200);
  });

  it('under load never mixes two generations in one request', async () => {
    let going = true;
    const load = Promise.all(Array.from({ length: 6 }, async () => {
      while (going) await gateway.post(CALL);
    }));
    const generations = new Set<string>();
    for (let n = 1; n <= 6; n++) {
      writeFileSync(join(gateway.dir, REGISTRY), registryText(`generation ${n}`));
      writeFileSync(join(gateway.dir, 'config/opa/policies/all.rego'), `${permitAll()}\n# generation ${n}\n`);
      const { json, status } = await gateway.control('POST', '/v1/reload');
      expect(status).toBe(200);
      const digests = json['digests'] as Record<string, string>;
      generations.add(`${digests['policy']} ${digests['registry']}`);
      await sleep(100);
    }
    going = false;
    await load;
    const seen = new Set(gateway.lines('request').filter((line) => line['decision'] === 'ALLOW').map((line) => `${String(line['policy_digest'])} ${String(line['registry_digest'])}`));
    const registriesWatchedAlone = new Set([...seen].filter((pair) => !generations.has(pair)));
    // Between the two writes of a round the watcher may have taken up the registry alone: a generation of its own, never a mixture within a request.
    for (const pair of registriesWatchedAlone) expect(gateway.lines('event').some((line) => line['event'] === 'reload' && `${String((line['details'] as Record<string, string>)['policy_digest'])} ${String((line['details'] as Record<string, string>)['registry_digest'])}` === pair) || pair === [...seen][0]).toBe(true);
    expect(generations.size).toBe(6);
  });

  it('of the rate limit counts at once: who was throttled by the old one is soon served', async () => {
    const limited = await startGateway({ config: { threads: { gateway: 2 } }, policies: { 'all.rego': permitAll() }, files: { [REGISTRY]: registryText('limited') } });
    const reloadWith = async (rateLimit: object): Promise<void> => {
      writeFileSync(join(limited.dir, 'config/gateway.yaml'), JSON.stringify({ profile: 'dev', front: { port: 0 }, threads: { gateway: 2 }, rate_limit: rateLimit }));
      expect((await limited.control('POST', '/v1/reload')).status).toBe(200);
    };
    try {
      expect(await eventually(async () => (await limited.post(CALL)).status === 200)).toBe(true);
      await reloadWith({ per_minute: 1, burst: 2 });
      expect(await eventually(async () => (await limited.post(CALL)).status === 429)).toBe(true);
      await reloadWith({ per_minute: 600, burst: 100 });
      expect(await eventually(async () => (await limited.post(CALL)).status === 200)).toBe(true);
    } finally {
      await limited.stop();
    }
  });

  it('by SIGHUP does the same', async () => {
    const before = gateway.lines('event').filter((line) => line['event'] === 'reload').length;
    process.kill(gateway.pid, 'SIGHUP');
    expect(await eventually(async () => Promise.resolve(gateway.lines('event').filter((line) => line['event'] === 'reload').length > before))).toBe(true);
  });
});

describe('a start', () => {
  it.each([
    ['an unknown key', { 'config/gateway.yaml': 'profile: dev\nfront:\n  prot: 9090\n' }, /config\/gateway\.yaml:3:\d+.*prot.*port/s],
    ['a wrong value', { 'config/gateway.yaml': 'profile: dev\nfront:\n  port: ninety\n' }, /config\/gateway\.yaml:3:\d+/],
    ['a broken policy', { 'config/opa/policies/x.rego': 'package precinct.authz\n\nallow if {\n' }, /config\/opa\/policies\/x\.rego:\d+:\d+/],
    ['a wrong hash', { [REGISTRY]: 'tools:\n  - name: a\n    description: b\n    upstream: http://127.0.0.1:1/mcp\n    hash: abc\n    risk_level: low\n    input_schema: {}\n' }, /capability-registry-v2\.yaml:5:\d+/],
    ['an unregistered default', { 'config/identities.yaml': `default: ${CALLER}\nidentities: []\n` }, /identities\.yaml:\d+:\d+/],
    ['no guard in the strict profile', { 'config/gateway.yaml': 'profile: strict\nfront: {port: 0}\n' }, /guard/],
  ])('with %s stops with the place and leaves nothing running', async (_what, files, said) => {
    const dir = makeProject({ policies: {} });
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(dir, name, '..'), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    const { code, stderr } = await runToEnd(dir);
    rmSync(dir, { recursive: true, force: true });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(said);
  });
});
