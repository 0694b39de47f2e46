// Bundles what a process or a thread begins with, libraries included, into dist/program: Node takes a millisecond of a core for each module it loads,
// and a thread would load five hundred. What has native parts, finds its own files or is seldom needed stays outside, in node_modules.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';

const ROOT = dirname(import.meta.dirname);
const OUT = join(ROOT, 'dist', 'program');
const OUTSIDE = ['@grpc/grpc-js', 'better-sqlite3', 'better-sqlite3-node22', 'piscina', 're2', 'uWebSockets.js', 'undici'];
/** Names what the last whole build made. */
const LIST = 'files.json';
/** What a gateway of an earlier build, which still runs, may come to load: this long after another build took its place. */
const KEPT_MS = 24 * 60 * 60 * 1000;
const PROGRAMS = { process: 'threads/process.ts', gateway: 'threads/gateway.ts', 'audit-writer': 'threads/audit-writer.ts', scan: 'threads/scan.ts', planner: 'threads/planner.ts', cli: 'cli/index.ts' };
/** What a thread begins with, and who starts it: built before it, and named in it. */
const STARTED_BY = { scan: 'gateway', gateway: 'process', 'audit-writer': 'process', planner: 'process' };

/** zod's messages in fifty languages: a third of what a thread would read. The English ones are imported by another way. */
const ONE_LANGUAGE = { name: 'one-language', setup: ({ onLoad }) => onLoad({ filter: /[/\\]zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({ contents: 'export {};' })) };

/** Each program for itself, from the sources; only what it loads late becomes files of their own. Parts that programs share would make sixty files of each. */
export async function bundle() {
  const made = new Map();
  const make = (name) => {
    if (!made.has(name)) made.set(name, buildOne(name));
    return made.get(name);
  };
  /** A thread's program has a name of its content: a gateway that was started before another build goes on with its own. */
  async function buildOne(name) {
    const threads = await Promise.all(Object.keys(STARTED_BY).filter((thread) => STARTED_BY[thread] === name).map(async (thread) => [thread, (await make(thread)).entry]));
    const { outputFiles, metafile } = await build({
      absWorkingDir: ROOT, entryPoints: { [name]: join(ROOT, 'src', PROGRAMS[name]) },
      tsconfig: join(ROOT, 'tsconfig.build.json'), define: { THREAD_PROGRAMS: JSON.stringify(JSON.stringify(Object.fromEntries(threads))) }, metafile: true, entryNames: name in STARTED_BY ? '[name]-[hash]' : '[name]',
      outdir: OUT, write: false, chunkNames: `${name}-[hash]`, bundle: true, splitting: true, format: 'esm', platform: 'node', mainFields: ['module', 'main'], target: 'node20', sourcemap: true, sourcesContent: false, external: OUTSIDE, plugins: [ONE_LANGUAGE], logLevel: 'error',
      // Libraries of the older kind ask for Node's own modules by require, which a module of the newer kind has not.
      banner: { js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);" },
    });
    const entry = basename(Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint === `src/${PROGRAMS[name]}`));
    const files = outputFiles.map(({ path, contents }) => ({ name: basename(path), contents }));
    // Sources that start a thread, as tests do, know no name but the program's own.
    return { entry, files: name in STARTED_BY ? [...files, { name: `${name}.js`, contents: `export * from './${entry}';\n` }] : files };
  }
  const programs = await Promise.all(Object.keys(PROGRAMS).map(make));
  putInPlace(OUT, programs.flatMap(({ files }) => files), Date.now());
}

/** The process and its threads are of one build: nothing of it is there where one program can't be made, and what programs load late is there before they are. */
export function putInPlace(folder, files, nowMs) {
  mkdirSync(folder, { recursive: true });
  const list = join(folder, LIST);
  const superseded = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : readdirSync(folder);
  for (const file of superseded.map((name) => join(folder, name)).filter((path) => existsSync(path))) utimesSync(file, nowMs / 1000, nowMs / 1000);
  const isProgram = ({ name }) => name.split('.', 1)[0] in PROGRAMS;
  const names = [...files.map(({ name }) => name), LIST];
  for (const file of [...files.filter((one) => !isProgram(one)), ...files.filter(isProgram), { name: LIST, contents: JSON.stringify(names) }]) putWhole(folder, file);
  for (const file of readdirSync(folder).filter((name) => !names.includes(name)).map((name) => join(folder, name))) if (nowMs - statSync(file).mtimeMs > KEPT_MS) rmSync(file);
}

/** A gateway that runs may load it at any moment. */
function putWhole(folder, { name, contents }) {
  const half = join(folder, `${name}.new`);
  writeFileSync(half, contents);
  renameSync(half, join(folder, name));
}

if (process.argv[1] === import.meta.filename) await bundle();
