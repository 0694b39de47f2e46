// The last line of make test: what a vitest report counts as.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

type Count = (report: unknown, exitCode: number) => { passed: number; failed: number; skipped: number };
const script = pathToFileURL(join(import.meta.dirname, '..', '..', '..', 'scripts', 'count-tests.mjs')).href;
const { countVitest } = (await import(script)) as { countVitest: Count };

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
