// Over the wire: answers and streams: framing, header safety, back-pressure with bounded memory, cuts, pipelining, closing.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { PUSH_MS, TAKES_NOTHING_MS_MAX } from '../../../src/front/slow-client.js';
import type { Reply } from '../../../src/front/types.js';
import { until } from '../../support/until.js';
import { exchange, HOST, open, post, startRig, statusOf, type Rig, type RigConfig } from './wire.js';

/** uWebSockets.js cuts a connection 8 to 12 s after the last write that was not taken whole. */
const LIBRARY_WAITS_MS = 13_000;
let rig: Rig;
afterEach(() => {
  vi.useRealTimers();
  return rig.front.drain(0);
});
const start = async (config: RigConfig = {}) => {
  rig = await startRig(config);
};
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;

describe('answers', () => {
  it('lets no value add a header, and no name break the head', async () => {
    await start({ answer: (_, reply) => reply.send(200, [['x-a', 'b\r\nx-evil: 1\r\n\r\nbody'], ['x-b\r\nx-evil', '1'], ['content-length', '99'], ['Transfer-Encoding', 'chunked'], ['x-c', 'ok']], 'k') });
    const answer = await exchange(rig.port, GET);
    const [head = ''] = answer.split('\r\n\r\n');
    expect(head.split('\r\n').filter((line) => /^(x-evil|transfer-encoding)/i.test(line))).toEqual([]);
    expect(head.match(/content-length/gi)).toHaveLength(1);
    expect(head).toContain('x-c: ok');
  });
  it('sends bytes as they are, from the middle of a buffer too', async () => {
    const bytes = Buffer.from([0, 255, 1, 254, 13, 10, 0]);
    await start({ answer: (_, reply) => reply.send(200, [], bytes.subarray(1, 6)) });
    const answer = await exchange(rig.port, GET);
    expect(Buffer.from(answer.split('\r\n\r\n')[1] ?? '', 'latin1')).toEqual(bytes.subarray(1, 6));
  });
  it('answers 202 with no body and 204 with no length', async () => {
    let status = 202;
    await start({ answer: (_, reply) => reply.send(status, [], '') });
    expect(await exchange(rig.port, GET)).toMatch(/202 Accepted[\s\S]*Content-Length: 0\r\n\r\n$/);
    status = 204;
    expect(await exchange(rig.port, GET)).not.toMatch(/content-length/i);
  });
  it('ends the connection when asked to', async () => {
    await start({ answer: (_, reply) => reply.send(200, [], 'bye', true) });
    expect(await open(rig.port, GET).closed).toContain('bye');
  });
  it('serves many requests on one connection, one after the other', async () => {
    await start();
    const connection = open(rig.port);
    for (let n = 1; n <= 20; n += 1) {
      connection.socket.write(post('x'.repeat(n)));
      await connection.until(`"bytes":${n},`);
    }
    connection.socket.destroy();
    expect(rig.seen).toHaveLength(20);
  });
  it('answers pipelined requests in order, or ends the connection, but never mixes them up', async () => {
    await start();
    const sync = open(rig.port, Buffer.concat([post('1'), post('22'), post('333')]));
    const answer = await sync.until('"bytes":3,');
    expect(answer.match(/"bytes":\d/g)).toEqual(['"bytes":1', '"bytes":2', '"bytes":3']);
    sync.socket.destroy();
    await rig.front.drain(0);
    await start({ answer: (inbound, reply) => {
      const { bodyBytes } = inbound;
      setTimeout(() => reply.send(200, [], `<${bodyBytes}>`), 30);
    } });
    const later = await open(rig.port, Buffer.concat([post('1'), post('22')])).closed;
    expect(['', '<1>']).toContain(later.split('\r\n\r\n')[1] ?? '');
  });
});

describe('streams', () => {
  it('sends events as they are written', async () => {
    let stream: Reply | undefined;
    await start({ answer: (_, reply) => {
      stream = reply;
      reply.begin(200, [['content-type', 'text/event-stream']]);
      reply.write('data: 1\n\n');
    } });
    const connection = open(rig.port, GET);
    await connection.until('data: 1');
    stream?.write(Buffer.from('data: 2\n\n'));
    stream?.write('');
    await connection.until('data: 2');
    stream?.end();
    expect(await connection.until('0\r\n\r\n')).toContain('Transfer-Encoding: chunked');
    connection.socket.destroy();
  });
  it('pushes out the headers of a stream that has nothing to say yet', async () => {
    await start({ answer: (_, reply) => reply.begin(200, [['content-type', 'text/event-stream']]) });
    const connection = open(rig.port, GET);
    expect(await connection.until('\r\n\r\n')).toContain('text/event-stream');
    connection.socket.destroy();
  });
  it('shows by a cut that an answer is not whole', async () => {
    await start({ answer: (_, reply) => {
      reply.begin(200, []);
      reply.write('half');
      reply.onAbort(() => { throw new Error('our own cut is no hang-up'); });
      setTimeout(() => reply.destroy(), 20);
    } });
    const answer = await open(rig.port, GET).closed;
    expect(answer).toContain('half');
    expect(answer.endsWith('0\r\n\r\n')).toBe(false);
  });
  it('brings a slow reader the whole of an event after which nothing comes', async () => {
    const event = `data: ${'x'.repeat(16 * 1024 * 1024)}\n\n`;
    let drained = 0;
    await start({ answer: (_, reply) => {
      reply.begin(200, [['content-type', 'text/event-stream']]);
      expect(reply.write(event)).toBe(false);
      reply.onDrain(() => { drained += 1; });
    } });
    const connection = open(rig.port);
    connection.socket.removeAllListeners('data');
    connection.socket.pause();
    connection.socket.write(GET);
    let bytes = 0;
    connection.socket.on('data', (data: Buffer) => { bytes += data.byteLength; });
    connection.socket.pause();
    await until(() => rig.seen.length === 1);
    connection.socket.resume();
    await until(() => bytes > event.length);
    expect(drained).toBeGreaterThan(0);
    connection.socket.destroy();
  });
  it('keeps all of it for a reader that stands still for longer than the library waits', async () => {
    const size = 16 * 1024 * 1024;
    const events: ((reply: Reply) => void)[] = [];
    const begin = (then: (reply: Reply) => void) => (reply: Reply): void => {
      reply.begin(200, [['content-type', 'text/event-stream']]);
      then(reply);
    };
    const ways: Readonly<Record<string, (reply: Reply) => void>> = {
      '/': (reply) => reply.send(200, [], Buffer.alloc(size, 'x')),
      '/mcp': begin((reply) => {
        reply.write(`data: ${'x'.repeat(size)}\n\n`);
        reply.end();
      }),
      '/as/my-agent/dev': begin((reply) => {
        reply.write(`data: ${'x'.repeat(size)}\n\n`);
        events.push(() => reply.end());
        reply.onDrain(() => {
          for (const end of events.splice(0)) end(reply);
        });
      }),
    };
    await start({ answer: (inbound, reply) => ways[inbound.evidence.declaredAgent === '' ? inbound.path : '/as/my-agent/dev']?.(reply) });
    const readers = Object.keys(ways).map((path) => {
      const { socket } = open(rig.port);
      const reader = { path, socket, bytes: 0, tail: '', closed: false };
      socket.removeAllListeners('data');
      socket.on('data', (data: Buffer) => {
        reader.bytes += data.byteLength;
        reader.tail = (reader.tail + data.toString('latin1', Math.max(0, data.byteLength - 8))).slice(-8);
      });
      socket.on('close', () => { reader.closed = true; });
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
      return reader;
    });
    await until(() => rig.seen.length === readers.length);
    await new Promise((resolve) => setTimeout(resolve, LIBRARY_WAITS_MS));
    for (const { socket } of readers) socket.resume();
    await until(() => readers.every(({ bytes }) => bytes > size));
    expect(readers.map(({ closed }) => closed)).toEqual([false, false, false]);
    await until(() => readers.every(({ path, tail }) => path === '/' || tail.endsWith('0\r\n\r\n')));
    for (const { socket } of readers) socket.destroy();
  });
  it('cuts a reader that takes nothing of a large answer or a stream for too long, and not before', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const text = 'x'.repeat(16 * 1024 * 1024);
    await start({ answer: (inbound, reply) => {
      if (inbound.path === '/') return reply.send(200, [], text);
      reply.begin(200, [['content-type', 'text/event-stream']]);
      reply.write(`data: ${text}\n\n`);
    } });
    const readers = ['/', '/mcp'].map((path) => {
      const { socket } = open(rig.port);
      socket.removeAllListeners('data');
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
      return { socket, closed: new Promise((resolve) => socket.on('close', resolve)) };
    });
    await until(() => rig.seen.length === readers.length);
    vi.advanceTimersByTime(TAKES_NOTHING_MS_MAX - PUSH_MS);
    expect(rig.front.report().connections).toBe(2);
    vi.advanceTimersByTime(PUSH_MS);
    expect(rig.front.report().connections).toBe(0);
    for (const { socket } of readers) socket.resume();
    await Promise.all(readers.map(({ closed }) => closed));
  });
  it('holds a 100 MB stream to a slow reader in bounded memory', async () => {
    const chunk = Buffer.alloc(256 * 1024, 'z');
    const total = 400;
    let written = 0;
    let stops = 0;
    await start({ answer: (_, reply) => {
      const pump = () => {
        while (written < total) {
          written += 1;
          if (!reply.write(chunk)) {
            stops += 1;
            return;
          }
        }
        reply.end();
      };
      reply.begin(200, [['content-type', 'application/octet-stream']]);
      reply.onDrain(pump);
      pump();
    } });
    const connection = open(rig.port);
    connection.socket.removeAllListeners('data');
    connection.socket.pause();
    const before = process.memoryUsage().rss;
    connection.socket.write(GET);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(written).toBeLessThan(100);
    let bytes = 0;
    let tail = '';
    let peak = 0;
    connection.socket.on('data', (data: Buffer) => {
      bytes += data.byteLength;
      tail = (tail + data.toString('latin1', Math.max(0, data.byteLength - 8))).slice(-8);
      peak = Math.max(peak, process.memoryUsage().rss);
    });
    connection.socket.resume();
    await until(() => tail.endsWith('0\r\n\r\n'));
    expect(bytes).toBeGreaterThan(total * chunk.byteLength);
    expect(stops).toBeGreaterThan(1);
    expect(peak - before).toBeLessThan(80 * 1024 * 1024);
    connection.socket.destroy();
  });
});

describe('closing', () => {
  it('stops accepting, lets a call in flight finish, and then is gone', async () => {
    let waiting: Reply | undefined;
    await start({ answer: (_, reply) => { waiting = reply; } });
    const connection = open(rig.port, GET);
    await until(() => waiting !== undefined);
    const drained = rig.front.drain(5000);
    expect(await open(rig.port, GET).closed).toBe('');
    waiting?.send(200, [], 'finished');
    expect(await connection.closed).toContain('finished');
    await drained;
  });
  it('lets a client that reads slowly have the rest of an answer that was given', async () => {
    const body = Buffer.alloc(16 * 1024 * 1024, 'x');
    await start({ answer: (_, reply) => reply.send(200, [], body) });
    const connection = open(rig.port, GET);
    await until(() => rig.seen.length === 1);
    connection.socket.pause();
    const drained = rig.front.drain(5000);
    await sleep(200); // longer than an idle front takes to be gone
    connection.socket.resume();
    expect((await connection.closed).split('\r\n\r\n')[1]).toHaveLength(body.length);
    await drained;
  });
  it('tells whoever works on an answer that there is no more time, and takes the answer along', async () => {
    let waiting: Reply | undefined;
    await start({ answer: (_, reply) => {
      waiting = reply;
      reply.onAbort((cause) => reply.send(500, [], `ended by ${cause}`));
    } });
    const connection = open(rig.port, GET);
    await until(() => waiting !== undefined);
    await rig.front.idle(1);
    rig.front.lose('shutdown');
    await rig.front.drain(5000);
    expect(await connection.closed).toContain('ended by shutdown');
  });
  it('refuses a request whose body is still to come when there is no more time', async () => {
    await start();
    const connection = open(rig.port, `POST / HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{`);
    await until(() => rig.front.report().requests === 1);
    rig.front.lose('shutdown');
    await rig.front.drain(5000);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['gateway_fault shutdown']);
    await connection.closed;
  });
  it('cuts what does not finish within the grace time', async () => {
    let gone = 0;
    let waiting = 0;
    await start({ answer: (_, reply) => {
      waiting += 1;
      reply.onAbort(() => { gone += 1; });
    } });
    const connection = open(rig.port, GET);
    await until(() => waiting === 1);
    await rig.front.drain(50);
    expect(await connection.closed).toBe('');
    expect(gone).toBe(1);
  });
});

describe('ports', () => {
  it('says which port is taken, and does not share it', async () => {
    await start();
    await expect(startRig({ front: { port: rig.port } })).rejects.toMatchObject({ name: 'FrontListenError', code: 'EADDRINUSE', address: `127.0.0.1:${rig.port}`, message: expect.stringContaining('front.port (or tls.port) in the config file') as string });
    await expect(startRig({ front: { port: rig.port }, exclusive: false })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
  it('says that an address is not this machine\'s', async () => {
    await start();
    await expect(startRig({ front: { host: '203.0.113.7' } })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });
  it('shares a port among threads that ask for it', async () => {
    await start({ exclusive: false });
    const second = await startRig({ front: { port: rig.port }, exclusive: false });
    for (let n = 0; n < 30; n += 1) expect(statusOf(await exchange(rig.port, GET))).toBe(200);
    expect(rig.seen.length + second.seen.length).toBe(30);
    await second.front.drain(0);
  });
  it('can be opened again on the port it just left', async () => {
    await start();
    await exchange(rig.port, GET);
    const { port } = rig;
    await rig.front.drain(0);
    await start({ front: { port } });
    expect(statusOf(await exchange(port, GET))).toBe(200);
  });
});
