// npm ci, when the lock file, the Node ABI or the machine changed since the last one.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { lastLines, logFile, ROOT, run } from './run-command.mjs';
import { done, Stop, withProgress } from './say.mjs';

const STAMP = join(ROOT, 'node_modules', '.precinct-stamp');
const OFFLINE = /ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|ECONNRESET|ENOTCACHED|ERR_SOCKET_TIMEOUT|network/;

/** Native packages are built per ABI. */
function stampNow() {
  const lock = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json'))).digest('hex');
  return [lock, process.versions.modules, process.platform, process.arch].join(' ');
}

export async function installNpmPackages() {
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stampNow()) return;
  const log = logFile('setup.log');
  rmSync(STAMP, { force: true });
  // JOBS is node-gyp's: without it RE2's files are compiled one by one.
  const env = { DOWNLOAD_FORCE_BUILD: '1', JOBS: String(availableParallelism()), ...headersHere() };
  const { code, output } = await withProgress('npm ci (the first time it compiles RE2 and SQLite: 2 to 6 minutes)', () => run('npm', ['ci', '--no-audit', '--no-fund'], { env, log }));
  if (code === 127) throw new Stop('npm is missing.', 'It comes with Node: https://nodejs.org');
  if (code !== 0) throw failure(output, log);
  writeFileSync(STAMP, stampNow());
  done('npm packages installed');
}

function failure(output, log) {
  if (OFFLINE.test(output)) return new Stop('The package registry cannot be reached.', 'Check the network or the proxy (npm ping), then run the command again.');
  return new Stop(`npm ci failed:\n${lastLines(output, 12)}`, `The whole output: ${log}`);
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
