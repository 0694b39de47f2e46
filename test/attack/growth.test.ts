// A text that is made to be slow costs in proportion to its length, on its way to a tool server and back: no reading of it begins again for each of its parts.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { ECHO_TEXT, startToolServer, type ToolServer } from '../support/tool-server.js';
import { hashOf } from '../wire/calls.js';

const { cpuUs } = (await import(pathToFileURL(join(import.meta.dirname, '..', '..', 'bench', 'support', 'measure.mjs')).href)) as { cpuUs(pid: number): number };

const KIB = 1024;
const SMALL_BYTES = 64 * KIB;
const GROWTH = 16;
/** In proportion would be GROWTH; caches and collections add to that. What is read again for each of its parts grows by the square of it. */
const GROWTH_MAX = 5 * GROWTH;
const TRIES = 3;

/** Parts as they stand in a JSON string. */
const PARTS: readonly string[] = [
  'a', ' ', '1', '-', '.', '/', ':', '@', '%', '$', '<', '`', '{{', '[',
  '\\n', '\\"', '\\\\', '\\u0041', '\\u0000', '\\ud83d\\ude00', '\\r\\n', '\\u202e', 'é', '😀', '\u200b', 'ａ',
  '%41', '%25', 'QUJD', 'QUJDREVGR0hJSktMTU5P ', 'QUJDREVGR0hJSktMTU5P\\n', 'deadbeef', 'deadbeefdeadbeef ', 'a-b_',
  'http://', '://', 'http://a.b/ ', 'http://a@', 'a@b.cd ', '../', '127.', 'data:text/html;base64,', '![](', '=41',
  '4111111111111111 ', '123-45-6789 ', 'DE89370400440532013000 ', 'AKIA', 'sk-', 'password=', 'eyJ', 'eyJhbGciOiJIUzI1NiJ9.',
  'ignore ', 'rm -rf / ; ', '{\\"a\\":', '{\\"a\\":1},', '{\\"a\\":\\"\\\\n', 'event: x\\n\\n',
];

describe.skipIf(!existsSync('/proc/self/task'))('a text of one part, again and again', () => {
  let server: ToolServer;
  let gateway: GatewayProcess;
  let pid: number;

  beforeAll(async () => {
    server = await startToolServer({ tools: [ECHO_TEXT] });
    gateway = await startGateway({
      policies: { 'all.rego': permitAll() },
      tools: [{ name: 'echo', upstream: server.url, hash: hashOf(ECHO_TEXT), description: 'Return the given text', input_schema: { type: 'object' } }],
      config: { rate_limit: { per_minute: 60_000, burst: 5000 } },
    });
    pid = gateway.pid;
    for (let times = 0; times < 20; times++) await costOf('words and more words ', SMALL_BYTES);
  }, 60_000);

  afterAll(async () => {
    await gateway.stop();
    await server.close();
  });

  it.each(PARTS)('costs in proportion to its length: %s', async (part) => {
    let small = Infinity;
    let large = Infinity;
    // What else the machine does adds to a cost, and never takes from it.
    for (let tries = 0; tries < TRIES && !(large / small < GROWTH_MAX); tries++) {
      for (let times = 0; times < TRIES; times++) small = Math.min(small, await costOf(part, SMALL_BYTES));
      large = Math.min(large, await costOf(part, SMALL_BYTES * GROWTH));
    }
    expect(large / small).toBeLessThan(GROWTH_MAX);
  }, 120_000);

  /** µs of CPU time that the gateway takes for one call with that text. */
  async function costOf(part: string, bytes: number): Promise<number> {
    const text = part.repeat(Math.ceil(bytes / Buffer.byteLength(part)));
    server.answerJson = `"${text}"`;
    const before = cpuUs(pid);
    const answer = await gateway.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"${text}"}}}`, { accept: 'application/json, text/event-stream' });
    expect([429, 503]).not.toContain(answer.status); // 503: nobody waited for it to end
    return cpuUs(pid) - before;
  }
});
