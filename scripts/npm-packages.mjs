// npm ci, when the lock file, the Node ABI or the machine changed since the last one. Of the packages' own scripts only those that package.json allows are run.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { lastLines, logFile, ROOT, run } from './run-command.mjs';
import { done, Stop, withProgress } from './say.mjs';

const STAMP = join(ROOT, 'node_modules', '.precinct-stamp');
const SQLITE_OF_NODE_20 = 'better-sqlite3';
const OFFLINE = /ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|ECONNRESET|ENOTCACHED|ERR_SOCKET_TIMEOUT|network/;

/** Native packages are built per ABI. */
function stampNow() {
  const lock = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json'))).digest('hex');
  return [lock, process.versions.modules, process.platform, process.arch].join(' ');
}

export async function installNpmPackages() {
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stampNow()) return;
  rmSync(STAMP, { force: true });
  await withProgress('npm ci', () => npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund']));
  // SQLite is one file, which one core compiles while the others have RE2's: npm itself would take one package after the other on two cores.
  const names = scriptsToRun(Number(process.versions.node.split('.', 1)[0]));
  const compiled = names.includes(SQLITE_OF_NODE_20) ? 'RE2 and SQLite' : 'RE2';
  await withProgress(`compiling ${compiled} (the first time alone: 2 to 5 minutes)`, () => Promise.all(names.map((name) => npm(['rebuild', name]))));
  writeFileSync(STAMP, stampNow());
  done('npm packages installed');
}

/** Of the packages whose scripts may run, those that this Node needs: from Node 22 on src/base/sqlite loads a release that brings its binaries along. */
export function scriptsToRun(major) {
  const { allowScripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return Object.keys(allowScripts).filter((name) => allowScripts[name] && (name !== SQLITE_OF_NODE_20 || major < 22));
}

async function npm(words) {
  const log = logFile('setup.log');
  // JOBS is node-gyp's: without it RE2's files are compiled one by one.
  const env = { DOWNLOAD_FORCE_BUILD: '1', JOBS: String(availableParallelism()), ...headersHere() };
  const { code, output } = await run('npm', words, { env, log });
  if (code === 127) throw new Stop('npm is missing.', 'It comes with Node: https://nodejs.org');
  if (code === 0) return;
  if (OFFLINE.test(output)) throw new Stop('The package registry cannot be reached.', 'Check the network or the proxy (npm ping), then run the command again.');
  throw new Stop(`npm ${words.slice(0, 2).join(' ')} failed:\n${lastLines(output, 12)}`, `The whole output: ${log}`);
}

/** Node's own headers where they lie beside it: then nothing is downloaded to compile against. */
function headersHere() {
  const prefix = dirname(dirname(process.execPath));
  // npm's own `node` package keeps its headers one folder further down.
  const prefixes = [process.env.npm_config_nodedir, prefix, join(prefix, 'node_modules', `node-${process.platform}-${process.arch}`), '/usr', '/usr/local'].filter(Boolean);
  const found = prefixes.find((prefix) => versionOf(prefix) === process.versions.node);
  return found === undefined ? {} : { npm_config_nodedir: found };
}

function versionOf(prefix) {
  const file = join(prefix, 'include', 'node', 'node_version.h');
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  return [part('MAJOR'), part('MINOR'), part('PATCH')].join('.');
}
