// agw tools call against small real listeners: where it goes, who it says it is, and what stands between.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeAuthority, makeServerCertificate, makeSvid, validAround } from '../../support/pki.js';
import { openBench, type Bench } from './cli-fixture.js';

const ME = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"fine"}]}}';
const META = 'io.modelcontextprotocol/protocolVersion';

interface Got {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let bench: Bench;
let listener: Server;
let url: string;
let got: Got[];
interface Given {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
}
/** What the first request gets, where that is another answer than the rest get. */
let first: Given | undefined;
let answer: Given;

beforeEach(async () => {
  bench = openBench();
  got = [];
  first = undefined;
  answer = { body: RESULT };
  listener = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      got.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(parts).toString() });
      const given = first ?? answer;
      first = undefined;
      response.writeHead(given.status ?? 200, { 'content-type': given.type ?? 'application/json' }).end(given.body);
    });
  });
  url = await portOf(listener);
});

afterEach(async () => {
  await bench.close();
  await new Promise((resolve) => listener.close(resolve));
});

async function portOf(server: { listen: Server['listen']; address: Server['address'] }): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const call = (...words: string[]) => bench.agw(['tools', 'call', 'my_tool', '--gateway', url, ...words]);
const codeOf = (err: string): unknown => (JSON.parse(err) as { error: { code: unknown } }).error.code;

describe('where it goes', () => {
  it('is asked at the control socket', async () => {
    await bench.serve({ 'GET /v1/status': () => ({ json: { listeners: [{ kind: 'mtls', address: '127.0.0.1:1' }, { kind: 'http', address: url.slice('http://'.length) }] } }) });
    expect(await bench.agw(['tools', 'call', 'my_tool'])).toEqual({ code: 0, out: 'fine', err: '' });
  });

  it('is this machine where the gateway listens on every address', async () => {
    await bench.serve({ 'GET /v1/status': () => ({ json: { listeners: [{ kind: 'http', address: `0.0.0.0:${new URL(url).port}` }] } }) });
    expect((await bench.agw(['tools', 'call', 'my_tool'])).code).toBe(0);
  });

  it('is said where there is no such listener', async () => {
    await bench.serve({ 'GET /v1/status': () => ({ json: { listeners: [] } }) });
    const { code, err } = await bench.agw(['tools', 'call', 'my_tool', '--json']);
    expect([code, codeOf(err)]).toEqual([2, 'no_listener']);
  });
});

describe('who calls', () => {
  it.each([
    [[], '/', undefined], [['--as', ME], '/', ME], [['--as', 'tester'], '/as/tester/dev', undefined], [['--as', 'tester/prod'], '/as/tester/prod', undefined],
  ])('%j goes to %s with X-SPIFFE-ID %s', async (words, path, header) => {
    expect((await call(...words)).code).toBe(0);
    expect(got[0]).toMatchObject({ path });
    expect(got[0]?.headers['x-spiffe-id']).toBe(header);
  });

  it.each([[[], '/as/tester/dev'], [['--as', 'other'], '/as/other/dev']])('is the agent whose own path --gateway has, unless %j says another', async (words, path) => {
    await bench.agw(['tools', 'call', 'my_tool', '--gateway', `${url}/as/tester/dev`, ...words]);
    expect(got[0]).toMatchObject({ path });
  });

  it('may be a token from a file, which is in no argument list', async () => {
    await call('--token-file', bench.file('token', 'a.b.c\n'));
    expect(got[0]?.headers.authorization).toBe('Bearer a.b.c');
  });

  it.each([
    ['two kinds of evidence', ['--as', 'a', '--token-file', 'TOKEN']], ['a certificate without its key', ['--cert', 'x']], ['no name', ['--as', 'a b']], ['a name of dots', ['--as', '../a']], ['an environment of dots', ['--as', 'a/..']], ['authorities for nothing', ['--ca', 'CA']], ['a certificate for plain HTTP', ['--cert', 'CA', '--key', 'CA']],
    ['a file that is not there', ['--token-file', 'nowhere']], ['a file without a token', ['--token-file', 'CA']], ['no number of seconds', ['--timeout', '0']], ['two ways to print', ['--raw', '--json']],
  ])('is not sent with %s', async (_what, words) => {
    const evidence = bench.file('ca.pem', 'two words');
    const files: Readonly<Record<string, string>> = { CA: evidence, TOKEN: bench.file('token', 'a.b.c') };
    expect((await call(...words.map((word) => files[word] ?? word))).code).toBe(2);
    expect(got).toEqual([]);
  });
});

describe('the request', () => {
  it('names its version, method and tool in headers as in the body, and its trace', async () => {
    await bench.agw(['tools', 'call', 'größe', '--gateway', url, '--args', '{"a": 1}', '--json']);
    expect(got[0]?.headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': `=?base64?${Buffer.from('größe').toString('base64')}?=`, accept: 'application/json, text/event-stream' });
    expect(got[0]?.body).toContain('"arguments":{"a": 1}');
    expect(JSON.parse(got[0]?.body ?? '')).toMatchObject({ params: { name: 'größe', _meta: { [META]: '2026-07-28' } } });
    expect(got[0]?.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });
});

it('reads an answer as it is written, with escapes in its names, too', async () => {
  answer = { body: String.raw`{"jsonrpc":"2.0","id":1,"result":{"content":[{"content":[],"isErro\\":1}],"isErro\u0072":true}}` };
  expect((await call()).code).toBe(1);
});

describe('what is no MCP', () => {
  it.each([
    ['a page', { type: 'text/html', body: '<h1>hello</h1>' }], ['JSON of something else', { body: '{"ok":true}' }], ['an error of something else', { status: 404, body: '{"error":"not found"}' }], ['an error without a message', { status: 502, body: '' }], ['a stream without an answer', { type: 'text/event-stream', body: ': nothing\n\n' }],
  ])('is said of %s', async (_what, given) => {
    answer = given;
    const { code, err } = await call('--json');
    expect([code, codeOf(err)]).toEqual([2, 'not_mcp']);
  });

  it('is said of a server that hangs up', async () => {
    const tcp = createTcpServer((socket) => socket.destroy());
    url = await portOf(tcp as unknown as Server);
    const { code, err } = await call('--json');
    expect([code, codeOf(err)]).toEqual([2, 'gateway_unreachable']);
    tcp.close();
  });
});

describe('the mTLS listener', () => {
  const now = Date.now();
  const authority = makeAuthority('test authority');
  const svid = makeSvid(authority, ME, validAround(now));

  it.each([
    ['has the name', ['localhost'], 0, undefined], ['has another name', ['elsewhere.example'], 2, 'gateway_untrusted'],
  ])('is believed where its certificate %s', async (_what, names, exit, fault) => {
    const own = makeServerCertificate(authority, now, names);
    const secure = createSecureServer({ cert: own.pem, key: own.privateKeyPem, ca: authority.pem, requestCert: true }, (request, response) => {
      got.push({ path: request.url ?? '', headers: request.headers, body: '' });
      response.writeHead(200, { 'content-type': 'application/json' }).end(RESULT);
    });
    const { port } = new URL(await portOf(secure as unknown as Server));
    const files = ['--cert', bench.file('svid.pem', svid.pem), '--key', bench.file('svid.key', svid.privateKeyPem), '--ca', bench.file('ca.pem', authority.pem)];
    const { code, err } = await bench.agw(['tools', 'call', 'my_tool', '--gateway', `https://localhost:${port}`, ...files, '--json']);
    expect([code, err === '' ? undefined : codeOf(err), got.length]).toEqual([exit, fault, exit === 0 ? 1 : 0]);
    await new Promise((resolve) => secure.close(resolve));
  });

  it.each([['what is no certificate', 'two words', svid.privateKeyPem], ['another\'s key', svid.pem, makeSvid(authority, ME).privateKeyPem]])('is not asked with %s', async (_what, cert, key) => {
    const { code, err } = await bench.agw(['tools', 'call', 'my_tool', '--gateway', 'https://localhost:9', '--cert', bench.file('svid.pem', cert), '--key', bench.file('svid.key', key), '--json']);
    expect([code, codeOf(err)]).toEqual([2, 'evidence_unreadable']);
  });
});

describe('a list for a caller', () => {
  it('goes through all pages, and says what was left out', async () => {
    const page = (id: number, name: string, more: object): { readonly body: string } => ({ body: JSON.stringify({ jsonrpc: '2.0', id, result: { tools: [{ name, description: 'd' }], ...more } }) });
    first = page(1, 'one', { nextCursor: 'c"2' });
    answer = page(2, 'two', { _meta: { 'precinct/hiddenTools': { forbidden: 2, changed: 0, unregistered: 1 } } });
    const { code, out } = await bench.agw(['tools', 'list', '--as', 'tester', '--gateway', url, '--era', '2026-07-28']);
    expect(code).toBe(0);
    expect((JSON.parse(got[1]?.body ?? '') as { params: { cursor: unknown } }).params.cursor).toBe('c"2');
    for (const part of ['one', 'two', '2 by policy', '1 not registered']) expect(out).toContain(part);
    expect(out).not.toContain('changed');
  });
});
