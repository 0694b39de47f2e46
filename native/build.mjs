// Builds the native addons into native/build/: those without a library, and, where libhs is present, hyperscan.node.
// Quick when up to date. A missing compiler, header or library is said in one line and is no failure: the gateway then runs on its TypeScript and RE2 twins.
// Only a compile that breaks with a working compiler exits 1. N-API is ABI stable: one build serves Node 20, 22 and 24.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const BUILD_DIR = join(HERE, 'build');
const COMPILE_TIMEOUT_MS = 300_000;
const FLAGS = ['-std=c++17', '-O2', '-fPIC', '-fvisibility=hidden', '-fstack-protector-strong', '-Wall', '-Wextra'];
const LINK = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-Wl,-z,relro,-z,now'];

const COMPILER_REMEDY = process.platform === 'darwin' ? 'xcode-select --install' : 'apt-get install g++ (or your distribution\'s C++ compiler)';
const HEADERS_REMEDY = 'set npm_config_nodedir to a Node installation with include/node/node_api.h';
const LIBRARY_REMEDY = process.platform === 'darwin'
  ? 'brew install vectorscan pkg-config'
  : `apt-get install pkg-config ${process.arch === 'x64' ? 'libhyperscan-dev' : 'libvectorscan-dev'}`;

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: COMPILE_TIMEOUT_MS });
  return { ok: error === undefined && status === 0, stdout: stdout ?? '', stderr: error === undefined ? stderr ?? '' : error.message };
}

function say(name, text) {
  process.stdout.write(`native: ${name.padEnd(16)} ${text}\n`);
}

/** { command, version } of the first compiler that answers. */
function findCompiler() {
  for (const command of [process.env.CXX, 'c++', 'g++', 'clang++']) {
    if (!command) continue;
    const answer = run(command, ['--version']);
    if (answer.ok) return { command, version: answer.stdout };
  }
  return undefined;
}

function subfolders(folder) {
  return existsSync(folder) ? readdirSync(folder).sort().reverse().map((name) => join(folder, name)) : [];
}

/** Any version's headers will do: what the addons use has not changed since N-API 8. */
function findNodeHeaders() {
  const prefixes = [
    process.env.npm_config_nodedir,
    dirname(dirname(process.execPath)),
    ...subfolders(join(homedir(), '.cache', 'node-gyp')),
    ...subfolders(join(homedir(), 'Library', 'Caches', 'node-gyp')),
    '/usr', '/usr/local', '/opt/homebrew',
  ];
  const folders = [...prefixes.filter(Boolean).map((prefix) => join(prefix, 'include', 'node')), join(HERE, '..', 'node_modules', 'node-api-headers', 'include')];
  return folders.find((folder) => existsSync(join(folder, 'node_api.h')));
}

/** Compiler and linker flags of libhs; undefined when there is none. */
function findHyperscan() {
  const cflags = run('pkg-config', ['--cflags', 'libhs']);
  const libs = run('pkg-config', ['--libs', 'libhs']);
  if (cflags.ok && libs.ok) {
    const includeDir = run('pkg-config', ['--variable=includedir', 'libhs']).stdout.trim();
    const words = (text) => text.trim().split(/\s+/).filter(Boolean);
    return { compile: [...words(cflags.stdout), `-I${includeDir}/hs`, `-I${includeDir}`], link: words(libs.stdout), version: run('pkg-config', ['--modversion', 'libhs']).stdout.trim() };
  }
  // Without pkg-config: the usual places.
  const prefix = ['/usr', '/usr/local', '/opt/homebrew'].find((folder) => existsSync(join(folder, 'include', 'hs', 'hs.h')));
  return prefix === undefined ? undefined : { compile: [`-I${prefix}/include/hs`], link: [`-L${prefix}/lib`, '-lhs'], version: '' };
}

function sourcesOf(folder) {
  return readdirSync(join(HERE, folder)).filter((name) => name.endsWith('.cc')).sort().map((name) => join(HERE, folder, name));
}

/** Changes with every input of the compile. */
function inputHash(folder, compiler, args) {
  const hash = createHash('sha256');
  const headers = [HERE, join(HERE, folder)].flatMap((place) => readdirSync(place).filter((name) => name.endsWith('.h')).sort().map((name) => join(place, name)));
  for (const file of [...headers, ...sourcesOf(folder)]) hash.update(readFileSync(file)).update('\0');
  hash.update(JSON.stringify([compiler.command, compiler.version, process.platform, process.arch, args.map((arg) => arg.replaceAll(HERE, ''))]));
  return hash.digest('hex');
}

/** Loads it in a process of its own: a broken addon must not take the build down. */
function loads(file) {
  return run(process.execPath, ['-e', 'require(process.argv[1])', file]);
}

/** 0 = built or up to date, 1 = the compile broke. */
function build(name, folder, compiler, compileArgs, linkArgs) {
  const target = join(BUILD_DIR, `${name}.node`);
  const stamp = join(BUILD_DIR, `${name}.input`);
  const args = [...FLAGS, ...compileArgs, ...LINK, ...sourcesOf(folder)];
  const input = inputHash(folder, compiler, [...args, ...linkArgs]);
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === input) {
    say(name, 'up to date');
    return 0;
  }
  const started = process.hrtime.bigint();
  const fresh = join(BUILD_DIR, `.${name}-${process.pid}.node`);
  try {
    const compiled = run(compiler.command, [...args, '-o', fresh, ...linkArgs]);
    if (!compiled.ok) {
      say(name, `FAILED to compile with ${compiler.command}:\n${compiled.stderr}`);
      return 1;
    }
    const loaded = loads(fresh);
    if (!loaded.ok) {
      say(name, `FAILED: built, but does not load: ${loaded.stderr.split('\n').find((line) => line.includes('Error')) ?? loaded.stderr}`);
      return 1;
    }
    // Renamed: a running gateway has the old file mapped.
    rmSync(stamp, { force: true });
    renameSync(fresh, target);
    writeFileSync(stamp, input);
  } finally {
    rmSync(fresh, { force: true });
  }
  say(name, `built in ${(Number((process.hrtime.bigint() - started) / 1_000_000n) / 1000).toFixed(1)} s`);
  return 0;
}

function main() {
  mkdirSync(BUILD_DIR, { recursive: true });
  const compiler = findCompiler();
  const headers = findNodeHeaders();
  if (compiler === undefined || headers === undefined) {
    const missing = compiler === undefined ? `no C++ compiler; remedy: ${COMPILER_REMEDY}` : `node_api.h not found; remedy: ${HEADERS_REMEDY}`;
    say('WARNING', `${missing}. The gateway runs without native addons, slower (TypeScript JSON guard, RE2 matcher).`);
    return 0;
  }
  // libuv's header comes with Node, not with the package of N-API's.
  const hasLoop = existsSync(join(headers, 'uv.h'));
  if (!hasLoop) say('upstream_sockets', `skipped: uv.h not found, tool servers are called through Node's own sockets; remedy: ${HEADERS_REMEDY.replace('node_api.h', 'uv.h')}`);
  const plain = ['json_guard', 'arguments_digest', 'text_survey', 'external_memory', 'audit_lines', ...(hasLoop ? ['upstream_sockets'] : [])].map((name) => build(name, name, compiler, [`-I${headers}`], []));
  const broken = plain.some((code) => code !== 0) ? 1 : 0;
  const hyperscan = findHyperscan();
  if (hyperscan === undefined) {
    say('hyperscan', `skipped: libhs is not installed, the gateway scans with RE2; remedy: ${LIBRARY_REMEDY}`);
    return broken;
  }
  return build('hyperscan', 'hyperscan', compiler, [`-I${headers}`, ...hyperscan.compile], hyperscan.link) || broken;
}

process.exitCode = main();
