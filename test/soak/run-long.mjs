// Runs one soak test in its long form: the flags of a command line become the test's environment.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** `flags` names, for each flag, the variable that its number goes into. `after` runs when the test has passed. */
export function runLong(file, flags, after = () => undefined) {
  const { values } = parseArgs({ options: Object.fromEntries(Object.keys(flags).map((flag) => [flag, { type: 'string' }])) });
  const given = Object.entries(values).map(([flag, value]) => [flag, Number(value)]);
  const wrong = given.find(([, number]) => !(number > 0));
  if (wrong !== undefined) {
    process.stderr.write(`--${wrong[0]} takes a number above 0.\n`);
    process.exit(2);
  }
  const env = { ...process.env, ...Object.fromEntries(given.map(([flag, number]) => [flags[flag], String(number)])) };
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', `test/soak/${file}`], { cwd: ROOT, env, stdio: 'inherit' });
  child.on('exit', (code) => {
    if (code === 0) after();
    process.exit(code ?? 1);
  });
}
