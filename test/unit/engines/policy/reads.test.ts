// What a set is found to read, and that the decision cache built on it never answers for another request.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createInputBuilder } from '../../../../src/engines/policy/input.js';
import type { PolicyFacts } from '../../../../src/engines/policy/types.js';
import { AGENT, BASE, facts, load } from './facts.js';

const reads = (rules: string): { inputs: readonly string[]; cacheable: boolean; because: string } => load(BASE + rules).reads;

describe('reads', () => {
  it.each([
    ['dots', 'allow if input.arguments.path == "x"', ['arguments.path']],
    ['constant brackets', 'allow if input["arguments"]["a b"] == "x"', ['arguments.a b']],
    ['an import', 'import input.session as s\nallow if s.risk_score < 1', ['session']],
    ['an import without another name', 'import input.session\nallow if session.risk_score < 1', ['session']],
    ['some … in', 'allow if {\n some x in input.principal.capabilities\n x == "a"\n}', ['principal.capabilities']],
    ['a walk over a part', 'allow if {\n walk(input.arguments, [_, v])\n v == 1\n}', ['arguments']],
    ['a computed name below a member', 'allow if input.arguments[input.tool] == 1', ['arguments', 'tool']],
    ['every, comprehensions, functions, else, heads', 'f(x) := y if y := input.server\nx contains input.method\no[input.tool] := input.risk_level\nallow if false else := true if {\n every y in [q | q := input.arguments.l[_]] { y == input.auth_method }\n}', ['arguments.l', 'auth_method', 'method', 'risk_level', 'server', 'tool']],
    ['a name given to object.get', 'allow if object.get(input.arguments, "path", input.tool) == "x"', ['arguments.path', 'tool']],
    ['a row of names given to object.get', 'allow if object.get(input, ["arguments", "a.b", "c"], "") == "x"', ['arguments.a.b.c']],
    ['a computed name given to object.get', 'allow if object.get(input.arguments, input.tool, "") == "x"', ['arguments', 'tool']],
    ['a computed object given to it', 'allow if object.get(input.arguments[input.tool], "a", "") == "x"', ['arguments', 'tool']],
    ['no name given to it', 'allow if object.get(input.arguments, [], "") == "x"', ['arguments']],
    ['a number in its row', 'allow if object.get(input.arguments, ["a", 0], "") == "x"', ['arguments']],
    ['an else branch', 'allow := true if input.a else := input.b', ['a', 'b']],
    ['a default function', 'default f(_) := 0\nf(x) := input.step_up.approved if x', ['step_up.approved']],
  ])('finds %s', (_name, rules, inputs) => {
    expect(reads(rules)).toMatchObject({ inputs, cacheable: true });
  });

  it.each([
    ['the input as a value', 'allow if count(input) == 3'],
    ['the input in a variable', 'allow if {\n x := input\n x.tool == "a"\n}'],
    ['the input under another name', 'import input as i\nallow if i.tool == "a"'],
    ['the input by a computed name', 'allow if {\n k := concat("", ["to", "ol"])\n input[k] == "a"\n}'],
    ['the input walked', 'allow if {\n walk(input, [_, v])\n v == 1\n}'],
    ['the input iterated', 'allow if input[_] == "a"'],
    ['the input handed to a function', 'f(i) if i.tool == "a"\nallow if f(input)'],
    ['with', 'x if input.tool == "a"\nallow if x with input.tool as "a"'],
    ['input.time', 'allow if input.time.now_ns > 0'],
    ['the clock', 'allow if time.now_ns() > 0'],
    ['randomness', 'allow if rand.intn("a", 2) == 0'],
    ['a new identifier', 'allow if uuid.rfc4122("a") != ""'],
    ['the machine', 'allow if opa.runtime().env'],
    ['output', 'allow if print("x")'],
  ])('does not let a set be cached that reads %s', (_name, rules) => {
    expect(reads(rules)).toMatchObject({ cacheable: false });
  });

  it('does not take a set\'s own function for object.get', () => {
    const own = 'package precinct.helpers.object\nimport rego.v1\nget(o, _, _) := o.other';
    const set = load([`package precinct.authz\nimport rego.v1\nimport data.precinct.helpers.object\ndefault allow := false\nallow if object.get(input.arguments, "path", "") == "x"`, own]);
    expect(set.reads.inputs).toEqual(['arguments']);
    expect(set.decide(facts({ arguments: '{"other":"x"}' }))).toMatchObject({ kind: 'allow' });
  });

  it('does not take what a `with` puts in its place for object.get', () => {
    const set = load([`${BASE}allow if data.other.x with object.get as data.other.g`, 'package other\nimport rego.v1\ng(o, _, _) := o.other\nx if object.get(input.arguments, "path", "") == "x"']);
    expect(set.reads.inputs).toEqual(['arguments']);
    expect(set.decide(facts({ arguments: '{"other":"x"}' }))).toMatchObject({ kind: 'allow' });
    expect(load(`${BASE}allow if object.get(input.arguments, "path", "") == "x" with input.method as "a" with data.b as 1`).reads.inputs).toEqual(['arguments.path', 'method']);
  });

  it('counts every loaded module, also one that allow does not mention', () => {
    const set = load([`${BASE}allow if input.tool == "a"`, 'package other\nimport rego.v1\nx if time.now_ns() > 0\ny := input.session.id']);
    expect(set.reads).toMatchObject({ inputs: ['session.id', 'tool'], cacheable: false });
  });
});

describe('the decision cache', () => {
  // What a key of caller, tool and method alone would get wrong, member by member.
  it.each<[string, string, PolicyFacts, PolicyFacts]>([
    ['arguments', 'allow if input.arguments.path == "/data/a"', facts({ arguments: '{"path":"/data/a"}' }), facts({ arguments: '{"path":"/etc/shadow"}' })],
    ['params', 'allow if input.params.path == "/data/a"', facts({ arguments: '{"path":"/data/a"}' }), facts({ arguments: '{"path":"/etc/shadow"}' })],
    ['long arguments', 'allow if endswith(input.arguments.path, "a")', facts({ arguments: `{"path":"${'x'.repeat(5000)}a"}` }), facts({ arguments: `{"path":"${'x'.repeat(5000)}b"}` })],
    ['session', 'allow if input.session.risk_score < 0.5', facts(), facts({ session: { risk_score: 0.9 } })],
    ['session under another name', 'import input.session as s\nallow if not "tainted" in s.flags', facts(), facts({ session: { flags: ['tainted'] } })],
    ['principal', 'allow if input.principal.level < 4', facts(), facts({ principal: { level: 5, role: 'agent', capabilities: [] } })],
    ['server', 'allow if endswith(input.server, ":9191/mcp")', facts(), facts({ server: 'http://evil/mcp' })],
    ['risk_level', 'allow if input.risk_level == "low"', facts(), facts({ riskLevel: 'critical' })],
    ['auth_method', 'allow if input.auth_method == "header_declared"', facts(), facts({ authMethod: 'default_identity' })],
    ['step_up', 'allow if input.step_up.approved', facts({ stepUpApproved: true }), facts()],
  ])('tells requests apart that differ in %s only', (_name, rules, permitted, refused) => {
    const set = load(BASE + rules);
    for (let i = 0; i < 2; i++) {
      expect(set.decide(permitted)).toEqual({ kind: 'allow', reason: undefined, cached: i > 0 });
      expect(set.decide(refused)).toEqual({ kind: 'deny', reason: undefined, cached: i > 0 });
    }
  });

  it('builds neither arguments nor session for a set that reads neither', () => {
    const set = load(`${BASE}allow if input.tool == "my_tool"`);
    const fail = (): never => { throw new Error('built'); };
    expect(set.decide({ ...facts(), argumentsJson: fail, session: fail })).toMatchObject({ kind: 'allow', cached: false });
    expect(set.decide({ ...facts(), argumentsJson: fail, session: fail })).toMatchObject({ kind: 'allow', cached: true });
  });

  it('finds a decision again though what no policy names has changed', () => {
    const set = load(`${BASE}allow if {\n startswith(input.arguments.path, "/data/")\n not "tainted:sensitive" in input.session.flags\n input.params.mode == "r"\n}`);
    const ask = (args: object, session: object = {}) => set.decide(facts({ arguments: JSON.stringify({ path: '/data/a', mode: 'r', ...args }), session }));
    expect(ask({})).toMatchObject({ kind: 'allow', cached: false });
    expect(ask({ content: 'x'.repeat(1000) }, { id: 's2', risk_score: 0.4, previous_actions: [{}] })).toMatchObject({ kind: 'allow', cached: true });
    expect(ask({ path: '/etc' })).toMatchObject({ kind: 'deny', cached: false });
    expect(ask({ mode: 'w' })).toMatchObject({ kind: 'deny', cached: false });
    expect(ask({}, { flags: ['tainted:sensitive'] })).toMatchObject({ kind: 'deny', cached: false });
  });

  it('decides from what the policies name as from all of it', () => {
    const conditions = [
      'input.arguments.a == "x"', 'input.params.b.c == "x"', 'input.arguments["a.b"] == "x"', 'input.arguments.a.b == "x"', 'input.arguments["\\u0062"].c', 'input.arguments[`c`][_] == "x"', 'not input.arguments.d', 'not input.params["\u00e9"] == "x"',
      'count(input.arguments.c) > 1', 'input.arguments == {"a": "x"}', 'input.arguments[input.method] == "x"', '"a" in object.keys(input.params)', 'object.get(input.arguments, "a", "y") == "x"', 'object.get(input.arguments, ["b", "c"], "x") == "x"', 'object.get(input, ["arguments", "a.b"], "y") == "x"', 'object.get(object.get(input.params, "b", {}), "c", "x") == "x"', 'object.get(input.arguments, ["c", 0], "y") == "x"', 'some k, v in input.arguments\n k == v', 'f(input.arguments.b)', 'g(input)', 'x := input.arguments\n x.d == "x"', 'input.session.risk_score < 0.5', 'count(input.session.previous_actions) == 0', 'input.session == {"id": "s1"}',
    ];
    const keys = ['a', 'b', 'c', 'd', 'a.b', 'é', '\\u0061', '\\u00e9', 'a.\\u0062'];
    const value = fc.constantFrom('"x"', '"y"', '1', '["x","y"]', '{"c":"x"}', '{"b":"x","b":"y"}', '{"b":"y","b":"x"}', 'null', '"c"', ' [ ] ');
    const args = fc.array(fc.tuple(fc.constantFrom(...keys), value), { maxLength: 6 }).map((members) => `{${members.map(([key, text]) => ` "${key}" : ${text}`).join(' ,')}}`);
    fc.assert(fc.property(fc.uniqueArray(fc.nat(conditions.length - 1), { minLength: 1, maxLength: 2 }), fc.array(args, { minLength: 1, maxLength: 20 }), (picked, asked) => {
      const set = load(`${BASE}f(b) if b.c == "x"\ng(i) if i.arguments.d == "x"\nallow if {\n ${picked.map((at) => conditions[at]).join('\n ')}\n}`);
      const whole = load(`${BASE}f(b) if b.c == "x"\ng(i) if i.arguments.d == "x"\nallow if {\n ${picked.map((at) => conditions[at]).join('\n ')}\n}\nall_of_it if input.arguments == input.session`, { cacheEntries: 0 });
      for (const text of asked) {
        const decision = whole.decide({ ...facts({ method: 'a' }), argumentsJson: () => text });
        expect({ ...set.decide(facts({ method: 'a', arguments: text })), cached: false }).toEqual({ ...decision, cached: false });
      }
    }), { numRuns: 300 });
  });

  it('does not take one caller, tool and method for another whose texts run together alike', () => {
    const set = load(`${BASE}allow if {\n input.caller_spiffe_id == "a"\n input.tool_name == "b:1"\n}`);
    const names = fc.stringMatching(/^[ab:0-9#,\0]{0,6}$/);
    fc.assert(fc.property(names, names, names, (callerSpiffeId, toolName, method) => {
      const decision = set.decide(facts({ callerSpiffeId, toolName, method }));
      expect(decision.kind).toBe(callerSpiffeId === 'a' && toolName === 'b:1' ? 'allow' : 'deny');
    }), { numRuns: 2000, examples: [['a', 'b:1', ''], ['a', 'b', ':1'], ['a1', ':b:1', '']] });
  });

  it('keeps no text of a caller above 256 characters in its key, and tells each from its digest', () => {
    const { toKey } = createInputBuilder(['server', 'arguments']);
    const long = 'x'.repeat(257);
    const digest = `#${createHash('sha256').update(long).digest('base64')}`;
    const parts = ['', 'x', 'x'.repeat(256), long, `${long}x`, digest, `3:${digest}`, 'x'.repeat(8192)];
    const keys = parts.flatMap((callerSpiffeId) => parts.flatMap((toolName) => parts.map((method) => toKey(facts({ callerSpiffeId, toolName, method, server: long, arguments: long })))));
    expect(new Set(keys).size).toBe(parts.length ** 3);
    expect(Math.max(...keys.map(({ length }) => length))).toBeLessThanOrEqual(5 * 260);
    expect(toKey(facts({ callerSpiffeId: 'me', toolName: 'x'.repeat(256), method: 'm', server: '', arguments: '{}' }))).toContain('x'.repeat(256));
  });

  it('decides of a long name as of a short one, from the cache', () => {
    const set = load(`${BASE}allow if endswith(input.tool_name, "/public")`);
    const [open, closed] = [`file:///${'x'.repeat(8000)}/public`, `file:///${'x'.repeat(8000)}/secret`];
    for (let i = 0; i < 3; i++) expect([set.decide(facts({ toolName: open })), set.decide(facts({ toolName: closed }))]).toMatchObject([{ kind: 'allow', cached: i > 0 }, { kind: 'deny', cached: i > 0 }]);
  });

  it('keeps a time-dependent answer for no second request', () => {
    const set = load(`${BASE}allow if time.now_ns() < 2000`);
    expect(set.decide(facts({ timeNs: () => 1000n }))).toMatchObject({ kind: 'allow', cached: false });
    expect(set.decide(facts({ timeNs: () => 3000n }))).toMatchObject({ kind: 'deny', cached: false });
  });

  it('keeps no fault', () => {
    const set = load(`${BASE}allow if to_number(input.arguments.n) > 1`);
    for (let i = 0; i < 2; i++) expect(set.decide(facts({ arguments: '{"n":"x"}' }))).toMatchObject({ kind: 'fault' });
  });

  it('is off at 0 entries, and forgets the oldest above its number', () => {
    const off = load(`${BASE}allow if input.tool == "a"`, { cacheEntries: 0 });
    expect([off.decide(facts()), off.decide(facts())]).toMatchObject([{ cached: false }, { cached: false }]);
    const two = load(`${BASE}allow if input.tool == "a"`, { cacheEntries: 2 });
    for (const toolName of ['a', 'b', 'c']) two.decide(facts({ toolName }));
    expect(two.decide(facts({ toolName: 'c' }))).toMatchObject({ cached: true });
    expect(two.decide(facts({ toolName: 'a' }))).toMatchObject({ cached: false, kind: 'allow' });
    expect(two.decide(facts({ callerSpiffeId: AGENT, toolName: 'b' }))).toMatchObject({ kind: 'deny' });
  });

  // Callers, tools and methods that agree in whatever a quick look at them would compare.
  it('tells callers, tools and methods apart that look alike', () => {
    const rules = `${BASE}allow if {\n input.caller_spiffe_id == "spiffe://a/aXbcdefgh"\n input.tool == "toAl"\n input.method == "tools/call"\n}`;
    const cached = load(rules);
    const plain = load(rules, { cacheEntries: 0 });
    const request = fc.record({
      callerSpiffeId: fc.constantFrom('spiffe://a/aXbcdefgh', 'spiffe://a/aYbcdefgh', 'spiffe://b/aXbcdefgh', ''), toolName: fc.constantFrom('toAl', 'tAol', 'tool', ''), method: fc.constantFrom('tools/call', 'tools/list', 'tools/calL'),
    });
    fc.assert(fc.property(fc.array(request, { maxLength: 30 }), (requests) => {
      for (const asked of requests) expect(cached.decide(facts(asked)).kind).toBe(plain.decide(facts(asked)).kind);
    }), { numRuns: 100 });
    expect(cached.decide(facts({ callerSpiffeId: 'spiffe://a/aXbcdefgh', toolName: 'toAl' }))).toMatchObject({ kind: 'allow', cached: true });
  });

  // The same requests, in any order, to a set with a cache and to one without.
  it('answers like an evaluation, for any order of requests', () => {
    const rules = `${BASE}allow if {\n input.arguments.n > 1\n input.principal.level < 4\n}\nallow if {\n input.session.risk_score > 0.5\n input.step_up.approved\n}\nallow if input.tool == "free"`;
    const cached = load(rules);
    const plain = load(rules, { cacheEntries: 0 });
    const request = fc.record({
      toolName: fc.constantFrom('free', 'x'), stepUpApproved: fc.boolean(), arguments: fc.constantFrom('{}', '{"n":1}', '{"n":2}', '{"n": 2}', '{"n":"2"}'),
      level: fc.constantFrom(3 as const, 4 as const), risk_score: fc.constantFrom(0, 0.6),
    });
    fc.assert(fc.property(fc.array(request, { maxLength: 12 }), (requests) => {
      for (const { level, risk_score, ...others } of requests) {
        const asked = facts({ ...others, principal: { level, role: 'agent', capabilities: [] }, session: { risk_score } });
        expect(cached.decide(asked).kind).toBe(plain.decide(asked).kind);
      }
    }), { numRuns: 150 });
  });
});
