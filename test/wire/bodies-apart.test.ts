// The memory of large bodies is used again: what a tool server gets is its caller's own body, byte for byte, even where it answers before it has read it.
import { createHash } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, eventually, registration, toolText } from './calls.js';

const KIB = 1024;
const EARLY_BYTES = 6 * KIB * KIB; // more than the kernel holds for a server that does not read
const MODERN = { accept: 'application/json', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' } as const;
const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},';

/** Of one letter that no body of another call repeats so often. */
const bodyOf = (n: number, bytes: number): string => call('echo', { text: String.fromCharCode(0x41 + (n % 26)).repeat(bytes) }, n).replace('"params":{', `"params":{${META}`);
const RESULTS: Readonly<Record<string, string>> = {
  'tools/call': '{"content":[],"resultType":"complete"}',
  'server/discover': '{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"early","version":"1"},"resultType":"complete","ttlMs":1000,"cacheScope":"public"}',
  'tools/list': `{"tools":[${toolText('echo')}],"resultType":"complete","ttlMs":1000,"cacheScope":"public"}`,
};
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: [toolText('echo')], era: 'modern' });
  gateway = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)], config: { rate_limit: { per_minute: 60_000, burst: 5000 } } });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

describe('large bodies, one after the other and together', () => {
  it('arrive as they were sent', async () => {
    for (let round = 0; round < 6; round++) {
      const bodies = Array.from({ length: 12 }, (_, at) => bodyOf(round * 12 + at, (40 + 61 * ((round * 5 + at * 7) % 17)) * KIB));
      const before = server.seen.length;
      const answers = await Promise.all(bodies.map((body) => gateway.post(body, { ...MODERN, 'mcp-name': 'echo' })));
      expect(answers.map((answer) => answer.status)).toEqual(bodies.map(() => 200));
      const arrived = server.seen.slice(before).filter((seen) => seen.rpcMethod === 'tools/call').map((seen) => hash(seen.body));
      expect(arrived.sort()).toEqual(bodies.map(hash).sort());
    }
  });
});

describe('large bodies for a server that answers before it reads', () => {
  let early: Server;
  let eager: GatewayProcess;
  const sockets = new Set<Socket>();
  const unread: Socket[] = [];
  /** What came of the body of each call. */
  const got: string[] = [];

  beforeAll(async () => {
    early = createServer((socket) => {
      sockets.add(socket);
      let text = '';
      /** Of the body that is being read: how much is to come, and where it goes. */
      let left = 0;
      let at = -1;
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        while (left > 0 ? text !== '' : answers()) {
          const part = text.slice(0, left);
          if (at >= 0) got[at] += part;
          left -= part.length;
          text = text.slice(part.length);
        }
      });

      /** Answers as soon as it knows what is asked; false = it does not yet. */
      function answers(): boolean {
        const end = text.indexOf('\r\n\r\n');
        const [, id, method = ''] = /"id":(\d+),"method":"([^"]+)"/.exec(text.slice(end)) ?? [];
        if (end < 0 || id === undefined) return false;
        left = Number(/content-length: *(\d+)/i.exec(text)?.[1]);
        text = text.slice(end + 4);
        at = method === 'tools/call' ? got.push('') - 1 : -1;
        if (at >= 0) {
          socket.pause(); // so most of the body is still in the gateway
          unread.push(socket);
        }
        const answer = `{"jsonrpc":"2.0","id":${id},"result":${RESULTS[method] ?? RESULTS['tools/list']}}`;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`);
        return true;
      }
    });
    await new Promise<void>((resolve) => early.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(early.address() as AddressInfo).port}/mcp`;
    eager = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', url)], config: { rate_limit: { per_minute: 60_000, burst: 5000 }, breaker: { failures_to_open: 1000 } } });
  });

  afterAll(async () => {
    await eager.stop();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => early.close(resolve));
  });

  it('never hold a byte of another', async () => {
    for (let round = 0; round < 3; round++) {
      const bodies = Array.from({ length: 6 }, (_, at) => bodyOf(round * 6 + at, EARLY_BYTES));
      const answers = await Promise.all(bodies.map((body) => eager.post(body, { ...MODERN, 'mcp-name': 'echo' })));
      expect(answers.map((answer) => answer.status)).toEqual(bodies.map(() => 200));
      // The rest of the round before is read when other bodies have had the memory.
      for (const socket of unread.splice(0, unread.length - bodies.length)) socket.resume();
    }
    for (const socket of unread) socket.resume();
    await eventually(() => [...sockets].every((socket) => socket.closed || !unread.includes(socket)));
    expect(got).toHaveLength(18);
    for (const part of got) {
      const n = Number(/"id":(\d+)/.exec(part)?.[1]);
      expect(bodyOf(n, EARLY_BYTES).startsWith(part), `call ${n}, ${part.length} bytes`).toBe(true);
    }
    // Else the server has read everything before it answered, and nothing was shown.
    expect(got.every((part) => part.length < EARLY_BYTES)).toBe(true);
  });
});
