// Stdio servers as their owner has them, and questions to them as the gateway asks.
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../../../src/base/clock/clock.js';
import { loadJsonGuard } from '../../../../src/base/json/choose.js';
import type { RegisteredServer, StdioProgram } from '../../../../src/engines/registry/types.js';
import { createSecretFinder } from '../../../../src/response/03-scrub-secrets.js';
import { WireReader } from '../../../../src/upstream/duplex/wire-message.js';
import { StdioServers, type StdioOptions } from '../../../../src/upstream/stdio/stdio-servers.js';
import type { UpstreamCall, UpstreamClient, UpstreamFault } from '../../../../src/upstream/types.js';

export const PROGRAM = fileURLToPath(new URL('../../../support/stdio-server.mjs', import.meta.url));
export const UPSTREAM = 'stdio:tests';
export const LIMITS = { depthMax: 64, keysMax: 100_000 };

export function entries(program: Partial<StdioProgram> = {}, upstream = UPSTREAM): ReadonlyMap<string, RegisteredServer> {
  const whole: StdioProgram = { command: process.execPath, args: [PROGRAM], env: {}, cwd: undefined, instance: 'shared', ...program };
  return new Map([[upstream, { upstream, prefix: '', line: 1, transport: { kind: 'stdio', program: whole } }]]);
}

export interface Told {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export function startServers(program: Partial<StdioProgram> = {}, options: Partial<StdioOptions> = {}) {
  const told: Told[] = [];
  const differing: string[] = [];
  const timers: { ms: number; run: () => void }[] = [];
  const note = (facts: Readonly<Record<string, unknown>>, text: string): void => void told.push({ facts, text });
  const servers = new StdioServers({
    reader: new WireReader(loadJsonGuard(), LIMITS), answerBytesMax: 1024 * 1024, processesMax: () => 3, sessionIdleMs: 1000, bareEnvironment: { PATH: process.env['PATH'] ?? '' }, variable: () => undefined, folder: process.cwd(),
    initializeParams: '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"precinct","version":"0"}}', nowMs: systemClock.nowMs,
    after: (ms, run) => {
      timers.push({ ms, run });
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    every: () => () => undefined, log: { debug: note, info: note, warn: note, error: note }, secretsOf: () => [], secretFinder: createSecretFinder, toolsMayDiffer: (upstream) => void differing.push(upstream), processesChanged: () => undefined, ...options,
  });
  servers.setServers(entries(program));
  return { servers, told, differing, timers };
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Of the answer, in JSON or as the last event. */
  readonly json: { readonly id?: unknown; readonly result?: Record<string, unknown>; readonly error?: { readonly code: number } };
  /** What came before it. */
  readonly before: readonly Record<string, unknown>[];
  readonly fault: UpstreamFault | undefined;
}

export class Asked {
  readonly call: UpstreamCall;
  readonly answered: Promise<Answered>;
  text = '';
  status = 0;
  headers: Readonly<Record<string, string>> = {};

  constructor(client: UpstreamClient, request: { readonly session?: string | undefined; readonly body?: unknown; readonly httpMethod?: 'POST' | 'GET' | 'DELETE'; readonly headers?: Readonly<Record<string, string>>; readonly url?: string }) {
    let tell: (answer: Answered) => void = () => undefined;
    this.answered = new Promise((resolve) => { tell = resolve; });
    const end = (fault: UpstreamFault | undefined): void => tell(describe(this.status, this.headers, this.text, fault));
    const { body, httpMethod = 'POST', session } = request;
    this.call = client.send({
      url: request.url ?? UPSTREAM, httpMethod, headers: { ...request.headers, ...(session === undefined ? {} : { 'mcp-session-id': session }) }, answerTimeoutMs: 60_000, idleTimeoutMs: 60_000,
      body: body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    }, {
      onHead: (status, headers) => {
        this.status = status;
        this.headers = headers;
      },
      onData: (chunk) => { this.text += Buffer.from(chunk).toString('utf8'); },
      onEnd: () => end(undefined),
      onFault: end,
    });
  }

  /** Resolves once the text holds this. */
  async holds(words: string): Promise<void> {
    while (!this.text.includes(words)) await new Promise((resolve) => setImmediate(resolve));
  }
}

function describe(status: number, headers: Readonly<Record<string, string>>, text: string, fault: UpstreamFault | undefined): Answered {
  const isStream = headers['content-type'] === 'text/event-stream';
  const messages = (isStream ? text.split('\n\n').filter((event) => event !== '').map((event) => event.replace(/^data: /, '')) : [text]).filter((one) => one !== '').map(parse);
  const last = messages.at(-1) ?? {};
  return { status, headers, text, fault, json: last, before: messages.slice(0, -1) };
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

export const ask = (client: UpstreamClient, method: string, params: unknown, session: string | undefined, id: unknown = 1): Promise<Answered> => new Asked(client, { session, body: { jsonrpc: '2.0', id, method, params } }).answered;
export const callTool = (client: UpstreamClient, session: string, name: string, args: unknown = {}, id: unknown = 1): Promise<Answered> => ask(client, 'tools/call', { name, arguments: args }, session, id);
export const tell = (client: UpstreamClient, method: string, params: unknown, session: string): Promise<Answered> => new Asked(client, { session, body: { jsonrpc: '2.0', method, params } }).answered;

export async function openSession(client: UpstreamClient, name = 'client', capabilities: unknown = {}): Promise<string> {
  const { headers, json, fault } = await ask(client, 'initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo: { name, version: '1' } }, undefined, 'hello');
  const session = headers['mcp-session-id'];
  if (session === undefined) throw new Error(`no session: ${JSON.stringify({ json, fault })}`);
  await tell(client, 'notifications/initialized', {}, session);
  return session;
}

export function textOf({ json }: Answered): string {
  const [first] = (json.result?.['content'] ?? []) as { readonly text?: string }[];
  return first?.text ?? '';
}

export interface Self {
  readonly pid: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly (readonly [number, string])[];
  readonly calls: number;
  readonly cancelled: readonly number[];
  readonly initialized: number;
}

export async function self(client: UpstreamClient, session: string): Promise<Self> {
  return JSON.parse(textOf(await callTool(client, session, 'self'))) as Self;
}
