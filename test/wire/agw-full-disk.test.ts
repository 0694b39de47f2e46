// agw whose output goes to a full disk: no answer was given, whatever it was.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const FULL = '/dev/full';

it.runIf(existsSync(FULL)).each([
  [['config', 'show'], "agw: can't write: the disk is full (ENOSPC).\nFree space there, then try again.\n"],
  [['config', 'show', '--json'], `${JSON.stringify({ error: { code: 'ENOSPC', message: "can't write: the disk is full (ENOSPC).", remediation: 'Free space there, then try again.' } })}\n`],
])('agw %j says so, and ends as after an error', (words, said) => {
  const full = openSync(FULL, 'w');
  const { status, stderr } = spawnSync(process.execPath, [AGW, ...words], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8', env: { ...process.env, AGW_JSON: '' } });
  closeSync(full);
  expect([status, stderr]).toEqual([2, said]);
});
