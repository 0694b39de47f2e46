// Layer 5 with the demo server's own rug pull, and with servers that go and come back.
import { request } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess, type ProjectTool } from '../support/gateway-process.js';
import { startDemoProcess, startNodeProcess, startToolServer, type StartedProcess } from '../support/tool-server.js';
import { call, codeOf, eventually, MCP, registration } from './calls.js';

const DEMO = fileURLToPath(new URL('../../examples/demo-server/server.mjs', import.meta.url));
const REGISTRY = 'config/capability-registry-v2.yaml';
const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

let demo: StartedProcess;
let gateway: GatewayProcess;
let tools: ProjectTool[];

function rugPull(on: boolean): Promise<void> {
  const body = JSON.stringify({ tool: 'get_time', on });
  return new Promise((resolve, reject) => {
    const one = request({ host: '127.0.0.1', port: demo.port, method: 'POST', path: '/demo/rug-pull', agent: false }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`rug pull: ${response.statusCode}`))));
    });
    one.on('error', reject);
    one.end(body);
  });
}

async function listed(): Promise<string[]> {
  const { json } = await gateway.post(LIST);
  return ((json['result'] as { tools: { name: string }[] } | undefined)?.tools ?? []).map((tool) => tool.name);
}

async function servedHash(name: string): Promise<string> {
  const { json } = await gateway.control('GET', `/v1/tools/${name}/diff`);
  return String((json['hashes'] as { jcs: string } | null)?.jcs);
}

function writeRegistry(): void {
  writeFileSync(join(gateway.dir, REGISTRY), JSON.stringify({ tools }));
}

beforeAll(async () => {
  demo = await startDemoProcess();
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [], config: { registry: { refresh_interval_s: 1, verify_max_age_s: 2, list_timeout_ms: 1000 }, rate_limit: { per_minute: 1_000_000, burst: 100_000 }, upstream: { connect_timeout_ms: 500 }, breaker: { failures_to_open: 1000 } },
  });
  const entry = (name: string, hash: string): ProjectTool => ({ name, upstream: demo.url, hash, description: 'as served', risk_level: 'low', input_schema: {} });
  tools = ['get_time', 'echo'].map((name) => entry(name, '0'.repeat(64)));
  writeRegistry();
  expect(await eventually(async () => /^[0-9a-f]{64}$/.test(await servedHash('get_time')))).toBe(true);
  tools = await Promise.all(tools.map(async (tool) => entry(tool.name, await servedHash(tool.name))));
  writeRegistry();
  expect(await eventually(async () => (await gateway.post(call('get_time'))).status === 200)).toBe(true);
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  await demo.stop();
});

describe('a tool whose definition changes', () => {
  it('is refused and left out, while others are served, and the record of it says so', async () => {
    expect(await listed()).toEqual(expect.arrayContaining(['get_time', 'echo']));
    const told = () => gateway.lines('event').filter((line) => line['event'] === 'tool_definition_changed').length;
    const before = told();
    await rugPull(true);
    expect(await listed()).toEqual(['echo']);
    expect(await eventually(async () => codeOf(await gateway.post(call('get_time'))) === 'registry_hash_mismatch')).toBe(true);
    const answer = await gateway.post(call('get_time'), MCP);
    expect(answer.json).toMatchObject({ error: { code: 403, data: { code: 'registry_hash_mismatch', middleware_step: 5 } } });
    expect(answer.text).not.toContain('id_rsa');
    expect((await gateway.post(call('echo', { text: 'x' }))).status).toBe(200);
    expect(told()).toBe(before + 1);
    const { json } = await gateway.control('GET', '/v1/tools/get_time/diff');
    expect(json['changes']).toContainEqual(expect.objectContaining({ path: expect.stringContaining('description') as string, kind: 'changed' }));
  });

  it('stays refused when it changes back, and over a restart', async () => {
    await rugPull(false);
    expect(await eventually(async () => (await gateway.control('GET', '/v1/tools/get_time/diff')).json['changes'] !== undefined)).toBe(true);
    for (let n = 0; n < 3; n++) expect(codeOf(await gateway.post(call('get_time')))).toBe('registry_hash_mismatch');
    await gateway.kill9();
    await gateway.restart();
    expect(codeOf(await gateway.post(call('get_time')))).toBe('registry_hash_mismatch');
    expect(await listed()).toEqual(['echo']);
  });

  it('is served again once a person registers what it is now', async () => {
    await rugPull(true);
    const old = tools[0]?.hash;
    expect(await eventually(async () => {
      const now = await servedHash('get_time');
      return now !== old && /^[0-9a-f]{64}$/.test(now);
    })).toBe(true);
    const hash = await servedHash('get_time');
    tools = tools.map((tool) => (tool.name === 'get_time' ? { ...tool, hash } : tool));
    writeRegistry();
    expect(await eventually(async () => (await gateway.post(call('get_time'))).status === 200)).toBe(true);
  });
});

describe('a tool server', () => {
  it('that is gone makes its tools unverified, never trusted on old knowledge, and serves again by itself', async () => {
    await demo.stop();
    expect(await eventually(async () => codeOf(await gateway.post(call('echo', { text: 'x' }))) === 'registry_tool_unverified')).toBe(true);
    const answer = await gateway.post(call('echo', { text: 'x' }));
    expect({ status: answer.status, step: answer.json['middleware_step'] }).toEqual({ status: 503, step: 5 });
    const again = await startNodeProcess(DEMO, ['--port', String(demo.port)], {}, /127\.0\.0\.1:(\d+)\/mcp[^\n]*\n/);
    demo = again;
    expect(await eventually(async () => (await gateway.post(call('echo', { text: 'x' }))).status === 200)).toBe(true);
  });

  it('that is down at the start does not stop the gateway, nor other servers\' tools', async () => {
    const server = await startToolServer({ tools: ['{"name":"other","description":"Tool of the tests","inputSchema":{"type":"object"}}'] });
    const absent = await startToolServer();
    await absent.close();
    const other = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('other', server.url), registration('away', absent.url)], config: { upstream: { connect_timeout_ms: 500 } } });
    try {
      expect((await other.post(call('other'))).status).toBe(200);
      expect(codeOf(await other.post(call('away')))).toBe('registry_tool_unverified');
      expect((await other.control('GET', '/v1/status')).json['upstreams']).toContainEqual(expect.objectContaining({ url: absent.url, state: 'down' }));
      expect((await other.post(LIST)).json).toMatchObject({ result: { _meta: { 'precinct/upstreamsDown': 1 } } });
    } finally {
      await other.stop();
      await server.close();
    }
  });

  it.each([['hang', 'tools/list'], ['hang', 'initialize'], ['slow', 'tools/list'], ['slow', 'initialize']] as const)('that answers with "%s" at %s does not hold up the list of all others', async (answering, method) => {
    const [well, hung] = await Promise.all([startToolServer({ tools: ['{"name":"other","description":"Tool of the tests","inputSchema":{"type":"object"}}'] }), startToolServer()]);
    const two = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('other', well.url), registration('away', hung.url)], config: { registry: { list_timeout_ms: 300 } } });
    try {
      hung.answering = answering;
      hung.slowMs = 250;
      hung.answeringFor = [method];
      const { json } = await two.post(LIST);
      expect(json).toMatchObject({ result: { tools: [{ name: 'other' }], _meta: { 'precinct/upstreamsDown': 1 } } });
    } finally {
      await two.stop();
      await Promise.all([well.close(), hung.close()]);
    }
  });
});
