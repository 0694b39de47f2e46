// The contract of an adapter, asked of anybody's: `node test/adapter-contract/run.mjs --kit FILE [--only WORD] [--json]`; `--duties` prints the list for docs/adapters.md. docs/adapters.md says how to write a kit. Needs the built gateway.
// Exit code 0: every duty is done; 1: one is not; 2: it could not be asked.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { CASES, dutiesTable } from './contract.mjs';
import { startSurroundings } from './surroundings.mjs';

async function main() {
  const { values } = parseArgs({ options: { kit: { type: 'string' }, only: { type: 'string', default: '' }, json: { type: 'boolean', default: false }, duties: { type: 'boolean', default: false } } });
  if (values.duties) {
    process.stdout.write(`${dutiesTable()}\n`);
    return 0;
  }
  if (values.kit === undefined) throw new Error('name the kit: --kit FILE');
  const { default: kit } = await import(pathToFileURL(resolve(values.kit)).href);
  const surroundings = await startSurroundings(kit);
  const results = [];
  try {
    for (const { id, duty, needs, run } of CASES.filter((one) => one.id.includes(values.only))) {
      const why = needs === undefined ? undefined : kit.cannot[needs];
      const fault = why === undefined ? await run(surroundings).then(() => undefined, (error) => error) : undefined;
      const result = { id, duty, outcome: why !== undefined ? 'not asked' : fault === undefined ? 'done' : 'not done', ...(why === undefined ? {} : { why }), ...(fault === undefined ? {} : { why: fault.message }) };
      results.push(result);
      await surroundings.closeSessions();
      if (!values.json) process.stdout.write(`${{ done: '✓', 'not done': '✗', 'not asked': '-' }[result.outcome]} ${id.padEnd(24)} ${duty}${result.why === undefined ? '' : `\n  ${result.why}`}\n`);
    }
  } finally {
    await surroundings.stop();
  }
  const count = (outcome) => results.filter((one) => one.outcome === outcome).length;
  process.stdout.write(values.json ? `${JSON.stringify({ kit: kit.name, results })}\n` : `${kit.name}: ${count('done')} done, ${count('not done')} not done, ${count('not asked')} not asked\n`);
  return count('not done') === 0 ? 0 : 1;
}

main().then((code) => process.exit(code), (error) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(2);
});
