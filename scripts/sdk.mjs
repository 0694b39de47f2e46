// make sdk: set-up as needed, then the behaviour table and the SDKs' own suites, alone.
import { join } from 'node:path';
import { installAloud } from '../test/sdk/install.mjs';
import { ROOT, run } from './run-command.mjs';
import { runScript } from './say.mjs';
import { setUp } from './setup.mjs';

const WHERE = ['test/sdk', 'sdk/typescript/test', 'test/newcomer/sdk.test.ts'];

await runScript(async () => {
  await setUp();
  await installAloud();
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  return (await run(process.execPath, [vitest, 'run', ...WHERE], { show: true })).code;
});
