// The unmodified npm client of OpenAI against examples/openai-adapter: what comes of each call of a tool, whole and streamed, at both endpoints.
import type OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { jsonAnswer, resultFor } from '../support/scripted-server.js';
import { AGENT, calling, clientOf, gateway, KEYS, messages, model, MODEL_KEY, outputs, OWN, OWN_CHAT, PARALLEL_MAX, parsed, precinctOf, ROUNDS_MAX, script, server } from './openai-rig.js';

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

  const streamed = (deltas: readonly unknown[], end: Record<string, unknown> | undefined): typeof model.say => (_asked, response) => {
    const head = { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', error: null };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const delta of deltas) response.write(`data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`);
    return void response.end(end === undefined ? '' : `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta: {}, ...end }] })}\n\ndata: [DONE]\n\n`) as undefined;
  };
  const wordsOf = async (): Promise<string> => {
    let words = '';
    for await (const chunk of await clientOf(KEYS.alice).chat.completions.create({ model: 'm', messages, stream: true })) words += chunk.choices[0]?.delta.content ?? '';
    return words;
  };

  it('understand pieces that repeat their id as null or empty, say that there is no error, and count from 1', async () => {
    const turns = [
      streamed([{ tool_calls: [{ index: 1, id: 'c1', type: 'function', function: { name: 'echo', arguments: '' } }] }, { tool_calls: [{ index: 1, id: null, type: null, function: { name: null, arguments: '{"n"' } }] }, { tool_calls: [{ index: 1, id: '', type: '', function: { arguments: ':1}' } }] }], { finish_reason: 'tool_calls' }),
      streamed([{ content: 'well' }], { finish_reason: 'stop' }),
    ];
    model.say = (asked, response) => turns.shift()?.(asked, response);
    expect(await wordsOf()).toBe('well');
    const said = (model.asked[1]?.body['messages'] as unknown[]).slice(1);
    expect(said).toEqual([{ role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 'echo', arguments: '{"n":1}' } }] }, { role: 'tool', tool_call_id: 'c1', content: 'echo saw {"n":1}' }]);
  });

  it('make no call that the model\'s stream ended in the middle of', async () => {
    model.say = streamed([{ tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: 'echo', arguments: '' } }] }], undefined);
    await expect(wordsOf()).rejects.toThrow('ended before its answer was complete');
    expect(server.of('tools/call')).toEqual([]);
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
