// Finds and compiles the committed WebAssembly artefact; a compiled module can be shared with other threads.
import { existsSync, readFileSync } from 'node:fs';
import { hashFile } from '../../base/crypto/hash-file.js';
import { installed } from '../../base/installation.js';

const ARTEFACT = 'native/rego/precinct_rego.wasm';

let compiled: WebAssembly.Module | undefined;

/** Compiles on the first call (about 30 ms) and answers the same module afterwards. Pass it to worker threads by structured clone. */
export function compileRegoModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(locateArtefact()));
  return compiled;
}

/** Names the engine's version: what one found out about policies may not hold for another. */
export function digestRegoModule(): string {
  return hashFile(locateArtefact());
}

function locateArtefact(): string {
  const file = installed(ARTEFACT);
  if (!existsSync(file)) throw new Error(`${ARTEFACT} is missing: it is part of the checkout, restore it or build it with native/rego/build.sh`);
  return file;
}
