// agw bridge before a client that is there and reads no more: it ends all the same.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { jsonAnswer, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { until } from '../support/until.js';

const AGW = fileURLToPath(new URL('../../bin/agw', import.meta.url));
const MORE_THAN_A_PIPE_HOLDS = 4 * 1024 * 1024;
const END_WITHIN_MS = 20_000; // it waits 2 s for the client

let server: ScriptedServer;
beforeEach(async () => { server = await startScriptedServer([]); });
afterEach(() => server.close());

it.each(['end of stdin', 'SIGTERM'])('ends at %s with an answer that nobody takes', async (how) => {
  const child = spawn(process.execPath, [AGW, 'bridge', '--gateway', server.url], { stdio: ['pipe', 'pipe', 'ignore'] });
  const killed = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
  const ended = once(child, 'exit');
  server.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"text":"${'x'.repeat(MORE_THAN_A_PIPE_HOLDS)}"}}`);
  child.stdin.write('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}\n');
  await until(() => child.stdout.readableLength > 0); // its beginning is there, and stays unread
  if (how === 'SIGTERM') child.kill('SIGTERM');
  else child.stdin.end();
  expect(await ended).toEqual([0, null]);
  clearTimeout(killed);
  child.stdout.destroy();
}, END_WITHIN_MS + 5_000);
