// Own connections against servers that speak raw bytes: reuse, strays, and that no call ever gets another one's answer.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createUpstreamClient, type UpstreamClientOptions } from '../../../../src/upstream/http-client.js';
import type { UpstreamCall, UpstreamClient, UpstreamFault, UpstreamRequest } from '../../../../src/upstream/types.js';
import { until } from '../../../support/until.js';

const closing: (() => unknown)[] = [];
afterEach(async () => { await Promise.all(closing.splice(0).map((close) => close())); });

interface RawServer {
  readonly url: string;
  readonly sockets: Socket[];
}

/** Calls `onRequest` for every whole request. */
async function rawServer(onRequest: (socket: Socket, body: string, at: number) => void, host = '127.0.0.1'): Promise<RawServer> {
  const sockets: Socket[] = [];
  let requests = 0;
  const server = createServer((socket) => {
    let held = Buffer.alloc(0);
    sockets.push(socket);
    socket.on('error', () => undefined).on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      for (;;) {
        const head = held.indexOf('\r\n\r\n') + 4;
        const length = Number(/content-length: (\d+)/.exec(held.toString('latin1', 0, head))?.[1] ?? 0);
        if (head < 4 || held.length < head + length) return;
        const body = held.toString('utf8', head, head + length);
        held = held.subarray(head + length);
        requests += 1;
        onRequest(socket, body, requests);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  closing.push(() => new Promise((resolve) => {
    server.close(resolve);
    for (const socket of sockets) socket.destroy();
  }));
  const { port } = server.address() as AddressInfo;
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/mcp`, sockets };
}

function clientOf(options: Partial<UpstreamClientOptions>): UpstreamClient {
  const client = createUpstreamClient({ connectTimeoutMs: 5000, connectionsMax: 4, ...options });
  closing.push(() => client.close());
  return client;
}

interface Got {
  readonly status: number;
  readonly body: string;
  readonly fault: UpstreamFault | undefined;
}

function ask(client: UpstreamClient, url: string, body: string, over: Partial<UpstreamRequest> = {}, onBytes?: () => void): Promise<Got> {
  return new Promise((resolve) => {
    let [status, text] = [0, ''];
    client.send({ url, httpMethod: 'POST', headers: {}, body: Buffer.from(body), answerTimeoutMs: 20_000, idleTimeoutMs: 20_000, ...over }, {
      onHead: (head) => { status = head; },
      onData: (chunk) => { text += Buffer.from(chunk).toString('utf8'); onBytes?.(); },
      onEnd: () => resolve({ status, body: text, fault: undefined }),
      onFault: (fault) => resolve({ status, body: text, fault }),
    });
  });
}

const whole = (body: string, lines = ''): string => `HTTP/1.1 200 OK\r\n${lines}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe.each<'native' | 'node'>(['native', 'node'])('an own connection (%s)', (plain) => {
  const makeClient = (options: Partial<UpstreamClientOptions> = {}): UpstreamClient => clientOf({ plain, ...options });

  it('serves one call after the other', async () => {
    const server = await rawServer((socket, body) => socket.write(whole(body)));
    const client = makeClient();
    for (let n = 0; n < 50; n++) expect((await ask(client, server.url, `call ${n}`)).body).toBe(`call ${n}`);
    expect(server.sockets).toHaveLength(1);
  });

  it('is not used again after Connection: close, HTTP/1.0, a body until close, or bytes behind the answer', async () => {
    const answers = [whole('1', 'Connection: close\r\n'), 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n2', whole('4', 'Keep-Alive: timeout=1\r\n'), `${whole('5')}${whole('evil')}`];
    const server = await rawServer((socket, _body, at) => socket.write(answers[at - 1] ?? whole('last')));
    const client = makeClient({ connectionsMax: 1 });
    for (const expected of ['1', '2', '4', '5', 'last']) expect((await ask(client, server.url, 'x')).body).toBe(expected);
    expect(server.sockets).toHaveLength(5);
  });

  it('reads a body until the server closes, and takes a reset for a fault', async () => {
    const server = await rawServer((socket, body) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\npart');
      if (body === 'end') socket.end('s');
    });
    const client = makeClient();
    expect(await ask(client, server.url, 'end')).toEqual({ status: 200, body: 'parts', fault: undefined });
    // Only once the bytes are there: libuv reports a reset that comes with bytes as an end, and nobody can tell then.
    const onBytes = (): void => void server.sockets.at(-1)?.resetAndDestroy();
    expect((await ask(client, server.url, 'reset', {}, onBytes)).fault).toMatchObject({ kind: 'transport', maybeSent: true });
  });

  it('is dropped when bytes come that nobody asked for', async () => {
    const server = await rawServer((socket, body) => {
      socket.write(whole(body));
    });
    const client = makeClient({ connectionsMax: 1 });
    await ask(client, server.url, 'one');
    const [first] = server.sockets;
    first?.write(whole('evil'));
    await expect.poll(() => first?.destroyed).toBe(true);
    expect((await ask(client, server.url, 'two')).body).toBe('two');
    expect(server.sockets).toHaveLength(2);
  });

  it('is dropped when its server closes it while it rests, and the next call gets another', async () => {
    const server = await rawServer((socket, body) => socket.write(whole(body)));
    const client = makeClient({ connectionsMax: 1 });
    await ask(client, server.url, 'one');
    const [first] = server.sockets;
    first?.end();
    await expect.poll(() => first?.destroyed).toBe(true);
    expect(await ask(client, server.url, 'two')).toEqual({ status: 200, body: 'two', fault: undefined });
  });

  it('that rested too long is not used again', async () => {
    let skippedMs = 0;
    const server = await rawServer((socket, body) => socket.write(whole(body)));
    const client = makeClient({ monotonicMs: () => performance.now() + skippedMs });
    for (const [skipMs, connections] of [[0, 1], [3000, 1], [4100, 2], [3900, 2], [100_000, 3]] as const) {
      skippedMs += skipMs;
      await ask(client, server.url, 'x');
      expect(server.sockets).toHaveLength(connections);
    }
  });

  it('that was closed under a call is a fault, and the call is not sent again', async () => {
    let seen = 0;
    const server = await rawServer((socket, body, at) => {
      seen = at;
      if (at === 1) socket.write(whole(body));
      else socket.destroy();
    });
    const client = makeClient();
    await ask(client, server.url, 'one');
    expect((await ask(client, server.url, 'two')).fault).toMatchObject({ kind: 'transport', maybeSent: true });
    expect(seen).toBe(2);
  });

  it('is not used again when its answer came before its request was all sent', async () => {
    const server = await rawServer((socket, body) => socket.write(whole(body)));
    const early = createServer((socket) => {
      socket.on('error', () => undefined).once('data', () => {
        socket.pause();
        socket.write(whole('too large'));
      });
      server.sockets.push(socket);
    });
    await new Promise<void>((resolve) => early.listen(0, '127.0.0.1', resolve));
    closing.push(() => early.close());
    const url = `http://127.0.0.1:${(early.address() as AddressInfo).port}/`;
    const client = makeClient({ connectionsMax: 1 });
    const large = 'x'.repeat(40_000_000);
    expect((await ask(client, url, large)).body).toBe('too large');
    expect((await ask(client, url, 'small')).body).toBe('too large');
    expect(server.sockets).toHaveLength(2);
  });

  it('brings large bodies whole both ways, many at once', async () => {
    const server = await rawServer((socket, body) => socket.write(whole(body)));
    const client = makeClient({ connectionsMax: 3 });
    const bodies = Array.from({ length: 12 }, (_, n) => String.fromCharCode(97 + n).repeat(n % 3 === 0 ? 2_000_000 : 20_000 * n));
    const answers = await Promise.all(bodies.map((body) => ask(client, server.url, body)));
    expect(answers.map((answer, n) => answer.body === bodies[n])).toEqual(bodies.map(() => true));
  });

  it('sends large bodies that stay whole, and each to its own call', async () => {
    const server = await rawServer((socket, body) => socket.write(whole(`${body.length} ${body.slice(0, 1)}${body.slice(-1)}`)));
    const client = makeClient({ connectionsMax: 2 });
    await ask(client, server.url, 'x'); // a connection stands: nothing waits
    const sizes = [300_000, 10, 6_000_000, 70_000, 300_000];
    const answers = await Promise.all(sizes.map((size, n) => ask(client, server.url, String(n).repeat(size), { bodyStays: true })));
    expect(answers.map(({ body }) => body)).toEqual(sizes.map((size, n) => `${size} ${n}${n}`));
  });

  it.each([true, false])('sends a body that waited for a connection from where it lies, if it stays (%s)', async (bodyStays) => {
    const server = await rawServer((socket, body) => socket.write(whole(`${body.length} ${body.slice(-1)}`)));
    const client = makeClient();
    const body = Buffer.alloc(2_000_000, 'a');
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      client.send({ url: server.url, httpMethod: 'POST', headers: {}, body, bodyStays, answerTimeoutMs: 9000, idleTimeoutMs: 9000 }, {
        onHead: () => undefined, onData: (chunk) => { text += Buffer.from(chunk).toString(); }, onEnd: () => resolve(text), onFault: ({ message }) => reject(new Error(message)),
      });
      body[body.length - 1] = 'b'.charCodeAt(0);
    });
    expect(answer).toBe(`${body.length} ${bodyStays ? 'b' : 'a'}`);
  });

  it('that breaks under a large body fails its call, once the call has been begun', async () => {
    const server = await rawServer((socket, body) => socket.write(whole(body)));
    const client = makeClient({ connectionsMax: 1 });
    await ask(client, server.url, 'one');
    server.sockets[0]?.resetAndDestroy();
    let returned = false;
    let toldBefore = false;
    const fault = await new Promise<UpstreamFault | undefined>((resolve) => {
      // The reset is with the kernel, and may not be with this process yet.
      const until = Date.now() + 50;
      while (Date.now() < until);
      client.send({ url: server.url, httpMethod: 'POST', headers: {}, body: Buffer.alloc(2_000_000), bodyStays: true, answerTimeoutMs: 9000, idleTimeoutMs: 9000 }, {
        onHead: () => undefined, onData: () => undefined, onEnd: () => resolve(undefined),
        onFault: (cause) => {
          toldBefore = !returned;
          resolve(cause);
        },
      });
      returned = true;
    });
    expect(toldBefore).toBe(false);
    expect(fault?.kind).toBe('transport');
  });

  it.each(['localhost', '::1'])('reaches %s', async (host) => {
    const server = await rawServer((socket, body) => socket.write(whole(body)), host === 'localhost' ? '127.0.0.1' : host);
    const client = makeClient();
    for (let n = 0; n < 2; n++) expect((await ask(client, server.url.replace('127.0.0.1', host), 'hi')).body).toBe('hi');
    expect(server.sockets).toHaveLength(1);
  });

  it('that cannot be made in time is a fault with nothing sent', async () => {
    let skippedMs = 0;
    const client = makeClient({ connectTimeoutMs: 60_000, monotonicMs: () => performance.now() + skippedMs });
    const got = ask(client, 'http://192.0.2.1:9/', 'x', { answerTimeoutMs: 600_000 }); // RFC 5737: an address that nobody has
    skippedMs = 61_000;
    expect((await got).fault).toMatchObject({ kind: 'transport', maybeSent: false });
  });

  it('survives a sink that throws', async () => {
    const server = await rawServer((socket, body) => socket.write(whole(body)));
    const client = makeClient({ connectionsMax: 1 });
    const fault = await new Promise<UpstreamFault>((resolve) => {
      client.send({ url: server.url, httpMethod: 'POST', headers: {}, body: undefined, answerTimeoutMs: 9000, idleTimeoutMs: 9000 }, {
        onHead: () => { throw new Error('no'); }, onData: () => undefined, onEnd: () => undefined, onFault: resolve,
      });
    });
    expect(fault).toMatchObject({ kind: 'transport', maybeSent: true });
    expect((await ask(client, server.url, 'next')).body).toBe('next');
  });

  it('lets the next call wait for its turn, first come first served', async () => {
    const order: string[] = [];
    const server = await rawServer((socket, body) => {
      order.push(body);
      setImmediate(() => socket.write(whole(body)));
    });
    const client = makeClient({ connectionsMax: 1 });
    const names = Array.from({ length: 20 }, (_, n) => `call ${n}`);
    const answers = await Promise.all(names.map((name) => ask(client, server.url, name)));
    expect(answers.map((answer) => answer.body)).toEqual(names);
    expect(order).toEqual(names);
  });
});

/** A small generator of chance that can be repeated. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe.each<'native' | 'node'>(['native', 'node'])('calls that share a connection (%s)', (plain) => {
  it('that broke hear of it after their send has returned, and the other connections serve on', async () => {
    const answers: (() => void)[] = [];
    const server = await rawServer((socket, body) => void answers.push(() => socket.write(whole(body))));
    const client = clientOf({ plain, pipelining: 2, connectionsMax: 2 });
    const first = [ask(client, server.url, 'one'), ask(client, server.url, 'two')];
    await until(() => answers.length === 2 && server.sockets.length === 2);
    for (const answer of answers.splice(0)) answer();
    expect((await Promise.all(first)).map(({ body }) => body)).toEqual(['one', 'two']);
    // Both went out on the connection that stood first: it is the one used next, too.
    server.sockets.find(({ bytesRead }) => bytesRead > 0)?.resetAndDestroy();
    let returned = false;
    const small = ask(client, server.url, 'small');
    const large = new Promise<boolean>((resolve) => {
      client.send({ url: server.url, httpMethod: 'POST', headers: {}, body: Buffer.alloc(300 * 1024), answerTimeoutMs: 20_000, idleTimeoutMs: 20_000 }, { onHead: () => undefined, onData: () => undefined, onEnd: () => undefined, onFault: () => resolve(returned) });
      returned = true;
    });
    expect([(await small).fault?.kind, await large]).toEqual(['transport', true]);
    const next = ask(client, server.url, 'next');
    await until(() => answers.length > 0);
    answers.splice(0).at(-1)?.();
    expect([(await next).body, server.sockets.length]).toEqual(['next', 2]);
  });

  it('get nothing that their callers do not take, though one behind them is given up', async () => {
    const asked: Socket[] = [];
    const server = await rawServer((socket) => void asked.push(socket));
    const client = clientOf({ plain, pipelining: 2, connectionsMax: 1 });
    let text = '';
    const send = (): UpstreamCall => client.send({ url: server.url, httpMethod: 'POST', headers: {}, body: Buffer.from('call'), answerTimeoutMs: 20_000, idleTimeoutMs: 20_000 }, { onHead: () => undefined, onData: (chunk) => { text += Buffer.from(chunk).toString(); }, onEnd: () => undefined, onFault: () => undefined });
    const [slow, behind] = [send(), send()];
    await until(() => asked.length === 2);
    asked[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst');
    await until(() => text === 'first');
    slow.pause();
    behind.abort();
    asked[0]?.write('later');
    await sleep(100);
    expect(text).toBe('first');
    slow.resume();
    await until(() => text === 'firstlater');
  });
});

describe.each([['native', 1], ['native', 8], ['node', 1], ['node', 8]] as const)('no call gets another one\'s answer (%s, %d on a connection)', (plain, pipelining) => {
  it.each([1, 2, 3])('under aborts, time-outs, cuts, strays and closes (%d)', async (seed) => {
    const next = chance(seed);
    const turns = new Map<Socket, Promise<void>>(); // a server answers in the order of the requests (RFC 9112 section 9.3.2)
    const answerTo = (socket: Socket, body: string): Promise<void> | undefined => {
      const kind = next();
      const text = `answer to ${body}`;
      const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
      const answer = kind < 0.5 ? whole(text) : chunked;
      const later = next() * 8;
      if (kind > 0.97) return new Promise(() => undefined); // never
      if (kind > 0.94) return void socket.destroy();
      // With more than one call on a connection nobody can tell whose answer a stray one is: the ids of the messages tell.
      if (kind > 0.91 && pipelining === 1) return void socket.write(`${answer}${whole('evil')}`);
      if (kind > 0.88) return void socket.end(answer.slice(0, answer.length * next()));
      if (kind > 0.85) return void socket.end(whole(text, 'Connection: close\r\n'));
      if (kind > 0.82) return sleep(later).then(() => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n'));
      const cut = Math.floor(answer.length * next());
      socket.write(answer.slice(0, cut));
      return sleep(later).then(() => void socket.write(answer.slice(cut)));
    };
    const server = await rawServer((socket, body) => {
      turns.set(socket, (turns.get(socket) ?? Promise.resolve()).then(() => answerTo(socket, body)));
    });
    const client = clientOf({ connectionsMax: 8, plain, pipelining });
    const ends: string[] = [];
    const wrong: string[] = [];
    const one = (n: number): Promise<void> => new Promise((resolve) => {
      let text = '';
      let over = false;
      const finish = (how: string): void => {
        if (over) wrong.push(`call ${n} ended twice`);
        over = true;
        ends.push(how);
        resolve();
      };
      const call = client.send({ url: server.url, httpMethod: 'POST', headers: {}, body: Buffer.from(`call ${n}`), answerTimeoutMs: 300, idleTimeoutMs: 300 }, {
        onHead: () => { if (over) wrong.push(`call ${n}: head after its end`); },
        onData: (chunk) => { text += Buffer.from(chunk).toString(); if (over) wrong.push(`call ${n}: data after its end`); },
        onEnd: () => { if (text !== `answer to call ${n}`) wrong.push(`call ${n}: ${text}`); finish('end'); },
        onFault: () => { if (!`answer to call ${n}`.startsWith(text)) wrong.push(`call ${n}: ${text}`); finish('fault'); },
      });
      if (next() < 0.15) setTimeout(() => { if (!over) { call.abort(); finish('abort'); } }, next() * 6);
      if (next() < 0.1) { call.pause(); setTimeout(() => call.resume(), next() * 5); }
    });
    const count = 600;
    let begun = 0;
    await Promise.all(Array.from({ length: 24 }, async () => {
      while (begun < count) {
        begun += 1;
        await one(begun);
        if (next() < 0.05) await sleep(1);
      }
    }));
    expect(wrong).toEqual([]);
    expect(ends).toHaveLength(count);
    for (const how of ['end', 'fault', 'abort']) expect(ends).toContain(how);
  });
});
