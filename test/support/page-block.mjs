// A table of the docs that is made of a kept run: it stands between `<!-- name -->` and `<!-- end -->`.
import { readFileSync, writeFileSync } from 'node:fs';

export function writeBlock(page, name, text) {
  const [begin, end] = [`<!-- ${name} -->\n`, '\n<!-- end -->'];
  const before = readFileSync(page, 'utf8');
  const from = before.indexOf(begin) + begin.length;
  const to = before.indexOf(end, from);
  if (from < begin.length || to === -1) throw new Error(`${page} has no block ${name}`);
  writeFileSync(page, `${before.slice(0, from)}${text}${before.slice(to)}`);
}
