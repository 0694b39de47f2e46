// What the gateway lets pass, it passes byte for byte: the same messages with and without it, both ways, and a table of all that may differ.
// FIDELITY_RUNS sets how many messages of each kind.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerBytes, sseBytes, startExactServer, type ExactAnswer, type ExactRequest, type ExactServer } from '../support/exact-server.js';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { nested, oddId, oddObject, oddString, oddValue, shuffled } from '../support/odd-json.js';
import { exchangeRaw, headerOf, readMessages, converse, type RawMessage } from '../support/raw-http.js';
import { openSession, registration, toolText } from './calls.js';

const RUNS = Number(process.env['FIDELITY_RUNS'] ?? 60);
const LIMIT_MS = 60_000 + RUNS * 400;
const MODERN = '2026-07-28';
const BOTH = 'application/json, text/event-stream';
/** front.json_depth_max is 64, and a message is three levels around it. */
const DEPTH = 58;

/** Headers of a request that differ at the tool server, and why. Every other one must arrive as it was sent. */
const REQUEST_HEADERS: Readonly<Record<string, string>> = {
  'host': 'names the tool server, not the gateway',
  'content-length': 'of the same body; or of one with another id (see below)',
  'content-type': 'without parameters: JSON is UTF-8',
  'accept': 'the gateway reads both forms of an answer, whatever its caller does',
  'accept-encoding': 'what is encoded could not be screened',
  'traceparent': 'the same trace, with the gateway\'s span as the parent',
  'mcp-session-id': 'each side has its own session, which the gateway binds',
  'mcp-protocol-version': 'without a handshake: that of the gateway\'s own session with the server',
  'mcp-method': 'of versions before 2026-07-28, which know no such header: read and compared, not passed on',
  'mcp-name': 'the same',
  'last-event-id': 'belongs to a GET',
  'x-spiffe-id': 'evidence of who calls is the gateway\'s',
  'authorization': 'the same: a token is never passed through',
  'cookie': 'no header of MCP',
  'x-forwarded-for': 'no header of MCP',
  'user-agent': 'no header of MCP',
  'connection': 'of one hop',
  'te': 'of one hop',
};

/** Headers of an answer that a caller sees, and why they differ from the tool server's. All of the server's own that are not here are dropped. */
const ANSWER_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'without parameters: JSON is UTF-8, and so are events',
  'content-length': 'of the same bytes; a stream is chunked',
  'transfer-encoding': 'of one hop',
  'date': 'the gateway\'s',
  'cache-control': 'streams: nothing on the way may keep events back',
  'x-accel-buffering': 'streams: the same',
};

/** How a message travels; `shared`: over a session that several callers share, where the gateway gives the message another id and puts the caller's back into the answer. */
interface Way {
  readonly name: string;
  readonly shared: boolean;
  readonly modern: boolean;
  readonly streams: boolean;
  headers(method: string, name: string | undefined): Readonly<Record<string, string>>;
}

let server: ExactServer;
let gateway: GatewayProcess;
let session: Readonly<Record<string, string>>;

const WAYS: readonly Way[] = [
  { name: 'a session', shared: false, modern: false, streams: true, headers: () => session },
  { name: 'no session, for an MCP client', shared: true, modern: false, streams: true, headers: () => ({ accept: BOTH }) },
  { name: 'no session, for a caller that reads JSON', shared: true, modern: false, streams: false, headers: () => ({ accept: '*/*' }) },
  {
    name: '2026-07-28', shared: false, modern: true, streams: true,
    headers: (method, name) => ({ 'accept': BOTH, 'mcp-protocol-version': MODERN, 'mcp-method': method, ...(name === undefined ? {} : { 'mcp-name': name }) }),
  },
];

function wayOf(name: string): Way {
  const way = WAYS.find((one) => one.name === name);
  if (way === undefined) throw new Error(`no way is called ${name}`);
  return way;
}

beforeAll(async () => {
  server = await startExactServer([toolText('echo')]);
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)],
    config: { rate_limit: { per_minute: 10_000_000, burst: 10_000_000 }, breaker: { failures_to_open: 1000 }, policy: { timeout_ms: 10_000 }, front: { shed_after_ms: 0 }, threads: { gateway: 1 } },
  });
  session = await openSession(gateway);
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const EXTRA_HEADERS: readonly (readonly [string, string])[] = [
  ['mcp-param-region', 'eu west'], ['Mcp-Param-Blank', ''], ['MCP-Unknown', 'a, b;c="d"'], ['tracestate', 'a=1,b=2'], ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['cookie', 'a=b'], ['x-forwarded-for', '203.0.113.9'], ['user-agent', 'test/1'], ['te', 'trailers'],
];

interface Sent {
  readonly method: string;
  readonly name: string | undefined;
  readonly body: string;
  readonly extra: readonly (readonly [string, string])[];
}

const metaOf = (modern: boolean): fc.Arbitrary<string> => fc.tuple(oddValue, oddString).chain(([value, text]) => shuffled([
  { key: 'k/unknown', value }, { key: 'progressToken', value: text }, { key: 'traceparent', value: '"00-1"' },
  ...(modern ? [{ key: 'io.modelcontextprotocol/protocolVersion', value: `"${MODERN}"` }, { key: 'io.modelcontextprotocol/clientCapabilities', value: '{}' }] : []),
]));

const messages = (modern: boolean, kind: 'request' | 'notification'): fc.Arbitrary<Sent> => fc.tuple(
  kind === 'request' ? fc.constantFrom('tools/call', 'resources/read', 'x-vendor/unknown.method') : fc.constantFrom('notifications/progress', 'notifications/x-vendor'),
  oddId, fc.oneof(oddObject, fc.constant(`{"deep":${nested(DEPTH)}}`)), metaOf(modern), oddValue, fc.shuffledSubarray([...EXTRA_HEADERS]),
).chain(([method, id, args, meta, value, extra]) => {
  const name = method === 'tools/call' ? 'echo' : method === 'resources/read' ? 'file:///a/b%20c' : undefined;
  const named = method === 'tools/call' ? [{ key: 'name', value: '"\\u0065cho"' }, { key: 'arguments', value: args }] : method === 'resources/read' ? [{ key: 'uri', value: '"file:\\/\\/\\/a/b%20c"' }] : [{ key: 'x', value: args }];
  return shuffled([...named, { key: '_meta', value: meta }, { key: 'k-more', value }])
    .chain((params) => shuffled([{ key: 'jsonrpc', value: '"2.0"' }, { key: 'method', value: JSON.stringify(method).replace('/', '\\/') }, ...(kind === 'request' ? [{ key: 'id', value: id }] : []), { key: 'params', value: params }, { key: 'k-root', value }]))
    .map((body) => ({ method, name, body, extra }));
});

const resultTexts = (idMark: string): fc.Arbitrary<string> => fc.tuple(oddObject, oddValue, fc.boolean()).chain(([result, value, isError]) => shuffled([
  { key: 'jsonrpc', value: '"2.0"' }, { key: 'id', value: idMark }, isError ? { key: 'error', value: `{"code":-32000,"message":"m","data":${value}}` } : { key: 'result', value: result }, { key: 'k-more', value },
]));

/** Stands where the id goes, which differs with and without the gateway. */
const ID = '"<the id>"';

function requestBytes(way: Way, sent: Sent, port: number): Buffer {
  const headers = Object.entries({ 'host': `localhost:${port}`, 'x-spiffe-id': CALLER, 'content-type': 'application/json; charset=utf-8', ...way.headers(sent.method, sent.name) });
  const lines = [...headers, ...sent.extra, ['Content-Length', String(Buffer.byteLength(sent.body))] as const].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n${sent.body}`);
}

interface Both<T> {
  readonly direct: T;
  readonly through: T;
}

interface Pair {
  readonly seen: Both<ExactRequest | undefined>;
  readonly answered: Both<RawMessage>;
}

async function bothWays(way: Way, sent: Sent, script: (idText: string) => ExactAnswer): Promise<Pair> {
  server.script = ({ idText }) => script(idText);
  const ask = async (port: number): Promise<{ seen: ExactRequest | undefined; answer: RawMessage }> => {
    const before = server.seen.length;
    const answer = await exchangeRaw(port, [requestBytes(way, sent, port)]);
    expect(server.seen.length - before, answer.body.toString()).toBe(1);
    return { seen: server.seen.at(-1), answer };
  };
  const direct = await ask(server.port);
  const through = await ask(gateway.port);
  return { seen: { direct: direct.seen, through: through.seen }, answered: { direct: direct.answer, through: through.answer } };
}

/** Which headers differ: other values, more or fewer of them. */
function differing({ direct, through }: Both<RawMessage>): string[] {
  const all = (message: RawMessage): Map<string, string> => new Map(message.headers.map(([name]) => [name, message.headers.filter(([one]) => one === name).map(([, value]) => value).join('\n')]));
  const [one, other] = [all(direct), all(through)];
  return [...new Set([...one.keys(), ...other.keys()])].filter((name) => one.get(name) !== other.get(name));
}

function checkRequest(way: Way, { seen: { direct, through } }: Pair): void {
  if (direct === undefined || through === undefined) throw new Error('both were seen');
  expect(through.startLine).toBe(direct.startLine);
  const [before, behind] = [direct.body.toString(), through.body.toString()];
  if (!way.shared) expect(behind).toBe(before);
  else {
    expect(withoutId(through)).toHaveLength(2);
    expect(withoutId(through)).toEqual(withoutId(direct));
  }
  expect(differing({ direct, through }).filter((name) => REQUEST_HEADERS[name] === undefined)).toEqual([]);
  if (way.modern) for (const name of ['mcp-method', 'mcp-name', 'mcp-protocol-version']) expect(headerOf(through, name)).toBe(headerOf(direct, name));
  for (const name of ['x-spiffe-id', 'authorization', 'cookie', 'x-forwarded-for', 'te', 'user-agent', 'connection']) expect(headerOf(through, name)).toBeUndefined();
  expect(headerOf(through, 'traceparent')?.slice(0, 36) ?? '').toContain(headerOf(direct, 'traceparent')?.slice(0, 36) ?? '00-');
}

/** The body on both sides of its root's id: where that was replaced, nothing else was. */
function withoutId({ body, idText }: ExactRequest): string[] {
  const text = body.toString();
  // The generator writes the id right behind its name and blanks, and this name nowhere else at the root.
  const at = /"id"[ \t\r\n]*:[ \t\r\n]*/g;
  return [...text.matchAll(at)].flatMap((match) => (text.startsWith(idText, match.index + match[0].length) ? [text.slice(0, match.index + match[0].length), text.slice(match.index + match[0].length + idText.length)] : []));
}

function checkAnswer({ answered: { direct, through } }: Pair, type: string): void {
  expect(through.startLine).toBe(direct.startLine);
  expect(headerOf(through, 'content-type')).toBe(type);
  expect(headerOf(through, 'mcp-session-id')).toBeUndefined();
  expect(through.headers.map(([name]) => name).filter((name) => ANSWER_HEADERS[name] === undefined)).toEqual([]);
}

const ANSWER_HEAD = 'content-type: application/json; charset=utf-8\r\nmcp-session-id: of-the-server\r\nset-cookie: a=b\r\nx-server: s\r\n';

describe.each(WAYS)('over $name', (way) => {
  it('a request and its answer in JSON are the same with and without the gateway', async () => {
    await fc.assert(fc.asyncProperty(messages(way.modern, 'request'), resultTexts(ID), async (sent, answer) => {
      const pair = await bothWays(way, sent, (idText) => ({ pieces: [answerBytes(ANSWER_HEAD, answer.replace(ID, () => idText))] }));
      checkRequest(way, pair);
      checkAnswer(pair, 'application/json');
      expect(pair.answered.through.body.toString()).toBe(pair.answered.direct.body.toString());
    }), { numRuns: RUNS });
  }, LIMIT_MS);

  it('a stream of events is the same, whatever its line ends and however it is cut', async () => {
    await fc.assert(fc.asyncProperty(messages(way.modern, 'request'), streams, async (sent, stream) => {
      const pair = await bothWays(way, sent, (idText) => ({ pieces: sseBytes(stream.cut(idText)) }));
      checkRequest(way, pair);
      if (way.streams) {
        checkAnswer(pair, 'text/event-stream');
        expect(JSON.stringify(eventsOf(pair.answered.through))).toBe(JSON.stringify(eventsOf(pair.answered.direct)));
      } else {
        expect(headerOf(pair.answered.through, 'content-type')).toBe('application/json');
        expect(pair.answered.through.body.toString()).toBe(stream.answer(pair.seen.direct?.idText ?? ''));
      }
    }), { numRuns: RUNS });
  }, LIMIT_MS);
});

describe('a notification', () => {
  it('of a session is the same with and without the gateway', async () => {
    const way = wayOf('a session');
    await fc.assert(fc.asyncProperty(messages(false, 'notification'), async (sent) => {
      const pair = await bothWays(way, sent, () => ({ pieces: [] }));
      checkRequest(way, pair);
      expect(pair.answered.through).toMatchObject({ startLine: 'HTTP/1.1 202 Accepted', body: Buffer.alloc(0) });
    }), { numRuns: RUNS });
  }, LIMIT_MS);
});

/**
 * The events' bytes. The gateway pushes its headers out by a comment when the first event takes long, takes a byte order mark off, and drops a line that is not finished
 * when the stream ends (a carriage return there may be half of a line end).
 */
function eventsOf({ body }: RawMessage): string {
  return body.toString().replace(/^\ufeff/, '').replace(/^:\n\n/, '').replace(/(?<=\n)\r$/, '');
}

interface Stream {
  /** The bytes in pieces. */
  cut(idText: string): Buffer[];
  /** The answer in it, as a client puts it together. */
  answer(idText: string): string;
}

interface Lines {
  readonly lines: readonly string[];
  readonly end: string;
}

/** One message as the data lines of an event: cut where JSON allows a line end. */
function dataLines(text: string, gap: string): string[] {
  // One blank behind the colon is not the value's: what begins with one needs it.
  return text.split('\n').map((line) => (line === '' && gap === '' ? 'data' : `data:${line.startsWith(' ') ? ' ' : gap}${line}`));
}

const fields = fc.shuffledSubarray(['id: 17-a', 'id', 'event: message', 'retry: 1500', ': a comment', ':', 'x-unknown: field', 'event:message']);
const ends = fc.constantFrom('\n', '\r\n', '\r');
const event = (text: string): fc.Arbitrary<Lines> => fc.tuple(fields, fields, ends, fc.constantFrom(' ', '')).map(([before, behind, end, gap]) => ({ lines: [...before, ...dataLines(text, gap), ...behind], end }));
const silent: fc.Arbitrary<Lines> = fc.tuple(fields, ends).map(([lines, end]) => ({ lines, end }));
const told = fc.tuple(oddObject, oddValue).chain(([params, value]) => shuffled([{ key: 'jsonrpc', value: '"2.0"' }, { key: 'method', value: '"notifications\\/message"' }, { key: 'params', value: params }, { key: 'k', value }]));
/** A carriage return may not stand within data: it would end the line. */
const lineEndsOf = (text: string): string => text.replaceAll('\r\n', '\n');

const streams: fc.Arbitrary<Stream> = fc.tuple(
  fc.constantFrom('', '', '', '\ufeff'),
  fc.array(fc.oneof(silent, told.chain((text) => event(lineEndsOf(text)))), { maxLength: 3 }),
  resultTexts(ID).chain((text) => fc.tuple(fc.constant(lineEndsOf(text)), event(lineEndsOf(text)))),
  fc.array(silent, { maxLength: 1 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
).map(([mark, before, [answer, last], behind, cuts]) => ({
  answer: (idText) => answer.replace(ID, () => idText),
  cut(idText) {
    const text = [...before, last, ...behind].map(({ lines, end }) => `${lines.join(end)}${lines.length === 0 ? '' : end}${end}`).join('').replace(ID, () => idText);
    const bytes = Buffer.from(mark + text);
    const places = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length];
    return places.slice(1).map((to, n) => bytes.subarray(places[n], to));
  },
}));

describe('a stream', () => {
  const notification = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"\\u00e9é😀"}}';
  const textFor = (idText: string): string => `: c\r\n\r\nretry: 7\rid: a\rdata: ${notification}\r\rdata: {"jsonrpc":"2.0",\ndata:  "id":${idText},\ndata\ndata:"result":{"é":[1.0]}}\nevent: message\n\n`;

  it.each(['a session', 'no session, for an MCP client'])('over %s is the same wherever its bytes are cut', async (name) => {
    const way = wayOf(name);
    const sent: Sent = { method: 'tools/call', name: 'echo', body: '{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{"name":"echo","arguments":{}}}', extra: [] };
    const whole = textFor('"q"');
    for (let cut = 1; cut < Buffer.byteLength(whole); cut++) {
      server.script = ({ idText }) => {
        const bytes = Buffer.from(textFor(idText));
        return { pieces: sseBytes([bytes.subarray(0, cut), bytes.subarray(cut)]) };
      };
      const answer = await exchangeRaw(gateway.port, [requestBytes(way, sent, gateway.port)]);
      expect(eventsOf(answer), `cut at ${cut}`).toBe(whole);
    }
  }, LIMIT_MS);

  it('of a session\'s own is the same, behind the gateway\'s first comment', async () => {
    const own = `\ufeffid: 9\ndata: ${notification}\n\n: c\r\n\r\nretry: 7\rid: a\rdata: ${notification.slice(0, 16)}\rdata: ${notification.slice(16)}\r\r: the end\n\n`;
    server.stream = () => ({ pieces: sseBytes([Buffer.from(own)]), close: true });
    const lines = Object.entries({ host: 'localhost', 'x-spiffe-id': CALLER, ...session, 'last-event-id': 'ev-7' }).map(([name, value]) => `${name}: ${value}\r\n`);
    // The session with the tool server is there: it was used before.
    const { bytes } = await converse(gateway.port, [Buffer.from(`GET /mcp HTTP/1.1\r\n${lines.join('')}\r\n`)], (got) => got.includes(': the end\n\n'));
    const body = readMessages(Buffer.from(`${bytes.toString('latin1').trimEnd()}\n\n\r\n0\r\n\r\n`, 'latin1')).messages[0]?.body.toString() ?? bytes.toString();
    expect(body.replace(/^: open\n\n/, '')).toBe(own.replace('\ufeff', ''));
    expect(server.seen.at(-1)?.headers).toContainEqual(['last-event-id', 'ev-7']);
  });
});
