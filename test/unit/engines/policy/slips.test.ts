// Names that load and mean nothing: told with their place, and with what was meant.
import { describe, expect, it } from 'vitest';
import { loadPolicySet } from '../../../../src/engines/policy/policy-set.js';

const OPTIONS = { cacheEntries: 0, timeoutMs: 1000, sourceBytesMax: 1_000_000, clock: { nowMs: () => 0, monotonicMs: () => 0 } };
const BASE = 'package precinct.authz\nimport rego.v1\ndefault allow := false\n';

/** `file:line: message` each. */
function warningsOf(files: Readonly<Record<string, string>>): string[] {
  const set = loadPolicySet(Object.entries({ 'base.rego': BASE, ...files }).map(([file, text]) => ({ file, text })), OPTIONS);
  set.close();
  return set.warnings.map(({ file, line, message }) => `${file}:${line}: ${message}`);
}

const rego = (name: string, ...lines: string[]): string => [`package ${name}`, 'import rego.v1', ...lines, ''].join('\n');
const inAuthz = (...lines: string[]): string[] => warningsOf({ 'a.rego': rego('precinct.authz', ...lines) });

describe('an input that is never there', () => {
  it.each([
    [['allow if {', '  input.toolname == "x"', '}'], 4, 'input.toolname', 'input.tool_name'],
    [['allow if input["methd"] == "x"'], 3, 'input.methd', 'input.method'],
    [['allow if input.session.riskscore < 0.5'], 3, 'input.session.riskscore', 'input.session.risk_score'],
    [['import input.principle as p', 'allow if p.level > 1'], 3, 'input.principle', 'input.principal'],
    [['allow if startswith(input.caller_spife_id, "spiffe://")'], 3, 'input.caller_spife_id', 'input.caller_spiffe_id'],
    [['names contains input.tol if true', 'allow if count(names) > 0'], 3, 'input.tol', 'input.tool'],
  ])('is named with its line and the nearest one: %j', (lines, line, wrong, meant) => {
    const warnings = inAuthz(...lines);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.startsWith(`a.rego:${line}: ${wrong} `)).toBe(true);
    expect(warnings[0]).toContain(`Did you mean ${meant}?`);
  });

  it('is named alone where nothing is near, and once for a file', () => {
    const [warning = '', ...others] = inAuthz('allow if input.favourite_colour == "blue"', 'allow if input.favourite_colour == "red"');
    expect(warning).toMatch(/^a\.rego:3: input\.favourite_colour /);
    expect(warning).not.toContain('Did you mean');
    expect(others).toEqual([]);
  });

  it.each([
    ['every input there is', ['allow if { input.tool == input.tool_name; input.spiffe_id == input.caller_spiffe_id; input.method == "m"; input.server == "s"; input.risk_level == "low"; input.auth_method == "mtls_svid" }', 'allow if { input.principal.level > 1; input.principal.role == "r"; input.principal.capabilities[_] == "c"; input.step_up.approved; input.time.now_ns > 0; input.time.rfc3339 != "" }', 'allow if { input.session.id == "i"; input.session.risk_score < 1; input.session.flags[_] == "f"; input.session.previous_actions[_].tool == "t" }']],
    ['what the caller names', ['allow if { input.arguments.toolname == "x"; input.params[input.method] == 1; input.oauth.scope == "y" }']],
    ['what `with` puts there', ['mine if input.colour == "blue"', 'allow if mine with input as {"colour": "blue"}']],
    ['a computed name', ['allow if input[concat("", ["too", "l"])] == "x"']],
  ])('is not %s', (_what, lines) => {
    expect(inAuthz(...lines)).toEqual([]);
  });
});

describe('a rule of the deciding package that nothing reads', () => {
  it.each([
    [['alow if {', '  input.tool_name == "x"', '}'], 'alow', true],
    [['default alow := false'], 'alow', true],
    [['allows := {"allow": true, "reason": "r"} if input.tool == "x"'], 'allows', true],
    [['deny if input.tool_name == "x"'], 'deny', false],
    [['deny contains "no" if input.tool_name == "x"'], 'deny', false],
  ])('is named with its line: %j', (lines, name, near) => {
    const warnings = inAuthz(...lines, `${lines[0]?.startsWith('default') === true ? 'allow if true' : ''}`);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(new RegExp(`^a\\.rego:3: nothing reads precinct\\.authz\\.${name}: `));
    expect(warnings[0]?.includes('Did you mean allow?')).toBe(near);
  });

  it.each([
    ['that allow reads', { 'a.rego': rego('precinct.authz', 'mine if input.tool == "x"', 'allow if mine') }],
    ['that a negation reads', { 'a.rego': rego('precinct.authz', 'deny if input.tool == "x"', 'allow if not deny') }],
    ['that another file reads by its whole name', { 'a.rego': rego('precinct.authz', 'allowed if input.tool == "x"'), 'b.rego': rego('precinct.authz', 'allow if data.precinct.authz.allowed') }],
    ['that a library imports', { 'a.rego': rego('precinct.authz', 'mine if input.tool == "x"', 'allow if data.lib.ok'), 'b.rego': rego('lib', 'import data.precinct.authz.mine', 'ok if mine') }],
    ['in a package that is read as a whole', { 'a.rego': rego('precinct.authz', 'mine if input.tool == "x"', 'allow if data.lib.ok'), 'b.rego': rego('lib', 'ok if true', 'whole := data.precinct.authz') }],
    ['that is a constant, kept for later', { 'a.rego': rego('precinct.authz', 'reporter := "spiffe://poc.local/x"', 'allow if input.tool == "x"') }],
    ['that is a function', { 'a.rego': rego('precinct.authz', 'f(x) if x > 1', 'allow if f(2)') }],
  ])('is none %s', (_what, files) => {
    expect(warningsOf(files)).toEqual([]);
  });
});
