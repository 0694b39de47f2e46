// Finds and compiles the committed WebAssembly artefact; a compiled module can be shared with other threads.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashFile } from '../../base/crypto/hash-file.js';

const ARTEFACT = join('native', 'rego', 'precinct_rego.wasm');

let compiled: WebAssembly.Module | undefined;

/** Compiles on the first call (about 30 ms) and answers the same module afterwards. Pass it to worker threads by structured clone. */
export function compileRegoModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(locateArtefact(dirname(fileURLToPath(import.meta.url)))));
  return compiled;
}

/** Names the engine's version: what one found out about policies may not hold for another. */
export function digestRegoModule(): string {
  return hashFile(locateArtefact(dirname(fileURLToPath(import.meta.url))));
}

// Source tree and built tree lie at different depths below the project root.
function locateArtefact(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, ARTEFACT);
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) throw new Error(`${ARTEFACT} is missing: it is part of the checkout, restore it or build it with native/rego/build.sh`);
  }
}
