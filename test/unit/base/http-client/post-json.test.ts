// A side call over HTTP, and its time.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpClient } from '../../../../src/base/http-client/post-json.js';

let server: Server;
let url = '';
const http = createHttpClient({ connectionsMax: 1 });

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => { if (request.url !== '/hangs') response.end('{"ok":true}'); });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await http.close();
  server.close();
  server.closeAllConnections();
});

describe('a side call', () => {
  it.each([30_000, 29_999.5, 1_234.000_001])('has %d ms, whole or not', async (timeoutMs) => {
    expect(await http.postJson(`${url}/`, {}, { timeoutMs, answerBytesMax: 100 })).toEqual({ status: 200, body: { ok: true } });
  });

  it('ends when they are over, however little is left', async () => {
    await expect(http.postJson(`${url}/hangs`, {}, { timeoutMs: 0.2, answerBytesMax: 100 })).rejects.toMatchObject({ kind: 'timeout' });
  });
});
