// Clients by the thousand, each with an MCP session and its GET stream, or a WebSocket; some of them stop reading. Each knows which numbers came, and in which order.
// A process of its own: `startReaders` asks it.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { asked, serveAsked } from './asked-process.mjs';
import { INITIALIZE, SESSION_VERSION } from './echo-tool.mjs';

/** `open({ kind, port, count, stalled, callers })`, kind `sse` or `websocket`; `found(n)`: once each that reads has the numbers up to n, what all have; `resume()`: the others read on. */
export function startReaders(core) {
  const { ask, stop } = asked(import.meta.url, core);
  return { open: (what) => ask('open', what), found: (n) => ask('found', n), resume: () => ask('resume'), stop };
}

const AT_ONCE = 32;
const STEP_MS = 100;
const PATIENCE_STEPS = 300; // without any progress
const readers = [];

class Reader {
  next = 0;
  /** Numbers that did not come in their turn. */
  wrong = 0;
  closed = false;
  #rest = '';

  constructor(socket, stalled) {
    this.socket = socket; // of node:net or ws: both pause and resume
    this.stalled = stalled;
    socket.on('close', () => { this.closed = true; }).on('error', () => undefined);
  }

  take(part) {
    const text = this.#rest + part;
    let from = 0;
    for (const { 1: n, index, 0: found } of text.matchAll(/"data":\{"n":(\d+)/g)) {
      if (Number(n) === this.next) this.next += 1;
      else this.wrong += 1;
      from = index + found.length;
    }
    this.#rest = text.slice(Math.max(from, text.length - 40));
  }
}

/** One request on a connection of its own; resolves to the head, when it is there. */
function send(port, lines, body = '') {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    socket.once('error', reject);
    let text = '';
    const onData = (part) => {
      text += part.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      socket.off('error', reject);
      resolve({ socket, head: text.slice(0, text.indexOf('\r\n\r\n')), text });
    };
    socket.on('data', onData);
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  });
}

async function openOne(port, headers, stalled) {
  const own = ['Host: 127.0.0.1', ...headers, `MCP-Protocol-Version: ${SESSION_VERSION}`];
  const opened = await send(port, ['POST /mcp HTTP/1.1', ...own, 'Content-Type: application/json', 'Accept: application/json, text/event-stream', `Content-Length: ${INITIALIZE.length}`], INITIALIZE);
  opened.socket.destroy();
  const id = /mcp-session-id: (\S+)/i.exec(opened.head)?.[1];
  if (id === undefined) throw new Error(`no session was opened: ${opened.text}`);
  const { socket, head, text } = await send(port, ['GET /mcp HTTP/1.1', ...own, 'Accept: text/event-stream', `Mcp-Session-Id: ${id}`]);
  if (!head.startsWith('HTTP/1.1 200')) throw new Error(`no stream was opened: ${text}`);
  const reader = add(socket, stalled);
  socket.setEncoding('latin1').on('data', (part) => reader.take(part));
}

function add(socket, stalled) {
  const reader = new Reader(socket, stalled);
  readers.push(reader);
  if (stalled) socket.pause();
  return reader;
}

/** The session's stream begins with the first message after its handshake. */
async function openSocket(port, caller, stalled) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mcp`, 'mcp', { headers: { 'X-SPIFFE-ID': caller } });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const answered = new Promise((resolve, reject) => socket.once('message', resolve).once('close', (code) => reject(new Error(`no session was opened: closed with ${code}`))));
  socket.send(INITIALIZE);
  const answer = String(await answered);
  if (!answer.includes('"result"')) throw new Error(`no session was opened: ${answer}`);
  socket.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  const reader = add(socket, stalled);
  socket.on('message', (data) => reader.take(String(data)));
}

const paused = (socket) => (socket instanceof WebSocket ? socket.isPaused : socket.isPaused());

/** Waits until `done`, as long as anything still comes. */
async function until(done) {
  const seen = () => readers.reduce((sum, { next, wrong, closed }) => sum + next + wrong + (closed ? 1 : 0), 0);
  for (let steps = 0, before = -1; !done() && steps < PATIENCE_STEPS; steps++) {
    await sleep(STEP_MS);
    if (seen() !== before) steps = 0;
    before = seen();
  }
}

serveAsked(import.meta.url, {
  async open({ kind, port, count, stalled, callers }) {
    let next = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (next < count) {
        const own = next++;
        const caller = callers[own % callers.length];
        if (kind === 'websocket') await openSocket(port, caller, own < stalled);
        else await openOne(port, [`X-SPIFFE-ID: ${caller}`], own < stalled);
      }
    }));
  },
  async found(n) {
    await until(() => readers.every((reader) => reader.closed || reader.next >= n || (reader.stalled && paused(reader.socket))));
    const of = (some) => ({ readers: some.length, complete: some.filter(({ next, wrong }) => next === n && wrong === 0).length, wrong: some.reduce((sum, { wrong }) => sum + wrong, 0), closed: some.filter(({ closed }) => closed).length });
    return { reading: of(readers.filter(({ stalled }) => !stalled)), stalled: of(readers.filter(({ stalled }) => stalled)) };
  },
  resume: () => { for (const { socket } of readers) socket.resume(); },
});
