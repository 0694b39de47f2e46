// make sdk: set-up as needed, then the behaviour table and the SDKs' own suites, alone.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installSdkTools } from '../test/sdk/install.mjs';
import { ROOT, run } from './run-command.mjs';
import { note, runScript, withProgress } from './say.mjs';
import { setUp } from './setup.mjs';

const WHERE = ['test/sdk', 'sdk/typescript/test', 'test/newcomer/sdk.test.ts'];

await runScript(async () => {
  await setUp();
  const missing = await withProgress('installing what the SDKs\' suites need', () => installSdkTools());
  for (const [language, why] of Object.entries(missing)) if (why !== undefined) note(`${language} is skipped: ${why}`);
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  return (await run(process.execPath, [vitest, 'run', ...WHERE.filter((path) => existsSync(join(ROOT, path)))], { show: true })).code;
});
