// SIGTERM while the gateway starts: its first thread serves before the others have started, and what it was given is answered and recorded.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { makeProject, permitAll } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, registration, toolText } from './calls.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const THREADS = 4; // the last of them starts long after the first, on most machines

let server: ScriptedServer;

beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
});

afterAll(() => server.close());

/** Status 0: nobody listens. */
function post(port: number): Promise<number> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, method: 'POST', headers: { 'content-type': 'application/json' }, agent: false }, (answer) => {
      answer.resume();
      answer.on('close', () => resolve(answer.complete ? answer.statusCode ?? 0 : 0));
    });
    sent.on('error', () => resolve(0));
    sent.end(call('echo'));
  });
}

it('its first call is served as soon as it listens; one under way is answered, the log gets its stop line, and the process exits by itself', async () => {
  const port = await freePort();
  const dir = makeProject({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { threads: { gateway: THREADS }, front: { port } } });
  const child = spawn(process.execPath, [MAIN, '--config', join('config', 'gateway.yaml')], { cwd: dir, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  try {
    const answers: number[] = [];
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    expect(await eventually(async () => {
      answers.push(await post(port));
      return answers.at(-1) !== 0;
    })).toBe(true);
    expect(answers.at(-1)).toBe(200);
    let release: (() => void) | undefined;
    server.script = ({ idText }, response) => { release = () => jsonAnswer(response, resultFor(idText, 'late but whole')); };
    const underWay = post(port);
    expect(await eventually(() => release !== undefined)).toBe(true);
    child.kill('SIGTERM');
    setTimeout(() => release?.(), 200);
    expect(await underWay).toBe(200);
    expect(await ended).toBe(0);
    const lines = readFileSync(join(dir, '.precinct', 'audit', 'audit.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter((line) => line['type'] === 'request' && line['decision'] === 'ALLOW')).toHaveLength(2);
    expect(lines.at(-1)).toMatchObject({ type: 'event', event: 'stop' });
  } finally {
    child.kill('SIGKILL');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  }
});
