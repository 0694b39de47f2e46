// Several calls on one connection before the first is answered (upstream.pipelining): nothing but its id says whose an answer is, and callers choose equal ids.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedRequest, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, openSession, registration, toolText } from '../wire/calls.js';

const CALLS = 60;
const SECRET = 'swordfish-in-the-vault';

let server: ScriptedServer;
let gateway: GatewayProcess;
let token = '';
/** Each with a session of its own on the tool server: there the gateway gives no ids of its own but for pipelining. */
let sessions: Record<string, string>[] = [];

beforeAll(async () => {
  server = await startScriptedServer(['echo', 'store'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': permitAll(CALLER) },
    identities: { default: CALLER, identities: [{ spiffe_id: CALLER }] },
    tools: [registration('echo', server.url), registration('store', server.url, { required_scope: 'vault' })],
    config: { breaker: { failures_to_open: 1000 }, rate_limit: { per_minute: 10_000, burst: 1000 }, upstream: { pipelining: 8, connections_max: 1 } },
  });
  await gateway.control('POST', '/v1/secrets/put', { name: 'vault', owner: CALLER, scope: 'vault', value: SECRET });
  token = String((await gateway.control('POST', '/v1/secrets/issue', { name: 'vault', ttl_s: 600 })).json['token']);
  sessions = await Promise.all(Array.from({ length: CALLS }, () => openSession(gateway)));
});

beforeEach(() => {
  server.seen.length = 0;
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const textOf = ({ body }: ScriptedRequest): string => (JSON.parse(body) as { params: { arguments: { text: string } } }).params.arguments.text;

/** All calls at once, all with the id 1, every other one with it behind its params. */
function askAll(tool: string, textFor: (n: number) => string): Promise<HttpAnswer[]> {
  return Promise.all(sessions.map((session, n) => {
    const message = call(tool, { text: textFor(n) }, 1);
    return gateway.post(n % 2 === 0 ? message : `${message.replace('"id":1,', '').slice(0, -1)},"id":1}`, session);
  }));
}

describe('calls with equal ids on one connection', () => {
  it('each get their own answer, under the id they gave', async () => {
    server.script = (seen, response) => jsonAnswer(response, resultFor(seen.idText, textOf(seen)));
    const answers = await askAll('echo', (n) => `call ${n}`);
    answers.forEach(({ json }, n) => expect(json).toMatchObject({ id: 1, result: { content: [{ text: `call ${n}` }] } }));
    expect(new Set(server.of('tools/call').map(({ idText }) => idText)).size).toBe(CALLS);
  });

  it('get none that is another one\'s', async () => {
    let before: ScriptedRequest | undefined;
    server.script = (seen, response) => {
      jsonAnswer(response, before === undefined ? resultFor(seen.idText, textOf(seen)) : resultFor(before.idText, textOf(before)));
      before = seen;
    };
    const answers = await askAll('echo', (n) => `call ${n}`);
    const own = answers.filter(({ text }, n) => text.includes(`"call ${n}"`));
    expect(own).toHaveLength(1);
    for (const answer of answers.filter((one) => !own.includes(one))) expect(codeOf(answer)).toBe('mcp_invalid_response');
  });

  it('get it also where a secret was put in, which moves the id', async () => {
    server.script = (seen, response) => jsonAnswer(response, resultFor(seen.idText, String(textOf(seen).length)));
    const answers = await askAll('store', (n) => `${n} ${token}`);
    answers.forEach(({ json }, n) => expect(json).toMatchObject({ id: 1, result: { content: [{ text: String(`${n} ${SECRET}`.length) }] } }));
    expect(server.of('tools/call').map(textOf).every((text) => text.endsWith(` ${SECRET}`))).toBe(true);
  });
});
