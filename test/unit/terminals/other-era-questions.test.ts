// A tool server of 2026-07-28 that asks in its answer, and a client with a handshake that is asked over its stream.
import { describe, expect, it } from 'vitest';
import { toolCall, type InProcessGateway } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT, type Posted, type RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, sseHead } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';
import { events, legacy, modern, opened, start } from './other-era-fixture.js';

const question = (idText: string, inputRequests: unknown, requestState: string | undefined): string =>
  `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"input_required"${inputRequests === undefined ? '' : `,"inputRequests":${JSON.stringify(inputRequests)}`}${requestState === undefined ? '' : `,"requestState":${requestState}`}}}`;
const ELICIT = { login: { method: 'elicitation/create', params: { mode: 'form', message: 'who?', requestedSchema: { type: 'object', properties: {} } } } };

describe('a question in an answer', () => {
  const elicited = '{"action":"accept","content":{"n":1e400}}';
  const answer = (gateway: InProcessGateway, session: Posted, id: unknown, result: string) => gateway.ask(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`, session);

  it('is put to the client on the call\'s stream, and its answer goes with the call, sent again', async () => {
    const gateway = await start();
    const session = await opened(gateway, { elicitation: {}, sampling: {} });
    modern.script = ({ idText, body }, response) => {
      if (!body.includes('inputResponses')) return jsonAnswer(response, question(idText, { ...ELICIT, joke: { method: 'sampling/createMessage', params: { maxTokens: 5 } } }, '"\\u0041b=="'));
      jsonAnswer(response, resultFor(idText, 'done'));
    };
    const reply = gateway.post(toolCall('new', { text: 'hi' }, 'call-1'), session);
    await until(() => reply.events.length === 2);
    expect(events(reply)).toMatchObject([{ method: 'elicitation/create', params: ELICIT.login.params }, { method: 'sampling/createMessage', params: { maxTokens: 5 } }]);
    const [login, joke] = events(reply);
    expect((await answer(gateway, session, joke?.id, '{"role":"assistant"}')).status).toBe(202);
    expect((await answer(gateway, session, login?.id, elicited)).status).toBe(202);
    await reply.finished;
    expect(events(reply).at(-1)).toMatchObject({ id: 'call-1', result: { content: [{ text: 'done' }] } });
    const [first, again] = modern.of('tools/call');
    expect(again?.idText).not.toBe(first?.idText);
    expect(again?.body).toContain(`"inputResponses":{"login":${elicited},"joke":{"role":"assistant"}},"requestState":"\\u0041b=="`);
    expect(again?.body).toContain('"arguments":{"text":"hi"}');
    expect(gateway.lines().filter(({ type }) => type === 'server_request').map(({ method, decision }) => [method, decision])).toEqual([['elicitation/create', 'ALLOW'], ['sampling/createMessage', 'ALLOW']]);
    expect(gateway.lines().filter(({ type }) => type === 'stream_end')).toMatchObject([{ status: 200 }]);
    expect((await answer(gateway, session, login?.id, elicited)).status).toBe(400); // once
  });

  it('comes in a stream as well, and with requestState alone needs nobody', async () => {
    const gateway = await start();
    const session = await opened(gateway);
    let asked = 0;
    modern.script = ({ idText }, response) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"working"}}\n\n');
      response.end(`data: ${++asked < 3 ? question(idText, undefined, '"s"') : resultFor(idText, 'done')}\n\n`);
    };
    const reply = await gateway.ask(toolCall('new'), session);
    expect(events(reply).map(({ method, result }) => method ?? result)).toMatchObject(['notifications/message', 'notifications/message', 'notifications/message', { content: [{ text: 'done' }] }]);
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, undefined, '"s"'));
    modern.seen.length = 0;
    expect((await gateway.ask(toolCall('new'), session)).json).toMatchObject({ error: { data: { code: 'mcp_request_failed', reason_code: 'input_rounds' } } });
    expect(modern.of('tools/call')).toHaveLength(17);
  });

  it('is asked a bounded number of questions at once', async () => {
    const gateway = await start();
    const session = await opened(gateway, { elicitation: {} });
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`q${n}`, ELICIT.login]));
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, many, undefined));
    expect((await gateway.ask(toolCall('new'), session)).json).toMatchObject({ error: { data: { code: 'mcp_request_failed', reason_code: 'input_rounds' } } });
  });

  it('is a clear error for a client that cannot be asked', async () => {
    const gateway = await start();
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, ELICIT, '"s"'));
    const withSampling = await opened(gateway, { sampling: {} });
    const withJson = await opened(gateway, { elicitation: {} });
    for (const posted of [{}, { headers: { accept: MCP_ACCEPT } }, withSampling, { headers: { ...withJson.headers, accept: 'application/json' } }]) {
      const reply = await gateway.ask(toolCall('new'), posted);
      expect((reply.json as { error: { data: unknown } }).error.data).toMatchObject({ code: 'mcp_request_failed', reason_code: 'input_required' });
      expect(modern.of('tools/call')).toHaveLength(1);
      modern.seen.length = 0;
    }
  });

  it('ends with the client, its cancellation, its session, or its refusal', async () => {
    const gateway = await start();
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, { joke: { method: 'sampling/createMessage', params: {} } }, undefined));
    const asking = async (): Promise<[RecordedReply, Posted]> => {
      const session = await opened(gateway, { sampling: {} });
      const reply = gateway.post(toolCall('new', {}, 'c'), session);
      await until(() => reply.events.length === 1);
      return [reply, session];
    };
    const ends = () => gateway.lines().filter(({ type }) => type === 'stream_end').length;
    const [gone] = await asking();
    gone.hangUp();
    await until(() => ends() === 1);
    const [cancelled, one] = await asking();
    await gateway.ask('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c"}}', one);
    await until(() => cancelled.state === 'ended');
    const [over, two] = await asking();
    await gateway.ask('', { httpMethod: 'DELETE', headers: two.headers ?? {} });
    await until(() => over.state === 'ended');
    const [refused, three] = await asking();
    await gateway.ask(`{"jsonrpc":"2.0","id":${JSON.stringify(events(refused)[0]?.id)},"error":{"code":-1,"message":"no"}}`, three);
    await refused.finished;
    expect(events(refused).at(-1)?.error?.data).toMatchObject({ code: 'mcp_request_failed', reason_code: 'input_refused' });
    expect(modern.of('tools/call')).toHaveLength(4);
    expect(ends()).toBe(4);
  });

  it('is not another server\'s to answer for', async () => {
    const gateway = await start();
    const session = await opened(gateway, { sampling: {} });
    modern.script = ({ idText }, response) => jsonAnswer(response, question(idText, { joke: { method: 'sampling/createMessage', params: {} } }, undefined));
    const reply = gateway.post(toolCall('new'), session);
    await until(() => reply.events.length === 1);
    legacy.script = ({ idText, body }, response) => {
      sseHead(response);
      response.write(`data: {"jsonrpc":"2.0","id":${JSON.stringify(events(reply)[0]?.id)},"method":"sampling/createMessage","params":{}}\n\n`);
      response.end(`data: ${resultFor(idText, body.length > 0 ? 'fine' : '')}\n\n`);
    };
    const other = await gateway.ask(toolCall('old', {}, 9), session);
    expect(events(other).map(({ method }) => method)).toEqual([undefined]);
    reply.hangUp();
  });
});
