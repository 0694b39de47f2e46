// Installs the conformance suite, as package.json and its lock file here pin it, outside the repository: it wants a newer Node than the gateway, and brings one along. What is there already is left alone.
//   node test/conformance/install.mjs     into $PRECINCT_CONFORMANCE, else precinct-conformance in the user's cache folder
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, installPinned, nodeOf } from '../../scripts/cache-folder.mjs';
import { lastLines, run } from '../../scripts/run-command.mjs';
import { done, runScript, Stop, withProgress } from '../../scripts/say.mjs';

const PINNED = ['package.json', 'package-lock.json'];
const NODE_MIN = 22; // the suite reads folders with fs.globSync

const suiteFolder = () => cacheFolder('precinct-conformance', 'PRECINCT_CONFORMANCE');
const suitePackage = () => join(suiteFolder(), 'node_modules', '@modelcontextprotocol', 'conformance');

/** Where the suite says what each version requires. */
export const requirementsFolder = () => join(suitePackage(), 'requirements');

/** The command that runs the suite. */
export function suiteCommand() {
  const node = nodeOf(suiteFolder(), NODE_MIN);
  if (node === undefined) throw new Stop(`The conformance suite needs Node ${NODE_MIN} or newer, and npm has none for ${process.platform} ${process.arch}.`, 'Run this with Node 22 or 24.');
  return [node, join(suitePackage(), 'dist', 'index.js')];
}

export async function installSuite() {
  const folder = suiteFolder();
  const pins = PINNED.map((name) => join(import.meta.dirname, name));
  await installPinned(folder, pins, async () => {
    for (const [at, name] of PINNED.entries()) copyFileSync(pins[at], join(folder, name));
    const { code, output } = await withProgress('installing the conformance suite (half a minute)', () => run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder }));
    if (code !== 0) throw new Stop(`npm ci in ${folder} failed:\n${lastLines(output, 8)}`, 'Check the network or the proxy (npm ping), then run the command again.');
    done(`conformance suite installed in ${folder}`);
    return undefined;
  });
}

if (process.argv[1] === import.meta.filename) await runScript(installSuite);
