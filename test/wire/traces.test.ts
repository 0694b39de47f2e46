// Traces over a real socket: what a collector gets of a call, whose trace it continues, and what the tool server is told; a collector that is away costs no call.
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAYER_NAMES } from '../../src/base/errors/table.js';
import { permitAll, startGateway, type GatewayOptions, type GatewayProcess } from '../support/gateway-process.js';
import { startOtlpCollector, type OtlpCollector, type TakenSpan } from '../support/otlp-collector.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { until } from '../support/until.js';
import { call, codeOf, eventually, MCP, registration, toolText } from './calls.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const PASSWORD = 'correct-horse-battery-staple';

let server: ToolServer;
let collector: OtlpCollector;
const running: GatewayProcess[] = [];

async function start(options: GatewayOptions = {}): Promise<GatewayProcess> {
  const gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url), registration('limited', server.url, { rate_limit: { per_minute: 1, burst: 1 } })], ...options,
    config: { telemetry: { otlp_endpoint: collector.url }, ...options.config },
  });
  running.push(gateway);
  return gateway;
}

const sampled = (flag: string): Record<string, string> => ({ ...MCP, traceparent: `00-${TRACE}-${SPAN}-${flag}` });
const LIMIT_STEP = 11;
const toldServer = (): unknown => server.seen.findLast(({ rpcMethod }) => rpcMethod === 'tools/call')?.headers['traceparent'];
const childrenOf = (root: TakenSpan): TakenSpan[] => collector.spans.filter(({ parentSpanId }) => parentSpanId === root.spanId);

/** The spans of the request with this decision, its own first. They come in one batch. */
async function traceOf(gateway: GatewayProcess): Promise<[TakenSpan, ...TakenSpan[]]> {
  const id = gateway.lines('request').at(-1)?.['decision_id'];
  const root = (): TakenSpan | undefined => collector.spans.find(({ attributes }) => attributes['mcp.decision_id'] === id);
  await until(() => root() !== undefined);
  const found = root();
  if (found === undefined) throw new Error('no trace');
  return [found, ...childrenOf(found)];
}

beforeAll(async () => {
  server = await startToolServer({ tools: ['echo', 'limited'].map(toolText) });
  collector = await startOtlpCollector();
});
afterAll(async () => {
  for (const gateway of running.splice(0)) await gateway.stop();
  await collector.close();
  await server.close();
});

describe('a call whose trace is recorded', () => {
  let gateway: GatewayProcess;
  beforeAll(async () => { gateway = await start(); });

  it('leaves one span for itself, and below it one for each layer, the tool server, the firewall and the record', async () => {
    expect((await gateway.post(call('echo', { text: 'hello' }), MCP)).status).toBe(200);
    const [root, ...children] = await traceOf(gateway);
    const record = gateway.lines('request').at(-1);
    expect(root).toMatchObject({
      name: 'tools/call echo', kind: 2, status: 0, parentSpanId: '', traceId: record?.['trace_id'], spanId: record?.['span_id'], resource: { 'service.name': 'precinct-gateway' },
      attributes: { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'echo', 'gen_ai.operation.name': 'execute_tool', 'mcp.spiffe_id': record?.['spiffe_id'], 'mcp.result': 'allowed', 'http.response.status_code': 200 },
    });
    expect(children.map(({ name }) => name)).toEqual(['body_capture', ...LAYER_NAMES, 'proxy', 'response_firewall', 'audit_commit'].map((name) => `gateway.${name}`));
    expect(children.find(({ name }) => name === 'gateway.opa_policy')?.attributes).toMatchObject({ 'mcp.gateway.step': 6, 'mcp.gateway.middleware': 'opa_policy', 'mcp.result': 'allowed' });
    expect(children.find(({ name }) => name === 'gateway.deep_scan')?.attributes).toMatchObject({ 'mcp.result': 'skipped' });
    expect(children.find(({ name }) => name === 'gateway.proxy')).toMatchObject({ kind: 3, attributes: { 'mcp.server': server.url } });
    for (const child of children) expect([child.traceId, child.startNs >= root.startNs, child.endNs <= root.endNs, child.endNs >= child.startNs]).toEqual([root.traceId, true, true, true]);
    for (const [before, after] of children.slice(0, 14).map((child, i) => [child, children[i + 1]] as const)) expect(after === undefined || after.startNs >= before.startNs).toBe(true);
    expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(collector.spans.length);
    expect(collector.paths.every((path) => path === 'POST /v1/traces')).toBe(true);
    expect(toldServer()).toBe(`00-${root.traceId}-${root.spanId}-01`);
  });

  it('ends at the layer that refused it', async () => {
    expect((await gateway.post(call('limited'), MCP)).status).toBe(200);
    expect((await gateway.post(call('limited'), MCP)).status).toBe(429);
    const [root, ...children] = await traceOf(gateway);
    expect(root).toMatchObject({ status: 0, attributes: { 'mcp.result': 'denied', 'error.type': 'ratelimit_exceeded', 'http.response.status_code': 429 } });
    expect(children.map(({ name }) => name)).toEqual(['body_capture', ...LAYER_NAMES.slice(0, LIMIT_STEP), 'audit_commit'].map((name) => `gateway.${name}`));
    expect(children.at(-2)?.attributes).toMatchObject({ 'mcp.result': 'denied' });
  });

  it('is an error where the tool server failed, and its name is no caller\'s invention', async () => {
    server.answering = 'http_500';
    try {
      expect(codeOf(await gateway.post(call('echo'), MCP))).toBe('mcp_request_failed');
    } finally {
      server.answering = 'json';
    }
    const [root, ...children] = await traceOf(gateway);
    expect([root.status, children.find(({ name }) => name === 'gateway.proxy')?.status]).toEqual([2, 2]);
    await gateway.post(call('made_up'), MCP);
    const [invented] = await traceOf(gateway);
    expect([invented.name, invented.attributes['gen_ai.tool.name']]).toEqual(['tools/call', 'made_up']);
  });

  it('lasts as long as its stream', async () => {
    server.answering = 'sse_chatty';
    try {
      const answer = await gateway.post(call('echo'), MCP);
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/event-stream']);
    } finally {
      server.answering = 'json';
    }
    const [root, ...children] = await traceOf(gateway);
    const proxy = children.find(({ name }) => name === 'gateway.proxy');
    expect(Number(proxy?.attributes['mcp.stream.messages'])).toBeGreaterThan(1);
    expect(children.some(({ name }) => name === 'gateway.audit_commit')).toBe(false);
    expect(root.endNs >= (proxy?.endNs ?? 0n)).toBe(true);
  });

  it('of a caller that reads plain JSON shows the tool server\'s time up to its answer, event or not', async () => {
    server.answering = 'sse';
    try {
      expect((await gateway.post(call('echo'))).headers['content-type']).toBe('application/json');
    } finally {
      server.answering = 'json';
    }
    const [, ...children] = await traceOf(gateway);
    const [proxy, firewall, commit] = ['proxy', 'response_firewall', 'audit_commit'].map((name) => children.find((child) => child.name === `gateway.${name}`));
    expect([proxy?.endNs, firewall?.endNs]).toEqual([firewall?.startNs, commit?.startNs]);
  });

  it('carries nothing of the arguments, and no secret', async () => {
    await gateway.post(call('echo', { text: `password = ${PASSWORD}`, to: 'someone@example.org' }), MCP);
    await gateway.post(call(`AKIA${'Q'.repeat(8)}7EXAMPLE`.slice(0, 20), { text: PASSWORD }), MCP);
    await traceOf(gateway);
    const sent = Buffer.concat(collector.bodies).toString('latin1');
    for (const word of [PASSWORD, 'someone@example.org', 'AKIAQQQQ']) expect(sent).not.toContain(word);
  });
});

describe('whose trace it is', () => {
  let gateway: GatewayProcess;
  beforeAll(async () => { gateway = await start({ config: { telemetry: { otlp_endpoint: collector.url, sample_ratio: 0 } } }); });

  it('is the caller\'s, where the caller sends one that is recorded', async () => {
    await gateway.post(call('echo'), sampled('01'));
    const [root] = await traceOf(gateway);
    expect(root).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
    expect(root.flags & 0x300).toBe(0x300); // the parent is remote: OTLP, SpanFlags
    expect(toldServer()).toBe(`00-${TRACE}-${root.spanId}-01`);
  });

  it('is nobody\'s, where the caller does not record it or the draw says no: the tool server is told so', async () => {
    const before = collector.spans.filter(({ kind }) => kind === 2).length;
    await gateway.post(call('echo'), sampled('00'));
    expect(toldServer()).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    await gateway.post(call('echo'), MCP);
    expect(toldServer()).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    await gateway.post(call('echo'), sampled('01')); // leaves after the other two would have
    await traceOf(gateway);
    expect(collector.spans.filter(({ kind }) => kind === 2)).toHaveLength(before + 1);
  });

  it('is recorded no more often than telemetry.traces_per_second_max, whoever asks', async () => {
    const limited = await start({ config: { threads: { gateway: 3 }, telemetry: { otlp_endpoint: collector.url, traces_per_second_max: 1 } } }); // of all threads together
    const secondsBefore = Math.floor(Date.now() / 1000);
    for (let i = 0; i < 20; i++) expect((await limited.post(call('echo'), sampled('01'))).status).toBe(200);
    const seconds = Math.floor(Date.now() / 1000) - secondsBefore + 1;
    const metrics = (await limited.control('GET', '/metrics')).text;
    const [, recorded = ''] = /precinct_traces_total\{outcome="recorded"\} (\d+)/.exec(metrics) ?? [];
    const [, over = ''] = /precinct_traces_total\{outcome="over_limit"\} (\d+)/.exec(metrics) ?? [];
    expect(Number(recorded) + Number(over)).toBe(20);
    expect(Number(recorded)).toBeLessThanOrEqual(seconds);
    expect(toldServer()).toMatch(/-01$/); // it is the caller's trace, and goes on
  });

  it('stays the caller\'s alone without a collector', async () => {
    const alone = await start({ config: { telemetry: {} } });
    const before = collector.paths.length;
    await alone.post(call('echo'), sampled('00'));
    expect(toldServer()).toMatch(/-00$/);
    await alone.post(call('echo'), MCP);
    expect(toldServer()).toMatch(/-01$/);
    expect((await alone.control('GET', '/v1/status')).json['traces']).toEqual({ state: 'off' });
    expect(await alone.stop()).toBe(0);
    expect(collector.paths).toHaveLength(before);
  });
});

describe('the collector', () => {
  it('may be named by OpenTelemetry\'s variables, with a key that stands nowhere else', async () => {
    const gateway = await start({ config: { telemetry: {} }, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc', OTEL_SERVICE_NAME: 'gate-7', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' } });
    await gateway.post(call('echo'), MCP);
    const [root] = await traceOf(gateway);
    expect(root.resource).toMatchObject({ 'service.name': 'gate-7', 'deployment.environment.name': 'test' });
    expect(collector.authorizations.at(-1)).toBe('Bearer abc');
    expect(gateway.stderr()).not.toContain('abc');
  });

  it.each([
    ['a collector that repeats it', 'authorization=Bearer%20abc', 'HTTP 403 Forbidden'],
    ['a variable that is written wrongly', 'authorization: Bearer abc==', 'OTEL_EXPORTER_OTLP_HEADERS'],
  ])('whose key %s does not carry into status and log', async (_what, headers, said) => {
    collector.status = 403;
    collector.repeatsKey = true;
    try {
      const gateway = await start({ env: { OTEL_EXPORTER_OTLP_HEADERS: headers } });
      await gateway.post(call('echo'), MCP);
      expect(await eventually(async () => /"state":"failing"/.test((await gateway.control('GET', '/v1/status')).text))).toBe(true);
      const status = (await gateway.control('GET', '/v1/status')).text;
      expect([status, gateway.stderr()].map((text) => [text.includes('Bearer'), text.includes(said)])).toEqual([[false, true], [false, true]]);
    } finally {
      collector.status = 200;
      collector.repeatsKey = false;
    }
  });

  it('that refuses costs no call, and is said in status, metrics and log', async () => {
    collector.status = 403;
    const gateway = await start();
    expect((await gateway.post(call('echo'), MCP)).status).toBe(200);
    expect(await eventually(async () => /"state":"failing"/.test((await gateway.control('GET', '/v1/status')).text))).toBe(true);
    const { json } = await gateway.control('GET', '/v1/status');
    expect(json['warnings']).toEqual(expect.arrayContaining([expect.stringContaining(`${collector.url}/v1/traces`)]));
    expect((await gateway.control('GET', '/metrics')).text).toMatch(/precinct_trace_spans_total\{outcome="failed"\} [1-9]/);
    expect(gateway.stderr()).toContain('traces do not reach the collector');
    collector.status = 200;
    await gateway.post(call('echo'), MCP);
    await traceOf(gateway);
    expect(await eventually(async () => /"state":"on"/.test((await gateway.control('GET', '/v1/status')).text))).toBe(true);
  });

  it('that speaks gRPC there, no TLS, or nothing under that path is told apart, in one line', async () => {
    const said = async (endpoint: string): Promise<unknown> => {
      const gateway = await start({ config: { telemetry: { otlp_endpoint: endpoint } } });
      expect((await gateway.post(call('echo'), MCP)).status).toBe(200);
      expect(await eventually(async () => /"state":"failing"/.test((await gateway.control('GET', '/v1/status')).text))).toBe(true);
      const { json } = await gateway.control('GET', '/v1/status');
      return (json['warnings'] as string[]).find((warning) => warning.startsWith('no trace reaches'));
    };
    const grpc = createServer((socket) => socket.on('error', () => undefined).end(Buffer.from([0, 0, 18, 4, 0, 0, 0, 0, 0]))); // an HTTP/2 SETTINGS frame's begin
    await new Promise<void>((done) => grpc.listen(0, '127.0.0.1', done));
    expect(await said(`http://127.0.0.1:${(grpc.address() as AddressInfo).port}`)).toMatch(/OTLP over gRPC/);
    grpc.close();
    expect(await said(collector.url.replace('http:', 'https:'))).toMatch(/^.*no TLS is spoken there.*$/);
    collector.status = 404;
    try {
      expect(await said(`${collector.url}/v1/trace`)).toMatch(/is the path the collector's/);
    } finally {
      collector.status = 200;
    }
  });

  it('that is not there, or takes and never answers, keeps no gateway from ending', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    const gateway = await start({ config: { telemetry: { otlp_endpoint: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` } } });
    for (let i = 0; i < 30; i++) expect((await gateway.post(call('echo'), MCP)).status).toBe(200);
    expect(await gateway.stop()).toBe(0);
    silent.close();
  });

  it('gets what waits when the gateway ends', async () => {
    const gateway = await start();
    expect((await gateway.post(call('echo'), MCP)).status).toBe(200);
    const id = gateway.lines('request').at(-1)?.['decision_id'];
    expect(await gateway.stop()).toBe(0);
    expect(collector.spans.some(({ attributes }) => attributes['mcp.decision_id'] === id)).toBe(true);
  });
});
