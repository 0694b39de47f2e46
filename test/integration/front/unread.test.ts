// Clients that ask and do not read: what waits for them has a bound, for one connection and for all together.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../support/until.js';
import { ask } from './carrier-rig.js';
import { HOST, open, startRig, type Connection, type Rig, type RigConfig } from './wire.js';
import { connect } from './websocket-rig.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const HEALTH = `GET /health HTTP/1.1\r\n${HOST}\r\n`;
/** More than the kernel takes for one connection. */
const LARGE = Buffer.alloc(12 * MIB, 'x');
const EVENTS = [['content-type', 'text/event-stream']] as const;

let rig: Rig;
const clients: Connection[] = [];
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await rig.front.drain(0);
});
const start = async (config: RigConfig = {}) => {
  rig = await startRig(config);
};
/** Reads nothing, until it is told to. */
function unreading(sent: string, from?: string): Connection {
  const client = open(rig.port, sent, from);
  client.socket.pause();
  clients.push(client);
  return client;
}

describe('one that asks on and on', () => {
  it.each(['answers', 'probes'])('is not answered further than the kernel holds %s for it', async (what) => {
    const text = 'x'.repeat(16 * KIB);
    let answered = 0;
    await start({
      answer: (_, reply) => { answered += 1; reply.send(200, [], text); },
      probes: { health: () => { answered += 1; return { status: 200, json: { text } }; }, ready: () => ({ status: 200, json: {} }) },
    });
    const { socket } = unreading('');
    const request = what === 'answers' ? GET : HEALTH;
    for (let n = 0; n < 400 && !socket.closed; n++) {
      socket.write(request.repeat(100));
      await sleep(5);
    }
    expect(answered * text.length).toBeLessThan(24 * MIB);
    expect(answered).toBeGreaterThan(0);
  });

  it.each(['HEAD /health', 'HEAD /', 'HEAD /none', 'OPTIONS /', 'OPTIONS /health'])('is answered a hundred times a minute where nothing has a body, and then once a connection: %s', async (what) => {
    await start({ nowUs: () => 1_000_000_000 });
    const asking = (times: number): Connection => {
      const client = open(rig.port, `${what} HTTP/1.1\r\n${HOST}\r\n`.repeat(times));
      clients.push(client);
      return client;
    };
    const many = asking(100);
    await until(() => many.text().split('HTTP/1.1 ').length - 1 === 100);
    expect(many.text()).not.toMatch(/connection: close/i);
    const one = asking(1);
    await one.closed;
    expect(one.text()).toMatch(/^HTTP\/1\.1 [^]*connection: close/i);
    const others = asking(50);
    await others.closed;
    expect(others.text().split('HTTP/1.1 ').length).toBeLessThanOrEqual(2);
  });

  it('and reads has every answer, in order', async () => {
    let count = 0;
    await start({ answer: (_, reply) => reply.send(200, [], `<${++count}>${'x'.repeat(32 * KIB)}`) });
    const client = open(rig.port, '');
    clients.push(client);
    for (let n = 1; n <= 50; n++) {
      client.socket.write(GET);
      await client.until(`<${n}>`);
    }
    expect(client.text().match(/<\d+>/g)).toEqual(Array.from({ length: 50 }, (_, n) => `<${n + 1}>`));
  });
});

describe('what waits for all clients together', () => {
  const BOUND = 24 * MIB;

  it('is bounded: of the address that holds most, the one that waited longest is cut', async () => {
    await start({ front: { unread_bytes_max: BOUND }, answer: (_, reply) => reply.send(200, [], LARGE) });
    const other = unreading(GET, '127.0.0.2');
    await until(() => rig.front.report().unreadBytes === LARGE.length);
    const first = unreading(GET);
    await until(() => rig.front.report().unreadBytes === 2 * LARGE.length);
    const second = unreading(GET);
    await until(() => rig.front.report().unreadCut === 1);
    const third = unreading(GET);
    await until(() => rig.front.report().unreadCut === 2);
    expect(rig.front.report().unreadBytes).toBeLessThanOrEqual(BOUND);
    for (const { socket } of [first, second, third, other]) socket.resume();
    await Promise.all([first.closed, second.closed]);
    for (const kept of [third, other]) await until(() => kept.text().length > LARGE.length);
    for (const cut of [first, second]) expect(cut.text().length).toBeLessThan(LARGE.length);
    await until(() => rig.front.report().unreadBytes === 0);
    expect(rig.front.report()).toMatchObject({ requests: 0, unreadCut: 2 });
    expect(rig.faults).toEqual([]);
  });

  it('counts the events of streams, whose requests are told', async () => {
    const lost: string[] = [];
    await start({ front: { unread_bytes_max: BOUND }, answer: ({ evidence }, reply) => {
      reply.onAbort(() => lost.push(evidence.ip));
      reply.begin(200, EVENTS);
      reply.write(LARGE);
    } });
    unreading(GET, '127.0.0.2');
    for (let n = 0; n < 3; n++) unreading(GET);
    await until(() => lost.length === 2);
    expect(lost).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(rig.front.report()).toMatchObject({ requests: 2, unreadBytes: 2 * LARGE.length, unreadCut: 2 });
  });

  it('counts WebSockets, which are told why', async () => {
    const message = `{"jsonrpc":"2.0","id":1,"result":{"text":"${'x'.repeat(LARGE.length)}"}}`;
    await start({ front: { unread_bytes_max: BOUND }, websocket: { buffered_bytes_max: 64 * MIB }, answer: (_, reply) => reply.send(200, [], message) });
    for (let n = 0; n < 5; n++) {
      const { socket, send } = await connect(rig);
      socket.pause();
      send(ask(n));
    }
    await until(() => rig.front.report().unreadCut > 1);
    await until(() => rig.front.report().webSockets === 5 - rig.front.report().unreadCut);
    expect(rig.front.report().unreadBytes).toBeLessThanOrEqual(BOUND);
  });
});
