// What another thread answers about a call is what this one would decide, and faults stay faults.
import { afterEach, describe, expect, it } from 'vitest';
import { createAnswering } from '../../../../src/engines/policy/large-question.js';
import type { PolicyFacts, PolicySet } from '../../../../src/engines/policy/types.js';
import { BASE, facts, load, steppingClock } from './facts.js';

const many = (rule: (i: number) => string, count = 40): string => Array.from({ length: count }, (_, i) => rule(i)).join('\n');
const sets: PolicySet[] = [];
afterEach(() => sets.splice(0).forEach((set) => set.close()));
const keep = (set: PolicySet): PolicySet => {
  sets.push(set);
  return set;
};

/** As a thread would that was given a copy of the question, and of the message around the arguments. */
function elsewhere(set: PolicySet, asked: PolicyFacts, answering = createAnswering(steppingClock())) {
  const before = Buffer.from('{"é":1,"arguments":');
  const args = Buffer.from(asked.argumentsJson());
  const question = structuredClone(set.questionOf(asked));
  const answer = answering.read(Buffer.concat([before, args, Buffer.from('}')]), { question, args: { from: before.length, to: before.length + args.length } });
  expect(answering.isFound(structuredClone(answer))).toBe(true);
  return set.decisionOf(structuredClone(answer));
}

const EITHER = ['allow', 'deny'];
const CASES: readonly (readonly [what: string, rules: string, kinds?: readonly string[]])[] = [
  ['a member', 'allow if input.arguments.path == "/ä"'],
  ['the other name', 'allow if input.params.path == "/ä"'],
  ['both names', 'allow if input.params.path == input.arguments.path'],
  ['all of the input', 'allow if {\n  walk(input, [_, v])\n  v == "/ä"\n}'],
  ['other members, too', 'allow if {\n  input.arguments.path == "/ä"\n  input.tool == "my_tool"\n  input.session.risk_score < 0.5\n  input.time.now_ns > 0\n}'],
  ['a text in the place of its caller', 'allow if input.caller_spiffe_id == "nobody"\nallow if input.arguments.caller_spiffe_id == "x"'],
  ['an object with a reason', 'allow := {"allow": false, "reason": "closed"} if input.arguments.path == "/ä"\nallow := {"allow": true, "reason": "open"} if input.arguments.path == "/b"'],
  ['a query', 'allow["x"] if input.arguments.path', ['fault']],
  ['a rule that fails', 'allow if startswith(input.arguments.n, "1")', ['allow', 'deny', 'fault']],
  ['rules with an index', many((i) => `allow if {\n  input.tool_name == "t${i}"\n  input.arguments.path == "/ä"\n}`)],
];

describe('a question about large arguments', () => {
  it.each(CASES)('is answered like any other: %s', (_what, rules, expected = EITHER) => {
    const set = keep(load(BASE + rules, { cacheEntries: 0 }));
    expect(set.readsArguments).not.toBe('none');
    const answering = createAnswering(steppingClock());
    const kinds = new Set<string>();
    for (const args of ['{"path":"/ä","n":1}', '{"path":"/b","n":"1"}', '{"path":"/b","path":"/ä","caller_spiffe_id":"x"}', '{}']) {
      for (const toolName of ['my_tool', 't3', 't99']) {
        const asked = facts({ arguments: args, toolName });
        const decision = set.decide(asked);
        expect(elsewhere(set, asked, answering)).toEqual(decision);
        kinds.add(decision.kind);
      }
    }
    expect([...kinds].sort()).toEqual(expected);
  });

  it('carries the rules that can answer, and no arguments', () => {
    const set = keep(load(BASE + many((i) => `allow if {\n  input.tool_name == "t${i}"\n  input.arguments.path\n}`)));
    const question = set.questionOf(facts({ toolName: 't7', arguments: '{"path":"hidden"}' }));
    expect(JSON.stringify(question, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).not.toContain('hidden');
    expect(question.part.sources.map(({ text }) => text).join('').match(/"t\d+"/g)).toEqual(['"t7"']);
  });

  it('goes to the set that is asked, whichever was asked before', () => {
    const [open, closed] = [keep(load(`${BASE}allow if input.arguments`)), keep(load(`${BASE}allow if input.arguments.x`))];
    const answering = createAnswering(steppingClock());
    for (const [set, kind] of [[open, 'allow'], [closed, 'deny'], [open, 'allow']] as const) expect(elsewhere(set, facts(), answering).kind).toBe(kind);
  });

  it('is a fault after its time', () => {
    const set = keep(load(`${BASE}allow if {\n  some x in numbers.range(1, 100000)\n  x == input.arguments.n\n}`, { timeoutMs: 5 }));
    const answering = createAnswering(steppingClock(100));
    elsewhere(set, facts(), answering);
    expect(elsewhere(set, facts({ arguments: '{"n":-1}' }), answering)).toMatchObject({ kind: 'fault', message: expect.stringContaining('policy.timeout_ms') as string });
  });

  it('is answered from its own arguments after a fault', () => {
    const set = keep(load(`${BASE}allow if not bad\n\nbad if {\n  walk(input.arguments, [_, value])\n  startswith(value.path, "/etc")\n}`));
    const answering = createAnswering(steppingClock());
    for (const [path, kind] of [['/etc/shadow', 'deny'], [1, 'fault'], ['/etc/shadow', 'deny'], ['/data', 'allow']] as const) expect(elsewhere(set, facts({ arguments: JSON.stringify({ x: { path } }) }), answering).kind).toBe(kind);
  });

  it.each([['none', 'input.tool == "a"'], ['named', 'input.arguments.path == "a"'], ['all', 'walk(input.params, [_, "a"])'], ['all', 'count(input) == 1']])('is told what of the arguments is read: %s by %s', (reads, condition) => {
    expect(keep(load(`${BASE}allow if ${condition}`)).readsArguments).toBe(reads);
  });

  it.each([[undefined], [null], ['text'], [{}], [{ kind: 'allow' }], [{ kind: 'value' }], [{ kind: 'error', text: 1 }]])('has no answer in %j', (other) => {
    expect(createAnswering(steppingClock()).isFound(other)).toBe(false);
  });
});
