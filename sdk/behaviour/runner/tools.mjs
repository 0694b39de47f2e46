// The tools of the table: what each is, how it is registered, and what it does when it is called.
import { AWS_KEY } from './words.mjs';

const SCHEMA = { type: 'object' };
const text = (words) => ({ content: [{ type: 'text', text: words }] });
const PROGRESS = [1, 2, 3];
/** @type {[string, Record<string, unknown>]} */
const WHO = ['elicitation/create', { message: 'Who are you?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } }];

/** @typedef {import('./tool-call.mjs').ToolCall} ToolCall */

/** Progress three times and a line of log, all of them awaited by nobody, then the result. @param {ToolCall} call */
function counts(call) {
  call.stream();
  for (const progress of PROGRESS) call.notify('notifications/progress', { progressToken: call.meta.progressToken, progress, total: PROGRESS.length, message: `step ${progress}` });
  call.notify('notifications/message', { level: 'info', logger: 'counts', data: 'counted' });
  call.result(text('counted to 3'));
}

/** One progress, then nothing: it ends when it is cancelled. @param {ToolCall} call */
function hangs(call) {
  call.stream();
  call.notify('notifications/progress', { progressToken: call.meta.progressToken, progress: 1, total: 2, message: 'begun' });
}

/** 2026-07-28: asks by its result; answers once the same call comes with what it asked and its state, byte for byte. @param {ToolCall} call */
function asksName(call) {
  const { inputResponses, requestState } = call.params;
  if (inputResponses === undefined) {
    const inputRequests = { who: { method: 'elicitation/create', params: { mode: 'form', message: 'Who are you?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } } } };
    return call.result({ resultType: 'input_required', inputRequests, requestState: 'st@te== "ü"' });
  }
  return call.result(text(`hello ${inputResponses.who?.content?.name ?? 'nobody'}, ${requestState === 'st@te== "ü"' ? 'as before' : 'stranger'}`));
}

/** 2025-11-25: asks the client over the call's own stream. @param {string} method @param {Record<string, unknown>} params */
const asks = (method, params) => async (/** @type {ToolCall} */ call) => {
  call.stream();
  call.result(said(await call.ask(method, params)));
};

/** 2025-11-25: says and asks where the session listens, not in the call. @param {ToolCall} call */
async function asksBeside(call) {
  await call.beside();
  call.notify('notifications/message', { level: 'info', logger: 'beside', data: 'about to ask' });
  call.result(said(await call.ask(...WHO)));
}

const said = (answer) => text(answer.error === undefined ? `answered ${JSON.stringify(answer.result)}` : `refused with ${answer.error.code}`);

const echo = (/** @type {ToolCall} */ call) => call.result(text(String(call.args.text ?? '')));

/**
 * `era`: which of the two servers has it; `registry`: members of its entry; `run`: what a call does.
 * A name that ends in `_` stands for one tool a language: what opens a breaker of one must not stop another.
 * @type {Record<string, { era?: 'modern' | 'legacy', schema?: object, registry?: Record<string, unknown>, served?: boolean, run: (call: ToolCall) => unknown }>}
 */
export const TOOLS = {
  echo: { run: echo },
  echo_old: { era: 'legacy', run: echo },
  mirror: { run: (call) => call.result({ ...text('mirrored'), structuredContent: { arguments: call.args, meta: call.meta } }) },
  blocks: { run: (call) => call.result({ content: [{ type: 'text', text: 'one' }, { type: 'image', data: 'AAAA', mimeType: 'image/png' }, { type: 'text', text: 'two' }, { type: 'resource_link', uri: 'file:///a', name: 'a' }, { type: 'hologram', depth: 3 }], _meta: { 'example/shown': true } }) },
  empty: { run: (call) => call.result({ content: [] }) },
  fails: { run: (call) => call.result({ ...text('the disk is full'), isError: true }) },
  wrong_arguments: { run: (call) => call.error(-32602, 'query is missing', { argument: 'query' }) },
  counts: { run: counts },
  counts_old: { era: 'legacy', run: counts },
  hangs: { run: hangs },
  hangs_old: { era: 'legacy', run: hangs },
  silent: { run: () => undefined },
  asks_name: { run: asksName },
  elicits: { era: 'legacy', run: asks(...WHO) },
  asks_beside: { era: 'legacy', run: asksBeside },
  samples: { era: 'legacy', run: asks('sampling/createMessage', { messages: [{ role: 'user', content: { type: 'text', text: 'Say hello' } }], maxTokens: 10 }) },
  in_region: {
    schema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, count: { type: 'integer', 'x-mcp-header': 'Count' }, text: { type: 'string' } } },
    run: (call) => call.result(text(`${String(call.headers['mcp-param-region'])} ${String(call.headers['mcp-param-count'])}`)),
  },
  vault: { registry: { required_scope: 'vault.read' }, run: (call) => call.result(text(`got ${String(call.args.password ?? '').length} characters`)) },
  critical: { registry: { risk_level: 'critical' }, run: echo },
  critical_old: { era: 'legacy', registry: { risk_level: 'critical' }, run: echo },
  sends: { registry: { risk_level: 'medium', external: true }, run: echo },
  wipes: { registry: { risk_level: 'critical', external: true }, run: echo },
  read_customer: { registry: { classification: 'sensitive' }, run: (call) => call.result(text('a customer')) },
  send_message: { registry: { external: true }, run: echo },
  limited: { registry: { rate_limit: { per_minute: 60, burst: 1 } }, run: echo },
  limited_long: { registry: { rate_limit: { per_minute: 1, burst: 1 } }, run: echo },
  forbidden: { run: echo },
  conflicting: { run: echo },
  changed: { registry: { hash: 'a'.repeat(64) }, run: echo },
  unserved: { served: false, run: echo },
  leaks: { run: (call) => call.result(text(`the key is ${AWS_KEY}`)) },
  leaks_late: { run: (call) => { call.stream(); call.result(text(`the key is ${AWS_KEY}`)); } },
  breaks: { run: (call) => call.http(500, 'text/plain', 'boom') },
  garbles: { run: (call) => call.http(200, 'text/html', '<!doctype html><title>Sign in</title>') },
  cuts: { run: (call) => call.cut() },
  late: { registry: { timeout_ms: 200 }, run: () => undefined },
  breaks_: { run: (call) => call.http(500, 'text/plain', 'boom') },
};

export const RESOURCES = [{ uri: 'file:///readme', name: 'readme', mimeType: 'text/plain' }, { uri: 'file:///ü', name: 'umlaut' }];
export const TEMPLATES = [{ uriTemplate: 'file:///{name}', name: 'files' }];
export const PROMPTS = [{ name: 'greet', arguments: [{ name: 'who', required: true }] }];

/** One tool of the catalogue by its name, those of a language too. @param {string} name */
export function toolOf(name) {
  return TOOLS[name] ?? TOOLS[name.slice(0, name.lastIndexOf('_') + 1)];
}

/** The names that one server has. @param {'modern' | 'legacy'} era @param {readonly string[]} languages */
export function namesOf(era, languages) {
  return Object.entries(TOOLS).filter(([, tool]) => (tool.era ?? 'modern') === era).flatMap(([name]) => (name.endsWith('_') ? languages.map((language) => name + language) : [name]));
}

/** A definition's own text, as it is served and hashed. @param {string} name */
export function definitionText(name) {
  return JSON.stringify({ name, description: 'Tool of the behaviour table', inputSchema: toolOf(name)?.schema ?? SCHEMA });
}
