// Over the wire: what lies behind a request whose answer ends the connection is never taken for a request, also where the answer is given at once.
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../support/until.js';
import { connect } from './http-sse-rig.js';
import { HOST, open, post, startRig, statusOf, type Rig, type RigConfig } from './wire.js';

const MAX = 4096;
const BEHIND = post('behind', HOST, '/mcp');
const BEFORE_IDLE_MS = 8_000; // uWebSockets.js ends an idle connection two seconds later

let rig: Rig;
afterEach(() => rig.front.drain(0));

function inChunks(body: string, path = '/', headers = HOST): Buffer {
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${headers}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
}

/** What was answered until the connection ended, which it must. */
async function answered(sent: Buffer): Promise<number[]> {
  const text = await open(rig.port, sent).closed;
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
}

describe('behind a request that is answered at once', () => {
  const front = { body_bytes_max: MAX, inflight_body_bytes_max: MAX, body_bytes_per_ip_max: MAX };
  interface Case {
    readonly name: string;
    readonly first: Buffer;
    readonly status: number;
    readonly config?: RigConfig;
  }
  it.each<Case>([
    { name: 'a body in chunks', first: inChunks('{}'), status: 200 },
    { name: 'a body in chunks that is too large', first: inChunks('x'.repeat(MAX + 1)), status: 413 },
    { name: 'a body that is too large', first: post('x'.repeat(MAX + 1)), status: 413 },
    { name: 'a foreign Host', first: post('{}', 'Host: evil.example\r\n'), status: 403 },
    { name: 'a foreign Host, with a body in chunks', first: inChunks('{}', '/', 'Host: evil.example\r\n'), status: 403 },
    { name: 'a fault', first: inChunks('{}'), status: 500, config: { answer: () => { throw new Error('boom'); } } },
  ])('($name) nothing is served', async ({ first, status, config = {} }) => {
    rig = await startRig({ front, ...config });
    expect(await answered(first)).toEqual([status]);
    expect((await answered(Buffer.concat([first, BEHIND]))).length).toBeLessThanOrEqual(1);
    expect(rig.seen.filter(({ inbound }) => inbound.path === '/mcp')).toEqual([]);
  }, BEFORE_IDLE_MS);
  it('(a body that there is no room for) nothing is served', async () => {
    rig = await startRig({ front, answer: (inbound, reply) => { if (inbound.path === '/mcp') reply.send(200, [], ''); } });
    const holder = open(rig.port, post('x'.repeat(MAX)));
    await until(() => rig.seen.length > 0);
    expect(await answered(post('{}'))).toEqual([503]);
    await answered(Buffer.concat([post('{}'), BEHIND]));
    expect(rig.seen.filter(({ inbound }) => inbound.path === '/mcp')).toEqual([]);
    holder.socket.destroy();
  }, BEFORE_IDLE_MS);
  it('(a message of HTTP+SSE in chunks) nothing is served', async () => {
    rig = await startRig({ httpSse: { enabled: true } });
    const { endpoint } = await connect(rig);
    const message = '{"jsonrpc":"2.0","method":"notifications/x"}';
    expect(await answered(inChunks(message, endpoint))).toEqual([202]);
    await answered(Buffer.concat([inChunks(message, endpoint), BEHIND]));
    expect(rig.seen.filter(({ inbound }) => inbound.path === '/mcp')).toEqual([]);
  }, BEFORE_IDLE_MS);
  it('the connection goes on where the answer does not end it', async () => {
    rig = await startRig();
    const { socket, until: told } = open(rig.port, Buffer.concat([post('{}'), BEHIND]));
    expect((await told(/200 OK[^]*200 OK/)).match(/200 OK/g)).toHaveLength(2);
    expect(rig.seen.map(({ inbound }) => inbound.path)).toEqual(['/', '/mcp']);
    socket.destroy();
  });
});

describe('an answer that ends the connection', () => {
  it('is whole although the thread begins to end with it', async () => {
    rig = await startRig({ answer: (_, reply) => {
      reply.send(200, [], 'whole');
      rig.front.close();
    } });
    const answer = await open(rig.port, inChunks('{}')).closed;
    expect([statusOf(answer), answer.endsWith('whole')]).toEqual([200, true]);
  });
});
