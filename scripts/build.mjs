// Native addons and TypeScript, built when their sources changed. `buildId` names what is built, so that a running gateway can be told to be older.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { keepHelp } from './keep-help.mjs';
import { lastLines, logFile, ROOT, run } from './run-command.mjs';
import { done, Stop, withProgress } from './say.mjs';

const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.precinct-build');
const SDK = join(ROOT, 'sdk', 'typescript');
const SDK_STAMP = join(SDK, 'dist', '.precinct-build');

export async function buildAll() {
  const ends = await Promise.allSettled([buildNative(), buildTypeScript().then(buildSdk)]); // each alone takes one core
  const failed = ends.find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function buildNative() {
  const { code, output } = await run(process.execPath, [join(ROOT, 'native', 'build.mjs')], { log: logFile('setup.log') });
  const news = output.trim().split('\n').filter((line) => !line.endsWith('up to date') && line !== '');
  if (code !== 0) throw new Stop(`the native addons do not compile:\n${lastLines(output, 12)}`, 'See the compiler\'s message above.');
  for (const line of news) done(line);
}

async function buildTypeScript() {
  const hash = sourceHash();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash) return;
  rmSync(STAMP, { force: true });
  // A lost output would not be written again by an incremental build.
  if (!existsSync(join(DIST, 'main.js'))) rmSync(join(DIST, '.tsbuildinfo'), { force: true });
  await compile('tsconfig.build.json', 'compiling TypeScript');
  removeOrphans();
  const { bundle } = await import('./bundle.mjs'); // esbuild is there only now
  await bundle();
  await keepHelp();
  writeFileSync(STAMP, hash);
  done('compiled');
}

/** @precinct/sdk, which node_modules links to: examples and tests import it built. */
async function buildSdk() {
  const hash = hashOf([...filesIn(join(SDK, 'src')), join(SDK, 'tsconfig.json'), join(ROOT, 'tsconfig.json'), join(ROOT, 'package-lock.json')]);
  if (existsSync(SDK_STAMP) && readFileSync(SDK_STAMP, 'utf8') === hash) return;
  rmSync(join(SDK, 'dist'), { recursive: true, force: true });
  await compile(join('sdk', 'typescript', 'tsconfig.json'), 'compiling the TypeScript SDK');
  writeFileSync(SDK_STAMP, hash);
  done('TypeScript SDK compiled');
}

async function compile(project, what) {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { code, output } = await withProgress(what, () => run(process.execPath, [tsc, '-p', project], { log: logFile('setup.log') }));
  if (code !== 0) throw new Stop(`TypeScript does not compile:\n${lastLines(output, 20)}`, 'Repair the lines named above.');
}

/** Of what the gateway runs: sources, dependencies, native addons. */
export function buildId() {
  const native = join(ROOT, 'native', 'build');
  const addons = existsSync(native) ? readdirSync(native).filter((name) => name.endsWith('.input')).sort().map((name) => readFileSync(join(native, name), 'utf8')) : [];
  return createHash('sha256').update([sourceHash(), process.versions.modules, ...addons].join(' ')).digest('hex');
}

function sourceHash() {
  return hashOf([...filesIn(join(ROOT, 'src')), join(ROOT, 'tsconfig.json'), join(ROOT, 'tsconfig.build.json'), join(ROOT, 'scripts', 'bundle.mjs'), join(ROOT, 'package-lock.json')]);
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

function filesIn(dir) {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** Outputs of sources that are gone would still be imported. What is bundled has no source of its name, and sees to itself. */
function removeOrphans() {
  for (const file of filesIn(DIST).filter((name) => name.endsWith('.js') && !name.startsWith(join(DIST, 'program')))) {
    const source = join(ROOT, 'src', relative(DIST, file).replace(/\.js$/, '.ts'));
    if (!existsSync(source)) [file, `${file}.map`].forEach((name) => rmSync(name, { force: true }));
  }
}
