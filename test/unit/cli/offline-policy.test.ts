// agw policy eval --offline, list and test, on files.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBench, type Bench } from './cli-fixture.js';

const ME = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const POLICY = `package precinct.authz
import rego.v1
allow if { input.caller_spiffe_id == "${ME}"; input.tool_name == "my_tool" }
allow if { input.caller_spiffe_id == "${ME}"; input.method == "tools/list" }
`;
let bench: Bench;
beforeEach(() => (bench = openBench()));
afterEach(() => bench.close());

const evaluate = (...words: string[]): ReturnType<Bench['agw']> => bench.agw(['policy', 'eval', '--offline', '--caller', ME, ...words]);

describe('policies without a gateway', () => {
  it('decide as the walk says', async () => {
    bench.file('config/opa/policies/my_agent.rego', POLICY);
    expect(await evaluate('--tool', 'my_tool', '--method', 'tools/call')).toMatchObject({ code: 0, out: 'ALLOW' });
    expect(await evaluate('--tool', 'bash', '--method', 'tools/call')).toMatchObject({ code: 1, out: 'DENY (no policy permits this combination)' });
    expect(await evaluate('--method', 'tools/list')).toEqual({ code: 0, out: 'ALLOW', err: '' });
  });

  it('deny everything when there is none', async () => {
    expect((await evaluate('--tool', 'my_tool')).code).toBe(1);
  });

  it('are not asked about protocol housekeeping, as in the gateway', async () => {
    expect((await evaluate('--method', 'initialize')).code).toBe(0);
    expect((await evaluate('--method', 'no/such/method')).code).toBe(1);
  });

  it('know of a registered prompt and resource what the gateway tells of them', async () => {
    bench.file('config/capability-registry-v2.yaml', 'tools: []\nprompts:\n  - {name: greet, upstream: http://p/mcp, risk_level: high}\nresources:\n  - {uri_prefix: "file:///notes/", upstream: http://r/mcp, risk_level: low}\n');
    bench.file('config/opa/policies/a.rego', 'package precinct.authz\nimport rego.v1\nallow if { input.risk_level == "high"; input.server == "http://p/mcp" }\nallow if { input.risk_level == "low"; input.method == "resources/read" }\n');
    expect(await evaluate('--tool', 'greet', '--method', 'prompts/get')).toEqual({ code: 0, out: 'ALLOW', err: '' });
    expect(await evaluate('--tool', 'file:///notes/a', '--method', 'resources/read')).toEqual({ code: 0, out: 'ALLOW', err: '' });
    expect(await evaluate('--tool', 'file:///other', '--method', 'resources/read')).toMatchObject({ code: 1, err: '' });
    expect((await evaluate('--tool', 'greet', '--method', 'tools/call')).err).toContain('not registered');
  });

  it('permit an anonymous principal nothing, as in the gateway, and say which callers layer 3 refuses', async () => {
    bench.file('config/opa/policies/a.rego', 'package precinct.authz\nimport rego.v1\nallow if input.method == "tools/list"\n');
    bench.file('config/identities.yaml', 'identities:\n  - spiffe_id: spiffe://poc.local/x\n');
    const asked = (caller: string): ReturnType<Bench['agw']> => bench.agw(['policy', 'eval', '--offline', '--caller', caller, '--method', 'tools/list']);
    expect(await asked('spiffe://poc.local/x')).toMatchObject({ code: 1, out: expect.stringContaining('principal_level_insufficient') as unknown, err: '' });
    expect(await asked('spiffe://elsewhere/agents/mcp-client/a/dev')).toMatchObject({ code: 1, err: expect.stringContaining('another trust domain') as unknown });
    expect(await asked(ME)).toMatchObject({ code: 0, err: expect.stringContaining('layer 3 refuses it: agw identity add') as unknown });
    rmSync(bench.file('config/identities.yaml', ''));
    expect(await asked(ME)).toMatchObject({ code: 0, err: expect.stringContaining('config/identities.yaml: the file can\'t be read') as unknown });
  });

  it('need a registry that can be read, and say so when there is none', async () => {
    bench.file('config/opa/policies/my_agent.rego', POLICY);
    rmSync(bench.file('config/capability-registry-v2.yaml', ''));
    expect(await evaluate('--tool', 'my_tool')).toMatchObject({ code: 2, err: expect.stringContaining('config/capability-registry-v2.yaml: the file can\'t be read') as unknown });
    expect((await bench.agw(['doctor'])).out).toMatch(/✗ registry +config\/capability-registry-v2.yaml: the file can't be read/);
  });

  it.each([
    ['config/risk_thresholds.yaml', 'nonsense: 1\n', 'risk thresholds', ':1:1: nonsense: unknown key'],
    ['config/destinations.yaml', '- a\n', 'destinations', ':1:1: the file: expected a group of keys, found a list'],
    ['config/session_chains.yaml', 'x: "\n', 'session chains', ':2:1: the quote'],
    ['config/dlp/own.yaml', '', 'DLP rules', ':1:1: the file: expected a group of keys, found nothing'],
    ['config/identities.yaml', 'default: 17\n', 'identities', ':1:10: default: expected a text, found a number'],
  ])('agw doctor reads %s as a start does, and says its line', async (file, text, what, told) => {
    bench.file(file, text);
    const { code, out } = await bench.agw(['doctor']);
    expect(code).toBe(1);
    expect(out).toMatch(new RegExp(`✗ ${what} +${file}`));
    expect(out).toContain(`${file}${told}`);
  });

  it('agw doctor notes a category of detection rules that no file has', async () => {
    bench.file('config/dlp/pii.yaml', readFileSync(join(import.meta.dirname, '../../../config/dlp/pii.yaml'), 'utf8'));
    const { out } = await bench.agw(['doctor']);
    expect(out).toMatch(/! DLP rules +no rule of the category credentials/);
    expect(out).not.toContain('category pii in');
  });

  it('are asked about no empty method', async () => {
    expect(await evaluate('--method', '')).toMatchObject({ code: 2 });
  });

  it('end with 2 and file:line for a syntax error', async () => {
    bench.file('policies/a.rego', 'package precinct.authz\nimport rego.v1\nallow if {\n');
    const { code, err } = await evaluate('--tool', 'my_tool');
    expect(code).toBe(2);
    expect(err).toMatch(/a\.rego:\d+:\d+: /);
  });

  it('list packages, rules and what is read', async () => {
    bench.file('policies/my agent.rego', POLICY);
    const { out } = await bench.agw(['policy', 'list', '--offline', '--json']);
    expect(JSON.parse(out)).toMatchObject({ packages: [{ name: 'precinct.authz' }], reads: { cacheable: true } });
  });

  it('are tested: 0 when all pass, 1 when one fails or there is none', async () => {
    bench.file('policies/my_agent.rego', POLICY);
    expect((await bench.agw(['policy', 'test'])).code).toBe(1);
    const test = (tool: string): string => `package precinct.authz_test\nimport rego.v1\nimport data.precinct.authz\ntest_it if authz.allow with input as {"caller_spiffe_id": "${ME}", "tool_name": "${tool}"}\n`;
    bench.file('policies/my_agent_test.rego', test('my_tool'));
    expect((await bench.agw(['policy', 'test'])).code).toBe(0);
    expect(await bench.agw(['policy', 'test', join(bench.root, 'policies'), 'polices'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('there is no folder polices') as unknown });
    bench.file('policies/my_agent_test.rego', test('bash'));
    const { code, out } = await bench.agw(['policy', 'test']);
    expect(code).toBe(1);
    expect(out).toContain('my_agent_test.rego:4');
  });
});
