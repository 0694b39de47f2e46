// Decisions: deny by default, faults for whatever is in doubt, and refused sets with their place.
import { describe, expect, it } from 'vitest';
import { PolicyError } from '../../../../src/engines/policy/types.js';
import { AGENT, BASE, facts, load, steppingClock } from './facts.js';

function refusal(act: () => unknown): PolicyError {
  try {
    act();
  } catch (fault) {
    if (fault instanceof PolicyError) return fault;
    throw fault;
  }
  throw new Error('was not refused');
}

const WALK = `${BASE}allow if {\n  input.caller_spiffe_id == "${AGENT}"\n  input.tool_name == "my_tool"\n}\n\nallow if {\n  input.caller_spiffe_id == "${AGENT}"\n  input.method == "tools/list"\n}\n`;

describe('a decision', () => {
  it('permits what the walk permits and nothing beside it', () => {
    const set = load(WALK);
    expect(set.decide(facts())).toMatchObject({ kind: 'allow' });
    expect(set.decide(facts({ toolName: '', method: 'tools/list' }))).toMatchObject({ kind: 'allow' });
    expect(set.decide(facts({ toolName: 'bash' }))).toMatchObject({ kind: 'deny' });
    expect(set.decide(facts({ callerSpiffeId: `${AGENT}x` }))).toMatchObject({ kind: 'deny' });
  });

  it('denies where no policy exists, where the package is another, and where allow is undefined', () => {
    expect(load([]).decide(facts())).toMatchObject({ kind: 'deny' });
    expect(load('package other\nallow := true').decide(facts())).toMatchObject({ kind: 'deny' });
    expect(load('package precinct.authz\nallow if input.nothing').decide(facts())).toMatchObject({ kind: 'deny' });
  });

  it('can be bound to the names of the arguments, for tools that read others too', () => {
    const set = load(`${BASE}allow if {\n  object.keys(input.arguments) == {"path"}\n  startswith(input.arguments.path, "/data/")\n}`);
    expect(set.decide(facts({ arguments: '{"path":"/data/a"}' }))).toMatchObject({ kind: 'allow' });
    expect(set.decide(facts({ arguments: '{"path":"/data/a","Path":"/etc/shadow"}' }))).toMatchObject({ kind: 'deny' });
  });

  it('takes an object with allow and reason', () => {
    const set = load(`${BASE}allow := {"allow": false, "reason": "closed"} if input.tool == "a"\nallow := {"allow": true, "reason": "open"} if input.tool == "b"\nallow := {"allow": true} if input.tool == "c"`);
    expect(set.decide(facts({ toolName: 'a' }))).toEqual({ kind: 'deny', reason: 'closed', cached: false });
    expect(set.decide(facts({ toolName: 'b' }))).toEqual({ kind: 'allow', reason: 'open', cached: false });
    expect(set.decide(facts({ toolName: 'c' }))).toEqual({ kind: 'allow', reason: undefined, cached: false });
  });

  it.each([
    ['a text', '"true"'], ['a number', '1'], ['null', 'null'], ['a list', '[true]'], ['an empty object', '{}'], ['an allow that is a text', '{"allow": "true"}'],
    ['a reason that is no text', '{"allow": true, "reason": 1}'], ['a member that nothing enforces', '{"allow": true, "obligations": ["log"]}'],
  ])('is a fault if allow is %s', (_name, value) => {
    expect(load(`${BASE}allow := ${value}`).decide(facts()).kind).toBe('fault');
  });

  it('is a fault if two rules disagree', () => {
    const set = load(`${BASE}allow := true if input.tool == "my_tool"\nallow := false if input.method == "tools/call"`);
    expect(set.decide(facts())).toMatchObject({ kind: 'fault', message: expect.stringContaining('policies/p0.rego:6:1') });
    expect(set.decide(facts({ toolName: 'x' }))).toMatchObject({ kind: 'deny' });
  });

  it('is a fault if a builtin fails, also under a not, and tells no value', () => {
    const set = load(`${BASE}allow if not startswith(input.arguments.path, "/etc")`);
    expect(set.decide(facts({ arguments: '{"path":"/data"}' }))).toMatchObject({ kind: 'allow' });
    expect(set.decide(facts({ arguments: '{"path":"/etc/shadow"}' }))).toMatchObject({ kind: 'deny' });
    const fault = set.decide(facts({ arguments: '{"path":["/etc/shadow","hunter2"]}' }));
    expect(fault.kind).toBe('fault');
    expect(JSON.stringify(fault)).not.toContain('hunter2');
    expect(fault).toMatchObject({ message: expect.stringContaining('policies/p0.rego:5:') });
  });

  it('is a fault if the evaluation takes longer than its limit', () => {
    const loops = `${BASE}allow if {\n  some x in numbers.range(1, 400)\n  some y in numbers.range(1, 400)\n  x * y == input.arguments.n\n}`;
    expect(load(loops, { clock: steppingClock(0) }).decide(facts({ arguments: '{"n":-1}' }))).toMatchObject({ kind: 'deny' });
    const slow = load(loops, { clock: steppingClock(0.4), timeoutMs: 50 });
    expect(slow.decide(facts({ arguments: '{"n":-1}' }))).toMatchObject({ kind: 'fault' });
    expect(slow.decide(facts({ arguments: '{"n":1}' }))).toMatchObject({ kind: 'allow' });
  });

  it('has time for the engine to be compiled when it is the first', () => {
    const loops = `${BASE}allow if {\n  some x in numbers.range(1, 100)\n  some y in numbers.range(1, 100)\n  x * y == input.arguments.n\n}`;
    const set = load(loops, { clock: steppingClock(0.5), timeoutMs: 50 });
    expect(set.decide(facts({ arguments: '{"n":-1}' }))).toMatchObject({ kind: 'deny' });
    expect(set.decide(facts({ arguments: '{"n":-2}' }))).toMatchObject({ kind: 'fault' });
  });

  it('is a fault if the engine traps, and the next one is answered by a fresh instance', () => {
    const set = load(`${BASE}allow if strings.count(input.arguments.a, input.arguments.b) == 0`, { cacheEntries: 0 });
    for (let i = 0; i < 3; i++) {
      expect(set.decide(facts({ arguments: '{"a":"x","b":""}' }))).toMatchObject({ kind: 'fault' });
      expect(set.decide(facts({ arguments: '{"a":"x","b":"y"}' }))).toMatchObject({ kind: 'allow' });
      expect(set.decide(facts({ arguments: '{"a":"x","b":"x"}' }))).toMatchObject({ kind: 'deny' });
    }
  });

  // An engine that breaks off in a walk would walk over the same values for the next call, whoever makes it.
  it.each([
    ['a rule', 'allow if not bad'],
    ['rules with an index', `allow if {\n  input.tool_name == "my_tool"\n  not bad\n}\n${Array.from({ length: 20 }, (_, i) => `allow if input.tool_name == "t${i}"`).join('\n')}`],
    ['a query', 'allow["x"] if false\n\nallow["y"] := false if bad\n\nallow["allow"] := true if not bad'],
  ])('is made from its own arguments after a fault, an error or a timeout: %s', (_name, rules) => {
    const walks = `${BASE}${rules}\n\nbad if {\n  walk(input.arguments, [_, value])\n  startswith(value.path, "/etc")\n  count([n | some n in numbers.range(1, input.arguments.n); n < 0]) == 0\n}`;
    let stepMs = 0;
    let at = 0;
    const set = load(walks, { clock: { nowMs: () => 1_700_000_000_000, monotonicMs: () => (at += stepMs) }, timeoutMs: 50 });
    const ask = (path: unknown, n = 1): string => set.decide(facts({ arguments: JSON.stringify({ n, x: { path } }) })).kind;
    const kinds = [ask('/data'), ask('/etc/shadow')];
    for (let i = 0; i < 3; i++) {
      expect(ask(1)).toBe('fault');
      expect(ask(`/etc/shadow${i}`)).toBe(kinds[1]);
      stepMs = 0.4;
      expect(ask('/etc', 100_000)).toBe('fault');
      stepMs = 0;
      expect([ask(`/etc/passwd${i}`), ask(`/data${i}`)]).toEqual([kinds[1], kinds[0]]);
    }
  });

  it('is a fault if the arguments are no JSON or too deep, and never permits more', () => {
    const set = load(`${BASE}allow if {\n  input.arguments\n  input.caller_spiffe_id == "admin"\n}`, { cacheEntries: 0 });
    expect(set.decide(facts({ arguments: '{' })).kind).toBe('fault');
    expect(set.decide(facts({ arguments: `${'['.repeat(5000)}${']'.repeat(5000)}` })).kind).toBe('fault');
    expect(set.decide(facts({ arguments: '{},"caller_spiffe_id":"admin"' })).kind).not.toBe('allow');
    expect(set.decide(facts({ arguments: '{"caller_spiffe_id":"admin","__proto__":{"caller_spiffe_id":"admin"}}' }))).toMatchObject({ kind: 'deny' });
  });

  it('reads every member in both spellings', () => {
    const set = load(`${BASE}allow if {
  input.caller_spiffe_id == input.spiffe_id
  input.tool_name == input.tool
  input.arguments == input.params
  input.arguments.n == 12345678901234567890
  input.server == "http://127.0.0.1:9191/mcp"
  input.risk_level == "low"
  input.auth_method == "header_declared"
  input.principal == {"level": 3, "role": "agent", "capabilities": ["tool:call"]}
  input.session == {"id": "s1", "risk_score": 0.5, "previous_actions": [{"tool": "x"}], "flags": ["tainted"]}
  input.oauth == {}
  input.step_up.approved == true
  input.time.now_ns == 1700000000123456789
  input.time.rfc3339 == "2023-11-14T22:13:20.123456789Z"
  time.now_ns() == input.time.now_ns
}`);
    const full = facts({ arguments: '{"n":12345678901234567890}', stepUpApproved: true, session: { risk_score: 0.5, previous_actions: [{ tool: 'x' }], flags: ['tainted'] } });
    expect(set.decide(full)).toMatchObject({ kind: 'allow' });
  });

  it('is refused after close', () => {
    const set = load(WALK);
    set.close();
    expect(set.decide(facts())).toMatchObject({ kind: 'fault' });
  });
});

describe('a set', () => {
  it.each([
    ['a syntax error', `${BASE}allow if { input.x == }`, 5, 23],
    ['v0 syntax', `${BASE}allow { input.x == 1 }`, 5, 7],
    ['an unsafe variable', `${BASE}allow if { x == 1 }`, 5, 12],
    ['an unknown function', `${BASE}allow if { input.x; http.send({"url": "http://127.0.0.1"}) }`, 5, 21],
    ['a wrong number of arguments', `${BASE}allow if { input.x; count(1, 2, 3) }`, 5, 21],
    ['a recursion', `${BASE}allow if other\nother if allow`, 0, 0],
    ['a shadowed input', `${BASE}allow if { input := {"x": 1}; input.x == 1 }`, 5, 0],
    ['no package', 'allow := true', 1, 1],
    ['rules that always disagree', `${BASE}allow := true\nallow := false`, 6, 1],
  ])('with %s is refused, with file, line and column', (_name, text, line, column) => {
    const fault = refusal(() => load(['package other\nx := 1', text]));
    expect(fault.file).toBe('policies/p1.rego');
    if (line > 0) expect(fault.line).toBe(line);
    if (column > 0) expect(fault.column).toBe(column);
  });

  it('with a second default is refused, and the refusal names both places', () => {
    const fault = refusal(() => load([`${BASE}default allow := false`, `${BASE}allow if input.tool == "x"\ndefault allow := true`]));
    expect(fault).toMatchObject({ file: 'policies/p1.rego', line: 6, column: 1 });
    expect(fault.message).toContain('policies/p0.rego:5');
  });

  it('that is too large is refused', () => {
    expect(refusal(() => load(['package a', `package b\n# ${'x'.repeat(2000)}`], { sourceBytesMax: 1000 })).file).toBe('policies/p1.rego');
  });

  it('that nests without end is refused, not a crash', () => {
    expect(refusal(() => load(`${BASE}allow if ${'('.repeat(100_000)}true${')'.repeat(100_000)}`)).file).toBe('policies/p0.rego');
    expect(refusal(() => load(`${BASE}x := ${'['.repeat(100_000)}`)).file).toBe('policies/p0.rego');
    expect(refusal(() => load(`${BASE}allow if input${'.a'.repeat(50_000)}`)).file).toBe('policies/p0.rego');
    expect(refusal(() => load(`${BASE}x := 1${' + 1'.repeat(50_000)}`)).file).toBe('policies/p0.rego');
    expect(refusal(() => load(`package a${'.a'.repeat(50_000)}`)).file).toBe('policies/p0.rego');
  });

  it.each([100, 500, 2000, 8000])('of %i parts in one expression, reference or chain of rules loads or is refused, but never crashes', (n) => {
    const chain = `${Array.from({ length: n }, (_, i) => `r${i} if r${i + 1}`).join('\n')}\nr${n} := true\nallow if r0`;
    for (const text of [`x := 1${' + 1'.repeat(n)}`, `allow if input${'.a'.repeat(n)}`, `allow if input${'[_]'.repeat(n)}`, `x${'.y'.repeat(n)} := 1`, chain]) {
      let decision: string;
      try {
        decision = load(BASE + text).decide(facts()).kind;
      } catch (fault) {
        expect(fault).toBeInstanceOf(PolicyError);
        continue;
      }
      expect(['deny', 'fault', ...(text === chain ? ['allow'] : [])]).toContain(decision);
    }
  });

  it('has the same digest in any order and another one for any other text or name', () => {
    const [a, b] = ['package a\nx := 1', 'package b\ny := 2'];
    const digest = load([a, b]).digest;
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(load([a, b]).digest).toBe(digest);
    expect(load([b, a]).digest).not.toBe(digest);
    expect(load([a, `${b} `]).digest).not.toBe(digest);
  });

  it('lists its packages and rules with their lines', () => {
    expect(load([`${BASE}default allow := false\n\nallow if input.tool == "x"\n\nlib.f(x) := x + 1\n\nnames contains "a"`]).packages).toEqual([
      { name: 'precinct.authz', file: 'policies/p0.rego', rules: [{ name: 'allow', line: 5 }, { name: 'allow', line: 7 }, { name: 'lib.f', line: 9 }, { name: 'names', line: 11 }] },
    ]);
  });

  it('calls its own functions under each of their names', () => {
    const lib = 'package lib.names\nimport rego.v1\nis_mine(x) if x == "my_tool"\ndefault pick(_) := 1\npick(x) := 2 if x == "a"';
    const set = load([lib, `${BASE}import data.lib.names\nimport data.lib.names as n\nlocal(x) if x\nallow if { names.is_mine(input.tool); n.is_mine(input.tool); data.lib.names.pick(input.tool) == 1; local(true) }`]);
    expect(set.decide(facts())).toMatchObject({ kind: 'allow' });
  });
});
