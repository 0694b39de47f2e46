// docs/connect.md: its blocks as typed, in a copy of the project on free ports; its table is the table of the code.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CLIENTS } from '../../src/cli/clients/facts.js';
import { freePort } from '../support/free-port.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/connect.md'), 'utf8');
const BLOCKS = [...PAGE.matchAll(/^```sh connect\n([\s\S]*?)^```\n```\n([\s\S]*?)^```$/gm)].map(([, typed = '', shows = '']) => ({ typed, shows }));
const FORMATS = { json: 'JSON', jsonc: 'JSON with comments', toml: 'TOML', yaml: 'YAML' } as const;
const READY_TRIES = 300;
const TRY_EVERY_MS = 50;

let dir = '';
let ports = { gateway: 0, demo: 0 };
const running: ChildProcess[] = [];
const onOurPorts = (text: string): string => text.replaceAll('localhost:9090', `localhost:${ports.gateway}`).replaceAll('127.0.0.1:9191', `127.0.0.1:${ports.demo}`).replaceAll('port: 9090', `port: ${ports.gateway}`);

async function start(args: readonly string[], sign: RegExp): Promise<void> {
  const child = spawn(process.execPath, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => { said += part.toString(); });
  for (let tries = 0; tries < READY_TRIES && !sign.test(said) && child.exitCode === null; tries += 1) await sleep(TRY_EVERY_MS);
  if (!sign.test(said)) throw new Error(`${args.join(' ')} does not serve:\n${said}`);
}

beforeAll(async () => {
  ports = { gateway: await freePort(), demo: await freePort() };
  dir = mkdtempSync(join(tmpdir(), 'precinct connect '));
  for (const name of ['config', 'policies', 'bin', 'examples', 'package.json']) cpSync(join(ROOT, name), join(dir, name), { recursive: true });
  for (const name of ['dist', 'native', 'node_modules']) symlinkSync(join(ROOT, name), join(dir, name));
  for (const name of ['.precinct', 'home']) mkdirSync(join(dir, name), { mode: 0o700 });
  for (const file of ['config/gateway.yaml', 'config/capability-registry-v2.yaml']) writeFileSync(join(dir, file), onOurPorts(readFileSync(join(ROOT, file), 'utf8')));
  await start([join('examples', 'demo-server', 'server.mjs'), '--port', String(ports.demo)], /demo MCP server on/);
  await start([join(ROOT, 'dist', 'main.js'), '--config', 'config/gateway.yaml'], /listening:/);
}, 60_000);

afterAll(async () => {
  for (const child of running.reverse()) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
  }
  if (dir !== '') rmSync(dir, { recursive: true, force: true });
});

/** `…` stands for what is long, or differs from run to run. */
function pattern(shows: string): RegExp {
  const lines = onOurPorts(shows).trimEnd().split('\n').map((line) => (line === '…' ? '[\\s\\S]*' : line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')));
  return new RegExp(`^${lines.join('\n')}$`);
}

it('shows at least four blocks with what they print', () => {
  expect(BLOCKS.length).toBeGreaterThan(3);
});

it.each(BLOCKS.map(({ typed, shows }, at) => [at + 1, typed, shows] as const))('block %i prints what the page says', { timeout: 120_000 }, (_at, typed, shows) => {
  const env = { ...process.env, HOME: join(dir, 'home'), XDG_CONFIG_HOME: '', CODEX_HOME: '', PATH: `${join(dir, 'bin')}:${process.env['PATH'] ?? ''}`, NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync('bash', ['-eu', '-o', 'pipefail', '-c', onOurPorts(typed)], { cwd: dir, encoding: 'utf8', env, timeout: 100_000 });
  expect([status, stderr, pattern(shows).test(stdout.trimEnd()) || stdout]).toEqual([0, stderr, true]);
});

it('lists every client with its format and files', () => {
  const rows = CLIENTS.map(({ title, format, at, places }) => `| ${title} | ${FORMATS[format]}, \`${format === 'toml' ? `[${at.join('.')}]` : at.join('.')}\` | ${places.map(({ path }) => `\`${typeof path === 'string' ? path : path.linux ?? ''}\``).join(', ')} |`);
  expect(rows.filter((row) => !PAGE.includes(row))).toEqual([]);
  expect(PAGE.match(/^\| (?!client|---).*\|$/gm)).toHaveLength(rows.length);
});
