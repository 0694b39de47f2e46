// Writes the figures of bench/results into bench/README.md; --check only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { figuresOf } from './support/results.mjs';

const README = new URL('README.md', import.meta.url);
const BLOCK = /(<!-- results\/([\w-]+)\.json -->\n)[\s\S]*?(<!-- end -->)/g;

const before = readFileSync(README, 'utf8');
const after = before.replace(BLOCK, (_block, head, name, end) => `${head}${figuresOf(name)}\n${end}`);
if (after !== before && process.argv.includes('--check')) {
  process.stderr.write('bench/README.md does not show what bench/results says: node bench/figures.mjs\n');
  process.exitCode = 1;
} else if (after !== before) {
  writeFileSync(README, after);
  process.stdout.write('wrote bench/README.md\n');
}
