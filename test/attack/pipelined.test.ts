// Several calls on one connection before the first is answered (upstream.pipelining): nothing but its id says whose an answer is, and callers choose equal ids.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedRequest, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, registration, toolText } from '../wire/calls.js';

const CALLS = 60;

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer(['echo'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': permitAll(CALLER) },
    identities: { default: CALLER, identities: [{ spiffe_id: CALLER }] },
    tools: [registration('echo', server.url)],
    config: { breaker: { failures_to_open: 1000 }, rate_limit: { per_minute: 10_000, burst: 1000 }, upstream: { pipelining: 8, connections_max: 1 } },
  });
});

beforeEach(() => {
  server.seen.length = 0;
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const textOf = ({ body }: ScriptedRequest): string => (JSON.parse(body) as { params: { arguments: { text: string } } }).params.arguments.text;
const ask = (n: number): ReturnType<GatewayProcess['post']> => gateway.post(call('echo', { text: `call ${n}` }, 1));

describe('calls with equal ids on one connection', () => {
  it('each get their own answer, under the id they gave', async () => {
    server.script = (seen, response) => jsonAnswer(response, resultFor(seen.idText, textOf(seen)));
    const answers = await Promise.all(Array.from({ length: CALLS }, (_, n) => ask(n)));
    answers.forEach(({ json }, n) => expect(json).toMatchObject({ id: 1, result: { content: [{ text: `call ${n}` }] } }));
    expect(new Set(server.of('tools/call').map(({ idText }) => idText)).size).toBe(CALLS);
  });

  it('get none that is another one\'s', async () => {
    let before: ScriptedRequest | undefined;
    server.script = (seen, response) => {
      jsonAnswer(response, before === undefined ? resultFor(seen.idText, textOf(seen)) : resultFor(before.idText, textOf(before)));
      before = seen;
    };
    const answers = await Promise.all(Array.from({ length: CALLS }, (_, n) => ask(n)));
    const own = answers.filter(({ text }, n) => text.includes(`"call ${n}"`));
    expect(own).toHaveLength(1);
    const others = answers.filter((answer) => !own.includes(answer));
    for (const answer of others) expect(codeOf(answer)).toBe('mcp_invalid_response');
  });
});
