// How the contract of adapters speaks to this one: `node test/adapter-contract/run.mjs --kit examples/openai-adapter/contract-kit.mjs`. The model is a script that calls what the last message asks for, and says what came of it.
import { spawn } from 'node:child_process';
import { once as event } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import OpenAI from 'openai';

const LIST = '(list)';

/** A model that does as it is told: one call, then its output; asked for the list, the names that it was offered. */
async function startModel() {
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => {
      const { messages, tools = [] } = JSON.parse(text);
      const last = messages.at(-1);
      const wish = last.role === 'user' ? JSON.parse(last.content) : undefined;
      const content = wish === undefined ? last.content : wish.action === LIST ? JSON.stringify(tools.map((tool) => tool.function.name)) : null;
      const call = content === null ? { tool_calls: [{ id: 'call_1', type: 'function', function: { name: wish.action, arguments: JSON.stringify(wish.input) } }] } : {};
      const answer = { id: 'chat', object: 'chat.completion', created: 0, model: 'script', choices: [{ index: 0, message: { role: 'assistant', content, ...call }, finish_reason: content === null ? 'tool_calls' : 'stop' }] };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  server.listen(0, '127.0.0.1');
  await event(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}/v1`, close: () => { server.close(); server.closeAllConnections(); } };
}

async function start({ gatewayUrl, folder, agents, limits }) {
  const model = await startModel();
  const file = join(folder, 'openai-adapter.json');
  const keys = Object.fromEntries(agents.map(({ key }, n) => [`KIT_KEY_${n}`, key]));
  writeFileSync(file, JSON.stringify({ listen: { port: 0 }, gateway: { url: gatewayUrl }, model: { url: model.url }, clients: agents.map(({ name, spiffeId }, n) => ({ name, api_key_env: `KIT_KEY_${n}`, spiffe_id: spiffeId })), limits: { body_bytes: limits.inputBytes, requests: limits.callsAtOnce } }));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.mjs'), file], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...keys } });
  let log = '';
  const ended = event(child, 'exit').then(([code]) => code);
  await Promise.race([new Promise((resolve) => child.stderr.on('data', (part) => {
    log += part;
    if (log.includes('listening: ')) resolve(undefined);
  })), ended.then(() => Promise.reject(new Error(log)))]);
  return {
    url: /listening: (\S+)/.exec(log)[1],
    log: () => log,
    async stop() {
      child.kill('SIGTERM');
      const code = await ended;
      model.close();
      return code;
    },
  };
}

function outcomeOf({ choices, precinct }) {
  const [{ outcome, refusal = {}, trace_id: traceId }] = precinct.calls;
  const { content } = choices[0].message;
  if (outcome === 'result') return { kind: 'result', text: content, data: parsed(content), isError: false, traceId };
  if (outcome === 'tool_error') return { kind: 'result', text: parsed(content).output, isError: true, traceId };
  const { code, message, reason, remediation, decision_id: decisionId, retry_after_s: retryAfterS, approval, may_have_run: mayHaveRun } = refusal;
  if (approval !== undefined) return { kind: 'pending', requestId: approval.request_id, command: approval.command };
  return { kind: 'refusal', code, message, reason, remediation, decisionId, traceId, retryable: retryAfterS !== undefined || mayHaveRun === false, ...(retryAfterS === undefined ? {} : { retryAfterMs: retryAfterS * 1000 }) };
}

function refusalOf(error) {
  if (error instanceof OpenAI.APIUserAbortError) return { kind: 'cancelled' };
  if (!(error instanceof OpenAI.APIError)) throw error;
  return { kind: error.status === 401 ? 'unauthorized' : 'refusal', code: error.code, message: error.message, retryable: error.status === 429 || error.status >= 500, ...error.error?.details };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export default {
  name: 'OpenAI\'s API (chat completions)',
  cannot: { resume: 'a request lives as long as its connection', catalogue: 'the protocol has no events; the list is made anew at each request', revoke: 'the keys are read when it starts' },
  start,
  async connect(adapter, { key }) {
    const client = new OpenAI({ apiKey: key === '' ? ' ' : key, baseURL: adapter.url, maxRetries: 0 });
    const stops = new Set();
    const ask = (action, input, signal, traceparent) => client.chat.completions.create({ model: 'script', messages: [{ role: 'user', content: JSON.stringify({ action, input }) }] }, { signal, headers: { traceparent } });
    const post = async (body) => {
      const response = await fetch(`${adapter.url}/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body });
      return { kind: response.ok ? 'result' : 'refusal', status: response.status, ...(await response.json()).error };
    };
    return {
      list: async () => parsed((await ask(LIST, {})).choices[0].message.content),
      call(action, input, { traceparent } = {}) {
        const stop = new AbortController();
        stops.add(stop);
        const once = () => ask(action, input, stop.signal, traceparent).then(outcomeOf, refusalOf);
        /** The identical call finds the decision. */
        const decided = async () => {
          for (;;) {
            const now = await once();
            if (now.kind !== 'pending') return now;
          }
        };
        const outcome = once().then((first) => (first.kind === 'pending' ? { ...first, decided } : first)).finally(() => stops.delete(stop));
        return { outcome, cancel: async () => stop.abort() };
      },
      malformed: {
        'no JSON': () => post('{"messages":'), 'no object': () => post('[1]'), 'no messages': () => post('{"model":"m"}'), 'several answers': () => post('{"model":"m","messages":[],"n":2}'),
        'a tool that the model server runs by itself': () => post('{"model":"m","messages":[],"tools":[{"type":"web_search"}]}'),
      },
      close() {
        for (const stop of stops) stop.abort();
      },
    };
  },
};
