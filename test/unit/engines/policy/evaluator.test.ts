// The engine instance is kept while it may be, whatever the size of the set: making it anew stops every caller of the thread.
import { describe, expect, it } from 'vitest';
import { PolicyEvaluator } from '../../../../src/engines/policy/evaluator.js';
import { compileRegoModule } from '../../../../src/engines/policy/rego-module.js';
import type { PolicySource } from '../../../../src/engines/policy/types.js';
import { BASE, sourcesOf, steppingClock } from './facts.js';

const MIB = 1 << 20;
/** As a gateway thread has it, which was given the plan: nothing is loaded until it is asked. */
const planned = (sources: readonly PolicySource[]): PolicyEvaluator => new PolicyEvaluator(sources, { module: compileRegoModule(), clock: steppingClock(), timeoutMs: 1000, checked: { byQuery: false } });
const functions = (from: number, count: number): string => Array.from({ length: count }, (_, i) => `f${from + i}(x) := y if { y := x + ${i}; y > 3 }`).join('\n');

describe('the evaluator', () => {
  it('keeps an instance that a large set alone has made large', () => {
    const evaluator = planned(sourcesOf(`${BASE}allow if input.n == 1\n${functions(0, 13_000)}`));
    for (let i = 0; i < 3; i++) expect(evaluator.evaluate('{"n":1}', 0n)).toEqual({ kind: 'value', text: 'true' });
    expect(evaluator.instance.memoryBytes).toBeGreaterThan(64 * MIB);
    expect(evaluator.replaced).toBe(0);
  }, 30_000);

  it('holds parts of a set by their size, not by their number alone', () => {
    const evaluator = planned([]);
    for (let i = 0; i < 12; i++) {
      const part = { key: `part ${i}`, sources: () => sourcesOf(`${BASE}allow if input.n == ${i}\n${functions(i, 3500)}`) };
      expect(evaluator.evaluate(`{"n":${i}}`, 0n, part)).toEqual({ kind: 'value', text: 'true' });
    }
    expect(evaluator.replaced).toBe(0);
    expect(evaluator.instance.memoryBytes).toBeLessThan(192 * MIB);
  }, 30_000);
});
