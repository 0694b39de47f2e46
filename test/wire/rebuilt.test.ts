// Another build takes a running gateway's place on disk: what the old code still finds out is not kept for the new one. And a build that was never made.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { installed } from '../../src/base/installation.js';
import { CALLER, makeProject, permitAll } from '../support/gateway-process.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { until } from '../support/until.js';
import { call, registration, toolText } from './calls.js';

const { putInPlace } = (await import(pathToFileURL(installed('scripts/bundle.mjs')).href)) as { putInPlace: (folder: string, files: readonly { name: string; contents: string }[], nowMs: number) => void };

let root: string;
let project: string;
let gateway: ChildProcess | undefined;
let said = '';
let server: ScriptedServer;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'precinct-rebuilt-'));
  for (const part of ['package.json', 'dist']) cpSync(installed(part), join(root, part), { recursive: true });
  for (const part of ['node_modules', 'native', 'policies']) symlinkSync(installed(part), join(root, part));
  server = await startScriptedServer([toolText('echo')]);
  project = makeProject({ policies: { 'a.rego': permitAll() }, tools: [registration('echo', server.url)] });
});
afterEach(async () => {
  await stop();
  await server.close();
  for (const dir of [root, project]) rmSync(dir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  said = '';
  const env = { ...process.env, NODE_OPTIONS: `--require ${fileURLToPath(new URL('./break-thread.cjs', import.meta.url))}` };
  gateway = spawn(process.execPath, [join(root, 'dist/main.js'), '--config', join(project, 'config/gateway.yaml')], { cwd: project, stdio: ['ignore', 'ignore', 'pipe'], env });
  gateway.stderr?.on('data', (bytes: Buffer) => { said += bytes.toString(); });
  await until(() => said.includes('listening:'));
}

async function stop(): Promise<void> {
  gateway?.kill('SIGTERM');
  await until(() => gateway === undefined || gateway.exitCode !== null);
}

const kept = (): number => readdirSync(join(project, '.precinct/cache')).filter((name) => name.startsWith('policy-')).length;

it('finds out for itself what the code before it found out after the build', async () => {
  await start();
  expect(kept()).toBe(1);
  appendFileSync(join(root, 'dist/program/process.js'), '\n// another build\n');
  for (const file of readdirSync(join(project, 'config/opa/policies'))) appendFileSync(join(project, 'config/opa/policies', file), '\n# changed\n');
  gateway?.kill('SIGHUP');
  await until(() => kept() === 2);
  await stop();
  await start();
  expect(kept()).toBe(3);
}, 120_000);

it('goes on with the threads of its own build: one that takes another\'s place, and those of the scan pool', async () => {
  await start();
  const folder = join(root, 'dist/program');
  const names = (JSON.parse(readFileSync(join(folder, 'files.json'), 'utf8')) as string[]).filter((name) => /^[a-z-]+\.js$/.test(name));
  putInPlace(folder, names.map((name) => ({ name, contents: `throw new Error('${name} of another build');` })), Date.now());
  writeFileSync(join(project, 'crash-0'), '');
  await until(() => said.includes('"event":"thread_replaced"') || said.includes('could not be replaced'));
  const large = await fetch(/http:\/\/\S+/.exec(said)?.[0] ?? '', { method: 'POST', headers: { 'content-type': 'application/json', 'x-spiffe-id': CALLER }, body: call('echo', { text: 'word "and" \u00e9 '.repeat(100_000) }) });
  expect([large.status, said.match(/of another build/g)]).toEqual([200, null]);
}, 120_000);

it('says that it is not built, and how to build it, where the compiler alone has run', () => {
  rmSync(join(root, 'dist/program'), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'dist/main.js')], { cwd: project, encoding: 'utf8' });
  expect([status, stderr]).toEqual([1, 'not built yet: run make up (or npm run build) first\n']);
});
