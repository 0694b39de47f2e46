// Strips the adapter's types, which Node 20 does not do itself, and starts it: `node examples/adapter/run.mjs --config FILE`.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const HERE = import.meta.dirname;

/** @returns {Promise<string>} the program, one file that is exchanged whole: another process may be reading the one before */
export async function buildAdapter() {
  const { outputFiles } = await build({ entryPoints: [join(HERE, 'src', 'main.ts')], bundle: true, packages: 'external', platform: 'node', format: 'esm', target: 'node20', write: false });
  const program = join(HERE, 'dist', 'adapter.mjs');
  mkdirSync(join(HERE, 'dist'), { recursive: true });
  writeFileSync(`${program}.${process.pid}`, outputFiles[0]?.contents ?? '');
  renameSync(`${program}.${process.pid}`, program);
  return program;
}

await import(pathToFileURL(await buildAdapter()).href);
