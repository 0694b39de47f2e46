// Keeps agw's help, made from the command table, where bin/agw finds it without loading the commands. Runs after the compiler.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export async function keepHelp() {
  const built = join(dirname(import.meta.dirname), 'dist', 'cli');
  const load = (file) => import(pathToFileURL(join(built, file)).href);
  const [{ COMMANDS, GROUPS }, { allHelp }] = await Promise.all([load('index.js'), load('program.js')]);
  writeFileSync(join(built, 'help.json'), JSON.stringify(allHelp(COMMANDS, GROUPS)));
}

if (process.argv[1] === import.meta.filename) await keepHelp();
