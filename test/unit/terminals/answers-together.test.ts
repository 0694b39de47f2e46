// upstream.inflight_answer_bytes_max: many large answers at once, over real connections of both clients. None is refused, and what they hold comes back.
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { AnswerMemory, READ_BYTES } from '../../../src/terminals/answer-memory.js';
import { createUpstreamClient } from '../../../src/upstream/http-client.js';
import { startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedRequest, type ScriptedServer } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';

const MIB = 1024 * 1024;
const BOUND = MIB;
const CALLS = 6;
const CLIENT = { headers: { accept: MCP_ACCEPT } };
const CLIENTS = ['own', 'undici'] as const;

class Watched extends AnswerMemory {
  peak = 0;
  override note(...change: Parameters<AnswerMemory['note']>): void {
    super.note(...change);
    this.peak = Math.max(this.peak, this.bytes);
  }
}

let server: ScriptedServer;
let running: InProcessGateway;
let memory: Watched;
let end: () => Promise<void>;
afterEach(() => end());

async function start(client: (typeof CLIENTS)[number], ...config: string[]): Promise<void> {
  server = await startScriptedServer([toolText('plain')]);
  memory = new Watched(BOUND);
  const upstream = client === 'undici' ? createUpstreamClient({ connectTimeoutMs: 2000, connectionsMax: 16, plain: 'undici' }) : undefined;
  running = await startInProcessGateway({ tools: [{ name: 'plain', url: server.url }], config, change: () => ({ answerMemory: memory, ...(upstream === undefined ? {} : { client: upstream }) }) });
  end = async () => {
    await running.close();
    await upstream?.close();
    await server.close();
  };
}

const large = (idText: string, bytes = MIB): string => resultFor(idText, 'words '.repeat(bytes / 6));
/** Stateless callers' ids are others on the wire: which call it is stands in its arguments. */
const numberOf = ({ body }: ScriptedRequest): number => (JSON.parse(body) as { params: { arguments: { n: number } } }).params.arguments.n;
const ask = (n: number) => running.ask(toolCall('plain', { n }, n), CLIENT);
const askAll = () => Promise.all(Array.from({ length: CALLS }, (_, n) => ask(n)));
const blamed = () => running.gateway.report().breakers.filter(([, state]) => state.kind !== 'closed' || state.failures > 0);
const KINDS: Readonly<Record<'JSON' | 'events', (response: ServerResponse) => { readonly before: string; readonly after: string }>> = {
  JSON: (response) => (response.writeHead(200, { 'content-type': 'application/json' }), { before: '', after: '' }),
  events: (response) => (sseHead(response), { before: 'data: ', after: '\n\n' }),
};

/** All but its end, which comes when `until` has resolved. */
async function slowly(response: ServerResponse, kind: keyof typeof KINDS, text: string, until: Promise<unknown> = sleep(300)): Promise<void> {
  const { before, after } = KINDS[kind](response);
  response.write(before + text.slice(0, -1));
  await until;
  response.end(text.slice(-1) + after);
}

describe.each(CLIENTS)('large answers at once over the %s client', (client) => {
  it.each(['JSON', 'events'] as const)('(%s) all arrive whole, and hold no more than the bound and one of them', async (kind) => {
    await start(client);
    server.script = ({ idText }, response) => void slowly(response, kind, large(idText));
    const replies = await askAll();
    for (const [n, { text, status }] of replies.entries()) expect([status, text.replace(/^data: |\n\n$/g, '') === large(String(n))]).toEqual([200, true]);
    expect(memory.peak).toBeGreaterThan(BOUND);
    expect(memory.peak).toBeLessThan(BOUND + (kind === 'JSON' ? 1 : 2) * (MIB + 1024) + CALLS * 2 * READ_BYTES); // an event is kept as it came, and its data
    expect([memory.bytes, blamed(), running.faults]).toEqual([0, [], []]);
  });

  it.each<[string, (response: ServerResponse, idText: string) => void, string[]]>([
    ['whose server breaks off', (response, idText) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write(large(idText).slice(0, MIB / 2));
      setTimeout(() => response.destroy(), 50);
    }, []],
    ['that are too large', (response, idText) => jsonAnswer(response, large(idText)), ['upstream: {answer_bytes_max: 200000}']],
    ['with an event that is too large', (response, idText) => void slowly(response, 'events', large(idText)), ['upstream: {answer_bytes_max: 200000}']],
    ['that are no JSON', (response) => void response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(MIB)), []],
    ['of a server that fails', (response, idText) => jsonAnswer(response, large(idText), 500), []],
    ['that are another call\'s', (response) => jsonAnswer(response, large('77')), []],
    ['that do not end', (response, idText) => void response.writeHead(200, { 'content-type': 'application/json' }).write(large(idText)), ['upstream: {answer_timeout_ms: 1000, idle_timeout_ms: 200}']],
    ['whose events do not end', (response, idText) => {
      sseHead(response);
      response.write(`data: ${large(idText)}`);
    }, ['upstream: {answer_timeout_ms: 1000, idle_timeout_ms: 200}']],
  ])('%s leave nothing behind', async (_which, script, config) => {
    await start(client, ...config, 'breaker: {failures_to_open: 1000}');
    server.script = ({ idText }, response) => script(response, idText);
    const replies = await askAll();
    for (const { text } of replies) expect(text).toMatch(/mcp_/);
    await until(() => memory.bytes === 0);
    expect(running.faults).toEqual([]);
  });

  it('make room for others when their clients hang up', async () => {
    await start(client);
    server.script = (request, response) => void slowly(response, 'JSON', large(request.idText), numberOf(request) === 9 ? sleep(1) : new Promise(() => undefined));
    const gone = Array.from({ length: CALLS }, (_, n) => running.post(toolCall('plain', { n }, n), CLIENT));
    await until(() => memory.bytes > BOUND);
    const kept = ask(9);
    await until(() => server.of('tools/call').length === CALLS + 1);
    for (const reply of gone) reply.hangUp();
    expect((await kept).text).toBe(large('9'));
    await until(() => memory.bytes === 0);
  });

  it('that wait longer than a silence may last, or their servers bear, blame nobody', async () => {
    await start(client, 'upstream: {answer_timeout_ms: 10000, idle_timeout_ms: 400}', 'breaker: {failures_to_open: 1}');
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => { release = resolve; });
    server.script = (request, response) => {
      const { idText } = request;
      if (numberOf(request) === 1) {
        response.writeHead(200, { 'content-type': 'application/json' }).write(large(idText, 2 * MIB).slice(0, -1));
        const dripping = setInterval(() => response.write(' '), 50);
        void released.then(() => { clearInterval(dripping); response.end('}'); });
      } else if (numberOf(request) === 2) jsonAnswer(response, large(idText, 16 * MIB));
      else {
        response.writeHead(200, { 'content-type': 'application/json' }).write(large(idText).slice(0, -1));
        setTimeout(() => response.destroy(), 200);
      }
    };
    const first = ask(1);
    await until(() => memory.bytes > BOUND);
    const others = [2, 3].map(ask);
    await sleep(1200);
    release();
    const [, second, third] = await Promise.all([first, ...others]);
    expect([second?.status, second?.text === large('2', 16 * MIB), third?.code]).toEqual([200, true, 'mcp_transport_failed']);
    expect([memory.bytes, blamed()]).toEqual([0, []]);
  });
});
