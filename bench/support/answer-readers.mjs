// Clients by the thousand that call over one connection each, a WebSocket or a stream of HTTP+SSE; some of them stop reading. Each knows which answers came.
// A process of its own: `startReaders` asks it.
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { asked, serveAsked } from './asked-process.mjs';
import { INITIALIZE } from './echo-tool.mjs';

/** `open({ kind, port, count, stalled, callers })`, kind `websocket` or `http-sse`; `call({ from, to })`: each client calls with the ids from..to−1; `found({ to })`: once each that reads has all, what all have; `resume()`. */
export function startReaders(core) {
  const { ask, stop } = asked(import.meta.url, core);
  return { open: (what) => ask('open', what), call: (what) => ask('call', what), found: (what) => ask('found', what), resume: () => ask('resume'), stop };
}

const AT_ONCE = 32;
const STEP_MS = 100;
const PATIENCE_STEPS = 300; // without any progress
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const FIRST_ID = 100; // of a call; the handshake has a smaller one
const posting = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
const clients = [];
/** The first answer that was wrong. */
let why;

class Client {
  seen = new Set();
  /** Answers that came twice, or were none. */
  wrong = 0;
  closed = false;
  #rest = '';

  constructor(stalled) {
    this.stalled = stalled;
    this.greeted = new Promise((resolve) => { this.greet = resolve; });
  }

  /** Whole messages of a WebSocket, or parts of a stream. */
  take(part) {
    const text = this.#rest + part;
    let from = 0;
    for (const { 1: id, 2: outcome, index, 0: found } of text.matchAll(/"id":(\d+),"(result|error)"/g)) {
      from = index + found.length;
      if (Number(id) < FIRST_ID) this.greet();
      else if (outcome === 'result' && !this.seen.has(id)) this.seen.add(id);
      else {
        this.wrong += 1;
        why ??= text.slice(index, index + 400);
      }
    }
    this.#rest = text.slice(Math.max(from, text.length - 60));
  }
}

async function openSocket(port, caller, client) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mcp`, 'mcp', { headers: { 'X-SPIFFE-ID': caller } });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.on('message', (data) => client.take(String(data))).on('close', () => { client.closed = true; });
  client.send = (text) => void socket.send(text);
  client.readable = socket;
}

async function openStream(port, caller, client) {
  const headers = { host: '127.0.0.1', 'x-spiffe-id': caller };
  const response = await new Promise((resolve, reject) => request({ host: '127.0.0.1', port, path: '/sse', agent: false, headers }).once('response', resolve).once('error', reject).end());
  const named = new Promise((resolve) => response.setEncoding('latin1').on('data', (part) => {
    const endpoint = /^data: (\/\S+)/m.exec(part)?.[1];
    if (endpoint !== undefined) resolve(endpoint);
    client.take(part);
  }));
  response.on('error', () => undefined).on('close', () => { client.closed = true; });
  const path = await named;
  client.send = (text) => post(port, path, headers, text);
  client.readable = response;
}

function post(port, path, headers, text) {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method: 'POST', agent: posting, headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }, (response) => {
      response.resume().once('end', () => (response.statusCode === 202 ? resolve() : reject(new Error(`a POST was answered with ${response.statusCode}`))));
    }).once('error', reject).end(text);
  });
}

/** So many at a time of what `work` does with each. */
async function each(count, work) {
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => { while (next < count) await work(next++); }));
}

const isPaused = (readable) => (readable instanceof WebSocket ? readable.isPaused : readable.isPaused());

async function until(done) {
  const seen = () => clients.reduce((sum, { seen: { size }, wrong, closed }) => sum + size + wrong + (closed ? 1 : 0), 0);
  for (let steps = 0, before = -1; !done() && steps < PATIENCE_STEPS; steps++) {
    await sleep(STEP_MS);
    if (seen() !== before) steps = 0;
    before = seen();
  }
}

serveAsked(import.meta.url, {
  open: ({ kind, port, count, stalled, callers }) => each(count, async (n) => {
    const client = new Client(n < stalled);
    await (kind === 'websocket' ? openSocket : openStream)(port, callers[n % callers.length], client);
    await client.send(INITIALIZE);
    await client.greeted;
    await client.send(INITIALIZED);
    if (client.stalled) client.readable.pause();
    clients.push(client);
  }),
  async call({ from, to }) {
    for (let id = from; id < to; id++) {
      await each(clients.length, (n) => clients[n].send(`{"jsonrpc":"2.0","id":${FIRST_ID + id},"method":"tools/call","params":{"name":"echo","arguments":{"text":"call ${id}"}}}`));
      await until(() => clients.every((client) => client.closed || client.stalled || client.seen.size + client.wrong > id - from)); // no more of them at a time than a gateway takes
    }
  },
  async found({ to }) {
    const has = (client) => client.seen.size >= to;
    await until(() => clients.every((client) => client.closed || has(client) || (client.stalled && isPaused(client.readable))));
    const of = (some) => ({ readers: some.length, complete: some.filter((client) => has(client) && client.wrong === 0).length, wrong: some.reduce((sum, { wrong }) => sum + wrong, 0), closed: some.filter(({ closed }) => closed).length });
    return { why, reading: of(clients.filter(({ stalled }) => !stalled)), stalled: of(clients.filter(({ stalled }) => stalled)) };
  },
  resume: () => { for (const { readable } of clients) readable.resume(); },
});
