// The unmodified npm client of OpenAI against examples/openai-adapter: what is refused, and by whom; and many clients at once.
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { until } from '../support/until.js';
import { adapter, AGENT, calling, clientOf, gateway, KEYS, messages, model, MODEL_KEY, script, server, startAdapter, stop } from './openai-rig.js';

describe('what is refused', () => {
  it('before anyone sees it: an unknown key', async () => {
    const before = gateway.lines().length;
    await expect(clientOf('sk-wrong').chat.completions.create({ model: 'm', messages })).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect([model.asked.length, gateway.lines().length]).toEqual([0, before]);
  });

  it.each([
    ['several answers', { n: 2 }, 'unsupported_parameter'],
    ['a tool that the model server runs by itself', { tools: [{ type: 'web_search' }] }, 'hosted_tool_refused'],
    ['a search by the model server', { web_search_options: {} }, 'unsupported_parameter'],
    ['functions as they once were', { functions: [] }, 'unsupported_parameter'],
  ])('%s, of chat completions', async (_what, more, code) => {
    await expect(clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, ...more } as never)).rejects.toMatchObject({ status: 400, code });
    expect(model.asked).toEqual([]);
  });

  it.each([['background', { background: true }], ['conversation', { conversation: 'conv_1' }], ['prompt', { prompt: { id: 'p' } }], ['tools', { tools: [{ type: 'mcp', server_label: 'x', server_url: 'https://far.example' }] }]])('%s, of responses', async (param, more) => {
    await expect(clientOf(KEYS.alice).responses.create({ model: 'm', input: 'x', ...more } as never)).rejects.toMatchObject({ status: 400, param });
  });

  it('a body that is too large, none, and another endpoint', async () => {
    await expect(clientOf(KEYS.alice).responses.create({ model: 'm', input: 'x'.repeat(200_000) })).rejects.toMatchObject({ status: 413 });
    await expect(clientOf(KEYS.alice).models.list()).rejects.toMatchObject({ status: 404, code: 'unknown_endpoint' });
    const bare = await fetch(`${adapter.url}/responses`, { method: 'POST', headers: { authorization: `Bearer ${KEYS.alice}` }, body: '[' });
    expect(bare.status).toBe(400);
  });

  it('by the model server, with its own words, and never its key', async () => {
    model.say = (_asked, response) => void response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' }).end(JSON.stringify({ error: { message: `slow down, ${MODEL_KEY}`, type: 'rate_limit_error', code: 'rate_limit_exceeded' } }));
    const slow = await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages }).catch((error: unknown) => error);
    expect(slow).toBeInstanceOf(OpenAI.RateLimitError);
    expect(slow).toMatchObject({ code: 'rate_limit_exceeded' });
    expect((slow as InstanceType<typeof OpenAI.RateLimitError>).headers.get('retry-after')).toBe('7');
    model.say = (_asked, response) => void response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message: `Incorrect API key provided: ${MODEL_KEY.slice(0, 8)}***` } }));
    const wrong = await clientOf(KEYS.alice).responses.create({ model: 'm', input: 'x', stream: true }).catch((error: unknown) => error);
    expect(wrong).toMatchObject({ status: 502, code: 'model_key_refused' });
    for (const one of [slow, wrong]) expect(JSON.stringify([one, String(one)])).not.toContain(MODEL_KEY.slice(0, 8));
  });

  it('in the middle of a stream, as an error that the client throws', async () => {
    let turn = 0;
    model.say = (_asked, response) => {
      if (turn++ === 0) return calling('echo');
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"id":"x","choices":[{"index":0,"delta":{"content":"half"}}]}\n\n', () => response.destroy());
      return undefined;
    };
    const read = async (): Promise<void> => {
      for await (const _chunk of await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, stream: true })) continue;
    };
    await expect(read()).rejects.toMatchObject({ code: 'model_unreachable' });
    await until(() => / alice calls=1\n$/.test(adapter.log())); // what was called is said, though there is no answer that says so
  });

  it('by the gateway, which does not know the agent: it is not the client\'s key that is wrong', async () => {
    const other = await startAdapter({ clients: [{ api_key_env: 'KEY_BOB', spiffe_id: AGENT('nobody') }] });
    const error = await new OpenAI({ apiKey: KEYS.bob, baseURL: other.url, maxRetries: 0 }).responses.create({ model: 'm', input: 'x' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 403, code: 'auth_invalid_identity', type: 'gateway_refused', error: { details: { decision_id: expect.any(String) as unknown } } });
    expect(model.asked).toEqual([]);
    await stop(other);
  });

  it('where the gateway is down', async () => {
    const other = await startAdapter({ gateway: { url: 'http://127.0.0.1:9' } });
    const error = await new OpenAI({ apiKey: KEYS.alice, baseURL: other.url, maxRetries: 0 }).responses.create({ model: 'm', input: 'x' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 502, code: 'gateway_unreachable' });
    expect(model.asked).toEqual([]);
    await stop(other);
  });

  it.each([
    ['an address of others', { listen: { host: '0.0.0.0' } }, 'listen.host'], ['a key that is not set', { model: { url: 'http://127.0.0.1:1', api_key_env: 'NOT_SET_HERE' } }, 'NOT_SET_HERE'], ['a key in the file', { model: { url: 'http://127.0.0.1:1', api_key: 'x' } }, 'api_key'],
    ['one key of two agents', { clients: [{ api_key_env: 'KEY_BOB', spiffe_id: AGENT('a') }, { api_key_env: 'KEY_BOB', spiffe_id: AGENT('b') }] }, 'same key'], ['a key of nobody', { clients: [{ api_key_env: 'KEY_BOB' }] }, 'spiffe_id'],
  ])('%s, before it starts', async (_what, config, word) => {
    const other = await startAdapter(config);
    expect([await stop(other), other.log().includes(word)]).toEqual([2, true]);
  });
});

describe('many at once', () => {
  it('never call with another\'s identity', async () => {
    model.say = ({ body }) => ((body['messages'] as unknown[]).length === 1 ? calling('echo', 'echo') : { text: 'done' });
    const before = gateway.lines('request').filter(({ tool }) => tool === 'echo').length;
    const keys = Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? KEYS.alice : KEYS.bob));
    await Promise.all(keys.map((key) => clientOf(key).chat.completions.create({ model: 'm', messages })));
    const callers = gateway.lines('request').filter(({ tool }) => tool === 'echo').slice(before).map((line) => line['spiffe_id']);
    expect([callers.filter((id) => id === AGENT('alice')).length, callers.filter((id) => id === AGENT('bob')).length]).toEqual([12, 12]);
  });

  it('a client that hangs up ends its call at the tool server, and at the model server', async () => {
    script(calling('hanging'));
    const { hangUps } = server;
    const giveUp = new AbortController();
    const call = clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages }, { signal: giveUp.signal });
    await until(() => server.of('tools/call').length === 1);
    giveUp.abort();
    await expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    await until(() => server.hangUps > hangUps || server.of('notifications/cancelled').length > 0);
    const before = model.hangUps;
    model.say = () => undefined;
    const again = new AbortController();
    const asked = clientOf(KEYS.alice).responses.create({ model: 'm', input: 'x' }, { signal: again.signal });
    await until(() => model.asked.length === 2);
    again.abort();
    await expect(asked).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    await until(() => model.hangUps > before);
  });

  it('carry the client\'s own trace to the gateway', async () => {
    script(calling('echo'), { text: 'done' });
    await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages }, { headers: { traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` } });
    expect(gateway.lines('request').at(-1)).toMatchObject({ tool: 'echo', trace_id: 'ab'.repeat(16) });
  });
});
