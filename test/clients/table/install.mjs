// Installs the clients and servers of the table, pinned, outside the repository. What is there already is left alone; what can't be installed here is said, and its rows say so.
//   node test/clients/table/install.mjs     into $PRECINCT_CLIENTS, else precinct-clients in the user's cache folder
import { copyFileSync, cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, installPinned, nodeOf } from '../../../scripts/cache-folder.mjs';
import { has, lastLines, run } from '../../../scripts/run-command.mjs';
import { note, runScript, withProgress } from '../../../scripts/say.mjs';

const HERE = import.meta.dirname;
const NODE_MIN = 22; // of MCP Inspector

export const clientsFolder = (kind) => join(cacheFolder('precinct-clients', 'PRECINCT_CLIENTS'), kind);

/** A Node that everything of npm runs on. */
export const newerNode = () => nodeOf(clientsFolder('npm'), NODE_MIN) ?? process.execPath;

/** The program of an installed npm package. */
export const npmProgram = (...path) => join(clientsFolder('npm'), 'node_modules', ...path);
/** LangGraph's adapters want an older `mcp` than the others: two environments. @param {'python' | 'langgraph' | 'integrations-lowest'} kind */
export const pythonProgram = (kind = 'python') => join(clientsFolder(kind), 'bin', 'python');
export const goProgram = () => join(clientsFolder('go'), 'client');
export const rustProgram = () => join(clientsFolder('rust'), 'target', 'release', 'precinct-client');

/** Cleared: what another Python made is no environment of this one. */
const venv = (requirements) => (folder) => [['python3', ['-m', 'venv', '--clear', folder]], [join(folder, 'bin', 'pip'), ['install', '--quiet', '-r', join(HERE, requirements)]]];
const npmCi = () => [['npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']]];

/** What is installed how: the files that pin it, what it needs, and the commands, run in its folder. */
const KINDS = {
  npm: { pins: ['package.json', 'package-lock.json'], needs: 'npm', commands: npmCi },
  'claude-code': { pins: ['claude-code/package.json', 'claude-code/package-lock.json'], needs: 'npm', commands: npmCi },
  python: { pins: ['requirements.txt'], needs: 'python3', commands: venv('requirements.txt') },
  langgraph: { pins: ['langgraph-requirements.txt'], needs: 'python3', commands: venv('langgraph-requirements.txt') },
  'integrations-lowest': { pins: ['integrations-lowest-requirements.txt'], needs: 'python3', commands: venv('integrations-lowest-requirements.txt') },
  go: { pins: ['go/go.mod', 'go/go.sum', 'go/client.go'], needs: 'go', commands: () => [['go', ['build', '-o', 'client', '.']]] },
  rust: { pins: ['rust/Cargo.toml', 'rust/Cargo.lock', 'rust/src/main.rs'], needs: 'cargo', commands: () => [['cargo', ['build', '--release', '--locked']]] },
};

/** @returns {Promise<string | undefined>} why it is not there */
function installKind(kind) {
  const { pins, needs, commands } = KINDS[kind];
  const folder = clientsFolder(kind);
  const files = pins.map((name) => join(HERE, name));
  return installPinned(folder, files, async () => {
    if (!has(needs)) return `${needs} is not on this machine`;
    if (existsSync(join(HERE, kind))) cpSync(join(HERE, kind), folder, { recursive: true });
    else for (const [at, name] of pins.entries()) copyFileSync(files[at], join(folder, name));
    for (const [command, words] of commands(folder)) {
      const { code, output } = await withProgress(`installing what is of ${kind}`, () => run(command, words, { cwd: folder }));
      if (code !== 0) return `could not be installed: ${lastLines(output, 1).trim()}`;
    }
    return undefined;
  });
}

/** Kind → why it is not there; undefined = it is. @returns {Promise<Record<string, string | undefined>>} */
export async function installClients() {
  /** @type {Record<string, string | undefined>} */
  const missing = {};
  for (const kind of Object.keys(KINDS)) {
    missing[kind] = await installKind(kind);
    if (missing[kind] !== undefined) note(`${kind}: ${missing[kind]}`);
  }
  return missing;
}

if (process.argv[1] === import.meta.filename) {
  await runScript(async () => {
    await installClients();
  });
}
