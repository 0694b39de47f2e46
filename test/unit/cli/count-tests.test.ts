// The last line of make test: what a vitest report counts as. And what make demo says of its two calls.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

type Count = (report: unknown, exitCode: number) => { passed: number; failed: number; skipped: number };
const script = pathToFileURL(join(import.meta.dirname, '..', '..', '..', 'scripts', 'count-tests.mjs')).href;
const { countVitest } = (await import(script)) as { countVitest: Count };

const demo = (await import(pathToFileURL(join(import.meta.dirname, '..', '..', '..', 'scripts', 'demo.mjs')).href)) as { titleOf: (record: unknown) => string; surpriseOf: (call: unknown, record: unknown) => string | undefined };

const file = (status: string, ...tests: string[]): unknown => ({ status, assertionResults: tests.map((test) => ({ status: test })) });
const report = (passed: number, failed: number, files: unknown[]): unknown => ({ numPassedTests: passed, numFailedTests: failed, numPendingTests: 1, testResults: files });

describe('counting', () => {
  it('adds a file that broke before its first test as one failure', () => {
    expect(countVitest(report(3, 0, [file('failed'), file('passed', 'passed')]), 1)).toEqual({ passed: 3, failed: 1, skipped: 1 });
  });

  it('does not count a failed test\'s file again', () => {
    expect(countVitest(report(3, 1, [file('failed', 'failed', 'passed')]), 1).failed).toBe(1);
  });

  it('never calls a run that ended badly a success', () => {
    expect(countVitest(report(3, 0, [file('passed', 'passed')]), 1).failed).toBe(1);
    expect(countVitest(report(3, 0, [file('passed', 'passed')]), 0).failed).toBe(0);
  });
});

describe('the demo', () => {
  it('says what came of a call, and that it is not what the shipped files decide', () => {
    const call = { tool: 'bash', expected: 'DENY' };
    const [denied, allowed] = [{ decision: 'DENY', decision_id: 'd1' }, { decision: 'ALLOW', decision_id: 'd2' }];
    expect([demo.titleOf(denied), demo.surpriseOf(call, denied)]).toEqual(['A denied call', undefined]);
    expect(demo.titleOf(allowed)).toBe('An allowed call');
    expect(demo.surpriseOf(call, allowed)).toContain('d2');
  });
});
