// The unmodified npm client of OpenAI against examples/openai-adapter: a scripted model behind it, a real gateway beside it, and what came of each call of a tool.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startModel, type Said, type ScriptedModel } from '../support/model-server.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { until } from '../support/until.js';
import { registration, toolText } from '../wire/calls.js';

const MAIN = fileURLToPath(new URL('../../examples/openai-adapter/main.mjs', import.meta.url));
const AGENT = (name: string): string => `spiffe://poc.local/agents/mcp-client/${name}/dev`;
const KEYS = { alice: 'key-of-alice-0123456789', bob: 'key-of-bob-0123456789' };
const MODEL_KEY = 'key-of-the-model-server-0123456789';
const PARALLEL_MAX = 3;
const ROUNDS_MAX = 4;
const NAMES = ['echo', 'forbidden', 'failing', 'critical', 'hanging', 'files.read', 'odd'];
const OWN_CHAT = { type: 'function' as const, function: { name: 'ask_user', parameters: { type: 'object', properties: {} } } };
const OWN = { type: 'function' as const, name: 'ask_user', parameters: { type: 'object', properties: {} }, strict: false };

interface Precinct {
  readonly calls: { readonly tool: string; readonly outcome: string; readonly refusal?: Record<string, unknown> }[];
  readonly not_run?: string[];
  readonly rounds_exhausted?: boolean;
}

let server: ScriptedServer;
let gateway: GatewayProcess;
let model: ScriptedModel;
let adapter: { readonly url: string; readonly child: ChildProcess; log(): string };
let dir: string;

const clientOf = (key: string): OpenAI => new OpenAI({ apiKey: key, baseURL: adapter.url, maxRetries: 0 });
const precinctOf = (answer: unknown): Precinct => (answer as { precinct: Precinct }).precinct;
const messages = [{ role: 'user' as const, content: 'do it' }];
const calling = (...names: readonly string[]): Said => ({ calls: names.map((name) => ({ name, args: { by: name } })) });
/** Says these in turn, then the last again and again. */
const script = (...turns: readonly Said[]): void => {
  let at = 0;
  model.say = () => turns[Math.min(at++, turns.length - 1)];
};
/** What the model was given of its calls, in the last turn. */
const outputs = (): string[] => {
  const body = model.asked.at(-1)?.body ?? {};
  const all = (body['messages'] ?? body['input']) as Record<string, unknown>[];
  return all.filter(({ role, type }) => role === 'tool' || type === 'function_call_output').map(({ content, output }) => String(content ?? output));
};
const parsed = (text = ''): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

async function startAdapter(config: Readonly<Record<string, unknown>> = {}): Promise<typeof adapter> {
  const file = join(dir, 'adapter.json');
  const clients = Object.keys(KEYS).map((name) => ({ name, api_key_env: `KEY_${name.toUpperCase()}`, spiffe_id: AGENT(name) }));
  writeFileSync(file, JSON.stringify({ listen: { port: 0 }, gateway: { url: gateway.url }, model: { url: model.url, api_key_env: 'KEY_MODEL' }, clients, limits: { rounds: ROUNDS_MAX, parallel_calls: PARALLEL_MAX, body_bytes: 100_000 }, ...config }));
  const child = spawn(process.execPath, [MAIN, file], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, KEY_ALICE: KEYS.alice, KEY_BOB: KEYS.bob, KEY_MODEL: MODEL_KEY } });
  let said = '';
  child.stderr.on('data', (part: Buffer) => { said += part.toString(); });
  await until(() => said.includes('listening: ') || child.exitCode !== null);
  return { url: /listening: (\S+)/.exec(said)?.[1] ?? '', child, log: () => said };
}

async function stop(one: typeof adapter): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => one.child.once('exit', resolve));
  if (one.child.exitCode !== null) return one.child.exitCode;
  one.child.kill('SIGTERM');
  return ended;
}

beforeAll(async () => {
  server = await startScriptedServer(NAMES.map(toolText));
  const policy = 'package precinct.authz\n\nimport rego.v1\n\nallow if input.tool_name != "forbidden"\n';
  gateway = await startGateway({
    identities: { default: AGENT('alice'), identities: ['alice', 'bob'].map((name) => ({ spiffe_id: AGENT(name) })) }, policies: { 'all.rego': policy },
    tools: NAMES.map((name) => registration(name, server.url, name === 'critical' ? { risk_level: 'critical' } : {})), config: { rate_limit: { per_minute: 60_000, burst: 1000 } },
  });
  model = await startModel();
  dir = mkdtempSync(join(tmpdir(), 'precinct-openai-'));
  adapter = await startAdapter();
}, 60_000);
beforeEach(() => {
  [model.asked.length, server.seen.length] = [0, 0];
  server.script = ({ idText, body }, response) => {
    const { name, arguments: args } = (JSON.parse(body) as { params: { name: string; arguments: { by?: string } } }).params;
    if (name === 'hanging') return;
    if (name === 'failing') return jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"content":[{"type":"text","text":"the disk is full"}],"isError":true}}`);
    if (name === 'odd') return jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"content":[],"structuredContent":{"degrees":21}}}`);
    jsonAnswer(response, resultFor(idText, `${name} saw ${JSON.stringify(args)}`));
  };
});
afterEach(() => {
  expect(adapter.log()).not.toMatch(new RegExp(Object.values({ ...KEYS, MODEL_KEY }).join('|')));
});
afterAll(async () => {
  expect(await stop(adapter)).toBe(0);
  await gateway.stop();
  await Promise.all([server.close(), model.close()]);
  rmSync(dir, { recursive: true, force: true });
});

describe('chat completions', () => {
  it('call the gateway\'s tools as the key\'s own identity, and give the model what came of it', async () => {
    script(calling('echo'), { text: 'it is done' });
    const answer = await clientOf(KEYS.bob).chat.completions.create({ model: 'm', messages });
    expect(answer.choices[0]?.message).toEqual({ role: 'assistant', content: 'it is done' });
    expect(answer.usage).toMatchObject({ total_tokens: 24, prompt_tokens_details: { cached_tokens: 2 } });
    expect(outputs()).toEqual(['echo saw {"by":"echo"}']);
    expect(gateway.lines('request').at(-1)).toMatchObject({ tool: 'echo', spiffe_id: AGENT('bob'), decision: 'ALLOW' });
    expect(precinctOf(answer).calls).toMatchObject([{ tool: 'echo', outcome: 'result' }]);
    const offered = (model.asked[0]?.body['tools'] as { function: { name: string } }[]).map((tool) => tool.function.name);
    expect(offered).toContain('echo');
    expect(offered).not.toContain('forbidden');
    expect(model.asked[0]?.headers.authorization).toBe(`Bearer ${MODEL_KEY}`);
  });

  it('show the model a refusal with code, reason and remedy, and list it in body and header', async () => {
    script(calling('critical', 'echo'), { text: 'I may not' });
    const { data, response } = await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages }).withResponse();
    const [refusal, echoed] = outputs();
    expect(parsed(refusal)).toMatchObject({ error: 'refused_by_gateway', code: 'stepup_approval_required', layer: 'step_up_gating', remediation: expect.any(String) as unknown, decision_id: expect.any(String) as unknown, approval: { request_id: expect.any(String) as unknown } });
    expect(refusal).not.toContain('agw approvals'); // that is for a person, not for a model with a shell
    expect(echoed).toContain('echo saw');
    expect(precinctOf(data).calls.map(({ outcome }) => outcome)).toEqual(['refused', 'result']);
    expect(precinctOf(data).calls[0]?.refusal).toMatchObject({ code: 'stepup_approval_required', approval: { command: expect.stringContaining('agw approvals') as unknown } });
    expect(response.headers.get('x-precinct-refused')).toBe('critical=stepup_approval_required');
  });

  it('let the gateway refuse, and record, what the model calls though nobody offered it', async () => {
    script(calling('forbidden', 'made_up'), { text: 'no' });
    await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages });
    expect(outputs().map((text) => parsed(text)['code'])).toEqual(['authz_policy_denied', 'registry_tool_unknown']);
    expect(gateway.lines('request').slice(-2).map(({ tool, decision }) => [tool, decision]).sort()).toEqual([['forbidden', 'DENY'], ['made_up', 'DENY']]);
  });

  it('leave a custom tool to the client, whole and streamed', async () => {
    const custom = { type: 'custom' as const, custom: { name: 'draw' } };
    const call = { id: 'c1', type: 'custom', custom: { name: 'draw', input: 'a line' } };
    const head = { id: 'x', object: 'chat.completion', created: 1, model: 'm' };
    model.say = ({ body }, response) => {
      if (body['stream'] !== true) return void jsonAnswer(response, JSON.stringify({ ...head, choices: [{ index: 0, message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' }] })) as undefined;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const piece of [{ ...call, custom: { name: 'draw', input: '' } }, { custom: { input: 'a ' } }, { custom: { input: 'line' } }]) response.write(`data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta: { tool_calls: [{ index: 0, ...piece }] }, finish_reason: null }] })}\n\n`);
      return void response.end(`data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] })}\n\ndata: [DONE]\n\n`) as undefined;
    };
    const whole = await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, tools: [custom] });
    expect(whole.choices[0]?.message.tool_calls).toEqual([call]);
    const seen: unknown[] = [];
    for await (const chunk of await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, tools: [custom], stream: true })) seen.push(...chunk.choices[0]?.delta.tool_calls ?? []);
    expect(seen).toEqual([{ index: 0, ...call }]);
    expect(server.of('tools/call')).toEqual([]);
  });

  it('tell the model of a tool that failed, of arguments that are none, and of structured content', async () => {
    script({ calls: [{ name: 'failing', args: {} }, { name: 'echo', args: '{"half":' }, { name: 'odd', args: {} }] }, { text: 'well' });
    const answer = await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages });
    const [failed, none, structured] = outputs();
    expect([parsed(failed), parsed(none)['code'], structured]).toEqual([{ error: 'tool_failed', output: 'the disk is full' }, 'invalid_arguments', '{"degrees":21}']);
    expect(precinctOf(answer).calls.map(({ outcome }) => outcome)).toEqual(['tool_error', 'failed', 'result']);
    expect(server.of('tools/call')).toHaveLength(2);
  });

  it('name a tool so that a function may have the name, and keep clear of the client\'s own', async () => {
    script({ text: 'hm' });
    await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, tools: [{ type: 'function', function: { name: 'echo' } }] });
    const names = (model.asked[0]?.body['tools'] as { function: { name: string } }[]).map((tool) => tool.function.name);
    expect(new Set(names).size).toBe(names.length);
    const read = names.find((name) => name.startsWith('files_read')) ?? '';
    expect(names.every((name) => /^[a-zA-Z0-9_-]{1,64}$/.test(name))).toBe(true);
    script(calling(read, names.find((name) => /^echo_/.test(name)) ?? ''), { text: 'read' });
    await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, tools: [{ type: 'function', function: { name: 'echo' } }] });
    expect(server.of('tools/call').map(({ body }) => (JSON.parse(body) as { params: { name: string } }).params.name).sort()).toEqual(['echo', 'files.read']);
  });

  it('leave a tool of the client\'s own to the client, and its output to the model', async () => {
    script(calling('ask_user'));
    const answer = await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, tools: [OWN_CHAT] });
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
    const message = answer.choices[0]?.message;
    expect(message?.tool_calls).toMatchObject([{ function: { name: 'ask_user' } }]);
    script(calling('echo'), { text: 'now it is done' });
    const next = await clientOf(KEYS.alice).chat.completions.create({ model: 'm', tools: [OWN_CHAT], messages: [...messages, message ?? messages[0], { role: 'tool', tool_call_id: message?.tool_calls?.[0]?.id ?? '', content: 'yes' }] as typeof messages });
    expect(next.choices[0]?.message.content).toBe('now it is done');
    expect(outputs()[0]).toBe('yes');
  });

  it('give the client its own calls first where both are asked for at once, and say what was not run', async () => {
    script(calling('echo', 'ask_user'));
    const answer = await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, tools: [OWN_CHAT] });
    expect(answer.choices[0]?.message.tool_calls).toMatchObject([{ function: { name: 'ask_user' } }]);
    expect([precinctOf(answer).not_run, server.of('tools/call').length]).toEqual([['echo'], 0]);
  });

  it('end after so many turns, the last without tools', async () => {
    script(calling('echo'));
    const answer = await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, tool_choice: 'required' });
    expect(model.asked.map(({ body }) => body['tool_choice'])).toEqual(['required', 'auto', 'auto', 'auto', 'none']);
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } });
    expect(answer.choices[0]?.message.tool_calls).toBeUndefined();
    expect(precinctOf(answer)).toMatchObject({ not_run: ['echo'], rounds_exhausted: true });
    expect(server.of('tools/call')).toHaveLength(ROUNDS_MAX);
  });

  it('run no more calls at once than they may, and keep their order', async () => {
    script({ calls: Array.from({ length: 40 }, (_, n) => ({ name: 'echo', args: { n } })) }, { text: 'all' });
    const held: (() => void)[] = [];
    let most = 0;
    server.script = ({ idText, body }, response) => {
      const args = JSON.stringify((JSON.parse(body) as { params: { arguments: unknown } }).params.arguments);
      held.push(() => jsonAnswer(response, resultFor(idText, `echo saw ${args}`)));
      most = Math.max(most, held.length);
      // The last ones first, once as many wait as may; the turn in between lets one too many come.
      if (held.length === PARALLEL_MAX || server.of('tools/call').length === 32) setTimeout(() => held.splice(0).reverse().forEach((release) => release()), 20);
    };
    await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages });
    expect(outputs().slice(0, 32)).toEqual(Array.from({ length: 32 }, (_, n) => `echo saw {"n":${n}}`));
    expect(parsed(outputs()[32])['code']).toBe('too_many_calls');
    expect(most).toBe(PARALLEL_MAX);
  });

  it('stream words as they come, no call of the gateway\'s tools, and the sum at the end', async () => {
    script({ text: 'let me look ', ...calling('echo', 'critical') }, { text: 'here it is' });
    const stream = await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, stream: true, stream_options: { include_usage: true } });
    const chunks: OpenAI.Chat.Completions.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('let me look here it is');
    expect(chunks.every((chunk) => chunk.choices.every(({ delta }) => delta.tool_calls === undefined))).toBe(true);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.filter((chunk) => chunk.choices[0]?.delta.role !== undefined)).toHaveLength(1);
    expect(chunks.at(-1)?.usage?.total_tokens).toBe(24);
    expect(precinctOf(chunks.at(-2)).calls.map(({ outcome }) => outcome)).toEqual(['result', 'refused']);
    expect(parsed(outputs()[1])['code']).toBe('stepup_approval_required');
  });

  it('stream a call of the client\'s own, whole', async () => {
    script(calling('echo'), calling('ask_user'));
    const answer = await clientOf(KEYS.alice).chat.completions.stream({ model: 'm', messages, tools: [OWN_CHAT] }).finalChatCompletion();
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { tool_calls: [{ function: { name: 'ask_user', arguments: '{"by":"ask_user"}' } }] } });
  });
});

describe('responses', () => {
  it('show what the gateway\'s tools did as items, and go on from them', async () => {
    script({ text: 'I look', ...calling('echo', 'critical') }, { text: 'it is done' });
    const answer = await clientOf(KEYS.bob).responses.create({ model: 'm', input: 'do it' });
    expect(answer.output.map(({ type }) => type)).toEqual(['message', 'mcp_call', 'mcp_call', 'message']);
    expect(answer.output_text).toBe('I lookit is done');
    expect(answer.output[1]).toMatchObject({ server_label: 'precinct', name: 'echo', output: 'echo saw {"by":"echo"}', error: null });
    expect(parsed(String((answer.output[2] as { error?: unknown }).error))).toMatchObject({ code: 'stepup_approval_required' });
    expect(answer.usage?.total_tokens).toBe(24);
    expect(answer.tools).toEqual([]);
    expect(outputs().map((text) => text.slice(0, 12))).toEqual(['echo saw {"b', '{"error":"re']);
    expect(gateway.lines('request').slice(-2).map((line) => line['spiffe_id'])).toEqual([AGENT('bob'), AGENT('bob')]);
    script({ text: 'as before' });
    await clientOf(KEYS.bob).responses.create({ model: 'm', input: [...answer.output, { role: 'user', content: 'and?' }] as OpenAI.Responses.ResponseInput });
    expect((model.asked.at(-1)?.body['input'] as { type?: string }[]).map(({ type }) => type)).toEqual(['message', 'function_call', 'function_call_output', 'function_call', 'function_call_output', 'message', undefined]);
  });

  it('leave a function of the client\'s own to the client', async () => {
    script(calling('ask_user', 'echo'));
    const answer = await clientOf(KEYS.alice).responses.create({ model: 'm', input: 'do it', tools: [OWN] });
    expect(answer.output).toMatchObject([{ type: 'function_call', name: 'ask_user' }]);
    expect([precinctOf(answer).not_run, server.of('tools/call').length]).toEqual([['echo'], 0]);
    expect(answer.tools).toMatchObject([{ name: 'ask_user' }]);
  });

  it('end after so many turns', async () => {
    script(calling('echo'));
    const answer = await clientOf(KEYS.alice).responses.create({ model: 'm', input: 'do it' });
    expect(answer.output.map(({ type }) => type)).toEqual(['mcp_call', 'mcp_call', 'mcp_call', 'mcp_call']);
    expect(precinctOf(answer).rounds_exhausted).toBe(true);
  });

  it('stream in one numbering, and the client puts together what the last event says', async () => {
    script({ text: 'I look', ...calling('echo', 'critical') }, { text: 'it is done' });
    const stream = clientOf(KEYS.alice).responses.stream({ model: 'm', input: 'do it' });
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of stream) events.push(event as OpenAI.Responses.ResponseStreamEvent);
    const final = await stream.finalResponse();
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, n) => n));
    expect(events.filter(({ type }) => /created|completed$/.test(type)).map(({ type }) => type)).toEqual(['response.created', 'response.mcp_call.completed', 'response.completed']);
    expect(events.flatMap((event) => (event.type === 'response.output_item.added' ? [[event.output_index, event.item.type]] : []))).toEqual([[0, 'message'], [1, 'mcp_call'], [2, 'mcp_call'], [3, 'message']]);
    expect(events.some(({ type }) => type.startsWith('response.function_call'))).toBe(false);
    expect(events.some(({ type }) => type === 'response.mcp_call.failed')).toBe(true);
    expect(events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : [])).join('')).toBe('I lookit is done');
    expect(final.output.map(({ type }) => type)).toEqual(['message', 'mcp_call', 'mcp_call', 'message']);
    expect(parsed(outputs()[1])['code']).toBe('stepup_approval_required');
  });

  it('stream a function call of the client\'s own', async () => {
    script(calling('echo'), calling('ask_user'));
    const final = await clientOf(KEYS.alice).responses.stream({ model: 'm', input: 'do it', tools: [OWN] }).finalResponse();
    expect(final.output.map(({ type }) => type)).toEqual(['mcp_call', 'function_call']);
  });
});

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
