// What of a policy set loads and deserves a person's eye.
import { describe, expect, it } from 'vitest';
import { loadPolicySet } from '../../../../src/engines/policy/policy-set.js';

const OPTIONS = { cacheEntries: 0, timeoutMs: 1000, sourceBytesMax: 1_000_000, clock: { nowMs: () => 0, monotonicMs: () => 0 } };
const BASE = 'package precinct.authz\nimport rego.v1\ndefault allow := false\n';

function warningsOf(files: Readonly<Record<string, string>>): string[] {
  const set = loadPolicySet(Object.entries({ 'base.rego': BASE, ...files }).map(([file, text]) => ({ file, text })), OPTIONS);
  set.close();
  return set.warnings.map(({ file, line }) => `${file}:${line}`);
}

const rego = (name: string, ...lines: string[]): string => [`package ${name}`, 'import rego.v1', ...lines, ''].join('\n');

describe('a package', () => {
  it('that is misspelt is named with its line, and the right one is proposed', () => {
    const set = loadPolicySet([{ file: 'base.rego', text: BASE }, { file: 'a.rego', text: `# mine\n\n${rego('precinct.authzz', 'allow if true')}` }], OPTIONS);
    expect(set.warnings).toMatchObject([{ file: 'a.rego', line: 3 }]);
    expect(set.warnings[0]?.message).toContain('Did you mean precinct.authz?');
  });

  it.each([
    ['of the deciding name', { 'a.rego': rego('precinct.authz', 'allow if input.tool == "x"') }],
    ['that adds to it from above', { 'a.rego': rego('precinct', 'authz.allow if input.tool == "x"') }],
    ['that is imported', { 'a.rego': rego('precinct.authz', 'import data.lib.time', 'allow if time.open'), 'lib.rego': rego('lib.time', 'open if true') }],
    ['that is imported under another name', { 'a.rego': rego('precinct.authz', 'import data.lib as l', 'allow if l.time.open'), 'lib.rego': rego('lib.time', 'open if true') }],
    ['that is read in place', { 'a.rego': rego('precinct.authz', 'allow if data.lib.time.open'), 'lib.rego': rego('lib.time', 'open if true') }],
    ['that is read by a computed name', { 'a.rego': rego('precinct.authz', 'allow if data.lib[input.tool].open'), 'lib.rego': rego('lib.time', 'open if true') }],
    ['that a library uses', { 'a.rego': rego('precinct.authz', 'allow if data.lib.open'), 'lib.rego': rego('lib', 'open if data.deep.open'), 'deep.rego': rego('deep', 'open if true') }],
    ['without a rule', { 'a.rego': rego('notes') }],
  ])('%s is not warned of', (_what, files) => {
    expect(warningsOf(files)).toEqual([]);
  });

  it('that only another idle one imports is idle too', () => {
    expect(warningsOf({ 'a.rego': rego('lib', 'open if data.deep.open'), 'deep.rego': rego('deep', 'open if true') })).toEqual(['a.rego:1', 'deep.rego:1']);
  });
});

describe('rules', () => {
  it('whose values differ are named where the rarer one stands', () => {
    const set = loadPolicySet([{ file: 'a.rego', text: rego('precinct.authz', 'allow if input.tool == "x"', 'allow := false if input.method == "y"', 'allow if input.method == "z"') }], OPTIONS);
    expect(set.warnings).toMatchObject([{ file: 'a.rego', line: 4 }]);
    expect(set.warnings[0]?.message).toContain('a.rego:3');
    expect(set.warnings[0]?.message).not.toContain('a.rego:5');
  });

  it.each([
    ['that exclude each other', ['allow := {"allow": true, "reason": "a"} if input.tool_name == "a"', 'allow := {"allow": false, "reason": "b"} if "b" == input.tool_name']],
    ['of one value', ['allow := true if input.tool == "a"', 'allow if input.tool == "b"', 'x := {"a": 1} if input.tool == "c"', 'x := {"a":   1} if input.tool == "d"']],
    ['that are functions', ['f(1) := 2', 'f(2) := 3', 'allow if f(1) == 2']],
    ['with an else', ['allow := true if { input.tool == "a" } else := false']],
  ])('%s are not warned of', (_what, lines) => {
    expect(warningsOf({ 'a.rego': rego('precinct.authz', ...lines) })).toEqual([]);
  });

  it.each(['allow := "yes" if input.tool == "a"', 'allow := 1 if input.tool == "a"'])('that no decision can be read from are named: %s', (line) => {
    expect(warningsOf({ 'a.rego': rego('precinct.authz', line) })).toContain('a.rego:3');
  });
});

describe('a built-in that no time limit reaches', () => {
  const warned = (...lines: string[]): string[] => warningsOf({ 'a.rego': rego('precinct.authz', ...lines) });

  it('is named where it is handed what a caller writes, once a rule', () => {
    const set = loadPolicySet([{ file: 'a.rego', text: rego('precinct.authz', 'size := input.arguments.size', 'allow if {', '\tunits.parse_bytes(size) < 10', '\tunits.parse_bytes(input.arguments.size) > 1', '}') }], OPTIONS);
    expect(set.warnings).toHaveLength(1);
    expect(set.warnings[0]?.message).toContain('units.parse_bytes');
    expect(warned('allow if "10.0.0.7" in net.cidr_expand(input.arguments.net)')).toEqual(['a.rego:3']);
  });

  it.each([
    ['with a constant', ['allow if input.arguments.size < units.parse_bytes("1MB")']],
    ['behind a look at the form', ['allow if {', '\tregex.match(`^[0-9]{1,9}$`, input.arguments.size)', '\tunits.parse_bytes(input.arguments.size) < 10', '}']],
    ['of a function of that name in the set', ['parse(x) := x', 'allow if parse(input.arguments.size) == 1']],
  ])('is not named %s', (_what, lines) => {
    expect(warned(...lines)).toEqual([]);
  });
});
