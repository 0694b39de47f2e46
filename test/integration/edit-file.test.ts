// A file is replaced whole, or it is as it was; no edit is lost to another.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { editFile } from '../../src/cli/edit-file.js';

/** In a process that may write files of 16 blocks at most: the disk takes the first part, and refuses the rest. */
const PROGRAM = `
  const { replaceFile } = await import(${JSON.stringify(fileURLToPath(new URL('../../dist/cli/edit-file.js', import.meta.url)))});
  try { replaceFile(process.argv[1], 'x'.repeat(100_000)); console.log('written'); } catch (error) { console.log(error.constructor.name); }
`;

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'precinct-edit-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

it('an edit of a file that was written meanwhile is made of what was written', () => {
  const dir = folder();
  const file = join(dir, 'list.yaml');
  writeFileSync(file, 'a\n');
  let others = ['b\n', 'c\n'];
  editFile(file, (text) => {
    const [other, ...later] = others;
    others = later;
    if (other !== undefined) writeFileSync(file, text + other);
    return `${text}mine\n`;
  });
  expect([readFileSync(file, 'utf8'), readdirSync(dir)]).toEqual(['a\nb\nc\nmine\n', ['list.yaml']]);
});

it('an edit that throws leaves the file as it was', () => {
  const dir = folder();
  const file = join(dir, 'list.yaml');
  writeFileSync(file, 'a\n');
  expect(() => editFile(file, () => { throw new RangeError('no'); })).toThrow(RangeError);
  expect([readFileSync(file, 'utf8'), readdirSync(dir)]).toEqual(['a\n', ['list.yaml']]);
});

it('an edit goes on where one was killed', () => {
  const dir = folder();
  const file = join(dir, 'list.yaml');
  writeFileSync(join(dir, '.list.yaml.lock'), '');
  editFile(file, (text) => `${text}mine\n`);
  expect([readFileSync(file, 'utf8'), readdirSync(dir)]).toEqual(['mine\n', ['list.yaml']]);
});

it('a disk that takes only a part of a text leaves the file as it was', async () => {
  const dir = folder();
  const file = join(dir, 'mcp.json');
  writeFileSync(file, '{"mine":1}');
  const said = await new Promise<string>((resolve, reject) => {
    execFile('sh', ['-c', 'ulimit -f 16; exec "$0" --input-type=module -e "$1" "$2"', process.execPath, PROGRAM, file], (error, out) => (error === null ? resolve(out.trim()) : reject(error)));
  });
  expect([said, readFileSync(file, 'utf8'), readdirSync(dir)]).toEqual(['CliFailure', '{"mine":1}', ['mcp.json']]);
});
