// make soak: every slow suite in its long form, one after the other. Its last line is `N passed, N failed`, as make test's.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countVitest } from '../../scripts/count-tests.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LONG = [
  { file: 'test/soak/kill9.test.ts', env: { SOAK_ROUNDS: '100' } },
  { file: 'test/soak/sessions.test.ts', env: { SESSION_ROUNDS: '30' } },
  { file: 'test/soak/flood.test.ts', env: { FLOOD_REQUESTS: '100000' } },
  { file: 'test/soak/reload.test.ts', env: { RELOAD_MINUTES: '10' } },
  { file: 'test/unit/engines/policy/rule-index.test.ts', env: { RULE_INDEX_RUNS: '1000' } },
  { file: 'test/unit/base/matcher/choose.test.ts', env: { MATCHER_TWIN_RUNS: '6000' } },
  { file: 'test/unit/upstream/h1/llhttp-twin.test.ts', env: { H1_TWIN_RUNS: '400000' } },
  { file: 'test/wire/byte-fidelity.test.ts', env: { FIDELITY_RUNS: '3000' } },
  { file: 'test/native/json-twin.test.ts', env: { JSON_TWIN_TEXTS: '1000000' } },
];

const dir = mkdtempSync(join(tmpdir(), 'precinct-soak-'));
const total = { passed: 0, failed: 0 };
for (const { file, env } of LONG) {
  const report = join(dir, 'report.json');
  const said = Object.entries(env).map(([name, value]) => `${name}=${value}`).join(' ');
  process.stdout.write(`\n${said} ${file}\n`);
  const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', file, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`], { cwd: ROOT, env: { ...process.env, ...env }, stdio: 'inherit' });
  const counted = status === null ? { passed: 0, failed: 1 } : countVitest(JSON.parse(readFileSync(report, 'utf8')), status);
  total.passed += counted.passed;
  total.failed += counted.failed;
}
rmSync(dir, { recursive: true, force: true });
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
