// A file is replaced whole, or it is as it was.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

/** In a process that may write files of 16 blocks at most: the disk takes the first part, and refuses the rest. */
const PROGRAM = `
  const { replaceFile } = await import(${JSON.stringify(fileURLToPath(new URL('../../dist/cli/edit-file.js', import.meta.url)))});
  try { replaceFile(process.argv[1], 'x'.repeat(100_000)); console.log('written'); } catch (error) { console.log(error.constructor.name); }
`;

it('a disk that takes only a part of a text leaves the file as it was', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-edit-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'mcp.json');
  writeFileSync(file, '{"mine":1}');
  const said = await new Promise<string>((resolve, reject) => {
    execFile('sh', ['-c', 'ulimit -f 16; exec "$0" --input-type=module -e "$1" "$2"', process.execPath, PROGRAM, file], (error, out) => (error === null ? resolve(out.trim()) : reject(error)));
  });
  expect([said, readFileSync(file, 'utf8'), readdirSync(dir)]).toEqual(['CliFailure', '{"mine":1}', ['mcp.json']]);
});
