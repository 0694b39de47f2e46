// The languages of the table: how each driver is started, and why one can't be here.
import { join } from 'node:path';
import { ROOT } from '../../../scripts/run-command.mjs';
import { goDriver, installSdkTools, pythonProgram } from '../../../test/sdk/install.mjs';

const SDK = join(ROOT, 'sdk');

/** @type {Record<string, { kind: 'python' | 'go' | 'typescript', program: () => { command: string, words: string[], cwd: string } }>} */
export const LANGUAGES = {
  python: { kind: 'python', program: () => ({ command: pythonProgram(), words: [join(SDK, 'python', 'behaviour', 'driver.py')], cwd: join(SDK, 'python') }) },
  'python-sync': { kind: 'python', program: () => ({ command: pythonProgram(), words: [join(SDK, 'python', 'behaviour', 'driver.py'), '--sync'], cwd: join(SDK, 'python') }) },
  go: { kind: 'go', program: () => ({ command: goDriver(), words: [], cwd: join(SDK, 'go') }) },
  typescript: { kind: 'typescript', program: () => ({ command: process.execPath, words: [join(SDK, 'typescript', 'behaviour', 'driver.mjs')], cwd: join(SDK, 'typescript') }) },
};

/** Language → why it can't run on this machine; who can is not in it. @param {readonly string[]} languages @returns {Promise<Record<string, string>>} */
export async function missingLanguages(languages) {
  const missing = await installSdkTools([...new Set(languages.map((language) => LANGUAGES[language].kind))]);
  return Object.fromEntries(languages.flatMap((language) => {
    const why = missing[LANGUAGES[language].kind];
    return why === undefined ? [] : [[language, why]];
  }));
}
