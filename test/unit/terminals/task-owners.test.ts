// Whose a task is: an id that was guessed, or that another caller told, is none.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../../src/chain/context.js';
import { ANSWER_BYTES_MAX, createTaskOwners, namedTask, taskIdOf, taskTable } from '../../../src/terminals/task-owners.js';
import { CALLER, openSession, rpc, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT, type Posted } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';
import { tableOf } from '../../support/shared-tables.js';
import { modernRequest } from './modern-fixture.js';

const OTHER = CALLER.replace('my-agent', 'other');
const URL_A = 'http://a/mcp';
const URL_B = 'http://b/mcp';
const METHODS = ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/other'];

let server: ScriptedServer;
let running: InProcessGateway | undefined;
beforeAll(async () => {
  server = await startScriptedServer([toolText('make')]);
});
afterAll(() => server.close());
beforeEach(() => {
  Object.assign(server, { seen: [], modernOnly: undefined });
  server.script = ({ idText, method }, response) => jsonAnswer(response, method === 'tools/call' ? made(idText) : method === 'tasks/list' ? listed(idText) : resultFor(idText, 'the result'));
});
afterEach(() => running?.close());

const made = (idText: string): string => `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"task","task":{"taskId":"task-1","status":"working"}}}`;
const listed = (idText: string): string => `{"jsonrpc":"2.0","id":${idText},"result":{"tasks":[{"taskId":"task-1"},{"taskId":"task-2"}]}}`;
const taskRequests = () => server.seen.filter(({ method }) => method.startsWith('tasks/')).length;
async function start(): Promise<InProcessGateway> {
  running = await startInProcessGateway({ tools: [{ name: 'make', url: server.url }], identities: [OTHER], policies: [{ file: 'policies/tests.rego', text: 'package precinct.authz\nimport rego.v1\nallow if true\n' }] });
  server.seen.length = 0;
  return running;
}
const as = (spiffeId: string, posted: Posted = {}): Posted => ({ ...posted, headers: { accept: MCP_ACCEPT, ...posted.headers }, evidence: { declaredSpiffeId: spiffeId } });
const opened = (gateway: InProcessGateway, spiffeId: string): Promise<Posted> => openSession(gateway, { posted: as(spiffeId) });

describe('a task that was made without a session', () => {
  it('is its caller\'s alone', async () => {
    const gateway = await start();
    expect((await gateway.ask(toolCall('make'), as(CALLER))).text).toContain('task-1');
    for (const method of METHODS) {
      expect((await gateway.ask(rpc(method, { taskId: 'task-1' }), as(OTHER))).json).toMatchObject({ error: { code: -32602 } });
      expect(gateway.lines().at(-1)).toMatchObject({ spiffe_id: OTHER, reason_code: 'task_unknown', decision: 'DENY' });
    }
    expect(taskRequests()).toBe(0);
    for (const method of METHODS) expect((await gateway.ask(rpc(method, { taskId: 'task-1' }), as(CALLER))).text).toContain('the result');
    expect((await gateway.ask(rpc('tasks/get', { taskId: 'task-2' }), as(CALLER))).json).toMatchObject({ error: { code: -32602 } });
  });

  it('is so in 2026-07-28, too', async () => {
    server.modernOnly = { tools: {} };
    const gateway = await start();
    const ask = (spiffeId: string, method: string, params: Readonly<Record<string, unknown>>) => {
      const { body, posted } = modernRequest(method, params);
      return gateway.ask(body, as(spiffeId, posted));
    };
    expect((await ask(CALLER, 'tools/call', { name: 'make', arguments: {} })).text).toContain('task-1');
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) expect((await ask(OTHER, method, { taskId: 'task-1' })).json).toMatchObject({ error: { code: -32602 } });
    expect(taskRequests()).toBe(0);
    expect((await ask(CALLER, 'tasks/get', { taskId: 'task-1' })).text).toContain('the result');
    // A client with a handshake has no session with such a server.
    const session = await opened(gateway, OTHER);
    expect((await gateway.ask(rpc('tasks/get', { taskId: 'task-1' }), session)).json).toMatchObject({ error: { code: -32602 } });
    expect(taskRequests()).toBe(1);
  });
});

describe('a session', () => {
  it('is asked at a server that knows it, for a task that the gateway did not see made', async () => {
    const gateway = await start();
    expect((await gateway.ask(rpc('tasks/get', { taskId: 'task-2' }), await opened(gateway, OTHER))).text).toContain('the result');
  });

  it('with a server that has none shows and reaches no task but its own', async () => {
    server.sessionless = true;
    try {
      const gateway = await start();
      await gateway.ask(toolCall('make'), as(CALLER));
      const session = await opened(gateway, OTHER);
      expect((await gateway.ask(rpc('tasks/get', { taskId: 'task-1' }), session)).json).toMatchObject({ error: { code: -32602 } });
      expect((await gateway.ask(rpc('tasks/list'), session)).json).toMatchObject({ result: { tasks: [] } });
      await gateway.ask(toolCall('make'), session);
      expect((await gateway.ask(rpc('tasks/list'), session)).json).toMatchObject({ result: { tasks: [{ taskId: 'task-1' }] } });
    } finally {
      server.sessionless = false;
    }
  });
});

describe('an id', () => {
  it.each([['missing', {}], ['empty', { taskId: '' }], ['a number', { taskId: 7 }], ['of 1025 letters', { taskId: 'x'.repeat(1025) }], ['of 1026 bytes', { taskId: 'é'.repeat(513) }]])('that is %s is looked for nowhere', async (_what, params) => {
    const gateway = await start();
    expect((await gateway.ask(rpc('tasks/get', params), await opened(gateway, OTHER))).json).toMatchObject({ error: { code: -32602 } });
    expect(gateway.lines().at(-1)).toMatchObject({ reason_code: 'task_id', decision: 'DENY' });
    expect(taskRequests()).toBe(0);
  });

  it('is what stands in the result, or in its task, as text', () => {
    const idOf = (result: string): string | undefined => taskIdOf(Buffer.from(`{"jsonrpc":"2.0","id":1,${result}}`));
    expect([idOf('"result":{"taskId":"a"}'), idOf('"result":{"task":{"taskId":"\\u0062"},"taskId":"a"}'), idOf('"result":{"taskId":7}'), idOf('"result":{}'), idOf('"taskId":"a"')]).toEqual(['a', 'b', undefined, undefined, undefined]);
    expect(namedTask(Buffer.from('{"params":{"taskId":"\\u0062"},"taskId":"a"}'))).toBe('b');
    const padded = (bytes: number): string | undefined => taskIdOf(Buffer.from('{"result":{"taskId":"a"}}'.padEnd(bytes)));
    expect([padded(ANSWER_BYTES_MAX), padded(ANSWER_BYTES_MAX + 1)]).toEqual(['a', undefined]);
  });
});

describe('the owners', () => {
  const ctxOf = (spiffeId: string, mcpSessionId?: string): Context => ({ caller: { spiffeId }, mcpSessionId }) as unknown as Context;

  it('are told apart by caller and session, and the first one stays', () => {
    // Callers lie in one stripe here: what keeps them apart is not where they lie.
    const owners = createTaskOwners(tableOf({ ...taskTable(), stripes: 1 }));
    owners.learn(ctxOf('a'), 't', URL_A);
    owners.learn(ctxOf('a'), 't', URL_B);
    owners.learn(ctxOf('a', 's'), 't', URL_B);
    expect(owners.find(ctxOf('a'), 't', [URL_B, URL_A])).toBe(URL_A);
    expect(owners.find(ctxOf('a'), 't', [URL_B])).toBeUndefined();
    expect(owners.find(ctxOf('a', 's'), 't', [URL_A, URL_B])).toBe(URL_B);
    expect(owners.find(ctxOf('b'), 't', [URL_A, URL_B])).toBeUndefined();
  });

  it('of one caller are bounded, and a full table makes room', () => {
    const owners = createTaskOwners(tableOf(taskTable()));
    owners.learn(ctxOf('b'), 'mine', URL_A);
    for (let n = 0; n < 1500; n++) owners.learn(ctxOf('a'), `t${n}`, URL_A);
    expect(['t0', 't499', 't500'].map((id) => owners.find(ctxOf('a'), id, [URL_A]))).toEqual([undefined, undefined, URL_A]);
    expect(owners.find(ctxOf('b'), 'mine', [URL_A])).toBe(URL_A);
    // t500 was asked for: t501 is the longest unused now.
    owners.learn(ctxOf('a'), 'one more', URL_A);
    expect(['t500', 't501'].map((id) => owners.find(ctxOf('a'), id, [URL_A]))).toEqual([URL_A, undefined]);
    const small = createTaskOwners(tableOf({ ...taskTable(), capacity: 8, stripes: 1 }));
    for (let n = 0; n < 100; n++) small.learn(ctxOf(`c${n}`), 't', URL_A);
    expect(small.find(ctxOf('c99'), 't', [URL_A])).toBe(URL_A);
  });
});
