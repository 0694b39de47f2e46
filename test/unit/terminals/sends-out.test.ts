// What a client says beside its calls: who read what is sensitive tells it to no tool server that sends out.
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSession, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../../support/gateway-in-process.js';
import { type Posted, type RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';

const SECRET = 'the customer is ill';
const ELICIT = '{"who":{"method":"elicitation/create","params":{"message":"who?"}}}';
const ACCEPTED = JSON.stringify({ action: 'accept', content: { text: SECRET } });

let modern: ScriptedServer;
let legacy: ScriptedServer;
let inside: ScriptedServer;
let gateway: InProcessGateway;
beforeAll(async () => {
  [modern, legacy, inside] = await Promise.all([startScriptedServer(['post', 'ask', 'pay', 'rate'].map(toolText)), startScriptedServer(['mail', 'slow'].map(toolText)), startScriptedServer(['read', 'note'].map(toolText))]);
  modern.modernOnly = { tools: {} };
});
afterAll(() => Promise.all([modern.close(), legacy.close(), inside.close()]));
beforeEach(async () => {
  for (const server of [modern, legacy, inside]) server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  modern.script = ({ idText, body }, response) => jsonAnswer(response, body.includes('inputResponses') ? resultFor(idText, 'done') : `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"input_required","inputRequests":${ELICIT},"requestState":"s"}}`);
  const external = ['external: true', 'allowed_destinations: [ok.example]'];
  gateway = await startInProcessGateway({
    tools: [
      { name: 'post', url: modern.url, more: external }, { name: 'ask', url: modern.url }, { name: 'rate', url: modern.url, more: ['risk_level: high'] }, { name: 'pay', url: modern.url, more: ['requires_step_up: true'] },
      { name: 'mail', url: legacy.url, more: external }, { name: 'slow', url: legacy.url }, { name: 'read', url: inside.url, more: ['classification: sensitive'] }, { name: 'note', url: inside.url },
    ],
    change: ({ approvals }) => ({ approvals: { ...approvals, reserveOrRequest: () => Promise.resolve({ kind: 'reserved', requestId: 'r', token: 't', approver: 'alice' }), consume: () => Promise.resolve(true) } }),
  });
  for (const server of [modern, legacy, inside]) server.seen.length = 0;
});
afterEach(() => gateway.close());

const opened = (): Promise<Posted> => openSession(gateway, { capabilities: { elicitation: {} } });
const taint = (session: Posted): Promise<RecordedReply> => gateway.ask(toolCall('read'), session);
const events = (reply: RecordedReply) => reply.events as { id?: unknown; method?: string; result?: unknown; error?: { data?: { code?: string; reason_code?: string } } }[];
const answer = (id: unknown, session: Posted, result = ACCEPTED): Promise<RecordedReply> => gateway.ask(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`, session);
const told = (server: ScriptedServer): boolean => server.seen.some(({ body }) => body.includes(SECRET));

describe('an answer that goes with a call, sent again,', () => {
  const asked = async (tool: string, session: Posted): Promise<RecordedReply> => {
    const reply = gateway.post(toolCall(tool), session);
    await until(() => reply.events.length === 1);
    return reply;
  };

  it('does not reach a tool that sends out, of who has read meanwhile', async () => {
    const session = await opened();
    const reply = await asked('post', session);
    await taint(session);
    await answer(events(reply)[0]?.id, session);
    await reply.finished;
    expect(events(reply).at(-1)?.error?.data).toMatchObject({ code: 'exfiltration_detected' });
    expect(told(modern)).toBe(false);
    await until(() => gateway.lines().some(({ type, code }) => type === 'stream_end' && code === 'exfiltration_detected'));
  });

  it('names no destination that the tool may not have', async () => {
    const session = await opened();
    const reply = await asked('ask', session);
    await taint(session);
    await answer(events(reply)[0]?.id, session, '{"action":"accept","content":{"url":"https://far.example/"}}');
    await reply.finished;
    expect(events(reply).at(-1)?.error?.data).toMatchObject({ code: 'exfiltration_detected' });
    expect(modern.of('tools/call')).toHaveLength(1);
  });

  it.each([
    ['ask', { code: 'stepup_destination_blocked', details: { destination: 'far.example', tool: 'ask' } }], ['rate', { code: 'stepup_approval_required', reason_code: 'answers_not_approved' }],
  ])('is scored with the call, also of who has read nothing: to %s', async (tool, refusal) => {
    const session = await opened();
    const reply = await asked(tool, session);
    expect((await answer(events(reply)[0]?.id, session, '{"action":"accept","content":{"url":"https://far.example/"}}')).status).toBe(202);
    await reply.finished;
    expect(events(reply).at(-1)?.error?.data).toMatchObject(refusal);
    expect(modern.of('tools/call')).toHaveLength(1);
    await until(() => gateway.lines().some(({ type, code }) => type === 'stream_end' && code === refusal.code));
  });

  it('is asked of nobody where a person had to approve the call', async () => {
    const session = await opened();
    const reply = await gateway.ask(toolCall('pay'), session);
    expect((reply.json as { error: { data: unknown } }).error.data).toMatchObject({ code: 'stepup_approval_required', reason_code: 'answers_not_approved' });
    expect(modern.of('tools/call')).toHaveLength(1);
    expect(gateway.lines().at(-1)).toMatchObject({ type: 'request', code: 'stepup_approval_required' });
  });

  it('goes on where nothing was read', async () => {
    const session = await opened();
    const reply = await asked('post', session);
    await answer(events(reply)[0]?.id, session);
    await reply.finished;
    expect(events(reply).at(-1)).toMatchObject({ result: { content: [{ text: 'done' }] } });
  });
});

describe('an answer to a server that asks', () => {
  const asking = async (): Promise<[RecordedReply, Posted, () => void]> => {
    const session = await opened();
    let end: () => void = () => undefined;
    legacy.script = ({ idText }, response: ServerResponse) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}\n\n');
      end = () => void response.end(`data: ${resultFor(idText, 'done')}\n\n`);
    };
    const reply = gateway.post(toolCall('slow'), session);
    await until(() => reply.events.length === 1);
    return [reply, session, () => end()];
  };

  it('is withheld from one that sends out, which is told so', async () => {
    const [reply, session, end] = await asking();
    await taint(session);
    const refused = await answer('q', session);
    expect([refused.status, (refused.json as { error: { data: unknown } }).error.data]).toMatchObject([200, { code: 'exfiltration_detected', details: { source: 'read' } }]);
    expect(gateway.lines().at(-1)).toMatchObject({ decision: 'DENY', code: 'exfiltration_detected' });
    await until(() => legacy.seen.some(({ body }) => body.includes('"id":"q","error":{"code":-32603')));
    expect(told(legacy)).toBe(false);
    end();
    await reply.finished;
  });

  it('reaches it while nothing was read', async () => {
    const [reply, session, end] = await asking();
    expect((await answer('q', session)).status).toBe(202);
    expect(told(legacy)).toBe(true);
    end();
    await reply.finished;
  });
});

describe('a notification', () => {
  it('of who has read is not told to a server that sends out, and the record says so', async () => {
    const session = await opened();
    await gateway.ask(toolCall('slow'), session);
    await taint(session);
    for (const method of ['notifications/progress', 'notifications/message', 'notifications/roots/list_changed']) {
      expect((await gateway.ask(`{"jsonrpc":"2.0","method":"${method}","params":{"message":"${SECRET}"}}`, session)).status).toBe(202);
      expect([legacy.of(method).length, inside.of(method).length]).toEqual([0, 1]);
      expect(JSON.stringify(gateway.lines().at(-1))).toContain('withheld from 1 tool server that may send it out');
    }
  });

  it('that cancels reaches the server that has the call, without a reason', async () => {
    const session = await opened();
    let held: ServerResponse | undefined;
    legacy.script = (_seen, response) => {
      held = response;
    };
    const reply = gateway.post(toolCall('slow', {}, 'call-1'), session);
    await until(() => held !== undefined);
    await taint(session);
    const cancel = (id: string) => gateway.ask(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"${id}","reason":"${SECRET}"}}`, session);
    await cancel(SECRET);
    expect(legacy.of('notifications/cancelled')).toEqual([]);
    await cancel('call-1');
    expect(legacy.of('notifications/cancelled').map(({ body }) => body)).toEqual(['{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"call-1"}}']);
    expect(told(inside)).toBe(true);
    held?.destroy();
    await reply.finished;
  });
});
