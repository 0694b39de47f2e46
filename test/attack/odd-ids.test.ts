// Ids that programs spell anew when they answer: in a session they go to the tool server as they are, and must come back as they were, or one caller stops a tool for all.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, openSession, openStream, registration, toolText } from '../wire/calls.js';

const ODD_IDS = ['"\\u0041"', '"\u00e9\u{1f600}"', '"\\u00e9"', '"a\\/b"', '-0', '9007199254740993', '123456789012345678901234567890', '""', '0'];

let server: ScriptedServer;
let gateway: GatewayProcess;
let session: Record<string, string>;

/** As most programs do: parsed, and written anew. */
const spelledAnew = (idText: string): string => JSON.stringify(JSON.parse(idText));

beforeAll(async () => {
  server = await startScriptedServer(['echo'].map(toolText));
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { breaker: { failures_to_open: 1, reset_timeout_s: 3600 } } });
  session = await openSession(gateway);
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

function idOf(body: string): string {
  return /"id":("(?:[^"\\]|\\.)*"|-?\d+)/.exec(body)?.[1] ?? '';
}

describe('an odd id in a session', () => {
  it.each(ODD_IDS)('%s is answered as it was asked, in one JSON document', async (idText) => {
    server.script = ({ body }, response) => jsonAnswer(response, resultFor(spelledAnew(idOf(body)), 'fine'));
    const answer = await gateway.post(call('echo').replace('"id":1', `"id":${idText}`), { ...session, accept: 'application/json, text/event-stream' });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(`"id":${idText}`);
    expect(answer.text).toContain('fine');
    expect(server.of('tools/call').at(-1)?.body).toContain(`"id":${idText}`);
  });

  it.each(ODD_IDS)('%s is answered as it was asked, in a stream', async (idText) => {
    server.script = ({ body }, response) => {
      sseHead(response);
      response.end(`data: ${resultFor(spelledAnew(idOf(body)), 'fine')}\n\n`);
    };
    const answer = await gateway.post(call('echo').replace('"id":1', `"id":${idText}`), session);
    expect(answer.text).toContain(`"id":${idText}`);
    expect(answer.text).toContain('fine');
  });

  it.each(['null', '[0]', '{}', 'false'])('0 is not answered by a result with the id %s', async (idText) => {
    server.script = (_seen, response) => jsonAnswer(response, resultFor(idText, 'not mine'), 422);
    const answer = await gateway.post(call('echo').replace('"id":1', '"id":0'), session);
    expect(answer.text).not.toContain('not mine');
  });

  // What a client would write with an exponent is no id that MCP allows.
  it.each(ODD_IDS.filter((idText) => !spelledAnew(idText).includes('e+')))('%s of a server\'s question is answered to that server', async (idText) => {
    const before = server.seen.length;
    server.script = ({ idText: own }, response) => {
      sseHead(response);
      response.write(`data: {"jsonrpc":"2.0","id":${idText},"method":"roots/list"}\n\n`);
      setTimeout(() => response.end(`data: ${resultFor(own, 'done')}\n\n`), 300);
    };
    const stream = openStream(gateway, 'POST', session, call('echo', {}, 'outer'));
    expect(await eventually(() => stream.text.includes('roots/list'))).toBe(true);
    const answered = await gateway.post(`{"jsonrpc":"2.0","id":${spelledAnew(idText)},"result":{"roots":[]}}`, session);
    expect(answered.status).toBe(202);
    expect(server.seen.slice(before).some((seen) => seen.body.includes('"roots":[]'))).toBe(true);
    expect(await eventually(() => stream.ended)).toBe(true);
    expect(stream.text).toContain('done');
  });
});
