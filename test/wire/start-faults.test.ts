// Everything a start reads and cannot use: it stops, says what and where, and exits with 2 for a file that a person wrote, with 1 for the state it keeps itself.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { CALLER, makeProject, permitAll, runToEnd, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer } from '../support/tool-server.js';
import { call, codeOf, registration, toolText } from './calls.js';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

function write(dir: string, file: string, text: string): void {
  mkdirSync(dirname(join(dir, file)), { recursive: true, mode: FOLDER_MODE });
  writeFileSync(join(dir, file), text, { mode: FILE_MODE });
}

async function startWith(file: string, text: string, config: Readonly<Record<string, unknown>> = {}, openFilesMax?: number): Promise<{ code: number | null; stderr: string }> {
  const dir = makeProject({ policies: { 'all.rego': permitAll() }, config });
  try {
    write(dir, file, text);
    return await runToEnd(dir, openFilesMax);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe('a start with a wrong file that a person wrote', () => {
  it.each([
    ['config/destinations.yaml', 'destinations: []\n', '1:1'], ['config/risk_thresholds.yaml', 'thresholds: {pass: 99}\n', '1:20'], ['config/session_chains.yaml', 'taint: []\n', '1:1'],
    ['config/dlp/x.yaml', 'rules: [{id: a}]\n', '1:9'], ['config/opa/policies/b.rego', 'package precinct.authz\n\nallow if {\n', '4:1'], ['config/capability-registry-v2.yaml', 'tools: [\n', '2:1'],
    ['config/identities.yaml', 'identities:\n  - spiffe_id: nobody\n', '2:16'],
  ])('%s exits with 2 and names the places alone', async (file, text, place) => {
    const { code, stderr } = await startWith(file, text);
    // One line for each fault of the file, and nothing else.
    expect({ code, others: stderr.trim().split('\n').filter((line) => !line.startsWith(`${file}:`)) }).toEqual({ code: 2, others: [] });
    expect(stderr).toContain(`${file}:${place}: `);
  });
});

describe('a start whose config names what is not there', () => {
  const TLS = { enabled: true, host: '127.0.0.1', port: 0, certificate_file: 'a.pem', private_key_file: 'b.key', trust_bundle_file: 'c.pem' };
  const STRICT = { profile: 'strict', front: { plain: false }, tls: TLS, guard: { url: 'http://127.0.0.1:1/v1/chat/completions', model: 'guard' } };

  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ['a variable that is not set', { secrets: { key_env: 'PRECINCT_NO_SUCH_KEY' } }, /^config\/gateway\.yaml:1:\d+: [^\n]+PRECINCT_NO_SUCH_KEY[^\n]+\n$/],
    ['a variable that holds no key', { secrets: { key_env: 'PATH' } }, /^config\/gateway\.yaml:1:\d+: [^\n]+\n$/],
    ['a key file that is missing', { ...STRICT, secrets: { key_file: 'none.key' } }, /^config\/gateway\.yaml:1:\d+: [^\n]+none\.key[^\n]+\n$/],
    ['no key, where none is made', STRICT, /^config\/gateway\.yaml(?::\d+)*: [^\n]+secrets\.key[^\n]+\n$/],
    ['three files of the listener', { tls: TLS }, /^(?=[^]*^a\.pem: )(?=[^]*^b\.key: )(?=[^]*^c\.pem: )(?:[abc]\.\w+: [^\n]+\n){3}$/m],
  ])('%s: exits with 2, and names all of it alone', async (_, config, said) => {
    const { code, stderr } = await startWith('unused', '', config);
    expect(code).toBe(2);
    expect(stderr).toMatch(said);
  });
});

describe('a start that the system refuses what it needs', () => {
  it.skipIf(!existsSync('/proc/self'))('an audit folder below /proc: exits with 2 (skipped where there is no /proc)', async () => {
    const { code, stderr } = await startWith('unused', '', { audit: { dir: '/proc/precinct/audit' } });
    expect({ code, lines: stderr.trim().split('\n').length }).toEqual({ code: 2, lines: 1 });
    expect(stderr).toContain('/proc/precinct');
  });

  it('a state folder below /proc: exits with 2', async () => {
    const { code, stderr } = await startWith('unused', '', { state_dir: '/proc/precinct/state' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^config\/gateway\.yaml:1:\d+: state_dir: [^\n]+\n$/);
  });

  it.each([[24, 1], [47, 1], [150, 16]])('%i open files with %i gateway threads: exits with 1, and says the limit and what to do, without a stack', async (openFilesMax, gateway) => {
    const { code, stderr } = await startWith('unused', '', { threads: { gateway } }, openFilesMax);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^[^\\n]+${openFilesMax} files[^\\n]+ulimit -n[^\\n]+\\n$`));
  });

  it.each([[48, 1], [168, 16]])('%i open files with %i gateway threads: all of them start', async (openFilesMax, gateway) => {
    const dir = makeProject({ policies: { 'all.rego': permitAll() }, config: { threads: { gateway } } });
    try {
      const { code, stderr } = await runToEnd(dir, openFilesMax, /listening: /);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`${openFilesMax} files open`) });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('a start with damaged state', () => {
  it.each([
    ['.precinct/pins.json', '{'], ['.precinct/approvals.sqlite', 'no database, but long enough to be looked at as one. '.repeat(30)], ['.precinct/sessions.sqlite', 'no database, but long enough to be looked at as one. '.repeat(30)], ['.precinct/keys/secrets.key', 'short'], ['.precinct/keys/arguments.key', 'short'],
  ])('%s exits with 1, and the file is as it was', async (file, text) => {
    const dir = makeProject({ policies: { 'all.rego': permitAll() } });
    try {
      write(dir, file, text);
      const { code, stderr } = await runToEnd(dir);
      expect(code).toBe(1);
      expect(stderr).not.toContain('audit log is failing');
      expect(readFileSync(join(dir, file), 'utf8')).toBe(text);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('a damaged file of secrets', () => {
  let gateway: GatewayProcess | undefined;

  afterEach(async () => gateway?.stop());

  it('gives no secret, takes none, and is not written over', async () => {
    const server = await startToolServer({ tools: [toolText('vault')] });
    try {
      gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('vault', server.url, { required_scope: 's' })], prepare: (dir) => write(dir, '.precinct/secrets.enc', 'damaged') });
      const { status } = await gateway.control('POST', '/v1/secrets/put', { name: 'v', owner: CALLER, scope: 's', value: 'a-value-of-some-length' });
      expect(status).toBeGreaterThanOrEqual(400);
      const answer = await gateway.post(call('vault', { text: `$SPIKE{ref:${'a'.repeat(32)}}` }));
      expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 500, code: 'token_redemption_failed' });
      expect(server.seen.filter((seen) => seen.rpcMethod === 'tools/call')).toEqual([]);
      expect(readFileSync(join(gateway.dir, '.precinct/secrets.enc'), 'utf8')).toBe('damaged');
    } finally {
      await server.close();
    }
  });
});
