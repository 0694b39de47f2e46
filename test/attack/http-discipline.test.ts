// HTTP as strangers use it: every method on every path, hosts and origins in each spelling, headers without end, and what of a caller's headers a tool server must never see.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startExactServer, type ExactServer } from '../support/exact-server.js';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { converse, readMessages, type RawMessage } from '../support/raw-http.js';
import { call, openSession, registration, toolText } from '../wire/calls.js';

const CALL = call('echo', { text: 'x' });
const CONSOLE = 'https://console.example';

let server: ExactServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startExactServer([toolText('echo')]);
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)],
    config: {
      front: { allowed_hosts: ['gateway.example', 'exact.example:8443', '[fd00::7]'], allowed_origins: [CONSOLE], shed_after_ms: 0 },
      audit: { unidentified_per_second: 10_000 }, breaker: { failures_to_open: 1000 }, rate_limit: { per_minute: 1_000_000, burst: 1_000_000 }, threads: { gateway: 1 },
    },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

interface Asked {
  readonly answer: RawMessage | undefined;
  readonly status: number;
  /** Records it left. */
  readonly lines: readonly Record<string, unknown>[];
  /** Of the tool server. */
  readonly calls: number;
}

async function ask(start: string, lines: readonly string[], body = ''): Promise<Asked> {
  const [seenBefore, linesBefore] = [server.seen.length, gateway.lines('request').length];
  const toHead = start.startsWith('HEAD');
  const { bytes, closed } = await converse(gateway.port, [Buffer.from(`${start}\r\n${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1')], (got) => readMessages(got, { toHead }).messages.length > 0);
  const answer = readMessages(bytes, { toHead, ended: closed }).messages[0];
  return { answer, status: Number(answer?.startLine.split(' ')[1] ?? 0), lines: gateway.lines('request').slice(linesBefore), calls: server.seen.length - seenBefore };
}

const POSTED = ['Content-Type: application/json', `X-SPIFFE-ID: ${CALLER}`, `Content-Length: ${CALL.length}`];
const post = (host: string, more: readonly string[] = [], path = '/'): Promise<Asked> => ask(`POST ${path} HTTP/1.1`, [`Host: ${host}`, ...POSTED, ...more], CALL);
const headers = ({ answer }: Asked, prefix: string): string[] => answer?.headers.filter(([name]) => name.startsWith(prefix)).map(([name, value]) => `${name}: ${value}`) ?? [];

describe('a method', () => {
  const MCP_PATHS = ['/', '/mcp', '/as/my-agent/dev', '/as/my-agent/dev/mcp'];
  const OTHERS = ['HEAD', 'PUT', 'PATCH', 'TRACE', 'SEARCH', 'PROPFIND', 'M-SEARCH'];

  it.each(MCP_PATHS.flatMap((path) => OTHERS.map((method) => [method, path] as const)))('%s on %s is 405, says which there are, and is no request', async (method, path) => {
    const asked = await ask(`${method} ${path} HTTP/1.1`, ['Host: localhost', 'Content-Length: 0']);
    expect([asked.status, headers(asked, 'allow'), asked.lines.length, asked.calls]).toEqual([405, ['allow: POST, GET, DELETE, OPTIONS'], 0, 0]);
    expect(asked.answer?.body.length === 0).toBe(method === 'HEAD');
  });

  it.each(['/health', '/ready', '/.well-known/oauth-protected-resource'].flatMap((path) => ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'FOO'].map((method) => [method, path] as const)))('%s on %s is 405', async (method, path) => {
    const asked = await ask(`${method} ${path} HTTP/1.1`, ['Host: localhost', 'Content-Length: 0']);
    expect([asked.status, headers(asked, 'allow'), asked.lines.length]).toEqual([405, ['allow: GET, HEAD, OPTIONS'], 0]);
  });

  it.each(['POST', 'GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'FOO'].flatMap((method) => ['/admin', '/mcp/', '//', '/as/a', '/health/x', '/%2e%2e/', '/v1/status', '/metrics'].map((path) => [method, path] as const)))('%s on %s is 404', async (method, path) => {
    const asked = await ask(`${method} ${path} HTTP/1.1`, ['Host: localhost', `X-SPIFFE-ID: ${CALLER}`, 'Content-Length: 0']);
    expect([asked.status, asked.lines.length, asked.calls]).toEqual([404, 0, 0]);
  });

  it.each(['CONNECT localhost:80', 'CONNECT /', 'OPTIONS *', 'GET http://localhost/', 'POST http://evil.example/mcp', 'POST https://localhost/'])('%s asks for a proxy, which this is not', async (start) => {
    const asked = await ask(`${start} HTTP/1.1`, ['Host: localhost', 'Content-Length: 0']);
    expect(asked.status).toBeGreaterThanOrEqual(400);
    expect([asked.lines.length, asked.calls]).toEqual([0, 0]);
  });
});

describe('a Host', () => {
  const GOOD = ['localhost', 'LocalHost', 'localhost:1', '127.0.0.1', '127.0.0.1:65535', '[::1]', '[::1]:80', 'gateway.example', 'GATEWAY.example', 'gateway.example:1', 'exact.example:8443', 'EXACT.example:8443', '[fd00::7]', '[FD00::7]:9'];
  const BAD = [
    'evil.example', 'localhost.evil.example', 'evil.localhost', 'gateway.example.evil', 'xgateway.example', 'gateway.example.', 'localhost.', '127.0.0.1.', 'exact.example', 'exact.example:443', 'exact.example:08443', '127.1', '2130706433', '0x7f000001', '0177.0.0.1', '127.0.0.2', '0.0.0.0', '[::]', '[::ffff:127.0.0.1]',
    '[0:0:0:0:0:0:0:1]', '::1', '[::1', '::1]', '[fd00::8]', '[fd00::7%25eth0]', 'localhost:', 'localhost:x', 'localhost:123456', 'localhost:80:80', 'localhost,evil.example', 'localhost evil.example', 'user@localhost', 'localhost/', 'localhost?x', 'localhost#x', 'http://localhost', 'local\xadhost', 'l\xf6calhost', '*', '.',
  ];

  it.each(GOOD)('%s is the gateway\'s', async (host) => {
    const asked = await post(host);
    expect([asked.status, asked.calls, asked.lines.length]).toEqual([200, 1, 1]);
  });

  it.each(BAD)('%s is not', async (host) => {
    const asked = await post(host);
    expect([asked.status, asked.calls]).toEqual([403, 0]);
    expect(asked.lines).toMatchObject([{ code: 'origin_rejected', reason_code: 'host_not_allowed', decision: 'DENY' }]);
    for (const method of ['GET', 'DELETE']) expect((await ask(`${method} / HTTP/1.1`, [`Host: ${host}`])).status).toBe(403);
    expect((await ask('GET /health HTTP/1.1', [`Host: ${host}`])).status).toBe(403);
  });
});

describe('an Origin', () => {
  const GOOD = [CONSOLE, 'HTTPS://CONSOLE.example', 'http://localhost', 'http://localhost:3000', 'https://127.0.0.1:8443', 'http://[::1]:5173'];
  const BAD = [
    'null', '', 'https://evil.example', `${CONSOLE}.evil.example`, `${CONSOLE}:444`, `${CONSOLE}/`, `${CONSOLE} https://evil.example`, 'http://console.example', 'https://console.example.', 'https://user@console.example', 'http://localhost.evil.example', 'http://localhost:3000/', 'http://localhost:', 'http://localhost:x', 'http://localhost.',
    'http://127.0.0.2', 'http://2130706433', 'http://[::ffff:127.0.0.1]', 'file://', 'chrome-extension://abc', 'ws://localhost', 'localhost', '*', '\xe9',
  ];

  it.each(GOOD)('%s may call', async (origin) => {
    const asked = await post('localhost', [`Origin: ${origin}`]);
    expect([asked.status, asked.calls]).toEqual([200, 1]);
    // Only what the operator listed may read the answer.
    expect(headers(asked, 'access-control-')).toEqual(origin.toLowerCase() === CONSOLE ? [`access-control-allow-origin: ${origin}`, 'access-control-expose-headers: mcp-session-id'] : []);
  });

  it.each(BAD)('%s may not', async (origin) => {
    const asked = await post('localhost', [`Origin: ${origin}`]);
    expect([asked.status, asked.calls, headers(asked, 'access-control-')]).toEqual([403, 0, []]);
    expect(asked.lines).toMatchObject([{ code: 'origin_rejected', reason_code: 'origin_not_allowed', decision: 'DENY' }]);
    const preflight = await ask('OPTIONS / HTTP/1.1', ['Host: localhost', `Origin: ${origin}`, 'Access-Control-Request-Method: POST']);
    expect([preflight.status, headers(preflight, 'access-control-')]).toEqual([204, []]);
  });

  it('may not be given twice', async () => {
    expect((await post('localhost', [`Origin: ${CONSOLE}`, `Origin: ${CONSOLE}`])).status).toBe(403);
  });

  it('that is listed gets a preflight with the methods and headers of MCP, and no credentials', async () => {
    const preflight = await ask('OPTIONS /mcp HTTP/1.1', ['Host: localhost', `Origin: ${CONSOLE}`, 'Access-Control-Request-Method: POST']);
    expect(preflight.status).toBe(204);
    expect(headers(preflight, 'access-control-allow-origin')).toEqual([`access-control-allow-origin: ${CONSOLE}`]);
    expect(headers(preflight, 'access-control-allow-credentials')).toEqual([]);
    expect(headers(preflight, 'vary')).toEqual(['vary: origin']);
  });
});

describe('headers', () => {
  const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `X-${n}: y`);

  it('of a usual number and size are taken', async () => {
    expect((await post('localhost', many(60))).status).toBe(200);
    expect((await post('localhost', [`X-A: ${'a'.repeat(3000)}`])).status).toBe(200);
  });

  it('that are too many or too large are refused, and nothing of them is forwarded', async () => {
    for (const lines of [many(1000), [`X-A: ${'a'.repeat(64 * 1024)}`], [`${'X'.repeat(64 * 1024)}: a`]]) {
      const asked = await post('localhost', lines);
      expect([431, asked.calls, asked.lines.length]).toEqual([asked.status, 0, 0]);
    }
    expect((await ask(`GET /${'a'.repeat(64 * 1024)} HTTP/1.1`, ['Host: localhost'])).status).toBe(431);
  });
});

describe('a head', () => {
  it('that never ends, whether it stops or goes on drop by drop, ends with its connection, by its time or its size; others are served meanwhile', async () => {
    const start = Buffer.from(`POST / HTTP/1.1\r\nHost: localhost\r\n${POSTED.join('\r\n')}\r\n`);
    const drops = Array.from({ length: 70_000 }, () => Buffer.from('X'));
    const waiting = Array.from({ length: 20 }, (_, n) => converse(gateway.port, n % 2 === 0 ? [start] : [start, ...drops], () => false));
    for (let n = 0; n < 5; n++) expect((await post('localhost')).status).toBe(200);
    const before = server.seen.length;
    expect((await Promise.all(waiting)).map(({ closed }) => closed)).toEqual(waiting.map(() => true));
    expect(server.seen.length).toBe(before);
    expect((await post('localhost')).status).toBe(200);
  }, 90_000);
});

describe('a tool server', () => {
  const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.not-for-tool-servers.c2ln';
  const SPELLINGS = ['Authorization', 'authorization', 'AUTHORIZATION', 'Proxy-Authorization', 'X-Authorization', 'X-API-Key', 'Cookie', 'X-Forwarded-Authorization', 'Authorization-Bearer', 'X-Amz-Security-Token', 'Mcp_Authorization'];

  it.each(SPELLINGS)('never sees what a caller says in %s', async (name) => {
    const session = await openSession(gateway, { 'x-spiffe-id': CALLER });
    const modern = ['MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/call', 'Mcp-Name: echo'];
    const modernBody = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}';
    const ways: readonly (readonly [readonly string[], string])[] = [[[], CALL], [Object.entries(session).map(([header, value]) => `${header}: ${value}`), CALL], [modern, modernBody]];
    const before = server.seen.length;
    for (const [lines, body] of ways) await ask('POST / HTTP/1.1', ['Host: localhost', 'Content-Type: application/json', ...(lines.some((line) => line.startsWith('x-spiffe-id')) ? [] : [`X-SPIFFE-ID: ${CALLER}`]), `Content-Length: ${body.length}`, ...lines, `${name}: Bearer ${TOKEN}`], body);
    const seen = server.seen.slice(before);
    // A bearer token is evidence: one that proves nobody is refused. All others are no header of MCP.
    expect(seen.length).toBe(name.toLowerCase() === 'authorization' ? 0 : ways.length);
    expect(JSON.stringify(seen.map((one) => one.headers))).not.toContain(TOKEN);
  });

  it('sees a header of MCP that came twice as one list, as it would without the gateway', async () => {
    await post('localhost', ['Mcp-Param-A: 1', 'mcp-param-a: 2', 'Mcp-Other: x']);
    expect(server.seen.at(-1)?.headers.filter(([name]) => name.startsWith('mcp-param') || name === 'mcp-other')).toEqual([['mcp-param-a', '1, 2'], ['mcp-other', 'x']]);
  });

  it.each(['Mcp-Param-A', 'Mcp-Name', 'Mcp-Method', 'tracestate', 'Last-Event-ID'])('gets no %s that is not ASCII, and is not blamed for it', async (name) => {
    for (const value of ['a\x7fb', 'a\xe9b', 'a\xe2\x82\xacb']) {
      const asked = await post('localhost', [`${name}: ${value}`]);
      expect([asked.status, asked.calls]).toEqual([400, 0]);
      expect(asked.lines).toMatchObject([{ code: 'mcp_invalid_request', reason_code: 'header_value', decision: 'DENY' }]);
    }
  });

  it('that redirects is not followed', async () => {
    const elsewhere = await startExactServer([]);
    for (const status of ['301 Moved Permanently', '302 Found', '303 See Other', '307 Temporary Redirect', '308 Permanent Redirect']) {
      server.script = () => ({ pieces: [Buffer.from(`HTTP/1.1 ${status}\r\nLocation: ${elsewhere.url}\r\nContent-Length: 0\r\n\r\n`)] });
      const asked = await post('localhost');
      expect([asked.status, asked.calls]).toEqual([502, 1]);
      expect(asked.lines).toMatchObject([{ code: 'mcp_request_failed' }]);
    }
    expect(elsewhere.seen).toEqual([]);
    await elsewhere.close();
  });
});
