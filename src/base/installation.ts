// Where the parts of this installation lie, whichever file of it asks: a source, what the compiler made of it, or a program that was bundled of many.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

type Program = 'audit-writer' | 'gateway' | 'planner' | 'process' | 'scan';

/** In a bundled program, the files of the threads that it starts, as JSON: of the same build, whatever build came after. Written in by scripts/bundle.mjs. */
declare const THREAD_PROGRAMS: string | undefined;
const OF_THIS_BUILD = (typeof THREAD_PROGRAMS === 'undefined' ? {} : JSON.parse(THREAD_PROGRAMS)) as Readonly<Partial<Record<Program, string>>>;

/** The folder of package.json. */
const ROOT = findRoot();

function findRoot(): URL {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    if (existsSync(new URL('package.json', folder))) return folder;
    if (folder.pathname === new URL('..', folder).pathname) throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}: restore the checkout`);
  }
}

/** The whole path of what lies at `path` below the root. */
export function installed(path: string): string {
  return fileURLToPath(new URL(path, ROOT));
}

/** The code that runs, of which `folders` hold a part: they themselves, or the process's whole program where that was bundled of them. */
export function runningCode(folders: readonly string[]): readonly URL[] {
  const [tree = '', folder] = import.meta.url.slice(ROOT.href.length).split('/', 2);
  return folder === 'program' ? [programOf('process')] : folders.map((name) => new URL(`${tree}/${name}`, ROOT));
}

/** What a process or a thread of it begins with, as scripts/bundle.mjs makes it. */
export function programOf(name: Program): URL {
  return new URL(`dist/program/${OF_THIS_BUILD[name] ?? `${name}.js`}`, ROOT);
}
