// What a vitest JSON report counts as, for the last line of make test.

/** A file that breaks before its first test, and a run that fails with no test failed, count as one failure each. */
export function countVitest(report, exitCode) {
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed')).length;
  const failed = report.numFailedTests + broken;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
}
