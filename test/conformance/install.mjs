// Installs the conformance suite, as package.json and its lock file here pin it, outside the repository: it wants a newer Node than the gateway, and brings one along. What is there already is left alone.
//   node test/conformance/install.mjs     into $PRECINCT_CONFORMANCE, else precinct-conformance in the user's cache folder
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { lastLines, run } from '../../scripts/run-command.mjs';
import { done, runScript, Stop, withProgress } from '../../scripts/say.mjs';

const PINNED = ['package.json', 'package-lock.json'];
const NODE_MIN = 22; // the suite reads folders with fs.globSync

export function suiteFolder() {
  return process.env.PRECINCT_CONFORMANCE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'precinct-conformance');
}

const suitePackage = () => join(suiteFolder(), 'node_modules', '@modelcontextprotocol', 'conformance');

/** Where the suite says what each version requires. */
export const requirementsFolder = () => join(suitePackage(), 'requirements');

/** The command that runs the suite. */
export function suiteCommand() {
  const program = join(suitePackage(), 'dist', 'index.js');
  const brought = join(suiteFolder(), 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (Number(process.versions.node.split('.', 1)[0]) >= NODE_MIN) return [process.execPath, program];
  if (!existsSync(brought)) throw new Stop(`The conformance suite needs Node ${NODE_MIN} or newer, and npm has none for ${process.platform} ${process.arch}.`, 'Run this with Node 22 or 24.');
  return [brought, program];
}

export async function installSuite() {
  const folder = suiteFolder();
  const mark = join(folder, 'installed');
  const stamp = createHash('sha256').update(PINNED.map((name) => readFileSync(join(import.meta.dirname, name))).join('\n')).digest('hex');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === stamp) return;
  mkdirSync(folder, { recursive: true });
  rmSync(mark, { force: true });
  for (const name of PINNED) copyFileSync(join(import.meta.dirname, name), join(folder, name));
  const { code, output } = await withProgress('installing the conformance suite (half a minute)', () => run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder }));
  if (code !== 0) throw new Stop(`npm ci in ${folder} failed:\n${lastLines(output, 8)}`, 'Check the network or the proxy (npm ping), then run the command again.');
  writeFileSync(mark, stamp);
  done(`conformance suite installed in ${folder}`);
}

if (process.argv[1] === import.meta.filename) await runScript(installSuite);
