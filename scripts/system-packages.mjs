// Installs distribution packages that are missing, and only those; names them before it does.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { environment, has, succeeds } from './run-command.mjs';
import { done, note, say, Stop } from './say.mjs';

const NODE_MAJORS = [20, 22, 24];

/** `needed`: without it nothing can be built. The others have a substitute, or only the walk in the README types them. */
const WANTED = [
  { apt: 'build-essential', needed: true, why: 'a C++ compiler and make', present: () => ['c++', 'g++', 'clang++'].some(has) && has('make') },
  { apt: 'python3', needed: true, why: 'node-gyp', present: () => has('python3') },
  { apt: 'pkg-config', needed: false, why: 'finding Hyperscan', present: () => has('pkg-config') || process.platform !== 'linux' },
  { apt: process.arch === 'x64' ? 'libhyperscan-dev' : 'libvectorscan-dev', needed: false, why: 'the fast matcher; RE2 otherwise', present: hasHyperscan },
  { apt: 'curl', needed: false, why: 'the walk', present: () => has('curl') },
  { apt: 'jq', needed: false, why: 'the walk', present: () => has('jq') },
  { apt: 'perl', needed: false, why: 'shasum, in the walk', present: () => has('shasum') },
];

export function checkNode() {
  const major = Number(process.versions.node.split('.', 1)[0]);
  if (!NODE_MAJORS.includes(major)) throw new Stop(`Node ${process.versions.node} is not supported.`, `Install Node ${NODE_MAJORS.join(', ')}: https://nodejs.org, or npm i -g node@22`);
}

function hasHyperscan() {
  return succeeds('pkg-config', ['--exists', 'libhs']) || ['/usr', '/usr/local', '/opt/homebrew'].some((prefix) => existsSync(`${prefix}/include/hs/hs.h`));
}

export function installSystemPackages() {
  const missing = WANTED.filter((wanted) => !wanted.present());
  if (missing.length === 0) return;
  const names = missing.map((wanted) => wanted.apt);
  const blocking = missing.filter((wanted) => wanted.needed);
  if (!has('apt-get')) return withoutApt(missing, blocking);
  const isRoot = process.getuid?.() === 0;
  const words = ['apt-get', 'install', '-y', '--no-install-recommends', ...names];
  if (!isRoot && !has('sudo')) return explain(blocking, `As root: ${words.join(' ')}`);
  say(`Installing distribution packages${isRoot ? '' : ' with sudo'}: ${missing.map((wanted) => `${wanted.apt} (${wanted.why})`).join(', ')}`);
  const asRoot = (command) => spawnSync(isRoot ? command[0] : 'sudo', isRoot ? command.slice(1) : command, { stdio: 'inherit', env: environment({ DEBIAN_FRONTEND: 'noninteractive' }) }).status === 0;
  asRoot(['apt-get', 'update', '-qq']);
  if (asRoot(words)) return done(`installed ${names.join(', ')}`);
  const still = WANTED.filter((wanted) => !wanted.present());
  explain(still.filter((wanted) => wanted.needed), `apt-get could not install ${still.map((wanted) => wanted.apt).join(', ')}. By hand: sudo ${words.join(' ')}`);
}

function withoutApt(missing, blocking) {
  const hint = process.platform === 'darwin' ? 'xcode-select --install; brew install python3 pkg-config vectorscan jq' : `Install what your distribution calls ${missing.map((wanted) => wanted.apt).join(', ')}.`;
  explain(blocking, hint);
}

function explain(blocking, remedy) {
  if (blocking.length > 0) throw new Stop(`Missing: ${blocking.map((wanted) => wanted.why).join(', ')}.`, remedy);
  note(`${remedy} Going on without; the matcher is RE2 then.`);
}
