// The README's walk, block by block as typed, in a copy of the project on free ports: what a newcomer sees is what the tests see.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['config', 'policies', 'bin', 'examples', 'package.json'];
const LINKED = ['dist', 'native', 'node_modules'];

interface Shown {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let dir = '';
let gatewayPort = 0;
let demoPort = 0;
const running: ChildProcess[] = [];
const shown: Shown[] = [];

/** The blocks marked `sh walk`, with this run's ports in the place of the README's. */
function blocks(): string[] {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  return [...text.matchAll(/^```sh walk\n([\s\S]*?)^```$/gm)].map((match) => onOurPorts(match[1] ?? ''));
}

function onOurPorts(text: string): string {
  return text.replaceAll('localhost:9090', `localhost:${gatewayPort}`).replaceAll('127.0.0.1:9191', `127.0.0.1:${demoPort}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function started(args: readonly string[], sign: RegExp): Promise<void> {
  const child = spawn(process.execPath, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => { said += part.toString(); });
  for (let tries = 0; tries < 300 && !sign.test(said); tries++) {
    if (child.exitCode !== null) throw new Error(said);
    await sleep(50);
  }
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'precinct walk ')); // with a space, as a home folder may have
  for (const name of COPIED) cpSync(join(ROOT, name), join(dir, name), { recursive: true });
  for (const name of LINKED) symlinkSync(join(ROOT, name), join(dir, name));
  [gatewayPort, demoPort] = await Promise.all([freePort(), freePort()]);
  mkdirSync(join(dir, '.precinct'), { mode: 0o700 });
  for (const file of ['config/gateway.yaml', 'config/capability-registry-v2.yaml']) {
    const text = readFileSync(join(dir, file), 'utf8');
    spawnSync('tee', [join(dir, file)], { input: text.replaceAll('port: 9090', `port: ${gatewayPort}`).replaceAll('127.0.0.1:9191', `127.0.0.1:${demoPort}`), stdio: ['pipe', 'ignore', 'ignore'] });
  }
  await started([join('examples', 'demo-server', 'server.mjs'), '--port', String(demoPort)], /demo MCP server on/);
  await started([join(ROOT, 'dist', 'main.js'), '--config', 'config/gateway.yaml'], /listening:/);
  // One shell, as a newcomer has: what a block exports is there for the next one.
  let before = '';
  for (const block of blocks()) {
    const exported = [...block.matchAll(/^export .*$/gm)].map((match) => match[0]).join('\n');
    const { status, stdout, stderr } = spawnSync('bash', ['-eu', '-o', 'pipefail', '-c', `${before}\n${block}`], { cwd: dir, encoding: 'utf8', timeout: 60_000 });
    shown.push({ code: status, stdout, stderr });
    before += `\n${exported}`;
  }
}, 180_000);

afterAll(async () => {
  for (const child of running.reverse()) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await ended;
    }
  }
  rmSync(dir, { recursive: true, force: true });
});

function step(n: number): Shown {
  const found = shown[n - 1];
  if (found === undefined) throw new RangeError(`the README's walk has no step ${n}`);
  return found;
}

describe('the newcomer\'s walk', () => {
  it('has a block for each of its ten steps, and each runs to its end', () => {
    expect(shown.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(new Array(10).fill(0));
  });

  it('1: finds the gateway well', () => {
    expect(JSON.parse(step(1).stdout)).toMatchObject({ status: 'ok' });
  });

  it('2: lists the registered identity', () => {
    expect(step(2).stdout).toContain('spiffe://poc.local/agents/mcp-client/my-agent/dev');
  });

  it('3: gets the hash of the contract and lists the tool with hash and risk level', () => {
    expect(step(3).stdout).toContain('bcc9258aeaf2af0999e181615b748e2855a53ab8cff8515491b3d7707900c9e4');
    const row = step(3).stdout.split('\n').find((line) => line.includes('my_tool'));
    expect(row).toMatch(/bcc9258a/);
    expect(row).toMatch(/low/);
  });

  it('5 and 6: reloads, allows my_tool and denies bash', () => {
    expect(step(6).stdout.trim().split('\n')).toEqual(['ALLOW', 'DENY (no policy permits this combination)']);
  });

  it('6: tells scripts by exit codes 0, 1 and 2', () => {
    const ask = (...args: string[]): number | null => spawnSync(join(dir, 'bin', 'agw'), ['policy', 'eval', ...args], { cwd: dir }).status;
    const caller = ['--caller', 'spiffe://poc.local/agents/mcp-client/my-agent/dev', '--method', 'tools/call'];
    expect([ask(...caller, '--tool', 'my_tool'), ask(...caller, '--tool', 'bash'), ask('--caller', 'nobody', '--tool', 'x', '--method', 'tools/call')]).toEqual([0, 1, 2]);
  });

  it('7: serves an unmodified MCP client', () => {
    const [tools, answer] = step(7).stdout.trim().split('\n').slice(-2);
    expect(step(7).stdout).toContain('my_tool');
    expect(tools).toBeDefined();
    expect(answer).toContain('content');
  });

  it('8: shows the call with ALLOW and all 13 layers', () => {
    const records = step(8).stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    const call = records.find((record) => record['tool'] === 'my_tool' && record['method'] === 'tools/call');
    expect(call).toMatchObject({ decision: 'ALLOW', status: 200 });
    expect((call?.['layers_traversed'] as unknown[]).length).toBe(13);
  });

  it('9: is refused with 403 and authz_policy_denied', () => {
    expect(JSON.parse(step(9).stdout)).toMatchObject({ code: 'authz_policy_denied', middleware: 'opa_policy', middleware_step: 6, error: { code: 403 } });
  });

  it('10: proves the last record', () => {
    const text = step(10).stdout;
    const record = JSON.parse(text.slice(0, text.lastIndexOf('}') + 1)) as Record<string, unknown>;
    for (const member of ['decision_id', 'trace_id', 'spiffe_id', 'tool', 'decision', 'layers_traversed', 'timestamps', 'risk_score', 'prev_hash', 'hash']) expect(record).toHaveProperty(member);
    expect(record).toMatchObject({ tool: 'bash', decision: 'DENY', code: 'authz_policy_denied' });
  });
});
