// make test: set-up as needed, then every suite. The last line is `N passed, N failed` over all of them; a step that is no suite counts as one.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countVitest } from './count-tests.mjs';
import { lastLines, ROOT, run } from './run-command.mjs';
import { bold, colored, green, red, runScript, say, withProgress } from './say.mjs';
import { setUp } from './setup.mjs';
import { installAloud } from '../test/sdk/install.mjs';

const bin = (name, ...path) => join(ROOT, 'node_modules', name, ...path);

/** Steps that pass or fail as a whole. Lint takes as long as all the others together, and the tests leave a fifth of two cores idle: it runs beside both. */
const LINT = { name: 'lint', words: [bin('eslint', 'bin', 'eslint.js'), '.', '--max-warnings', '0'] };
const STEPS = [
  { name: 'types', words: [bin('typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--noEmit'] },
  { name: 'generated files', words: [join(ROOT, 'scripts', 'generate-docs.mjs'), '--check'] },
  { name: 'config', words: [join(ROOT, 'bin', 'agw'), 'config', 'check'] },
  { name: 'policies', words: [join(ROOT, 'bin', 'agw'), 'policy', 'test', 'policies'], onlyIf: hasPolicyTests },
  { name: 'Rego engine', words: [join(ROOT, 'native', 'rego', 'check.mjs')], onlyIf: () => existsSync(join(ROOT, 'native', 'rego', 'check.mjs')) },
];

async function hasPolicyTests() {
  const { code, output } = await run(process.execPath, [join(ROOT, 'bin', 'agw'), 'policy', 'test', 'policies', '--json']);
  return code !== 1 || !output.includes('"tests":[]');
}

async function runStep({ name, words, onlyIf }, options) {
  if (onlyIf !== undefined && !(await onlyIf())) return undefined;
  return { name, ...(await run(process.execPath, words, options)) };
}

async function runInTurn(steps, options) {
  const results = [];
  for (const step of steps) results.push(await runStep(step, options));
  return results;
}

/** Says how the steps that `work` runs have ended, and counts them. */
async function reportSteps(names, work) {
  const results = (await withProgress(names, () => work)).filter((result) => result !== undefined);
  for (const { name, code, output } of results) {
    say(`${code === 0 ? green('✓') : red('✗')} ${name}`);
    if (code !== 0) say(lastLines(output, 60));
  }
  const passed = results.filter(({ code }) => code === 0).length;
  return { passed, failed: results.length - passed };
}

/** Unit, integration, native and the walk: whatever vitest finds. */
async function runVitest() {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-test-'));
  const report = join(dir, 'vitest.json');
  try {
    const { code } = await run(process.execPath, [bin('vitest', 'vitest.mjs'), 'run', '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`], { show: true, env: colored ? {} : { NO_COLOR: '1' } });
    return existsSync(report) ? countVitest(JSON.parse(readFileSync(report, 'utf8')), code) : { passed: 0, failed: 1 };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

await runScript(async () => {
  await setUp();
  await installAloud();
  const lint = runInTurn([LINT], { givesWay: true });
  const results = [await reportSteps(STEPS.map(({ name }) => name).join(', '), runInTurn(STEPS)), await runVitest(), await reportSteps(LINT.name, lint)];
  const sum = (key) => results.reduce((total, result) => total + (result[key] ?? 0), 0);
  if (sum('skipped') > 0) say(`${sum('skipped')} skipped (each says why)`);
  say(sum('failed') === 0 ? green(bold('all suites passed')) : red(bold('some tests failed')));
  process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed\n`);
  return sum('failed') === 0 ? 0 : 1;
});
