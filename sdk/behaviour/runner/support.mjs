// What the tests have already, for a program that runs without them: the gateway as a process, and a certificate authority. Their TypeScript is bundled when it is needed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { ROOT } from '../../../scripts/run-command.mjs';

const SUPPORT = join(ROOT, 'test', 'support');

/** @returns {Promise<any>} */
export async function loadSupport() {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-behaviour-'));
  const outfile = join(dir, 'support.mjs');
  try {
    await build({
      stdin: { contents: "export * from './gateway-process.js'; export * from './pki.js';", resolveDir: SUPPORT, loader: 'ts' },
      bundle: true, platform: 'node', format: 'esm', target: 'node20', outfile, logLevel: 'silent',
      define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(SUPPORT, 'support.ts')).href) }, // they find the repository from where they stand
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
