// examples/openai-adapter as a process between the npm client of OpenAI, a scripted model and a real gateway, for the tests of this folder.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startModel, type Said, type ScriptedModel } from '../support/model-server.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { until } from '../support/until.js';
import { registration, toolText } from '../wire/calls.js';

const MAIN = fileURLToPath(new URL('../../examples/openai-adapter/main.mjs', import.meta.url));
export const AGENT = (name: string): string => `spiffe://poc.local/agents/mcp-client/${name}/dev`;
export const KEYS = { alice: 'key-of-alice-0123456789', bob: 'key-of-bob-0123456789' };
export const MODEL_KEY = 'key-of-the-model-server-0123456789';
export const PARALLEL_MAX = 3;
export const ROUNDS_MAX = 4;
const NAMES = ['echo', 'forbidden', 'failing', 'critical', 'hanging', 'files.read', 'odd'];
export const OWN_CHAT = { type: 'function' as const, function: { name: 'ask_user', parameters: { type: 'object', properties: {} } } };
export const OWN = { type: 'function' as const, name: 'ask_user', parameters: { type: 'object', properties: {} }, strict: false };

interface Precinct {
  readonly calls: { readonly tool: string; readonly outcome: string; readonly refusal?: Record<string, unknown> }[];
  readonly not_run?: string[];
  readonly rounds_exhausted?: boolean;
}

export let server: ScriptedServer;
export let gateway: GatewayProcess;
export let model: ScriptedModel;
const started: ChildProcess[] = [];
export let adapter: { readonly url: string; readonly child: ChildProcess; log(): string };
let dir: string;

export const clientOf = (key: string): OpenAI => new OpenAI({ apiKey: key, baseURL: adapter.url, maxRetries: 0 });
export const precinctOf = (answer: unknown): Precinct => (answer as { precinct: Precinct }).precinct;
export const messages = [{ role: 'user' as const, content: 'do it' }];
export const calling = (...names: readonly string[]): Said => ({ calls: names.map((name) => ({ name, args: { by: name } })) });
/** Says these in turn, then the last again and again. */
export const script = (...turns: readonly Said[]): void => {
  let at = 0;
  model.say = () => turns[Math.min(at++, turns.length - 1)];
};
/** What the model was given of its calls, in the last turn. */
export const outputs = (): string[] => {
  const body = model.asked.at(-1)?.body ?? {};
  const all = (body['messages'] ?? body['input']) as Record<string, unknown>[];
  return all.filter(({ role, type }) => role === 'tool' || type === 'function_call_output').map(({ content, output }) => String(content ?? output));
};
export const parsed = (text = ''): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

export async function startAdapter(config: Readonly<Record<string, unknown>> = {}): Promise<typeof adapter> {
  const file = join(dir, 'adapter.json');
  const clients = Object.keys(KEYS).map((name) => ({ name, api_key_env: `KEY_${name.toUpperCase()}`, spiffe_id: AGENT(name) }));
  writeFileSync(file, JSON.stringify({ listen: { port: 0 }, gateway: { url: gateway.url }, model: { url: model.url, api_key_env: 'KEY_MODEL' }, clients, limits: { rounds: ROUNDS_MAX, parallel_calls: PARALLEL_MAX, body_bytes: 100_000 }, ...config }));
  const child = spawn(process.execPath, [MAIN, file], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, KEY_ALICE: KEYS.alice, KEY_BOB: KEYS.bob, KEY_MODEL: MODEL_KEY } });
  started.push(child);
  let said = '';
  child.stderr.on('data', (part: Buffer) => { said += part.toString(); });
  await until(() => said.includes('listening: ') || child.exitCode !== null);
  return { url: /listening: (\S+)/.exec(said)?.[1] ?? '', child, log: () => said };
}

export async function stop(one: typeof adapter): Promise<number | null> {
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
  const code = await stop(adapter);
  for (const child of started) child.kill('SIGKILL'); // what a test that failed has left
  await gateway.stop();
  await Promise.all([server.close(), model.close()]);
  rmSync(dir, { recursive: true, force: true });
  expect(code).toBe(0);
});
