// agw bridge and the ids that tool servers give their events: what no header may have does not go back, and no id ends a stream for good.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startBridge, type BridgeProcess } from '../support/bridge-process.js';
import { sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';

let server: ScriptedServer;
let bridge: BridgeProcess;
let asked: (string | undefined)[];

beforeEach(async () => {
  server = await startScriptedServer([]);
  bridge = startBridge(['--gateway', server.url]);
  asked = [];
});
afterEach(async () => {
  bridge.kill('SIGTERM');
  bridge.kill('SIGTERM'); // the second ends it at once
  await bridge.ended;
  await server.close();
});

async function greet(): Promise<void> {
  bridge.send('{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}');
  await bridge.answer('hello');
  bridge.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
}

it.each([['e 1', 'e 1'], ['größe', undefined], ['é€😀', undefined], ['a\u0001b', undefined], ['', undefined], ['x'.repeat(1025), undefined]])('takes a session\'s stream up again after the id %.20j', async (id, sent) => {
  server.stream = ({ headers }, response) => {
    asked.push(headers['last-event-id'] as string | undefined);
    sseHead(response);
    response.write(`retry: 1\nid: ${id}\ndata: {"jsonrpc":"2.0","method":"notifications/number_${asked.length}"}\n\n`);
    if (asked.length === 1) response.end();
  };
  await greet();
  await bridge.line('number_2');
  expect(asked).toEqual([undefined, sent]);
});

it('does not ask for the rest of an answer after such an id, and says that the call may have run', async () => {
  server.script = (_request, response) => {
    sseHead(response);
    response.end('retry: 1\nid: größe\ndata:\n\n');
  };
  await greet();
  bridge.send('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}');
  expect(await bridge.answer(1)).toMatchObject({ error: { data: { code: 'answer_cut', may_have_run: true } } });
});
