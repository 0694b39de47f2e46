// Commands that speak to the gateway: what they send, print and end with.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyConfig, openBench, type Answers, type Bench } from './cli-fixture.js';

const ME = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
let bench: Bench;
beforeEach(() => (bench = openBench()));
afterEach(() => bench.close());

describe('errors of the gateway', () => {
  it('are shown with file, line, column and remedy, and end with 2', async () => {
    await bench.serve({ 'POST /v1/policy/reload': () => ({ status: 422, json: { error: { code: 'policy_fault', message: 'unexpected token', file: 'config/opa/policies/a.rego', line: 3, column: 7, remediation: 'Repair it.' } } }) });
    const { code, err } = await bench.agw(['policy', 'reload']);
    expect(code).toBe(2);
    expect(err).toBe('agw: config/opa/policies/a.rego:3:7: unexpected token\nRepair it.');
  });

  it('are shown one per line where there are several, each with its place and remedy', async () => {
    const others = [{ message: 'unknown key.', file: 'config/risk_thresholds.yaml', line: 2, column: 1, remediation: 'Did you mean pass?' }, { message: 'the file can\'t be read (ENOENT).', file: 'config/identities.yaml' }];
    await bench.serve({ 'POST /v1/reload': () => ({ status: 422, json: { error: { code: 'reload_refused', message: 'wrong hash.', file: 'config/r.yaml', line: 3, column: 7, remediation: 'Repair it.', others } } }) });
    const { code, err } = await bench.agw(['reload']);
    expect(code).toBe(2);
    expect(err.split('\n').slice(1)).toEqual(['config/r.yaml:3:7: wrong hash. Repair it.', 'config/risk_thresholds.yaml:2:1: unknown key. Did you mean pass?', 'config/identities.yaml: the file can\'t be read (ENOENT).']);
  });

  it('end with 1 where something was not found', async () => {
    await bench.serve({});
    expect((await bench.agw(['tools', 'diff', 'nothing'])).code).toBe(1);
  });
});

describe('agw status', () => {
  const status = (healthy: boolean): Answers => ({ 'GET /v1/status': () => ({ json: { version: '1', audit: { healthy, because: 'disk full', seq: 3 }, engines: { front: 'uws', matcher: { engine: 're2', because: 'no libhs' } }, warnings: [], listeners: [] } }) });

  it('ends with 0 when all is well, and with 1 when nothing can be audited', async () => {
    await bench.serve(status(true));
    expect((await bench.agw(['status'])).code).toBe(0);
    await bench.close();
    bench = openBench();
    await bench.serve(status(false));
    const { code, out } = await bench.agw(['status']);
    expect(code).toBe(1);
    expect(out).toContain('disk full');
  });

  it('passes the gateway\'s answer on as JSON, also when the environment asks for it', async () => {
    await bench.serve(status(true));
    expect(JSON.parse((await bench.agw(['status', '--json'])).out)).toMatchObject({ version: '1' });
    expect(JSON.parse((await bench.agw(['status'], { env: { AGW_JSON: '1' } })).out)).toMatchObject({ version: '1' });
  });

  it('finds the gateway through --gateway, the environment, and from a folder below', async () => {
    await bench.serve(status(true));
    const socket = join(bench.root, '.precinct', 'control.sock');
    mkdirSync(join(bench.root, 'a', 'b'), { recursive: true });
    expect((await bench.agw(['status', '--gateway', socket], { cwd: '/' })).code).toBe(0);
    expect((await bench.agw(['status'], { cwd: '/', env: { AGW_GATEWAY: socket } })).code).toBe(0);
    expect((await bench.agw(['status'], { cwd: join(bench.root, 'a', 'b') })).code).toBe(0);
  });

  it('names what was refused, and ends with 1', async () => {
    const refused = [{ file: 'config/identities.yaml', line: 5, column: 3, message: 'nonsense', remediation: 'Repair it.', since: '' }];
    await bench.serve({ 'GET /v1/status': () => ({ json: { version: '1', audit: { healthy: true }, refused } }), 'GET /v1/tools': () => ({ json: { tools: [], refused } }) });
    for (const line of [['status'], ['inspect', 'tools']]) {
      expect((await bench.agw(line)).out).toContain('config/identities.yaml:5:3: nonsense');
    }
    expect((await bench.agw(['status'])).code).toBe(1);
  });

  it('names the address as a possible cause where none answers, and what stands for a config file that is missing', async () => {
    expect((await bench.agw(['status', '--gateway', 'http://127.0.0.1:1'])).err).toMatch(/http:\/\/127.0.0.1:1[^]*front.port/);
    expect((await bench.agw(['status', '--gateway', '/nowhere/control.sock'])).err).toMatch(/nowhere[^]*--gateway/);
    expect((await bench.agw(['status', '--config', 'nofile.yaml'])).err).toMatch(/nofile.yaml[^]*--config[^]*config\/gateway.yaml/);
    expect((await bench.agw(['status'], { env: { AGW_CONFIG: 'nofile.yaml' } })).err).toContain('AGW_CONFIG');
  });

  it('works while the config file is broken', async () => {
    bench.file('config/gateway.yaml', 'profile: [\n');
    await bench.serve(status(true));
    expect((await bench.agw(['status'])).code).toBe(0);
  });
});

describe('agw sessions', () => {
  const session = { id: '3f9a1c07be52d418', caller: ME, protocol_version: '2025-11-25', created_at: '2026-01-02T03:04:05.006Z', used_at: '2026-01-02T03:05:05.006Z', state: 'open', thread: 1, upstreams: 2, streams: 1 };

  it('lists what there is, and says how many more there are', async () => {
    await bench.serve({ 'GET /v1/sessions': () => ({ json: { total: 3, sessions: [session, { ...session, id: 'b'.repeat(16), state: 'sleeping', thread: null }] } }) });
    const { code, out } = await bench.agw(['inspect', 'sessions', '--caller', ME]);
    expect([code, bench.asked.at(-1)?.path]).toEqual([0, `/v1/sessions?caller=${encodeURIComponent(ME)}`]);
    for (const part of ['3f9a1c07be52d418', 'sleeping', '2026-01-02 03:05:05.006Z', 'and 1 more']) expect(out).toContain(part);
    expect(JSON.parse((await bench.agw(['inspect', 'sessions', '--json'])).out)).toMatchObject({ total: 3 });
  });

  it('ends one by name or all of a caller, and ends with 1 where there is none', async () => {
    let ended = 1;
    await bench.serve({ 'POST /v1/sessions/end': () => ({ json: { ended } }) });
    expect((await bench.agw(['sessions', 'revoke', '3f9a1c07be52d418'])).code).toBe(0);
    ended = 0;
    expect(await bench.agw(['sessions', 'revoke', '--caller', ME])).toMatchObject({ code: 1, out: 'there is no such session; see: agw inspect sessions' });
    expect(bench.asked.map(({ body }) => body)).toEqual([{ id: '3f9a1c07be52d418' }, { caller: ME }]);
  });

  it('wants one of the two, not both', async () => {
    await bench.serve({});
    for (const line of [['sessions', 'revoke'], ['sessions', 'revoke', 'abababab', '--caller', ME]]) expect((await bench.agw(line)).code).toBe(2);
    expect(bench.asked).toEqual([]);
  });
});

describe('agw inspect identity', () => {
  it('rounds the risk', async () => {
    await bench.serve({ 'GET /v1/identity': () => ({ json: { spiffe_id: ME, registered: true, session: { risk_score: 0.1 + 0.2, flags: ['risk:high'] }, rate: {} } }) });
    const { out } = await bench.agw(['inspect', 'identity', ME]);
    expect(out).toContain('0.3 of 1 risk:high');
  });
});

describe('agw inspect tools', () => {
  it('points at what tells a mismatching hash apart, which its short form hides', async () => {
    const tool = (name: string, state: string): object => ({ name, state, hash: 'a'.repeat(64), risk_level: 'low', upstream: 'u' });
    await bench.serve({ 'GET /v1/tools': () => ({ json: { tools: [tool('echo', 'mismatch'), tool('bash', 'verified')] } }) });
    for (const line of [['inspect', 'tools'], ['tools', 'list']]) {
      const { out } = await bench.agw(line);
      expect(out).toContain('agw tools diff echo');
      expect(out).not.toContain('diff bash');
    }
  });
});

describe('agw inspect tools, of prompts and resources', () => {
  it('shows those that are registered, with risk and server', async () => {
    const other = (name: string): object => ({ name, risk_level: 'high', classification: 'sensitive', upstream: 'http://u/mcp' });
    await bench.serve({ 'GET /v1/tools': () => ({ json: { tools: [], prompts: [other('greet')], resources: [other('file:///notes/{name}')] } }) });
    const { out } = await bench.agw(['inspect', 'tools']);
    for (const text of ['PROMPTS', 'greet', 'RESOURCES', 'file:///notes/{name}', 'high', 'sensitive']) expect(out).toContain(text);
  });
});

describe('agw identity', () => {
  const reloading: Answers = { 'POST /v1/reload/files': () => ({ json: { digests: {}, refused: [], threads: 1 } }) };
  const text = (): string => readFileSync(join(bench.root, 'config/identities.yaml'), 'utf8');

  it('adds by name, keeps comments, and reloads', async () => {
    await bench.serve(reloading);
    expect((await bench.agw(['identity', 'add', 'reporter', '--env', 'prod', '--description', 'nightly: "report"'])).code).toBe(0);
    expect(text()).toContain('# the first one');
    expect(text()).toContain('spiffe://poc.local/agents/mcp-client/reporter/prod');
    expect(bench.asked.map((asked) => asked.path)).toEqual(['/v1/reload/files']);
  });

  it('writes without a gateway too, and lists from the file', async () => {
    expect((await bench.agw(['identity', 'add', 'reporter'])).code).toBe(0);
    const { out } = await bench.agw(['identity', 'list', '--json']);
    expect(JSON.parse(out)).toMatchObject({ default: ME, identities: [{ spiffe_id: ME }, { spiffe_id: 'spiffe://poc.local/agents/mcp-client/reporter/dev' }] });
  });

  it.each(['spiffe://other.example/agents/mcp-client/a/dev', 'spiffe://poc.local/../etc', 'a b', '../x', 'a\nb', ME])('refuses to add %j and leaves the file alone', async (id) => {
    const before = text();
    expect((await bench.agw(['identity', 'add', id])).code).toBe(2);
    expect(text()).toBe(before);
  });

  it('removes, and says with 1 that there was none', async () => {
    await bench.agw(['identity', 'add', 'reporter']);
    expect((await bench.agw(['identity', 'remove', 'reporter'])).code).toBe(0);
    expect((await bench.agw(['identity', 'remove', 'reporter'])).code).toBe(1);
    expect(text()).not.toContain('reporter');
  });

  it('says in strict that the list admits nobody and keeps nobody out, and in dev nothing', async () => {
    const said = async (what: string): Promise<string> => (await bench.agw(['identity', what, 'reporter'])).err;
    expect([await said('add'), await said('remove')].join()).not.toContain('strict');
    const config = join(bench.root, 'config/gateway.yaml');
    writeFileSync(config, `${readFileSync(config, 'utf8').replace('profile: dev', 'profile: strict')}\nguard: {url: 'http://127.0.0.1:1/'}\n`);
    expect(await said('add')).toContain('the profile is strict: this admits nobody');
    expect(await said('remove')).toContain('the profile is strict: this keeps nobody out');
  });
});

describe('agw secret', () => {
  it('takes the value from stdin alone, without the line break, and never prints it', async () => {
    await bench.serve({ 'POST /v1/secrets/put': () => ({ json: {} }) });
    const ran = await bench.agw(['secret', 'put', 'token', '--owner', ME, '--scope', 'a:read'], { stdin: 'geheim 1\n' });
    expect(ran.code).toBe(0);
    expect(bench.asked[0]?.body).toEqual({ name: 'token', owner: ME, scope: 'a:read', value: 'geheim 1' });
    expect(ran.out + ran.err).not.toContain('geheim');
  });

  it('refuses an empty value, and a value as an argument', async () => {
    await bench.serve({});
    expect((await bench.agw(['secret', 'put', 'token', '--owner', ME, '--scope', 's'], { stdin: '' })).code).toBe(2);
    expect((await bench.agw(['secret', 'put', 'token', 'geheim', '--owner', ME, '--scope', 's'])).code).toBe(2);
    expect(bench.asked).toEqual([]);
  });

  it('refuses bytes that are not UTF-8 instead of storing something else', async () => {
    await bench.serve({});
    expect((await bench.agw(['secret', 'rotate', 'token'], { stdin: Buffer.from([0xff, 0xfe]) })).code).toBe(2);
    expect(bench.asked).toEqual([]);
  });

  it('prints the issued reference alone', async () => {
    await bench.serve({ 'POST /v1/secrets/issue': () => ({ json: { ref: 'r', token: '$SPIKE{ref:r}' } }) });
    expect(await bench.agw(['secret', 'issue', 'token', '--ttl', '60'])).toMatchObject({ code: 0, out: '$SPIKE{ref:r}', err: '' });
    expect((await bench.agw(['secret', 'issue', 'token'], { tty: true })).err).toContain('single quotes');
    expect(bench.asked[0]?.body).toEqual({ name: 'token', ttl_s: 60 });
  });

  it.each(['0', '-1', '1.5', 'x', '999999999'])('refuses the lifetime %s', async (ttl) => {
    await bench.serve({});
    expect((await bench.agw(['secret', 'issue', 'token', '--ttl', ttl])).code).toBe(2);
  });
});

describe('agw approver and approvals', () => {
  const request = { id: 'apr_1', caller: ME, tool: 'bash', toolHash: 'h', upstream: 'u', argumentsDigest: 'd', createdMs: 1, expiresMs: 2, score: 8, state: 'pending', argumentsPreview: '{}', argumentsText: '{}', argumentsLength: 2 };
  const answers: Answers = { 'GET /v1/approvals/apr_1': () => ({ json: { approval: request } }), 'POST /v1/approvals/apr_1/decide': () => ({ json: { approval: request } }) };

  it('makes a key that others cannot read, lists it and removes it', async () => {
    expect((await bench.agw(['approver', 'add', 'alice'])).code).toBe(0);
    expect(statSync(join(bench.root, '.precinct/approvers/alice.key')).mode & 0o777).toBe(0o600);
    expect(JSON.parse((await bench.agw(['approver', 'list', '--json'])).out)).toMatchObject({ approvers: [{ name: 'alice', sealed: false }] });
    expect((await bench.agw(['approver', 'remove', 'alice', '--yes'])).code).toBe(0);
    expect((await bench.agw(['approver', 'remove', 'alice', '--yes'])).code).toBe(1);
  });

  it('does not remove without a yes when nobody is at the terminal', async () => {
    await bench.agw(['approver', 'add', 'alice']);
    const { code, err } = await bench.agw(['approver', 'remove', 'alice']);
    expect([code, err]).toEqual([2, expect.stringMatching(/Trust alice no more, and destroy the key\?\nWhere the answer is yes, pass --yes/)]);
    expect((await bench.agw(['approver', 'list'])).out).toContain('alice');
  });

  it('sends a decision whose signature verifies', async () => {
    await bench.serve(answers);
    await bench.agw(['approver', 'add', 'alice']);
    expect((await bench.agw(['approvals', 'approve', 'apr_1', '--reason', 'planned'])).code).toBe(0);
    const sent = bench.asked.at(-1)?.body as { decision: string; approver: string; signature: string; reason: string };
    expect(sent).toMatchObject({ decision: 'approve', approver: 'alice', reason: 'planned' });
    const { isDecisionSigned, loadPublicKeys } = await import('../../../src/engines/step-up/approver-keys.js');
    const alice = loadPublicKeys(join(bench.root, '.precinct/approvers')).get('alice');
    const full = { ...request, state: 'pending' as const, mcpSession: undefined, decidedBy: undefined, decidedMs: undefined, reason: undefined };
    expect(alice !== undefined && isDecisionSigned(alice, full, 'approve', sent.signature)).toBe(true);
    expect(alice !== undefined && isDecisionSigned(alice, full, 'deny', sent.signature)).toBe(false);
  });

  it('says of a call that came in a session that the grant is for that session', async () => {
    const bound = { ...request, mcpSession: 'session-of-this-client' };
    const control = (approval: object): Answers => ({ 'GET /v1/approvals': () => ({ json: { approvals: [approval] } }), 'GET /v1/approvals/apr_1': () => ({ json: { approval } }), 'POST /v1/approvals/apr_1/decide': () => ({ json: { approval } }) });
    const said = async (approval: object): Promise<boolean[]> => {
      await bench.close();
      bench = openBench();
      await bench.serve(control(approval));
      await bench.agw(['approver', 'add', 'alice']);
      const outs = [await bench.agw(['approvals', 'list']), await bench.agw(['approvals', 'approve', 'apr_1'])].map(({ out }) => out);
      return outs.map((out) => /session/.test(out));
    };
    expect(await said(bound)).toEqual([true, true]);
    expect(await said(request)).toEqual([false, false]);
    expect((await bench.agw(['approvals', 'approve', '--help'])).out).toContain('session');
  });

  describe('shows arguments', () => {
    const serve = (...approvals: object[]): Promise<unknown> => bench.serve({ 'GET /v1/approvals': () => ({ json: { approvals } }), 'GET /v1/approvals/apr_1': () => ({ json: { approval: approvals[0] } }), 'POST /v1/approvals/apr_1/decide': () => ({ json: { approval: approvals[0] } }) });
    const hiding = `{"command":"ls -l${' '.repeat(450)}\u202e; rm -rf /\u001b[2J"}`;

    it('whole, with nothing pushed out of sight and nothing that steers the terminal', async () => {
      await serve({ ...request, argumentsText: hiding, argumentsLength: hiding.length });
      const { code, out } = await bench.agw(['approvals', 'show', 'apr_1']);
      expect([code, out.includes('{"command":"ls -l⟨·×450⟩\\u202e; rm -rf /\\u001b[2J"}'), /[\p{Cc}\u202e]/u.test(out.replaceAll('\n', ''))]).toEqual([0, true, false]);
      expect(JSON.parse((await bench.agw(['approvals', 'show', 'apr_1', '--json'])).out)).toMatchObject({ approval: { argumentsText: hiding } });
    });

    it('and says where all of them are, when a preview is cut', async () => {
      await serve({ ...request, argumentsPreview: '{"command":"ls… +600 characters' });
      expect((await bench.agw(['approvals', 'list', '--wide'])).out).toContain('+600 characters (agw approvals show apr_1)');
      expect((await bench.agw(['approvals', 'list'])).out).toContain('agw approvals show');
    });

    it.each([[{ argumentsText: '{"x":"yyy', argumentsLength: 70_000 }, '+69991 characters'], [{ argumentsText: undefined, argumentsLength: undefined }, 'all that is kept']])('and signs nothing that can not be looked at, unless that is said: %j', async (kept, said) => {
      await serve({ ...request, ...kept });
      await bench.agw(['approver', 'add', 'alice']);
      expect((await bench.agw(['approvals', 'show', 'apr_1'])).out).toContain(said);
      const { code, err } = await bench.agw(['approvals', 'approve', 'apr_1']);
      expect([code, err.includes('--unseen'), bench.asked.some(({ method }) => method === 'POST')]).toEqual([2, true, false]);
      expect((await bench.agw(['approvals', 'approve', 'apr_1', '--unseen'])).code).toBe(0);
      expect(bench.asked.at(-1)?.body).toMatchObject({ decision: 'approve', accept_unseen: true });
      expect((await bench.agw(['approvals', 'deny', 'apr_1'])).code).toBe(0);
      expect(bench.asked.at(-1)?.body).not.toHaveProperty('accept_unseen');
    });
  });

  it('says how to approve only where something waits for it', async () => {
    const said = async (...states: string[]): Promise<boolean> => {
      await bench.close();
      bench = openBench();
      await bench.serve({ 'GET /v1/approvals': () => ({ json: { approvals: states.map((state) => ({ ...request, state })) } }) });
      return (await bench.agw(['approvals', 'list', '--state', 'all'])).out.includes('agw approvals approve');
    };
    expect([await said('consumed', 'denied'), await said('consumed', 'pending')]).toEqual([false, true]);
  });

  it('ends with 1 when there is nothing to show', async () => {
    await bench.serve({ 'GET /v1/approvals/none': () => ({ status: 404, json: { error: { code: 'unknown_request', message: 'there is no such approval request' } } }) });
    expect((await bench.agw(['approvals', 'show', 'none'])).code).toBe(1);
  });

  it('asks which approver when there are several, and says how to make one when there is none', async () => {
    await bench.serve(answers);
    expect((await bench.agw(['approvals', 'deny', 'apr_1'])).err).toContain('agw approver add');
    await bench.agw(['approver', 'add', 'alice']);
    await bench.agw(['approver', 'add', 'bob']);
    expect((await bench.agw(['approvals', 'deny', 'apr_1'])).code).toBe(2);
    expect((await bench.agw(['approvals', 'deny', 'apr_1', '--as', 'bob'])).code).toBe(0);
  });
});

describe('agw tools hash', () => {
  const definition = '{"name":"my_tool","description":"Does something useful","inputSchema":{"type":"object","properties":{"query":{"type":"string"}}}}';

  it('gives the three hashes of the contract\'s example', async () => {
    const { code, out } = await bench.agw(['tools', 'hash', '-', '--json'], { stdin: definition });
    expect(code).toBe(0);
    const { hashes } = JSON.parse(out) as { hashes: Record<string, string> };
    expect(hashes['seed']).toMatch(/^bcc9258a.*c9e4$/);
    expect(hashes['jcs']).toMatch(/^d2839df7.*24b2$/);
    expect(hashes['legacy']).toMatch(/^bb128ea0.*2325$/);
  });

  it.each(['', '{', '[]', '{"name":"x"}', '{"name":"a","name":"b","inputSchema":{}}'])('refuses %j', async (text) => {
    const { code, err } = await bench.agw(['tools', 'hash'], { stdin: text });
    expect(code).toBe(2);
    expect(err).toContain('tool definition');
  });
});

describe('agw config', () => {
  beforeEach(() => copyConfig(bench));

  it('lists every fault with its place and ends with 1', async () => {
    bench.file('config/gateway.yaml', 'profile: dev\nfrontt: {}\nfront:\n  port: x\n');
    const { code, out } = await bench.agw(['config', 'check', '--json']);
    expect(code).toBe(1);
    expect((JSON.parse(out) as { faults: { line: number }[] }).faults.map((fault) => fault.line)).toEqual([2, 4]);
  });

  it('shows one key of a right config', async () => {
    expect((await bench.agw(['config', 'show', 'front.port'])).out).toBe('9090');
    expect(await bench.agw(['config', 'show', 'frnt'])).toMatchObject({ code: 1, err: expect.stringContaining('front') as string });
    expect(await bench.agw(['config', 'show', 'front.prot'])).toMatchObject({ code: 1, err: expect.stringContaining('port') as string });
    expect(await bench.agw(['config', 'show', 'front.port.x'])).toMatchObject({ code: 1 });
    expect((await bench.agw(['config', 'check'])).code).toBe(0);
  });

  it('says no of every other file that is wrong, with its place, and of all at once', async () => {
    bench.file('config/identities.yaml', 'identities:\n  - spiffe_id: nobody\n');
    bench.file('config/risk_thresholds.yaml', 'thresholds: 7\n');
    bench.file('policies/broken.rego', 'package precinct.authz\n\nallow if {\n');
    const { faults } = JSON.parse((await bench.agw(['config', 'check', '--json'])).out) as { faults: { file: string; line: number }[] };
    expect(faults.map(({ file, line }) => `${file}:${line}`)).toEqual(expect.arrayContaining(['config/identities.yaml:2', 'config/risk_thresholds.yaml:1', expect.stringMatching(/^policies\/broken\.rego:/)]));
  });

  it('says no of policies that do not load, with their place', async () => {
    bench.file('policies/broken.rego', 'package precinct.authz\n\nallow if {\n');
    expect(await bench.agw(['config', 'check'])).toMatchObject({ code: 1, out: expect.stringContaining('policies/broken.rego:') as string });
    const { faults } = JSON.parse((await bench.agw(['config', 'check', '--json'])).out) as { faults: { file: string; line: number }[] };
    expect(faults).toMatchObject([{ file: 'policies/broken.rego', line: expect.any(Number) as number }]);
  });
});
