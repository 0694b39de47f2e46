// Another build takes a running gateway's place on disk: what the old code still finds out is not kept for the new one. And a build that was never made.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { installed } from '../../src/base/installation.js';
import { makeProject, permitAll } from '../support/gateway-process.js';
import { until } from '../support/until.js';

let root: string;
let project: string;
let gateway: ChildProcess | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'precinct-rebuilt-'));
  for (const part of ['package.json', 'dist']) cpSync(installed(part), join(root, part), { recursive: true });
  for (const part of ['node_modules', 'native', 'policies']) symlinkSync(installed(part), join(root, part));
  project = makeProject({ policies: { 'a.rego': permitAll() } });
});
afterEach(async () => {
  await stop();
  for (const dir of [root, project]) rmSync(dir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  let said = '';
  gateway = spawn(process.execPath, [join(root, 'dist/main.js'), '--config', join(project, 'config/gateway.yaml')], { stdio: ['ignore', 'ignore', 'pipe'] });
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

it('says that it is not built, and how to build it, where the compiler alone has run', () => {
  rmSync(join(root, 'dist/program'), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'dist/main.js')], { cwd: project, encoding: 'utf8' });
  expect([status, stderr]).toEqual([1, 'not built yet: run make up (or npm run build) first\n']);
});
