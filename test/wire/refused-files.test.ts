// Files that were refused: seen in status until they are repaired, all of them named at once, at a reload and at a start.
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeProject, permitAll, runToEnd, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { eventually } from './calls.js';

const REGISTRY = 'config/capability-registry-v2.yaml';
const IDENTITIES = 'config/identities.yaml';
const THRESHOLDS = 'config/risk_thresholds.yaml';
const POLICIES = 'config/opa/policies';

interface Fault {
  readonly file: string;
  readonly line: number;
}

let gateway: GatewayProcess;
const path = (file: string): string => join(gateway.dir, file);
const refused = async (resource = '/v1/status'): Promise<string[]> => ((await gateway.control('GET', resource)).json['refused'] as Fault[]).map(({ file }) => file);

beforeAll(async () => {
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [] });
});

afterAll(async () => {
  await gateway.stop();
});

/** Puts the files' texts back when the work is done. */
async function broken(files: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> {
  const before = Object.keys(files).map((file) => [file, readFileSync(path(file), 'utf8')] as const);
  for (const [file, text] of Object.entries(files)) appendFileSync(path(file), text);
  try {
    await work();
  } finally {
    for (const [file, text] of before) writeFileSync(path(file), text);
  }
}

describe('a watched file that was refused', () => {
  it('is in the status until it is repaired', async () => {
    await broken({ [IDENTITIES]: '\nnonsense\n' }, async () => {
      expect(await eventually(async () => (await refused()).length > 0)).toBe(true);
      expect(await refused()).toEqual([IDENTITIES]);
      expect(await refused('/v1/tools')).toEqual([]);
    });
    expect(await eventually(async () => (await refused()).length === 0)).toBe(true);
  });

  it('holds up no other: an identity is revoked while the registry is being repaired', async () => {
    const count = async (): Promise<unknown> => ((await gateway.control('GET', '/v1/status')).json['identities'] as { count: number }).count;
    await broken({ [REGISTRY]: '\n nonsense: [\n' }, async () => {
      const before = readFileSync(path(IDENTITIES), 'utf8');
      expect(await count()).toBeGreaterThan(0);
      writeFileSync(path(IDENTITIES), 'identities: []\n');
      const { json } = await gateway.control('POST', '/v1/reload/files');
      expect(new Set((json['refused'] as Fault[]).map(({ file }) => file))).toEqual(new Set([REGISTRY]));
      expect(await count()).toBe(0);
      expect((await gateway.control('GET', '/v1/status')).json['warnings']).toContainEqual(expect.stringContaining('registers no identity'));
      writeFileSync(path(IDENTITIES), before);
    });
    expect(await eventually(async () => (await refused()).length === 0 && (await count()) !== 0)).toBe(true);
  });

  it('and is not watched is no longer refused once it is right', async () => {
    const file = join(POLICIES, 'bad.rego');
    writeFileSync(path(file), 'package x y\n');
    expect((await gateway.control('POST', '/v1/policy/reload')).status).toBe(422);
    expect(await refused()).toEqual([file]);
    rmSync(path(file));
    expect(await refused()).toEqual([]);
  });

  it('is beside the tools when it is the registry', async () => {
    await broken({ [REGISTRY]: '\n nonsense: [\n' }, async () => {
      expect(await eventually(async () => (await refused('/v1/tools')).includes(REGISTRY))).toBe(true);
    });
    expect(await eventually(async () => (await refused('/v1/tools')).length === 0)).toBe(true);
  });
});

describe('a reload of several wrong files', () => {
  it('names all of them, and changes nothing', async () => {
    const bad = ['a.rego', 'b.rego'].map((name) => join(POLICIES, name));
    for (const file of bad) writeFileSync(path(file), 'package x y\n');
    const { policy } = (await gateway.control('GET', '/v1/status')).json['digests'] as Record<string, string>;
    await broken({ [IDENTITIES]: '\nnonsense\n', [THRESHOLDS]: '\nthresholdz: 1\n' }, async () => {
      const { status, json } = await gateway.control('POST', '/v1/reload');
      const error = json['error'] as Fault & { others: readonly Fault[] };
      expect(status).toBe(422);
      expect(new Set([error, ...error.others].map(({ file }) => file))).toEqual(new Set([IDENTITIES, THRESHOLDS, ...bad]));
      expect([error, ...error.others].every(({ line }) => line > 0)).toBe(true);
      expect(new Set(await refused())).toEqual(new Set([IDENTITIES, THRESHOLDS, ...bad]));
    });
    for (const file of bad) rmSync(path(file));
    expect((await gateway.control('GET', '/v1/status')).json['digests']).toMatchObject({ policy });
    expect((await gateway.control('POST', '/v1/reload')).status).toBe(200);
    expect(await refused()).toEqual([]);
  });
});

describe('what was changed and is not loaded', () => {
  const notLoaded = async (): Promise<string[]> => (await gateway.control('GET', '/v1/status')).json['not_loaded'] as string[];

  it('is said with the command that loads it: policies, config, and keys that need a restart', async () => {
    const [policy, config] = [join(POLICIES, 'more.rego'), 'config/gateway.yaml'];
    const before = readFileSync(path(config), 'utf8');
    expect(await notLoaded()).toEqual([]);
    writeFileSync(path(policy), 'package more\n');
    writeFileSync(path(config), JSON.stringify({ ...(JSON.parse(before) as object), breaker: { failures_to_open: 1 }, rate_limit: { per_minute: 7 } }));
    expect(await notLoaded()).toEqual([expect.stringMatching(/breaker\.failures_to_open .*restart/), expect.stringMatching(/rate_limit\.per_minute .*agw reload/), expect.stringMatching(/policy files .*agw policy reload/)]);
    expect((await gateway.control('POST', '/v1/reload')).json['not_loaded']).toEqual([expect.stringMatching(/breaker\.failures_to_open .*restart/)]);
    rmSync(path(policy));
    writeFileSync(path(config), before);
    expect((await gateway.control('POST', '/v1/reload')).json['not_loaded']).toEqual([]);
  });

  it('is not in force by half: a file of another name, which would not be watched, is read by a restart', async () => {
    const [other, config] = ['config/other-identities.yaml', 'config/gateway.yaml'];
    const before = readFileSync(path(config), 'utf8');
    const { identities } = (await gateway.control('GET', '/v1/status')).json['digests'] as { identities: string };
    writeFileSync(path(other), 'identities: []\n');
    writeFileSync(path(config), JSON.stringify({ ...(JSON.parse(before) as object), identity: { file: other } }));
    expect((await gateway.control('POST', '/v1/reload')).json).toMatchObject({ digests: { identities }, not_loaded: [expect.stringMatching(/identity\.file .*restart/)] });
    writeFileSync(path(config), before);
    expect((await gateway.control('POST', '/v1/reload')).json['not_loaded']).toEqual([]);
  });
});

describe('a policy in a misspelt package', () => {
  it('is taken up, and warned of with its place wherever policies are shown', async () => {
    const file = join(POLICIES, 'mine.rego');
    writeFileSync(path(file), '# mine\npackage precinct.authzz\n\nimport rego.v1\n\nallow if true\n');
    const warned = { file, line: 2 };
    expect((await gateway.control('POST', '/v1/policy/reload')).json['warnings']).toMatchObject([warned]);
    expect((await gateway.control('GET', '/v1/policy')).json['warnings']).toMatchObject([warned]);
    expect((await gateway.control('GET', '/v1/status')).json['warnings']).toContainEqual(expect.stringContaining(`${file}:2`));
    rmSync(path(file));
    expect((await gateway.control('POST', '/v1/policy/reload')).json['warnings']).toEqual([]);
  });
});

describe('a start', () => {
  const withFiles = async (files: Readonly<Record<string, string>>): Promise<{ code: number | null; stderr: string; dir: string }> => {
    const dir = makeProject({ policies: { 'all.rego': permitAll() } });
    try {
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(dirname(join(dir, file)), { recursive: true });
        writeFileSync(join(dir, file), text);
      }
      return { ...(await runToEnd(dir)), dir };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };

  it('with several wrong files names each on a line of its own', async () => {
    const { code, stderr } = await withFiles({ [IDENTITIES]: 'identities: 7\n', [THRESHOLDS]: 'thresholdz: 1\n', [join(POLICIES, 'b.rego')]: 'package x y\n' });
    expect(code).toBe(2);
    expect(stderr.trim().split('\n').map((line) => line.split(':')[0])).toEqual([IDENTITIES, THRESHOLDS, join(POLICIES, 'b.rego')]);
  });

  it('whose state folder is a file says which key names it', async () => {
    const { code, stderr } = await withFiles({ 'config/gateway.yaml': 'profile: dev\nstate_dir: taken\nfront: {port: 0}\n', taken: '' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/config\/gateway\.yaml:2:\d+: state_dir: /);
    expect(stderr).not.toContain('EEXIST');
  });

  it('with a file that is missing claims no line of it', async () => {
    const { stderr } = await withFiles({ 'config/gateway.yaml': 'profile: dev\nidentity: {file: config/none.yaml}\nfront: {port: 0}\n' });
    expect(stderr).toMatch(/^config\/none\.yaml: /);
  });

  it('with a damaged file of secrets, or without a policy folder, says so', async () => {
    const damaged = await startGateway({ config: { policy: { dirs: [POLICIES, 'policies-of-mine'] } }, policies: { 'all.rego': permitAll() }, tools: [], files: { '.precinct/secrets.enc': 'damaged' } });
    try {
      for (const part of ['secrets.enc', 'policies-of-mine']) expect(damaged.stderr()).toContain(part);
    } finally {
      await damaged.stop();
    }
  });
});

describe('a clean stop', () => {
  it('logs nothing as an error', async () => {
    const other = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [] });
    await other.stop();
    const levels = other.stderr().split('\n').filter((line) => line.startsWith('{')).map((line) => (JSON.parse(line) as { level: number }).level);
    expect(levels.filter((level) => level >= 40)).toEqual([]);
  });
});
