// What a client sees of the reference server "everything" through the gateway: each kind of answer, question, stream and ending.
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { eventually } from '../wire/calls.js';
import { registrationsOf, startEverything, type Everything } from './servers.js';

/** No resource of type Blob, and one of the prompts only. */
const POLICY = `package precinct.authz

import rego.v1

mine if input.caller_spiffe_id == "${CALLER}"

allow if {
	mine
	input.method in {"tools/list", "tools/call", "resources/list", "resources/templates/list", "prompts/list", "completion/complete", "logging/setLevel"}
}

allow if {
	mine
	input.method == "resources/read"
	startswith(input.tool_name, "demo://resource/dynamic/text/")
}

allow if {
	mine
	input.method == "prompts/get"
	input.tool_name == "simple-prompt"
}
`;

let everything: Everything;
let gateway: GatewayProcess;

beforeAll(async () => {
  everything = await startEverything();
  gateway = await startGateway({ tools: await registrationsOf(everything.url), policies: { 'some.rego': POLICY }, config: { rate_limit: { per_minute: 100_000, burst: 10_000 } } });
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  await everything.stop();
});

async function connectV1(options: ConstructorParameters<typeof ClientV1>[1] = {}, prepare: (client: ClientV1) => void = () => undefined): Promise<{ readonly client: ClientV1; readonly transport: TransportV1 }> {
  const client = new ClientV1({ name: 'test', version: '1' }, options);
  prepare(client);
  const transport = new TransportV1(new URL('/mcp', gateway.url));
  await client.connect(transport);
  return { client, transport };
}

describe('answers', () => {
  it('of structured content match the schema that the list gave', async () => {
    const { client } = await connectV1();
    await client.listTools();
    const answer = await client.callTool({ name: 'get-structured-content', arguments: { location: 'Chicago' } });
    expect(answer.structuredContent).toMatchObject({ temperature: 36, humidity: 82 });
    await client.close();
  });

  it('of images, links and embedded resources come whole', async () => {
    const { client } = await connectV1();
    const image = await client.callTool({ name: 'get-tiny-image', arguments: {} });
    expect(JSON.stringify(image)).toContain('"mimeType":"image/png"');
    const links = await client.callTool({ name: 'get-resource-links', arguments: { count: 3 } });
    expect(JSON.stringify(links).match(/"type":"resource_link"/g)?.length).toBe(3);
    await client.close();
  });

  it('of a tool\'s own error are answers, not refusals', async () => {
    const { client } = await connectV1();
    expect(await client.callTool({ name: 'get-sum', arguments: { a: 'no number', b: 1 } })).toMatchObject({ isError: true });
    await client.close();
  });

  it('of the 2.x client are the same', async () => {
    const client = new ClientV2({ name: 'test', version: '1' });
    await client.connect(new TransportV2(new URL('/mcp', gateway.url)));
    await client.listTools();
    expect((await client.callTool({ name: 'get-structured-content', arguments: { location: 'New York' } })).structuredContent).toMatchObject({ temperature: 33 });
    expect(JSON.stringify(await client.callTool({ name: 'get-sum', arguments: { a: 2, b: 3 } }))).toContain('5');
    await client.close();
  });
});

describe('resources, prompts and completions', () => {
  it('are read where the policy allows it, and refused with its code where not', async () => {
    const { client } = await connectV1();
    expect(JSON.stringify(await client.readResource({ uri: 'demo://resource/dynamic/text/1' }))).toContain('Resource 1');
    await expect(client.readResource({ uri: 'demo://resource/dynamic/blob/1' })).rejects.toMatchObject({ code: 403, data: { code: 'authz_policy_denied', middleware_step: 6 } });
    expect((await client.getPrompt({ name: 'simple-prompt' })).messages.length).toBeGreaterThan(0);
    await expect(client.getPrompt({ name: 'args-prompt', arguments: { city: 'x' } })).rejects.toMatchObject({ code: 403, data: { code: 'authz_policy_denied' } });
    const completion = await client.complete({ ref: { type: 'ref/prompt', name: 'completable-prompt' }, argument: { name: 'department', value: 'E' } });
    expect(completion.completion.values).toContain('Engineering');
    await client.close();
  });
});

describe('questions of the server', () => {
  it('reach the client that can answer: elicitation and roots', async () => {
    const { client } = await connectV1({ capabilities: { elicitation: {}, roots: { listChanged: true } } }, (one) => {
      one.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { name: 'Ada of the test', check: true } }));
      one.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///root-of-the-test', name: 'root-of-the-test' }] }));
    });
    expect(JSON.stringify(await client.callTool({ name: 'trigger-elicitation-request', arguments: {} }))).toContain('Ada of the test');
    expect(JSON.stringify(await client.callTool({ name: 'get-roots-list', arguments: {} }))).toContain('root-of-the-test');
    await client.close();
  });

  it('reach the 2.x client too', async () => {
    const client = new ClientV2({ name: 'test', version: '1' }, { capabilities: { sampling: {} } });
    client.setRequestHandler('sampling/createMessage', () => ({ role: 'assistant' as const, model: 'scripted', content: { type: 'text' as const, text: 'answer of the newer client' } }));
    await client.connect(new TransportV2(new URL('/mcp', gateway.url)));
    expect(JSON.stringify(await client.callTool({ name: 'trigger-sampling-request', arguments: { prompt: 'say it', maxTokens: 10 } }))).toContain('answer of the newer client');
    await client.close();
  });

  it('of several clients at once are answered by the right one', async () => {
    const names = ['ann', 'ben', 'cid', 'dee', 'eve'];
    const clients = await Promise.all(names.map((name) => connectV1({ capabilities: { sampling: {} } }, (one) => {
      one.setRequestHandler(CreateMessageRequestSchema, () => ({ role: 'assistant' as const, model: 'scripted', content: { type: 'text' as const, text: `this is ${name}` } }));
    })));
    const answers = await Promise.all(clients.flatMap(({ client }, n) => [1, 2, 3].map(async () => ({ n, text: JSON.stringify(await client.callTool({ name: 'trigger-sampling-request', arguments: { prompt: 'who', maxTokens: 10 } })) }))));
    for (const { n, text } of answers) for (const [at, name] of names.entries()) expect(text.includes(`this is ${name}`)).toBe(at === n);
    await Promise.all(clients.map(({ client }) => client.close()));
  });
});

describe('streams', () => {
  it('bring every step of the progress, in order, to the call it belongs to', async () => {
    const { client } = await connectV1();
    const steps: number[][] = [[], []];
    await Promise.all(steps.map((seen, n) => client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 0.6, steps: 3 + n } }, undefined, { onprogress: (one) => void seen.push(one.progress) })));
    expect(steps).toEqual([[1, 2, 3], [1, 2, 3, 4]]);
    await client.close();
  });

  it('bring log messages that no call asked for', async () => {
    let messages = 0;
    const { client } = await connectV1({}, (one) => one.setNotificationHandler(LoggingMessageNotificationSchema, () => { messages++; }));
    await client.setLoggingLevel('debug');
    await client.callTool({ name: 'toggle-simulated-logging', arguments: {} });
    expect(await eventually(() => messages > 0)).toBe(true);
    await client.callTool({ name: 'toggle-simulated-logging', arguments: {} });
    await client.close();
  });

  it('that the client gives up are over for it, and its next call works', async () => {
    const { client } = await connectV1();
    const stop = new AbortController();
    const long = client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 20, steps: 20 } }, undefined, { signal: stop.signal, onprogress: () => stop.abort() });
    await expect(long).rejects.toThrow();
    expect(await eventually(() => gateway.lines('stream_end').some((line) => line['code'] === 'client_disconnected'))).toBe(true);
    expect(await client.callTool({ name: 'echo', arguments: { message: 'after' } })).toHaveProperty('content');
    await client.close();
  });
});

describe('sessions', () => {
  it('that were ended are not found, whoever names them', async () => {
    const { client, transport } = await connectV1();
    const id = transport.sessionId ?? '';
    expect(id).not.toBe('');
    await transport.terminateSession();
    const answer = await gateway.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}', { accept: 'application/json, text/event-stream', 'mcp-session-id': id });
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('session_not_found');
    await client.close();
  });

  it('that are unknown make the call fail with 404, and a new handshake heals it', async () => {
    const forget = (id: string | undefined) => gateway.http('DELETE', '/mcp', { 'mcp-session-id': id ?? '', 'x-spiffe-id': CALLER });
    const { client: older, transport } = await connectV1();
    expect((await forget(transport.sessionId)).status).toBe(204);
    await expect(older.callTool({ name: 'echo', arguments: { message: 'x' } })).rejects.toMatchObject({ code: 404 });
    await older.close();
    const { client: again } = await connectV1();
    expect(await again.callTool({ name: 'echo', arguments: { message: 'again' } })).toHaveProperty('content');
    await again.close();

    const newer = new ClientV2({ name: 'test', version: '1' });
    const second = new TransportV2(new URL('/mcp', gateway.url));
    await newer.connect(second);
    expect((await forget(second.sessionId)).status).toBe(204);
    await expect(newer.callTool({ name: 'echo', arguments: { message: 'x' } })).rejects.toThrow();
    await newer.close();
    const reconnected = new ClientV2({ name: 'test', version: '1' });
    await reconnected.connect(new TransportV2(new URL('/mcp', gateway.url)));
    expect(await reconnected.callTool({ name: 'echo', arguments: { message: 'again' } })).toHaveProperty('content');
    await reconnected.close();
  });

  it('of the tool server that its restart forgot are renewed, and the client notices nothing', async () => {
    const { client } = await connectV1();
    expect(await client.callTool({ name: 'echo', arguments: { message: 'before' } })).toHaveProperty('content');
    await everything.restart();
    expect(JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'after the restart' } }))).toContain('after the restart');
    expect((await client.listTools()).tools.length).toBeGreaterThan(5);
    await client.close();
  });
});
