// Bundles what a process or a thread begins with, libraries included, into dist/program: Node takes a millisecond of a core for each module it loads,
// and a thread would load five hundred. What has native parts, finds its own files or is seldom needed stays outside, in node_modules.
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const ROOT = dirname(import.meta.dirname);
const OUT = join(ROOT, 'dist', 'program');
const OUTSIDE = ['@grpc/grpc-js', 'better-sqlite3', 'better-sqlite3-node22', 'piscina', 're2', 'uWebSockets.js', 'undici'];
/** What a gateway of an earlier build, which still runs, may come to load. */
const KEPT_MS = 24 * 60 * 60 * 1000;
const PROGRAMS = { process: 'threads/process.ts', gateway: 'threads/gateway.ts', 'audit-writer': 'threads/audit-writer.ts', scan: 'threads/scan.ts', cli: 'cli/index.ts' };

/** zod's messages in fifty languages: a third of what a thread would read. The English ones are imported by another way. */
const ONE_LANGUAGE = { name: 'one-language', setup: ({ onLoad }) => onLoad({ filter: /[/\\]zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({ contents: 'export {};' })) };

/** Each program for itself, from the sources; only what it loads late becomes files of their own. Parts that programs share would make sixty files of each. */
export async function bundle() {
  removeOld();
  await Promise.all(Object.entries(PROGRAMS).map(([name, file]) => build({
    entryPoints: { [name]: join(ROOT, 'src', file) },
    tsconfig: join(ROOT, 'tsconfig.build.json'),
    outdir: OUT, chunkNames: `${name}-[hash]`, bundle: true, splitting: true, format: 'esm', platform: 'node', mainFields: ['module', 'main'], target: 'node20', sourcemap: true, sourcesContent: false, external: OUTSIDE, plugins: [ONE_LANGUAGE], logLevel: 'error',
    // Libraries of the older kind ask for Node's own modules by require, which a module of the newer kind has not.
    banner: { js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);" },
  })));
}

function removeOld() {
  if (!existsSync(OUT)) return;
  for (const file of readdirSync(OUT).map((name) => join(OUT, name))) if (Date.now() - statSync(file).mtimeMs > KEPT_MS) rmSync(file);
}

if (process.argv[1] === import.meta.filename) await bundle();
