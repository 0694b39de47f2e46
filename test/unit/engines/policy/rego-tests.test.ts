// The runner of `test_*` rules, and the policies the gateway ships.
import { describe, expect, it } from 'vitest';
import { runPolicyTests } from '../../../../src/engines/policy/rego-tests.js';
import { listPackages } from '../../../../src/engines/policy/plan.js';
import { loadPolicySet } from '../../../../src/engines/policy/policy-set.js';
import { readPolicyDirs, readPolicyTests } from '../../../../src/engines/policy/sources.js';
import { PolicyError } from '../../../../src/engines/policy/types.js';
import { AGENT, BASE, facts, steppingClock } from './facts.js';

const ROOT = new URL('../../../../', import.meta.url).pathname;
const options = { clock: steppingClock(), timeoutMs: 1000 };
const policy = { file: 'p.rego', text: `${BASE}allow if input.tool == "a"` };
const run = (text: string): ReturnType<typeof runPolicyTests> => runPolicyTests([policy], [{ file: 'p_test.rego', text: `package precinct.authz_test\n\nimport rego.v1\n\n${text}` }], options);

describe('a run of policy tests', () => {
  it('passes what is true and names file and line of what is not', () => {
    expect(run('test_allowed if data.precinct.authz.allow with input as {"tool": "a"}\n\ntest_denied if data.precinct.authz.allow with input as {"tool": "b"}\n\ntest_false := false\n\nhelper := 1')).toEqual([
      { name: 'precinct.authz_test.test_allowed', file: 'p_test.rego', line: 5, passed: true },
      { name: 'precinct.authz_test.test_denied', file: 'p_test.rego', line: 7, passed: false, error: expect.any(String) },
      { name: 'precinct.authz_test.test_false', file: 'p_test.rego', line: 9, passed: false, error: expect.any(String) },
    ]);
  });

  it('fails a test that breaks, with its place, and goes on', () => {
    const results = run('test_error if to_number("x")\n\ntest_trap if strings.count("", "")\n\ntest_other if true');
    expect(results.map(({ passed }) => passed)).toEqual([false, false, true]);
    expect(results[0]?.error).toContain('p_test.rego:5:');
  });

  it('judges a test by itself after one that broke off', () => {
    const results = run('bad if {\n  walk(input.arguments, [_, value])\n  startswith(value.path, "/etc")\n}\n\ntest_breaks if bad with input as {"arguments": {"x": {"path": 1}}}\n\ntest_good if bad with input as {"arguments": {"x": {"path": "/etc/shadow"}}}\n\ntest_no if not bad with input as {"arguments": {"x": {"path": "/data"}}}');
    expect(results.map(({ passed }) => passed)).toEqual([false, true, true]);
  });

  it('finds tests in any package and any file, each name once', () => {
    const results = runPolicyTests([{ file: 'a.rego', text: 'package a.b["c-d"]\ntest_x := true' }, policy], [{ file: 'b_test.rego', text: 'package z\ntest_y if false\ntest_y if true\ndefault test_z := true\nmy_test_q := true' }], options);
    expect(results.map(({ name, passed }) => [name, passed])).toEqual([['a.b["c-d"].test_x', true], ['z.test_y', true]]);
  });

  it('stops a test that runs too long', () => {
    const slow = { clock: steppingClock(0.4), timeoutMs: 20 };
    expect(runPolicyTests([], [{ file: 't_test.rego', text: 'package t\ntest_slow if {\n some x in numbers.range(1, 300)\n some y in numbers.range(1, 300)\n x * y == -1\n}' }], slow)).toMatchObject([{ passed: false }]);
  });

  it('refuses sources that do not load', () => {
    expect(() => run('test_x if { y == 1 }')).toThrow(PolicyError);
    expect(() => run('test_x if {')).toThrow(PolicyError);
  });
});

describe('the policies in this repository', () => {
  const dirs = ['policies'];

  it('pass their own tests', () => {
    const results = runPolicyTests(readPolicyDirs(ROOT, dirs), readPolicyTests(ROOT, dirs), options);
    expect(results.filter((result) => !result.passed)).toEqual([]);
    expect(results.length).toBeGreaterThanOrEqual(8);
  });

  it('can be cached and permit the demo, but neither my_tool nor bash, until the walk adds its file', () => {
    const shipped = readPolicyDirs(ROOT, dirs);
    const settings = { cacheEntries: 10, timeoutMs: 1000, sourceBytesMax: 1 << 20, clock: steppingClock() };
    const set = loadPolicySet(shipped, settings);
    expect(set.reads).toMatchObject({ cacheable: true, inputs: ['caller_spiffe_id', 'method', 'tool_name'] });
    expect(set.decide(facts({ toolName: 'get_time' })).kind).toBe('allow');
    for (const toolName of ['my_tool', 'bash']) expect(set.decide(facts({ toolName })).kind).toBe('deny');
    const walk = { file: 'config/opa/policies/my_agent.rego', text: `package precinct.authz\n\nimport rego.v1\n\nallow if {\n  input.caller_spiffe_id == "${AGENT}"\n  input.tool_name == "my_tool"\n}\n` };
    const walked = loadPolicySet([...shipped, walk], settings);
    expect(walked.decide(facts({ toolName: 'my_tool' })).kind).toBe('allow');
    expect(walked.decide(facts({ toolName: 'bash' })).kind).toBe('deny');
    expect(listPackages([...shipped, walk]).map(({ name }) => name)).toEqual(['precinct.authz', 'precinct.authz', 'precinct.authz']);
  });
});
