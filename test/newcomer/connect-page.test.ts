// docs/connect.md: its blocks as typed, in a copy of the project on free ports; its table is the table of the code.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLIENTS } from '../../src/cli/clients/facts.js';
import { ProjectCopy, ROOT } from './project-copy.js';

const PAGE = readFileSync(join(ROOT, 'docs/connect.md'), 'utf8');
const BLOCKS = [...PAGE.matchAll(/^```sh connect\n([\s\S]*?)^```\n```\n([\s\S]*?)^```$/gm)].map(([, typed = '', shows = '']) => ({ typed, shows }));
const FORMATS = { json: 'JSON', jsonc: 'JSON with comments', toml: 'TOML', yaml: 'YAML' } as const;

let project: ProjectCopy;

beforeAll(async () => {
  project = await ProjectCopy.make('precinct connect ');
  mkdirSync(join(project.dir, 'home'), { mode: 0o700 });
  await project.start();
}, 60_000);

afterAll(() => project.stop());

/** `…` stands for what is long, or differs from run to run. */
function pattern(shows: string): RegExp {
  const lines = project.onOurPorts(shows).trimEnd().split('\n').map((line) => (line === '…' ? '[\\s\\S]*' : line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')));
  return new RegExp(`^${lines.join('\n')}$`);
}

it('shows at least four blocks with what they print', () => {
  expect(BLOCKS.length).toBeGreaterThan(3);
});

it.each(BLOCKS.map(({ typed, shows }, at) => [at + 1, typed, shows] as const))('block %i prints what the page says', { timeout: 120_000 }, (_at, typed, shows) => {
  const env = { ...process.env, HOME: join(project.dir, 'home'), XDG_CONFIG_HOME: '', CODEX_HOME: '', PATH: `${join(project.dir, 'bin')}:${process.env['PATH'] ?? ''}`, NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync('bash', ['-eu', '-o', 'pipefail', '-c', project.onOurPorts(typed)], { cwd: project.dir, encoding: 'utf8', env, timeout: 100_000 });
  expect([status, stderr, pattern(shows).test(stdout.trimEnd()) || stdout]).toEqual([0, stderr, true]);
});

it('lists every client with its format and files', () => {
  const rows = CLIENTS.map(({ title, format, at, places }) => `| ${title} | ${FORMATS[format]}, \`${format === 'toml' ? `[${at.join('.')}]` : at.join('.')}\` | ${places.map(({ path }) => `\`${typeof path === 'string' ? path : path.linux ?? ''}\``).join(', ')} |`);
  expect(rows.filter((row) => !PAGE.includes(row))).toEqual([]);
  expect(PAGE.match(/^\| (?!client|---).*\|$/gm)).toHaveLength(rows.length);
});
