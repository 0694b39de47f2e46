// The demo server as a process, called by the official clients of both generations.
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { createTypescriptGuard } from '../../src/base/json/typescript-guard.js';
import { findPoison } from '../../src/engines/registry/poison.js';
import { parseRegistry } from '../../src/engines/registry/registry-file.js';
import { createToolsReader } from '../../src/engines/registry/served-tools.js';
import type { ServedTool } from '../../src/engines/registry/types.js';
import { verifyServed } from '../../src/engines/registry/verify.js';
import { startDemoProcess, startNodeProcess, type StartedProcess } from '../support/tool-server.js';
import { fileURLToPath } from 'node:url';

const reader = createToolsReader(createTypescriptGuard({ k0: 1, k1: 2 }, 'test'));
const registry = parseRegistry(readFileSync(new URL('../../config/capability-registry-v2.yaml', import.meta.url), 'utf8'), 'registry');
let demo: StartedProcess & { readonly output: string };

beforeAll(async () => { demo = await startDemoProcess(); });
afterAll(() => demo.stop());
beforeEach(() => rugPull('get_time', false));

const at = (path: string): string => `http://127.0.0.1:${demo.port}${path}`;
const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> => fetch(at(path), { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
async function rugPull(tool: string, on: boolean): Promise<number> {
  return (await post('/demo/rug-pull', { tool, on })).status;
}

/** tools/list in the newest version, raw. */
async function served(): Promise<readonly ServedTool[]> {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
  const answer = await post('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } }, {
    accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list',
  });
  return reader.parseToolsList(new Uint8Array(await answer.arrayBuffer())).tools;
}

const firstText = (result: unknown): string => (result as { content: { text: string }[] }).content[0]?.text ?? '';

describe('the demo server', () => {
  it('says that it is a demo, on loopback', () => {
    expect(demo.output).toMatch(/demo/i);
    expect(demo.output).toContain('127.0.0.1');
  });

  it('serves my_tool exactly as documented', async () => {
    const [first] = await served();
    expect(first?.text).toBe('{"name":"my_tool","description":"Does something useful","inputSchema":{"type":"object","properties":{"query":{"type":"string"}}}}');
    expect(first?.hashes.seed).toBe('bcc9258aeaf2af0999e181615b748e2855a53ab8cff8515491b3d7707900c9e4');
  });

  it('serves every tool of the registry that ships as it is registered there', async () => {
    const tools = await served();
    for (const tool of registry.tools.values()) {
      const found = tools.find(({ name }) => name === tool.name);
      expect(found !== undefined && verifyServed(tool, found).kind).toBe('match');
      expect(findPoison(JSON.parse(found?.text ?? ''))).toEqual([]);
    }
  });

  it('answers an SDK 1.x client within a session', async () => {
    const client = new ClientV1({ name: 'test', version: '0' });
    const transport = new TransportV1(new URL(demo.url));
    await client.connect(transport as Parameters<typeof client.connect>[0]);
    expect(transport.sessionId).toBeTruthy();
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    expect(firstText(await client.callTool({ name: 'echo', arguments: { text: 'hé' } }))).toBe('hé');
    await transport.terminateSession();
    await client.close();
  });

  it.each(['legacy', 'auto'] as const)('answers an SDK 2.x client in mode %s', async (mode) => {
    const client = new ClientV2({ name: 'test', version: '0' }, mode === 'auto' ? { versionNegotiation: { mode } } : {});
    await client.connect(new TransportV2(new URL(demo.url)));
    expect(Date.parse(firstText(await client.callTool({ name: 'get_time', arguments: {} })))).not.toBeNaN();
    expect(firstText(await client.callTool({ name: 'read_customer', arguments: { id: 'C-1' } }))).toContain('@example.com');
    await client.close();
  });

  it('never executes, and only records a message', async () => {
    const client = new ClientV1({ name: 'test', version: '0' });
    await client.connect(new TransportV1(new URL(demo.url)) as Parameters<typeof client.connect>[0]);
    const ran = firstText(await client.callTool({ name: 'bash', arguments: { command: 'echo $((40+2))' } }));
    expect(ran).not.toContain('42');
    await client.callTool({ name: 'send_message', arguments: { to: 'a@partner.example', body: 'hello' } });
    expect(await (await post('/demo/messages', {})).json()).toMatchObject({ messages: [{ to: 'a@partner.example', body: 'hello' }] });
    await expect(client.callTool({ name: 'toString', arguments: {} })).rejects.toThrow();
    expect(await client.callTool({ name: 'echo', arguments: { text: 5 } })).toMatchObject({ isError: true });
    await client.close();
  });

  it('changes a definition on demand, tells its clients, and changes it back', async () => {
    const before = (await served()).find(({ name }) => name === 'get_time');
    let told = 0;
    const client = new ClientV2({ name: 'test', version: '0' }, { listChanged: { tools: { debounceMs: 0, onChanged: () => { told += 1; } } } });
    await client.connect(new TransportV2(new URL(demo.url)));
    await expect.poll(async () => {
      expect(await rugPull('get_time', true)).toBe(200);
      return told;
    }, { timeout: 5000, interval: 200 }).toBeGreaterThan(0);
    const after = (await served()).find(({ name }) => name === 'get_time');
    expect(after?.hashes.seed).not.toBe(before?.hashes.seed);
    expect(findPoison(JSON.parse(after?.text ?? '')).map(({ kind }) => kind)).toContain('important_block');
    await client.close();
    await rugPull('get_time', false);
    expect((await served()).find(({ name }) => name === 'get_time')).toEqual(before);
  });

  it('refuses orders that are no POST, no order, or come from a web page', async () => {
    expect((await fetch(at('/demo/rug-pull'))).status).toBe(405);
    expect(await rugPull('nobody', true)).toBe(404);
    expect((await post('/demo/rug-pull', { tool: 'get_time' })).status).toBe(400);
    expect((await post('/demo/rug-pull', { tool: 'get_time', on: true }, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await post('/demo/nothing', {})).status).toBe(404);
    expect((await fetch(at('/elsewhere'))).status).toBe(404);
  });

  it('is strict about sessions: none is 400, an unknown one 404', async () => {
    const accept = { accept: 'application/json, text/event-stream' };
    expect((await post('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' }, accept)).status).toBe(400);
    expect((await post('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' }, { ...accept, 'mcp-session-id': 'nope' })).status).toBe(404);
  });

  it('is healthy, and says so only to GET', async () => {
    expect(await (await fetch(at('/healthz'))).json()).toMatchObject({ status: 'ok', demo: true });
    expect((await post('/healthz', {})).status).toBe(405);
  });

  it('ends with a clear line when its port is taken', async () => {
    const file = fileURLToPath(new URL('../../examples/demo-server/server.mjs', import.meta.url));
    await expect(startNodeProcess(file, ['--port', String(demo.port)], {}, /never printed (\d+)/)).rejects.toThrow(/--port/);
  });
});
