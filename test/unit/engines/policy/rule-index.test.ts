// The index answers as the whole set would, for rules in every shape a text can have.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addAll } from '../../../../src/engines/policy/evaluator.js';
import { parsedForm } from '../../../../src/engines/policy/plan.js';
import { findReads } from '../../../../src/engines/policy/reads.js';
import { RegoInstance } from '../../../../src/engines/policy/rego-instance.js';
import { compileRegoModule } from '../../../../src/engines/policy/rego-module.js';
import { findGuardedRules } from '../../../../src/engines/policy/rule-guards.js';
import { createRuleIndex } from '../../../../src/engines/policy/rule-index.js';
import type { RuleIndex } from '../../../../src/engines/policy/rule-index.js';
import { planPolicySet } from '../../../../src/engines/policy/policy-set.js';
import { BASE, facts, load, sourcesOf, steppingClock } from './facts.js';

/** A hundred inputs each; make soak takes 1,000. */
const RUNS = Number(process.env['RULE_INDEX_RUNS'] ?? 15);

function indexOf(...texts: string[]): RuleIndex | undefined {
  const instance = new RegoInstance(compileRegoModule(), { monotonicMs: () => 0, nowNs: () => 0n });
  const modules = parsedForm(instance, addAll(instance, sourcesOf(...texts)));
  const rules = findGuardedRules(modules, findReads(modules, { isKnown: () => true, builtinArity: () => 0 }).usesWith);
  return rules.length === 0 ? undefined : createRuleIndex(sourcesOf(...texts), rules);
}

const many = (rule: (i: number) => string, n = 40): string => Array.from({ length: n }, (_, i) => rule(i)).join('\n');

// `with` in a module that takes no part turns the index off: the same rules, evaluated whole.
const INDEX_OFF = 'package unrelated\nimport rego.v1\nx if true with input as {}';

const PLAN_OPTIONS = { timeoutMs: 1000, sourceBytesMax: 1 << 20, clock: steppingClock() };

const SHAPES: ((i: number) => string)[] = [
  (i) => `allow if {\n  input.caller_spiffe_id == "c${i}"\n  input.tool_name == "t${i % 3}"\n}`,
  (i) => `allow if { input.spiffe_id == "c${i}"; input.method == "m1" }`,
  (i) => `allow if "t${i}" == input["tool"]`,
  (i) => `allow if input.tool_name == "q${i}"`,
  (i) => `allow if \`q${i}\` == input.tool_name # no brace`,
  (i) => `allow := {"allow": true, "reason": "§ ${i} — «}»"} if { input.tool == "o${i}" } # } comment {`,
  (i) => `# müßig ${i}\r\nallow if {\r\n  # "\r\n  input.tool == "u${i}"\r\n  x := "} allow if {"\r\n  count(x) > 1\r\n}\r\n`,
  (i) => `allow if { not input.tool == "t${i}"; input.caller_spiffe_id == "n${i}" }`,
  (i) => `allow if { input.tool == "t0"; input.tool == "t${i}" }`,
  (i) => `allow if input.tool == "e${i}" else := true if input.tool == "never${i}"`,
  (i) => `allow if { some t in {"s${i}", "t1"}; input.tool == t; input.caller_spiffe_id != "c1" }`,
  (i) => `allow if { input.arguments.tool == "t${i}"; input.method == "m2" }`,
  (i) => `allow if { input.tool in {"s${i}", "t${i % 4}", "p${i}"}; input.caller_spiffe_id != "x" }`,
  (i) => `allow if { input.caller_spiffe_id in ["c${i}", input.method]; input.tool == "t1" }`,
  (i) => `allow if { startswith(input.tool_name, "${'tsoue'[i % 5] ?? ''}"); input.caller_spiffe_id == "c${i % 2}" }`,
  (i) => `allow if { startswith(input.method, "m${i}") }`,
  (i) => `allow if { startswith("t1", input.tool); input.method in {"m2"}; input.caller_spiffe_id == "n${i}" }`,
  (i) => `helper${i} if input.caller_spiffe_id == "h${i}"\nallow if { helper${i}; input.tool == "t2" }`,
];

describe('the rule index', () => {
  it('is used for a set of many guarded rules only, and never beside a with', () => {
    const rules = many((i) => `allow if input.caller_spiffe_id == "c${i}"`);
    expect(indexOf(BASE + rules)).toBeDefined();
    expect(indexOf(`${BASE}allow if input.caller_spiffe_id == "c"`)).toBeUndefined();
    expect(indexOf(BASE + rules, INDEX_OFF)).toBeUndefined();
    expect(indexOf(BASE + many((i) => `allow if input.caller_spiffe_id == input.arguments.c${i}`))).toBeUndefined();
    expect(indexOf(`package other\nimport rego.v1\n${rules}`)).toBeUndefined();
  });

  it('is not used beside so many other rules that a part takes longer to make than the whole to evaluate', () => {
    const rules = many((i) => `allow if input.caller_spiffe_id == "c${i}"`);
    const others = (bytes: number): string => `\n# ${'x'.repeat(40_000)}\nallow if input.arguments.k == "${'x'.repeat(bytes)}"`;
    expect(indexOf(BASE + rules + others(30_000))).toBeDefined();
    expect(indexOf(BASE + rules + others(33_000))).toBeUndefined();
  });

  it('keeps only the rules whose demands the request meets', () => {
    const index = indexOf(BASE + many((i) => `allow if {\n  input.caller_spiffe_id == "c${i}"\n  input.tool == "t"\n}`));
    const texts = index?.select(facts({ callerSpiffeId: 'c7', toolName: 't' })).sources().map((source) => source.text) ?? [];
    expect(texts.join('').match(/"c\d+"/g)).toEqual(['"c7"']);
    expect(index?.select(facts({ callerSpiffeId: 'c7', toolName: 'other' })).sources()[0]?.text).not.toContain('"c7"');
  });

  it('finds rules by sets and prefixes, and leaves out files of which nothing is kept', () => {
    const files = [many((i) => `allow if input.caller_spiffe_id in {"c${i}", "d${i}"}`), many((i) => `allow if startswith(input.tool_name, "t${i}_")`), many((i) => `allow if input.tool_name == "u${i}"`)].map((rules) => BASE + rules);
    const kept = (callerSpiffeId: string, toolName: string): (string | undefined)[] => (indexOf(...files)?.select(facts({ callerSpiffeId, toolName })).sources() ?? []).map(({ text }) => /"[^"]+"/.exec(text)?.[0]);
    expect(kept('d7', 't3_x')).toEqual(['"c7"', '"t3_"']);
    expect(kept('none', 'u5')).toEqual([undefined, '"u5"']);
    expect(kept('none', 'none')).toEqual([undefined]);
  });

  it('keeps the line of every rule that stays', () => {
    const text = BASE + many((i) => `allow if {\n  input.caller_spiffe_id == "c${i}"\n  to_number(input.arguments.n) > 1\n}`);
    const line = text.split('\n').findIndex((found) => found.includes('"c33"')) + 2;
    expect(load(text).decide(facts({ callerSpiffeId: 'c33', arguments: '{"n":"x"}' }))).toMatchObject({ kind: 'fault', message: expect.stringContaining(`:${line}:`) });
  });

  it('answers like the whole set, for rules of any shape, in any order', () => {
    const shapes = fc.array(fc.tuple(fc.nat(SHAPES.length - 1), fc.nat(9)), { minLength: 40, maxLength: 80 });
    const own = 'startswith(text, start) if endswith(text, start)';
    const names = ['c0', 'c1', 'n1', 'h1', 'x'];
    const tools = ['t0', 't1', 't2', 'o1', 'u1', 'q2', 'e1', 's1', 'never1', 'x'];
    fc.assert(fc.property(shapes, fc.boolean(), fc.integer({ min: 1, max: 4 }), fc.boolean(), (picked, withDefault, files, ownPrefix) => {
      const seen = new Set<string>();
      const rules = picked.map(([shape, i]) => SHAPES[shape]?.(i) ?? '').filter((rule) => !seen.has(rule) && seen.add(rule));
      const first = `${withDefault ? 'default allow := false\n' : ''}${ownPrefix ? `${own}\n` : ''}`;
      const texts = Array.from({ length: files }, (_, file) => `${BASE}${file === 0 ? first : '# only rules\n'}${rules.filter((_rule, n) => n % files === file).join('\n')}`);
      const indexed = load(texts, { cacheEntries: 0 });
      // A set whose cuts don't fall between rules is evaluated whole; with these shapes that must not happen.
      expect(planPolicySet(sourcesOf(...texts), PLAN_OPTIONS).guardedRules.length > 0).toBe(indexOf(...texts) !== undefined);
      const whole = load([...texts, INDEX_OFF], { cacheEntries: 0 });
      for (const callerSpiffeId of names) {
        for (const toolName of tools) {
          for (const method of ['m1', 'm2']) {
            const asked = facts({ callerSpiffeId, toolName, method, arguments: '{"tool":"t1"}' });
            expect(withoutPlace(indexed.decide(asked))).toEqual(withoutPlace(whole.decide(asked)));
          }
        }
      }
    }), { numRuns: RUNS });
  }, RUNS * 4000);

  it('holds no more engines than its limit, however many callers ask', () => {
    const set = load(BASE + many((i) => `allow if input.caller_spiffe_id == "c${i}"`, 400), { cacheEntries: 0 });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 400; i++) expect(set.decide(facts({ callerSpiffeId: `c${i}` })).kind).toBe('allow');
    }
    expect(set.decide(facts({ callerSpiffeId: 'c400' })).kind).toBe('deny');
  });
});

// Two rules that disagree are a fault either way, though which of them is named may differ.
function withoutPlace(decision: object): object {
  return 'message' in decision ? { ...decision, message: '' } : decision;
}
