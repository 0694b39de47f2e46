// The Rego report: all cases of OPA's v1 suite, and exactly the committed list of those this engine fails.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RegoInstance, RegoTrap } from '../../../../src/engines/policy/rego-instance.js';
import { compileRegoModule } from '../../../../src/engines/policy/rego-module.js';
import { readCases, runCase } from './rego-case.js';
import type { RegoCase } from './rego-case.js';

const EXPECTED = new URL('../../../fixtures/rego/expected-failures.json', import.meta.url);
/** The cases in the folders of the engine's own passing list. */
const PASSED_MIN = 1515;
const FIXED_NOW_NS = 1_700_000_000_000_000_000n;

const cases = readCases();
if (cases === undefined) console.warn('skipped: the Rego cases (../shared/data/rego/opa-v1-cases.ndjson.gz) are not beside this checkout');

function runAll(all: readonly RegoCase[]): Map<string, string> {
  const start = (): RegoInstance => new RegoInstance(compileRegoModule(), { monotonicMs: () => performance.now(), nowNs: () => FIXED_NOW_NS });
  let instance = start();
  const failed = new Map<string, string>();
  for (const regoCase of all) {
    try {
      const outcome = runCase(instance, regoCase);
      if (!outcome.passed) failed.set(regoCase.label, outcome.detail);
    } catch (fault) {
      if (!(fault instanceof RegoTrap)) throw fault;
      failed.set(regoCase.label, `trap: ${fault.message}`);
      instance = start();
    }
  }
  return failed;
}

describe.skipIf(cases === undefined)('the Rego cases of OPA v1', () => {
  const all = cases ?? [];
  const failed = runAll(all);
  const expected = JSON.parse(readFileSync(EXPECTED, 'utf8')) as Record<string, string[]>;

  it('pass in at least the number of the engine\'s own list', () => {
    const passed = all.length - failed.size;
    console.log(`Rego: ${passed} of ${all.length} cases pass`);
    for (const [reason, labels] of Object.entries(expected)) console.log(`${String(labels.length).padStart(5)}  ${reason}`);
    expect(passed).toBeGreaterThanOrEqual(PASSED_MIN);
  });

  it('fail exactly where the committed list says so, each with a reason', () => {
    expect([...failed.keys()].sort()).toEqual(Object.values(expected).flat().sort());
  });

  it('are not passed by an engine whose answers are wrong', () => {
    const wrong = all.filter((regoCase) => !failed.has(regoCase.label) && (regoCase.want_result ?? []).length > 0).slice(0, 50);
    expect(wrong).toHaveLength(50);
    expect(runAll(wrong.map((regoCase) => ({ ...regoCase, want_result: [{ x: 'not this' }] }))).size).toBe(50);
  });
});
