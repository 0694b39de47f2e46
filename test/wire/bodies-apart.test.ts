// The memory of large bodies is used again: what a tool server gets is its caller's own body, byte for byte, even where it answers before it has read it.
import { createHash } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, registration, toolText } from './calls.js';

const KIB = 1024;
const EARLY_BYTES = 4 * KIB * KIB; // more than the kernel holds for a server that does not read
const MODERN = { accept: 'application/json', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' } as const;
const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},';

/** Of one letter that no body of another call repeats so often. */
const bodyOf = (n: number, bytes: number): string => call('echo', { text: String.fromCharCode(0x41 + (n % 26)).repeat(bytes) }, n).replace('"params":{', `"params":{${META}`);
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
  /** What came on each connection after the head of a call. */
  const got: string[] = [];

  beforeAll(async () => {
    early = createServer((socket) => {
      sockets.add(socket);
      let text = '';
      let at = -1;
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (at >= 0) {
          got[at] += chunk.toString('latin1');
          return;
        }
        const end = text.indexOf('\r\n\r\n');
        const id = /"id":(\d+)/.exec(text.slice(end))?.[1];
        if (end < 0 || id === undefined) return;
        const isCall = text.includes('"method":"tools/call"');
        const result = isCall ? '{"content":[],"resultType":"complete"}' : text.includes('server/discover')
          ? '{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"early","version":"1"},"resultType":"complete","ttlMs":1000,"cacheScope":"public"}'
          : `{"tools":[${toolText('echo')}],"resultType":"complete","ttlMs":1000,"cacheScope":"public"}`;
        const answer = `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
        if (isCall) {
          at = got.push(text.slice(end + 4)) - 1;
          socket.pause();
          setTimeout(() => socket.resume(), 20); // more of the body is still in the gateway, and other bodies come meanwhile
        }
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`);
        if (!isCall) text = '';
      });
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
    }
    expect(got).toHaveLength(18);
    for (const part of got) {
      const n = Number(/"id":(\d+)/.exec(part)?.[1]);
      expect(bodyOf(n, EARLY_BYTES).startsWith(part), `call ${n}, ${part.length} bytes`).toBe(true);
    }
    // Else the server has read everything before it answered, and nothing was shown.
    expect(got.some((part) => part.length < EARLY_BYTES)).toBe(true);
  });
});
