// The contract of an adapter, asked of anybody's: `node test/adapter-contract/run.mjs --help`. docs/adapters.md says how to write a kit. Needs the built gateway.
// Exit code 0: every duty is done; 1: one is not; 2: it could not be asked.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { CASES, dutiesTable } from './contract.mjs';
import { startSurroundings } from './surroundings.mjs';

const HELP = `Usage: node test/adapter-contract/run.mjs --kit FILE [options]

Holds an adapter to the contract of docs/adapters.md, which also says how to write a kit. Needs the built gateway (make up, or npm run -s build).

Options:
  --kit FILE   the module that starts the adapter and speaks its protocol
  --only WORD  only the cases whose name holds WORD: refusal/, call/cancel
  --json       results as JSON
  --duties     print the cases with their duties, and end
  --help       show this help

Exit code 0: every duty is done; 1: one is not; 2: it could not be asked.
`;

async function main() {
  const { values } = parseArgs({ options: { kit: { type: 'string' }, only: { type: 'string', default: '' }, json: { type: 'boolean', default: false }, duties: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } } });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.duties) {
    process.stdout.write(`${dutiesTable()}\n`);
    return 0;
  }
  if (values.kit === undefined) throw new Error('name the kit: --kit FILE (--help says more)');
  const cases = CASES.filter((one) => one.id.includes(values.only));
  if (cases.length === 0) throw new Error(`no case has ${values.only} in its name: --duties lists them`);
  const { default: kit } = await import(pathToFileURL(resolve(values.kit)).href);
  const surroundings = await startSurroundings(kit);
  const results = [];
  try {
    for (const { id, duty, needs, run } of cases) {
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
