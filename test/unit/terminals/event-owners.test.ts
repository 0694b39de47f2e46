// A client that comes back with Last-Event-ID, behind several tool servers: only the one that gave the id hears of it.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openSession, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../../support/gateway-in-process.js';
import { resultFor, sseHead, startScriptedServer, type Script, type ScriptedServer } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';

let first: ScriptedServer;
let second: ScriptedServer;
let gateway: InProcessGateway;
beforeAll(async () => {
  first = await startScriptedServer([toolText('one')]);
  second = await startScriptedServer([toolText('two')]);
  gateway = await startInProcessGateway({ tools: [{ name: 'one', url: first.url }, { name: 'two', url: second.url }] });
});
afterAll(async () => {
  await gateway.close();
  await Promise.all([first.close(), second.close()]);
});

const answersAs = (id: string): Script => ({ idText }, response) => {
  sseHead(response);
  response.end(`id: ${id}\ndata: ${resultFor(idText, 'fine')}\n\n`);
};
const streams: Script = ({ headers }, response) => {
  sseHead(response);
  response.write(`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"after ${String(headers['last-event-id'])}"}}\n\n`);
};
beforeEach(() => {
  for (const server of [first, second]) Object.assign(server, { stream: streams });
  for (const server of [first, second]) server.seen.length = 0;
});

const gets = (server: ScriptedServer): unknown[] => server.seen.filter(({ httpMethod }) => httpMethod === 'GET').map(({ headers }) => headers['last-event-id']);

async function comeBack(lastEventId: string, ids: readonly [string, string]): Promise<void> {
  const session = await openSession(gateway);
  first.script = answersAs(ids[0]);
  second.script = answersAs(ids[1]);
  await gateway.ask(toolCall('one', {}, 1), session);
  await gateway.ask(toolCall('two', {}, 2), session);
  const stream = gateway.post('', { httpMethod: 'GET', headers: { ...session.headers, lastEventId } });
  await until(() => gets(first).length === 1 && gets(second).length === 1);
  stream.hangUp();
}

it.each([['a-1', ['a-1', undefined]], ['b-1', [undefined, 'b-1']], ['c-1', [undefined, undefined]]])('%s goes to nobody but the server that gave it', async (id, told) => {
  await comeBack(id, ['a-1', 'b-1']);
  expect([gets(first)[0], gets(second)[0]]).toEqual(told);
});

it('an id that two servers gave goes to neither: it would bring the wrong one\'s events', async () => {
  await comeBack('1', ['1', '1']);
  expect([gets(first)[0], gets(second)[0]]).toEqual([undefined, undefined]);
});
