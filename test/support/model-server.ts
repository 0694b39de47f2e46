// A scripted model server of OpenAI's two endpoints: a test says turn by turn what the model says; whole, or streamed in small pieces as real ones do.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Said {
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly args: unknown }[];
}
export interface AskedOfModel {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}
export interface ScriptedModel {
  readonly url: string;
  readonly asked: AskedOfModel[];
  /** The next turn; answers by hand where it writes itself. */
  say: (asked: AskedOfModel, response: ServerResponse) => Said | undefined;
  hangUps: number;
  close(): Promise<void>;
}

const USAGE = { chat: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12, prompt_tokens_details: { cached_tokens: 1 } }, response: { input_tokens: 10, output_tokens: 2, total_tokens: 12, input_tokens_details: { cached_tokens: 1 }, output_tokens_details: { reasoning_tokens: 0 } } };

export async function startModel(): Promise<ScriptedModel> {
  let turn = 0;
  const server = createServer((request, response) => {
    response.on('close', () => { if (!response.writableFinished) model.hangUps += 1; });
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('end', () => {
      const asked = { path: request.url ?? '', headers: request.headers, body: JSON.parse(text) as Record<string, unknown> };
      model.asked.push(asked);
      const said = model.say(asked, response);
      if (said === undefined) return;
      turn += 1;
      const write = asked.path.endsWith('/responses') ? (asked.body['stream'] === true ? streamResponse : wholeResponse) : asked.body['stream'] === true ? streamChat : wholeChat;
      write(response, said, turn, asked.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const model: ScriptedModel = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked: [], hangUps: 0, say: () => ({ text: 'hello' }),
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
  return model;
}

const callsOf = ({ calls = [] }: Said, turn: number): { id: string; name: string; text: string }[] => calls.map(({ name, args }, n) => ({ id: `call_${turn}_${n}`, name, text: typeof args === 'string' ? args : JSON.stringify(args) }));
const json = (response: ServerResponse, body: unknown): void => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));

function wholeChat(response: ServerResponse, said: Said, turn: number): void {
  const calls = callsOf(said, turn).map(({ id, name, text }) => ({ id, type: 'function', function: { name, arguments: text } }));
  json(response, { id: `chat_${turn}`, object: 'chat.completion', created: 1, model: 'scripted', choices: [{ index: 0, message: { role: 'assistant', content: said.text ?? null, ...(calls.length === 0 ? {} : { tool_calls: calls }) }, finish_reason: calls.length === 0 ? 'stop' : 'tool_calls' }], usage: USAGE.chat });
}

function streamChat(response: ServerResponse, said: Said, turn: number, body: Record<string, unknown>): void {
  const wantsUsage = (body['stream_options'] as { include_usage?: boolean } | undefined)?.include_usage === true;
  const events: string[] = [];
  const chunk = (delta: unknown, finish: string | null = null): void => void events.push(JSON.stringify({ id: `chat_${turn}`, object: 'chat.completion.chunk', created: 1, model: 'scripted', choices: [{ index: 0, delta, finish_reason: finish }], ...(wantsUsage ? { usage: null } : {}) }));
  chunk({ role: 'assistant', content: '' });
  for (const word of said.text?.match(/\S+\s*/g) ?? []) chunk({ content: word });
  for (const [index, { id, name, text }] of callsOf(said, turn).entries()) {
    chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] });
    for (let at = 0; at < text.length; at += 3) chunk({ tool_calls: [{ index, function: { arguments: text.slice(at, at + 3) } }] });
  }
  chunk({}, (said.calls ?? []).length === 0 ? 'stop' : 'tool_calls');
  if (wantsUsage) events.push(JSON.stringify({ id: `chat_${turn}`, object: 'chat.completion.chunk', created: 1, model: 'scripted', choices: [], usage: USAGE.chat }));
  send(response, [...events, '[DONE]'].map((data) => `data: ${data}\n\n`).join(''));
}

function itemsOf(said: Said, turn: number): Record<string, unknown>[] {
  return [
    ...(said.text === undefined ? [] : [{ id: `msg_${turn}`, type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: said.text, annotations: [] }] }]),
    ...callsOf(said, turn).map(({ id, name, text }) => ({ id: `fc_${id}`, type: 'function_call', call_id: id, name, arguments: text, status: 'completed' })),
  ];
}

function bodyOf(turn: number, asked: Record<string, unknown>, output: unknown, status: string): Record<string, unknown> {
  return { id: `resp_${turn}`, object: 'response', created_at: 1, model: 'scripted', status, output, tools: asked['tools'] ?? [], tool_choice: 'auto', parallel_tool_calls: true, metadata: {}, error: null, incomplete_details: null, instructions: null, temperature: 1, top_p: 1, ...(status === 'completed' ? { usage: USAGE.response } : {}) };
}

function wholeResponse(response: ServerResponse, said: Said, turn: number, asked: Record<string, unknown>): void {
  json(response, bodyOf(turn, asked, itemsOf(said, turn), 'completed'));
}

function streamResponse(response: ServerResponse, said: Said, turn: number, asked: Record<string, unknown>): void {
  const events: Record<string, unknown>[] = [];
  const event = (type: string, members: object): void => void events.push({ type, sequence_number: events.length, ...members });
  event('response.created', { response: bodyOf(turn, asked, [], 'in_progress') });
  event('response.in_progress', { response: bodyOf(turn, asked, [], 'in_progress') });
  for (const [output_index, item] of itemsOf(said, turn).entries()) {
    const at = { output_index, item_id: item['id'] };
    if (item['type'] === 'message') {
      event('response.output_item.added', { output_index, item: { ...item, status: 'in_progress', content: [] } });
      event('response.content_part.added', { ...at, content_index: 0, part: { type: 'output_text', text: '', annotations: [] } });
      for (const word of said.text?.match(/\S+\s*/g) ?? []) event('response.output_text.delta', { ...at, content_index: 0, delta: word, logprobs: [] });
      event('response.output_text.done', { ...at, content_index: 0, text: said.text, logprobs: [] });
      event('response.content_part.done', { ...at, content_index: 0, part: { type: 'output_text', text: said.text, annotations: [] } });
    } else {
      event('response.output_item.added', { output_index, item: { ...item, arguments: '', status: 'in_progress' } });
      event('response.function_call_arguments.delta', { ...at, delta: item['arguments'] });
      event('response.function_call_arguments.done', { ...at, name: item['name'], arguments: item['arguments'] });
    }
    event('response.output_item.done', { output_index, item });
  }
  event('response.completed', { response: bodyOf(turn, asked, itemsOf(said, turn), 'completed') });
  send(response, events.map((one) => `event: ${String(one['type'])}\ndata: ${JSON.stringify(one)}\n\n`).join(''));
}

/** In pieces that end anywhere. */
function send(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 61) response.write(bytes.subarray(at, at + 61));
  response.end();
}
