// Installs the peers outside the repository, in the versions of table.mjs. What is there already is left alone; what cannot be installed is said, and is no error.
//   node bench/peers/install.mjs [civic vmcp …]     into $PRECINCT_PEERS, else precinct-peers in the user's cache folder
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../scripts/cache-folder.mjs';
import { PEERS } from './table.mjs';

/** 3.12 is the least that all of them take; litellm takes nothing from 3.14 on. */
const PYTHON = { from: 12, below: 14 };

/** Where the peers are. */
export function peersFolder() {
  return cacheFolder('precinct-peers', 'PRECINCT_PEERS');
}

/** The folder of one peer, or undefined where its pinned version is not installed. */
export function installed(peer) {
  const home = join(peersFolder(), peer.key);
  const mark = join(home, 'installed');
  return existsSync(mark) && readFileSync(mark, 'utf8') === peer.version ? home : undefined;
}

const INSTALL = {
  npm: (peer, home) => run('npm', ['install', '--prefix', home, '--no-audit', '--no-fund', `${peer.package}@${peer.version}`]),
  go: (peer, home) => run('go', ['install', `${peer.package}@${peer.version}`], { GOBIN: join(home, 'bin') }),
  cargo: (peer, home) => run('cargo', ['install', peer.package, '--version', peer.version, '--locked', '--root', home]),
  pip: (peer, home) => {
    const python = findPython();
    if (python === undefined) throw new Error(`needs Python 3.${PYTHON.from} to 3.${PYTHON.below - 1}`);
    if (!existsSync(join(home, 'bin', 'pip'))) run(python, ['-m', 'venv', home]);
    run(join(home, 'bin', 'pip'), ['install', '--quiet', `${peer.package}[${peer.extra}]==${peer.version}`]);
  },
};

function run(command, args, env = {}) {
  const { error, status, stderr } = spawnSync('nice', ['-n', '10', command, ...args], { env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 1 << 26 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.trim().split('\n').slice(-3).join(' ')}`);
}

function findPython() {
  const pyenv = join(homedir(), '.pyenv', 'versions');
  const own = existsSync(pyenv) ? readdirSync(pyenv).map((version) => join(pyenv, version, 'bin', 'python3')) : [];
  return ['python3', 'python3.12', 'python3.13', ...own].find((command) => {
    const minor = Number(/^Python 3\.(\d+)/.exec(spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]);
    return minor >= PYTHON.from && minor < PYTHON.below;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`peers go to ${peersFolder()}\n`);
  const wanted = process.argv.slice(2);
  for (const peer of PEERS.filter(({ key }) => wanted.length === 0 || wanted.includes(key))) {
    const what = `${peer.package} ${peer.version}`;
    if (installed(peer) !== undefined) {
      process.stdout.write(`${what}: there\n`);
      continue;
    }
    process.stdout.write(`${what}: installing (${peer.kind}; a compiler can take ten minutes)\n`);
    const home = join(peersFolder(), peer.key);
    mkdirSync(home, { recursive: true });
    try {
      INSTALL[peer.kind](peer, home);
      writeFileSync(join(home, 'installed'), peer.version);
    } catch (error) {
      process.stdout.write(`${what}: not installed. ${error.message}\n`);
    }
  }
}
