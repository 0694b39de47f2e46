// The tools for the Vercel AI SDK, with its own scripted model: what the model is given, what it calls, what it reads back.
import { generateText, stepCountIs, streamText, type ModelMessage } from 'ai';
import { MockLanguageModelV3, simulateReadableStream } from 'ai/test';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gatewayTools, RefusedToolCall, type GatewayToolsOptions } from '../src/ai.js';
import { AuthorizationError, GatewayClient } from '../src/index.js';
import { ownSurroundings } from './support/own-surroundings.js';
import { refusal, result, startScripted, text, type Play, type ScriptedGateway } from './support/scripted-gateway.js';

type Generated = Awaited<ReturnType<MockLanguageModelV3['doGenerate']>>;

const usage: Generated['usage'] = { inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 1, text: 1, reasoning: 0 } };
const calling = (toolName: string, input: unknown): Generated => ({ content: [{ type: 'tool-call', toolCallId: 'c1', toolName, input: JSON.stringify(input) }], finishReason: { unified: 'tool-calls', raw: undefined }, usage, warnings: [] });
const saying = (said: string): Generated => ({ content: [{ type: 'text', text: said }], finishReason: { unified: 'stop', raw: undefined }, usage, warnings: [] });
const TOOLS = [
  { name: 'my_tool', description: 'Does something useful', inputSchema: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] } },
  { name: 'db.query', inputSchema: { type: 'object' } }, { name: 'db/query', inputSchema: {} },
];

let gateway: ScriptedGateway;
let client: GatewayClient;
let call: Play;

beforeAll(async () => {
  gateway = await startScripted();
  client = new GatewayClient({ gatewayUrl: gateway.url, surroundings: ownSurroundings(), maxRetries: 0 });
  gateway.play((seen, response, request) => (seen.body['method'] === 'tools/list' ? result({ tools: TOOLS }) : call)(seen, response, request));
});
beforeEach(() => { gateway.seen.length = 0; });
afterAll(async () => {
  await client.close();
  await gateway.close();
});

/** What the model reads of the one call that it makes. */
async function read(play: Play, toolName = 'my_tool', options: GatewayToolsOptions = {}): Promise<{ prompt: unknown; outcome: Awaited<ReturnType<typeof generateText>> }> {
  call = play;
  const turns = [calling(toolName, { query: 'x' }), saying('done')];
  const model = new MockLanguageModelV3({ doGenerate: () => Promise.resolve(turns.shift() ?? saying('again')) });
  const outcome = await generateText({ model, tools: await gatewayTools(client, options), prompt: 'go', stopWhen: stepCountIs(3) });
  const last = model.doGenerateCalls.at(-1)?.prompt.at(-1);
  return { prompt: last?.role === 'tool' ? last.content[0] : undefined, outcome };
}

describe('the tools of the gateway', () => {
  it('are given to the model with their schemas', async () => {
    const model = new MockLanguageModelV3({ doGenerate: saying('no') });
    await generateText({ model, tools: await gatewayTools(client), prompt: 'go' });
    expect(model.doGenerateCalls[0]?.tools).toMatchObject([
      { type: 'function', name: 'my_tool', description: 'Does something useful', inputSchema: TOOLS[0]?.inputSchema }, { name: 'db_query', inputSchema: { type: 'object' } }, { name: 'db_query_2', inputSchema: { type: 'object' } },
    ]);
    expect(Object.keys(await gatewayTools(client, { only: ['my_tool'] }))).toEqual(['my_tool']);
    expect(Object.keys(await gatewayTools(client, { only: ({ name }) => name.startsWith('db') }))).toEqual(['db_query', 'db_query_2']);
  });

  it('are called by their own names, through the gateway', async () => {
    const { prompt, outcome } = await read(text('found'), 'db_query_2');
    expect(gateway.seen.at(-1)?.body).toMatchObject({ method: 'tools/call', params: { name: 'db/query', arguments: { query: 'x' } } });
    expect(prompt).toMatchObject({ type: 'tool-result', toolName: 'db_query_2', output: { type: 'text', value: 'found' } });
    expect(outcome.text).toBe('done');
    expect(outcome.steps[0]?.toolResults[0]?.output).toEqual({ content: [{ type: 'text', text: 'found' }] });
  });

  it('say what their other content is', async () => {
    const content = [{ type: 'text', text: 'a' }, { type: 'image', mimeType: 'image/png', data: 'AA==' }, { type: 'resource', resource: { uri: 'x:y', text: 'b' } }, { type: 'resource_link', uri: 'x:z', name: 'z' }];
    expect((await read(result({ content }))).prompt).toMatchObject({ output: { type: 'text', value: 'a\n[image image/png]\nb\n[resource_link x:z]' } });
    expect((await read(result({ content: [], structuredContent: { n: 1 } }))).prompt).toMatchObject({ output: { type: 'text', value: '{"n":1}' } });
  });

  it('that fail themselves are read as errors', async () => {
    expect((await read(result({ content: [{ type: 'text', text: 'no such city' }], isError: true }))).prompt).toMatchObject({ output: { type: 'error-text', value: 'no such city' } });
  });

  it('that are refused are read with reason and remedy', async () => {
    const { prompt, outcome } = await read(refusal('authz_policy_denied', { more: { details: { reason: 'outside office hours' } } }));
    expect(prompt).toMatchObject({
      type: 'tool-result',
      output: { type: 'error-text', value: 'The gateway refused this call (authz_policy_denied): It is authz_policy_denied.\nReason: outside office hours.\nWhat would help: Do better.\nDecision: d-1' },
    });
    const part = outcome.steps[0]?.content.find(({ type }) => type === 'tool-error');
    const error: unknown = part?.type === 'tool-error' ? part.error : undefined;
    expect(error).toBeInstanceOf(RefusedToolCall);
    expect((error as RefusedToolCall).cause).toBeInstanceOf(AuthorizationError);
    expect(outcome.text).toBe('done');
  });

  it('hand no model the command that approves its call', async () => {
    const { prompt } = await read(refusal('stepup_approval_required', { more: { middleware_step: 9, remediation: 'Ask an approver to run: agw approvals approve r', details: { request_id: 'r', command: 'agw approvals approve r' } } }));
    expect(prompt).toMatchObject({ output: { type: 'error-text', value: 'The gateway refused this call (stepup_approval_required): It is stepup_approval_required.\nDecision: d-1' } });
  });

  it('wait for an approval where that is asked for', async () => {
    const plays = [refusal('stepup_approval_required', { more: { middleware_step: 9, details: { request_id: 'r' } } }), text('approved')];
    const asked: string[] = [];
    const { prompt } = await read((seen, response, request) => plays.shift()?.(seen, response, request), 'my_tool', { waitForApproval: 60, onApprovalRequested: ({ requestId }) => asked.push(requestId) });
    expect(prompt).toMatchObject({ output: { type: 'text', value: 'approved' } });
    expect(asked).toEqual(['r']);
  });

  it('are cancelled with the generation', async () => {
    const stop = new AbortController();
    const closed = new Promise<void>((resolve) => {
      call = (_seen, response) => {
        response.on('close', resolve);
        stop.abort();
      };
    });
    const model = new MockLanguageModelV3({ doGenerate: calling('my_tool', { query: 'x' }) });
    await generateText({ model, tools: await gatewayTools(client), prompt: 'go', abortSignal: stop.signal, stopWhen: stepCountIs(1) }).catch(() => undefined);
    await closed;
  });

  it('work in a stream', async () => {
    call = text('streamed');
    const turns = [
      [{ type: 'tool-call', toolCallId: 'c1', toolName: 'my_tool', input: '{"query":"x"}' }, { type: 'finish', finishReason: { unified: 'tool-calls', raw: undefined }, usage }],
      [{ type: 'text-start', id: 't' }, { type: 'text-delta', id: 't', delta: 'done' }, { type: 'text-end', id: 't' }, { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage }],
    ] as const;
    let turn = 0;
    const model = new MockLanguageModelV3({ doStream: () => Promise.resolve({ stream: simulateReadableStream({ chunks: [...(turns[turn++] ?? [])], initialDelayInMs: null, chunkDelayInMs: null }) }) });
    const outcome = streamText({ model, tools: await gatewayTools(client), prompt: 'go', stopWhen: stepCountIs(3) });
    expect(await outcome.text).toBe('done');
    const messages: readonly ModelMessage[] = (await outcome.response).messages;
    expect(JSON.stringify(messages)).toContain('streamed');
  });
});
