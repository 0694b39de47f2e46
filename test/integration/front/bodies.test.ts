// Over the wire: limits of bodies at the byte, chunks, time-outs, hang-ups, and the memory all bodies may hold together.
import { afterEach, describe, expect, it } from 'vitest';
import type { Inbound, Reply } from '../../../src/front/types.js';
import { until } from '../../support/until.js';
import { exchange, HOST, open, post, startRig, statusOf, type Rig, type RigConfig } from './wire.js';

let rig: Rig;
afterEach(() => rig.front.drain(0));
const start = async (config: RigConfig = {}) => {
  rig = await startRig(config);
};

const MAX = 4096;
const chunked = (...chunks: readonly string[]) => `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;

describe('size', () => {
  it('takes a body of exactly the limit and refuses one byte more, announced', async () => {
    await start({ front: { body_bytes_max: MAX } });
    expect(statusOf(await exchange(rig.port, post('x'.repeat(MAX))))).toBe(200);
    expect(statusOf(await exchange(rig.port, post('x'.repeat(MAX + 1))))).toBe(413);
    expect(rig.seen.map(({ inbound }) => [inbound.bodyTooLarge, inbound.bodyBytes])).toEqual([[false, MAX], [true, MAX + 1]]);
    expect(rig.seen[0]?.body).toHaveLength(MAX);
    expect(rig.seen[1]?.body).toHaveLength(0);
  });
  it('refuses an announced body before a byte of it came, and ends the connection', async () => {
    await start({ front: { body_bytes_max: MAX } });
    const answer = await open(rig.port, `POST / HTTP/1.1\r\n${HOST}Content-Length: 20971520\r\n\r\n`).closed;
    expect(statusOf(answer)).toBe(413);
  });
  it('takes chunks up to exactly the limit and refuses at the byte that passes it', async () => {
    await start({ front: { body_bytes_max: MAX } });
    expect(statusOf(await exchange(rig.port, chunked('x'.repeat(MAX - 1), 'y')))).toBe(200);
    const answer = await open(rig.port, chunked('x'.repeat(MAX - 1), 'y', 'z', 'more')).closed;
    expect(statusOf(answer)).toBe(413);
    expect(rig.seen.map(({ inbound }) => [inbound.bodyTooLarge, inbound.bodyBytes])).toEqual([[false, MAX], [true, MAX + 1]]);
    expect(rig.seen[0]?.body.toString()).toBe(`${'x'.repeat(MAX - 1)}y`);
  });
  it('lets an ordinary client read the refusal of a 20 MiB body', async () => {
    await start();
    const answer = await fetch(`http://127.0.0.1:${rig.port}/`, { method: 'POST', body: Buffer.alloc(20 * 1024 * 1024, 'a') }).then((response) => response.status, (error: unknown) => String(error));
    expect(answer).toBe(413);
  });
  it('puts a body of many pieces together byte for byte', async () => {
    await start();
    const body = Buffer.alloc(3_000_000, 0).map((_, at) => at * 7 % 251);
    const connection = open(rig.port, post(Buffer.from(body)));
    await connection.until('"bytes":3000000');
    connection.socket.destroy();
    expect(rig.seen[0]?.body.equals(body)).toBe(true);
  });
});

describe('a refused body that still comes', () => {
  const CHUNK = Buffer.alloc(1024 * 1024, 'a');
  const BODY = Buffer.concat(Array.from({ length: 8 }, () => CHUNK));
  const head = (...lines: readonly string[]) => Buffer.from(`POST / HTTP/1.1\r\n${HOST}${lines.join('\r\n')}\r\n\r\n`);
  const announced = (...lines: readonly string[]) => Buffer.concat([head(`Content-Length: ${BODY.byteLength}`, ...lines), BODY]);
  const inChunks = Buffer.concat([head('Transfer-Encoding: chunked'), ...Array.from({ length: 8 }, () => Buffer.concat([Buffer.from(`${CHUNK.byteLength.toString(16)}\r\n`), CHUNK, Buffer.from('\r\n')])), Buffer.from('0\r\n\r\n')]);

  /** A client that reads nothing before all is sent. */
  async function sendFirst(bytes: Buffer): Promise<string> {
    const connection = open(rig.port);
    connection.socket.pause();
    await new Promise<void>((resolve) => connection.socket.write(bytes, () => resolve()));
    connection.socket.resume();
    return await connection.closed;
  }

  it.each([['announced', announced()], ['announced, of a client that closes', announced('Connection: close')], ['in chunks', inChunks]])('(%s) is dropped, so that its sender sees the answer', async (_, bytes) => {
    await start({ front: { body_bytes_max: MAX } });
    const answer = await sendFirst(bytes);
    expect(statusOf(answer)).toBe(413);
    const [fields = '', body = ''] = answer.split('\r\n\r\n');
    expect(fields.toLowerCase()).toContain('connection: close');
    expect(Number(/content-length: (\d+)/i.exec(fields)?.[1])).toBe(body.length);
    expect(JSON.parse(body)).toMatchObject({ method: 'POST' });
    expect(rig.seen).toHaveLength(1);
  });
  it('is dropped for want of room, too, and of one who may not call', async () => {
    const answer = JSON.stringify({ message: 'zu groß – ✓ 𝄞' });
    const origin = 'https://app.example';
    await start({ front: { body_bytes_max: BODY.byteLength, inflight_body_bytes_max: MAX, requests_per_ip_max: 1, allowed_origins: [origin] }, answer: () => undefined, refuse: (reply, code) => reply.send(code === 'origin_rejected' ? 403 : 503, [], answer) });
    const ofStranger = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('latin1').replace('localhost', 'evil'), 'latin1');
    const check = (text: string, status: number): void => {
      const [fields = '', body = ''] = text.split('\r\n\r\n');
      expect([statusOf(text), Number(/content-length: (\d+)/i.exec(fields)?.[1]), JSON.parse(Buffer.from(body, 'latin1').toString())]).toEqual([status, body.length, JSON.parse(answer)]);
    };
    check(await sendFirst(announced()), 503);
    check(await sendFirst(ofStranger(announced())), 403);
    check(await sendFirst(ofStranger(inChunks)), 403);
    const held = open(rig.port, post('{}'));
    await until(() => rig.seen.some(({ refused }) => refused === ''));
    const crowded = await sendFirst(announced(`Origin: ${origin}`));
    check(crowded, 503);
    expect(crowded).toContain(`access-control-allow-origin: ${origin}`);
    expect(rig.seen.map(({ refused }) => refused.replace('gateway_overloaded ', ''))).toEqual(['inflight_body_bytes', 'origin_rejected host_not_allowed', 'origin_rejected host_not_allowed', '', 'requests_per_ip']);
    held.socket.destroy();
  });
  it('hides no request behind it', async () => {
    await start({ front: { body_bytes_max: MAX } });
    const answer = await sendFirst(Buffer.concat([announced(), Buffer.from(post('{}'))]));
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(rig.seen).toHaveLength(1);
  });
  it('holds no room meanwhile, and may end before the answer is given', async () => {
    const waiting: Reply[] = [];
    await start({ front: { body_bytes_max: MAX, inflight_body_bytes_max: MAX, body_bytes_per_ip_max: MAX }, answer: (_, reply) => { waiting.push(reply); } });
    const refused = open(rig.port, announced());
    await until(() => waiting.length === 1);
    const served = open(rig.port, post('x'.repeat(MAX)));
    await until(() => waiting.length === 2);
    await until(() => refused.socket.writableLength === 0);
    waiting[0]?.send(413, [], 'late');
    expect(statusOf(await refused.closed)).toBe(413);
    expect(refused.text()).toContain('late');
    waiting[1]?.send(200, [], '');
    await served.until('200 OK');
    served.socket.destroy();
  });
  it('is not read for ever', async () => {
    await start({ front: { body_bytes_max: MAX } });
    const connection = open(rig.port, head('Content-Length: 999999999999'));
    let sent = 0;
    const more = (): void => {
      sent += CHUNK.byteLength;
      if (!connection.socket.destroyed) connection.socket.write(CHUNK, more);
    };
    more();
    expect(statusOf(await connection.closed)).toBe(413);
    expect(sent).toBeGreaterThan(64 * 1024 * 1024);
  });
});

describe('ownership', () => {
  it('gives a view that is gone after the handler, unless it is retained', async () => {
    const kept: Inbound[] = [];
    await start({ answer: (inbound, reply) => {
      if (kept.push(inbound) === 2) inbound.retain();
      reply.send(200, [], 'k');
    } });
    await exchange(rig.port, post('{"a":1}'));
    await exchange(rig.port, post('{"a":2}'));
    expect(kept[0]?.body).toHaveLength(0);
    expect(Buffer.from(kept[1]?.body ?? []).toString()).toBe('{"a":2}');
  });
});

describe('time and hang-ups', () => {
  it('refuses a body that does not come in time', async () => {
    await start({ front: { body_timeout_s: 1 } });
    const connection = open(rig.port, `POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nab`);
    expect(statusOf(await connection.closed)).toBe(503);
    expect(rig.seen.map(({ refused, inbound }) => [refused, inbound.bodyBytes])).toEqual([['gateway_overloaded body_timeout', 2]]);
  });
  it('reports a client that hangs up within its body, once', async () => {
    await start();
    const connection = open(rig.port, `POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nab`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    connection.socket.destroy();
    await until(() => rig.seen.length > 0);
    expect(rig.seen).toMatchObject([{ aborted: true, refused: '', inbound: { bodyBytes: 2 } }]);
    expect(rig.seen[0]?.body).toHaveLength(0);
  });
  it('tells the gateway that the client hung up during the call, and ignores what is said to it afterwards', async () => {
    let hungUp = 0;
    const replies: Reply[] = [];
    await start({ answer: (_, reply) => {
      replies.push(reply);
      reply.onAbort(() => { hungUp += 1; });
    } });
    const connection = open(rig.port, post('{}'));
    await until(() => replies.length === 1);
    connection.socket.destroy();
    await until(() => hungUp === 1);
    const [reply] = replies;
    reply?.send(200, [], 'late');
    reply?.begin(200, []);
    reply?.end();
    reply?.destroy();
    reply?.onAbort(() => { hungUp += 10; });
    expect([reply?.aborted, reply?.write('x'), hungUp, rig.seen.length]).toEqual([true, true, 11, 1]);
  });
  it('answers 500 and goes on when the gateway throws', async () => {
    await start({ answer: () => { throw new Error('boom'); } });
    expect(statusOf(await exchange(rig.port, post('{}')))).toBe(500);
    expect(statusOf(await exchange(rig.port, post('{}')))).toBe(500);
    expect(rig.faults).toHaveLength(2);
  });
});

describe('overload', () => {
  it('bounds the bytes that all bodies hold, and gives them back', async () => {
    const waiting: Reply[] = [];
    await start({ front: { inflight_body_bytes_max: 10_000, body_bytes_max: 8000 }, answer: (_, reply) => { waiting.push(reply); } });
    const first = open(rig.port, post('x'.repeat(6000)));
    await until(() => waiting.length === 1);
    const second = await open(rig.port, post('x'.repeat(6000))).closed;
    expect(statusOf(second)).toBe(503);
    expect(rig.seen.at(-1)?.refused).toBe('gateway_overloaded inflight_body_bytes');
    expect(statusOf(await exchange(rig.port, `GET /health HTTP/1.1\r\n${HOST}\r\n`))).toBe(200);
    waiting[0]?.send(200, [], '');
    await first.until('200 OK');
    const third = open(rig.port, post('x'.repeat(6000)));
    await until(() => waiting.length === 2);
    third.socket.destroy();
    await until(() => waiting[1]?.aborted === true);
    const fourth = open(rig.port, post('x'.repeat(6000)));
    await until(() => waiting.length === 3);
    fourth.socket.destroy();
    first.socket.destroy();
  });
  it('refuses requests above what memory allows, but not probes', async () => {
    const waiting: Reply[] = [];
    await start({ front: { inflight_body_bytes_max: 1024, body_bytes_max: 1024 }, answer: (_, reply) => { waiting.push(reply); } });
    const open16 = Array.from({ length: 16 }, () => open(rig.port, post('{}')));
    await until(() => waiting.length === 16);
    expect(statusOf(await exchange(rig.port, post('{}')))).toBe(503);
    expect(rig.seen.at(-1)?.refused).toBe('gateway_overloaded requests_in_flight');
    expect(statusOf(await exchange(rig.port, `GET /health HTTP/1.1\r\n${HOST}\r\n`))).toBe(200);
    for (const { socket } of open16) socket.destroy();
  });
});
