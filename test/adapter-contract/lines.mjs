// How large the worked adapter is: lines of code of each file, without blank lines and comments. `node test/adapter-contract/lines.mjs` prints the table of docs/adapters.md.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const SOURCES = join(import.meta.dirname, '..', '..', 'examples', 'adapter', 'src');
const NO_CODE = /^\s*(\/\/.*|\/\*\*.*|\*.*)?$/;

export function linesTable() {
  const files = readdirSync(SOURCES).sort().map((name) => {
    const lines = readFileSync(join(SOURCES, name), 'utf8').split('\n');
    return { name, count: lines.filter((line) => !NO_CODE.test(line)).length, does: (lines[0] ?? '').replace(/^\/\/ /, '').split(/[.:;]/)[0] };
  });
  const all = files.reduce((sum, { count }) => sum + count, 0);
  return { all, table: ['| file | lines | is |', '|---|---|---|', ...files.map(({ name, count, does }) => `| ${name} | ${count} | ${does} |`), `| all | ${all} | |`].join('\n') };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) process.stdout.write(`${linesTable().table}\n`);
