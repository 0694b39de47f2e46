// Over the wire: which paths, methods and hosts reach the gateway, and that nothing else does.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../support/until.js';
import { exchange, HOST, open, post, startRig, statusOf, type Connection, type Rig } from './wire.js';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({ front: { allowed_hosts: ['gateway.example', 'exact.example:8443'], allowed_origins: ['https://console.example'] } });
});
afterAll(() => rig.front.drain(0));

const reached = async (sent: string | Buffer) => {
  const before = rig.seen.length;
  const answer = await exchange(rig.port, sent);
  return { answer, status: statusOf(answer), seen: rig.seen.slice(before) };
};

describe('paths', () => {
  it.each([['/', '/', '', ''], ['/mcp', '/mcp', '', ''], ['/as/my-agent/dev', '/', 'my-agent', 'dev'], ['/as/a/b/mcp', '/mcp', 'a', 'b'], ['/?x=1', '/', '', '']])('takes POST %s', async (path, expected, agent, env) => {
    const { status, seen } = await reached(post('{}', HOST, path));
    expect(status).toBe(200);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.inbound).toMatchObject({ httpMethod: 'POST', path: expected, evidence: { declaredAgent: agent, declaredEnv: env, ip: '127.0.0.1', loopback: true, tls: false } });
    expect(seen[0]?.body.toString()).toBe('{}');
  });
  it('tells who forgot half of an identity\'s path how it is written', async () => {
    expect((await reached(post('{}', HOST, '/as/my-agent'))).answer).toContain('/as/<agent>/<env>');
  });
  it.each(['//', '//mcp', '/mcp/', '/MCP', '/%2e/', '/%6dcp', '/mcp/../', '/./', '/mcp%00', '/as', '/as/', '/as/a', '/as/a/', '/as/a/b/', '/as/a/b/mcp/', '/as/../x', '/as/./x', '/as/a%2fb/c', '/as/a/b/c', '/mcp#x', '/mcp;a=b', '/health/', '/metrics', '/v1/status'])('does not know %s', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const { status, seen } = await reached(`${method} ${path} HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`);
      expect([method, status, seen.length]).toEqual([method, 404, 0]);
    }
  });
  it.each(['GET http://localhost/mcp HTTP/1.1', 'POST http://evil.example/mcp HTTP/1.1', 'OPTIONS * HTTP/1.1', 'CONNECT localhost:1 HTTP/1.1', 'GET / HTTP/1.0', 'GET / HTTP/2.0'])('refuses the request line %s', async (line) => {
    const { status, seen } = await reached(`${line}\r\n${HOST}\r\n`);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(seen).toHaveLength(0);
  });
});

describe('methods', () => {
  it('hands over GET and DELETE without a body', async () => {
    for (const method of ['GET', 'DELETE']) {
      const { seen } = await reached(`${method} /mcp HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nab`);
      expect(seen[0]?.inbound).toMatchObject({ httpMethod: method, bodyBytes: 0 });
    }
  });
  it.each(['PUT', 'PATCH', 'TRACE', 'FOO'])('answers %s with 405 and Allow', async (method) => {
    const { status, answer, seen } = await reached(`${method} / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`);
    expect([status, seen.length]).toEqual([405, 0]);
    expect(answer.toLowerCase()).toContain('allow: post, get, delete, options');
  });
  it('answers HEAD on an MCP path with 405 and no body', async () => {
    const { status, answer, seen } = await reached(`HEAD / HTTP/1.1\r\n${HOST}\r\n`);
    expect([status, seen.length]).toEqual([405, 0]);
    expect(answer.endsWith('\r\n\r\n')).toBe(true);
  });
  it('answers OPTIONS with Allow, and with CORS only for a listed origin', async () => {
    const plain = await reached(`OPTIONS / HTTP/1.1\r\n${HOST}Origin: http://localhost:3000\r\n\r\n`);
    expect(plain.status).toBe(204);
    expect(plain.answer.toLowerCase()).not.toContain('access-control');
    const listed = await reached(`OPTIONS / HTTP/1.1\r\n${HOST}Origin: https://console.example\r\nAccess-Control-Request-Headers: mcp-param-region\r\n\r\n`);
    expect(listed.answer.toLowerCase()).toContain('access-control-allow-origin: https://console.example');
    expect(listed.answer.toLowerCase()).toMatch(/access-control-allow-headers: [^\r]*, mcp-param-region\r/);
    expect(listed.seen).toHaveLength(0);
  });
  it('lets an Upgrade header change nothing on POST, and refuses a broken offer on GET', async () => {
    const upgrade = `${HOST}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n`;
    const posted = await reached(post('{"a":1}', upgrade));
    expect([posted.status, posted.seen[0]?.body.toString()]).toEqual([200, '{"a":1}']);
    const got = await reached(`GET / HTTP/1.1\r\n${upgrade}\r\n`);
    expect([got.status, got.seen.length]).toEqual([400, 0]);
  });
});

describe('Host and Origin', () => {
  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1:9090', '[::1]:5', 'gateway.example', 'gateway.example:123', 'exact.example:8443'])('answers to %s', async (host) => {
    expect((await reached(post('{}', `Host: ${host}\r\n`))).seen[0]?.refused).toBe('');
  });
  it.each(['evil.example', 'localhost.evil.example', 'exact.example', 'exact.example:1', 'localhost:', 'localhost:9090:1', 'a@localhost', 'localhost/', '127.0.0.1.evil', '2130706433', '[::1', 'localhost.'])('rejects %s', async (host) => {
    const { status, seen } = await reached(post('{}', `Host: ${host}\r\n`));
    expect([status, seen[0]?.refused]).toEqual([403, 'origin_rejected host_not_allowed']);
    expect(seen[0]?.body).toHaveLength(0);
  });
  it('rejects an empty Host, and never sees a repeated or absent one', async () => {
    expect((await reached(post('{}', 'Host:\r\n'))).seen[0]?.refused).toBe('origin_rejected host_missing');
    for (const headers of ['', `${HOST}${HOST}`, `${HOST}Host: evil.example\r\n`]) {
      const { status, seen } = await reached(post('{}', headers));
      expect([status, seen.length]).toEqual([400, 0]);
    }
  });
  it.each([['http://localhost:3000', ''], ['https://console.example', ''], ['http://[::1]', ''], ['null', 'origin_rejected origin_not_allowed'], ['https://evil.example', 'origin_rejected origin_not_allowed'], ['http://localhost.evil.example', 'origin_rejected origin_not_allowed'], ['', 'origin_rejected origin_not_allowed'], ['http://localhost:1\r\nOrigin: http://localhost:1', 'origin_rejected origin_not_allowed']])('judges Origin %j', async (origin, refused) => {
    expect((await reached(post('{}', `${HOST}Origin: ${origin}\r\n`))).seen[0]?.refused).toBe(refused);
  });
});

describe('evidence and headers', () => {
  it('name the peer of each connection, whoever else is there', async () => {
    const ask = async (connection: Connection): Promise<unknown> => {
      const before = rig.seen.length;
      connection.socket.write(post('{}'));
      await until(() => rig.seen.length > before);
      return rig.seen.at(-1)?.inbound.evidence.ip;
    };
    const one = open(rig.port, '', '127.0.0.1');
    expect(await ask(one)).toBe('127.0.0.1');
    const other = open(rig.port, '', '127.0.0.2');
    expect([await ask(other), await ask(one), await ask(other)]).toEqual(['127.0.0.2', '127.0.0.1', '127.0.0.2']);
    one.socket.destroy();
    await until(() => rig.front.report().connections === 1);
    expect(await ask(other)).toBe('127.0.0.2');
    other.socket.destroy();
    await until(() => rig.front.report().connections === 0);
    const last = open(rig.port, '', '127.0.0.3');
    expect(await ask(last)).toBe('127.0.0.3');
    last.socket.destroy();
  });
  it('joins what is repeated, so that no second value hides', async () => {
    const { seen } = await reached(post('{}', `${HOST}X-SPIFFE-ID: spiffe://a/b\r\nX-SPIFFE-ID: spiffe://a/c\r\nAuthorization: Bearer x\r\nauthorization: Bearer y\r\nMcp-Name: a\r\nMcp-Name: b\r\n`));
    expect(seen[0]?.inbound.evidence).toMatchObject({ declaredSpiffeId: 'spiffe://a/b, spiffe://a/c', authorization: 'Bearer x, Bearer y' });
    expect(seen[0]?.inbound.headers.mcpName).toBe('a, b');
  });
  it('does not take an empty or unreadable identity for none', async () => {
    for (const [value, said] of [['', '(unreadable)'], ['é', '(unreadable)'], ['spiffe://é/a', 'spiffe://é/a']]) {
      const { seen } = await reached(post('{}', `${HOST}X-SPIFFE-ID: ${value}\r\n`));
      expect(seen[0]?.inbound.evidence.declaredSpiffeId).toBe(said);
    }
  });
  it('keeps the headers a tool server may see, in order, and no others', async () => {
    const { seen } = await reached(post('{}', `${HOST}Mcp-Param-B: 2\r\nMCP-Param-A: 1\r\nMcp-New: n\r\nMcp-Session-Id: s\r\nCookie: c\r\nX-Forwarded-For: 1.2.3.4\r\n`));
    expect(seen[0]?.inbound.headers.forwarded).toEqual([['mcp-param-b', '2'], ['mcp-param-a', '1'], ['mcp-new', 'n']]);
    expect(seen[0]?.inbound.headers.mcpSessionId).toBe('s');
    expect(seen[0]?.inbound.evidence.ip).toBe('127.0.0.1');
  });
});

describe('probes', () => {
  it('answers health and ready, and HEAD of them without a body', async () => {
    expect((await reached(`GET /health HTTP/1.1\r\n${HOST}\r\n`)).answer).toContain('{"status":"ok"}');
    expect((await reached(`GET /ready HTTP/1.1\r\n${HOST}\r\n`)).status).toBe(503);
    const head = await reached(`HEAD /health HTTP/1.1\r\n${HOST}\r\n`);
    expect(head.status).toBe(200);
    expect(head.answer.toLowerCase()).toContain('content-length: 15');
    expect(head.answer.endsWith('\r\n\r\n')).toBe(true);
  });
  it('takes no other method, no foreign page, and knows no metadata it was not given', async () => {
    expect((await reached(`POST /health HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`)).status).toBe(405);
    expect((await reached('GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n')).status).toBe(403);
    expect((await reached(`GET /.well-known/oauth-protected-resource HTTP/1.1\r\n${HOST}\r\n`)).status).toBe(404);
  });
  it('does not name its server software', async () => {
    expect((await reached(`GET /health HTTP/1.1\r\n${HOST}\r\n`)).answer).not.toMatch(/uwebsockets/i);
  });
});

describe('the HTTP parser', () => {
  it.each([
    ['Content-Length beside Transfer-Encoding', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n', 'abc'],
    ['the same length twice', 'Content-Length: 2\r\nContent-Length: 2\r\n', 'ab'],
    ['an empty length', 'Content-Length:\r\n', ''],
    ['a signed length', 'Content-Length: +2\r\n', 'ab'],
    ['a length in hex', 'Content-Length: 0x2\r\n', 'ab'],
    ['a list of lengths', 'Content-Length: 2, 2\r\n', 'ab'],
    ['an endless length', `Content-Length: ${'9'.repeat(30)}\r\n`, 'ab'],
    ['gzip before chunked', 'Transfer-Encoding: gzip, chunked\r\n', '2\r\nab\r\n0\r\n\r\n'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '2\r\nab\r\n0\r\n\r\n'],
    ['identity', 'Transfer-Encoding: identity\r\nContent-Length: 2\r\n', 'ab'],
    ['a folded header', 'X-A: b\r\n c\r\n', ''],
    ['a blank before the colon', 'X-A : b\r\n', ''],
  ])('refuses %s, and nothing is smuggled behind it', async (_, headers, body) => {
    const before = rig.seen.length;
    const alone = await open(rig.port, `POST / HTTP/1.1\r\n${HOST}${headers}\r\n`).closed;
    expect(statusOf(alone)).toBe(400);
    // With a request behind it, the connection may also end without a word.
    const followed = await open(rig.port, `POST / HTTP/1.1\r\n${HOST}${headers}\r\n${body}GET /mcp HTTP/1.1\r\n${HOST}\r\n`).closed;
    expect([[], ['HTTP/1.1 400']]).toContainEqual(followed.match(/HTTP\/1\.1 \d{3}/g) ?? []);
    expect(rig.seen.slice(before).filter(({ aborted }) => !aborted)).toHaveLength(0);
  });
  it('refuses endless headers', async () => {
    expect((await reached(`GET / HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(70_000)}\r\n\r\n`)).status).toBe(431);
  });
});
