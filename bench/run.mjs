// make bench: the chain in process, then the wire beside nginx; under five minutes on two cores.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const STEPS = [['chain/run.mjs', []], ['wire/run.mjs', ['--rounds', '8', '--seconds', '4']]];

for (const [file, args] of STEPS) {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], { stdio: 'inherit' });
  process.stdout.write('\n');
  if (status !== 0) process.exit(status ?? 1);
}
