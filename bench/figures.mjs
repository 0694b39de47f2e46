// Writes the figures of bench/results into bench/README.md, and the short ones into README.md; --check only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { figuresOf } from './support/results.mjs';

const PAGES = [
  { name: 'bench/README.md', url: new URL('README.md', import.meta.url), short: false },
  { name: 'README.md', url: new URL('../README.md', import.meta.url), short: true },
];
const BLOCK = /(<!-- (?:bench\/)?results\/([\w-]+)\.json -->\n)[\s\S]*?(<!-- end -->)/g;

for (const { name, url, short } of PAGES) {
  const before = readFileSync(url, 'utf8');
  const after = before.replace(BLOCK, (_block, head, run, end) => `${head}${figuresOf(run, { short })}\n${end}`);
  if (after === before) continue;
  if (process.argv.includes('--check')) {
    process.stderr.write(`${name} does not show what bench/results says: node bench/figures.mjs\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(url, after);
    process.stdout.write(`wrote ${name}\n`);
  }
}
