// Checks that precinct_rego.wasm is the artefact recipe.json names and that no input changed since: exit 1 if not.
// `--write TOOLCHAIN TARGET` writes the recipe; only build.sh does that, right after building.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const ARTEFACT = 'precinct_rego.wasm';
const INPUTS = ['Cargo.toml', 'Cargo.lock', 'build.sh'];

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function listInputs() {
  const sources = readdirSync(join(FOLDER, 'src'), { recursive: true }).map((name) => join('src', name)).filter((name) => statSync(join(FOLDER, name)).isFile());
  return [...INPUTS, ...sources.sort()];
}

function digestInputs() {
  const hash = createHash('sha256');
  for (const name of listInputs()) {
    // Line ends as in the repository, whatever the checkout made of them.
    const text = readFileSync(join(FOLDER, name), 'utf8').replaceAll('\r\n', '\n');
    hash.update(`${name.replaceAll('\\', '/')}\n${Buffer.byteLength(text)}\n${text}`);
  }
  return hash.digest('hex');
}

function measure() {
  const bytes = readFileSync(join(FOLDER, ARTEFACT));
  return { inputs_sha256: digestInputs(), artefact_sha256: sha256(bytes), artefact_bytes: bytes.length };
}

function write(toolchain, target) {
  const recipe = { artefact: ARTEFACT, engine: 'regorus 0.14.1', toolchain, target, command: 'native/rego/build.sh', inputs: listInputs(), ...measure() };
  writeFileSync(join(FOLDER, 'recipe.json'), `${JSON.stringify(recipe, null, 2)}\n`);
}

function check() {
  const recipe = JSON.parse(readFileSync(join(FOLDER, 'recipe.json'), 'utf8'));
  const found = measure();
  const faults = [];
  if (found.artefact_sha256 !== recipe.artefact_sha256) faults.push(`${ARTEFACT} is not the one recipe.json names: restore it, or run native/rego/build.sh`);
  if (found.inputs_sha256 !== recipe.inputs_sha256) faults.push('an input changed after the last build (Cargo.toml, Cargo.lock, build.sh, src): run native/rego/build.sh');
  for (const fault of faults) console.error(`native/rego: ${fault}`);
  if (faults.length === 0) console.log(`native/rego: ${ARTEFACT} matches its recipe (${found.artefact_bytes} bytes, ${recipe.toolchain})`);
  return faults.length === 0;
}

if (process.argv[2] === '--write') write(process.argv[3] ?? 'unknown', process.argv[4] ?? 'unknown');
else if (!check()) process.exitCode = 1;
