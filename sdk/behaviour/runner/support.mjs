// What the tests have already, for a program that runs without them: the gateway as a process, a certificate authority, a guard, a Workload API. Their TypeScript is bundled when it is needed.
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
  const here = JSON.stringify(pathToFileURL(join(SUPPORT, 'support.ts')).href); // they find the repository from where they stand
  try {
    await build({
      stdin: { contents: "export * from './gateway-process.js'; export * from './guard-server.js'; export * from './pki.js'; export * from './workload-api-server.js';", resolveDir: SUPPORT, loader: 'ts' },
      bundle: true, platform: 'node', format: 'esm', target: 'node20', outfile, logLevel: 'silent',
      define: { 'import.meta.url': here }, banner: { js: `import { createRequire } from 'node:module';\nconst require = createRequire(${here});` },
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
