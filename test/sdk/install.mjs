// What the SDKs' suites need and this repository does not bring: a Python environment and Go's modules, pinned, outside the repository. What can't be installed here is said.
//   node test/sdk/install.mjs     into $PRECINCT_SDK, else precinct-sdk in the user's cache folder
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, installPinned } from '../../scripts/cache-folder.mjs';
import { has, lastLines, ROOT, run } from '../../scripts/run-command.mjs';
import { note, runScript, withProgress } from '../../scripts/say.mjs';

const HERE = import.meta.dirname;
const GO_SDK = join(ROOT, 'sdk', 'go');
const PYTHON_MIN = [3, 10];
const CHECK_PYTHON = `import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (${PYTHON_MIN.join(', ')}) else 1)`;

export const sdkFolder = (...path) => join(cacheFolder('precinct-sdk', 'PRECINCT_SDK'), ...path);
export const pythonProgram = () => sdkFolder('python', 'bin', 'python');
/** The wheels that a fresh environment needs beside the SDK's own: nothing is fetched while tests run. */
export const wheelsFolder = () => sdkFolder('python', 'wheels');
export const goDriver = () => sdkFolder('go', 'driver');

/** @typedef {'python' | 'go' | 'typescript'} Kind */

async function installPython() {
  const pins = join(HERE, 'requirements.txt');
  const folder = sdkFolder('python');
  return installPinned(folder, [pins], async () => {
    if (!has('python3')) return 'python3 is not on this machine';
    if ((await run('python3', ['-c', CHECK_PYTHON])).code !== 0) return `python3 is older than ${PYTHON_MIN.join('.')}, or has no venv`;
    return all([
      ['python3', ['-m', 'venv', '--clear', folder]],
      [join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', '-r', pins]],
      [join(folder, 'bin', 'pip'), ['download', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '--dest', join(folder, 'wheels'), '-r', pins]],
    ]);
  });
}

/** Go keeps what it fetched and built itself: this is quick when nothing changed. */
async function installGo() {
  if (!has('go')) return 'go is not on this machine';
  mkdirSync(sdkFolder('go'), { recursive: true });
  return all([['go', ['mod', 'download']], ['go', ['build', '-o', goDriver(), './behaviour']]], GO_SDK);
}

/** Why one of the commands failed; undefined = none did. */
async function all(commands, cwd = ROOT) {
  for (const [command, words] of commands) {
    const { code, output } = await run(command, words, { cwd });
    if (code !== 0) return `could not be installed: ${lastLines(output, 3).trim()}`;
  }
  return undefined;
}

const INSTALL = { python: installPython, go: installGo, typescript: () => Promise.resolve(undefined) };

/** Kind → why it is not there; undefined = it is. @param {readonly Kind[]} [kinds] @returns {Promise<Record<string, string | undefined>>} */
export async function installSdkTools(kinds = ['python', 'go', 'typescript']) {
  /** @type {Record<string, string | undefined>} */
  const missing = {};
  for (const kind of kinds) missing[kind] = await INSTALL[kind]();
  return missing;
}

/** Says what it does, and what will be skipped. */
export async function installAloud() {
  const missing = await withProgress('installing what the SDKs\' suites need', () => installSdkTools());
  for (const [kind, why] of Object.entries(missing)) if (why !== undefined) note(`the SDK in ${kind} is not tested: ${why}`);
}

if (process.argv[1] === import.meta.filename) await runScript(installAloud);
