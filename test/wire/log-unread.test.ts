// Nobody takes what the gateway writes to stderr: its reader went away (a pipeline's end, a journal that restarts), or the disk is full. It serves on.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { makeProject, permitAll } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, registration, toolText } from './calls.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const FULL = '/dev/full';
const BREAKER = fileURLToPath(new URL('./break-thread.cjs', import.meta.url));

let server: ScriptedServer;

beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
});

afterAll(() => server.close());

/** Body and status of an answer; status 0: nobody listens. */
function ask(where: { readonly port: number } | { readonly socketPath: string }, method: string, path: string, body?: string): Promise<readonly [number, string]> {
  return new Promise((resolve) => {
    const sent = request({ ...where, host: '127.0.0.1', method, path, headers: { 'content-type': 'application/json' }, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (part: Buffer) => { text += part.toString(); });
      answer.on('close', () => resolve([answer.statusCode ?? 0, text]));
    });
    sent.on('error', () => resolve([0, '']));
    sent.end(body);
  });
}

it.each(['its reader is gone', ...(existsSync(FULL) ? ['the disk is full'] : [])])('%s: calls, reloads and the replacement of a thread go on, and the stop is in order', async (why) => {
  const port = await freePort();
  const dir = makeProject({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { threads: { gateway: 2 }, front: { port } } });
  const socketPath = join(dir, '.precinct', 'control.sock');
  const full = why === 'the disk is full' ? openSync(FULL, 'w') : undefined;
  const child = spawn(process.execPath, [MAIN, '--config', join('config', 'gateway.yaml')], {
    cwd: dir, stdio: ['ignore', 'ignore', full ?? 'pipe'], env: { ...process.env, NODE_OPTIONS: `--require ${BREAKER}` },
  });
  if (full !== undefined) closeSync(full);
  child.stderr?.destroy();
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  const threads = async (): Promise<unknown> => (JSON.parse((await ask({ socketPath }, 'GET', '/v1/status'))[1] || '{}') as { readonly threads?: unknown }).threads;
  const served = async (): Promise<boolean> => (await ask({ port }, 'POST', '/', call('echo')))[0] === 200;
  try {
    expect(await eventually(served)).toBe(true);
    expect(await eventually(async () => await threads() !== undefined)).toBe(true);
    writeFileSync(join(dir, 'config', 'identities.yaml'), '[');
    expect((await ask({ socketPath }, 'POST', '/v1/reload', '{}'))[0]).toBeGreaterThanOrEqual(400);
    child.kill('SIGHUP');
    writeFileSync(join(dir, 'crash-1'), '');
    const log = join(dir, '.precinct', 'audit', 'audit.jsonl');
    expect(await eventually(() => readFileSync(log, 'utf8').includes('"thread_replaced"'))).toBe(true);
    expect(await threads()).toMatchObject({ running: 2 });
    expect(await served()).toBe(true);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  } finally {
    child.kill('SIGKILL');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  }
});
