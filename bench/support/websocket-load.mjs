// Sockets that speak WebSocket to the gateway by hand, for the benches: opened by the thousand, or sending exactly so many calls, as the counted load does over HTTP.
import { connect } from 'node:net';
import { asked, serveAsked } from './asked-process.mjs';

const HEAD_END = '\r\n\r\n';
const TEXT = 0x81;
const MASKED = 0x80;
/** A mask of zeros is one: what it is exclusive-ored with stays as it is. */
const MASK = Buffer.alloc(4);

/** A client's text frame. */
export function textFrame(text) {
  const body = Buffer.from(text);
  const { length } = body;
  const head = length < 126 ? Buffer.from([TEXT, MASKED | length]) : Buffer.from([TEXT, MASKED | 126, length >> 8, length & 0xff]);
  if (length > 0xffff) throw new RangeError('the load sends no frame of this size');
  return Buffer.concat([head, MASK, body]);
}

/** Resolves to the socket once it is one; `onText` is called with each message of the server. */
export function openWebSocket({ port, caller, onText, localAddress = '127.0.0.1' }) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    let rest = Buffer.alloc(0);
    let isOpen = false;
    const open = () => {
      const end = rest.indexOf(HEAD_END);
      if (end === -1) return;
      const head = rest.toString('latin1', 0, end);
      rest = rest.subarray(end + HEAD_END.length);
      if (!head.startsWith('HTTP/1.1 101')) {
        socket.destroy();
        reject(new Error(head.split('\r\n', 1)[0]));
        return;
      }
      isOpen = true;
      resolve(socket);
    };
    socket.setNoDelay(true).on('error', reject).on('close', () => reject(new Error('the gateway cut a connection')));
    socket.on('data', (part) => {
      rest = rest.length === 0 ? part : Buffer.concat([rest, part]);
      if (!isOpen) open();
      while (isOpen && rest.length >= 2) {
        const short = rest[1] & 0x7f;
        const from = short === 126 ? 4 : short === 127 ? 10 : 2;
        if (rest.length < from) return;
        const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
        if (rest.length < from + length) return;
        const frame = rest.subarray(from, from + length);
        const isText = rest[0] === TEXT;
        rest = rest.subarray(from + length);
        if (isText) onText(frame, socket);
      }
    });
    socket.write(`GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX-SPIFFE-ID: ${caller}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mcp${HEAD_END}`);
  });
}

/** `depth` calls are under way on each connection. Resolves to the latencies in ms, sorted, and the beginning of one answer that is an error. */
export async function countedSocketLoad({ port, caller, body, connections = 1, depth = 1, calls }) {
  const frame = textFrame(body);
  const found = { latenciesMs: [], wrong: {} };
  let left = calls;
  let open = calls;
  let done;
  let fail;
  const all = new Promise((resolve, reject) => { [done, fail] = [resolve, reject]; });
  const sockets = await Promise.all(Array.from({ length: connections }, async () => {
    const sentMs = []; // answers come in any order: which of those under way it was is nobody's concern here
    const next = (socket) => {
      if (left <= 0) return;
      left -= 1;
      sentMs.push(performance.now());
      socket.write(frame);
    };
    const socket = await openWebSocket({ port, caller, onText: (text, own) => {
      found.latenciesMs.push(performance.now() - sentMs.shift());
      if (!text.includes('"result"')) found.wrong.error = text.toString('utf8', 0, 600);
      open -= 1;
      if (open === 0) done();
      else next(own);
    } });
    socket.once('close', () => fail(new Error(`the gateway cut a connection; ${JSON.stringify(found.wrong)}`)));
    return { socket, start: () => { for (let i = 0; i < depth; i++) next(socket); } };
  }));
  for (const { start } of sockets) start();
  await all;
  for (const { socket } of sockets) socket.destroy();
  found.latenciesMs.sort((a, b) => a - b);
  return found;
}

/** The load as a process of its own, on one core if that is given. */
export function startSocketLoad(core) {
  const { ask, stop } = asked(import.meta.url, core);
  return { send: (options) => ask('countedSocketLoad', options), stop };
}

serveAsked(import.meta.url, { countedSocketLoad });
